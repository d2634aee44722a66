"""Holds every frame that the brokers of the whole run have captured against the tables of SPEC.md.

usage: frames.py BUILD SOURCE          the captures are BUILD/capture/TEST/PID.frames (broker/capture.h)

A test in HOSTILE sends malformed messages on purpose: each must have been answered with GAP. Everywhere else every
message must be what section 4 says, and nobody may have been told BAD_FRAME. At the end each verb in each direction, and
each code in each frame in which section 9 declares it, must have been seen.
"""
import collections
import glob
import os
import re
import sys
import time

import msgpack

HOSTILE = {"e2e_attack", "e2e_refusals_hostile", "attack_limits", "client"}
BIG = {"u8": 0xff, "u32": 0xffffffff, "u64": 0xffffffffffffffff}
MAX_RID = 32  # longer ones are passed over (SPEC 2.2)
ONE_WAY = ("END 0", "REJECT", "STATE")
BOTH_WAYS = ("END", "GAP", "BYE")  # each direction by itself: "GAP up", "GAP down"


class Bad(Exception):
    pass


# ---- SPEC.md ----

def read_spec(source):
    """({(direction, verb number): [(field, type, bound)]}, {number: name}, {code: (name, {frame})}); a frame of section 9
    without a direction stands for both."""
    with open(os.path.join(source, "schema", "SPEC.md")) as f:
        text = f.read()
    verbs, tables = {}, {}
    for number, name, body in re.findall(r"^### 4\.(\d+) ([A-Z]+)\n(.*?)(?=^##)", text, re.M | re.S):
        verbs[int(number)] = name
        for sides in re.findall(r"^(up|down|up and down): no fields\.", body, re.M):
            for side in sides.split(" and "):
                tables[side[0], int(number)] = []
        for sides, rows in re.findall(r"^\| (up|down|up and down) \| field .*\n\|[-|]+\n((?:\|.*\n)+)", body, re.M):
            fields = re.findall(r"^\| \d+ \| `(\w+)` \| ([^|]+?) \|([^|]*)\|", rows, re.M)
            for side in sides.split(" and "):
                tables[side[0], int(number)] = [(name, kind, int((re.findall(r"\d+", bound) or [0])[0]))
                                                for name, kind, bound in fields]
    codes = {}
    part = text[text.index("## 9 Codes"):text.index("## 10 Limits")]
    for number, name, where in re.findall(r"^\| (\d+) \| ([A-Z_]+) \| ([^|]+) \|", part, re.M):
        frames = {w.strip() for w in where.split(",")} - {"return"}
        codes[int(number)] = (name, {f for w in frames for f in ([w + " up", w + " down"] if w in BOTH_WAYS else [w])})
    return tables, verbs, codes


def is_ranges(v):
    last = -1
    for r in v:
        if type(r) is not list or len(r) != 2 or type(r[0]) is not int or type(r[1]) is not int:
            return False
        if not (1 <= r[0] <= r[1] and r[0] > last + 1):
            return False
        last = r[1]
    return True


def fits(v, kind, bound):
    if kind in BIG:
        return type(v) is int and 0 <= v <= BIG[kind]
    if kind == "str":
        return type(v) is str and len(v.encode("utf-8", "surrogateescape")) <= bound
    if kind == "bin":
        return type(v) is bytes
    if kind in ("id", "id?"):
        return type(v) is bytes and len(v) in ((16,) if kind == "id" else (0, 16))
    if kind == "map?":
        return v is None or type(v) is dict and all(type(k) is str for k in v)
    if type(v) is not list or bound and len(v) > bound:
        return False
    if kind == "[str]":
        return all(type(s) is str and len(s) <= 512 for s in v)
    if kind == "[claim]":
        return all(type(c) is list and len(c) == 2 and type(c[0]) is bytes and len(c[0]) == 16 and type(c[1]) is int
                   for c in v)
    return kind == "[range]" and is_ranges(v)


# ---- captures ----

def records(path):
    """(direction, routing id, body) of each message; a broker that was killed leaves half a record at the end."""
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while at + 2 <= len(data):
        side, rid_n = chr(data[at]), data[at + 1]
        body_at = at + 2 + rid_n + 4
        n = int.from_bytes(data[body_at - 4:body_at], "little")
        if body_at > len(data) or body_at + n > len(data):
            return
        yield side, data[at + 2:at + 2 + rid_n], data[body_at:body_at + n]
        at = body_at + n


def frames_of(body):
    unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape", strict_map_key=False, max_buffer_size=0)
    unpacker.feed(body)
    try:
        for frame in unpacker:
            yield frame
    except Exception as why:
        raise Bad("not msgpack: %r" % why)
    if unpacker.tell() != len(body):
        raise Bad("ends within a frame")


