#!/usr/bin/python3
"""Two agents connect, talk and part by every command of a VCX connection, over real HTTP.

usage: vcx.py BUILD_DIR [TEST]
"""
import base64
import json
import os
import re
import subprocess
import sys
import urllib.parse

import vcx_world as of
from vcx_world import check, e2e, same

BASE = {}
PHRASE = {"key_file": "null", "passphrase_file": "key"}


def invitation_of(url):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    text = (query.get("oob") or query.get("c_i"))[0]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


# ---- connecting ----

def handshakes(a, b):
    """Both, in both directions; with each the replies are what libvcx's callers know."""
    for inviter, invitee in ((a, b), (b, a)):
        for handshake, expected in (("connections", "connections"), ("didexchange", "didexchange"), ("auto", "didexchange")):
            made = inviter.ask("create", source_id="x", handshake=handshake)
            same((made.performative, made.state), ("created", of.INITIALIZED), "created")
            check(re.fullmatch("[0-9a-f-]{36}", made.connection_id) and made.pw_did and len(made.pw_verkey) > 40, "created %s" % made)
            connected = inviter.ask("connect", connection_id=made.connection_id, options={"id": "ignored", "unknown": 1})
            same((connected.performative, connected.state, connected.qr_png, connected.qr_text), ("connected", of.OFFERED, b"", ""), "connected")
            same(invitation_of(connected.invite_url), json.loads(connected.invite_details), "the link and the details")
            check(connected.invite_url.startswith(inviter.url + "?"), "the link: %s" % connected.invite_url)
            theirs = invitee.ask("create_with_invite", source_id="y", invite=connected.invite_details)
            same(theirs.state, of.OFFERED, "an invitee's")
            followed = invitee.ask("connect", connection_id=theirs.connection_id)
            same((followed.state, followed.invite_url), (of.REQUESTED, ""), "an invitee's")
            for peer, one, source in ((inviter, made, "x"), (invitee, theirs, "y")):
                event = peer.event("state_changed", connection_id=one.connection_id, to_state=of.ACCEPTED)
                same((event.source_id, event.from_state), (source, of.REQUESTED), "the event")
                same(peer.ask("update_state", connection_id=one.connection_id).state, of.ACCEPTED, "update_state")
            rows = {row["connection_id"]: row for row in json.loads(inviter.ask("list_connections").json)}
            row = rows[made.connection_id]
            same((row["source_id"], row["state"], row["role"], row["their_label"], row["handshake"]),
                 ("x", of.ACCEPTED, "inviter", invitee.name, expected), "list_connections")
            check(row["their_did"], "no DID: %s" % row)
            details = invitee.ask("invite_details", connection_id=theirs.connection_id, abbreviated=True)
            same(json.loads(details.json), json.loads(connected.invite_details), "invite_details")


def talks(a, b):
    """Messages, pings, features, signatures, info; each once."""
    mine, theirs = a.meet(b)
    for n in range(5):
        a.talk(mine, b, theirs, "hello %d \u00fc" % n)
        b.talk(theirs, a, mine, "hi %d" % n)
    uid = a.ask("send_message", connection_id=mine, content="an answer", ref_msg_id="the-thread").msg_uid
    message = b.message(theirs, "message")
    same((message["@id"], message["~thread"]["thid"]), (uid, "the-thread"), "ref_msg_id")
    own = {"@type": "https://example.org/chess/1.0/move", "@id": "move-1", "to": "e4"}
    same(a.ask("send_message", connection_id=mine, content=json.dumps(own)).msg_uid, "move-1", "a message of its own")
    same(b.message(theirs, "move"), own, "a message of its own")
    uid = a.ask("send_ping", connection_id=mine, comment="are you there").msg_uid
    same((b.message(theirs, "ping")["comment"], a.message(mine, "ping_response")["~thread"]["thid"]), ("are you there", uid), "a ping")
    uid = b.ask("send_discovery_features", connection_id=theirs, query="https://didcomm.org/trust_ping/*", comment="c").msg_uid
    disclose = b.message(theirs, "disclose")
    same((disclose["~thread"]["thid"], [p["pid"] for p in disclose["protocols"]]), (uid, ["https://didcomm.org/trust_ping/1.0"]), "features")
    data = os.urandom(100)
    signature = a.ask("sign", connection_id=mine, data=data).signature
    same(b.ask("verify", connection_id=theirs, data=data, signature=signature).valid, True, "a signature")
    same(b.ask("verify", connection_id=theirs, data=data + b"x", signature=signature).valid, False, "of something else")
    same(a.ask("verify", connection_id=mine, data=data, signature=signature).valid, False, "of somebody else")
    info = json.loads(a.ask("info", connection_id=mine).json)
    same((info["my"]["serviceEndpoint"], info["their"]["serviceEndpoint"]), (a.url, b.url), "info")
    same([e for e in a.events + b.events if e["performative"] != "state_changed"], [], "anything else")


