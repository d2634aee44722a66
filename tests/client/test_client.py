"""test_client.py BUILD_DIR: the vectors, then the client against the real broker. One line for each test."""
import json, os, re, signal, subprocess, sys, tempfile, time
import msgpack
sys.dont_write_bytecode = True
import patchbay_client as pb

HERE, BROKER = os.path.dirname(os.path.abspath(__file__)), os.path.join(sys.argv[1], "bin", "patchbay-broker")
PROTOCOL, FORBIDDEN, PUBLIC_ID = "fetchai/default:1.0.0", "t/forbidden:1.0.0", "patchbay/pyconn:0.1.0"
AGENT_YAML = f"""agent_name: py_agent
connections: [{PUBLIC_ID}]
default_connection: {PUBLIC_ID}
patchbay: {{heartbeat: 200ms, timeout: 1s}}
"""
BOUNDS = "of 257 bytes|of 129 bytes|of 65 bytes|33 protocols|257 split|of 201 bytes|ranges|origin|replay of 256"
VERBS = ("- HELLO WELCOME CONFIRM REJECT WHO OPEN ANSWER OPENED PUB SETTLE CREDIT NEED END ENDED RELEASE RELEASED CLOSE"
         " RESUME PING PONG GAP DRAIN BYE NOP STATE").split()
CONNECTION_YAML = """name: pyconn
author: patchbay
version: 0.1.0
type: connection
class_name: PyConnection
config: {}
connections: []
protocols: []
restricted_to_protocols: []
excluded_protocols: [ "t/forbidden:1.0.0" ]
is_abstract: false
"""


# --- vectors
def vectors(name):
    with open(os.path.join(HERE, "../../schema/vectors", name + ".json"), encoding="utf-8") as f:
        return json.load(f)


def shown(value):                          # as frames.json writes it
    if isinstance(value, (bytes, list)):
        return value.hex() if isinstance(value, bytes) else [shown(v) for v in value]
    return str(value) if type(value) is int and value > 1 << 53 else "" if value is None else value


def test_good_frames():
    count = 0
    for v in vectors("frames")["vectors"]:
        body, want = bytes.fromhex(v["hex"]), v["fields"]
        if v["dir"] == "down":
            if v["verb"] == "NOP":
                assert not list(pb.frames(body)), v["name"]
                continue
            (verb, name, _, fields), = pb.frames(body)
            assert verb == VERBS.index(v["verb"]) and name in (v["verb"].lower(), "over"), v["name"]
        else:
            frame = msgpack.unpackb(body, strict_map_key=False, object_pairs_hook=tuple,
                                    unicode_errors="surrogateescape")
            assert VERBS.index(v["verb"]) == frame[0] and pb.UP.get(v["verb"], frame[0]) == frame[0], v["name"]
            fields = frame[1:]
        for value, (key, wanted) in zip(fields, want.items()):
            if key == "meta" and wanted:   # the raw map: compare what it means
                wanted = msgpack.unpackb(bytes.fromhex(wanted), object_pairs_hook=tuple)
                assert value == wanted, (v["name"], key, value)
            else:
                assert shown(value) == wanted, (v["name"], key, shown(value), wanted)
        assert v["verb"] == "NOP" or len(fields) == len(want), v["name"]
        count += 1
    return f"{count} frames"


def test_batches():
    for v in vectors("batches")["vectors"]:
        if v["dir"] == "down":
            names, refused = [], False
            try:
                for verb, *_ in pb.frames(bytes.fromhex(v["hex"])):
                    names.append(VERBS[verb])
            except Exception:  # the client takes whatever its reader throws as a malformed frame
                refused = True
            wanted = [n for n in v["verbs"] if n != "NOP"]
            assert (names, refused) == (wanted, v.get("refused", False)), (v["name"], names)


def test_refused_frames():
    """A client reads only what comes down: the rest of refused.json is for the broker. msgpack hides signed types with
    a value that is not negative, and nesting; this client leaves bounds and ranges out."""
    down, accepted = 0, []
    for v in vectors("refused")["vectors"]:
        if v["dir"] == "down":
            down += 1
            try:
                list(pb.frames(bytes.fromhex(v["hex"])))
                accepted.append(v["name"])
            except Exception:  # the client takes whatever its reader throws as a malformed frame
                pass
    known = {"verb as int8 5", "NOP, map depth bomb"}
    strange = [name for name in accepted if name not in known and not re.search(BOUNDS, name)]
    assert down > 50 and not strange, strange
    return f"{down} come down, {len(accepted)} of them are accepted all the same"


def test_public_ids():
    """The client leaves ids to the broker; this is whether 5.1.2 says enough for the vectors."""
    name, number, pre = "[a-z_][a-z0-9_]{0,127}", "(0|[1-9][0-9]*)", "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
    semver = rf"{number}\.{number}\.{number}(-{pre}(\.{pre})*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
    content_hash = "(Qm[A-Za-z0-9]{44}|ba[A-Za-z0-9]{57})"
    public_id = re.compile(rf"(?!.{{513}}){name}/{name}(:(any|latest|{semver}))?(:{content_hash})?")
    ids = vectors("pubid")
    assert all(public_id.fullmatch(v["text"]) for v in ids["good"])
    assert not [v["text"] for v in ids["refused"] if public_id.fullmatch(v["text"])]


