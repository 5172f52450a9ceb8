"""A model of sweep-train in Python, on torchvision's @RESNET@. Written by `sweep-train export`.

    python THIS_FILE.py IMAGE...      from THIS_FILE import load, predict

Needs torch, torchvision, safetensors and Pillow.
"""

import pathlib
import sys

import torch
import torchvision
from safetensors.torch import load_file

WEIGHTS = pathlib.Path(__file__).with_name(@FILE@)
HEADS = {
@HEADS@}
LAYER1, LAYER2, LAYER3 = @LAYERS@
SIZE = @SIZE@
MEAN, STD = @MEAN@, @STD@
activate = @ACTIVATION@


class Faces(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = torchvision.models.@RESNET@(weights=None)
        self.backbone.fc = torch.nn.Linear(self.backbone.fc.in_features, LAYER1)
        for head, classes in HEADS.items():
            self.add_module(f"{head}_linear1", torch.nn.Linear(LAYER1, LAYER2))
            self.add_module(f"{head}_linear2", torch.nn.Linear(LAYER2, LAYER3))
            self.add_module(f"{head}_out", torch.nn.Linear(LAYER3, len(classes)))

    def forward(self, images):
        """Logits by head for normalised images [images, 3, SIZE, SIZE]."""
        shared = activate(self.backbone(images))
        out = {}
        for head in HEADS:
            x = activate(getattr(self, f"{head}_linear1")(shared))
            x = activate(getattr(self, f"{head}_linear2")(x))
            out[head] = getattr(self, f"{head}_out")(x)
        return out


def load(weights=WEIGHTS):
    model = Faces()
    tensors = load_file(weights)
    heads = {name: tensor for name, tensor in tensors.items() if name.split("_")[0] in HEADS}
    backbone = {name: tensor for name, tensor in tensors.items() if name not in heads}
    model.backbone.load_state_dict(backbone, strict=True)
    missing, unexpected = model.load_state_dict(heads, strict=False)
    assert not unexpected and all(name.startswith("backbone.") for name in missing)
    return model.eval()


def predict(model, path):
    """The likeliest class of each head for a picture, with its probability."""
    from PIL import Image

    picture = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = torchvision.transforms.functional.to_tensor(picture)
    pixels = torchvision.transforms.functional.normalize(pixels, MEAN, STD)
    with torch.inference_mode():
        logits = model(pixels[None])
    out = {}
    for head, values in logits.items():
        share, at = values[0].softmax(0).max(0)
        out[head] = (HEADS[head][at], float(share))
    return out


if __name__ == "__main__":
    faces = load()
    for name in sys.argv[1:]:
        print(name, predict(faces, name))
