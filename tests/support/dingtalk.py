#!/usr/bin/env python3
"""A stand-in for a DingTalk robot: it takes what the real one takes and refuses what that refuses.

It needs nothing but Python 3. Its first line of output is `listening on URL`, with the address that a
configuration takes as `webhook` (without the access token).

    POST /robot/send     the robot
    POST /script         a JSON list of answers; each following request to the robot uses one up:
                         {"errcode": N, "errmsg": "..."}  that refusal (or success, for 0)
                         {"http": 500, "body": "...", "headers": {...}}   that status
                         {"hang": true}                   no answer at all
                         {"close": true}                  the connection ends without an answer
                         {"garbage": "text"}              HTTP 200 with that body
                         {"take": true, "close": true}    taken, but nobody is told
    GET  /messages       every request to the robot: when, what, whether it was accepted and why not
    GET  /shown          what people see: accepted messages, each msgUuid once
"""

import argparse
import base64
import collections
import hashlib
import hmac
import json
import re
import sys
import threading
import time
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BODY_MAX = 20_000
CLOCK_MAX_MS = 60 * 60 * 1000
WINDOW_S = 60.0
HANG_S = 120.0
WIDTH = 44


class Robot:
    """What the robot knows; one lock guards all of it."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.script = collections.deque(options.script)
        self.requests = []
        self.shown = []
        self.uuids = set()
        self.accepted_at = collections.deque()
        self.frozen_until = 0.0

    def receive(self, path, query, headers, body):
        """Judges one request; returns how to answer it."""
        with self.lock:
            answer = self.script.popleft() if self.script else None
            refusal, message = self.check(path, query, headers, body)
            if answer is None:
                answer = refusal or self.success(path)
                accepted = refusal is None
            else:
                # A scripted answer takes the message where it says so, and never a wrong one.
                scripted = answer.get("take") or answer.get("errcode") == 0
                accepted = refusal is None and bool(scripted)
            uuid = message.get("msgUuid") if isinstance(message, dict) else None
            self.requests.append({
                "time": time.time(),
                "accepted": accepted,
                "answer": answer,
                "refusal": refusal,
                "uuid": uuid,
                "query": {key: values[0] for key, values in query.items()},
                "message": message,
                "body": body.decode("utf-8", "replace"),
            })
            if accepted:
                self.show(uuid, message)
            return answer

    def success(self, _path):
        return {"errcode": 0, "errmsg": "ok"}

    def check(self, path, query, headers, body):
        """The checks of the real robot, in its order; the first that fails is the answer."""
        options = self.options
        message = parse(body)
        if path != "/robot/send":
            return {"errcode": 404, "errmsg": "no such path"}, message
        if query.get("access_token", [None])[0] != options.token:
            return {"errcode": 300001, "errmsg": "token is not exist"}, message
        if not headers.get("Content-Type", "").startswith("application/json"):
            return {"errcode": 43004, "errmsg": "invalid Content-Type"}, message
        if options.secret and (refusal := self.check_signature(query)):
            return refusal, message
        if len(body) > BODY_MAX:
            return {"errcode": 460101, "errmsg": "message too long"}, message
        if (wrong := shape_error(message)) is not None:
            return {"errcode": 40035, "errmsg": wrong}, message
        if options.keyword and options.keyword not in visible_text(message):
            return {"errcode": 310000, "errmsg": "keywords not in content"}, message
        return self.check_pace(message), message

    def check_signature(self, query):
        timestamp = query.get("timestamp", [""])[0]
        if not re.fullmatch(r"\d{13}", timestamp):
            return {"errcode": 310000, "errmsg": "invalid timestamp"}
        if abs(time.time() * 1000 - int(timestamp)) > CLOCK_MAX_MS:
            return {"errcode": 310000, "errmsg": "invalid timestamp"}
        secret = self.options.secret.encode()
        text = timestamp.encode() + b"\n" + secret
        expected = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(expected, query.get("sign", [""])[0]):
            return {"errcode": 310000, "errmsg": "sign not match"}
        return None

    def check_pace(self, message):
        now = time.monotonic()
        too_fast = {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
        if self.options.limit == 0:
            return None
        if now < self.frozen_until:
            return too_fast
        while self.accepted_at and now - self.accepted_at[0] >= WINDOW_S:
            self.accepted_at.popleft()
        if len(self.accepted_at) >= self.options.limit:
            self.frozen_until = now + self.options.freeze
            return too_fast
        self.accepted_at.append(now)
        return None

    def show(self, uuid, message):
        if uuid in self.uuids:
            return
        if uuid:
            self.uuids.add(uuid)
        self.shown.append({"time": time.time(), "uuid": uuid, "message": message})
        if self.options.print:
            print(phone(message), flush=True)


def parse(body):
    try:
        return json.loads(body)
    except ValueError:
        return None


def shape_error(message):
    """What is wrong with a message's form; none where nothing is."""
    if not isinstance(message, dict):
        return "not a JSON object"
    kind = message.get("msgtype")
    fields = {"text": ["content"], "markdown": ["title", "text"]}.get(kind)
    if fields is None:
        return "unknown msgtype"
    part = message.get(kind)
    if not isinstance(part, dict):
        return f"missing {kind}"
    for field in fields:
        if not isinstance(part.get(field), str) or not part[field].strip():
            return f"missing {kind}.{field}"
    at = message.get("at", {})
    lists = ("atMobiles", "atUserIds")
    if not isinstance(at, dict) or any(
        not all(isinstance(name, str) for name in at.get(key, [])) for key in lists
    ):
        return "invalid at"
    if not isinstance(at.get("isAtAll", False), bool):
        return "invalid at.isAtAll"
    return None