class Run:
    def __init__(self, source):
        self.tables, self.verbs, self.codes = read_spec(source)
        self.seen = collections.Counter()   # (direction, verb)
        self.where = collections.Counter()  # (frame, code)
        self.messages, self.refused, self.faults = 0, 0, []

    def code(self, frame, code, path):
        self.where[frame, code] += 1
        if code not in self.codes or frame not in self.codes[code][1]:
            self.fault(path, "%s with code %s, which section 9 does not declare there" % (frame, code))

    def fault(self, path, text):
        if len(self.faults) < 20:
            self.faults.append("%s: %s" % (os.path.relpath(path, os.path.dirname(os.path.dirname(path))), text))

    def check(self, side, frame, path):
        if type(frame) is not list or not frame or type(frame[0]) is not int or (side, frame[0]) not in self.tables:
            raise Bad("no frame of this direction: %.60r" % (frame,))
        verb, name = frame[0], self.verbs[frame[0]]
        fields = self.tables[side, verb]
        if name != "NOP" and len(frame) != len(fields) + 1:
            raise Bad("%s with %d fields" % (name, len(frame) - 1))
        for value, (field, kind, bound) in zip(frame[1:], fields):
            if not fits(value, kind, bound):
                raise Bad("%s.%s is no %s: %.60r" % (name, field, kind, value))
        return verb, name, dict(zip((f[0] for f in fields), frame[1:]))

    def message(self, side, body, path):
        """The names of its frames; raises Bad."""
        names = []
        for frame in frames_of(body):
            verb, name, f = self.check(side, frame, path)
            self.seen[side, verb] += 1
            names.append((name, f))
        return names

    def take_codes(self, side, names, path):
        for name, f in names:
            frame = "END 0" if name == "END" and f["seq"] == 0 else name
            if frame in BOTH_WAYS:
                frame += " up" if side == "u" else " down"
            elif frame not in ONE_WAY:
                continue
            self.code(frame, f["code"], path)
            if f.get("cause", f["code"]) != f["code"]:
                self.code("cause" if frame == "END down" else "cause in " + frame, f["cause"], path)

    def file(self, path):
        hostile = os.path.basename(os.path.dirname(path)) in HOSTILE
        waiting, over = {}, set()  # routing ids that are owed a GAP; that are no session
        for side, rid, body in records(path):
            self.messages += 1
            try:
                names = self.message(side, body, path)
            except Bad as why:
                if side == "d" or not hostile:
                    self.fault(path, "%s: %s" % ("down" if side == "d" else "up", why))
                elif rid not in over and len(rid) <= MAX_RID:
                    waiting[rid] = str(why)
                self.refused += 1
                continue
            if side == "d":
                self.take_down(names, rid, path, hostile, waiting, over)
            elif any(name in ("GAP", "BYE") for name, _ in names):
                over.add(rid)
            if side == "d" or not hostile:  # what a stranger says proves nothing
                self.take_codes(side, names, path)
        for why in waiting.values():
            self.fault(path, "a malformed message was not answered with GAP: %s" % why)

    def take_down(self, names, rid, path, hostile, waiting, over):
        for name, f in names:
            if name not in ("GAP", "BYE", "REJECT", "WHO"):
                continue
            over.add(rid)
            waiting.pop(rid, None)
            if name == "GAP" and not hostile and self.codes[f["code"]][0] == "BAD_FRAME":
                self.fault(path, "a node of ours was told BAD_FRAME: %s" % f["text"])

    def missing(self):
        for side, verb in sorted(self.tables):
            if not self.seen[side, verb]:
                yield "%s %s was never seen" % (self.verbs[verb], "up" if side == "u" else "down")
        for code, (name, where) in sorted(self.codes.items()):
            for frame in sorted(where):
                if not self.where[frame, code]:
                    yield "%s with %s was never seen" % (frame, name)


def main(build, source):
    began = time.monotonic()
    run = Run(source)
    paths = sorted(glob.glob(os.path.join(build, "capture", "*", "*.frames")))
    for path in paths:
        run.file(path)
    faults = run.faults + list(run.missing())
    for fault in faults:
        print(fault)
    print("%d captures of %d tests, %d messages (%d refused), %d frames, %d verbs in their directions, %d pairs of frame and "
          "code, %d faults; %.1f s" % (len(paths), len({os.path.dirname(p) for p in paths}), run.messages, run.refused,
                                       sum(run.seen.values()), len(run.seen), len(run.where), len(faults),
                                       time.monotonic() - began))
    return 1 if faults or not paths else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