def errors(a, b):
    """Each with libvcx's number."""
    nobody = "00000000-0000-4000-8000-000000000000"
    for words in (("connect",), ("get_state",), ("update_state",), ("info",), ("serialize",), ("send_ping",), ("revoke",), ("release",),
                  ("delete",)):
        a.fails(of.HANDLE, *words, connection_id=nobody)
        a.fails(of.HANDLE, *words, connection_id="no id")
    a.fails(of.HANDLE, "invite_details", connection_id=nobody, abbreviated=False)
    a.fails(of.HANDLE, "sign", connection_id=nobody, data=b"")
    a.fails(of.OPTION, "create", source_id="x", handshake="firm")
    a.fails(of.OPTION, "create", source_id="x" * 256)
    a.fails(of.JSON, "create_with_invite", source_id="x", invite="no JSON")
    a.fails(of.INVITE, "create_with_invite", source_id="x", invite="{}")
    made = a.ask("create", source_id="x").connection_id
    for options, code in (("no JSON", of.JSON), ({"connection_type": "PIGEON"}, of.OPTION), ({"connection_type": 1}, of.OPTION),
                          ({"connection_type": "SMS"}, of.OPTION), ({"phone": "0123"}, of.OPTION), ({"expires_in": 0}, of.OPTION),
                          ({"expires_in": 10 ** 12}, of.OPTION), ({"on_expiry": "gone"}, of.OPTION), ({"use_public_did": True}, of.ACTION),
                          ({"phone": "+4915112345678"}, of.ACTION), ({"connection_type": "AGENT"}, of.OPTION),
                          ({"connection_type": "AGENT", "agent": "http://127.0.0.1:1/"}, of.POST)):
        a.fails(code, "connect", connection_id=made, options=options)
        same(a.state(made), of.INITIALIZED, "after %s" % (options,))
    a.fails(of.NOT_READY, "invite_details", connection_id=made, abbreviated=False)
    a.fails(of.NOT_READY, "send_message", connection_id=made, content="too early")
    a.fails(of.NOT_READY, "verify", connection_id=made, data=b"", signature=b"x" * 64)
    a.fails(of.OPTION, "verify", connection_id=made, data=b"", signature=b"short")
    a.ask("connect", connection_id=made)
    a.fails(of.CONNECT, "connect", connection_id=made)
    a.ask("revoke", connection_id=made)
    a.fails(of.STATE, "revoke", connection_id=made)
    a.fails(1050, "deserialize", json="{}")
    a.fails(of.JSON, "deserialize", json="no JSON")


def no_commands(a, b):
    """What is no command ends so, and does not begin anything."""
    import msgpack
    for message, code, why in ((b"\xff", 26, ""), (msgpack.packb([1, "x", "", 0, "state", {"connection_id": "x", "state": 1}]), 24, "not a command"),
                               (msgpack.packb([2, "x", "", 0, "list_connections", {}]), 24, "does not begin"),
                               (msgpack.packb([1, "", "", 0, "list_connections", {}]), 24, "does not begin")):
        put = a.node.put(of.PUBLIC_ID, of.of.SKILL, of.PROTOCOL, message)
        a.poll_until(lambda: put.code is not None, "an end")
        check(put.code == code and why in put.text, "%r ended %d %s" % (message, put.code, put.text))


def once(a, b):
    """The same command again has the same reply, and is done once; another process of the connection knows it, too."""
    put = a.put("create", source_id="once")
    first = a.end(put)
    for again in range(2):
        a.put("create", starter=put.starter, source_id="once")
        a.poll_until(lambda: a.again > again, "the reply again")
        if not again:
            a.kill_process()
    same(len(json.loads(a.ask("list_connections").json)), 1, "connections")
    same(a.state(first.connection_id), of.INITIALIZED, "it is there")


# ---- where they end ----

