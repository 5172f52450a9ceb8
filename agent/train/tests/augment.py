"""Writes what torchvision makes of a made-up image, for tests/augment.rs to compare with.

    augment.py SIDE FILE    every step by name, bytes in [3, SIDE, SIDE] order; `normalised` as numbers
"""

import json
import pathlib
import sys

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from torchvision.transforms.autoaugment import _apply_op

from parity import uniform


def image(side):
    """Noise over a ramp; every third row is grey, where hue has no say."""
    noise = torch.from_numpy((uniform(3 * side * side, 77) + 1.0) * 100.0).view(3, side, side)
    ramp = torch.arange(side, dtype=torch.float32) * (55.0 / side)
    pixels = (noise + ramp).floor().clamp(0, 255).to(torch.uint8)
    pixels[:, ::3] = pixels[:1, ::3]
    return pixels


def steps(pixels):
    nearest = InterpolationMode.NEAREST

    def rand(name, magnitude):
        return _apply_op(pixels, name, magnitude, interpolation=nearest, fill=None)

    yield "flip", F.hflip(pixels)
    for angle in (-29.3, 4.7, 17.1):
        yield f"rotate {angle}", F.rotate(pixels, angle)
    for factor in (0.53, 1.0, 1.47):
        yield f"brightness {factor}", F.adjust_brightness(pixels, factor)
    for turn in (-0.3, -0.11, 0.0, 0.07, 0.29):
        yield f"hue {turn}", F.adjust_hue(pixels, turn)
    for sigma in (0.1, 0.9, 4.8):
        yield f"blur {sigma}", F.gaussian_blur(pixels, [5, 9], [sigma, sigma])
    yield "greyscale", F.rgb_to_grayscale(pixels, num_output_channels=3)
    for factor in (0.75, 1.25):
        yield f"contrast {factor}", F.adjust_contrast(pixels, factor)
        yield f"saturation {factor}", F.adjust_saturation(pixels, factor)
        yield f"sharpness {factor}", F.adjust_sharpness(pixels, factor)
    yield "posterize 5", F.posterize(pixels, 5)
    yield "solarize 180.5", F.solarize(pixels, 180.5)
    yield "autocontrast", F.autocontrast(pixels)
    yield "equalize", F.equalize(pixels)
    yield "shear_x 0.21", rand("ShearX", 0.21)
    yield "shear_y -0.13", rand("ShearY", -0.13)
    yield "translate 3 -2", F.affine(pixels, 0.0, [3, -2], 1.0, [0.0, 0.0])
    yield "similarity 7.5 1.1", F.affine(pixels, 7.5, [0, 0], 1.1, [0.0, 0.0], InterpolationMode.BILINEAR)
    # The Python project's list with everything in it, in its order.
    chain = F.rotate(F.hflip(pixels), 11.3)
    chain = F.adjust_hue(F.adjust_brightness(chain, 1.2), 0.13)
    yield "chain", F.rgb_to_grayscale(F.gaussian_blur(chain, [5, 9], [1.3, 1.3]), num_output_channels=3)


def main():
    side, path = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    torch.set_num_threads(1)
    pixels = image(side)
    made = {"image": pixels.flatten().tolist()}
    for name, result in steps(pixels):
        made[name] = result.flatten().tolist()
    normalised = F.normalize(pixels / 255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    made["normalised"] = [round(value, 6) for value in normalised.flatten().tolist()]
    lines = (f'  "{name}": {json.dumps(values, separators=(",", ":"))}' for name, values in made.items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
