#!/usr/bin/python3
"""Every code with which an envelope may end, a node be turned away or a link be ended, through real processes: what the
sender's code is told, and what an agent that asked for it gets as an `error` envelope. The table says what; a row that
is not seen, and a code of SPEC's section 9 that has no row, fail the test.

usage: refusals.py BUILD_DIR [hostile]      hostile: the rows for which a peer must break the protocol
"""
import collections
import re
import sys
import time

import demo as e2e
import refusal_steps as steps
import refusal_world as rw

Row = collections.namedtuple("Row", "key frames code who how text")
# frames: those that must have carried the code; "library": ended without a word of the broker; "return": refused at the
# call. code: OUTCOME_UNKNOWN/X has X as its cause. text: {PACKAGE/KEY} is the file and line of that list of rules.
TABLE = [Row(*row) for row in (
    ("no_route", "END 0", "NO_ROUTE", "agent", "no rule of routing matches",
     "no rule of routing matches and there is no default connection"),
    ("no_connection", "END 0", "NO_ROUTE", "agent", "its context names a connection that is not there",
     "the agent has no such connection"),
    ("local_off", "END 0", "NO_ROUTE", "agent", "to an agent of this broker, without local delivery",
     "no rule of routing matches and there is no default connection"),
    ("nobody", "END 0", "NO_ROUTE", "connection", "to an address that nobody has",
     "no agent of this connection has that address"),
    ("absent", "END 0", "DISCONNECTED", "agent", "absent for longer than hold", "not attached for longer than hold"),
    ("given_up", "END 0", "DISCONNECTED", "agent", "given up by its supervisor", "it crashes all the time"),
    ("all_failed", "END 0", "DISCONNECTED", "agent", "all its instances say `failed`", "the connection has failed"),
    ("absent_given", "END 0", "OUTCOME_UNKNOWN/DISCONNECTED", "agent",
     "killed with it, and absent for longer than hold",
     "not attached for longer than hold"),
    ("reply_gone", "END 0", "INSTANCE_GONE", "agent", "answers a process that was killed",
     "the process that the reply was for is gone"),
    ("reply_given", "END 0", "OUTCOME_UNKNOWN/INSTANCE_GONE", "agent", "killed with the answer",
     "the process that the reply was for is gone"),
    ("excluded", "END 0", "REFUSED", "agent", "an excluded protocol",
     "{strict/excluded_protocols}: excluded_protocols names it"),
    ("restricted", "END 0", "REFUSED", "agent", "restricted to other protocols",
     "{narrow/restricted_to_protocols}: restricted_to_protocols does not name it"),
    ("excluded_in", "END 0", "REFUSED", "connection", "writes with an excluded protocol",
     "{strict/excluded_protocols}: excluded_protocols names it"),
    ("denied", "END 0", "DENIED", "connection", "to another agent, without local delivery",
     "a connection writes to its own agent only"),
    ("denied_local", "END 0", "DENIED", "connection", "to another agent, with local delivery",
     "a connection writes to its own agent only"),
    ("invalid", "END 0", "INVALID", "raw agent", "a protocol that is no public id", "a protocol is not a public id"),
    ("operation", "END down", "REFUSED", "agent", "an excluded operation",
     "{strict/excluded_protocols}: excluded_protocols names it"),
    ("operation_in", "END down", "REFUSED", "connection", "writes with an excluded operation",
     "{strict/excluded_protocols}: excluded_protocols names it"),
    ("mute", "END up, END down", "REFUSED", "agent", "to a connection without `send`", "this connection sends nothing"),
    ("settled_refused", "END up, END down", "REFUSED", "agent", "settled with REFUSED",
     "a restriction forbids this protocol here"),
    ("failed", "END up, END down", "FAILED", "agent", "`send` fails", "no paper"),
    ("settled_malformed", "END up, END down", "MALFORMED", "agent", "settled with MALFORMED",
     "the receiver could not decode its message"),
    ("settled_io", "END up, END down", "FAILED", "agent", "settled with a code that ends nothing",
     "an operating system call failed"),
    ("worker", "END up, END down", "FAILED", "agent", "`on_send` fails", "no paper"),
    ("nacked", "END up, END down", "FAILED", "agent", "nacked by another agent", "not today"),
    ("nacked_in", "END up, END down", "FAILED", "connection", "nacked by its agent", "not tomorrow"),
    ("lost", "END up, END down", "OUTCOME_UNKNOWN", "agent",
     "the connection lost its outside world while it was pending",
     "disconnected before it had finished"),
    ("never", "END down", "OUTCOME_UNKNOWN/INSTANCE_GONE", "agent",
     "replay never; its receiver was stuck with it and killed",
     "its receiver died with it"),
    ("unknown_refused", "END down", "OUTCOME_UNKNOWN/REFUSED", "agent",
     "given, its receiver killed, and forbidden meanwhile",
     "{victim/excluded_protocols}: excluded_protocols names it"),
    ("unknown_expired", "END down", "OUTCOME_UNKNOWN/EXPIRED", "agent",
     "given, its receiver killed, and too old behind a suspect",
     "in the broker"),
    ("stale", "END up, END down", "EXPIRED", "agent", "waits at its receiver behind a slow one",
     "its time to live passed before it was started"),
    ("expired", "END down", "EXPIRED", "agent", "parked behind a suspect", "in the broker"),
    ("barrier", "END down", "EXPIRED", "raw agent", "parked behind an END that is not answered", "in the broker"),
    ("poison", "END down", "POISON", "agent", "its receiver dies on it: once in company, max_attempts times alone",
     "its receiver died on it each time"),
    ("too_big", "END down", "TOO_BIG", "raw agent", "a payload above max_envelope",
     "larger than the broker's max_envelope"),
    ("never_sent", "library", "EXPIRED", "agent", "too old before it could be sent", "never sent"),
    ("shrunk", "library", "TOO_BIG", "agent", "put before a broker with a smaller max_envelope came",
     "larger than the broker's max_envelope"),
    ("shrunk_sent", "library", "OUTCOME_UNKNOWN/TOO_BIG", "agent",
     "sent before a broker with a smaller max_envelope came",
     "larger than the broker's max_envelope"),
    ("stamped", "library", "OUTCOME_UNKNOWN/INSTANCE_GONE", "agent",
     "replay never; its receiver and the broker were killed",
     "its receiver is gone"),
    ("put_too_big", "return", "TOO_BIG", "agent", "larger than max_envelope", ""),
    ("put_invalid", "return", "INVALID", "agent", "a protocol that is no public id", ""),
    ("receive_too_big", "return", "TOO_BIG", "connection", "larger than max_envelope", ""),
    ("version", "REJECT", "VERSION", "raw agent", "speaks version 2 only", "this broker speaks version 1"),
    ("no_agent", "REJECT", "UNKNOWN_NAME", "raw agent", "an agent that nobody has configured",
     "no node of that agent, role and name is configured"),
    ("other_id", "REJECT", "UNKNOWN_NAME", "raw connection", "another public id than the configured one",
     "another public id is configured under that name"),
    ("no_instance", "REJECT", "UNKNOWN_NAME", "raw agent", "an empty instance", "an instance is some characters"),
    ("crowd", "REJECT", "LIMIT", "raw agent", "the 65th instance", "too many instances"),
    ("draining", "REJECT", "SHUTDOWN", "raw agent", "the broker drains with something given",
     "the broker is going down"),
    ("key_denied", "REJECT", "DENIED", "raw connection", "its key is for another name",
     "the policy does not allow that agent, role and name for this key"),
    ("key_revoked", "GAP down", "DENIED", "raw connection", "its key is taken out of the policy",
     "the policy does not allow this key any more"),
    ("silent", "GAP up", "TIMEOUT", "agent", "nothing came to it for longer than timeout", "the node saw a loss"),
    ("lost_down", "GAP up", "GAP", "agent", "a message to it was lost: PONG's count", "the node saw a loss"),
    ("lost_up", "GAP down", "GAP", "agent", "a message of its own was lost: PING's count", "PING's count differs"),
    ("miscounted", "GAP down", "GAP", "raw agent", "a PING with another count", "PING's count differs"),
    ("spoilt", "GAP up", "BAD_FRAME", "agent", "a message to it was cut short", "the node saw a loss"),
    ("need", "GAP down", "TOO_BIG", "raw agent", "NEED of more than an envelope",
     "NEED for more than an envelope may have"),
    ("claims", "GAP down", "LIMIT", "raw connection", "more claims than 131,072 bytes", "more claims than are taken"),
    ("unconfigured", "GAP down", "UNKNOWN_NAME", "raw agent", "not configured any more between WELCOME and CONFIRM",
     "its agent is not configured any more"),
    ("fenced", "BYE down", "FENCED", "agent", "a newer process has its name: it ends with 76",
     "a newer process has its name"),
    ("shutdown", "BYE down", "SHUTDOWN", "raw agent", "the broker has drained", ""),
    ("closed", "BYE up", "SHUTDOWN", "agent", "pbay_close", "BYE"),
    ("stranger", "WHO", "", "raw agent", "no HELLO before", ""),
    ("state_ok", "STATE", "OK", "connection", "connected", ""),
    ("state_io", "STATE", "IO", "connection", "`connect` fails", "connect gives IO"),
    ("state_closed", "STATE", "CLOSED", "connection", "`connect` fails", "connect gives CLOSED"),
    ("state_config", "STATE", "CONFIG", "connection", "`connect` fails", "connect gives CONFIG"),
    ("state_stuck", "STATE", "TIMEOUT", "connection", "`send` does not return", "stuck: send for 1 s"),
    ("state_failed", "STATE", "FAILED", "connection", "`on_send` fails", "no paper"),
    ("state_shutdown", "STATE", "SHUTDOWN", "connection", "SIGTERM", ""))]
