#!/usr/bin/python3
"""Envelopes become requests of a real server, its answers envelopes; and everything else has its answer 600.

usage: http_client.py BUILD_DIR
"""
import os
import re
import signal
import sys

import http_client_world as world_of
from http_client_world import check, e2e

MIB = 1 << 20
FAILED, MALFORMED = 24, 26
CROWD = 200
POOLED = 50


def failed(answer, text, detail):
    """An answer that no server gave."""
    check((answer.status_code, answer.status_text, answer.headers) == (600, text, "") and re.search(detail, answer.body.decode()),
          "expected 600 %s (%s), found %r" % (text, detail, answer))


def same(found, expected, what):
    check(found == expected, "%s: found %r, expected %r" % (what, found, expected))


# ---- requests and answers ----

def basic(world):
    agent, server = world.start(), world.serve()
    for method in ("get", "DELETE", "options", "patch", "put", "post"):
        same(agent.get(server.url("/method?a=b"), method=method).body, b"%s 0" % method.upper().encode(), method)
    for method in ("post", "put", "patch", "get", "delete"):
        same(agent.get(server.url("/method"), method=method, body=b"12345").body, b"%s 5" % method.upper().encode(), method + " with a body")
    head = agent.get(server.url("/size/10"), method="head")
    same((head.status_code, head.body, head.header("Content-Length")), (200, b"", ["10"]), "HEAD")
    answer = agent.get(server.url("/status/404/x"))
    same((answer.status_code, answer.status_text, answer.version, answer.performative), (404, "Not Found", "", "response"), "404")
    same((answer.message_id, answer.target), (-1, 1), "the place in the dialogue")
    check(re.fullmatch("[0-9a-f]{32}", answer.responder), "the responder's reference: %r" % answer.responder)
    same(agent.get("HTTP" + server.url("/echo#part")[4:], method="post", body=b"\0\xff").body, b"\0\xff", "bytes")


def headers(world):
    agent, server = world.start(), world.serve()
    sent = "X-One: 1\nX-Two:  a\tb \r\nX-Two: again\nX-Empty:\nContent-Length: 99\nTransfer-Encoding: chunked\nExpect: 100-continue\n" \
           "Connection: close\nHost: elsewhere"
    seen = agent.get(server.url("/headers"), method="post", body=b"x", headers=sent).body.decode()
    lines = [line for line in seen.replace("\r", "").split("\n") if line]
    same(sorted(line for line in lines if line.startswith(("X-", "Host"))),
         ["Host: elsewhere", "X-Empty: ", "X-One: 1", "X-Two: a\tb", "X-Two: again"], "headers of the agent")
    check("Content-Length: 1" in lines and not re.search("Content-Type|Transfer-Encoding|Expect|Connection", seen), "own headers: %r" % lines)
    strange = agent.get(server.url("/strange"))
    same((strange.status_code, strange.status_text, strange.body), (250, "Zürich  !", b"ok"), "a strange status line")
    same(strange.headers, "X-Latin: café\nX-Utf: café\nX-Two: 1\nX-Empty: \nX-Two: 2\nContent-Length: 2\n", "strange headers")


BAD = (
    ({"method": "GET / HTTP/1.1\r\nX: y"}, "its method"),
    ({"method": ""}, "its method"),
    ({"method": "connect"}, "CONNECT"),
    ({"method": "head", "body": b"x"}, "HEAD has no body"),
    ({"url": "http://127.0.0.1/\r\nX: y"}, "its url"),
    ({"url": "http://127.0.0.1/a b"}, "its url"),
    ({"url": "file:///etc/passwd"}, "its url"),
    ({"url": "127.0.0.1/"}, "its url"),
    ({"url": ""}, "its url"),
    ({"headers": "X: a\r\n\r\nGET /smuggled HTTP/1.1\r\n"}, "its headers"),
    ({"headers": "X: a\rY: b\n"}, "its headers"),
    ({"headers": "X : a\n"}, "its headers"),
    ({"headers": "no header\n"}, "its headers"),
    ({"headers": "X: y\n" * 257}, "256 headers"),
)


