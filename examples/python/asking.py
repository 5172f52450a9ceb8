"""Search without a controller: sweep-ctl ask-tell as a child process, two trials at a time, bad ones stopped early.

    python3 examples/python/asking.py [SWEEP_CTL]
"""

import json
import os
import subprocess
import sys
import tempfile

SWEEP = """
program: this script
method: tpe
seed: 1
run_cap: 30
metric: {name: loss, goal: minimize}
early_terminate: {type: asha, resource: step, min: 3, max: 27}
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.9}
  momentum: {min: 0.0, max: 0.9}
"""


class Search:
    def __init__(self, command, text):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "sweep.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.child = subprocess.Popen(
            [command, "ask-tell", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def say(self, line):
        """One line out, one line back."""
        self.child.stdin.write(json.dumps(line) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.folder.cleanup()
        if self.child.wait() != 0:
            raise RuntimeError(f"sweep-ctl ended with {self.child.returncode}")


def descent(lr, momentum):
    """Gradient descent on (x - 3)^2, a loss a step."""
    x, velocity = 0.0, 0.0
    for _ in range(27):
        velocity = momentum * velocity - lr * 2.0 * (x - 3.0)
        x += velocity
        yield (x - 3.0) ** 2


def main():
    search = Search(sys.argv[1] if len(sys.argv) > 1 else "sweep-ctl", SWEEP)
    running, steps, best = {}, 0, None
    while True:
        while len(running) < 2:
            asked = search.say({"ask": 1})
            if "over" in asked:
                break
            running[asked["trial"]] = enumerate(descent(**asked["params"]), start=1)
        if not running:
            break
        for trial, program in list(running.items()):
            step, loss = next(program, (None, None))
            if step is None:
                told = search.say({"tell": {"trial": trial, "state": "finished"}})
            else:
                steps += 1
                told = search.say({"tell": {"trial": trial, "step": step, "value": loss}})
            if told["state"] != "running":
                print(f"trial {trial}: {told['state']}, loss {told['objective']:.3g}  {told.get('reason', '')}".rstrip())
                del running[trial]
            best = told["best"]
    search.close()
    print(f"best: trial {best['trial']} with {best['value']:.3g}, after {steps} steps")


if __name__ == "__main__":
    main()
