"""A Postgres of one's own for benches: made by initdb, gone at the end."""

import glob
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile


def programs():
    """The folder of initdb and pg_ctl, the newest first; None where there is none."""
    found = shutil.which("initdb")
    folders = [os.path.dirname(os.path.realpath(found))] if found else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    return next((folder for folder in folders if os.path.exists(f"{folder}/pg_ctl")), None)


class Postgres:
    """A cluster on a Unix socket, with the defaults of initdb: fsync and synchronous_commit on."""

    def __init__(self, stack, programs):
        # initdb refuses to run as root.
        self.root = os.getuid() == 0
        self.user = pwd.getpwnam("postgres") if self.root else pwd.getpwuid(os.getuid())
        self.folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.programs = programs
        self.call("initdb", "--pgdata", f"{self.folder}/data", "--auth", "trust", "--username", "sweep")
        with open(f"{self.folder}/data/postgresql.auto.conf", "a", encoding="utf-8") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\n")
        self.call(*self.control(), "--log", f"{self.folder}/log", "start")
        stack.callback(self.call, *self.control(), "--mode", "fast", "stop")
        self.count = 0

    def control(self):
        return "pg_ctl", "--pgdata", f"{self.folder}/data", "--wait"

    def call(self, program, *arguments):
        as_user = {"user": self.user.pw_uid, "group": self.user.pw_gid} if self.root else {}
        command = [f"{self.programs}/{program}", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **as_user)

    def restart_command(self):
        """What restarts it at once, as a crash would, for a shell."""
        program, *arguments = self.control()
        command = [f"{self.programs}/{program}", *arguments, "--mode", "immediate", "--log", f"{self.folder}/log", "restart"]
        if self.root:
            ids = f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"
            command = ["setpriv", *ids, *command]
        # It leaves the server running, which must not hold the shell's pipes.
        return f"cd {shlex.quote(self.folder)} && {shlex.join(command)} >/dev/null 2>&1"

    def fresh(self):
        """The name of a new database."""
        self.count += 1
        name = f"bench{self.count}"
        self.call("createdb", "--host", self.folder, "--username", "sweep", name)
        return name

    def url(self):
        """A new database, as sweep-controller names it."""
        return f"postgres://sweep@localhost/{self.fresh()}?host={self.folder}"