def stays(a, b):
    """Serialized, released, put in again; over another process."""
    mine, theirs = a.meet(b)
    text = a.ask("serialize", connection_id=mine).json
    data = json.loads(text)
    same((data["version"], data["data"]["state"]), ("1.0", of.ACCEPTED), "serialized")
    a.fails(1050, "deserialize", json=text)  # it is still here
    same(a.ask("release", connection_id=mine).state, of.ACCEPTED, "released")
    a.fails(of.HANDLE, "get_state", connection_id=mine)
    same(a.ask("deserialize", json=text).connection_id, mine, "put in again")
    a.talk(mine, b, theirs, "after release")
    a.ask("release", connection_id=mine)
    a.kill_process()
    b.kill_process()
    a.fails(of.HANDLE, "get_state", connection_id=mine)
    same(a.ask("deserialize", json=text).state, of.ACCEPTED, "put in again")
    a.talk(mine, b, theirs, "after another process")
    b.talk(theirs, a, mine, "and back")
    a.ask("delete", connection_id=mine)
    a.fails(1062, "deserialize", json=text)  # its key is gone


def expires(a, b):
    """To 5 and 6; then a request for it is refused, and says so."""
    for word, state in (("unfulfilled", of.UNFULFILLED), ("expired", of.EXPIRED)):
        mine, url = a.invite(options={"expires_in": 1, "on_expiry": word})
        same(a.event("state_changed", connection_id=mine).to_state, state, "expired")
        theirs = b.follow(url)
        same(b.event("state_changed", connection_id=theirs, to_state=0).reason, "the peer reports: request_not_accepted", "the invitee's reason")
        same(a.state(mine), state, "it stays")


def once_only(a, b):
    """An invitation is good for one; a revoked or deleted connection listens to nobody."""
    mine, url = a.invite()
    first, second = b.follow(url), b.follow(url)
    ends = {b.event("state_changed", to_state=of.ACCEPTED).connection_id, b.event("state_changed", to_state=0).connection_id}
    same(ends, {first, second}, "one is accepted, one refused")
    a.event("state_changed", connection_id=mine, to_state=of.ACCEPTED)
    good = first if b.state(first) == of.ACCEPTED else second
    same(a.ask("revoke", connection_id=mine).state, of.REVOKED, "revoked")
    uid = b.ask("send_message", connection_id=good, content="is anybody there").msg_uid
    b.event("undelivered", connection_id=good, msg_uid=uid)
    a.fails(of.NOT_READY, "send_message", connection_id=mine, content="x")
    mine, theirs = a.meet(b)
    same(a.ask("delete", connection_id=mine).state, 0, "deleted")
    a.fails(of.HANDLE, "get_state", connection_id=mine)
    uid = b.ask("send_message", connection_id=theirs, content="is anybody there").msg_uid
    same(b.event("undelivered", connection_id=theirs).reason, "after 1 attempts: HTTP status 400", "the reason")
    check("is anybody there" not in a.output() + b.output(), "a message's content is in the log")


def ephemeral(a, b):
    """As good as any other, as long as its process lives."""
    mine, theirs = a.meet(b, ephemeral=True)
    a.talk(mine, b, theirs, "hello")
    b.talk(theirs, a, mine, "hi")
    a.kill_process()
    a.fails(of.HANDLE, "get_state", connection_id=mine)
    same(b.ask("release", connection_id=theirs).state, of.ACCEPTED, "released")
    b.fails(of.HANDLE, "get_state", connection_id=theirs)


def offline(a, b):
    """What was said to somebody who is away is said when he comes back: in order, and once."""
    mine, theirs = a.meet(b)
    os.kill(b.up.pid, 15)
    same(b.wait_end(60), 0, "the status of bob's patchbay up")
    b.node.close()
    b.node = None
    texts = ["while you were away %d" % n for n in range(5)]
    for text in texts:
        a.ask("send_message", connection_id=mine, content=text)
    a.kill_process()
    b.start()
    same([b.message(theirs, "message")["content"] for _ in texts], texts, "in order")
    b.talk(theirs, a, mine, "I am back")
    same([e for e in b.events if e["performative"] == "message_received"], [], "nothing twice")


