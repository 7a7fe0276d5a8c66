#!/usr/bin/env python3
"""A stand-in for robots of Feishu and WeCom and for Slack's incoming webhooks.

It takes what the real ones take and refuses what those refuse, as far as their public pages say. Its
options, `/script`, `/messages` and `/shown` are those of dingtalk.py beside it; its first line of output
is `listening on URL`, and below that URL are:

    POST /open-apis/bot/v2/hook/TOKEN       Feishu
    POST /cgi-bin/webhook/send?key=TOKEN    WeCom
    POST /services/T0/B0/TOKEN              Slack
"""

import base64
import hashlib
import hmac
import re
import sys
import time

import dingtalk

FEISHU = "/open-apis/bot/v2/hook/"
WECOM = "/cgi-bin/webhook/send"
SLACK = "/services/T0/B0/"

FEISHU_BODY_MAX = 20 * 1024
FEISHU_CLOCK_MAX_S = 60 * 60
WECOM_MAX = {"text": 2048, "markdown": 4096}
SLACK_TEXT_MAX = 40_000


class Robots(dingtalk.Robot):
    """Robots of every service, with one token and one script."""

    def success(self, path):
        if path.startswith(FEISHU):
            return {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
        if path.startswith(SLACK):
            return {"http": 200, "body": "ok"}
        return {"errcode": 0, "errmsg": "ok"}

    def check(self, path, query, headers, body):
        message = dingtalk.parse(body)
        is_json = headers.get("Content-Type", "").startswith("application/json")
        if path.startswith(FEISHU):
            return self.check_feishu(path, is_json, body, message), message
        if path == WECOM:
            return self.check_wecom(query, is_json, message), message
        if path.startswith(SLACK):
            return self.check_slack(path, is_json, message), message
        return {"http": 404, "body": "no such path"}, message

    def check_feishu(self, path, is_json, body, message):
        if path != FEISHU + self.options.token:
            return {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        if not is_json or not isinstance(message, dict) or len(body) > FEISHU_BODY_MAX:
            return {"code": 9499, "msg": "Bad Request", "data": {}}
        if self.options.secret and not self.is_signed(message):
            words = "sign match fail or timestamp is not within one hour from current time"
            return {"code": 19021, "msg": words}
        if message.get("msg_type") != "post":
            return {"code": 19002, "msg": "param invalid: msg_type"}
        try:
            visible = post_text(message)
        except (AssertionError, KeyError, TypeError, AttributeError):
            return {"code": 9499, "msg": "Bad Request: fail to parse content"}
        if self.options.keyword not in visible:
            return {"code": 19024, "msg": "Key Words Not Found"}
        return None

    def is_signed(self, message):
        timestamp, sign = message.get("timestamp"), message.get("sign")
        if not isinstance(timestamp, str) or not isinstance(sign, str):
            return False
        if not re.fullmatch(r"\d{10}", timestamp):
            return False
        if abs(time.time() - int(timestamp)) > FEISHU_CLOCK_MAX_S:
            return False
        key = f"{timestamp}\n{self.options.secret}".encode()
        expected = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        return hmac.compare_digest(expected, sign)

    def check_wecom(self, query, is_json, message):
        if query.get("key", [None])[0] != self.options.token:
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        if not is_json or not isinstance(message, dict):
            return {"errcode": 47001, "errmsg": "data format error"}
        kind = message.get("msgtype")
        if kind not in WECOM_MAX:
            return {"errcode": 40008, "errmsg": "invalid message type"}
        part = message.get(kind)
        content = part.get("content") if isinstance(part, dict) else None
        if not isinstance(content, str) or not content.strip():
            return {"errcode": 44004, "errmsg": "empty content"}
        if len(content.encode()) > WECOM_MAX[kind]:
            words = f"{kind}.content exceed max length {WECOM_MAX[kind]}. invalid Request Parameter"
            return {"errcode": 40058, "errmsg": words}
        if self.check_pace(message):
            return {"errcode": 45009, "errmsg": "api freq out of limit"}
        return None

    def check_slack(self, path, is_json, message):
        if path != SLACK + self.options.token:
            return {"http": 404, "body": "no_service"}
        if not is_json or not isinstance(message, dict):
            return {"http": 400, "body": "invalid_payload"}
        text = message.get("text")
        if not isinstance(text, str) or not text.strip():
            return {"http": 400, "body": "no_text"}
        if len(text) > SLACK_TEXT_MAX:
            return {"http": 400, "body": "msg_too_long"}
        return None


def post_text(message):
    """What is to be seen of a post of Feishu; raises where its form is wrong."""
    (post,) = message["content"]["post"].values()
    seen = [post["title"]]
    for line in post["content"]:
        assert isinstance(line, list) and line
        for element in line:
            fields = {"text": ["text"], "a": ["text", "href"], "at": ["user_id"]}[element["tag"]]
            assert all(isinstance(element[field], str) and element[field] for field in fields)
            seen.append(element.get("text", ""))
    return "\n".join(seen)


if __name__ == "__main__":
    robots = Robots(dingtalk.options("A stand-in for robots of Feishu, WeCom and Slack."))
    sys.exit(dingtalk.serve(robots, ""))
