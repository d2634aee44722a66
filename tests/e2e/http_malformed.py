#!/usr/bin/python3
"""Requests that must be refused, and legal ones that must not: http_malformed.json, whole and in pieces.

usage: http_malformed.py BUILD_DIR
Behind each stands a second request, "smuggled": it must not be answered, and the agent must never see it, unless the first
one was legal. `expect` lists statuses; "close" = the connection may end without an answer.
"""
import json
import os
import random
import socket
import sys

import demo as e2e
import http_world as http

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "http_malformed.json")
SECOND = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
PIECES = (1 << 20, 1, 7)  # bytes in a write
ROUNDS = 3
GROWTH = 4096  # KiB
GARBAGE = 500


def write(client, data, piece):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for i in range(0, len(data), piece):
            client.send(data[i:i + piece])
    except ConnectionError:
        pass  # refused before its end: the answer, if any, can still be read


def run(world, case, piece):
    with world.connect() as client:
        second = SECOND % (b"second" if 200 in case["expect"] else b"smuggled")
        write(client, case["request"].encode("latin-1") + second, piece)
        answer = client.answer()
        status = answer.status if answer else "close"
        e2e.check(status in case["expect"], "%s, %d bytes a write: %s" % (case["name"], piece, answer))
        if status == 200:
            return
        second = client.answer()
        e2e.check(second is None, "%s: the second request has an answer: %s" % (case["name"], second))


def limits(world):
    """Sizes, one byte below and one above."""
    line = "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
    base = len("GET / HTTP/1.1")
    header = "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n"
    sizes = (("request line of 4,096 bytes", line % ("x" * (4096 - base)), (200,)),
             ("request line of 4,097 bytes", line % ("x" * (4097 - base)), (414,)),
             ("request line of 100,000 bytes", line % ("x" * 100000), (414,)),
             ("64 headers", header % "".join("X: %d\r\n" % i for i in range(63)), (200,)),
             ("65 headers", header % "".join("X: %d\r\n" % i for i in range(64)), (431,)),
             ("one header of 8,000 bytes", header % ("X: " + "x" * 8000 + "\r\n"), (200,)),
             ("one header of 8,300 bytes", header % ("X: " + "x" * 8300 + "\r\n"), (431,)),
             ("one header of 100,000 bytes", header % ("X: " + "x" * 100000 + "\r\n"), (431,)),
             ("a cookie of 8,000 bytes", header % ("Cookie: a=" + "x" * 8000 + "\r\n"), (200,)),
             ("400 cookies", header % ("Cookie: " + "a=b; " * 400 + "\r\n"), (200,)),
             ("a query of 400 parameters", line % ("?" + "a&" * 400), (200,)),
             ("a query of 2,000 parameters", line % ("?" + "&" * 2000), (431, "close")),
             ("a method of 33 letters", "A" * 33 + " / HTTP/1.1\r\nHost: a\r\n\r\n", (501,)))
    for name, request, statuses in sizes:
        run(world, {"name": name, "request": request, "expect": list(statuses)}, PIECES[0])


def garbage(world, seed):
    """Legal requests with some bytes changed: whatever comes back, it comes, or the connection ends."""
    chance = random.Random(seed)
    clients = [world.connect() for _ in range(GARBAGE)]
    for client in clients:
        data = bytearray(b"POST /a?b=c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nX: y\r\n\r\nhello")
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(len(data))] = chance.choice(b"\0\r\n\t :0Z\xff")
        write(client, bytes(data), PIECES[0])
        client.socket.shutdown(socket.SHUT_WR)
    for client in clients:
        while client.more():
            pass
        client.close()


def test(world):
    with open(CASES) as f:
        cases = json.load(f)
    world.start()
    for case in cases:
        run(world, case, PIECES[0])
    before = world.rss()
    for _ in range(ROUNDS):
        for piece in PIECES:
            for case in cases:
                if 408 not in case["expect"]:  # they take their time
                    run(world, case, piece)
    limits(world)
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed %d" % seed)
    garbage(world, seed)
    after = world.rss()
    legal = sum(case["expect"] == [200] for case in cases)
    print("%d cases, %d of them legal, in %s bytes a write; %d requests of garbage; memory %d KiB before, %d after"
          % (len(cases), legal, list(PIECES), GARBAGE, before, after))
    e2e.check(world.get("/still").body == b"get http://localhost/still\n", "the server answers still")
    e2e.check(world.is_sanitized() or after - before < GROWTH, "memory has grown by %d KiB" % (after - before))
    e2e.check("what nobody sent" not in world.output(), "a smuggled request has reached the agent")
    e2e.check(world.pids()[http.HTTP] and "signal" not in world.output(), "the server's process has died")
    world.ask()


sys.exit(http.main(({"config": {"idle_timeout": 30}}, test)))
