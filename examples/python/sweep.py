"""Report from a Python trial to sweep-agent. No dependencies: copy this file beside your script.

    import sweep

    config = sweep.config()                  # the trial's parameters
    for epoch in range(config["epochs"]):
        ...
        sweep.log({"loss": loss, "acc": acc}, step=step, epoch=epoch)
        if sweep.should_stop():              # the reason, or None
            break

A trial that outlives its box (resuming.py beside this file) looks for sweep.resume(), the path of a checkpoint of its
own that an earlier attempt told of by sweep.checkpoint(path, step, resume=True).

Run by hand, without sweep-agent, log() prints JSON lines and should_stop() is None. The protocol is
docs/trial-protocol.md, version 1.
"""

import hashlib
import json
import math
import os
import socket
import sys

__all__ = ["config", "log", "say", "should_stop", "checkpoint", "write", "resume"]

_channel = None
_heard = b""
_stop = None
_last_step = 0


def config(defaults=None):
    """The trial's parameters as a dict, over `defaults`; the defaults alone when run by hand."""
    params = dict(defaults or {})
    path = os.environ.get("SWEEP_PARAMS_JSON")
    if path:
        with open(path, encoding="utf-8") as file:
            params.update(json.load(file))
    return params


def log(values, step=None, epoch=None):
    """A point of one or more curves: `values` maps names to numbers. Without a `step`, points are counted."""
    global _last_step
    _last_step = _last_step + 1 if step is None else int(step)
    event = {"type": "metrics", "step": _last_step, "values": {name: _number(value) for name, value in values.items()}}
    if epoch is not None:
        event["epoch"] = _number(epoch)
    _tell(event)


def say(text, level="info"):
    """A line of the trial's log."""
    _tell({"type": "log", "text": str(text), "level": level})


def checkpoint(path, step, metrics=None, resume=False, files=()):
    """Tells that a checkpoint lies at `path`, complete; `files` names those that belong to it in the same folder. With
    `resume` the trial can go on from these alone: all points up to `step` were logged before this, and a resumed trial
    logs those after it only.
    """
    main = os.path.basename(path)
    files = list(files)
    for name in files:
        if name != os.path.basename(name):
            raise ValueError(f"files: {name!r} is no name of a file beside {main!r}")
    event = {"type": "checkpoint", "path": os.path.abspath(path), "step": int(step)}
    if files or resume:
        event["files"] = [main] + [name for name in files if name != main]
    if metrics:
        event["metrics"] = {name: _number(value) for name, value in metrics.items()}
    if resume:
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        event.update(resume=True, sha256=digest)
    _tell(event)


def write(path, data):
    """Writes bytes into a file that appears whole or not at all, and outlives a crash."""
    new = f"{path}.new"
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def resume():
    """The path of the checkpoint that this trial is to go on from, or None for one that begins."""
    return os.environ.get("SWEEP_RESUME") or None


def should_stop():
    """The reason why this trial should end now, or None. Save what should be kept, and exit with 0."""
    global _heard, _stop
    if not _connect():
        return None
    _channel.setblocking(False)
    try:
        while True:
            chunk = _channel.recv(65536)
            if not chunk:
                break
            _heard += chunk
    except (BlockingIOError, InterruptedError):
        pass
    finally:
        _channel.setblocking(True)
    *lines, _heard = _heard.split(b"\n")
    for line in lines:
        answer = json.loads(line)
        _stop = answer.get("stop", _stop)
    return _stop


def _connect():
    global _channel
    path = os.environ.get("SWEEP_SOCKET")
    if _channel is None and path:
        _channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _channel.connect(path)
    return _channel is not None


def _tell(event):
    line = json.dumps(event, allow_nan=False) + "\n"
    if _connect():
        _channel.sendall(line.encode())
    else:
        sys.stdout.write(line)
        sys.stdout.flush()


def _number(value):
    """JSON has no non-finite numbers: they travel as strings. Anything with .item() (numpy, torch) is taken too."""
    value = float(value.item() if hasattr(value, "item") else value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value
