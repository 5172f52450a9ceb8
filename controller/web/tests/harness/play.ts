/** Sweeps whose trials do what a test wants, when it wants it: a Python program that speaks the trial protocol. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import type { House } from './house'

/** By its parameters it ends well, is stopped for getting no better, fails, or does what it is told through a pipe. */
const PROGRAM = `
import json, math, os, socket, sys

params = dict(word.split("=", 1) for word in sys.argv[1:])
channel = socket.socket(socket.AF_UNIX)
channel.connect(os.environ["SWEEP_SOCKET"])
replies = channel.makefile("r")


def tell(**event):
    channel.sendall((json.dumps(event) + "\\n").encode())


def point(step, f1):
    tell(type="metrics", step=step, epoch=step / 10, values={"val_f1": f1, "train_loss": 1.1 - f1, "val_loss": 1.2 - f1})


tell(type="info", versions={"play": "1.0"})
tell(type="media", name="dataset", value={
    "files": 2000, "malformed": ["39_1_nothing.jpg"], "malformed_total": 1, "duplicates": {"groups": 3, "contradicting": 1},
    "splits": {"train": 1600, "validation": 200, "test": 200},
    "histograms": {
        "age": {"classes": ["0-9", "10-19", "20-29"], "train": [400, 500, 700], "validation": [50, 60, 90], "test": [50, 60, 90]},
        "sex": {"classes": ["male", "female"], "train": [800, 800], "validation": [90, 110], "test": [110, 90]},
    },
})
lr = float(params["lr"])
print("\\x1b[32mlearning\\x1b[0m at", lr, "with", params["net"], flush=True)
if params["net"] == "told":
    with open("told") as lines:
        for step, line in enumerate(lines, 1):
            if line.strip() == "end":
                break
            if line.strip() == "crash":
                sys.exit(3)
            point(step, float(line))
            print("told", line.strip(), flush=True)
    sys.exit(0)
if lr >= 1 and params["net"] != "flat" and not os.path.exists("mended"):
    print("CUDA out of memory", file=sys.stderr, flush=True)
    sys.exit(3)
goal = 0.9 - 0.15 * abs(math.log10(lr) + 2) - (0.05 if params["net"] == "narrow" else 0)
for step in range(1, 41):
    point(step, 0.3 if params["net"] == "flat" else goal * (1 - math.exp(-step / 10)))
if params["net"] == "flat":
    for line in replies:
        if "stop" in json.loads(line):
            sys.exit(0)
heads = {"sex": {"classes": ["male", "female"], "confusion": [[90, 10], [20, 80]], "macro_f1": 0.85, "accuracy": 0.85},
         "age": {"classes": ["0-9", "10-19", "20-29"], "confusion": [[40, 8, 2], [10, 40, 10], [1, 9, 80]], "macro_f1": 0.79, "accuracy": 0.8}}
for split in ["validation", "test"]:
    tell(type="media", name=split + "-scores", step=40, value={"split": split, "images": 200, "heads": heads})
path = os.path.join(os.environ["SWEEP_CHECKPOINT_DIR"], "best.bin")
with open(path, "wb") as file:
    file.write(bytes(1000))
tell(type="checkpoint", step=40, path=path, metrics={"val_f1": goal})
`

const HEAD = 'program: play.py\ncommand: [python3, "${program}", "${args_no_hyphens}"]\nmetric: {name: val_f1, goal: maximize}\nproject: tests\n'

/** 36 trials: 22 end well, 12 are stopped early, 2 fail until there is a file named \`mended\`. The best is at lr 0.01 and wide. */
export const PLAYED = `${HEAD}name: played
method: grid
early_terminate: {type: patience, resource: step, patience: 20}
parameters:
  lr: {values: [0.0001, 0.0003, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.04, 0.1, 0.3, 1]}
  net: {values: [narrow, wide, flat]}
  epochs: {value: 4}
`

/** Trials that do what they are told, one after the other. */
export const told = (name: string, cap: number): string => `${HEAD}name: ${name}
method: random
seed: 5
run_cap: ${cap}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  net: {value: told}
`

/** Puts the program and its pipe into the house's folder; what is said into the pipe goes to the trial that runs. */
export class Play {
  readonly #pipe: number

  constructor(house: House) {
    house.keep('play.py', PROGRAM)
    const path = join(house.folder, 'told')
    execFileSync('mkfifo', [path])
    // Open for both, so that neither end waits for the other, and the trials never see the end of it.
    this.#pipe = openSync(path, constants.O_RDWR)
  }

  say(...lines: (number | 'end' | 'crash')[]): void {
    writeSync(this.#pipe, lines.map((line) => `${line}\n`).join(''))
  }

  close(): void {
    closeSync(this.#pipe)
  }
}