def visible_text(message):
    part = message[message["msgtype"]]
    return part.get("title", "") + part.get("text", "") + part.get("content", "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        address = urlsplit(self.path)
        if address.path == "/script":
            with self.server.robot.lock:
                self.server.robot.script.extend(json.loads(body))
            return self.answer_json(200, {})
        query = parse_qs(address.query, keep_blank_values=True)
        answer = self.server.robot.receive(address.path, query, self.headers, body)
        if answer.get("hang"):
            self.server.robot.stopped.wait(HANG_S)
        if answer.get("hang") or answer.get("close"):
            self.close_connection = True
        elif "garbage" in answer:
            self.answer(200, str(answer["garbage"]).encode())
        elif "http" in answer:
            body = str(answer.get("body", "")).encode()
            self.answer(answer["http"], body, headers=answer.get("headers", {}))
        else:
            self.answer_json(200, answer)

    def do_GET(self):
        robot = self.server.robot
        with robot.lock:
            lists = {"/messages": list(robot.requests), "/shown": list(robot.shown)}
        if self.path in lists:
            self.answer_json(200, lists[self.path])
        else:
            self.answer(404, b"")

    def answer_json(self, status, value):
        self.answer(status, json.dumps(value, ensure_ascii=False).encode(), "application/json")

    def answer(self, status, body, kind="text/plain", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet: what was received is at /messages."""


# How a phone shows a message, for --print.

BOLD, BLUE, DIM, OFF = "\x1b[1m", "\x1b[1;34m", "\x1b[2m", "\x1b[0m"


def phone(message):
    """The message in a box, its markdown rendered as far as phones do."""
    kind = message["msgtype"]
    part = message[kind]
    text = part["text"] if kind == "markdown" else part["content"]
    at = message.get("at", {})
    names = [*at.get("atMobiles", []), *at.get("atUserIds", [])]
    names += ["all"] if at.get("isAtAll") else []
    lines = []
    for line in text.split("\n"):
        style, line = (plain_line if kind == "text" else markdown_line)(line.rstrip())
        for piece in wrap(line):
            lines.append(paint(piece, style, names))
    while lines and not lines[-1].strip():
        lines.pop()
    lines = [line for at, line in enumerate(lines) if line.strip() or lines[at - 1].strip()]
    clock = time.strftime("%H:%M")
    top = f"╭─ DingTalk {clock} " + "─" * (WIDTH - 15) + "╮"
    body = [f"│ {line}{' ' * (WIDTH - width(line))} │" for line in lines]
    return "\n".join([top, *body, "╰" + "─" * (WIDTH + 2) + "╯"])


def plain_line(line):
    return "", line


def markdown_line(line):
    heading = re.match(r"#{1,6} +(.*)", line)
    style = ""
    if heading:
        style, line = BOLD, heading[1]
    elif line.startswith("> "):
        style, line = DIM, "▏" + line[2:]
    elif line.startswith("- "):
        line = "• " + line[2:]
    line = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1 (\2)", line)
    line = re.sub(r"(?<!\\)\*\*(.+?)\*\*", r"\1", line)
    line = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", line)
    return style, line.replace("&lt;", "<").replace("&amp;", "&")


def paint(piece, style, names):
    for name in names:
        piece = piece.replace(f"@{name}", f"{BLUE}@{name}{OFF}{style}")
    return f"{style}{piece}{OFF}" if style else piece


def width(text):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(cell(char) for char in text)


def cell(char):
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(line):
    """Breaks a line where a phone would: at a space, or between any two wide characters."""
    pieces, piece = [], ""
    for char in line:
        if width(piece) + cell(char) > WIDTH:
            kept, space, moved = piece.rpartition(" ")
            breaks_at_space = space and cell(char) == 1 and width(moved) < WIDTH // 2
            pieces.append(kept if breaks_at_space else piece)
            piece = moved if breaks_at_space else ""
        piece += char
    return [*pieces, piece]


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--token", default="token", help="the access token that is known")
    parser.add_argument("--secret", default="", help="the signing secret; empty: no signature needed")
    parser.add_argument("--keyword", default="", help="the keyword; empty: none needed")
    parser.add_argument("--limit", type=int, default=20, help="messages a minute; 0: any number")
    parser.add_argument("--freeze", type=float, default=600.0, help="seconds of quiet after too many")
    parser.add_argument("--script", default="", metavar="FILE", help="a JSON list of answers")
    parser.add_argument("--print", action="store_true", help="show each message as a phone would")
    parsed = parser.parse_args()
    if parsed.script:
        with open(parsed.script, encoding="utf-8") as file:
            parsed.script = json.load(file)
    else:
        parsed.script = []
    return parsed


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that went away is nothing to tell of."""


def serve(robot, path):
    server = Server(("127.0.0.1", robot.options.port), Handler)
    server.robot = robot
    port = server.server_address[1]
    print(f"listening on http://127.0.0.1:{port}{path}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    server.robot.stopped.set()
    return 0


if __name__ == "__main__":
    sys.exit(serve(Robot(options("A stand-in for a DingTalk robot.")), "/robot/send"))
