#!/usr/bin/python3
"""kill -9 of the HTTP client with requests in flight: what may be repeated is made again by the next process and answered, what
may not ends OUTCOME_UNKNOWN and is never made twice; with `replay: never` that is every request. And kill -9 of the agent that
has asked: its answers go to nobody, and the client goes on.

usage: http_client_kill.py BUILD_DIR
"""
import collections
import os
import signal
import sys

import http_client_world as world_of
from http_client_world import check, e2e

OUTCOME_UNKNOWN = 22
EACH = 10


def kill_in_flight(world):
    """10 GET and 10 POST at the server, then the kill; the server answers only what comes after it."""
    agent, server = world.start(), world.serve()
    gets = [agent.ask(server.url("/hold?%d" % n)) for n in range(EACH)]
    posts = [agent.ask(server.url("/hold?%d" % n), method="post", body=b"x") for n in range(EACH)]
    agent.poll_until(lambda: server.held == 2 * EACH, "all in flight")
    check(all(a.code is None for a in gets + posts), "settled before its end")
    world.kill(world_of.KEY)
    agent.poll_until(lambda: world.ps()[world_of.KEY]["restarts"] == 1, "its restart")
    server.released.set()
    agent.wait(*gets, *posts)
    check(not agent.foreign, "answers that nobody has asked for: %r" % agent.foreign)
    return gets, posts, collections.Counter(server.requests)


def ends(asks, code, answers):
    wrong = [a for a in asks if a.code != code or [x.body for x in a.answers] != answers]
    check(not wrong, "%d of %d ended otherwise, first %r" % (len(wrong), len(asks), wrong[:1]))


def safe(world):
    gets, posts, asked = kill_in_flight(world)
    ends(gets, 0, [b"released"])
    ends(posts, OUTCOME_UNKNOWN, [])
    check(set(asked.values()) == {1, 2} and all(asked["POST /hold?%d" % n] == 1 for n in range(EACH)), "asked: %r" % asked)
    print("%d GET made again and answered, %d POST ended OUTCOME_UNKNOWN and made once" % (len(gets), len(posts)))


def never(world):
    gets, posts, asked = kill_in_flight(world)
    ends(gets + posts, OUTCOME_UNKNOWN, [])
    check(set(asked.values()) == {1}, "asked: %r" % asked)
    print("%d requests ended OUTCOME_UNKNOWN and were made once" % len(gets + posts))


def ask_and_wait(world, server, writer):
    """The other process of the agent, until it is killed."""
    try:
        other = world_of.Agent(world.run, instance="doomed")
        other.ask(server.url("/hold"))
        other.poll_until(lambda: world.given() == 1, "it is given")
        os.write(writer, b"x")
        other.poll_until(lambda: False, "the end")
    finally:
        os._exit(1)


def asker_killed(world):
    """The server answers after the process that has asked is dead."""
    agent, server = world.start(), world.serve()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        ask_and_wait(world, server, writer)
    os.close(writer)
    check(os.read(reader, 1), "it has not asked")
    agent.poll_until(lambda: server.held == 1, "in flight")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    server.released.set()
    check(agent.get(server.url("/echo"), method="post", body=b"on").body == b"on", "the client goes on")
    agent.poll_until(lambda: world.given() == 0, "nothing is left there")
    check(not agent.foreign, "the answer came to another process: %r" % agent.foreign)


NEVER = "patchbay:\n  replay: never\n"
sys.exit(world_of.main(({}, safe), ({"extra": NEVER}, never), ({"patchbay": {"timeout": "1s"}}, asker_killed)))
