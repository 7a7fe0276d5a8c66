#!/usr/bin/env python3
"""supervigil at work: a real supervisord with programs that fail, and a stand-in for DingTalk that
prints what people would see. `make demo` runs this; nothing stays behind when it ends."""

import argparse
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(ROOT / "tests/support"))
from leash import Leash  # ends whatever the demo started, even if the demo is killed

TOKEN = "demo"
SECRET = "SECdemo"
# Two Python programs start on a busy machine.
PATIENCE_SECONDS = 30

GUIDE = """
  The page       http://{listen}/
  For Prometheus http://{listen}/metrics
  Incidents      http://{listen}/api/v1/incidents
  supervisorctl  {supervisorctl} -c {here}/supervisord.conf -s unix://{folder}/s.sock
                 (stop, start or restart something: it is yours, and nobody is told)

  What will happen, a few seconds earlier or later:
     5 s  DingTalk shows that es_node_a is FATAL: supervisord has given up on it.
     7 s  supervigil starts it. It goes FATAL again; nobody is told twice.
    15 s  supervigil starts it once more, and it stays up.
    21 s  zh_log ends with 3, and supervisord leaves it down.
    25 s  DingTalk shows that es_node_a is well again and that zh_log is down, with the Chinese end
          of its log. supervigil starts it.
    35 s  zh_log is well again, until its next crash.
  All the while:
          worker dies every 4 s and supervisord restarts it; the page and /metrics count it.
          migrate ended well, web runs: not a word about them.

  {end}. Logs and state are in {folder} until then.
"""


def main():
    arguments = parse_arguments()
    # Ctrl-C, a closed terminal and `kill` all end the demo the same way: in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="sv", dir="/tmp") as folder, Leash("SUPERVIGIL_DEMO") as leash:
        Demo(arguments, Path(folder), leash).run()


def parse_arguments():
    parser = argparse.ArgumentParser(description="supervigil at work, with everything around it")
    parser.add_argument("--binary", default=ROOT / "target/release/supervigil", type=Path)
    parser.add_argument("--supervisor", default=ROOT / ".venvs/supervisor-4.3.0/bin", type=Path,
                        help="the folder of supervisord and supervisorctl")
    parser.add_argument("--language", default="en", help="of the messages: zh or en")
    parser.add_argument("--seconds", default=0, type=float, help="end by itself; 0: on Ctrl-C")
    arguments = parser.parse_args()
    # LANGUAGE may be the environment's own, as in `zh_CN:zh`.
    arguments.language = "zh" if arguments.language.startswith("zh") else "en"
    for needed in (arguments.binary, arguments.supervisor / "supervisord"):
        if not needed.exists():
            sys.exit(f"demo: {needed} is not there: run it as `make demo`.")
    return arguments


class Demo:
    def __init__(self, arguments, folder, leash):
        self.arguments = arguments
        self.folder = folder
        self.listen = f"127.0.0.1:{free_port(9877)}"
        self.environment = {
            **leash.environment,
            "DEMO_FOLDER": str(folder),
            "DEMO_SUPERVISORD": f"unix://{folder}/s.sock",
            "DEMO_LANGUAGE": arguments.language,
            "DEMO_SECRET": SECRET,
            "DEMO_LISTEN": self.listen,
        }

    def run(self):
        dingtalk = self.start_dingtalk()
        supervisord = self.start(
            "supervisord", self.arguments.supervisor / "supervisord", "-c", HERE / "supervisord.conf")
        begun = time.monotonic()
        supervigil = self.start(
            "supervigil", self.arguments.binary, "--config", HERE / "supervigil.toml", "run")
        children = {"supervisord": supervisord, "supervigil": supervigil, "dingtalk.py": dingtalk}
        try:
            self.wait_until_it_listens(children)
            self.say_what_is_to_be_seen()
            self.watch(children, begun)
        finally:
            # In order, before the others end, which would be incidents. The leash is for those:
            # supervisord takes a second for each of its programs.
            end(supervigil)

    def start(self, name, *command):
        """Starts a process of its own group, which the terminal's Ctrl-C does not reach."""
        with open(self.folder / f"{name}.out", "wb") as out:
            return subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)

    def start_dingtalk(self):
        """Its first line names its address; what people see follows on the demo's own output."""
        said = self.folder / "dingtalk.py.out"
        child = self.start(
            "dingtalk.py", sys.executable, "-u", ROOT / "tests/support/dingtalk.py",
            "--token", TOKEN, "--secret", SECRET, "--print")
        self.shown = open(said, encoding="utf-8", errors="replace")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "\n" not in said.read_text(encoding="utf-8", errors="replace"):
            self.check({"dingtalk.py": child})
            if time.monotonic() > deadline:
                sys.exit("demo: the DingTalk stand-in does not say where it listens.")
            time.sleep(0.05)
        first = self.shown.readline().strip()
        if not first.startswith("listening on "):
            sys.exit(f"demo: the DingTalk stand-in said this first: {first}")
        url = first.removeprefix("listening on ")
        self.environment["DEMO_WEBHOOK"] = f"{url}?access_token={TOKEN}"
        return child

    def wait_until_it_listens(self, children):
        host, port = self.listen.split(":")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.check(children)
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"demo: supervigil does not listen on {self.listen}.")

    def say_what_is_to_be_seen(self):
        seconds = self.arguments.seconds
        print(GUIDE.format(
            listen=self.listen, here=HERE, folder=self.folder,
            supervisorctl=f"DEMO_FOLDER={self.folder} {self.arguments.supervisor / 'supervisorctl'}",
            end=f"It ends after {seconds:g} s" if seconds else "Ctrl-C ends it",
        ), flush=True)

    def watch(self, children, begun):
        """Passes on what people see, each message with the time since supervisord was started."""
        while True:
            now = time.monotonic() - begun
            for line in self.shown.read().splitlines():
                when = f"{now:3.0f} s" if line.startswith("╭") else ""
                print(f"{when:7}{line}", flush=True)
            if self.arguments.seconds and now >= self.arguments.seconds:
                return
            self.check(children)
            time.sleep(0.1)

    def check(self, children):
        """A process that ended by itself ends the demo, with its last words."""
        for name, child in children.items():
            if child.poll() is not None:
                words = (self.folder / f"{name}.out").read_text(encoding="utf-8", errors="replace")
                sys.exit(f"demo: {name} ended with {child.returncode}:\n{words[-2000:]}")


def free_port(wanted):
    """The wanted port, else one near it, of those that the kernel gives to nobody by itself."""
    for port in [wanted, *random.sample(range(20000, 32000), 100)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit("demo: no free port on 127.0.0.1.")


def end(child):
    """In order, and after ten seconds at once."""
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    main()