def refused(world):
    """What could be more than one request is not sent at all; what cannot be answered ends FAILED or MALFORMED."""
    agent, server = world.start(), world.serve()
    for fields, detail in BAD:
        failed(agent.get(**{"url": server.url("/echo"), **fields}), "The request cannot be made", detail)
    failed(agent.get("http://127.0.0.1:99999/"), "URL using bad/illegal format or missing URL", "")
    same(server.requests, [], "nothing was sent")
    answer = world_of.msgpack.packb([1, "d", "", 0, "response", {"version": "", "status_code": 200, "status_text": "", "headers": "", "body": b""}])
    for message, why in ((b"\xff no message", "malformed protobuf"), (b"", ""), (answer, "it is not a request"),
                         (agent.request(server.url("/echo"), starter="d", number=3), "it does not begin a dialogue"),
                         (agent.request(server.url("/echo"), starter=""), "it does not begin a dialogue"),
                         (agent.request(server.url("/echo"), starter="d", number=-1, target=1), "it does not begin a dialogue")):
        ask = agent.put(message)
        agent.wait(ask)
        code = MALFORMED if message in (b"\xff no message", b"") else FAILED
        check(ask.code == code and ask.put.text.startswith("no request for HTTP: ") and why in ask.put.text, "%r: %r" % (message[:40], ask))
    same(server.requests, [], "nothing was sent")
    same(agent.get(server.url("/echo")).status_code, 200, "and the rest goes on")


def sizes(world):
    """max_response and max_header_bytes to the byte; 1 MiB there and back."""
    agent, server = world.start(), world.serve()
    body = os.urandom(MIB)
    check(agent.get(server.url("/echo"), method="post", body=body).body == body, "1 MiB there and back")
    for path in ("/size/%d", "/chunked/%d"):
        same(len(agent.get(server.url(path % MIB)).body), MIB, path % MIB)
        failed(agent.get(server.url(path % (MIB + 1))), "Maximum file size exceeded", "longer than max_response")
    seen = agent.get(server.url("/headers"), method="post", body=body + b"x").body.decode()
    check("Content-Length: %d" % (MIB + 1) in seen and "Expect" not in seen, "a long body is sent at once: %r" % seen)
    same(agent.get(server.url("/size/%d" % (MIB + 1)), method="head").status_code, 200, "HEAD of what is too long")


def bodies(world):
    """max_header_bytes, over all redirects; max_body_total, in both directions."""
    agent, server = world.start(), world.serve()
    same(agent.get(server.url("/heads/3")).body, b"x", "3,000 bytes of headers")
    failed(agent.get(server.url("/heads/4")), "Maximum file size exceeded", "longer than max_header_bytes")
    failed(agent.get(server.url("/redirect/100")), "Maximum file size exceeded", "longer than max_header_bytes")
    failed(agent.get(server.url("/size/100000")), "Maximum file size exceeded", "max_body_total")
    failed(agent.get(server.url("/echo"), method="post", body=b"x" * 100000), "The request cannot be made", "max_body_total")
    asks = [agent.ask(server.url("/hold?%d" % n), method="post", body=b"x" * 40000) for n in range(5)]
    agent.poll_until(lambda: server.held == 2, "as many as there is room for")
    server.released.set()
    same([a.answer.body for a in agent.wait(*asks)], [b"released"] * 5, "the others had to wait")
    same(server.most, 2, "at the same time")


def envelope(world):
    """An answer that max_response allows and max_envelope does not."""
    agent, server = world.start(), world.serve()
    failed(agent.get(server.url("/size/100000")), "Maximum file size exceeded", "max_envelope")
    same(len(agent.get(server.url("/size/60000")).body), 60000, "what fits")
    try:
        agent.ask(server.url("/echo"), method="post", body=b"x" * (64 * MIB))
        raise e2e.Failed("64 MiB were taken")
    except ValueError:
        pass


def redirects(world):
    agent, server = world.start(), world.serve()
    same(agent.get(server.url("/redirect/3")).body, b"arrived", "within the limit")
    failed(agent.get(server.url("/redirect/4")), "Number of redirects hit maximum amount", "Maximum \\(3\\) redirects followed")
    for status, method, body, arrives in ((301, "post", b"12345", b"GET 0"), (302, "post", b"12345", b"GET 0"), (303, "post", b"12345", b"GET 0"),
                                          (307, "post", b"12345", b"POST 5"), (308, "post", b"12345", b"POST 5"), (302, "put", b"12345", b"PUT 5"),
                                          (303, "put", b"12345", b"GET 0"), (303, "delete", b"", b"GET 0"), (307, "delete", b"", b"DELETE 0")):
        same(agent.get(server.url("/status/%d/method" % status), method=method, body=body).body, arrives, "%s, %d" % (method, status))
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/"):
        failed(agent.get(server.url("/to?" + url)), "Unsupported protocol", "")
    secret = "Authorization: secret\nCookie: secret\nX-Mine: 1\n"
    other = world.serve()
    seen = agent.get(server.url("/to?" + other.url("/headers")), headers=secret).body.decode()
    check("X-Mine: 1" in seen and "secret" not in seen, "given to another server: %r" % seen)


