"""A trial that knows nothing of sweeps: argparse and print. The sweep file says which lines are points."""

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--momentum", type=float, default=0.0)
args = parser.parse_args()

# Gradient descent on (x - 3)^2, which diverges where the rate is too large.
x, velocity = 0.0, 0.0
for step in range(1, args.steps + 1):
    velocity = args.momentum * velocity - args.lr * 2.0 * (x - 3.0)
    x += velocity
    print(f"step {step}: loss {(x - 3.0) ** 2:.6g}", flush=True)
