"""A trial that goes on where it was cut short, on this box or another: reporting.py with a checkpoint every five steps."""

import json
import os

import sweep

config = sweep.config({"lr": 0.1, "steps": 20, "momentum": 0.0})
state = {"step": 0, "x": 0.0, "velocity": 0.0}
if sweep.resume():
    with open(sweep.resume(), encoding="utf-8") as file:
        state = json.load(file)
for step in range(state["step"] + 1, config["steps"] + 1):
    velocity = config["momentum"] * state["velocity"] - config["lr"] * 2.0 * (state["x"] - 3.0)
    state = {"step": step, "x": state["x"] + velocity, "velocity": velocity}
    sweep.log({"loss": (state["x"] - 3.0) ** 2}, step=step)
    stop = sweep.should_stop()
    if stop or step % 5 == 0:
        path = os.path.join(os.environ.get("SWEEP_CHECKPOINT_DIR", "."), f"resume-{step}.json")
        sweep.write(path, json.dumps(state).encode())
        sweep.checkpoint(path, step, resume=True)
    if stop:
        break