HOSTILE = [Row(*row) for row in (
    ("cut_short", "GAP down", "BAD_FRAME", "raw agent", "a message that ends within a frame", "malformed frame"),
    ("two_frames", "GAP down", "BAD_FRAME", "raw agent", "a message of two ZeroMQ frames", "malformed frame"),
    ("real_number", "GAP down", "BAD_FRAME", "raw agent", "a count that is no integer", "malformed frame"),
    ("hello_twice", "GAP down", "BAD_FRAME", "raw agent", "HELLO in a session", "HELLO twice on one socket"),
    ("bad_base", "GAP down", "BAD_FRAME", "raw agent", "OPEN of nothing", "OPEN with a bad base or next"),
    ("bad_end", "GAP down", "BAD_FRAME", "raw connection", "END of what it was never given",
     "END of a sequence that was never given, or with a code that ends nothing"))]


class Matrix:
    """The rows, what was seen of them, and whom the steps lead."""

    def __init__(self, world, rows):
        self.w, self.seen = world, {}
        self.rows = {row.key: row for row in rows}

    def start(self):
        w = self.w
        w.start_broker()
        self.asker = w.agent("asker", "errors")           # ends come to it as envelopes, too
        self.quiet = w.agent("asker", instance="1")       # and to it they do not
        self.other = w.agent("other", "errors")
        self.puppets = {name: w.puppet(name, kind={"mute": "mute", "worker": "sync"}.get(name, ""))
                        for name in ("plain", "strict", "mute", "worker", "victim", "leaver", "broken")}
        self.puppets["outpost"] = w.puppet("outpost", "other")
        w.wait_connected(("asker", "asker", "0"), ("asker", "asker", "1"), ("other", "other", "0"),
                         *((puppet.agent, name, "0") for name, puppet in self.puppets.items()))

    # ---- rows ----

    def text(self, key):
        return re.sub(r"{(\w+)/(\w+)}", lambda m: self.w.rule(m[1], m[2]), self.rows[key].text)

    def see(self, key, code, text, cause=None):
        """The row was seen so; everything must be as the table says."""
        row = self.rows[key]
        got = code if cause in (None, code) else "%s/%s" % (code, cause)
        wanted = (row.code, self.text(key))
        e2e.check((got, text) == wanted, "%s: expected %s, seen %s" % (key, wanted, (got, text)))
        self.seen.setdefault(key, text)

    def check_wire(self, key, to, **sender):
        """The broker's own record: in which frame it has said the code; nothing, if the library knew by itself."""
        row = self.rows[key]
        code, _, cause = row.code.partition("/")
        if row.frames == "library":
            e2e.check(not self.w.events("end", to=to, code=code, **sender), "%s: the broker has ended it" % key)
            return
        if row.frames == "END 0" and cause:
            code = cause  # that it was sent, the library knows
        event = self.w.wait_event("end", to=to, code=code, cause=cause or code, text=self.text(key), **sender)
        e2e.check((event["envelope"] == 0) == (row.frames == "END 0"), "%s: not in %s: %s" % (key, row.frames, event))

    # ---- agents ----

    def ask(self, key, **envelope):
        """Put the row's envelope through both agents; nothing else goes to that address."""
        envelope = {"to": key, **rw.ENVELOPE, **envelope}
        return [self.put(process, **envelope) for process in (self.asker, self.quiet)]

    def put(self, process, **envelope):
        put = process.put(**envelope)
        e2e.check(put["put"] == "OK", "put gives %s" % put["put"])
        return process, put["tag"], envelope

    def expect(self, key, *puts):
        """How these have ended: for the sender's code, as an envelope where that was asked for, and on the wire."""
        for process, tag, envelope in puts:
            line = process.wait("outcome", tag=tag)
            self.see(key, line["outcome"], line["text"], line["cause"])
            if process is not self.quiet:
                self.check_error(key, process, line, envelope)
            instance = "1" if process is self.quiet else "0"
            self.check_wire(key, envelope["to"], agent=process.name, instance=instance)

    def check_error(self, key, process, line, envelope):
        """It reads as the answer of whom the envelope was for, and comes once."""
        tag = str(line["tag"])
        data = {"code": line["outcome"], "cause": line["cause"], "tag": tag, "to": envelope["to"],
                "protocol": envelope["protocol"]}
        process.wait("error", error={"REFUSED": 0, "MALFORMED": 1}.get(line["outcome"], 4), text=line["text"], to=envelope["sender"],
                     sender=envelope["to"], data=data)
        times = [x["data"]["tag"] for x in process.heard("error")].count(tag)
        e2e.check(times == 1, "%s: told %d times" % (key, times))

    def to(self, connection, **envelope):
        """One envelope to a connection, from the agent that gets `error` envelopes."""
        return self.put(self.asker, **{**rw.ENVELOPE, "connection": rw.to_connection(connection), **envelope})

    def settled(self, put):
        process, tag, _ = put
        line = process.wait("outcome", tag=tag)
        e2e.check(line["outcome"] == "OK", "settled: %s" % line)

    def expect_put(self, key, **envelope):
        self.see(key, self.asker.put(**{"to": key, **rw.ENVELOPE, **envelope})["put"], "")

    # ---- connections ----

    def write(self, name, **envelope):
        """A connection writes, to the agent that gets `error` envelopes unless told otherwise: the number of it."""
        envelope = {**rw.ENVELOPE, "to": "asker", "sender": name, "instance": "0", **envelope}
        return self.puppets[name].ask("put", **envelope)["put"]

    def expect_written(self, key, name, number, **wire):
        """How it has ended for the connection's code, which is told no text: that is the broker's to tell."""
        line = self.puppets[name].wait("outcome", tag=number)
        self.see(key, line["outcome"], self.text(key))
        if wire:
            self.check_wire(key, name=name, **wire)

    def got(self, name, message, **wanted):
        return self.puppets[name].wait("got", got=message, **wanted)

    def restart(self, name):
        """Its process is killed, and another one attaches."""
        self.puppets[name].kill()
        self.puppets[name] = self.w.puppet(name)

    def state(self, key, name, **wanted):
        event = self.w.wait_event("state", name=name, code=self.rows[key].code, **wanted)
        self.see(key, event["code"], event["text"])

    def let_pass(self, ms):
        """Wait until a time to live that begins now is over: an envelope that nobody can take tells it."""
        self.expect("never_sent", self.to("absent", to="never_sent", ttl=ms))

    # ---- raw nodes ----

    def raw_agent(self):
        return self.w.raw(1, "asker", "asker", instance="raw")

    def raw_connection(self):
        return self.w.raw(2, "asker", "bare", rw.to_connection("bare"))

    def hear(self, key, raw, verb=None):
        """The frame of a row in what a raw node hears."""
        f = raw.read(verb or self.rows[key].frames.split()[0])
        self.see(key, f.get("code", ""), f.get("text", ""), f.get("cause"))
        return f


