#!/usr/bin/env python3
"""How soon and how surely supervigil knows of deaths, and what that costs: `make bench` prints it,
beside the bounds, at supervigil's defaults.

  latency  Random programs are killed at random moments: from right before kill(2) to the transition's
           own time.
  truth    Programs end by codes and signals chosen at random: each end must be told once, and rightly.
  cost     supervisord's CPU while nothing happens, with supervigil and without, and supervigil's own.

Processes are found in /proc and transitions are read afterwards, so that nothing but supervigil asks
supervisord anything. Each line ends with the host's load, as the others on it have their share in it."""

import argparse
import collections
import datetime
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tests/support"))
from leash import Leash

PATIENCE_SECONDS = 120
# By then the polls have told whatever the feeds have not, even at the longest interval that 1000
# programs get.
AFTERMATH_SECONDS = 30
# Between two deaths, on average. One in a second is still a bad day for 1000 programs.
CALM, STORM = 0.7, 0.2
# Bounds by number of programs: milliseconds to the 99th percentile; supervisord's CPU for us and our
# own in % of a core; MB.
LATENCY_MAX = {20: 25, 200: 50, 1000: 150}
FOR_US_MAX, OWN_MAX, RSS_MAX = {20: 0.3, 1000: 2}, {100: 0.2}, {100: 20, 1000: 32}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Not SIGPIPE: Python ignores it, and so do the programs that it starts.
SIGNALS = [signal.Signals[f"SIG{name}"] for name in (
    "HUP", "INT", "QUIT", "ILL", "ABRT", "FPE", "KILL", "SEGV", "ALRM", "TERM", "USR1", "USR2")]
