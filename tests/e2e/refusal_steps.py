"""The steps of refusals.py: each brings some rows of its table about. m is its Matrix."""
import os
import signal
import sys

import msgpack

import demo as e2e
import refusal_world as rw

sys.path.insert(0, os.path.join(e2e.SOURCE, "tests", "attack"))
import keys as attack_keys

PROTOCOL, OPERATIONS, FORBIDDEN = rw.ENVELOPE["protocol"], "test/operations:1.0.0", "test/forbidden:1.0.0"
CONNECTIONS = {"asker": {"plain": {}, "strict": {"excluded": [FORBIDDEN, OPERATIONS + "#delete"]},
                         "narrow": {"restricted": [FORBIDDEN]}, "absent": {}, "given_up": {}, "bare": {}, "mute": {},
                         "worker": {}, "victim": {}, "leaver": {}, "broken": {}},
               "other": {"outpost": {}}}
TTL = 500  # ms
NEVER = 3  # the replay class


# ---- agents and connections ----

def routes(m):
    m.expect("no_route", *m.ask("no_route"))
    m.expect("no_connection", *m.ask("no_connection", connection="test/nowhere:0.1.0"))
    m.expect("local_off", m.put(m.other, to="asker", sender="other", protocol=PROTOCOL, message="x"))
    m.expect_written("nobody", "plain", m.write("plain", to="nobody"), to="nobody")
    m.expect_written("denied", "outpost", m.write("outpost"), to="asker")
    m.expect_written("denied_local", "plain", m.write("plain", to="other"), to="other")
    m.expect_put("put_invalid", protocol="no public id")


def restrictions(m):
    strict = rw.to_connection("strict")
    m.expect("excluded", *m.ask("excluded", connection=strict, protocol=FORBIDDEN))
    m.expect("restricted", *m.ask("restricted", connection=rw.to_connection("narrow")))
    reads = m.ask("operation", connection=strict, protocol=OPERATIONS, operation="read")
    m.expect("operation", *m.ask("operation", connection=strict, protocol=OPERATIONS, operation="delete"))
    for put in reads:
        m.settled(put)
    m.expect_written("excluded_in", "strict", m.write("strict", protocol=FORBIDDEN), to="asker")
    number = m.write("strict", to="asker_too", protocol=OPERATIONS, operation="delete")
    m.expect_written("operation_in", "strict", number, to="asker_too")
    m.expect("mute", *m.ask("mute", connection=rw.to_connection("mute")))


def settled_badly(m, key, code):
    """Both agents' envelopes are kept, then settled with a code."""
    plain, message = m.puppets["plain"], "keep " + key
    puts = m.ask(key, message=message, connection=rw.to_connection("plain"))
    e2e.wait_for(lambda: len(plain.heard("got", got=message)) == len(puts), rw.GUARD, "kept: " + key)
    for _ in puts:
        plain.tell("settle", code=code)
    m.expect(key, *puts)


def failures(m):
    m.expect("failed", *m.ask("failed", message="fail", connection=rw.to_connection("plain")))
    settled_badly(m, "settled_refused", "REFUSED")
    settled_badly(m, "settled_malformed", "MALFORMED")
    settled_badly(m, "settled_io", "IO")
    slow = m.to("plain", to="slowly", message="slow")
    m.got("plain", "slow")
    stale = m.ask("stale", connection=rw.to_connection("plain"), ttl=TTL)
    m.settled(slow)
    m.expect("stale", *stale)
    m.expect("worker", *m.ask("worker", message="fail", connection=rw.to_connection("worker")))
    m.state("state_failed", "worker", state="connected")
    put = m.put(m.asker, to="other", **rw.ENVELOPE)
    m.other.tell("nack", lease=m.other.wait("got", sender="asker")["lease"], text="not today")
    m.expect("nacked", put)
    number = m.write("plain", message="to be nacked")
    m.asker.tell("nack", lease=m.asker.wait("got", got="to be nacked")["lease"], text="not tomorrow")
    m.expect_written("nacked_in", "plain", number, to="asker")


def absent_ones(m):
    """Put early; what it returns is for when hold is over."""
    given = m.to("leaver", to="absent_given", message="keep it")
    m.got("leaver", "keep it")
    m.puppets["leaver"].kill()
    late = m.ask("absent", connection=rw.to_connection("absent"))
    m.w.give_up("given_up", m.text("given_up"))
    m.expect("given_up", *m.ask("given_up", connection=rw.to_connection("given_up")))
    bare = m.raw_connection().attach()
    bare.say("STATE", state=4, code=rw.code("FAILED"), text="broken for good", retry_ms=0)
    m.w.wait_event("state", name="bare", state="failed")
    m.expect("all_failed", *m.ask("all_failed", connection=rw.to_connection("bare")))
    bare.close()
    return lambda: (m.expect("absent", *late), m.expect("absent_given", given))


