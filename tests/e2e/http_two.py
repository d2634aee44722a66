#!/usr/bin/python3
"""Two HTTP servers on one port behind one agent: every answer reaches its own client.

usage: http_two.py BUILD_DIR
"""
import sys
import time

import demo as e2e
import http_world as http

REQUESTS = 10000
CLIENTS = 64
INSTANCES = 2


def instance(i):
    return http.HTTP[:2] + (str(i),)


def test(world):
    world.start()
    clients = [world.connect() for _ in range(CLIENTS)]
    began = time.monotonic()
    for first in range(0, REQUESTS, CLIENTS):
        numbers = range(first, min(first + CLIENTS, REQUESTS))
        for n in numbers:
            clients[n - first].send_request("POST", "/%d" % n, b"request %d" % n)
        for n in numbers:
            answer = clients[n - first].answer()
            e2e.check(answer and (answer.status, answer.body) == (200, b"request %d" % n), "request %d: %s" % (n, answer))
    seconds = time.monotonic() - began
    rows = world.ps()
    shares = [rows[instance(i)]["in"] for i in range(INSTANCES)]
    print("%d requests over %d connections and %d instances, shares %s: each its own answer; %.0f requests/s"
          % (REQUESTS, CLIENTS, INSTANCES, shares, REQUESTS / seconds))
    e2e.check(sum(shares) == REQUESTS and min(shares) > 0, "both instances had a share: %s" % shares)


sys.exit(http.main(({"config": {"reuse_port": "true"}, "instances": INSTANCES}, test)))