ALIVE, DEAD = {"STARTING", "RUNNING", "STOPPING"}, {"EXITED", "BACKOFF", "FATAL", "STOPPED"}
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
"""
PROGRAMS = """
[program:{name}]
command={command}
process_name=%(program_name)s_%(process_num)04d
numprocs={programs}
autorestart=true
startsecs={startsecs}
stdout_logfile=NONE
stderr_logfile=NONE
"""
# It ends with the code that is written to the pipe of its name.
OBEDIENT = 'read code <"{folder}/$SUPERVISOR_PROCESS_NAME.pipe"\nexit "$code"\n'
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help="latency, truth, cost; all by default")
    parser.add_argument("--binary", default=ROOT / "target/release/supervigil", type=Path)
    parser.add_argument("--programs", type=int, nargs="+", help="instead of 20 100 200 1000")
    parser.add_argument("--kills", default=200, type=int, help="for the latency, at each number of programs")
    parser.add_argument("--deaths", default=1000, type=int, help="for the truth")
    parser.add_argument("--seconds", default=60, type=float, help="of each measurement of CPU; five times that "
                        "from 500 programs on, where polls are far apart")
    arguments = parser.parse_args()
    parts = arguments.parts or ["latency", "truth", "cost"]
    if "latency" in parts:
        print("death -> known, ms     p50    p90    p99    max   bound   seen by", flush=True)
        for programs in arguments.programs or [20, 200, 1000]:
            with Bench(arguments.binary, sleepers(programs)) as bench:
                measure_latency(bench, programs, arguments.kills)
    if "truth" in parts:
        with Bench(arguments.binary, obedient(25, 0) + obedient(25, 1)) as bench:
            measure_truth(bench, arguments.deaths)
    if "cost" in parts:
        print("idle, % of a core    supervisord alone   watched   for us (bound)   own (bound)   RSS MB (bound)",
              flush=True)
        for programs in arguments.programs or [20, 100, 1000]:
            with Bench(arguments.binary, sleepers(programs), watched=False) as bench:
                measure_cost(bench, programs, arguments.seconds * (5 if programs >= 500 else 1))


def sleepers(programs):
    return [("sleeper", "/bin/sleep 1000000", programs, 1)]


def obedient(programs, startsecs):
    return [(f"obedient{startsecs}", "/bin/sh {folder}/obedient.sh", programs, startsecs)]


class Bench:
    """A supervisord with programs, and a supervigil that watches it."""

    def __init__(self, binary, programs, watched=True):
        self.binary, self.programs, self.is_watched = binary, programs, watched
        self.names, self.transitions = {}, []

    def __enter__(self):
        self.leash = Leash("SUPERVIGIL_BENCH").__enter__()
        self.kept = tempfile.TemporaryDirectory(prefix="sv", dir="/tmp")
        self.folder = Path(self.kept.name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{probe.getsockname()[1]}"
        facts = {"folder": self.folder, "listen": self.listen}
        conf = SUPERVISORD.format(**facts)
        for name, command, programs, startsecs in self.programs:
            conf += PROGRAMS.format(name=name, command=command.format(**facts), programs=programs,
                                    startsecs=startsecs)
            if name.startswith("obedient"):
                for number in range(programs):
                    os.mkfifo(self.folder / f"{name}_{number:04}.pipe")
        (self.folder / "c.conf").write_text(conf)
        (self.folder / "obedient.sh").write_text(OBEDIENT.format(**facts))
        (self.folder / "supervigil.toml").write_text(SUPERVIGIL.format(**facts))
        supervisord = ROOT / ".venvs/supervisor-4.3.0/bin/supervisord"
        self.supervisord = self.start("supervisord", supervisord, "-c", self.folder / "c.conf")
        log, wanted = self.folder / "supervisord.log", sum(programs for _, _, programs, _ in self.programs)
        wait_until(lambda: log.exists() and log.read_text().count("success: ") >= wanted, "the programs")
        if self.is_watched:
            self.watch(wanted)
        return self

    def __exit__(self, *_):
        # supervigil first: else it has much to tell about what the leash ends.
        if self.is_watched:
            self.supervigil.kill()
        self.leash.__exit__()
        self.kept.cleanup()

    def start(self, name, *command):
        with open(self.folder / f"{name}.out", "wb") as out:
            return subprocess.Popen(
                command, env=self.leash.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def watch(self, wanted):
        self.is_watched = True
        self.supervigil = self.start(
            "supervigil", self.binary, "--config", self.folder / "supervigil.toml", "run")
        wait_until(lambda: self.running() >= wanted, "supervigil to see the programs run")
        # Its feeds are up, and it has seen that all is quiet.
        time.sleep(15)

    def running(self):
        try:
            with urlopen(f"http://{self.listen}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0
        return sum(line.startswith("supervisord_process_up{") and line.endswith(" 1") for line in lines)

    def processes(self):
        """The programs' present processes: pid -> name."""
        pid = self.supervisord.pid
        pids = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for child in pids:
            if child not in self.names:
                name = name_of(child)
                if name:
                    self.names[child] = name
        return {child: self.names[child] for child in pids if child in self.names}

    def read_transitions(self):
        """Adds what was told since it was read last; few enough at a time for one answer."""
        since = self.transitions[-1]["time"] if self.transitions else "1970-01-01T00:00:00Z"
        url = f"http://{self.listen}/api/v1/transitions?limit=1000&since={quote(since)}"
        with urlopen(url, timeout=30) as answer:
            latest = json.load(answer)["transitions"]
        if len(latest) >= 1000:
            sys.exit("bench: transitions were read too seldom.")
        # Those of the same millisecond are among the latest again.
        earlier = [known for known in self.transitions if known["time"] < since]
        self.transitions = earlier + latest[::-1]

    def deaths(self):
        """The ends that were told, by pid."""
        told = collections.defaultdict(list)
        for transition in self.transitions:
            if transition["from"] in ALIVE and transition["to"] in DEAD:
                told[transition["pid"]].append(transition)
        return told


def measure_latency(bench, programs, kills):
    killed = {}
    while len(killed) < kills:
        time.sleep(random.expovariate(1 / CALM))
        pid = random.choice([pid for pid in bench.processes() if pid not in killed])
        killed[pid] = time.time()
        os.kill(pid, signal.SIGKILL)
        if len(killed) % 100 == 0:
            bench.read_transitions()
    load = os.getloadavg()[0]
    time.sleep(AFTERMATH_SECONDS)
    bench.read_transitions()
    told = bench.deaths()
    latencies = [1000 * (seconds(told[pid][0]["time"]) - at) for pid, at in killed.items() if pid in told]
    seen_by = collections.Counter(told[pid][0]["seen_by"] for pid in killed if pid in told)
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
    p50, p90, p99 = (percentiles[place] for place in (49, 89, 98))
    seen_by = ", ".join(f"{feed} {count}" for feed, count in seen_by.most_common())
    bound = LATENCY_MAX.get(programs)
    print(f"{programs:5} programs, {kills:4} {p50:6.1f} {p90:6.1f} {p99:6.1f} {max(latencies):6.1f}   "
          f"{bound or '':5}   {seen_by}; {kills - len(latencies)} untold{verdict(p99, bound)}; "
          f"load {load:.1f}", flush=True)


