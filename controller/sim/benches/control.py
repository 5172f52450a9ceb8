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
# Agents that claim and finish, and those that report.
FLEETS = (16, 64, 256)
REPORTERS = 16


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
        fleets = [argument for agents in FLEETS for argument in ("--agents", str(agents))]
        told = run_sim(options, engine.fresh_for_sweep(), "--json", *fleets, "--kind", "trials")
        told += run_sim(options, engine.fresh_for_sweep(), "--json", "--agents", str(REPORTERS), "--kind", "points")
        cells = [json.loads(line) for line in told.splitlines()]
        ours.append([cell["points_per_s" if cell["kind"] == "points" else "trials_per_s"] for cell in cells])
        loads = [cell["load1"] for cell in cells]
        if optuna:
            script = pathlib.Path(__file__).with_name("optuna_storage.py")
            command = [sys.executable, script, engine.fresh_for_optuna(), str(PROCESSES), str(options.seconds)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            theirs.append(json.loads(answer.stdout))
    *trials, points = map(statistics.median, zip(*ours))
    print(f"{name}, medians of {options.rounds} rounds (load {min(loads):.1f} to {max(loads):.1f} in the last):")
    for agents, rate in zip(FLEETS, trials):
        print(f"  {agents} agents: {rate:.0f} trials/s{ratio(rate, theirs, 'trials_per_s', 50)}")
    print(f"  {REPORTERS} agents: {points:.0f} points/s{ratio(points, theirs, 'reports_per_s', 100)}", flush=True)


def ratio(rate, theirs, key, bar):
    if not theirs:
        return ""
    other = statistics.median(one[key] for one in theirs)
    return f", {rate / other:.0f} times the {other:.1f} of Optuna with {PROCESSES} processes (bar {bar})"


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
