"""Sets `sweep-train bench step` beside PyTorch: `./dev bench train`.

    train.py SWEEP_TRAIN [--models resnet18,resnet50] [--sizes 64,96,128,224] [--batch 32] [--threads 2]
             [--rounds 5] [--steps 5] [--json FILE]

In every round each cell (model, size) is measured by all three, one after the other in an order that changes from round to
round, so that what else the machine does falls on all alike. A ratio is ours by theirs within a round; a cell's is
the median over rounds; the geometric mean over cells has a 95 % interval from resampling the rounds.
"""

import argparse
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
THEIRS = ["amp", "eager"]
TITLES = {
    "amp": "PyTorch channels-last bf16",
    "eager": "PyTorch as people write it",
}
BARS = {"amp": 0.97, "eager": 1.5}


class Python:
    """A process that times steps as it is told, and waits in between."""

    def __init__(self, kind, env):
        command = [sys.executable, str(HERE / "step.py"), kind]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def measure(self, model, size, batch, steps):
        print(model, size, batch, steps, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit("error: a Python process ended; its message is above")
        return json.loads(line)


def ours(program, env, threads):
    def measure(model, size, batch, steps):
        command = [
            program, "bench", "step", "-o", "json", "--precision", "auto", f"--resnet_type={model}",
            f"--image_size={size}", f"--batch_size={batch}", f"--repeats={steps}", f"--threads={threads}",
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env, check=True)
        return json.loads(done.stdout)

    return measure


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def summary(rounds, cells, other, what):
    """The geometric mean over cells of median ratios, and its interval over resampled rounds."""

    def mean(chosen):
        ratio = lambda cell: statistics.median(r[cell]["ours"][what] / r[cell][other][what] for r in chosen)
        return geometric_mean(ratio(cell) for cell in cells)

    rng = random.Random(7)
    draws = sorted(mean(rng.choices(rounds, k=len(rounds))) for _ in range(2000))
    return mean(rounds), draws[50], draws[1949]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--models", default="resnet18,resnet50")
    parser.add_argument("--sizes", default="64,96,128,224")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), OMP_WAIT_POLICY="passive")
    cells = [(model, int(size)) for model in args.models.split(",") for size in args.sizes.split(",")]
    sides = {kind: Python(kind, env).measure for kind in THEIRS}
    sides["ours"] = ours(args.program, env, args.threads)
    print(f"load before: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    rounds = []
    for at in range(args.rounds):
        measured = {}
        for model, size in cells:
            order = random.Random(f"{at} {model} {size}").sample(sorted(sides), len(sides))
            measured[model, size] = {side: sides[side](model, size, args.batch, args.steps) for side in order}
            steps = "  ".join(f"{side} {measured[model, size][side]['step']:.1f}" for side in ["ours", *THEIRS])
            print(f"round {at + 1}/{args.rounds}  {model} {size} px: {steps}", file=sys.stderr, flush=True)
        rounds.append(measured)
    report(rounds, cells, args)


def report(rounds, cells, args):
    out = []
    for what, title in [("step", "training step"), ("forward", "forward pass")]:
        out.append(f"\n{title}, images/s, batch {args.batch}, {args.threads} threads, medians of {len(rounds)} rounds\n")
        out.append("| model | px | ours | PyTorch bf16 CL | PyTorch eager | by bf16 CL | by eager |")
        out.append("|---|---|---|---|---|---|---|")
        for model, size in cells:
            cell = [r[model, size] for r in rounds]
            speed = {side: statistics.median(c[side][what] for c in cell) for side in ["ours", *THEIRS]}
            ratio = {k: statistics.median(c["ours"][what] / c[k][what] for c in cell) for k in THEIRS}
            out.append(
                f"| {model} | {size} | {speed['ours']:.1f} | {speed['amp']:.1f} | {speed['eager']:.1f} "
                f"| {ratio['amp']:.2f} | {ratio['eager']:.2f} |"
            )
        out.append("")
        for kind in THEIRS:
            mean, low, high = summary(rounds, cells, kind, what)
            bar = f"; the bar is {BARS[kind]}" if what == "step" else ""
            out.append(f"ours by {TITLES[kind]}: {mean:.3f} (95 % interval {low:.3f} to {high:.3f}{bar})")
    print("\n".join(out))
    if args.json:
        flat = [{f"{m} {s}": r[m, s] for m, s in cells} for r in rounds]
        args.json.write_text(json.dumps(flat) + "\n")


if __name__ == "__main__":
    main()
