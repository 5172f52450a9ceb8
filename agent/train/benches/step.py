"""Training steps in Python, timed for `./dev bench train` to set beside `sweep-train bench step`.

    step.py eager|amp

The same model (torchvision's ResNet, fc, three heads), the same losses and AdamW on made-up images. `eager` is PyTorch as
people write it: single precision, channels first. `amp` is PyTorch at its best on a CPU: channels last, bf16
autocast. Reads lines `resnet18 64 32 10` (model, side, batch, steps) and answers each with a line of JSON.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

WARM_UP = 2
CLASSES = [9, 2, 5]


class Faces(nn.Module):
    def __init__(self, name, layer1=512, layer2=256, layer3=128, dropout=0.2):
        super().__init__()
        self.model = getattr(torchvision.models, name)(weights=None)
        self.model.fc = nn.Linear(self.model.fc.in_features, layer1)
        self.activation = nn.GELU()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(layer1, layer2), nn.Dropout(dropout), nn.GELU(),
                nn.Linear(layer2, layer3), nn.Dropout(dropout), nn.GELU(),
                nn.Linear(layer3, classes),
            )
            for classes in CLASSES
        )

    def forward(self, images):
        shared = self.activation(self.model(images))
        return [head(shared) for head in self.heads]


class Trainer:
    def __init__(self, name, side, batch, amp):
        torch.manual_seed(7)
        layout = torch.channels_last if amp else torch.contiguous_format
        self.amp = amp
        self.model = Faces(name).to(memory_format=layout)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.01)
        self.images = torch.randn(batch, 3, side, side).to(memory_format=layout)
        self.targets = [torch.arange(batch) % classes for classes in CLASSES]
        self.weights = [torch.ones(classes) for classes in CLASSES]

    def step(self):
        self.model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.amp):
            logits = self.model(self.images)
            losses = [F.cross_entropy(x, t, weight=w) for x, t, w in zip(logits, self.targets, self.weights)]
            loss = sum(losses)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        # As a metric per step reads them.
        return [loss.item() for loss in losses]

    def forward(self):
        self.model.eval()
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.amp):
            return self.model(self.images)[0].float().sum().item()


def timed(call, repeats):
    times = []
    for at in range(WARM_UP + repeats):
        start = time.perf_counter()
        call()
        if at >= WARM_UP:
            times.append(time.perf_counter() - start)
    return times


def main():
    amp = {"eager": False, "amp": True}[sys.argv[1]]
    for line in sys.stdin:
        name, side, batch, repeats = line.split()
        side, batch, repeats = int(side), int(batch), int(repeats)
        trainer = Trainer(name, side, batch, amp)
        forward = timed(trainer.forward, repeats)
        steps = timed(trainer.step, repeats)
        out = {
            "forward": batch / statistics.median(forward),
            "step": batch / statistics.median(steps),
            "step_ms": [1e3 * step for step in steps],
            "threads": torch.get_num_threads(),
        }
        print(json.dumps(out), flush=True)


if __name__ == "__main__":
    main()
