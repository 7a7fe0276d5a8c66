#!/usr/bin/env python3
"""From FATAL being visible in supervisord's API until DingTalk's request has arrived: `make bench`
prints it, beside the bound poll_interval + group_wait + 100 ms; and from the transition's own time,
beside group_wait + 50 ms.

One program after the other goes FATAL, at a time that has nothing to do with supervigil's polls.
A watcher of its own asks supervisord every few milliseconds when that becomes visible; the DingTalk
stand-in writes down when the request has arrived."""

import argparse
import contextlib
import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from datetime import datetime
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests/support"))
from leash import Leash

POLL_INTERVAL, GROUP_WAIT, GROUP_INTERVAL = 1.0, 1.0, 1.0
ALLOWANCE, ALLOWANCE_OF_TRANSITION = 0.1, 0.05
SPACING = 60 / 14
PATIENCE_SECONDS = 60
SUPERVISORD = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
minfds=256
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:victim]
command=/bin/sh -c "exit 3"
process_name=%(program_name)s_%(process_num)03d
numprocs={trials}
autostart=false
startretries=0
"""
SUPERVIGIL = """
[[supervisord]]
name = "bench"
url = "unix://{folder}/s.sock"
poll_interval = "{poll}ms"
[alert]
language = "en"
group_wait = "{wait}ms"
group_interval = "{interval}ms"
[[dingtalk]]
name = "ops"
webhook = "{webhook}?access_token=bench"
max_per_minute = 20
[http]
listen = "{listen}"
[storage]
path = "{folder}/supervigil.db"
"""


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target/release/supervigil", type=Path)
    parser.add_argument("--trials", default=20, type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sv", dir="/tmp") as folder, Leash("SUPERVIGIL_BENCH") as leash:
        latencies, of_transitions = measure(arguments, Path(folder), leash)
    bound = POLL_INTERVAL + GROUP_WAIT + ALLOWANCE
    print(f"FATAL visible -> DingTalk's request: median {statistics.median(latencies):.3f} s, "
          f"most {max(latencies):.3f} s of {len(latencies)}; the bound is {bound:.3f} s "
          f"(poll_interval {POLL_INTERVAL:g} s + group_wait {GROUP_WAIT:g} s + {ALLOWANCE:g} s)")
    print(f"the transition -> DingTalk's request: median {statistics.median(of_transitions):.3f} s, "
          f"most {max(of_transitions):.3f} s of {len(of_transitions)}; the bound is "
          f"{GROUP_WAIT + ALLOWANCE_OF_TRANSITION:.3f} s (group_wait {GROUP_WAIT:g} s + "
          f"{ALLOWANCE_OF_TRANSITION:g} s)")


def measure(arguments, folder, leash):
    def start(name, *command):
        with open(folder / f"{name}.out", "wb") as out:
            return subprocess.Popen(
                command, env=leash.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    start("dingtalk", sys.executable, ROOT / "tests/support/dingtalk.py", "--token", "bench",
          "--limit", "1000000")
    webhook = wait_for(lambda: address(folder / "dingtalk.out"), "the stand-in")
    facts = {"folder": folder, "trials": arguments.trials, "listen": listen, "webhook": webhook,
             "poll": int(POLL_INTERVAL * 1000), "wait": int(GROUP_WAIT * 1000),
             "interval": int(GROUP_INTERVAL * 1000)}
    (folder / "c.conf").write_text(SUPERVISORD.format(**facts))
    (folder / "supervigil.toml").write_text(SUPERVIGIL.format(**facts))
    start("supervisord", ROOT / ".venvs/supervisor-4.3.0/bin/supervisord", "-c", folder / "c.conf")
    wait_for(lambda: (folder / "s.sock").exists(), "supervisord")
    start("supervigil", arguments.binary, "--config", folder / "supervigil.toml", "run")
    wait_for(lambda: ready(listen), "supervigil")

    supervisord = xmlrpc.client.ServerProxy(
        "http://localhost", transport=UnixTransport(str(folder / "s.sock"))).supervisor
    latencies, of_transitions, begun = [], [], time.monotonic() - SPACING + GROUP_INTERVAL
    for trial in range(arguments.trials):
        program = f"victim_{trial:03}"
        # Out of step with the polls, after the last message's group_interval, and within the limit
        # of messages a minute, a quarter of which is kept for escalations.
        time.sleep(max(0.0, begun + SPACING - time.monotonic()) + random.uniform(0.2, 0.2 + POLL_INTERVAL))
        begun = time.monotonic()
        with contextlib.suppress(xmlrpc.client.Fault):  # it may be dead before the call returns
            supervisord.startProcess(f"victim:{program}", False)
        visible = wait_for(lambda: is_fatal(supervisord, program), f"{program} to go FATAL", 0.003)
        arrived = wait_for(lambda: told_at(webhook, program), f"the message about {program}")
        latencies.append(arrived - visible)
        of_transitions.append(arrived - seen_at(listen, program))
    return latencies, of_transitions


def address(out):
    words = out.read_text().split() if out.exists() else []
    return words[-1] if words else None


def ready(listen):
    try:
        with urlopen(f"http://{listen}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def is_fatal(supervisord, program):
    fatal = supervisord.getProcessInfo(f"victim:{program}")["statename"] == "FATAL"
    return time.time() if fatal else None


def told_at(webhook, program):
    with urlopen(webhook.removesuffix("/robot/send") + "/messages", timeout=5) as answer:
        messages = json.load(answer)
    times = [message["time"] for message in messages if program in message["body"]]
    return min(times, default=None)


def seen_at(listen, program):
    """The time of the program's transition to FATAL, as supervigil gives it: whole milliseconds."""
    with urlopen(f"http://{listen}/api/v1/transitions?limit=1000", timeout=5) as answer:
        transitions = json.load(answer)["transitions"]
    time, = [one["time"] for one in transitions if one["name"] == program and one["to"] == "FATAL"]
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


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