# --- the broker
class World:
    def __init__(self, directory):
        self.dir, self.env = directory, dict(os.environ, PATCHBAY_PACKAGE_PATH=os.path.join(directory, "packages"))
        os.makedirs(os.path.join(directory, "packages", "pyconn"))
        with open(os.path.join(directory, "agent.yaml"), "w") as f:
            f.write(AGENT_YAML)
        with open(os.path.join(directory, "packages", "pyconn", "connection.yaml"), "w") as f:
            f.write(CONNECTION_YAML)
        self.endpoint = f"ipc://{directory}/run/broker.ipc"
        self.log = open(os.path.join(directory, "broker.log"), "w")
        self.notes = []
        self.start()
        self.agent = self.node(pb.AGENT, "py_agent", "py_agent")
        self.conn = self.node(pb.CONNECTION, "py_agent", "pyconn", PUBLIC_ID)

    def node(self, *args, **kwargs):
        node = pb.Node(self.endpoint, *args, **kwargs)
        node.log = self.notes.append
        node.got, node.ended, node.handler = [], [], node.finish
        node.on_envelope = lambda envelope: (node.got.append(envelope), node.handler(envelope))
        node.on_outcome = node.ended.append
        return node

    def start(self):
        command = [BROKER, os.path.join(self.dir, "agent.yaml")]
        self.broker = subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log)

    def stop(self, how):
        self.broker.send_signal(how)
        self.broker.wait(10)

    def until(self, condition, what, seconds=40, extra=()):
        end = time.monotonic() + seconds
        while not condition():
            seen = [(len(node.got), len(node.ended)) for node in (self.agent, self.conn)]
            assert time.monotonic() < end, f"deadline: {what}; (got, ended) of both: {seen}; {self.notes[-8:]}"
            for node in (self.agent, self.conn, *extra):
                node.poll(1)

    def clear(self):
        for node in (self.agent, self.conn):
            node.got.clear(), node.ended.clear()
            node.handler = node.finish
        self.notes.clear()

    def to_conn(self, message, protocol=PROTOCOL, to="peer", **kw):
        return self.agent.put(to, "py_agent", protocol, message, **kw)

    def to_agent(self, message, protocol=PROTOCOL, **kw):
        return self.conn.put("py_agent", "peer", protocol, message, **kw)


def test_thousand_each_way(w):
    wanted = [b"%d" % i for i in range(1000)]
    for put, sender, receiver in ((w.to_conn, w.agent, w.conn), (w.to_agent, w.conn, w.agent)):
        puts = [put(m) for m in wanted]
        w.until(lambda: len(sender.ended) == 1000, "1,000 ended")
        assert [e.message for e in receiver.got] == wanted and all(p.code == 0 for p in puts)


def test_forbidden(w):
    alone, among = w.to_conn(b"x", FORBIDDEN, to="elsewhere"), w.to_conn(b"x", FORBIDDEN)
    back = w.to_agent(b"x", FORBIDDEN)
    good = w.to_conn(b"good")
    w.until(lambda: len(w.agent.ended) == 3 and len(w.conn.ended) == 1, "REFUSED")
    codes = [put.code for put in (alone, among, back, good)]
    assert codes == [19, 19, 19, 0], codes
    assert [e.message for e in w.conn.got] == [b"good"] and not w.agent.got
    again = w.to_conn(b"y", to="elsewhere")     # the stream opens again after END 0
    w.until(lambda: again.code == 0, "after END 0")
    return alone.text


def test_kill(w):
    """kill -9 in the middle of 1,000 each way, with several envelopes started and finished late."""
    wanted, started = [b"%d" % i for i in range(1000)], []
    def late(envelope):                         # finishes the seventh last: some are started when the link is lost
        started.append(envelope)
        if len(w.conn.got) in (300, 600):
            w.stop(signal.SIGKILL), w.start()
        if len(started) > 7:
            w.conn.finish(started.pop(0))
    w.conn.handler = late
    puts = [w.to_conn(m) for m in wanted] + [w.to_agent(m) for m in wanted]
    w.until(lambda: len(w.conn.got) >= 1000, "1,000 shown")
    for envelope in started:
        w.conn.finish(envelope)
    w.until(lambda: len(w.agent.ended) == len(w.conn.ended) == 1000, "all ended")
    assert all(p.code == 0 for p in puts), {p.code for p in puts}
    assert [e.message for e in w.conn.got] == wanted and [e.message for e in w.agent.got] == wanted
    return f"links {w.agent.link} and {w.conn.link}, {sum(e.redelivered for e in w.conn.got)} marked as redelivered"


