"""The same with sweep.py, which lies beside it: parameters, points and an early stop without argparse."""

import sweep

config = sweep.config({"lr": 0.1, "steps": 20, "momentum": 0.0})
x, velocity = 0.0, 0.0
for step in range(1, config["steps"] + 1):
    velocity = config["momentum"] * velocity - config["lr"] * 2.0 * (x - 3.0)
    x += velocity
    sweep.log({"loss": (x - 3.0) ** 2}, step=step)
    if sweep.should_stop():
        break