# ---- the table and SPEC ----

def declared(codes):
    """What section 9 says, as (frame, code)."""
    return {(frame, name) for name, where in codes.values() for frame in where}


def covered(rows):
    found = set()
    for row in rows:
        code, _, cause = row.code.partition("/")
        for frame in row.frames.split(", "):
            found.add((frame, cause if frame == "END 0" and cause else code))
            if cause and frame.startswith("END "):
                found.add(("cause", cause))
    return found


def main():
    hostile = sys.argv[2:] == ["hostile"]
    rows = HOSTILE if hostile else TABLE
    missing = declared(rw.CODES) - covered(TABLE + HOSTILE)
    world = rw.World(steps.CONNECTIONS)
    m, began, good = Matrix(world, rows), time.monotonic(), False
    try:
        (steps.breaches if hostile else steps.everything)(m)
        unseen = [row.key for row in rows if row.key not in m.seen]
        e2e.check(not unseen, "rows that were not seen: %s" % unseen)
        e2e.check(not missing, "codes of SPEC without a row: %s" % sorted(missing))
        e2e.check(not world.complaints(), "a process complained of itself: %s" % world.complaints())
        good = True
    except e2e.Failed as why:
        print("FAILED: %s" % why)
    finally:
        world.close(good)
    for row in rows:
        mark, text = "ok" if row.key in m.seen else "--", m.seen.get(row.key)
        print("%s %-16s %-29s %-14s %s%s" % (mark, row.frames, row.code, row.who, row.how, ": " + text if text else ""))
    print("refusals: %d of %d rows; %.1f s" % (len(m.seen), len(rows), time.monotonic() - began))
    return 0 if good else 1


sys.exit(main())
