"""A minimal Patchbay node, agent or connection, written from schema/SPEC.md, whose paragraphs the numbers name.
    node = Node(endpoint, CONNECTION, agent_name, name, public_id, on_envelope=f, on_outcome=g)
    put = node.put(to, sender, protocol, b"...")    # g(put) when put.code is known: 0 = settled, else section 9
    node.finish(e) or node.fail(e, text)            # one of them is owed for each f(e), in f or later
    node.poll(timeout_ms)                           # everything happens in here, in one thread"""
import contextlib, itertools, math, os, random, time, types
import msgpack, zmq

LOSSES = zmq.EVENT_ALL & ~(zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_HANDSHAKE_SUCCEEDED)        # 2.3
AGENT, CONNECTION, OVER, Record = 1, 2, ("over", "nns"), types.SimpleNamespace
TIMEOUT, BAD_FRAME, TOO_BIG, FENCED, GAP, OUTCOME_UNKNOWN, FAILED, SHUTDOWN = 3, 9, 10, 14, 15, 22, 24, 25
UP = {"HELLO": 1, "CONFIRM": 3, "OPEN": 6, "ANSWER": 7, "PUB": 9, "SETTLE": 10, "NEED": 12, "END": 13, "ENDED": 14,
      "RELEASED": 16, "PING": 19, "GAP": 21, "DRAIN": 22, "BYE": 23, "STATE": 25}
# What comes down: who takes it, and its fields' types. o, t: numbers of our own and of their streams, to be looked up.
DOWN = {2: ("welcome", "nbnnnnnl"), 5: ("over", ""), 6: ("open", "nbnnnnssssl"), 17: ("close", "bn"), 22: ("drain", ""),
        8: ("opened", "onnnnbn"), 9: ("pub", "tnnnnnmb"), 11: ("credit", "onnn"), 13: ("end", "nnnns"), 4: OVER,
        14: ("ended", "tn"), 10: ("settle", "onl"), 15: ("release", "nbn"), 20: ("pong", "nn"), 21: OVER, 23: OVER}
TYPES = {"n": (int,), "o": (int,), "t": (int,), "b": (bytes,), "s": (str,), "l": (list,), "m": (tuple, type(None))}
class LinkEnd(Exception): "(code, text) of the GAP that ends the link"
def now(): return time.monotonic_ns() // 1000000
def pack(*values): return msgpack.packb(values, unicode_errors="surrogateescape")
def frames(body):                                                   # a map is a tuple of pairs: odd keys do no harm
    reader = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False, object_pairs_hook=tuple,
                              max_buffer_size=len(body) or 1)       # bounds every count (3.4.1)
    reader.feed(body)
    while reader.tell() < len(body):
        frame = reader.unpack()
        if frame[0] == 24: continue                                 # NOP
        name, kinds = DOWN[frame[0]]
        wrong = [v for k, v in zip("n" + kinds, frame) if type(v) not in TYPES[k]]
        if wrong or len(frame) != len(kinds) + 1: raise ValueError(name)
        yield frame[0], name, kinds, frame[1:]
def ranges(sequences):                                              # the runs of a set, at most 64 (4.0.3)
    runs = [list(run) for _, run in itertools.groupby(enumerate(sorted(sequences)), lambda pair: pair[1] - pair[0])]
    return [[run[0][1], run[-1][1]] for run in runs][:64]

