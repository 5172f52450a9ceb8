"""Writes how torch's optimisers walk and its schedulers go, for tests/optim.rs to compare with.

    optim.py FILE        (the committed one is tests/fixtures/optim.json)
"""

import json
import math
import pathlib
import sys

import torch

from parity import uniform

STEPS = 100


def problem():
    """A regression of 8 numbers by 16, all by formula."""
    draw = lambda rows, columns, stream: torch.from_numpy(uniform(rows * columns, stream)).view(rows, columns)
    return draw(32, 16, 1), draw(32, 8, 2), draw(16, 8, 3)


def walk(make, clip=None):
    inputs, targets, start = problem()
    weight = start.clone().requires_grad_()
    optimizer = make([weight])
    out = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        ((inputs @ weight).tanh() - targets).square().mean().backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([weight], clip)
        optimizer.step()
        if step in (1, 10, STEPS):
            out.append([step, weight.detach().flatten().tolist()])
    return out


def rates(make, steps, lr=0.01):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    out = []
    for step in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < steps:
            scheduler.step()
    return out


def one_cycle(steps, pct_start, div_factor, final_div_factor):
    make = lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.01, total_steps=steps, pct_start=pct_start, div_factor=div_factor,
        final_div_factor=final_div_factor, anneal_strategy="cos", cycle_momentum=False,
    )
    parameters = {"pct_start": pct_start, "div_factor": div_factor, "final_div_factor": final_div_factor}
    return {"steps": steps, **parameters, "rates": rates(make, steps)}


def cosine(steps, warmup):
    rising = math.floor(warmup * steps + 0.5)

    def make(optimizer):
        lower = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / rising, total_iters=rising - 1)
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - rising)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [lower, falling], milestones=[rising])

    return {"steps": steps, "warmup": warmup, "rates": rates(make, steps)}


def main():
    torch.set_num_threads(1)
    adamw = lambda decay: lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=decay)
    sgd = lambda nesterov: lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    out = {
        "walks": {
            "adamw": walk(adamw(0.01)),
            "adamw clipped": walk(adamw(0.01), clip=0.05),
            "sgd": walk(sgd(False)),
            "sgd nesterov": walk(sgd(True)),
        },
        "one_cycle": [one_cycle(100, 0.3, 25.0, 1e4), one_cycle(37, 0.15, 10.0, 100.0), one_cycle(500, 0.2, 5.0, 1e3)],
        "cosine": [cosine(100, 0.2), cosine(41, 0.1)],
    }
    pathlib.Path(sys.argv[1]).write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
