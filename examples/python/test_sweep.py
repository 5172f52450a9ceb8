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
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(path)
            listener.listen()
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
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(path)
            listener.listen()
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

    def test_by_hand_points_are_printed(self):
        done = run("import sweep; sweep.log({'loss': 1}); assert sweep.should_stop() is None", SWEEP_SOCKET="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["values"], {"loss": 1.0})


if __name__ == "__main__":
    unittest.main()
