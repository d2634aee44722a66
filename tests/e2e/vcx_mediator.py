#!/usr/bin/python3
"""Agents that nobody can reach: each has a mediator, our own agency, and picks up what has come.

usage: vcx_mediator.py BUILD_DIR [TEST]
"""
import json
import os
import sys

import vcx_world as of
from vcx_world import check, e2e, same


def meets(a, b, agency):
    """Both handshakes, in both directions; what is said; nothing of the mediator is the agent's."""
    for inviter, invitee in ((a, b), (b, a)):
        for handshake in ("connections", "didexchange"):
            mine, theirs = inviter.meet(invitee, handshake)
            inviter.talk(mine, invitee, theirs, "hello")
            invitee.talk(theirs, inviter, mine, "hi")
            uid = inviter.ask("send_ping", connection_id=mine).msg_uid
            same(inviter.message(mine, "ping_response")["~thread"]["thid"], uid, "a ping")
            same(inviter.ask("update_state", connection_id=mine).state, of.ACCEPTED, "update_state")
    ended = a.ask("create", source_id="x").connection_id
    a.ask("revoke", connection_id=ended)
    a.fails(of.CONNECT, "connect", connection_id=ended)
    a.ask("delete", connection_id=ended)
    rows = json.loads(a.ask("list_connections").json)
    same(len(rows), 4, "connections")
    info = json.loads(a.ask("info", connection_id=rows[0]["connection_id"]).json)["my"]
    check(info["serviceEndpoint"].startswith(agency.url) and len(info["routingKeys"]) == 1, "info: %s" % info)
    same({e.connection_id for e in a.events} - {row["connection_id"] for row in rows}, set(), "events of anything else")


def away(a, b, agency):
    """What comes while an agent is away is kept; its mediator is asked for as little as before."""
    mine, theirs = a.meet(b)
    os.kill(a.up.pid, 15)
    same(a.wait_end(60), 0, "the status of alice's patchbay up")
    a.node.close()
    a.node = None
    texts = ["while you were away %d" % n for n in range(20)]
    for text in texts:
        b.ask("send_message", connection_id=theirs, content=text)
    a.start()
    same([a.message(mine, "message")["content"] for _ in texts], texts, "in order")
    a.talk(mine, b, theirs, "I am back")
    check("state 3" not in a.output().split("stopping")[-1], "the mediator was asked for mediation again")


def killed(a, b, agency):
    """Every process, in turn; nothing is lost, nothing is told twice but under the same id."""
    mine, theirs = a.meet(b)
    for n in range(4):
        for peer in (a, b):
            peer.ask("send_message", connection_id=mine if peer is a else theirs, content="%s %d" % (peer.name, n))
        if n % 2:
            agency.kill()
            agency.start()
        else:
            (b, a)[n // 2].kill_process()
    same([a.message(mine, "message")["content"] for _ in range(4)], ["bob %d" % n for n in range(4)], "what alice got")
    same([b.message(theirs, "message")["content"] for _ in range(4)], ["alice %d" % n for n in range(4)], "what bob got")
    a.talk(mine, b, theirs, "still there")
    same([e for e in a.events + b.events if e["performative"] == "message_received"], [], "nothing twice")


def unreachable(a, b, agency):
    """Without its mediator a command waits; the others go on."""
    agency.kill()
    made = a.ask("create", source_id="x").connection_id
    put = a.put("connect", connection_id=made)
    same(a.ask("get_state", connection_id=made).state, of.INITIALIZED, "the others go on")
    check(not a.is_over(put), "answered without a mediator")
    agency.start()
    theirs = b.follow(a.end(put).invite_url)
    b.event("state_changed", connection_id=theirs, to_state=of.ACCEPTED)
    a.event("state_changed", connection_id=made, to_state=of.ACCEPTED)


def main():
    agency = of.Agency()

    def with_agency(test):
        def run(a, b):
            test(a, b, agency)
        run.__name__ = test.__name__
        return run
    config = {"mediator": agency.invitation}
    cases = [(meets, (config, config)), (away, (config, {})), (killed, (config, config)), (unreachable, (config, {}))]
    try:
        return of.main(*((configs, with_agency(test)) for test, configs in cases if not sys.argv[2:] or test.__name__ in sys.argv[2:]))
    finally:
        agency.close()


if __name__ == "__main__":
    sys.exit(main())
