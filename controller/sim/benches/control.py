"""The controller beside Optuna's storage, on the same database engines, in one interleaved run.

usage: control.py SWEEP_SIM [--rounds N] [--seconds S] [--whole]

Prints the table of `sweep-sim control` for SQLite and, where `initdb` is found, for a Postgres of its own, then the
ratios to Optuna's rates (8 processes), when Python has Optuna. Every commit is durable on both sides. `--whole` runs
the table over 1, 16, 256 and 2,000 agents; otherwise only the cells that are compared.
"""

import argparse
import contextlib
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import postgres

PROCESSES = 8
AGENTS = 16


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sim")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        engines = {"sqlite": Sqlite(stack)}
        programs = postgres.programs()
        if programs:
            engines["postgres"] = PostgresEngine(stack, programs)
        else:
            print("Postgres is left out: there is no initdb here (Debian: apt-get install postgresql)")
        for name, engine in engines.items():
            if options.whole:
                print(run_sim(options, engine.fresh_for_sweep()), flush=True)
            compare(name, engine, options)


def run_sim(options, database, *more):
    command = [options.sim, "control", "--seconds", str(options.seconds), *database, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(name, engine, options):
    optuna = importlib.util.find_spec("optuna") is not None
    if not optuna:
        print(f"{name}: Optuna is left out: this Python has none (pip install optuna psycopg2-binary)")
    ours, theirs = [], []
    for _ in range(options.rounds):
        cell = ("--json", "--agents", str(AGENTS), "--kind", "trials", "--kind", "points")
        trials, points = map(json.loads, run_sim(options, engine.fresh_for_sweep(), *cell).splitlines())
        ours.append((trials["trials_per_s"], points["points_per_s"], trials["load1"]))
        if optuna:
            script = pathlib.Path(__file__).with_name("optuna_storage.py")
            command = [sys.executable, script, engine.fresh_for_optuna(), str(PROCESSES), str(options.seconds)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            theirs.append(json.loads(answer.stdout))
    middle = statistics.median
    rates = [middle(rate) for rate in list(zip(*ours))[:2]]
    print(
        f"{name}, {AGENTS} agents, medians of {options.rounds} rounds: {rates[0]:.0f} trials/s, {rates[1]:.0f} points/s "
        f"(load {min(one[2] for one in ours):.1f} to {max(one[2] for one in ours):.1f})"
    )
    if theirs:
        trials = middle(one["trials_per_s"] for one in theirs)
        reports = middle(one["reports_per_s"] for one in theirs)
        print(
            f"{name}, Optuna with {PROCESSES} processes: {trials:.1f} trials/s, {reports:.1f} reports/s; ratios: "
            f"trials {rates[0] / trials:.0f} (bar 50), points {rates[1] / reports:.0f} (bar 100)",
            flush=True,
        )


class Sqlite:
    def __init__(self, stack):
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.count = 0

    def fresh_for_sweep(self):
        return ()

    def fresh_for_optuna(self):
        self.count += 1
        return f"sqlite:///{self.folder}/optuna-{self.count}.db"


class PostgresEngine:
    def __init__(self, stack, programs):
        self.server = postgres.Postgres(stack, programs)

    def fresh_for_sweep(self):
        return "--postgres", self.server.url()

    def fresh_for_optuna(self):
        return f"postgresql+psycopg2://sweep@/{self.server.fresh()}?host={self.server.folder}"


if __name__ == "__main__":
    main()
