#!/usr/bin/python3
"""Clients that are slow, many, or gone: they do not hinder the others, and their memory comes back.

usage: http_crowd.py BUILD_DIR
"""
import select
import socket
import sys
import time

import demo as e2e
import http_world as http

SLOW = 200
MANY = 1000
LEAVERS = 100
MAX_IN_FLIGHT = 200
TIMEOUT = 60  # seconds
READERS = 1
BIG = 12000000  # bytes of an answer that nobody reads; more than the kernel keeps for a socket
GROWTH = 8192  # KiB that may stay with the process when all clients have gone


def is_over(client):
    """Has the server ended this connection? Reads what is there, and waits for nothing."""
    readable, _, _ = select.select([client.socket], [], [], 0)
    return bool(readable) and not client.more()


def trickle(world, clients, data):
    """Give each slow client's next byte between two requests of a fast one, until the server has ended the slow ones.
    Returns the fast one's seconds per request, and the slow ones' seconds until their end."""
    began = time.monotonic()
    fast, ends, at = [], [], 0
    with world.connect() as client:
        while clients:
            asked = time.monotonic()
            answer = client.ask("GET", "/fast")
            e2e.check(answer and answer.status == 200, "the fast client's answer: %s" % answer)
            fast.append(time.monotonic() - asked)
            for slow in list(clients):
                try:
                    slow.send(data[at:at + 1] or b"x")
                except ConnectionError:
                    pass
                if is_over(slow):
                    ends.append(time.monotonic() - began)
                    clients.remove(slow)
                    slow.close()
            at += 1
            e2e.check(time.monotonic() - began < e2e.ANSWER, "%d slow clients are not cut" % len(clients))
    return sorted(fast), ends


def report(what, fast, ends):
    print("%s: %d requests of a fast client beside them, p50 %.2f ms, longest %.2f ms; cut after %.1f to %.1f s"
          % (what, len(fast), fast[len(fast) // 2] * 1000, fast[-1] * 1000, min(ends), max(ends)))


def slow_heads(world):
    clients = [world.connect() for _ in range(SLOW)]
    fast, ends = trickle(world, clients, b"GET /slow HTTP/1.1\r\nHost: a\r\nX: ")
    report("%d slow heads" % SLOW, fast, ends)


def slow_bodies(world):
    clients = [world.connect() for _ in range(SLOW)]
    for client in clients:
        client.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    first = clients[0]
    fast, ends = trickle(world, clients, b"")
    e2e.check(b"408 Request Timeout" in first.buffer, "no 408: %r" % first.buffer)
    report("%d slow bodies" % SLOW, fast, ends)


def established(port):
    """How many of the server's connections are open, as the kernel sees them."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return sum(row[1].endswith(":%04X" % port) and row[3] == "01" for row in rows)


def slow_readers(world):
    """Their answers do not fit into the kernel's buffers; they read nothing, and then what is left."""
    clients = [world.connect() for _ in range(READERS)]
    for client in clients:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send_request("POST", "/big", b"x" * BIG)
    began = time.monotonic()
    with world.connect() as client:
        while established(world.port) > 1:
            e2e.check(client.ask("GET", "/fast").status == 200, "the fast client's answer")
            e2e.check(time.monotonic() - began < e2e.ANSWER, "answers that nobody reads are kept")
    for client in clients:
        e2e.check(client.answer() is None, "an answer that was cut is whole")
        client.close()
    print("%d answers of %d bytes that nobody reads: cut after %.1f s" % (READERS, BIG, time.monotonic() - began))


def many(world):
    clients = [world.connect() for _ in range(MANY)]
    for turn in range(2):
        for at in range(0, MANY, MAX_IN_FLIGHT):
            for i in range(at, at + MAX_IN_FLIGHT):
                clients[i].send_request("GET", "/%d/%d" % (turn, i))
            for i in range(at, at + MAX_IN_FLIGHT):
                body = clients[i].answer().body
                e2e.check(body == b"get http://localhost/%d/%d\n" % (turn, i), "client %d has %r" % (i, body))
    held = world.rss()
    for client in clients:
        client.close()
    print("%d connections kept alive, 2 requests each: memory %d KiB with them" % (MANY, held))


def all_answered(world, n):
    """Do n requests at once, as many as may be in flight, all have an answer of the agent?"""
    clients = [world.connect() for _ in range(n)]
    for client in clients:
        client.send_request("GET", "/x")
    statuses = [client.answer().status for client in clients]
    for client in clients:
        client.close()
    return statuses == [200] * n


def leavers(world):
    """They ask and go; the agent answers later, to nobody. Then none of them is in flight any more, long before its timeout."""
    for i in range(LEAVERS):
        with world.connect() as client:
            client.send_request("POST", "/hold", b"x" * 1000)
            world.wait_held(i + 1)
    e2e.check(not all_answered(world, MAX_IN_FLIGHT), "the leavers' requests are not in flight: nothing is tested")
    world.release()
    e2e.wait_for(lambda: all_answered(world, MAX_IN_FLIGHT), TIMEOUT / 2, "the leavers are forgotten")
    print("%d clients left before their answers" % LEAVERS)


def own_address():
    """An address of this machine that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def is_served(client):
    try:
        answer = client.ask("GET", "/")
    except ConnectionError:
        return False
    return answer is not None and answer.status == 200


def one_address(world):
    """max_connections_per_address 4, of which loopback is exempt."""
    address = own_address()
    if not address:
        print("this machine has no address but loopback: the limit for one address is not tested")
        return
    world.start()
    clients = [world.connect(host=address) for _ in range(4)]
    e2e.check(all(is_served(client) for client in clients), "four connections of one address")
    with world.connect(host=address) as fifth:
        e2e.check(not is_served(fifth), "a fifth was served")
    others = [world.connect() for _ in range(20)]
    e2e.check(all(is_served(client) for client in others), "twenty connections of loopback")
    clients.pop().close()

    def again():
        with world.connect(host=address) as client:
            return is_served(client)
    e2e.wait_for(again, e2e.ANSWER, "a new one once another has gone")
    for client in clients + others:
        client.close()


def test(world):
    http.many_files()
    world.start()
    world.get("/first")
    world.base = world.rss()
    for part in (slow_heads, slow_bodies, many, leavers, slow_readers):
        part(world)
    after = world.rss()
    print("memory %d KiB before, %d after" % (world.base, after))
    e2e.check(world.is_sanitized() or after - world.base < GROWTH, "memory has grown by %d KiB" % (after - world.base))
    world.ask()


CONFIG = {"header_timeout": 2, "max_in_flight": MAX_IN_FLIGHT, "min_body_rate": 10000000, "timeout": TIMEOUT,
          "max_body_bytes": 16000000}

sys.exit(http.main(({"config": CONFIG, "patchbay": {"max_envelope": "16MiB"}}, test),
                   ({"config": {"host": "0.0.0.0", "max_connections_per_address": 4}}, one_address)))
