#!/usr/bin/python3
"""What is posted becomes envelopes, and its source is told what became of it: nothing that was answered 200 is lost.

usage: webhook.py BUILD_DIR
"""
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import sys

import web_world as of
from web_world import check, e2e, same

import msgpack

HTTP = "valory/http:1.0.0"
REFUSED = 19
KEY = b"It's a Secret to Everybody"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Hook(of.World):
    """The agent does with an event what its path's query says: `hold` it, `fail` it, else settle it."""

    def __init__(self, config=(), patchbay=(), key=None):
        super().__init__("fetchai/webhook:0.20.6", "webhook_port",
                         {"webhook_address": "127.0.0.1", "webhook_url_path": "/hook", "target_skill_id": of.SKILL, "encoding": "msgpack",
                          **dict(config)}, patchbay)
        self.got, self.held = [], []
        if key:
            with open(os.path.join(self.dir, "key"), "wb") as f:
                f.write(key)

    def take(self, e):
        e.fields = msgpack.unpackb(e.message)
        e.contents = e.fields[5]
        self.got.append(e)
        query = e.contents["url"].partition("?")[2]
        if query == "hold":
            self.held.append(e)
        elif query == "fail":
            self.node.fail(e, "no such branch")
        else:
            self.node.finish(e)

    def post(self, query="", *options, data="{}"):
        return self.curl("/hook" + query, "--data-binary", data, *options)

    def begin_post(self, query):
        return self.begin_curl("/hook" + query, "--data-binary", "{}")

    def wait_held(self, n):
        self.poll_until(lambda: len(self.held) == n, "%d are held" % n)


def said(answer, status, text):
    same((answer.status, answer.body.decode()), (status, text + "\n"), "the answer")
    same(answer.headers.get("retry-after"), "1" if status == 503 else None, "Retry-After")
    same(answer.headers["connection"], "close", "Connection")


# ---- what arrives ----

def message(world):
    """Everything as AEA has it, to the byte."""
    body = os.urandom(1000)
    with open(world.dir + "/body", "wb") as f:
        f.write(body)
    said(world.curl("/hook?a=%20b", "--data-binary", "@%s/body" % world.dir, "-H", "X-Event: push", "-H", "x-event: \u00fc\"", "-H",
                    "traceparent: " + TRACE, "-H", "Content-Type: x/y", "-H", "User-Agent: us"), 200, "OK (settled)")
    e, = world.got
    same((e.to, e.sender, e.protocol), (of.SKILL, world.public_id, HTTP), "the envelope")
    meta = dict(e.meta)
    check(0 < meta.pop("ttl") <= 30000, "its time to live is the timeout")
    same(meta, {"operation": "post", "traceparent": TRACE}, "its metadata")
    number, starter, responder, target, performative, contents = e.fields
    check(re.fullmatch("[0-9a-f]{32}", starter), "the starter's reference: %r" % starter)
    same((number, responder, target, performative), (1, "", 0, "request"), "the place in a dialogue")
    same((contents["method"], contents["version"], contents["body"]), ("POST", "1.1", body), "the contents")
    same(contents["url"], "http://127.0.0.1:%d/hook?a=%%20b" % world.port, "the url")
    same(json.loads(contents["headers"]), {"Host": "127.0.0.1:%d" % world.port, "Accept": "*/*", "X-Event": "push, \u00fc\"",
                                           "traceparent": TRACE, "Content-Type": "x/y", "User-Agent": "us", "Content-Length": "1000"},
         "the headers")
    same(world.post().status, 200, "another")
    check(world.got[1].fields[1] != starter, "a reference came twice")


def sizes(world):
    """To the byte; with and without a length; what `Expect` asks before is told before."""
    fits, long = "x" * 50000, "x" * 50001
    for options in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
        same(world.post("", *options, data=fits).status, 200, "%s fits" % (options,))
        same(world.got[-1].contents["body"], fits.encode(), "what fits")
        said(world.post("", *options, data=long), 413, "Content Too Large (the body)")
    answer, over = world.raw(HEAD + b"Content-Length: 50001\r\nExpect: 100-continue\r\n\r\n")
    check(answer and answer.status == 413 and over, "before its body has come: %r" % answer)
    same(world.post(data="").status, 200, "nothing")
    same(len(world.got), 4, "events")


# ---- how it ends ----