def asked_by_victim(m, sender):
    """The victim asks the agent something: the lease."""
    m.write("victim", sender=sender, message="question of " + sender)
    return m.asker.wait("got", got="question of " + sender)["lease"]


def replies(m):
    lease = asked_by_victim(m, "reply_gone")
    m.puppets["victim"].kill()
    late = m.asker.ask("reply", lease=lease, message="x")["tag"]
    m.puppets["victim"] = m.w.puppet("victim")
    m.expect("reply_gone", (m.asker, late, {**rw.ENVELOPE, "to": "reply_gone"}))
    m.asker.tell("ack", lease=lease)
    lease = asked_by_victim(m, "reply_given")
    given = m.asker.ask("reply", lease=lease, message="keep the answer")["tag"]
    m.got("victim", "keep the answer")
    m.restart("victim")
    m.expect("reply_given", (m.asker, given, {**rw.ENVELOPE, "to": "reply_given"}))
    m.asker.tell("ack", lease=lease)


def deaths(m):
    put = m.to("victim", to="never", message="spin", replay=NEVER)
    m.state("state_stuck", "victim")
    m.restart("victim")
    m.expect("never", put)
    put = m.to("victim", to="poison", message="die")
    for _ in range(3):
        e2e.check(m.puppets["victim"].p.wait(rw.GUARD) == 134, "the victim dies of it")
        m.puppets["victim"] = m.w.puppet("victim")
    m.expect("poison", put)
    m.w.wait_connected(("asker", "victim", "0"))


def suspects(m):
    """Two that were given, and one that was not; the receiver dies, and all of them wait for the end of the first."""
    first = m.to("victim", to="suspects", message="keep the first")
    given = m.to("victim", to="suspects", message="keep the second", ttl=TTL)
    m.got("victim", "keep the second")
    m.restart("victim")
    m.got("victim", "keep the first", again=True)
    parked = m.to("victim", to="suspects", message="keep the third", ttl=TTL)
    e2e.wait_for(lambda: m.w.stream("suspects")["parked"] == 2, rw.GUARD, "two are parked behind the first")
    m.let_pass(TTL)
    m.puppets["victim"].tell("settle", code="OK")
    m.settled(first)
    m.expect("unknown_expired", given)
    m.expect("expired", parked)


def forbidden_meanwhile(m):
    put = m.to("victim", to="unknown_refused", message="keep it still", protocol=OPERATIONS, operation="write")
    m.got("victim", "keep it still")
    m.puppets["victim"].kill()
    m.w.write_package("victim", excluded=[OPERATIONS + "#write"])
    m.w.reload()
    m.puppets["victim"] = m.w.puppet("victim")
    m.expect("unknown_refused", put)


def outside_lost(m):
    put = m.to("plain", to="lost", message="keep")
    m.got("plain", "keep")
    m.puppets["plain"].tell("lose")
    m.expect("lost", put)
    m.w.wait_event("state", name="plain", code="IO", text="the line is dead")
    m.w.wait_connected(("asker", "plain", "0"))


def states(m):
    m.puppets["broken"].tell("lose", codes="IO CLOSED CONFIG")
    for key in ("state_io", "state_closed", "state_config"):
        m.state(key, "broken", state="connecting", text=m.text(key))
    m.state("state_ok", "broken", state="connected")
    m.puppets["strict"].p.send_signal(signal.SIGTERM)
    m.state("state_shutdown", "strict", state="disconnecting")
    e2e.check(m.puppets["strict"].p.wait(rw.GUARD) == 0, "SIGTERM ends a connection with 0")


def new_names(m):
    newer = m.w.agent("asker", instance="1")
    e2e.check(m.quiet.p.wait(rw.GUARD) == 76, "the older process ends with 76")
    event = m.w.wait_event("fenced", agent="asker", instance="1")
    m.see("fenced", event["code"], event["text"])
    e2e.check(not m.quiet.heard("error"), "nobody asked for these envelopes: %s" % m.quiet.heard("error"))
    newer.wait("linked", linked=True)
    e2e.check(newer.end() == 0, "an agent that closes ends with 0")
    event = m.w.wait_event("link_down", agent="asker", instance="1", text="BYE")
    m.see("closed", event["code"], event["text"])


# ---- raw nodes ----

def open_stream(raw, stream, to, connection="plain", protocol=PROTOCOL, **changes):
    fields = dict(conn_instance="", origin=b"", base=1, next=2, sent_high=0)
    raw.say("OPEN", stream=stream, to=to, sender="asker", connection=rw.to_connection(connection), protocols=[protocol],
            **{**fields, **changes})


