#!/usr/bin/python3
"""Requests become envelopes, replies become answers; and every other end has its status.

usage: http_basic.py BUILD_DIR
"""
import os
import re
import signal
import socket
import ssl
import subprocess
import sys

import demo as e2e
import http_world as http

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def check(condition, what, found=None):
    e2e.check(condition, what if found is None else "%s: %r" % (what, found))


def seen(answer):
    """What the agent saw of a request to /see: its fields, and the headers."""
    fields, _, headers = answer.body.decode().partition("\n\n")
    return dict(line.split("=", 1) for line in fields.splitlines()), headers


def said(answer, status, text):
    check(answer and answer.status == status and text in answer.body.decode(), "expected %d (%s)" % (status, text), answer)


# ---- requests and answers ----

def methods(world):
    with world.connect() as client:
        for method in ("GET", "DELETE", "OPTIONS", "BREW", "M-SEARCH"):
            answer = client.ask(method, "/path?a=b")
            check((answer.status, answer.body) == (200, b"%s http://localhost/path?a=b\n" % method.lower().encode()),
                  method, answer)
        for method in ("POST", "PUT", "PATCH", "GET"):
            answer = client.ask(method, "/path", b"a body \0\xff")
            check((answer.status, answer.body) == (200, b"a body \0\xff"), method + " with a body", answer)
        answer = client.ask("HEAD", "/path")
        check(answer.status == 200 and answer.body == b"" and ("Content-Length", "27") in answer.headers, "HEAD", answer)
        big = os.urandom(1000000)
        check(client.ask("PUT", "/path", big).body == big, "a body of 1,000,000 bytes")
        client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = [client.answer().body, client.answer().body]
        check(answers == [b"get http://a/1\n", b"get http://a/2\n"], "two requests in one write", answers)


def request(world):
    headers = (("X-One", "1"), ("Accept", "a, b"), ("X-One", "again"), ("traceparent", TRACE))
    with world.connect() as client:
        fields, text = seen(client.ask("POST", "/see/%41?x=%2f&x=&y", b"12345", headers))
        other, _ = seen(client.ask("GET", "/see", headers=(("traceparent", TRACE[:-1] + "G"),)))
        client.send(b"GET /see HTTP/1.0\r\n\r\n")
        old, _ = seen(client.answer())
    check(text == "Host: localhost\nX-One: 1\nAccept: a, b\nX-One: again\ntraceparent: %s\nContent-Length: 5\n" % TRACE,
          "headers", text)
    expected = {"to": "test/skill:0.1.0", "sender": "valory/http_server:0.22.0", "operation": "post", "method": "post",
                "url": "http://localhost/see/%41?x=%2f&x=&y", "version": "", "body": "5", "traceparent": TRACE,
                "id": "1", "target": "0", "responder": "", "encoding": "0"}
    check({k: fields[k] for k in expected} == expected, "the request", fields)
    check(9000 <= int(fields["ttl"]) <= 10000, "what is left of the timeout", fields["ttl"])
    check(re.fullmatch("[0-9a-f]{32}", fields["starter"]) and fields["starter"] != other["starter"], "the reference", fields)
    check(other["traceparent"] == "" and other["operation"] == "get", "a bad traceparent", other)
    check(old["url"] == "http://127.0.0.1:%d/see" % world.port, "a request without Host", old)


def answers(world):
    with world.connect() as client:
        answer = client.ask("GET", "/status/404")
        expected = [("X-One", "1"), ("X-Two", "2"), ("Content-Length", "9")]
        check(answer.status == 404 and answer.body == b"the body\n", "404 of the agent", answer)
        check([h for h in answer.headers if h[0] != "Date"] == expected, "its headers", answer.headers)
        for status in (204, 304):
            answer = client.ask("GET", "/status/%d" % status)
            check(answer.status == status and answer.body == b"", "an answer without a body", answer)
        for status in (200, 299, 418, 500, 599):
            check(client.ask("GET", "/status/%d" % status).status == status, "status %d" % status)
        answer = client.ask("POST", "/headers", "X:\nY: \u00fc\r\nZ: a: b".encode())
        check(answer.status == 200 and ("Z", "a: b") in answer.headers, "headers of the agent's choice", answer)


def bad_answers(world):
    with world.connect() as client:
        for status in (-1, 0, 100, 199, 600, 1000):
            said(client.ask("GET", "/status/%d" % status), 502, "FAILED")
        for headers in ("no colon", "X Y: 1", "X: 1\n\nbody", "X: a\rSet-Cookie: b", "X: 1\n Y: 2", ": 1", "X: \u0001",
                        "\n".join("X: %d" % i for i in range(65)), "X: " + "a" * 9000):
            said(client.ask("POST", "/headers", headers.encode()), 502, "FAILED")
        said(client.ask("GET", "/wrong"), 502, "FAILED")
        check(client.ask("GET", "/").status == 200, "and the connection goes on")
    for text in ("its status code is not between 200 and 599", "its headers are not lines of", "it is not a response",
                 "more headers than max_headers", "longer than max_header_bytes"):
        world.wait_said("http_agent: an answer ended FAILED: no answer for HTTP: .*" + text)


