#!/usr/bin/python3
"""Every process is killed, at every step of a handshake and of a conversation: both sides are accepted in the end, and each
message is told once, or again under the same id.

usage: vcx_kill.py BUILD_DIR [FIRST_SEED LAST_SEED]
"""
import os
import random
import sys
import time

import vcx_world as of
from vcx_world import check, e2e, same

SEEDS = range(1, 7)
TEXTS = 3
MOST_MS = 30        # until the blow, after a command was put
AGAIN = (17, 22)    # DISCONNECTED, OUTCOME_UNKNOWN: the same command is put again, under the same reference


class Chaos:
    """Kills one of the processes soon after each command was put."""

    def __init__(self, seed, peers):
        self.random, self.peers, self.blows = random.Random(seed), peers, []

    def blow(self):
        """The victims take turns, so that each is hit at each step by some seed."""
        peer = self.random.choice(self.peers)
        key = self.random.choice((peer.key, peer.key, e2e.BROKER))
        until = time.monotonic() + self.random.uniform(0, MOST_MS) / 1000
        while time.monotonic() < until:
            for other in self.peers:
                other.node.poll(1)
        pid = peer.pids().get(key)
        if pid:
            os.kill(pid, 9)
            self.blows.append((peer.name, key[1]))

    def ask(self, peer, performative, **contents):
        put = peer.put(performative, **contents)
        self.blow()
        starter = put.starter
        while True:
            peer.poll_until(lambda: peer.is_over(put), "a reply to %s, blows: %s" % (performative, self.blows[-3:]))
            if starter in peer.replies:
                break
            check(put.code in AGAIN, "%s ended %d %s" % (performative, put.code, put.text))
            put = peer.put(performative, starter=starter, **contents)
        performative, reply = peer.replies[starter]
        check(performative != "error", "%s: %s" % (put.again, reply))
        return of.Answer(reply)


def told(peer, connection_id):
    return [of.json.loads(e["json"])["content"] for e in peer.events
            if e["performative"] == "message_received" and e["connection_id"] == connection_id and e["msg_type"].endswith("/message")]


def conversation(seed, inviter, invitee):
    chaos = Chaos(seed, [inviter, invitee])
    handshake = ("connections", "didexchange")[seed % 2]
    mine = chaos.ask(inviter, "create", source_id="x", handshake=handshake).connection_id
    url = chaos.ask(inviter, "connect", connection_id=mine).invite_url
    theirs = chaos.ask(invitee, "create_with_invite", source_id="y", invite=url).connection_id
    chaos.ask(invitee, "connect", connection_id=theirs)
    for _ in range(4):
        chaos.blow()
    inviter.event("state_changed", connection_id=mine, to_state=of.ACCEPTED)
    invitee.event("state_changed", connection_id=theirs, to_state=of.ACCEPTED)
    sides = ((inviter, mine), (invitee, theirs))
    for n in range(TEXTS):
        for peer, one in sides:
            chaos.ask(peer, "send_message", connection_id=one, content="%s %d" % (peer.name, n))
    for (peer, one), (other, _) in (sides, sides[::-1]):
        expected = ["%s %d" % (other.name, n) for n in range(TEXTS)]
        peer.poll_until(lambda: len(told(peer, one)) >= TEXTS, "%s is told all: %s" % (peer.name, told(peer, one)))
        same(told(peer, one), expected, "what %s is told, in order and once" % peer.name)
        same(chaos.ask(peer, "get_state", connection_id=one).state, of.ACCEPTED, "the state")
    return len(chaos.blows)


def seeds(a, b):
    first, last = map(int, sys.argv[2:4]) if sys.argv[2:] else (SEEDS[0], SEEDS[-1])
    for seed in range(first, last + 1):
        try:
            blows = conversation(seed, *((a, b) if seed % 4 < 2 else (b, a)))
        except e2e.Failed as why:
            raise e2e.Failed("seed %d: %s" % (seed, why))
        print("seed %d: %d blows" % (seed, blows), flush=True)


if __name__ == "__main__":
    sys.exit(of.main((({}, {}), seeds)))