def measure_truth(bench, deaths):
    truth = {}
    while len(truth) < deaths:
        time.sleep(random.expovariate(1 / STORM))
        alive = [(pid, name) for pid, name in bench.processes().items() if pid not in truth]
        if alive:
            pid, name = random.choice(alive)
            exit = end(pid, bench.folder / f"{name}.pipe")
            if exit:
                truth[pid] = name, exit
                if len(truth) % 50 == 0:
                    bench.read_transitions()
    load = os.getloadavg()[0]
    time.sleep(AFTERMATH_SECONDS)
    bench.read_transitions()
    told = bench.deaths()
    wrong, missed, invented = [], [], []
    for pid, (name, exit) in truth.items():
        if not told.get(pid):
            missed.append(f"missed: {name}, pid {pid}, {exit}")
        elif brief(told[pid][0]["exit"]) != exit:
            wrong.append(f"wrong: {name}, pid {pid}, {exit}: told {told[pid][0]}")
    for pid, transitions in told.items():
        extra = transitions[1:] if pid in truth else transitions
        invented += [f"invented: {transition}" for transition in extra]
    right = len(truth) - len(missed) - len(wrong)
    transitions = sum(map(len, told.values()))
    print(f"{len(truth)} deaths among 50 programs, {1 / STORM:g} a second: {transitions} transitions, {right} right "
          f"exits, {len(wrong)} wrong, {len(invented)} invented, {len(missed)} missed; load {load:.1f}")
    print(*(f"  {problem}" for problem in missed + wrong + invented), sep="\n", flush=True)


def measure_cost(bench, programs, seconds):
    alone = cpu_percent(bench.supervisord.pid, seconds)
    bench.watch(programs)
    begun = cpu_seconds(bench.supervigil.pid)
    watched = cpu_percent(bench.supervisord.pid, seconds)
    own = 100 * (cpu_seconds(bench.supervigil.pid) - begun) / seconds
    for_us, rss = watched - alone, rss_mb(bench.supervigil.pid)
    bounds = FOR_US_MAX.get(programs), OWN_MAX.get(programs), RSS_MAX.get(programs)
    verdicts = "".join(map(verdict, (for_us, own, rss), bounds))
    shown = [f"({bound})" if bound else "" for bound in bounds]
    print(f"{programs:5} programs, {seconds:3.0f} s {alone:18.2f} {watched:9.2f} {for_us:8.2f} {shown[0]:7}"
          f" {own:6.2f} {shown[1]:6} {rss:8.1f} {shown[2]:6}{verdicts}; load {os.getloadavg()[0]:.1f}", flush=True)


def verdict(value, bound):
    return " MISSES ITS BOUND" if bound and value > bound else ""


def end(pid, pipe):
    """Has a program end by itself, or kills it; says how, or none where it is not ready yet."""
    if random.random() < 0.5:
        chosen = random.choice(SIGNALS)
        os.kill(pid, chosen)
        return chosen.name
    code = random.choice([0, 1, 2, 3, 127, 255, random.randrange(256)])
    try:
        # It fails unless the program has the other end open.
        writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
    os.write(writing, f"{code}\n".encode())
    os.close(writing)
    return str(code)


def brief(exit):
    return exit and str(exit.get("signal", exit.get("code")))


def name_of(pid):
    """Of a program that supervisord has started in full: a fork of it has no name yet."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    names = [entry.split(b"=", 1)[1].decode() for entry in environment
             if entry.startswith(b"SUPERVISOR_PROCESS_NAME=")]
    return names[0] if names else None


def seconds(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


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
