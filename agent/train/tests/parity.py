"""Writes what torchvision computes, for tests/parity.rs to compare with.

    parity.py FOLDER            random weights: FOLDER/NAME.pth, .legacy.pth, .safetensors, and logits.json
    parity.py --fixture FOLDER  the committed files: logits of weights made by a formula, and two tiny .pth files
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torchvision

MODELS = ["resnet18", "resnet50"]


def uniform(count, stream):
    """Numbers in [-1, 1) by integer arithmetic alone, so that Rust makes the very same ones."""
    mask = np.uint64(0xFFFFFFFF)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(stream * 40503 + 12345)) & mask
    h = (h ^ (h >> np.uint64(15))) * np.uint64(2246822519) & mask
    h = (h ^ (h >> np.uint64(13))) * np.uint64(3266489917) & mask
    h = h ^ (h >> np.uint64(16))
    return (h.astype(np.float64) / 2147483648.0 - 1.0).astype(np.float32)


def by_formula(model):
    state = model.state_dict()
    for stream, name in enumerate(sorted(state)):
        tensor = state[name]
        if name.endswith("num_batches_tracked"):
            continue
        noise = torch.from_numpy(uniform(tensor.numel(), stream)).view(tensor.shape)
        if name.endswith("running_var"):
            value = 1.0 + 0.25 * noise
        elif name.endswith("running_mean") or name.endswith("bias"):
            value = 0.1 * noise
        elif tensor.dim() == 1:
            value = 1.0 + 0.1 * noise
        else:
            fan_in = tensor[0].numel()
            value = noise * np.float32((3.0 / fan_in) ** 0.5)
        tensor.copy_(value)
    return model.eval()


def at_random(model):
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            tensor.normal_(0.0, 0.1)
    return model.eval()


def image():
    return torch.from_numpy(2.0 * uniform(2 * 3 * 64 * 64, 1000)).view(2, 3, 64, 64)


def logits(model):
    with torch.no_grad():
        return [[float(v) for v in row] for row in model(image())]


def random_weights(folder):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    out = {}
    for name in MODELS:
        model = at_random(getattr(torchvision.models, name)(weights=None))
        state = model.state_dict()
        torch.save(state, folder / f"{name}.pth")
        torch.save(state, folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
        # As Lightning writes: nested, with hyper-parameters beside.
        torch.save({"state_dict": state, "epoch": 3}, folder / f"{name}.nested.pth")
        save_file(state, folder / f"{name}.safetensors")
        out[name] = logits(model)
    (folder / "logits.json").write_text(json.dumps(out))


def fixture(folder):
    out = {}
    for name in MODELS:
        model = by_formula(getattr(torchvision.models, name)(weights=None))
        out[name] = [row[:16] for row in logits(model)]
    (folder / "logits.json").write_text(json.dumps(out, indent=1) + "\n")
    whole = torch.arange(24, dtype=torch.float32).view(4, 6)
    small = {
        "a": whole.clone(),
        # A view with an offset and strides of its own, on a storage that is shared.
        "b": whole.t()[1:3],
        "c": whole,
        "count": torch.tensor(7),
        "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
    }
    torch.save(small, folder / "small.pth")
    torch.save(small, folder / "small.legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "--fixture":
        fixture(pathlib.Path(sys.argv[2]))
    else:
        random_weights(pathlib.Path(sys.argv[1]))