def test_failed(w):
    w.conn.handler = lambda e: w.conn.fail(e, "disk full") if e.message == b"bad" else w.conn.finish(e)
    puts = [w.to_conn(m) for m in (b"1", b"bad", b"2")]
    w.until(lambda: len(w.agent.ended) == 3, "FAILED")
    ends = [(p.code, p.text) for p in puts]
    assert ends == [(0, ""), (pb.FAILED, "disk full"), (0, "")], ends
    w.until(w.conn.idle, "ENDED")


def test_failed_and_killed(w):
    """END is said again after a new link: the broker dies before ENDED."""
    def handler(e):
        if e.message != b"bad":
            return w.conn.finish(e)
        w.conn.fail(e, "no"), w.stop(signal.SIGKILL), w.start()

    w.conn.handler = handler
    puts = [w.to_conn(m) for m in (b"1", b"bad", b"2")]
    w.until(lambda: len(w.agent.ended) == 3 and w.conn.idle(), "FAILED")
    ends = [(p.code, p.text) for p in puts]
    assert ends == [(0, ""), (pb.FAILED, "no"), (0, "")], ends
    assert [e.message for e in w.conn.got] == [b"1", b"bad", b"2"]


def test_reply(w):
    w.to_agent(b"question")
    w.until(lambda: w.agent.got, "question")
    q = w.agent.got[0]
    answer = w.agent.put(q.sender, q.to, q.protocol, b"answer", reply_to=q.reply_to)
    w.until(lambda: answer.code is not None and w.conn.got, "answer")
    assert answer.code == 0 and w.conn.got[0].message == b"answer"
    a = w.conn.got[0]
    back = w.conn.put(a.sender, a.to, a.protocol, b"back", reply_to=a.reply_to)
    w.until(lambda: back.code is not None, "a connection's reply")
    return f"a connection's reply by handle ends {back.code} {back.text}"


def test_large(w):
    wanted = [bytes([i]) * n for i, n in enumerate((1 << 20, 5, 200000, 1 << 20, 70000))]
    puts = [w.to_conn(message) for message in wanted]
    w.until(lambda: len(w.agent.ended) == 5, "large ones")
    assert [p.code for p in puts] == [0] * 5 and [e.message for e in w.conn.got] == wanted
    assert not w.notes, w.notes


def test_drain(w):
    """A second instance drains: its stream is released and what it has not started goes to the first one."""
    second = w.node(pb.CONNECTION, "py_agent", "pyconn", PUBLIC_ID, instance="1")
    w.until(lambda: second.linked, "second instance", extra=[second])
    taken = []
    second.handler = taken.append
    puts = [w.agent.put(f"to{i}", "py_agent", PROTOCOL, b"%d %d" % (i, j)) for i in range(4) for j in range(20)]
    w.until(lambda: taken, "something for the second", extra=[second])
    second.draining = True                      # as close() does, but the others must be polled, too
    second._send("DRAIN")
    shown = len(taken)
    w.until(lambda: any(s.releasing for s in second.receiving.values()), "RELEASE", extra=[second])
    for envelope in taken:
        second.finish(envelope)
    w.until(lambda: len(w.agent.ended) == 80, "all ended", extra=[second])
    second.close()
    assert all(p.code == 0 for p in puts)
    assert sorted(e.message for e in w.conn.got + second.got) == sorted(p.message for p in puts)
    return f"{shown} shown before, {len(taken) - shown} after DRAIN"


def test_term(w):
    """SIGTERM: DRAIN, BYE SHUTDOWN; the nodes come back to the next broker."""
    w.stop(signal.SIGTERM)
    w.start()
    put = w.to_conn(b"after")
    w.until(lambda: put.code is not None, "after the restart")
    assert put.code == 0
    return "; ".join(w.notes[:6])


def test_fenced(w):
    newer = w.node(pb.AGENT, "py_agent", "py_agent")
    try:
        w.until(lambda: False, "FENCED", 10, extra=[newer])
    except SystemExit as end:
        assert end.code == 76 and w.agent.fenced
    w.agent = newer
    put = w.to_conn(b"newer")
    w.until(lambda: put.code == 0, "the newer one")


def test_bye(w):
    w.agent.close(), w.conn.close()
    return "; ".join(w.notes[-2:])


def main():
    failed = 0
    def run(test, *args):
        nonlocal failed
        start = time.monotonic()
        try:
            note, word = test(*args) or "", "ok  "
        except Exception as error:
            note, word, failed = f"{type(error).__name__}: {error}", "FAIL", failed + 1
        print(f"{word} {test.__name__[5:]} ({time.monotonic() - start:.2f} s) {note}", flush=True)
    for test in (test_good_frames, test_batches, test_refused_frames, test_public_ids):
        run(test)
    with tempfile.TemporaryDirectory() as directory:
        w = World(directory)
        try:
            for test in (test_thousand_each_way, test_forbidden, test_kill, test_failed, test_failed_and_killed,
                         test_reply, test_large, test_drain, test_term, test_fenced, test_bye):
                w.clear()
                run(test, w)
        finally:
            w.broker.kill()
            w.broker.wait()
            if failed:
                print(open(os.path.join(directory, "broker.log")).read()[-4000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
