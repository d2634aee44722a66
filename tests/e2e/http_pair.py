#!/usr/bin/python3
"""The HTTP client of one agent asks the HTTP server of another one on the same broker: long bodies, TLS, no answer, a killed client.

usage: http_pair.py BUILD_DIR
"""
import os
import re
import subprocess
import sys
import threading
import time

import http_client_world as world_of
from http_client_world import check, client, e2e, msgpack

MIB = 1 << 20
HUGE = 63 * MIB  # the longest envelope is 64 MiB, all of it
EACH = 5
FAILED, OUTCOME_UNKNOWN = 24, 22
HTTP = e2e.HTTP
NO_TLS = "SSL peer certificate or SSH remote key was not OK"


class Answerer:
    """The other agent, in a thread. /bytes/N is answered with N bytes, /hold once it is released, everything else with its body."""

    def __init__(self, run):
        self.node = client.Node("ipc://%s/broker.ipc" % run, client.AGENT, "answerer", "answerer", on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None
        self.held, self.asked, self.answers = [], [], []
        self.released, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.node.poll(20)
            while self.released.is_set() and self.held:
                self.answer(*self.held.pop(), b"released")
        self.node.close()

    def take(self, e):
        fields = msgpack.unpackb(e.message)
        path = "/" + fields[5]["url"].split("/", 3)[3]
        self.asked.append("%s %s" % (fields[5]["method"], path))
        if path.startswith("/hold"):
            self.held.append((e, fields))
        elif path.startswith("/bytes/"):
            self.answer(e, fields, b"x" * int(path[7:]))
        else:
            self.answer(e, fields, fields[5]["body"])

    def answer(self, e, fields, body):
        contents = {"version": "", "status_code": 200, "status_text": "", "headers": "", "body": body}
        message = msgpack.packb([-1, fields[1], fields[2], 1, "response", contents])
        self.answers.append(self.node.put(e.sender, e.to, e.protocol, message, reply_to=e.reply_to))
        self.node.finish(e)

    def close(self):
        self.over.set()
        self.thread.join(e2e.ANSWER)
        check(not self.thread.is_alive(), "the answerer hangs")


class Pair(world_of.World):
    """`patchbay up` with both agents; config: keys of http_client, server: of http_server, patchbay: of the broker."""

    def __init__(self, config=(), server=(), patchbay=()):
        e2e.Demo.__init__(self)
        self.port = world_of.http_world.free_port()
        self.agent = self.answerer = None
        self.servers = []
        keys = {"port": self.port, "target_skill_id": world_of.SKILL, "encoding": "msgpack", **dict(server)}
        self.write(self.yaml, "asker", world_of.CLIENT, config, {"heartbeat": "200ms", **dict(patchbay)})
        self.write(self.other(), "answerer", world_of.SERVER, keys, {})
        if "ssl_cert" in keys:
            self.make_certificates()

    def other(self):
        return os.path.join(self.dir, "answerer.yaml")

    def write(self, path, agent, public_id, config, patchbay):
        with open(path, "w") as f:
            f.write("agent_name: %s\nconnections: [%s]\n" % (agent, public_id))
            f.write("patchbay:\n" + "".join("  %s: %s\n" % item for item in patchbay.items()) if patchbay else "")
            f.write(self.override(public_id, dict(config)))

    def openssl(self, *arguments):
        subprocess.run(("openssl",) + arguments, cwd=self.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make_certificates(self):
        """An authority, ca.pem; another one of the same name, other.pem; and the server's certificate, signed by the first."""
        for name in ("ca", "other"):
            self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Authority", "-keyout", name + ".key",
                         "-out", name + ".pem")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        with open(os.path.join(self.dir, "server.ext"), "w") as f:
            f.write("subjectAltName=DNS:localhost\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile",
                     "server.ext", "-out", "server.pem")

    def start(self):
        e2e.Demo.start(self, wait=False, more=(self.other(),))
        self.wait_connected((e2e.BROKER, world_of.KEY, HTTP))
        self.agent, self.answerer = world_of.Agent(self.run), Answerer(self.run)
        return self.agent, self.answerer

    def url(self, path, scheme="http", host="127.0.0.1"):
        return "%s://%s:%d%s" % (scheme, host, self.port, path)

    def stop(self):
        if self.answerer:
            self.answerer.close()
        super().stop()


def failed(answer, text, detail):
    """An answer that no server gave, with its reason."""
    check((answer.status_code, answer.status_text, answer.headers) == (600, text, "") and re.search(detail, answer.body.decode()),
          "expected 600 %s (%s), found %r" % (text, detail, answer))


# ---- bodies ----

def long_bodies(world):
    """Several of 1 MiB at a time, each there and back."""
    agent, _ = world.start()
    bodies = [os.urandom(MIB) for _ in range(EACH)]
    asks = agent.wait(*[agent.ask(world.url("/%d" % i), method="post", body=body) for i, body in enumerate(bodies)])
    check([a.answer.body for a in asks] == bodies, "1 MiB there and back, of each its own")


def too_long(world):
    """Each side refuses what is longer than its limit allows, and says so; then it goes on."""
    agent, answerer = world.start()
    failed(agent.get(world.url("/bytes/%d" % HUGE)), "Maximum file size exceeded", "longer than max_response")
    with world_of.http_world.Client(world.port) as raw:
        raw.send(b"POST /raw HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        answer = raw.answer()
        check(answer and answer.status == 413, "64 MiB announced: %s" % answer)
    answer = agent.get(world.url("/huge"), method="post", body=b"x" * HUGE)
    check(answer.status_code == 413, "the server's refusal: %r" % answer)
    check(answerer.asked == ["get /bytes/%d" % HUGE], "a refused request came: %s" % answerer.asked)
    check(agent.get(world.url("/"), method="post", body=b"on").body == b"on", "and both go on")


# ---- TLS ----

def tls_good(world):
    agent, _ = world.start()
    body = os.urandom(MIB)
    check(agent.get(world.url("/", "https", "localhost"), method="post", body=body).body == body, "1 MiB over TLS")


def tls_wrong_name(world):
    agent, answerer = world.start()
    failed(agent.get(world.url("/", "https")), NO_TLS, "127.0.0.1")
    check(agent.get(world.url("/", "https", "localhost"), method="post", body=b"x").body == b"x", "by its name")
    check(answerer.asked == ["post /"], "something was sent: %s" % answerer.asked)


def tls_unknown_issuer(world):
    """ca_file has an authority of the same name and another key."""
    agent, answerer = world.start()
    failed(agent.get(world.url("/", "https", "localhost")), NO_TLS, "certificate")
    check(not answerer.asked, "something was sent: %s" % answerer.asked)


# ---- no answer ----

def client_timeout(world):
    """The client's time is over long before the server's."""
    agent, answerer = world.start()
    began = time.monotonic()
    failed(agent.get(world.url("/hold"), method="post"), "Timeout was reached", "no complete answer within the timeout")
    print("600 after %.2f s of 1" % (time.monotonic() - began))
    check(agent.get(world.url("/")).status_code == 200, "the next request")
    answerer.released.set()
    agent.poll_until(lambda: len(answerer.answers) == 2 and all(put.code is not None for put in answerer.answers), "the late answer has ended")


def server_timeout(world):
    agent, answerer = world.start()
    began = time.monotonic()
    answer = agent.get(world.url("/hold"), method="post")
    check((answer.status_code, answer.body) == (504, b"Gateway Timeout (the agent has not answered in time)\n"), "found %r" % answer)
    print("504 after %.2f s of 1" % (time.monotonic() - began))
    answerer.released.set()
    agent.poll_until(lambda: answerer.answers and answerer.answers[0].code is not None, "the late answer has ended")
    late = answerer.answers[0]
    check(late.code == FAILED and "is not waiting for an answer any more" in late.text, "it ended %s" % late)


# ---- kill -9 ----

def killed(world):
    """The client dies while the other agent has its requests, which are answered once the next client asks again: one request at a
    time, as after each death."""
    agent, answerer = world.start()
    gets = [agent.ask(world.url("/hold?%d" % i)) for i in range(EACH)]
    posts = [agent.ask(world.url("/hold?%d" % i), method="post", body=b"x") for i in range(EACH)]
    agent.poll_until(lambda: len(answerer.held) == 2 * EACH, "all are in flight")
    check(all(a.code is None for a in gets + posts), "settled before its end")
    world.kill(world_of.KEY)
    agent.poll_until(lambda: len(answerer.held) > 2 * EACH and world.ps()[world_of.KEY]["restarts"] == 1, "the next client asks again")
    answerer.released.set()
    agent.wait(*gets, *posts)
    check(agent.get(world.url("/"), method="post", body=b"on").body == b"on", "and all go on")
    check([(a.code, [x.body for x in a.answers]) for a in gets] == [(0, [b"released"])] * EACH, "each GET one answer: %r" % gets)
    check([(a.code, a.answers) for a in posts] == [(OUTCOME_UNKNOWN, [])] * EACH, "each POST unknown, and no answer: %r" % posts)
    check(sorted(answerer.asked[2 * EACH:-1]) == ["get /hold?%d" % i for i in range(EACH)], "asked again: %s" % answerer.asked)
    check(not agent.foreign, "answers that nobody has asked for: %r" % agent.foreign)
    check(world.ps()[HTTP]["restarts"] == 0, "the server has ended")
    print("%d GET answered once, %d POST OUTCOME_UNKNOWN" % (len(gets), len(posts)))


BIG = {"max_envelope": "2MiB"}
BIGGEST = {"max_envelope": "64MiB", "memory_budget": "512MiB"}
TLS = {"ssl_cert": "server.pem", "ssl_key": "server.key"}
world_of.World = Pair  # main makes one for each
sys.exit(world_of.main(
    ({"patchbay": BIG}, long_bodies),
    ({"patchbay": BIGGEST}, too_long),
    ({"patchbay": BIG, "server": TLS, "config": {"ca_file": "ca.pem"}}, tls_good),
    ({"server": TLS, "config": {"ca_file": "ca.pem"}}, tls_wrong_name),
    ({"server": TLS, "config": {"ca_file": "other.pem"}}, tls_unknown_issuer),
    ({"config": {"timeout": 1}, "server": {"timeout": 60}}, client_timeout),
    ({"server": {"timeout": 1}}, server_timeout),
    ({}, killed)))