def ends(world):
    """Each end has its status; and no answer before that."""
    curl = world.begin_post("?hold")
    world.wait_held(1)
    same(world.post().status, 200, "another goes on meanwhile")
    check(curl.poll() is None, "answered before it was settled")
    world.node.finish(world.held[0])
    said(world.end_curl(curl), 200, "OK (settled)")
    said(world.post("?fail"), 503, "Service Unavailable (FAILED)")
    said(world.post(data="x" * 20000), 413, "Content Too Large (TOO_BIG)")
    put = world.node.put(world.public_id, of.SKILL, HTTP, b"anything")
    world.poll_until(lambda: put.code is not None, "an end")
    same((put.code, put.text), (REFUSED, "this connection sends nothing"), "what an agent sends ends")


def late(world):
    """What is not settled in time may be so later: its source does not know."""
    said(world.post("?hold"), 504, "Gateway Timeout (the agent has not settled it in time)")
    world.node.finish(world.held[0])


def agent_dies(world):
    """Its next process is given the event again, and then its source has 200."""
    curl = world.begin_post("?hold")
    world.wait_held(1)
    world.lose_agent()
    check(curl.poll() is None, "answered before it was settled")
    world.begin_agent()
    world.wait_held(2)
    again = world.held[1]
    check(again.redelivered and again.message == world.held[0].message, "given again: %r" % again)
    world.node.finish(again)
    said(world.end_curl(curl), 200, "OK (settled)")


def no_agent(world):
    """Its source is told to come again, and what became of it."""
    world.node.close()
    world.node = None
    answer = world.post()
    said(answer, 503, "Service Unavailable (%s)" % ("DISCONNECTED" if b"DISCONNECTED" in answer.body else "OUTCOME_UNKNOWN"))
    world.begin_agent()
    said(world.post(), 200, "OK (settled)")


def webhook_dies(world):
    """Its sources see that: nothing was answered."""
    curl = world.begin_post("?hold")
    world.wait_held(1)
    pid = world.pids()[world.key]
    world.kill(world.key)
    same(world.end_curl(curl).status, 0, "without a process")
    world.node.finish(world.held[0])
    world.wait_again(pid)
    said(world.post(), 200, "OK (settled)")


def at_once(world):
    """200 before anything is settled; what then ends otherwise is a line in the log."""
    curl = world.begin_post("?hold")
    said(world.end_curl(curl), 200, "OK (taken)")
    world.wait_held(1)
    check("ttl" not in dict(world.held[0].meta), "what was answered 200 may expire")
    world.node.finish(world.held[0])
    said(world.post("?fail"), 200, "OK (taken)")
    world.poll_until(lambda: "a request that was answered 200 has ended FAILED" in world.output(), "a line in the log")


def too_many(world):
    """max_in_flight, of those that wait; then there is room again."""
    curls = [world.begin_post("?hold") for _ in range(2)]
    world.wait_held(2)
    said(world.post(), 503, "Service Unavailable (too many requests are under way)")
    for e in world.held:
        world.node.finish(e)
    for curl in curls:
        said(world.end_curl(curl), 200, "OK (settled)")
    said(world.post(), 200, "OK (settled)")


def bodies(world):
    """max_body_total counts what waits, too; then there is room again."""
    curl = world.begin_curl("/hook?hold", "--data-binary", "x" * 60000)
    world.wait_held(1)
    for options in ((), ("-H", "Transfer-Encoding: chunked")):
        said(world.post("", *options, data="x" * 60000), 503, "Service Unavailable (too much is under way)")
    said(world.post(data="x" * 30000), 200, "OK (settled)")
    world.node.finish(world.held[0])
    said(world.end_curl(curl), 200, "OK (settled)")
    said(world.post(data="x" * 60000), 200, "OK (settled)")


def end(world):
    """What the agent has is waited for, and nobody else is let in; then everything ends well."""
    curl = world.begin_post("?hold")
    world.wait_held(1)
    os.kill(world.pids()[world.key], signal.SIGTERM)
    world.poll_until(lambda: world.post().status == 0, "nobody is let in")
    check(curl.poll() is None, "answered before it was settled")
    world.node.finish(world.held[0])
    said(world.end_curl(curl), 200, "OK (settled)")
    world.poll_until(lambda: "webhook.0: exit status 0;" in world.output(), "its end")


# ---- who may ----

def signed(world):
    digits = hmac.new(KEY, b"{}", hashlib.sha256).hexdigest()
    for value in (digits, "sha256=" + digits, "sha256=" + digits.upper()):
        said(world.post("", "-H", "X-Signature: " + value), 200, "OK (settled)")
    good = len(world.got)
    for header in ("X-Signature: sha256=" + digits[:-1] + ("0" if digits[-1] != "0" else "1"), "X-Signature;", "X-Signature: sha1=" + digits,
                   "X-Hub-Signature-256: sha256=" + digits):
        said(world.post("", "-H", header), 403, "Forbidden (the signature)")
    said(world.post("", "-H", "X-Signature: sha256=" + digits, data="{ }"), 403, "Forbidden (the signature)")
    same(len(world.got), good, "events")