def given_up(a, b):
    """Somebody who stays away: not more than so many messages wait for him, and the agent is told of each."""
    mine, theirs = a.meet(b)
    os.kill(b.up.pid, 15)
    same(b.wait_end(60), 0, "the status of bob's patchbay up")
    b.node.close()
    b.node = None
    uid = a.ask("send_message", connection_id=mine, content="are you there").msg_uid
    a.ask("send_ping", connection_id=mine)
    text = a.fails(of.NOT_READY, "send_message", connection_id=mine, content="too much")
    check("too many messages" in text, "the error: %s" % text)
    event = a.event("undelivered", connection_id=mine, msg_uid=uid)
    check(event.reason.startswith("after 3 attempts: "), "the reason: %s" % event.reason)
    b.start()
    b.talk(theirs, a, mine, "yes")


def deaf(a, b):
    """An agent that does not take an event is given it again, after a pause, in the same dialogue and with the same id; in order."""
    mine, theirs = a.meet(b)
    b.deaf = True
    for n in range(3):
        a.ask("send_message", connection_id=mine, content="hello %d" % n)
    b.poll_until(lambda: b.failed, "it has not taken one")
    b.deaf = False
    same([b.message(theirs, "message")["content"] for _ in range(3)], ["hello %d" % n for n in range(3)], "in order")
    check(b.failed[0] in [starter for starter, *_ in b.raw_events], "in another dialogue")
    for starter, meta, *_ in b.raw_events:
        same(meta["id"].hex(), starter, "the id")
    b.deaf = True
    a.ask("send_message", connection_id=mine, content="for another process")
    b.poll_until(lambda: b.failed[-1] != b.failed[0], "it has not taken one")
    b.kill_process()
    b.deaf = False
    same(b.message(theirs, "message")["content"], "for another process", "given again")


def crowded(a, b):
    """An agent that takes nothing is told no more than so much; the rest waits with its peer, and comes in order."""
    mine, theirs = a.meet(b)
    b.deaf = True
    texts = ["hello %d" % n for n in range(8)]
    for text in texts:
        a.ask("send_message", connection_id=mine, content=text)
    b.poll_until(lambda: "too many messages wait for the agent" in b.output(), "the peer is told to wait")
    b.deaf = False
    same([b.message(theirs, "message")["content"] for _ in texts], texts, "in order")
    same([e for e in b.events if e["performative"] == "message_received"], [], "nothing twice")


def wallets(a, b):
    """A wallet of another database, a wrong key, a key that others may read: the connection says which."""
    a.ask("create", source_id="x")
    key, wallet = os.path.join(a.dir, "key"), os.path.join(a.dir, "vcx.wallet")

    def reason(says):
        pid = a.pid()
        os.kill(pid, 9)
        e2e.wait_for(lambda: a.pids().get(a.key) not in (None, pid) and says in a.ps()[a.key]["reason"], e2e.START,
                     "%r; there is %r" % (says, a.ps()[a.key]))
    with open(key, "rb") as f:
        good = f.read()
    with open(key, "wb") as f:
        f.write(os.urandom(32))
    reason("1075 (Attempt to open wallet with invalid credentials)")
    with open(key, "wb") as f:
        f.write(good)
    os.chmod(key, 0o640)
    reason("chmod 600")
    os.chmod(key, 0o600)
    os.rename(wallet, wallet + ".away")
    reason("1062 (Error with wallet setup")
    os.remove(wallet)
    os.rename(wallet + ".away", wallet)
    pid = a.pid()
    os.kill(pid, 9)
    a.wait_again(pid)
    same(len(json.loads(a.ask("list_connections").json)), 1, "it is all there")


# ---- how invitations go out ----

