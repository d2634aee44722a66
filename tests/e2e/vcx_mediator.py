#!/usr/bin/python3
"""Agents that nobody can reach: each has a mediator, our own agency, and picks up what has come.

usage: vcx_mediator.py BUILD_DIR [TEST]
"""
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

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


# ---- short links ----

def begin_links(a):
    a.poll_until(lambda: "the mediator makes short links" in a.output(), "alice knows of short links")


def get(url):
    """What a short link leads to: status, JSON."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "application/json"}), timeout=e2e.ANSWER) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None  # the agency is not back yet


def wait_gone(a, url):
    a.poll_until(lambda: get(url)[0] == 410, "%s is gone" % url)


def offer(a, agency, ephemeral=False, **options):
    """Connected by short link: its id, its reply."""
    made = a.ask("create", source_id="x", ephemeral=ephemeral).connection_id
    connected = a.ask("connect", connection_id=made, options=options)
    check(connected.invite_url.startswith(agency.url + "/i/"), "a short link: %s" % connected.invite_url)
    same(get(connected.invite_url), (200, json.loads(connected.invite_details)), "what it leads to")
    return made, connected


def serialized_url(a, connection_id):
    return json.loads(a.ask("serialize", connection_id=connection_id).json)["data"]["invite_url"]


def use(a, b, made, url):
    """Bob follows the link; then nobody else does."""
    theirs = b.follow(url)
    for peer, one in ((a, made), (b, theirs)):
        peer.event("state_changed", connection_id=one, to_state=of.ACCEPTED)
    wait_gone(a, url)
    a.talk(made, b, theirs, "by link")


def links(a, b, agency, gateway):
    """LINK, SMS and QR are short; who has used one, or was too late, finds nothing."""
    begin_links(a)
    made, connected = offer(a, agency, connection_type="LINK", expires_in=600)
    same(serialized_url(a, made), connected.invite_url, "serialized")
    use(a, b, made, connected.invite_url)
    check(serialized_url(a, made).startswith(agency.url + "?oob="), "serialized when it was used")
    b.fails(of.POST, "create_with_invite", source_id="late", invite=connected.invite_url)

    phone = "+4915112345678"
    made, connected = offer(a, agency, connection_type="SMS", phone=phone)
    same(json.loads(gateway.requests[-1].body), {"to": phone, "text": "Come: " + connected.invite_url}, "the SMS")
    use(a, b, made, connected.invite_url)
    for folder in (a.dir, agency.dir):
        for name in os.listdir(folder):
            if os.path.isfile(os.path.join(folder, name)):
                with open(os.path.join(folder, name), "rb") as f:
                    found = f.read()
                check(phone[1:].encode() not in found, "the number is in %s" % name)

    made, connected = offer(a, agency, connection_type="QR")
    path = os.path.join(a.dir, "qr.png")
    with open(path, "wb") as f:
        f.write(connected.qr_png)
    done = subprocess.run(["zbarimg", "--raw", "-q", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True)
    same(done.stdout.rstrip("\n"), connected.invite_url, "what the picture says")
    check(10 < connected.qr_text.count("\n") < 30, "the text is as small: %s" % connected.qr_text)

    # released, it may come back; revoked or deleted, it does not
    text = a.ask("serialize", connection_id=made).json
    a.ask("release", connection_id=made)
    deleted, other = offer(a, agency)
    a.ask("delete", connection_id=deleted)
    wait_gone(a, other.invite_url)
    same(get(connected.invite_url)[0], 200, "while it is released")
    same(a.ask("deserialize", json=text).connection_id, made, "put in again")
    same(serialized_url(a, made), connected.invite_url, "serialized again")
    a.ask("revoke", connection_id=made)
    wait_gone(a, connected.invite_url)
    made, connected = offer(a, agency, expires_in=1, on_expiry="expired")
    a.event("state_changed", connection_id=made, to_state=of.EXPIRED)
    wait_gone(a, connected.invite_url)


def links_kept(a, b, agency):
    """Neither a dead agency nor a dead process makes a link live longer; a new process knows those that are there."""
    begin_links(a)
    kept, shown = offer(a, agency)
    ended, connected = offer(a, agency)
    _, lost = offer(a, agency, ephemeral=True)
    agency.kill()
    a.ask("revoke", connection_id=ended)
    a.kill_process()
    same(serialized_url(a, kept), shown.invite_url, "serialized by the next process")
    agency.start()
    for url in (connected.invite_url, lost.invite_url):
        wait_gone(a, url)
    use(a, b, kept, shown.invite_url)


def links_again(a, b, agency, gateway):
    """A process that dies before it knows of its SMS sends another, with the same link."""
    begin_links(a)
    del gateway.requests[:]
    gateway.hold.clear()
    made = a.ask("create", source_id="x").connection_id
    put = a.put("connect", connection_id=made, options=json.dumps({"phone": "+4915112345678"}))
    a.poll_until(lambda: gateway.requests, "the SMS")
    a.kill_process()
    gateway.hold.set()
    url = a.end(put).invite_url
    same({json.loads(request.body)["text"] for request in gateway.requests}, {"Come: " + url}, "what the telephone shows")
    check(len(gateway.requests) > 1, "no second SMS")
    use(a, b, made, url)


def links_silent(a, b, agency):
    """An agency that does not answer keeps nobody waiting for long."""
    begin_links(a)
    made = a.ask("create", source_id="x").connection_id
    offer(a, agency)  # its key came after that of the one before
    agency.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        url = a.ask("connect", connection_id=made, options={}).invite_url
        took = time.monotonic() - began
    finally:
        agency.process.send_signal(signal.SIGCONT)
    check(url.startswith(agency.url + "?oob=") and took < 10, "after %.1f s: %s" % (took, url))
    same(serialized_url(a, made), url, "serialized")
    theirs = b.follow(url)
    b.event("state_changed", connection_id=theirs, to_state=of.ACCEPTED)


def main():
    agency = of.Agency()

    def send_sms(_):
        gateway.hold.wait(e2e.ANSWER)
        return 200, "text/plain", b""
    gateway = of.Server(send_sms)
    gateway.hold = of.threading.Event()
    gateway.hold.set()

    def with_agency(test):
        def run(a, b):
            test(a, b, agency)
        run.__name__ = test.__name__
        return run
    config = {"mediator": agency.invitation}
    texted = {"sms_url": gateway.url + "/send", "sms_headers": "'Content-Type: application/json'", "sms_allow_private": "true",
              "sms_body_template": """'{"to": "{phone}", "text": "Come: {url}"}'"""}

    def with_gateway(test):
        def run(a, b, agency):
            test(a, b, agency, gateway)
        run.__name__ = test.__name__
        return run
    cases = [(meets, (config, config)), (away, (config, {})), (killed, (config, config)), (unreachable, (config, {})),
             (with_gateway(links), ({**config, **texted}, {})), (with_gateway(links_again), ({**config, **texted}, {})), (links_kept, (config, {})), (links_silent, (config, {}))]
    try:
        return of.main(*((configs, with_agency(test)) for test, configs in cases if not sys.argv[2:] or test.__name__ in sys.argv[2:]))
    finally:
        agency.close()


if __name__ == "__main__":
    sys.exit(main())