def not_followed(world):
    agent, server = world.start(), world.serve()
    answer = agent.get(server.url("/redirect/1"))
    same((answer.status_code, answer.header("Location"), answer.body), (302, ["/redirect/0"], b"a redirect"), "max_redirects 0")


def failures(world):
    """No server, no name, no answer."""
    agent, server = world.start(), world.serve()
    failed(agent.get("http://127.0.0.1:%d/" % world_of.http_world.free_port()), "Couldn't connect to server", "Failed to connect to 127.0.0.1")
    nobody = agent.get("http://no-such-name.invalid/")  # a resolver that hears of nobody may take its time
    check((nobody.status_code, nobody.status_text) in ((600, "Couldn't resolve host name"), (600, "Timeout was reached")), repr(nobody))
    failed(agent.get(server.url("/silent")), "Timeout was reached", "no complete answer within the timeout")


# ---- many requests ----

def pool(world):
    agent, server = world.start(), world.serve()
    for n in range(POOLED):
        same(agent.get(server.url("/echo"), method="post", body=b"%d" % n).body, b"%d" % n, "request %d" % n)
    same((server.connections, len(server.requests)), (1, POOLED), "connections, requests")


def crowd(world):
    """All in flight at once; then each has its own answer."""
    agent, server = world.start(), world.serve()
    asks = [agent.ask(server.url("/hold?%d" % n)) for n in range(CROWD)]
    agent.poll_until(lambda: server.held == CROWD, "%d in flight" % CROWD)
    check(all(a.code is None for a in asks), "settled before its end")
    server.released.set()
    agent.wait(*asks)
    check(all(a.code == 0 and [x.body for x in a.answers] == [b"released"] for a in asks), "answers: %r" % asks)
    same(sorted(server.requests), sorted("GET /hold?%d" % n for n in range(CROWD)), "each was asked once")


def bounded(most):
    def test(world):
        """The rest waits, and nothing is lost."""
        agent, server = world.start(), world.serve()
        asks = [agent.ask(server.url("/hold?%d" % n)) for n in range(20)]
        agent.poll_until(lambda: server.held == most, "as many as may be in flight")
        server.released.set()
        agent.wait(*asks)
        check(all(a.code == 0 and a.answer.body == b"released" for a in asks), "answers: %r" % asks)
        same((server.most, len(server.requests)), (most, 20), "at the same time, and in all")
    test.__name__ = "bounded by %d" % most
    return test


def one_connection_that_ends(world):
    """A GET is sent again on a new connection, a POST is not."""
    agent, server = world.start(), world.serve()
    for _ in range(2):
        same(agent.get(server.url("/once")).body, b"once", "a GET")
    same(len(server.requests), 3, "the second GET was sent twice")
    failed(agent.get(server.url("/once"), method="post", body=b"x"), "Server returned nothing (no headers, no data)", "not sent again")
    same(server.requests[3:], ["POST /once"], "the POST was sent once")


# ---- TLS ----

def tls_refused(world):
    agent, server = world.start(), world.serve(world.dir + "/cert.pem")
    failed(agent.get(server.url("/echo", "localhost")), "SSL peer certificate or SSH remote key was not OK", "self.signed certificate")
    same(server.requests, [], "nothing was sent")


def tls_accepted(world):
    agent, server = world.start(), world.serve(world.dir + "/cert.pem")
    body = os.urandom(300000)
    check(agent.get(server.url("/echo", "localhost"), method="post", body=body).body == body, "with ca_file")
    failed(agent.get(server.url("/echo")), "SSL peer certificate or SSH remote key was not OK", "127.0.0.1")


def tls_unverified(world):
    agent, server = world.start(), world.serve(world.dir + "/cert.pem")
    same(agent.get(server.url("/echo"), method="post", body=b"x").body, b"x", "without verify_tls")


# ---- the HTTP server of this agent ----