def publish(raw, opened, seq, prev, payload, meta=None):
    raw.say("PUB", stream=opened["stream"], round=opened["round"], seq=seq, prev=prev, proto=0, flags=0, meta=meta,
            payload=payload)


def raw_ends(m):
    raw = m.raw_agent().attach()
    open_stream(raw, 1, "invalid", protocol="no public id")
    e2e.check(m.hear("invalid", raw, "END")["seq"] == 0, "INVALID ends the whole stream")
    open_stream(raw, 2, "too_big")
    opened = raw.read("OPENED")
    publish(raw, opened, 1, 0, bytes(17 * 1024))
    e2e.check(m.hear("too_big", raw, "END")["seq"] == 1, "TOO_BIG ends one")
    raw.say("ENDED", stream=2, seq=1)
    publish(raw, opened, 2, 1, b"fail")
    second = raw.read("END")
    e2e.check((second["seq"], second["code"]) == (2, "FAILED"), "the second fails: %s" % second)
    publish(raw, opened, 3, 2, b"too late", {"ttl": 1})
    raw.ping()
    raw.read("PONG")  # it has been parked
    m.let_pass(50)
    raw.say("ENDED", stream=2, seq=2)
    e2e.check(m.hear("barrier", raw, "END")["seq"] == 3, "the third ends")
    raw.say("NEED", stream=2, round=opened["round"], used_b=1 << 40)
    m.hear("need", raw)


def moved_whole(m):
    """A PING and a large PUB in one message: it goes on as it came, with NOP where the PING was (SPEC 4.0.7)."""
    bare, raw, payload = m.raw_connection().attach(), m.raw_agent().attach(), os.urandom(8192)
    open_stream(raw, 1, "moved", "bare")
    asked = bare.read("OPEN")
    bare.say("ANSWER", stream=asked["stream"], round=asked["round"], wm=0, settled=[], held=[])
    opened = raw.read("OPENED")
    ping = rw.frame("PING", count=raw.sent + 1, clock=rw.now())
    raw.send(ping + rw.fixed_pub(1, opened["round"], 1, 0, payload))
    bare.read("NOP")
    pub = bare.read("PUB")
    e2e.check((pub["seq"], pub["payload"]) == (1, payload), "it arrives whole")
    bare.say("SETTLE", stream=asked["stream"], wm=1, settled=[])
    e2e.check(raw.read("SETTLE")["wm"] == 1, "and is settled")
    bare.say("BYE", code=rw.code("SHUTDOWN"), cause=rw.code("SHUTDOWN"), text="")


def raw_links(m):
    m.hear("version", m.raw_agent().greet(version_min=2, version_max=2))
    m.hear("no_agent", m.raw_agent().greet(agent="nobody"))
    m.hear("other_id", m.raw_connection().greet(public_id="test/other:0.1.0"))
    m.hear("no_instance", m.raw_agent().greet(instance=""))
    stranger = m.raw_agent()
    stranger.ping()
    m.hear("stranger", stranger)
    miscounted = m.raw_agent().attach()
    miscounted.say("PING", count=miscounted.sent + 7, clock=rw.now())
    m.hear("miscounted", miscounted)
    claims = m.raw_connection().greet()
    claims.read("WELCOME")
    for _ in range(25):
        claims.say("RESUME", claims=[[os.urandom(16), 0x10000 + i] for i in range(256)])
    m.hear("claims", claims)
    late = m.w.raw(1, "other", "other", instance="raw").greet()
    attach = late.read("WELCOME")["attach"]
    m.w.reload(rename={"other": "renamed"})
    late.say("CONFIRM", attach=attach)
    m.hear("unconfigured", late)
    m.w.reload()


def crowd(m):
    """As many as may be, those included that are there already, and one more."""
    there = len([n for n in m.w.nodes() if n[:2] == ("other", "other")])
    for i in range(64 - there):
        m.w.raw(1, "other", "other", instance="crowd %d" % i).greet().read("WELCOME")
    m.hear("crowd", m.w.raw(1, "other", "other", instance="one too many").greet())


# ---- links and brokers ----

def cut_short(body):
    return body[:-1]


def lose(_):
    return None


def losses(m):
    """Between an agent and the broker messages are lost or spoilt: whoever notices ends the link, and it comes back."""
    proxy, behind = rw.Proxy(m.w), ("asker", "asker", "behind")
    agent = m.w.agent("asker", instance="behind", PATCHBAY_ENDPOINT=proxy.endpoint)
    for key, way, treat in (("lost_down", "down", [lose]), ("lost_up", "up", [lose]), ("spoilt", "down", [cut_short]),
                            ("silent", "down", [lose] * 1000)):
        m.w.wait_connected(behind)
        attached = m.w.nodes()[behind]["attached"]
        proxy.next[way] = treat
        event = m.w.wait_event("link_down", instance="behind", code=m.rows[key].code, text=m.text(key))
        proxy.next[way] = []
        m.see(key, event["code"], event["text"])
        e2e.wait_for(lambda: m.w.nodes()[behind]["attached"] > attached, rw.GUARD, "it attaches again")
    e2e.check(agent.end() == 0, "the agent behind the proxy ends well")
    proxy.close()


