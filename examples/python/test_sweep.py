"""python3 examples/python/test_sweep.py: the module against a socket of its own."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def listen(path):
    """A socket at which nobody waits forever for a program that ended before it connected."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    listener.settimeout(60)
    return listener


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, env={**os.environ, **env}, capture_output=True, text=True, timeout=60
    )


class SweepTest(unittest.TestCase):
    def test_points_go_to_the_channel_and_a_stop_comes_back(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            params = os.path.join(folder, "params.json")
            with open(params, "w", encoding="utf-8") as file:
                json.dump({"lr": 0.5}, file)
            listener = listen(path)
            code = (
                "import sweep\n"
                "assert sweep.config({'lr': 1, 'epochs': 2}) == {'lr': 0.5, 'epochs': 2}\n"
                "sweep.log({'loss': float('nan'), 'acc': 1}, epoch=0.5)\n"
                "sweep.checkpoint('c.pt', 1)\n"
                "reason = None\n"
                "while reason is None: reason = sweep.should_stop()\n"
                "sweep.say(reason)\n"
            )
            child = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=HERE,
                env={**os.environ, "SWEEP_SOCKET": path, "SWEEP_PARAMS_JSON": params},
            )
            connection, _ = listener.accept()
            lines = connection.makefile("rw", encoding="utf-8")
            point, kept = json.loads(lines.readline()), json.loads(lines.readline())
            self.assertEqual(point, {"type": "metrics", "step": 1, "epoch": 0.5, "values": {"loss": "NaN", "acc": 1.0}})
            self.assertEqual(kept["path"], os.path.join(HERE, "c.pt"))
            lines.write('{"ack":1}\n{"stop":"below the median"}\n')
            lines.flush()
            self.assertEqual(json.loads(lines.readline())["text"], "below the median")
            self.assertEqual(child.wait(60), 0)
            connection.close()
            listener.close()

    def test_a_trial_that_was_killed_goes_on_from_its_checkpoint(self):
        def attempt(folder, until=None, **env):
            path = os.path.join(folder, "socket")
            if os.path.exists(path):
                os.remove(path)
            listener = listen(path)
            env = {**os.environ, "SWEEP_SOCKET": path, "SWEEP_CHECKPOINT_DIR": folder, **env}
            child = subprocess.Popen([sys.executable, "resuming.py"], cwd=HERE, env=env)
            connection, _ = listener.accept()
            told = []
            for line in connection.makefile("r", encoding="utf-8"):
                told.append(json.loads(line))
                if until and until(told[-1]):
                    child.kill()
                    break
            child.wait(60)
            connection.close()
            listener.close()
            return told

        def points(told):
            return [(event["step"], event["values"]) for event in told if event["type"] == "metrics"]

        with tempfile.TemporaryDirectory() as folder:
            whole = attempt(folder, SWEEP_RESUME="")
            first = attempt(folder, until=lambda event: event.get("resume"), SWEEP_RESUME="")
            kept = first[-1]
            self.assertEqual((kept["step"], kept["files"]), (5, ["resume-5.json"]))
            with open(kept["path"], "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), kept["sha256"])
            rest = attempt(folder, SWEEP_RESUME=kept["path"])
            self.assertEqual(len(points(whole)), 20)
            self.assertEqual(points(first) + points(rest), points(whole))

    def test_a_checkpoint_names_its_files_with_and_without_resume(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "best.pt")
            with open(path, "wb") as file:
                file.write(b"weights")
            done = run(
                f"import sweep; path = {path!r}\n"
                "sweep.checkpoint(path, 1)\n"
                "sweep.checkpoint(path, 2, files=['best.json'])\n"
                "sweep.checkpoint(path, 3, resume=True)\n"
                "sweep.checkpoint(path, 4, resume=True, files=['best.json', 'best.pt'])\n",
                SWEEP_SOCKET="",
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            plain, named, alone, both = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertNotIn("files", plain)
            self.assertEqual((named["files"], "resume" in named), (["best.pt", "best.json"], False))
            self.assertEqual((alone["files"], alone["resume"]), (["best.pt"], True))
            self.assertEqual((both["files"], both["sha256"]), (["best.pt", "best.json"], alone["sha256"]))
            beyond = run(f"import sweep; sweep.checkpoint({path!r}, 1, files=['sub/best.json'])", SWEEP_SOCKET="")
            self.assertIn("'sub/best.json' is no name of a file beside 'best.pt'", beyond.stderr)

    def test_by_hand_points_are_printed(self):
        done = run("import sweep; sweep.log({'loss': 1}); assert sweep.should_stop() is None", SWEEP_SOCKET="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["values"], {"loss": 1.0})


if __name__ == "__main__":
    unittest.main()
