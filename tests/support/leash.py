#!/usr/bin/env python3
"""Ends every process that carries a mark in its environment, once whoever started this is gone.

    leash.py NAME=VALUE

Its standard input is a pipe that only its owner holds open: closed on purpose or by the owner's
death, even by SIGKILL, it means the end. A process group would not do, because supervisord gives
each program a group of its own; parents would not do, because orphans move to init. What a process
inherits and cannot shake off by accident is its environment.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class Leash:
    """The owner's side, for programs in Python: `with Leash("NAME") as leash`, and then start
    processes with `env=leash.environment`."""

    def __init__(self, name):
        self.environment = {**os.environ, name: str(os.getpid())}
        self.mark = f"{name}={os.getpid()}"

    def __enter__(self):
        self.holder = subprocess.Popen(
            [sys.executable, __file__, self.mark], stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()


def main():
    mark = sys.argv[1].encode()
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    # A process may fork while the list is read: only a pass that finds nobody is the last one.
    while end_all(mark):
        time.sleep(0.005)


def end_all(mark):
    """One pass over all processes; says whether any carried the mark."""
    found = False
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            found = end(int(process.name), mark) or found
    return found


def end(pid, mark):
    """Holds the process by a descriptor first: its number may belong to another one a moment later."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if mark not in environment:
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


if __name__ == "__main__":
    main()