HEAD = b"POST /hook HTTP/1.1\r\nHost: h\r\n"
BAD = (
    (b"POST /hook HTTP/1.1\r\n\r\n", 400), (HEAD + b"Host: h\r\n\r\n", 400), (b"POST /hook HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501), (HEAD + b"X: \xff\r\n\r\n", 400), (HEAD + b"X Y: z\r\n\r\n", 400),
    (HEAD + b"X: " + b"y" * 8192 + b"\r\n\r\n", 431), (HEAD + b"X: y\r\n" * 101 + b"\r\n", 431),
    (b"POST http://h/hook HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"POST /hook/ HTTP/1.1\r\nHost: h\r\n\r\n", 404), (b"POST /Hook HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 404), (b"POST /hook2 HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    (b"GET /hook HTTP/1.1\r\nHost: h\r\n\r\n", 405), (b"PUT /hook?x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 405),
    (b"post /hook HTTP/1.1\r\nHost: h\r\n\r\n", 405),
)


def refused(world):
    """None of it reaches the agent; and a connection brings one request, whatever comes behind it."""
    for data, status in BAD:
        answer, over = world.raw(data)
        check(answer and over and answer.status == status, "%r: %r, expected %d" % (data[:60], answer, status))
        same(dict(answer.headers).get("Allow"), "POST" if status == 405 else None, "Allow")
    same(world.got, [], "events")
    with of.http_world.Client(world.port) as one:
        one.send((HEAD + b"Content-Length: 2\r\n\r\n{}") * 2)
        world.poll_until(lambda: world.got, "an event")
        same(one.answer().status, 200, "the first")
        check(one.at_end(), "the second was answered")
    same(len(world.got), 1, "events")
    said(world.curl("/", "-d", "x"), 404, "Not Found (nothing is here)")


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def is_served(one):
    try:
        one.send(HEAD + b"Content-Length: 2\r\n\r\n{}")
        return one.answer() is not None
    except ConnectionError:
        return False


def crowd(world):
    """max_connections_per_address, of which loopback is exempt; then max_connections, for everybody."""
    address, silent = own_address(), []
    if address:
        silent = [of.http_world.Client(world.port, host=address) for _ in range(2)]
        with of.http_world.Client(world.port, host=address) as third:
            check(not is_served(third), "a third of one address was let in")
    else:
        print("this machine has no address but loopback: the limit for one address is not tested")
    said(world.post(), 200, "OK (settled)")
    silent += [of.http_world.Client(world.port) for _ in range(4 - len(silent))]
    late = world.begin_post("")
    check(silent[3].answer() is None, "who is silent is cut")
    said(world.end_curl(late), 200, "OK (settled)")
    for one in silent:
        one.close()


def slow(world):
    """Who is slow is cut, whatever he has said, and nobody else notices."""
    clients = [of.http_world.Client(world.port) for _ in range(3)]
    for one, begin in zip(clients, (b"", b"POST /ho", HEAD + b"Content-Length: 2\r\n\r\n{")):
        one.send(begin)
    said(world.post(), 200, "OK (settled)")
    for one in clients:
        check(one.answer() is None, "one who is slow was answered")
        one.close()
    same(len(world.got), 1, "events")


CASES = (({}, message), ({"config": {"max_body_bytes": 50000}}, sizes),
         ({"patchbay": {"max_envelope": "10KiB"}}, ends), ({"config": {"timeout": 2}}, late), ({}, agent_dies),
         ({"patchbay": {"hold": "200ms", "grace": "0"}}, no_agent), ({}, webhook_dies), ({"config": {"answer": "at_once"}}, at_once),
         ({"config": {"max_in_flight": 2}}, too_many),
         ({"config": {"max_body_total": 100000}}, bodies), ({}, end),
         ({"config": {"hmac_key_file": "key", "hmac_header": "X-Signature"}, "key": KEY + b"\n"}, signed), ({}, refused),
         ({"config": {"request_timeout": 4}}, slow),
         ({"config": {"webhook_address": "0.0.0.0", "request_timeout": 4, "max_connections": 4, "max_connections_per_address": 2}}, crowd))

sys.exit(of.main(Hook, *CASES))