def stopped_broker(m):
    """A broker that was asleep for longer than timeout: its nodes come again, and what they had put is delivered."""
    since = len(m.asker.lines)
    m.w.broker.send_signal(signal.SIGSTOP)
    m.asker.wait("linked", since, linked=False)
    puts = [m.to("plain", to="stopped") for _ in range(3)]
    m.w.broker.send_signal(signal.SIGCONT)
    for put in puts:
        m.settled(put)


def smaller_broker(m):
    """The broker is killed, and the one that comes takes smaller envelopes; a receiver dies meanwhile."""
    sent = m.to("plain", to="shrunk_sent", message="keep the large one", size=10000)
    stamped = m.to("victim", to="stamped", message="keep the unrepeatable", replay=NEVER)
    m.got("plain", "keep the large one".ljust(rw.SHOWN, "."))
    m.got("victim", "keep the unrepeatable")
    waiting = m.to("absent", to="shrunk", size=10000)
    m.w.broker.kill()
    m.w.broker.wait()
    m.puppets["victim"].kill()
    m.w.max_envelope = "4KiB"
    m.w.write_agents()
    m.w.start_broker()
    m.puppets["victim"] = m.w.puppet("victim")
    m.expect("shrunk", waiting)
    m.expect("shrunk_sent", sent)
    m.expect("stamped", stamped)
    m.expect_put("put_too_big", size=10000)
    m.w.wait_connected(("asker", "plain", "0"))
    m.expect_written("receive_too_big", "plain", m.write("plain", size=10000))


def drain(m):
    """The broker goes down with something given. Its sender may hear from the next one that it was settled (SPEC 2.3)."""
    put = m.to("victim", to="last", message="keep the last")
    m.got("victim", "keep the last")
    raw = m.raw_agent().attach()
    m.w.broker.send_signal(signal.SIGTERM)
    raw.read("DRAIN")
    m.hear("draining", m.w.raw(1, "asker", "asker", instance="late").greet())
    m.puppets["victim"].tell("settle", code="OK")
    m.hear("shutdown", raw)
    e2e.check(m.w.broker.wait(rw.GUARD) == 0, "the broker ends with 0")
    m.w.start_broker()
    m.settled(put)


def keys(m):
    """Another broker, on tcp."""
    world = attack_keys.World()
    try:
        world.reload(attack_keys.WEB)
        other, peer = attack_keys.Peer(world, "web"), attack_keys.Peer(world, "web")
        verb, code, _, text = other.hello(name="http_server")[:4]
        e2e.check((verb, code) == (attack_keys.REJECT, rw.code("DENIED")), "the answer: %s %s" % (verb, code))
        m.see("key_denied", "DENIED", text)
        peer.attach()
        world.reload("")
        _, code, _, text = peer.wait_for(attack_keys.GAP)[:4]
        e2e.check(code == rw.code("DENIED"), "GAP's code: %s" % code)
        m.see("key_revoked", "DENIED", text)
        for one in (other, peer):
            one.close()
        world.end()
    finally:
        world.clean_up()


def everything(m):
    m.start()
    when_hold_is_over = absent_ones(m)
    for step in (routes, restrictions, failures, replies, deaths, suspects, forbidden_meanwhile, outside_lost, raw_ends,
                 moved_whole, raw_links, losses, states, new_names, crowd):
        step(m)
    when_hold_is_over()
    stopped_broker(m)
    smaller_broker(m)
    drain(m)
    keys(m)


# ---- what a peer must not say ----

def breaches(m):
    m.w.start_broker()
    for key, act in (("cut_short", lambda raw: raw.send(rw.frame("PING", count=raw.sent + 1, clock=1)[:-1])),
                     ("two_frames", lambda raw: raw.sock.send_multipart([b"", b""])),
                     ("real_number", lambda raw: raw.send(msgpack.packb([rw.NUMBERS["PING"], float(raw.sent + 1), 1]))),
                     ("hello_twice", lambda raw: raw.greet()),
                     ("bad_base", lambda raw: open_stream(raw, 1, "x", base=2))):
        raw = m.raw_agent().attach()
        act(raw)
        m.hear(key, raw)
    bare, raw = m.raw_connection().attach(), m.raw_agent().attach()
    open_stream(raw, 1, "x", "bare")
    asked = bare.read("OPEN")
    bare.say("END", stream=asked["stream"], seq=9, code=rw.code("FAILED"), cause=rw.code("FAILED"), text="")
    m.hear("bad_end", bare)