def basic(world):
    world.start()
    methods(world)
    request(world)
    answers(world)
    bad_answers(world)
    world.ask()  # the stub beside it


# ---- ends ----

def no_answer(world):
    """504, and nothing is left of it: the late answer ends FAILED at its sender."""
    world.start()
    clients = [world.connect() for _ in range(20)]
    for client in clients:
        client.send_request("GET", "/hold")
    for client in clients:
        said(client.answer(), 504, "Gateway Timeout")
    said(world.get("/bytes"), 504, "Gateway Timeout")
    world.wait_said("an answer ended MALFORMED: no answer for HTTP: ")
    world.release()
    e2e.wait_for(lambda: len(re.findall(r"ended FAILED: the request [0-9a-f]{32} is not waiting for an answer any more",
                                        world.output())) == 20, e2e.ANSWER, "late answers are told")
    for client in clients:  # the same connections; as many as may be in flight
        client.send_request("GET", "/again")
    for client in clients:
        check(client.answer().body == b"get http://localhost/again\n", "an answer in time")
        client.close()


def overload(world):
    world.start()
    clients = [world.connect() for _ in range(4)]
    for client in clients:
        client.send_request("GET", "/hold")
    world.wait_held(4)
    with world.connect() as client:
        for body in (b"", b"a body"):
            answer = client.ask("POST", "/", body)
            said(answer, 503, "too many requests are under way")
            check(("Retry-After", "1") in answer.headers, "Retry-After", answer)
        world.release()
        for held in clients:
            check(held.answer().body == b"released\n", "a held request has its answer")
            held.close()
        check(client.ask("GET", "/").status == 200, "and then there is room again")


def chunks(*sizes):
    return b"".join(b"%x\r\n" % n + b"x" * n + b"\r\n" for n in sizes)