def ours(world):
    """Agent, client, server and the agent again: 1 MiB there and back; a server that refuses more."""
    agent = world.start()
    url, body = "http://127.0.0.1:%d/path" % world.port, os.urandom(MIB)
    check(agent.get(url, method="post", body=body).body == body, "1 MiB through both")
    asks = agent.wait(*[agent.ask(url, method="put", body=b"request %d" % n) for n in range(CROWD)])
    same([a.answer.body for a in asks], [b"request %d" % n for n in range(CROWD)], "each has its own answer")
    same(agent.get(url, method="post", body=body + b"x").status_code, 413, "too long for the server")


# ---- the end of the process ----

def drain(world):
    """SIGTERM: what is in flight is waited for; what has not ended then is cancelled, and answered."""
    agent, server = world.start(), world.serve()
    held, silent = agent.ask(server.url("/hold")), agent.ask(server.url("/silent"), method="post")
    agent.poll_until(lambda: len(server.requests) == 2, "both are in flight")
    world.kill(world_of.KEY, signal.SIGTERM)
    agent.wait(silent)
    failed(silent.answer, "cancelled", "the connection goes down")
    failed(agent.wait(held)[0].answer, "cancelled", "the connection goes down")
    e2e.wait_for(lambda: "http_client.0: exit status 0" in world.output(), e2e.ANSWER, "exit status 0")
    same(agent.get(server.url("/echo")).status_code, 200, "the next process")


def drain_waits(world):
    agent, server = world.start(), world.serve()
    held = agent.ask(server.url("/hold"))
    agent.poll_until(lambda: server.held == 1, "it is in flight")
    world.kill(world_of.KEY, signal.SIGTERM)
    e2e.wait_for(lambda: "stopping: no request is begun any more, 1 under way" in world.output(), e2e.ANSWER, "it has noticed")
    later = agent.ask(server.url("/size/5"))
    agent.poll_until(lambda: world.given() == 2, "both are given")
    same(server.requests, ["GET /hold"], "nothing is begun any more")
    server.released.set()
    same(agent.wait(held)[0].answer.body, b"released", "what was in flight")
    same(agent.wait(later)[0].answer.body, b"xxxxx", "what came later is for the next process")
    same(sorted(server.requests), ["GET /hold", "GET /size/5"], "each was asked once")


# ---- configuration ----

WRONG = (
    ({"timeout": 0}, r"config\.timeout: expected 1 to 86400, found 0"),
    ({"max_requests": 1025}, r"config\.max_requests: expected 1 to 1024, found 1025"),
    ({"max_response": 15728641}, r"config\.max_response: expected 0 to 15728640, found 15728641"),
    ({"ca_file": "none.pem"}, r"config\.ca_file: read .*/none\.pem: No such file"),
)


def wrong(pattern):
    def test(world):
        e2e.Demo.start(world, wait=False)
        e2e.wait_for(lambda: os.path.exists(os.path.join(world.run, "up.json")), e2e.START, "the run directory")
        e2e.wait_for(lambda: re.search(pattern, world.ps().get(world_of.KEY, {}).get("reason", "")), e2e.START, "the reason %r" % pattern)
    test.__name__ = "config: %s" % pattern[:40]
    return test


BIG = {"max_envelope": "2MiB"}
os.environ["http_proxy"] = os.environ["https_proxy"] = "http://127.0.0.1:9"  # nothing of the environment is used
sys.exit(world_of.main(
    ({}, basic),
    ({}, headers),
    ({}, refused),
    ({"patchbay": BIG}, sizes),
    ({"config": {"max_header_bytes": 4000, "max_body_total": 99999, "max_redirects": 100}}, bodies),
    ({"patchbay": {"max_envelope": "64KiB"}}, envelope),
    ({"config": {"max_redirects": 3}}, redirects),
    ({"config": {"max_redirects": 0}}, not_followed),
    ({"config": {"timeout": 1}}, failures),
    ({}, pool),
    ({"config": {"max_per_host": 256}}, crowd),
    ({"config": {"max_requests": 10, "max_per_host": 2}}, bounded(2)),
    ({"config": {"max_requests": 3}}, bounded(3)),
    ({}, one_connection_that_ends),
    ({"certificate": True}, tls_refused),
    ({"certificate": True, "config": {"ca_file": "cert.pem"}}, tls_accepted),
    ({"certificate": True, "config": {"verify_tls": "false"}}, tls_unverified),
    ({"patchbay": BIG}, ours),
    ({"config": {"drain_timeout": 0}}, drain),
    ({}, drain_waits),
    *(({"config": config}, wrong(pattern)) for config, pattern in WRONG)))
