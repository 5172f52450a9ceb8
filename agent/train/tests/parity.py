"""Writes what torchvision computes, for tests/parity.rs to compare with.

    parity.py FOLDER            random weights: FOLDER/NAME.pth, .legacy.pth, .safetensors, and logits.json
    parity.py --lightning FOLDER  a whole model as Lightning keeps it: FOLDER/faces.ckpt, and its heads.json
    parity.py --load EXPORTED.py FILE  heads' logits of what `sweep-train export` wrote
    parity.py --fixture FOLDER  the committed files: logits of weights made by a formula, and tiny .pth and .ckpt files
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


class Faces(torch.nn.Module):
    """The Python project's model: parameter names and order of layers."""

    def __init__(self, layer1=32, layer2=16, layer3=8):
        super().__init__()
        self.model = torchvision.models.resnet18(weights=None)
        self.model.fc = torch.nn.Linear(512, layer1)
        for head, classes in [("age", 9), ("gender", 2), ("race", 5)]:
            self.add_module(f"{head}_linear1", torch.nn.Linear(layer1, layer2))
            self.add_module(f"{head}_linear2", torch.nn.Linear(layer2, layer3))
            self.add_module(f"{head}_out", torch.nn.Linear(layer3, classes))

    def forward(self, images):
        shared = torch.relu(self.model(images))
        out = {}
        for head in ["age", "gender", "race"]:
            x = torch.relu(getattr(self, f"{head}_linear1")(shared))
            x = torch.relu(getattr(self, f"{head}_linear2")(x))
            out[head] = getattr(self, f"{head}_out")(x)
        return out


def as_lightning(state):
    """What Lightning's Trainer.save_checkpoint writes around a state dict."""
    return {
        "epoch": 8,
        "global_step": 5040,
        "pytorch-lightning_version": "2.1.2",
        "state_dict": type(state)((f"model.{name}", tensor) for name, tensor in state.items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 9, "completed": 8}}}},
        "callbacks": {
            "EarlyStopping{'monitor': 'total-f1score', 'mode': 'max'}": {
                "wait_count": 0, "stopped_epoch": 0, "best_score": torch.tensor(0.76), "patience": 5,
            },
            "ModelCheckpoint{'monitor': 'total-f1score'}": {
                "best_model_score": torch.tensor(0.76), "best_k_models": {"a.ckpt": torch.tensor(0.76)}, "dirpath": None,
            },
        },
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "amsgrad": False}]}],
        "lr_schedulers": [],
        "hparams_name": "config",
        "hyper_parameters": {"resnet_type": "resnet18", "activation": "ReLU", "layer1": 32, "lr": -1.5e-4, "dropout_val": 0.3},
    }


def heads(logits):
    return {head: [[float(v) for v in row] for row in values] for head, values in logits.items()}


def lightning(folder):
    torch.manual_seed(1)
    model = at_random(Faces())
    torch.save(as_lightning(model.state_dict()), folder / "faces.ckpt")
    with torch.no_grad():
        (folder / "heads.json").write_text(json.dumps(heads(model(image()))))


def load(exported, out):
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(exported.parent))
    module = __import__(exported.stem)
    with torch.no_grad():
        out.write_text(json.dumps(heads(module.load()(image()))))


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
    torch.save(as_lightning({"model.conv1.weight": whole, "age_out.bias": whole[0].clone()}), folder / "small.ckpt")
    torch.save(small, folder / "small.pth")
    torch.save(small, folder / "small.legacy.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    paths = [pathlib.Path(name) for name in sys.argv[1:] if not name.startswith("--")]
    work = {"--fixture": fixture, "--lightning": lightning, "--load": load}
    work.get(sys.argv[1], random_weights)(*paths)
