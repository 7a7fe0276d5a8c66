#!/usr/bin/env python3
"""How soon supervigil is up, and what it weighs, with full queues: `make bench` prints it, beside its
bounds.

Ten channels whose receivers are away have 1000 notices each, as many as a channel keeps: the same ones,
as supervigil makes them, and then ones of which no two are the same. One notice is supervigil's own; the
others are copies of it in its database, with a log's last lines. MB are those of /proc, of 1024 KiB."""

import argparse
import json
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests/support"))
from leash import Leash

CHANNELS, NOTICES_EACH, LOG_LINES = 10, 1000, 10
SECONDS_MAX, RSS_MB_MAX = 1.0, 40
# Within it each channel has tried its first message, with as much in it as fits.
SETTLED_SECONDS = 10
PATIENCE_SECONDS = 60
SUPERVIGIL = """
[[supervisord]]
name = "bench"
url = "unix://{folder}/nobody.sock"
[alert]
unreachable_after = "1s"
group_wait = "100ms"
[http]
listen = "{listen}"
[storage]
path = "{folder}/supervigil.db"
"""
CHANNEL = """
[[dingtalk]]
name = "ops-{number}"
webhook = "http://127.0.0.1:{port}/robot/send?access_token=bench"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target/release/supervigil", type=Path)
    parser.add_argument("--starts", default=5, type=int)
    arguments = parser.parse_args()
    for alike in (True, False):
        with tempfile.TemporaryDirectory(prefix="sv", dir="/tmp") as folder, Leash("SUPERVIGIL_BENCH") as leash:
            measure(arguments, Path(folder), leash, alike)


def measure(arguments, folder, leash, alike):
    listen = f"127.0.0.1:{free_port()}"
    channels = "".join(CHANNEL.format(number=number, port=free_port()) for number in range(CHANNELS))
    (folder / "supervigil.toml").write_text(SUPERVIGIL.format(folder=folder, listen=listen) + channels)
    run = Run(arguments.binary, folder, listen, leash)
    fill(run, alike)
    took, weights = zip(*(start_once(run) for _ in range(arguments.starts)))
    which = "the same in each channel" if alike else "no two the same"
    print(f"{CHANNELS * NOTICES_EACH} queued notices, {which}: HTTP answers after {statistics.median(took):.2f} s, "
          f"at the most {max(took):.2f} s of {len(took)} starts (bound {SECONDS_MAX:g} s); resident "
          f"{max(weights):.1f} MB at its largest (bound {RSS_MB_MAX} MB)")


class Run:
    def __init__(self, binary, folder, listen, leash):
        self.command = (binary, "--config", folder / "supervigil.toml", "run")
        self.folder, self.listen, self.leash = folder, listen, leash

    def __enter__(self):
        with open(self.folder / "supervigil.out", "ab") as out:
            self.process = subprocess.Popen(
                self.command, env=self.leash.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def queued(self):
        """How many notices wait; none where HTTP does not answer yet."""
        try:
            with urlopen(f"http://{self.listen}/api/v1/status", timeout=5) as answer:
                return sum(channel["length"] for channel in json.load(answer)["channels"])
        except OSError:
            return None


def fill(run, alike):
    with run:
        wait_for(lambda: run.queued() == CHANNELS, "a notice in each channel")
    database = sqlite3.connect(run.folder / "supervigil.db")
    with database:
        for channel, notice_id, at, document in database.execute("SELECT channel, id, time, document FROM notices").fetchall():
            for number in range(1, NOTICES_EACH):
                notice = json.loads(document)
                incident, = notice["incidents"]
                notice["id"] = f"{notice_id[:-5]}{0 if alike else channel[-1]}{number:04}"
                incident["id"] = f"{incident['id'][:-4]}{number:04}"
                incident["program"] = {"group": "es", "name": f"es_node_{number:04}"}
                incident["log_tail"] = [f"line {line} " + 90 * "x" for line in range(LOG_LINES)]
                database.execute("INSERT INTO notices (channel, id, time, document) VALUES (?, ?, ?, ?)",
                                 (channel, notice["id"], at, json.dumps(notice)))
    database.close()


def start_once(run):
    begun = time.monotonic()
    with run:
        queued = wait_for(run.queued, "HTTP", 0.005)
        took = time.monotonic() - begun
        if queued != CHANNELS * NOTICES_EACH:
            sys.exit(f"bench: {queued} notices wait, and not {CHANNELS * NOTICES_EACH}.")
        time.sleep(SETTLED_SECONDS)
        status = Path(f"/proc/{run.process.pid}/status").read_text()
        high_water, = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return took, int(high_water) / 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(find, what, step=0.05):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > deadline:
            sys.exit(f"bench: waited {PATIENCE_SECONDS} s in vain for {what}.")
        time.sleep(step)


if __name__ == "__main__":
    main()
