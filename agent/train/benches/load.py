"""Images a second: ours against torchvision's DataLoader with the same augmentation, interleaved; medians and ratio.

    load.py SWEEP_TRAIN FOLDER [--image_size 128] [--threads 2] [--images 4000] [--runs 5]

FOLDER holds the .jpg files. Both sides get the same number of workers, and count a pass without their start-up.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def loader(folder, image_size, threads, images, batch_size=64):
    """The Python project's input pipeline, as torchvision's users write it."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms as T

    torch.set_num_threads(1)
    chain = [
        T.RandomHorizontalFlip(0.5),
        T.RandomRotation(30),
        T.ColorJitter(brightness=0.5, hue=0.3),
        T.GaussianBlur(kernel_size=(5, 9), sigma=(0.1, 5)),
        T.RandomGrayscale(0.1),
    ]
    change = T.Compose(
        [
            T.Resize((image_size, image_size)),
            T.RandomApply(chain, p=0.6),
            T.ToTensor(),
            T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )

    class Faces(Dataset):
        def __init__(self):
            self.paths = sorted(pathlib.Path(folder).rglob("*jpg"))[:images]

        def __len__(self):
            return len(self.paths)

        def __getitem__(self, index):
            labels = [int(word) if word.isdigit() else 0 for word in self.paths[index].name.split("_")[:3]]
            return change(Image.open(self.paths[index]).convert("RGB")), torch.tensor(labels)

    faces = Faces()
    if not faces:
        sys.exit(f"{folder} is no folder with .jpg files in it")
    return DataLoader(
        faces, batch_size=batch_size, shuffle=True, num_workers=threads, persistent_workers=True
    )


def python_rate(args):
    """One measured pass after one that starts the workers and warms the page cache."""
    batches = loader(args.folder, args.image_size, args.threads, args.images)
    for _ in batches:
        pass
    begun = time.perf_counter()
    seen = sum(len(pixels) for pixels, _ in batches)
    return seen / (time.perf_counter() - begun)


def our_rates(args, cache):
    command = [args.sweep_train, "bench", "load", "--path", args.folder, "-o", "json", "--passes", "1"]
    for name in ("image_size", "threads", "images"):
        command += [f"--{name}", str(getattr(args, name))]
    done = subprocess.run([*command, "--cache", cache], check=True, capture_output=True, text=True)
    return {(row["pixels"], row["augment"]): row["images_per_second"] for row in json.loads(done.stdout)["rows"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep_train")
    parser.add_argument("folder")
    parser.add_argument("--image_size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    ours, theirs = {}, []
    with tempfile.TemporaryDirectory() as cache:
        for run in range(args.runs):
            print(f"run {run + 1} of {args.runs}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            theirs.append(python_rate(args))
            for what, rate in our_rates(args, cache).items():
                ours.setdefault(what, []).append(rate)
    base = statistics.median(theirs)
    spread = f"{min(theirs):.0f} to {max(theirs):.0f}"
    print(f"{args.image_size} px, {args.threads} workers, {args.images} images, medians of {args.runs} runs")
    print(f"{'':34}images/s   ratio  range")
    print(f"{'torchvision DataLoader, seed':34}{base:8.0f}{1:8.2f}  {spread}")
    for (pixels, augment), rates in ours.items():
        rate = statistics.median(rates)
        name = f"sweep-train, {pixels}, {augment}"
        print(f"{name:34}{rate:8.0f}{rate / base:8.2f}  {min(rates):.0f} to {max(rates):.0f}")


if __name__ == "__main__":
    main()
