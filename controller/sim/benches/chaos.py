"""A chaos run, on SQLite or on a Postgres of its own.

usage: chaos.py SWEEP_SIM [--postgres] [arguments of `sweep-sim chaos`]
"""

import contextlib
import subprocess
import sys

import postgres


def main():
    sim, *arguments = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        if "--postgres" in arguments:
            arguments.remove("--postgres")
            programs = postgres.programs() or sys.exit("there is no initdb here (Debian: apt-get install postgresql)")
            server = postgres.Postgres(stack, programs)
            arguments += ["--postgres", server.url(), "--restart-postgres", server.restart_command()]
        sys.exit(subprocess.run([sim, "chaos", *arguments], check=False).returncode)


if __name__ == "__main__":
    main()
