"""How Ansible reaches a little machine (`tests.fakes.little_machine`): into its namespaces, and its files by its root.

Loaded by Ansible with its own Python, so it imports nothing of ours.
"""

from __future__ import annotations

import shutil
import subprocess

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: little
short_description: into the namespaces of a process
description: [Runs commands beside a process and copies files below its root.]
options:
  first:
    description: the process
    vars: [{name: little_first}]
"""


class Connection(ConnectionBase):
    """One machine."""

    transport = "little"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        enter = ["nsenter", f"--target={self.get_option('first')}", "--mount", "--pid", "--ipc", "--uts", "--cgroup"]
        inside = ["env", "--chdir=/", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        words = [*enter, "--root", "--wd=/", *inside, "/bin/sh", "-c", cmd]
        done = subprocess.run(words, input=in_data or b"", capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        shutil.copyfile(in_path, self._below(out_path))

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        shutil.copyfile(self._below(in_path), out_path)

    def close(self):
        self._connected = False

    def _below(self, path):
        return f"/proc/{self.get_option('first')}/root/{path.lstrip('/')}"
