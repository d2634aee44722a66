#!/usr/bin/python3
"""VCX connections with agents that nobody here wrote: credo-ts 0.5.19, from npm. Both as inviter and as invitee, with each kind of
invitation; ping, ping response and messages both ways; directly, behind credo's mediator and behind our agency.

usage: interop.py BUILD_DIR MODULES [CASE]

MODULES: the folder with credo.js and node_modules. 77 = they are not there.
"""
import base64
import json
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import vcx_world as of
from vcx_world import check, e2e, same

KINDS = ("c_i", "connections", "didexchange")
SKIPPED = 77


class Credo:
    """One agent of credo's; its events in the order in which it told them."""

    everyone = []

    def __init__(self, name, *options, port=None):
        self.name, self.port = name, port
        command = ["node", os.path.join(os.path.abspath(sys.argv[2]), "credo.js"), "--name", name]
        self.process = subprocess.Popen(command + (["--port", str(port)] if port else []) + list(options), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
        self.lines, self.events = queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()
        self.everyone.append(self)
        self.event("ready")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def event(self, kind, peer=None, **expected):
        """The first one of this kind that is not taken yet; `peer` goes on meanwhile."""
        deadline = time.monotonic() + e2e.ANSWER
        while True:
            while not self.lines.empty():
                self.events.append(self.lines.get())
            errors = [e for e in self.events if e["event"] == "error"]
            check(not errors, "%s: %s" % (self.name, errors))
            for e in self.events:
                if e["event"] == kind and all(e.get(key) == value for key, value in expected.items()):
                    self.events.remove(e)
                    return e
            check(time.monotonic() < deadline and self.process.poll() is None,
                  "%s: no event %s %s; there are %s" % (self.name, kind, expected, self.events[-5:]))
            if peer:
                peer.node.poll(20)
            else:
                time.sleep(e2e.LOOK_EVERY)

    def do(self, cmd, **arguments):
        self.process.stdin.write(json.dumps(dict(arguments, cmd=cmd)) + "\n")
        self.process.stdin.flush()

    def invite(self, kind, many=False):
        self.do("invite", kind=kind, many=many)
        return self.event("invitation")["url"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.everyone.remove(self)


def invitation_of(url):
    """What is in a URL, or behind our agency's short link."""
    if "=" not in url:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "application/json"}), timeout=e2e.ANSWER) as answer:
            return json.load(answer)
    text = url.partition("=")[2]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def only_connections(url):
    """Our invitation, as one that only speaks connections 1.0 would have made it."""
    invitation = invitation_of(url)
    invitation["handshake_protocols"] = [p for p in invitation["handshake_protocols"] if "/connections/" in p]
    same(len(invitation["handshake_protocols"]), 1, "connections 1.0 is offered")
    return "http://alice.example?oob=" + base64.urlsafe_b64encode(json.dumps(invitation).encode()).decode().rstrip("=")


def we_invite(a, credo, kind, begin):
    if begin:
        a.poll_until(lambda: "the mediator makes short links" in a.output(), "alice knows of short links")
    mine, url = a.invite({"c_i": "connections", "connections": "auto", "didexchange": "didexchange"}[kind])
    check(url.startswith(begin), "a short link: %s" % url)
    check(("/connections/" in invitation_of(url)["@type"]) == (kind == "c_i"), "the invitation: %s" % url)
    credo.do("accept", url=only_connections(url) if kind == "connections" else url)
    return mine


def credo_invites(a, credo, kind, _):
    return a.follow(credo.invite(kind))


def talk(a, mine, credo, theirs):
    """Ping, ping response, and messages with what is hard to write; both ways."""
    uid = a.ask("send_ping", connection_id=mine, comment="there?").msg_uid
    while a.message(mine, "ping_response")["~thread"]["thid"] != uid:
        pass  # of the ping that has completed the handshake
    credo.event("pinged", a)
    credo.do("ping", id=theirs)
    a.message(mine, "ping")
    credo.event("ponged", a)
    text = "Grüße, \u2713 \"%s\"\n\U0001f511" % mine
    a.ask("send_message", connection_id=mine, content=text)
    credo.event("message", a, id=theirs, content=text)
    credo.do("say", id=theirs, text=text)
    same(a.message(mine, "message")["content"], text, "what credo says")


def meet(a, credo, how, kind, begin):
    began = time.monotonic()
    mine = how(a, credo, kind, begin)
    a.event("state_changed", connection_id=mine, to_state=of.ACCEPTED)
    theirs = credo.event("connection", a, state="completed", theirLabel="alice")["id"]
    rows = {row["connection_id"]: row for row in json.loads(a.ask("list_connections").json)}
    expected = "didexchange" if kind == "didexchange" else "connections"
    same((rows[mine]["handshake"], rows[mine]["their_label"]), (expected, credo.name), "the connection")
    talk(a, mine, credo, theirs)
    print("  %s, %s: %.1f s" % (how.__name__, kind, time.monotonic() - began), flush=True)


def meets(a, credo, begin):
    """`begin`: of the URL of each of our invitations."""
    for how in (we_invite, credo_invites):
        for kind in KINDS:
            meet(a, credo, how, kind, begin)


# ---- the cases ----

def direct(run):
    """Both can be reached."""
    run({}, Credo("carol", port=of.of.http_world.free_port()))


def credo_mediates(run):
    """We are behind credo's mediator."""
    mediator = Credo("mediator", "--serve", port=of.of.http_world.free_port())
    run({"mediator": mediator.invite("connections", many=True)}, Credo("carol", port=of.of.http_world.free_port()))


def agency_mediates(run):
    """We are behind our own agency, and invite with its short links."""
    agency = of.Agency()
    try:
        run({"mediator": agency.invitation}, Credo("carol", port=of.of.http_world.free_port()), agency.url + "/i/")
    finally:
        agency.close()


def mediates_credo(run, pickup):
    agency = of.Agency()
    try:
        run({}, Credo("carol", "--mediator", agency.invitation, "--pickup", pickup))
    finally:
        agency.close()


def agency_mediates_credo_v1(run):
    """Credo is behind our agency, and picks up with messagepickup 1.0."""
    mediates_credo(run, "v1")


def agency_mediates_credo_v2(run):
    """The same with 2.0."""
    mediates_credo(run, "v2")


def run(config, credo, begin=""):
    def interop(a):
        meets(a, credo, begin)
    return of.main(((config,), interop))


def main():
    if not os.path.isdir(os.path.join(sys.argv[2], "node_modules", "@credo-ts", "core")):
        print("there is no credo-ts in %s" % sys.argv[2])
        return SKIPPED
    failed = []
    for case in (direct, credo_mediates, agency_mediates, agency_mediates_credo_v1, agency_mediates_credo_v2):
        if sys.argv[3:] and case.__name__ not in sys.argv[3:]:
            continue
        print("%s: %s" % (case.__name__, case.__doc__ or ""), flush=True)
        try:
            case(lambda *how: failed.extend([case.__name__] * bool(run(*how))))
        except e2e.Failed as why:
            print("FAILED: %s: %s" % (case.__name__, why))
            failed.append(case.__name__)
        finally:
            for one in list(Credo.everyone):
                one.close()
    print("failed: %s" % failed if failed else "all good")
    return 1 if failed else 0


sys.exit(main())