class Node:
    def __init__(self, endpoint, role, agent, name, public_id="", instance="0", on_envelope=None, on_outcome=None):
        self.endpoint, self.me, self.log = endpoint, (role, agent, name, instance, public_id), print
        self.on_envelope, self.on_outcome, self.outcomes, self.max_envelope = on_envelope, on_outcome, [], 1 << 26
        self.incarnation, self.boot, self.link, self.sock, self.due = os.urandom(16), b"", 0, None, 0
        self.linked = self.fenced = self.draining = self.broker_drains = False
        self.sending, self.by_key, self.receiving, self.by_number = {}, {}, {}, {}     # by origin; OPEN's
    # --- link (2, 3)
    def _connect(self):
        self.sock = zmq.Context.instance().socket(zmq.DEALER)
        self.sock.routing_id, self.sock.reconnect_ivl, self.sock.hwm = b"\1" + os.urandom(15), -1, 0
        self.sock.handshake_ivl, self.sock.maxmsgsize = 2000, 67174400
        self.monitor = self.sock.get_monitor_socket(LOSSES)
        self.sent, self.received, self.lease, self.link, self.heard, self.timeout = 0, 0, 0, self.link + 1, now(), 1000
        self.ping_at = math.inf; self.sock.connect(self.endpoint)
        self._send("HELLO", 1, 1, *self.me, self.incarnation, self.link, self.boot, now(), list(self.receiving)[-256:])
    def _transmit(self, body):                                      # each frame is a message: nothing is gathered
        self.sent += 1
        with contextlib.suppress(zmq.Again): self.sock.send(body, zmq.NOBLOCK)      # Again: lost; the monitor says it
    def _send(self, verb, *fields): self._transmit(pack(UP[verb], *fields))
    def _shut(self, why, code=None, delay=0, linger=100):
        self.log(f"{self.me[2]}: link {self.link} ended: {why}")
        if code: self._send("GAP", code, code, why[:100])
        self.sock.disable_monitor(); self.sock.close(linger)
        self.due = now() + int(delay or random.uniform(0, 20 if self.linked else 100))                          # 2.4
        self.sock, self.linked, self.broker_drains, self.by_number = None, False, False, {}
        for s in self.sending.values(): s.state = "idle"
        for s in self.receiving.values(): s.number, s.releasing = None, False
    def poll(self, timeout_ms):
        if self.fenced: raise SystemExit(76)
        if self.sock is None and now() >= self.due: self._connect()
        if self.sock and now() >= self.ping_at:
            self.ping_at = now() + self.heartbeat; self._send("PING", self.sent + 1, now())
        wake = min(self.ping_at, self.heard + self.timeout) if self.sock else self.due
        wait = max(0, min(timeout_ms, wake - now())) / 1000
        if self.sock is None: return time.sleep(wait)
        zmq.select([self.sock, self.monitor], [], [], wait)
        lost = self.monitor.poll(0)
        while self.sock and self.sock.poll(0): self._message(self.sock.recv_multipart())     # before silence is judged
        if self.sock and lost: self._shut("lost")
        if self.sock and now() > self.heard + self.timeout: self._shut("silence", TIMEOUT if self.linked else None)
        while self.outcomes: self.on_outcome(self.outcomes.pop(0))
    def _message(self, parts):
        self.received, self.heard = self.received + 1, now()
        try:
            for verb, name, kinds, fields in frames(parts[0] if len(parts) == 1 else b"\xc1"):
                if name == "over":                                  # WHO, REJECT, GAP, BYE
                    self.fenced = verb == 23 and fields[0] == FENCED
                    return self._shut(f"verb {verb} {fields}", delay=random.uniform(1000, 5000) if verb == 4 else 0)
                streams = {"o": self.sending, "t": self.by_number}.get(kinds[:1])
                if streams is not None: fields[0] = streams.get(fields[0])
                if (self.linked or name == "welcome") and fields[:1] != [None]: getattr(self, "_on_" + name)(*fields)
        except LinkEnd as end: self._shut(end.args[1], end.args[0])
        except Exception as error: self._shut(f"malformed frame: {error!r}", BAD_FRAME)
    def _on_welcome(self, version, boot, attach, clock, heartbeat, timeout, max_envelope, routed):
        self.linked, self.boot, self.max_envelope, self.lease = True, boot, max_envelope, max(self.lease, clock)
        self.heartbeat, self.timeout, self.ping_at = heartbeat or 1000, timeout or 5000, now()
        self._send("CONFIRM", attach)
        if self.me[0] == CONNECTION: self._send("STATE", 2, 0, "", 0)
        if self.draining: self._send("DRAIN")
        for s in self.sending.values():                             # a repeated WELCOME makes every round void
            self._ended(s, [p for p in s.kept.values() if len(p.message) > max_envelope], TOO_BIG, TOO_BIG, "", True)
            s.state = "idle"; self._push(s)
    def _on_pong(self, count, clock):
        if count != self.received: raise LinkEnd(GAP, "PONG's count differs")
        self.lease = max(self.lease, clock)
    def _on_drain(self): self.broker_drains = True                  # no PUB until the next link
    # --- sending (6.3.2)
    def put(self, to, sender, protocol, message, connection="", reply_to=None):
        key = (to, sender, *(reply_to or (connection, "", b"")))
        s = self.by_key.get(key) or Record(number=len(self.sending) + 1, protocols=[], kept={}, next=1, sent_high=0)
        if len(message) > self.max_envelope or s.next - next(iter(s.kept), s.next) >= 16384: raise ValueError("no room")
        self.sending[s.number], self.by_key[key], s.key = s, s, key
        if protocol not in s.protocols: s.state, s.protocols = "idle", s.protocols + [protocol]     # tell it first
        put = s.kept[s.next] = Record(seq=s.next, proto=s.protocols.index(protocol), message=bytes(message), code=None)
        s.next += 1; self._push(s); return put
    def _push(self, s):                                             # open it, or send what its credit allows
        if s.state == "idle" and self.linked and s.kept:
            s.state = "opening"
            self._send("OPEN", s.number, *s.key, s.protocols, next(iter(s.kept)), s.next, s.sent_high)
        while s.state == "open" and s.position < s.next and not self.broker_drains:
            if put := s.kept.get(s.position):                       # else a hole: it has ended
                frame = pack(UP["PUB"], s.number, s.round, put.seq, s.prev, put.proto, 0, None, put.message)
                used = s.used_b + len(frame)
                if s.used_n >= s.credit_n or used > s.credit_b:
                    s.needed = s.needed or not self._send("NEED", s.number, s.round, used); return              # once
                self._transmit(frame)
                s.prev, s.used_n, s.used_b, s.sent_high = put.seq, s.used_n + 1, used, max(s.sent_high, put.seq)
            s.position += 1
    def _ended(self, s, puts, code, cause, text, lost=False):       # lost: nobody knows what became of what was sent
        for put in puts:
            put.code, put.cause, put.text = OUTCOME_UNKNOWN if lost and put.seq <= s.sent_high else code, cause, text
            self.outcomes.append(s.kept.pop(put.seq))
    def _on_opened(self, s, round_, expect, credit_n, credit_b, incarnation, replay):
        if not 0 < expect <= s.next: raise LinkEnd(BAD_FRAME, "OPENED expects what was not put")
        s.state, s.round, s.credit_n, s.credit_b, s.position = "open", round_, credit_n, credit_b, expect
        s.prev, s.used_n, s.used_b, s.needed = 0, 0, 0, False; self._push(s)
    def _on_credit(self, s, round_, credit_n, credit_b):
        if s.state == "open" and s.round == round_:
            s.credit_n, s.credit_b = max(s.credit_n, credit_n), max(s.credit_b, credit_b)
            s.needed = False; self._push(s)
    def _on_settle(self, s, wm, settled):
        for lo, hi in [(1, wm), *settled]: self._ended(s, [p for p in s.kept.values() if lo <= p.seq <= hi], 0, 0, "")
    def _on_end(self, number, seq, code, cause, text):
        s = self.sending.get(number, Record(kept={}))
        self._ended(s, [p for p in s.kept.values() if seq in (0, p.seq)], code, cause if seq else code, text, not seq)
        if seq: self._send("ENDED", number, seq)
        else: s.state = "idle"
    # --- receiving (6.3.5): a PUB is started at once; what may not be started is not taken, and comes again
    def _on_open(self, number, origin, origin_stream, round_, base, next_, name, instance, to, sender, protocols):
        s = self.receiving.setdefault((origin, origin_stream), Record(wm=0, settled=set(), held={}))
        s.to, s.sender, s.protocols, s.reply_to = to, sender, protocols, (name, instance, origin)
        s.number, s.round, s.prev, s.releasing, self.by_number[number] = number, round_, 0, False, s
        s.wm = s.hi = max(s.wm, base - 1)
        s.held, s.settled = {q: e for q, e in s.held.items() if q > s.wm}, {q for q in s.settled if q > s.wm}
        self._send("ANSWER", number, round_, s.wm, ranges(s.settled), ranges(s.held))
        for e in s.held.values(): self._say_end(e)
    def _on_pub(self, s, round_, seq, prev, proto, flags, meta, message):
        if s.round != round_ or s.releasing: return
        if prev != s.prev: raise LinkEnd(GAP, "PUB's prev differs")
        if seq <= prev or proto >= len(s.protocols) or seq - s.wm > 16384: raise LinkEnd(BAD_FRAME, "bad PUB")
        if now() - self.lease >= self.timeout: raise LinkEnd(TIMEOUT, "the lease has ended")                    # 3.6.4
        s.prev = seq
        if self.draining: return                                    # neither taken nor passed: hi stays (6.5.2)
        s.hi = max(s.hi, seq)
        if seq <= s.wm or seq in s.settled: self._send("SETTLE", s.number, s.wm, ranges(s.settled))
        elif seq not in s.held:
            e = s.held[seq] = Record(stream=s, seq=seq, to=s.to, sender=s.sender, protocol=s.protocols[proto],
                                     failure="", meta=meta, message=message, reply_to=s.reply_to, redelivered=flags & 1)
            try: self.on_envelope(e)
            except Exception as error: self.fail(e, repr(error))
    def finish(self, e):
        if e.stream.held.get(e.seq) is e and not e.failure:
            e.stream.settled.add(e.seq); self._gone(e.stream, e.seq, "SETTLE")
    def fail(self, e, text):
        if e.stream.held.get(e.seq) is e and not e.failure:
            e.failure = text.encode()[:200].decode(errors="ignore") or "failed"; self._say_end(e)
    def _say_end(self, e):
        if e.failure and e.stream.number: self._send("END", e.stream.number, e.seq, FAILED, FAILED, e.failure)
    def _on_ended(self, s, seq):
        if seq in s.held and s.held[seq].failure: self._gone(s, seq)                                            # 7.2.2
    def _gone(self, s, seq=None, say=None):                         # the watermark moves (6.5.2)
        s.held.pop(seq, None)
        while s.wm + 1 in s.settled or s.wm < s.hi and s.wm + 1 not in s.held:
            s.wm += 1; s.settled.discard(s.wm)
        say = "RELEASED" if s.releasing and not s.held else say
        if say and s.number: self._send(say, s.number, s.wm, ranges(s.settled))
    def _on_release(self, number, origin, origin_stream):
        s = self.receiving.get((origin, origin_stream))
        if s is None: return self._send("RELEASED", number, 0, [])
        s.number, s.releasing, self.by_number[number] = number, True, s
        for e in s.held.values(): self._say_end(e)
        self._gone(s)
    def _on_close(self, origin, origin_stream):                     # what is started finishes, and nobody is told
        vars(self.receiving.pop((origin, origin_stream), Record())).update(number=None, round=0, held={})
    # --- the end (3.8)
    def idle(self): return not any(s.held for s in self.receiving.values()) | any(s.kept for s in self.sending.values())
    def close(self, timeout_ms=5000):
        self.draining, end = True, now() + timeout_ms
        if self.linked: self._send("DRAIN")
        while now() < end and not self.idle(): self.poll(20)
        if self.linked: self._send("BYE", SHUTDOWN, SHUTDOWN, "")
        if self.sock: self._shut("closed", linger=1000)