def qr(a, b):
    """The picture says the link; the text has its size."""
    made = a.ask("create", source_id="x").connection_id
    connected = a.ask("connect", connection_id=made, options={"connection_type": "QR"})
    path = os.path.join(a.dir, "qr.png")
    with open(path, "wb") as f:
        f.write(connected.qr_png)
    done = subprocess.run(["zbarimg", "--raw", "-q", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    same(done.stdout.decode().rstrip("\n"), connected.invite_url, "what the picture says")
    check(connected.qr_text.count("\n") > 20, "the text: %s" % connected.qr_text)
    theirs = b.follow(done.stdout.decode().rstrip("\n"))
    b.event("state_changed", connection_id=theirs, to_state=of.ACCEPTED)


def sms(a, b, gateway):
    """The gateway has the number and the link; when it fails, nothing has happened. The number is nowhere else."""
    phone, made = "+4915112345678", a.ask("create", source_id="x").connection_id
    gateway.status = 500
    text = a.fails(of.POST, "connect", connection_id=made, options={"connection_type": "SMS", "phone": phone})
    check(phone not in text, "the number is in the error")
    same(a.state(made), of.INITIALIZED, "after a failure")
    gateway.status = 200
    connected = a.ask("connect", connection_id=made, options={"phone": phone})
    same(connected.state, of.OFFERED, "connected")
    same(len(gateway.requests), 2, "requests")
    body = json.loads(gateway.requests[1].body)
    same((body, gateway.requests[1].method, gateway.requests[1].headers["Authorization"]),
         ({"to": phone, "text": "Come: " + connected.invite_url}, "POST", "Bearer secret"), "the request")
    theirs = b.follow(body["text"][6:])
    b.event("state_changed", connection_id=theirs, to_state=of.ACCEPTED)
    a.event("state_changed", connection_id=made, to_state=of.ACCEPTED)
    for name in ("vcx.db", "vcx.db-wal", "vcx.wallet"):
        with open(os.path.join(a.dir, name), "rb") as f:
            check(phone[1:].encode() not in f.read(), "the number is in %s" % name)
    check(phone[1:] not in a.output() and "secret" not in a.output(), "it is in the log")


def short_links(a, b):
    """A link without an invitation is asked for one; other commands go on meanwhile."""
    mine, url = a.invite()
    hold = of.threading.Event()

    def answer(request):
        if request.path == "/slow":
            hold.wait(30)
        if request.path == "/moved":
            return 302, "text/plain", b"", ("Location", url)
        if request.path in ("/slow", "/json"):
            return 200, "application/json", json.dumps(invitation_of(url)).encode()
        return (200, "application/json", b"{}") if request.path == "/empty" else (404, "text/plain", b"")
    server = of.Server(answer)
    put = b.put("create_with_invite", source_id="x", invite=server.url + "/slow")
    b.poll_until(lambda: server.requests, "the link is asked")
    b.ask("list_connections")
    check(not b.is_over(put), "answered before the link has")
    same(server.requests[0].headers["Accept"], "application/json", "what is asked for")
    hold.set()
    same(b.end(put).state, of.OFFERED, "created")
    for path in ("/json", "/moved"):
        same(b.ask("create_with_invite", source_id="x", invite=server.url + path).state, of.OFFERED, path)
    b.fails(of.POST, "create_with_invite", source_id="x", invite=server.url + "/none")
    b.fails(of.INVITE, "create_with_invite", source_id="x", invite=server.url + "/empty")
    server.shutdown()
    server.server_close()


# ---- offers ----

def who(world):
    answer = world.curl("/")
    same((answer.status, answer.headers["content-type"]), (200, "application/json"), "who it is")
    return json.loads(answer.body)


def offer_never(a, b):
    made = a.ask("create", source_id="x").connection_id
    text = a.fails(of.POST, "connect", connection_id=made, options={"connection_type": "AGENT", "agent": b.url})
    check("403" in text, "the error: %s" % text)
    same(a.state(made), of.INITIALIZED, "after a refusal")
    same(json.loads(b.ask("list_connections").json), [], "bob's connections")
    before = who(a)
    a.kill_process()
    same(who(a), before, "the identity stays")
    check(set(before) == {"DID", "verKey"} and before != who(b), "who they are")


def offer(a, b):
    made = a.ask("create", source_id="x").connection_id
    same(a.ask("connect", connection_id=made, options={"connection_type": "AGENT", "agent": b.url}).state, of.OFFERED, "connected")
    event = b.event("state_changed", source_id="offer", to_state=of.ACCEPTED)
    a.event("state_changed", connection_id=made, to_state=of.ACCEPTED)
    a.talk(made, b, event.connection_id, "hello")
    same(len(json.loads(b.ask("list_connections").json)), 1, "bob's connections")


def offer_known(a, b):
    """Not known; then known."""
    offer_never(a, b)
    with open(b.yaml) as f:
        text = f.read()
    with open(b.yaml, "w") as f:
        f.write(text.replace("known_keys: %s" % UNKNOWN, "known_keys: '%s, %s'" % (UNKNOWN, who(a)["verKey"])))
    pid = b.pid()
    os.kill(pid, 9)
    b.wait_again(pid)
    offer(a, b)


def offer_twice(a, b):
    """The same offer again does nothing; and the answer to it may be faster than the one that it was taken."""
    def twice(proxy, request, answer):
        if request.method == "POST":
            same(proxy.post(request)[0], 202, "the second time")
            e2e.wait_for(lambda: ("POST", 503) in home.statuses, e2e.ANSWER, "the request has come before")
        return answer
    offers, home = of.Proxy(b.port, twice), of.Proxy(a.port)
    with open(a.yaml, "a") as f:
        f.write("  endpoint: %s/\n" % home.url)
    a.kill_process()
    made = a.ask("create", source_id="x").connection_id
    same(a.ask("connect", connection_id=made, options={"connection_type": "AGENT", "agent": offers.url + "/"}).state, of.OFFERED, "connected")
    a.event("state_changed", connection_id=made, to_state=of.ACCEPTED)
    same([row["source_id"] for row in json.loads(b.ask("list_connections").json)], ["offer"], "bob's connections")
    same(offers.statuses, [("GET", 200), ("POST", 202), ("POST", 202)], "what bob has answered")


def replies(a, b):
    """A peer that can answer in its replies only, since nobody listens at our endpoint."""
    letters = of.queue.Queue()

    def take(request):
        letters.put(request.body)
        return 202, "text/plain", b""

    def with_letter(proxy, request, answer):
        try:
            return 200, of.ENVELOPE, letters.get(timeout=5 if request.method == "POST" and len(proxy.statuses) == 1 else 0.2)
        except of.queue.Empty:
            return answer
    ours, theirs = of.Server(take), of.Proxy(b.port, with_letter)
    for peer, url in ((a, ours.url), (b, theirs.url)):
        with open(peer.yaml, "a") as f:
            f.write("  endpoint: %s/\n" % url)
        peer.kill_process()
    theirs_id, url = b.invite()
    mine = a.follow(url)
    a.event("state_changed", connection_id=mine, to_state=of.ACCEPTED)
    b.event("state_changed", connection_id=theirs_id, to_state=of.ACCEPTED)


UNKNOWN = "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K"


# ---- strangers ----

def strangers(a, b):
    """They are told a number and no more."""
    for options, status in ((("-H", "Content-Type: text/plain"), 415), (("-H", "Content-Type: application/ssi-agent-wire"), 400),
                            (("-H", "Content-Type: application/didcomm-envelope-enc; charset=utf-8"), 400),
                            (("-H", "Content-Type: application/ssi-agent-wires"), 415)):
        answer = a.curl("/", "--data-binary", '{"protected": "x"}', *options)
        same((answer.status, answer.body), (status, b""), "the answer to %s" % (options,))
    with open(a.dir + "/big", "wb") as f:
        f.write(b"x" * 20001)
    same(a.curl("/", "--data-binary", "@%s/big" % a.dir, "-H", "Content-Type: " + of.ENVELOPE).status, 413, "too big")
    same(a.curl("/", "-X", "PUT").status, 405, "another method")
    same(a.curl("/other").status, 404, "another path")
    check("envelopes refused: 1" in a.output(), "the log says nothing")


def main():
    gateway = of.Server(lambda request: (gateway.status, "text/plain", b""))
    texted = {"sms_url": gateway.url + "/send", "sms_headers": '"Content-Type: application/json\\nAuthorization: Bearer secret"',
              "sms_body_template": """'{"to": "{phone}", "text": "Come: {url}"}'""", "sms_allow_private": "true"}

    def sms_of(a, b):
        sms(a, b, gateway)
    sms_of.__name__ = "sms"
    two = (BASE, BASE)
    cases = [(two, handshakes), (two, talks), (two, errors), (two, no_commands), (two, once), (two, stays), (two, expires), (two, once_only),
             (two, ephemeral), (two, offline), (({"max_attempts": 3, "max_outbox_per_connection": 2, "retry_first": 300}, BASE), given_up), (two, deaf), ((BASE, {"max_events": 3}), crowded), ((PHRASE, BASE), wallets), (two, qr), ((texted, BASE), sms_of),
             (two, short_links), (two, offer_never), ((BASE, {"auto_accept": "all"}), offer),
             ((BASE, {"auto_accept": "all"}), offer_twice), (two, replies),
             ((BASE, {"auto_accept": "known", "known_keys": UNKNOWN}), offer_known), (({"max_body_bytes": 20000}, BASE), strangers)]
    return of.main(*(case for case in cases if not sys.argv[2:] or case[1].__name__ in sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
