#!/usr/bin/env python3
"""What supervigil weighs, and what it costs a supervisord: `make bench` prints a table.

For each number of programs, a supervisord of its own runs that many sleepers. Its CPU is measured
without supervigil, then with supervigil at its default interval; then supervisord is stopped
(SIGSTOP) and /metrics has to answer as before. Where Debian's prometheus-node-exporter is there, its
supervisord collector is asked at the same time."""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests/support"))
from leash import Leash

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SCRAPES = 200
PATIENCE_SECONDS = 60
NODE_EXPORTER = Path("/usr/bin/prometheus-node-exporter")
SUPERVISORD = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
minfds=4096
minprocs=64
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:sleeper]
command=/bin/sleep 1000000
process_name=%(program_name)s_%(process_num)04d
numprocs={programs}
"""
SUPERVIGIL = """
[[supervisord]]
name = "bench"
url = "unix://{folder}/s.sock"
[http]
listen = "{listen}"
[storage]
path = "{folder}/supervigil.db"
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target/release/supervigil", type=Path)
    parser.add_argument("--seconds", default=60, type=float, help="of each measurement; twice that from "
                        "500 programs on, where polls are far apart")
    parser.add_argument("--programs", default=[10, 100, 200, 1000], type=int, nargs="+")
    arguments = parser.parse_args()
    print("programs  supervisord's CPU, % of a core   supervigil        /metrics, ms       supervisord stopped, ms")
    print("          alone   watched   for us         CPU %   RSS MB    median   99th    99th   node_exporter")
    for programs in arguments.programs:
        with tempfile.TemporaryDirectory(prefix="sv", dir="/tmp") as folder:
            with Leash("SUPERVIGIL_BENCH") as leash:
                measure(arguments, programs, Path(folder), leash)


def measure(arguments, programs, folder, leash):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    facts = {"folder": folder, "programs": programs, "listen": listen}
    (folder / "c.conf").write_text(SUPERVISORD.format(**facts))
    (folder / "supervigil.toml").write_text(SUPERVIGIL.format(**facts))

    def start(name, *command):
        with open(folder / f"{name}.out", "wb") as out:
            return subprocess.Popen(
                command, env=leash.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    venv = ROOT / ".venvs/supervisor-4.3.0/bin"
    supervisord = start("supervisord", venv / "supervisord", "-c", folder / "c.conf")
    wait_until(lambda: started(folder) >= programs, "the programs to run")
    seconds = arguments.seconds * (2 if programs >= 500 else 1)
    alone = cpu_percent(supervisord.pid, seconds)

    supervigil = start("supervigil", arguments.binary, "--config", folder / "supervigil.toml", "run")
    metrics = f"http://{listen}/metrics"
    wait_until(lambda: running(metrics) >= programs, "supervigil to see them run")
    begun = cpu_seconds(supervigil.pid)
    watched = cpu_percent(supervisord.pid, seconds)
    own = 100 * (cpu_seconds(supervigil.pid) - begun) / seconds
    answers = [scrape_ms(metrics) for _ in range(SCRAPES)]
    supervisord.send_signal(signal.SIGSTOP)
    stopped = [scrape_ms(metrics) for _ in range(SCRAPES)]
    print(f"{programs:8}  {alone:5.2f}   {watched:7.2f}   {watched - alone:6.2f}  "
          f"{own:12.2f}   {rss_mb(supervigil.pid):6.1f}   {statistics.median(answers):7.2f}   "
          f"{p99(answers):4.2f}   {p99(stopped):5.2f}   {peer_ms(start, folder)}", flush=True)
    # The leash ends the rest.
    supervigil.kill()
    supervigil.wait()
    supervisord.kill()
    supervisord.wait()


def p99(answers):
    return statistics.quantiles(answers, n=100)[98]


def peer_ms(start, folder):
    """One scrape of node_exporter's collector of the same supervisord."""
    if not NODE_EXPORTER.exists():
        return "(not installed)"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    start("node_exporter", NODE_EXPORTER, "--collector.disable-defaults", "--collector.supervisord",
          f"--collector.supervisord.url=unix://{folder}/s.sock", f"--web.listen-address={listen}")
    wait_until(lambda: answers(f"http://{listen}/"), "node_exporter")
    begun = time.perf_counter()
    with urlopen(f"http://{listen}/metrics", timeout=30) as answer:
        answer.read()
    return f"{1000 * (time.perf_counter() - begun):.0f}"


def answers(url):
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def started(folder):
    """Programs that supervisord counts as running, by its log."""
    log = folder / "supervisord.log"
    return log.read_text().count("success: ") if log.exists() else 0


def running(metrics):
    try:
        with urlopen(metrics, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return sum(line.startswith("supervisord_process_up{") and line.endswith(" 1") for line in lines)


def scrape_ms(metrics):
    """A scrape as Prometheus makes it: OpenMetrics, by gzip."""
    request = Request(metrics, headers={
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
        "Accept-Encoding": "gzip"})
    begun = time.perf_counter()
    with urlopen(request, timeout=5) as answer:
        answer.read()
    return 1000 * (time.perf_counter() - begun)


def cpu_percent(pid, seconds):
    begun, cpu = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - cpu) / (time.monotonic() - begun)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def rss_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"bench: waited {PATIENCE_SECONDS} s in vain for {what}.")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