def bodies(world):
    """max_body_bytes 1000, max_body_total 2500."""
    world.start()
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    with world.connect() as client:
        check(client.ask("POST", "/", b"x" * 1000).body == b"x" * 1000, "a body as long as is allowed")
        said(client.ask("POST", "/", b"x" * 1001), 413, "the body")
        client.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(600, 400, 0))
        check(client.answer().body == b"x" * 1000, "the same in chunks")
        client.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(600, 401, 0))
        said(client.answer(), 413, "the body")
        client.send(head + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        while b"100 Continue\r\n\r\n" not in client.buffer:
            check(client.more(), "100 Continue")
        client.send(b"hello")
        check(client.answer().body == b"hello", "and its answer")
        client.send(head + b"Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
        said(client.answer(), 413, "the body")
        check(client.at_end(), "a body that nobody waits for ends the connection")
    with world.connect() as client:
        try:
            client.send(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(5000000))
        except ConnectionError:
            pass  # cut before all was written
        answer = client.answer()
        check(answer is None or answer.status == 413, "a body that does not end", answer)
    first, second = world.connect(), world.connect()
    for client in (first, second):
        client.send(head + b"Content-Length: 1000\r\n\r\n" + b"x")
        e2e.wait_for(lambda: world.get("/").status == 200, 10, "requests without a body pass")
    said(world.connect().ask("POST", "/", b"x" * 900), 503, "too many bodies")
    for client in (first, second):
        client.send(b"x" * 999)
        check(client.answer().body == b"x" * 1000, "those that had room have their answers")
        client.close()
    check(world.connect().ask("POST", "/", b"x" * 900).status == 200, "and then there is room again")


def ends(world):
    """What the agent's side does with a request: max_envelope is 64 KiB."""
    world.start()
    with world.connect() as client:
        said(client.ask("GET", "/nack"), 502, "FAILED")
        said(client.ask("POST", "/", b"x" * 100000), 413, "TOO_BIG")
        said(client.ask("POST", "/abort", b"x"), 502, "OUTCOME_UNKNOWN")
        check(client.ask("GET", "/").status == 200, "the next agent process answers")
        check(seen(client.ask("GET", "/see"))[0]["encoding"] == "1", "in msgpack")


def poison(world):
    """A request that may be repeated is, until its receiver has died of it as often as is allowed."""
    world.start()
    said(world.get("/abort"), 502, "POISON")


def nobody(world):
    """The agent's process runs and never attaches: DISCONNECTED, after `hold`."""
    world.start(wait=False)
    world.wait_connected((e2e.BROKER, http.HTTP))
    answer = world.get("/")
    said(answer, 503, "DISCONNECTED")
    check(("Retry-After", "1") in answer.headers, "Retry-After", answer)
    world.stop()


# ---- the end of the process ----

def refusal(client):
    answer = client.ask("GET", "/")
    return None if answer and answer.status == 200 else answer


def drain(world):
    """SIGTERM: what is in flight is answered, nothing new is taken, and the exit status is 0."""
    world.start()
    held, open_one = world.connect(), world.connect()
    check(open_one.ask("GET", "/").status == 200, "an open connection")
    held.send_request("GET", "/hold")
    world.wait_held(1)
    world.kill(http.HTTP, signal.SIGTERM)
    answer = e2e.wait_for(lambda: refusal(open_one), e2e.ANSWER, "a refusal")
    said(answer, 503, "SHUTDOWN")
    check(("Connection", "close") in answer.headers and open_one.at_end(), "the open connection ends", answer)
    try:
        http.Client(world.port).close()
        raise e2e.Failed("a new connection was accepted")
    except ConnectionRefusedError:
        pass
    world.release()
    check(held.answer().body == b"released\n", "the request in flight has its answer")
    world.wait_said("http_server.0: exit status 0")
    world.wait_connected((http.HTTP,))
    check(world.get("/").status == 200, "the next process answers")


# ---- TLS ----

def tls(world):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
                   cwd=world.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    world.start()
    context = ssl.create_default_context(cafile=os.path.join(world.dir, "cert.pem"))
    body = os.urandom(300000)
    with world.connect(tls=context) as client:
        fields, _ = seen(client.ask("GET", "/see"))
        check(fields["url"] == "https://localhost/see", "the scheme", fields)
        check(client.ask("POST", "/", body).body == body, "a body of 300,000 bytes")
        check(client.socket.version() in ("TLSv1.2", "TLSv1.3"), "version", client.socket.version())
    with world.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        check(client.answer() is None, "plain text has no answer")


# ---- configuration ----

WRONG = (
    ({"port": 70000}, r"config\.port: expected 0 to 65535, found 70000"),
    ({"target_skill_id": "null"}, r"config\.target_skill_id: expected a public id such as acme/skill:1\.0\.0, found nothing"),
    ({"target_skill_id": "skill"}, r"config\.target_skill_id: expected a public id .*, found skill"),
    ({"timeout": 0}, r"config\.timeout: expected seconds above 0, at most 86400, found 0"),
    ({"timeout": "inf"}, r"config\.timeout: expected seconds above 0, at most 86400, found inf"),
    ({"timeout": "soon"}, r"config\.timeout: expected seconds above 0, at most 86400, found soon"),
    ({"max_in_flight": 2000}, r"config\.max_in_flight: expected 1 to 1024, found 2000"),
    ({"header_timeout": -1}, r"config\.header_timeout: expected 1 to 86400, found -1"),
    ({"encoding": "json"}, r"config\.encoding: expected protobuf or msgpack, found json"),
    ({"ssl_cert": "cert.pem"}, r"Please specify both ssl_cert and ssl_key or neither\."),
    ({"ssl_cert": "none.pem", "ssl_key": "none.pem"}, r"config\.ssl_cert: read .*/none\.pem: No such file"),
    ({"ssl_cert": "agent.yaml", "ssl_key": "agent.yaml"}, r"cannot start: "),
    ({"host": "999.1.2.3"}, r"config\.host: 999\.1\.2\.3: "),
    ({"host": "192.0.2.1"}, r"bind 192\.0\.2\.1:\d+: Cannot assign requested address"),
)


def wrong(pattern):
    def test(world):
        world.start(wait=False)
        e2e.wait_for(lambda: os.path.exists(os.path.join(world.run, "up.json")), e2e.START, "the run directory")
        e2e.wait_for(lambda: re.search(pattern, world.ps().get(http.HTTP, {}).get("reason", "")), e2e.START,
                     "the reason %r" % pattern)
        world.stop()
        world.up = None
    test.__name__ = "config: %s" % pattern[:40]
    return test


def taken(world):
    """The port is somebody else's, then not any more."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", world.port))
        other.listen()
        world.start(wait=False)
        world.wait_said(r"bind 127\.0\.0\.1:%d: Address already in use" % world.port)
    world.wait_connected()
    check(world.get("/").status == 200, "connected once the port is free")


sys.exit(http.main(
    ({}, basic),
    ({"config": {"timeout": 1.5, "max_in_flight": 20}}, no_answer),
    ({"config": {"max_in_flight": 4}}, overload),
    ({"config": {"max_body_bytes": 1000, "max_body_total": 2500}}, bodies),
    ({"config": {"encoding": "msgpack"}, "patchbay": {"max_envelope": "64KiB"}}, ends),
    ({"patchbay": {"max_attempts": 2}}, poison),
    ({"patchbay": {"hold": "200ms", "grace": 0}, "agent": "/bin/sleep, '1000'"}, nobody),
    ({}, drain),
    ({"config": {"ssl_cert": "cert.pem", "ssl_key": "key.pem"}}, tls),
    ({}, taken),
    *(({"config": config}, wrong(pattern)) for config, pattern in WRONG)))
