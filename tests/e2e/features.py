#!/usr/bin/python3
"""The feature table of node/AEA.md: one function for each of its rows, named after it, against a `patchbay up` of its own. Prints each row
with what was seen and the tests that the table names; the document must have no row without a function, and no test that does not exist.

usage: features.py BUILD_DIR [ROW]
"""
import fcntl
import os
import re
import signal
import subprocess
import sys
import time

import admin
import demo as e2e
import features_page
import http_world
from demo import check, wait_for

ANSWERS = 20             # of those who are not concerned
STOPPED = 8000           # lines under way when everything stops
MERGED = 2000            # lines at once; AEA's stub answers 885 of 2,000
BIG, BIG_LINES = 100000, 60
ENVELOPES, SIZE = 200000, 64
FLOOD = 1000000000       # never reached
AEA_PER_SECOND = 7300    # its best flood on two cores
FASTER = 2
ECHO = "echo_agent"
LINE = "echo_agent,%s,fetchai/default:1.0.0,%s,\n"
PYTHON = """#!/usr/bin/python3
import os, signal, sys
sys.path.insert(0, %r)
import patchbay_client as pb

def on_envelope(e):
    node.finish(e)
    print("in python:", e.message.decode(), flush=True)
    if e.message.startswith(b"ask "):
        node.put(%r, "python", e.protocol, e.message[4:])

def stop(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, stop)
node = pb.Node(os.environ["PATCHBAY_ENDPOINT"], pb.CONNECTION, os.environ["PATCHBAY_AGENT"], "snake", "test/snake:0.1.0",
               on_envelope=on_envelope, on_outcome=lambda put: None)
try:
    while True:
        node.poll(1000)
except KeyboardInterrupt:
    node.close()
"""


class Demo(e2e.Demo):
    """Ends with the block; then nobody may have complained."""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.up:
                self.stop()
            said = self.output() if os.path.exists(self.log) else ""
            bad = [line for line in said.splitlines() if "Sanitizer" in line or "runtime error:" in line or "Assertion" in line]
            check(kind or not bad, "a process complained of itself: %s" % bad)
            if kind:
                print("\n".join(said.splitlines()[-40:]))
        finally:
            self.clean_up()

    def stop(self):
        if self.up.poll() is None:
            self.up.terminate()
        check(self.wait_end(60) == 0, "patchbay up ends with %s" % self.up.poll())

    def run_command(self, *arguments):
        done = e2e.patchbay(*arguments, cwd=self.dir)
        return done.returncode, (done.stdout + done.stderr).strip()

    def put(self, *arguments):
        return self.run_command("send", "--timeout", "60000", *arguments)

    def override(self, public_id, text):
        with open(self.yaml, "a") as f:
            f.write("---\npublic_id: %s\ntype: connection\n%s\n" % (public_id, text))

    def row(self, name, instance="0", role="connection"):
        return self.ps().get((role, name, instance), {"state": None, "pid": None, "reason": ""})

    def wait_state(self, name, state, instance="0"):
        wait_for(lambda: self.row(name, instance)["state"] == state, 60, "%s is %s" % (name, state))

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        try:
            with open(self.path(name), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def write(self, name, text):
        """As AEA's writers do: under the lock."""
        with open(self.path(name), "a") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write(text)

    def copy_of_stub(self, name, config, lists=""):
        """Another connection that runs the stub's executable: a connection.yaml, and no code."""
        with open(os.path.join(e2e.SOURCE, "connections", "stub", "connection.yaml")) as f:
            text = f.read()
        text = re.sub(r"(?m)^((config|patchbay):\n( .*\n)+|fingerprint.*\n|name:.*\n%s)" % ("|excluded.*\n" if lists else ""), "", text)
        os.makedirs(self.path("connections/" + name))
        self.write("connections/%s/connection.yaml" % name, text + "name: %s\nconfig: %s\n%spatchbay: {executable: %s/libexec/patchbay/stub}\n"
                   % (name, config, lists, e2e.BUILD))

    def unnoticed(self, before, but=()):
        """All other processes are the same as before."""
        now = self.pids()
        check(all(now.get(key) == pid for key, pid in before.items() if key[1] not in but), "another process was restarted")

    def ask_many(self):
        for _ in range(ANSWERS):
            self.ask()


# ---- a connection and the others ----

def start(demo):
    demo.add_trouble("gate", "gate")
    demo.start()  # and the agent answers
    demo.ask()
    row = wait_for(lambda: demo.row("gate") if demo.row("gate")["reason"] else None, 60, "the reason")
    check((row["state"], row["reason"]) == ("connecting", "the gate is not open"), "the state: %s" % row)
    open(demo.path("open"), "w").close()
    demo.wait_state("gate", "connected")
    return "an agent answers while one connection says '%s'; it came later" % row["reason"]


def crash(demo):
    demo.add_trouble("trouble", "abort")
    demo.edit("patchbay:\n", "patchbay:\n  max_attempts: 2\n")
    demo.start()
    before = demo.pids()
    status, said = demo.send("trouble", "bad")
    check(status == 1 and said.startswith("POISON"), "the sender is told: " + said)
    demo.ask_many()
    check(demo.send("trouble", "good") == (0, "settled"), "it works again")
    demo.unnoticed(before, ("trouble",))
    return "it died %d times, its sender was told POISON; the others are the same processes" % demo.row("trouble")["restarts"]


def send_path(demo):
    demo.add_trouble("trouble", "loop")
    demo.edit("patchbay:\n", "patchbay:\n  max_attempts: 1\n")
    demo.start()
    sender = subprocess.Popen([e2e.PATCHBAY, "send", "--config", demo.yaml, "--to", "x", "--connection", "test/trouble:0.1.0",
                               "--timeout", "120000", "bad"], stdout=subprocess.PIPE, universal_newlines=True, env=e2e.environment())
    wait_for(lambda: demo.row("trouble").get("given") == 1, 60, "it has the envelope")
    demo.ask_many()
    check(sender.poll() is None, "its sender still waits")
    wait_for(lambda: demo.row("trouble").get("stuck"), 60, "it is seen")
    reason = demo.row("trouble")["reason"]
    while sender.poll() is None:  # killed in company first, perhaps; then alone with it
        before = demo.row("trouble")
        os.kill(before["pid"], signal.SIGKILL)

        def has_it_again():
            row = demo.row("trouble")
            return row.get("attached", 0) > before["attached"] and row["pid"] not in (None, before["pid"]) and row["given"] == 1

        wait_for(lambda: sender.poll() is not None or has_it_again(), 60, "the envelope ends, or is given again")
    told = sender.communicate()[0]
    check(told.startswith("POISON"), "the sender is told: " + told)
    return "%d answers over another connection beside one that never returns (%s)" % (ANSWERS, reason)


def undeliverable(demo):
    demo.add_trouble("trouble", "fail")
    demo.add_trouble("gate", "gate")
    demo.copy_of_stub("strict", "{input_file: in, output_file: out}", "excluded_protocols: ['test/other:1.0.0']\n")
    demo.edit("connections:\n", "connections:\n- fetchai/strict:0.21.3\n")
    demo.edit("patchbay:\n", "patchbay:\n  hold: 200ms\n  grace: 0\n")
    demo.start()
    told = []
    for code, *arguments in (("NO_ROUTE", "--connection", "acme/nothing:1.0.0", "x"), ("DISCONNECTED", "--connection", "test/gate:0.1.0", "x"),
                             ("REFUSED", "--connection", "fetchai/strict:0.21.3", "--protocol", "test/other:1.0.0", "x"),
                             ("FAILED", "--connection", "test/trouble:0.1.0", "bad")):
        status, said = demo.put("--to", "x", *arguments)
        check(status == 1 and re.match(code + ": .+", said), "%s: %s" % (code, said))
        told.append(code)
    return "told " + ", ".join(told) + ", each with a sentence"


def protocol_restriction(demo):
    demo.copy_of_stub("strict", "{input_file: in, output_file: out}", "excluded_protocols: ['test/other:1.0.0']\n")
    demo.edit("connections:\n", "connections:\n- fetchai/strict:0.21.3\n")
    demo.start()
    demo.wait_state("strict", "connected")
    status, said = demo.put("--to", "x", "--connection", "fetchai/strict:0.21.3", "--protocol", "test/other:1.0.0", "x")
    check(status == 1 and re.match(r"REFUSED: .*connection\.yaml:\d+", said), "out: " + said)
    line = "echo_agent,me,test/other:1.0.0,x,\n"
    demo.write("in", line + LINE % ("me", "allowed"))
    wait_for(lambda: "allowed" in demo.read("out"), 60, "the answer to the one that is allowed")
    wait_for(lambda: demo.read("in.rejected") == line, 60, "the other one is refused: %r" % demo.read("in.rejected"))
    check("REFUSED" in demo.output(), "the log says why")
    return "out: REFUSED with the rule's file and line; in: REFUSED as well"


# ---- states ----

def status(demo):
    demo.edit("patchbay:\n", "patchbay:\n  heartbeat: 200ms\n  timeout: 1s\n")
    demo.start()
    demo.kill(e2e.STUB, signal.SIGSTOP)
    wait_for(lambda: demo.row("stub").get("linked") is False, 60, "its silence is noticed")
    seen = demo.row("stub")["state"]
    check(seen != "connected", "the state is not sticky: " + seen)
    demo.kill(e2e.STUB, signal.SIGCONT)
    demo.wait_state("stub", "connected")
    kinds = [event["kind"] for event in admin.get(demo.run, "/v1/events?since=0")["events"] if event["name"] == "stub"]
    check("link_down" in kinds and kinds.count("attached") >= 2, "events: %s" % kinds)
    return "silent for 1 s: %s; back: connected; events: %s" % (seen, " ".join(kinds))


def reconnect(demo):
    demo.start()
    for key in (e2e.STUB, e2e.STUB, e2e.BROKER):
        pid = demo.pids()[key]
        demo.kill(key)
        demo.ask()  # written while it is away
        wait_for(lambda: demo.pids().get(key) not in (None, pid), 60, "another process")
    return "killed twice, and the broker once: each question written meanwhile was answered"


def shutdown(demo):
    demo.start()
    demo.write("input_file", "".join(LINE % ("me", "line %d." % i) for i in range(STOPPED)))
    wait_for(lambda: "line 0." in demo.read("output_file"), 60, "it has begun")
    demo.stop()
    before = len(re.findall(r"line \d+\.", demo.read("output_file")))
    check(before < STOPPED, "all were answered before the stop")
    check(re.search(r"drained, \d+ envelopes left", demo.output()), "it says what is left")
    demo.start()
    wait_for(lambda: demo.read("input_file") == "" and "line %d." % (STOPPED - 1) in demo.read("output_file"), 60, "all have ended")
    found = re.findall(r"line (\d+)\.", demo.read("output_file"))
    check(list(dict.fromkeys(found)) == [str(i) for i in range(STOPPED)], "%d answers to %d" % (len(set(found)), STOPPED))
    return "stopped after %d of %d answers, started again: %d of %d in order, %d twice" % (
        before, STOPPED, len(set(found)), STOPPED, len(found) - len(set(found)))


def queues(demo):
    demo.edit("patchbay:\n", "patchbay:\n  memory_budget: 1MiB\n  max_envelope: 200KiB\n")
    demo.start()
    demo.ask()
    demo.kill(e2e.AGENT, signal.SIGSTOP)
    demo.write("input_file", "".join(LINE % ("tester", "%03d" % i + "." * BIG) for i in range(BIG_LINES)))
    wait_for(lambda: any(s["held"] > BIG for s in admin.get(demo.run, "/v1/streams").get("streams", [])), 60, "the broker has some of them")
    pool = admin.get(demo.run, "/v1/broker")
    check(pool["pool_used"] <= pool["pool"] <= 1 << 20, "the pool: %s" % pool)
    check(len(demo.read("input_file")) >= BIG_LINES * len(LINE % ("tester", "000" + "." * BIG)), "their source keeps them")
    demo.kill(e2e.AGENT, signal.SIGCONT)
    wait_for(lambda: demo.read("input_file") == "" and re.search("0,%03d[.]+," % (BIG_LINES - 1), demo.read("output_file")), 60,
             "all have ended")
    found = re.findall(r"0,(\d{3})\.", demo.read("output_file"))
    check(found == ["%03d" % i for i in range(BIG_LINES)], "in order: %s" % found)
    return "%d MB for an agent that stood still: %d KiB in the broker, the rest where it came from; all answered later" % (
        BIG_LINES * BIG / 1e6, pool["pool_used"] / 1024)


# ---- routing ----

def routing_helper(demo):
    demo.copy_of_stub("other", "{input_file: in, output_file: out}")
    demo.edit("connections:\n", "connections:\n- fetchai/other:0.21.3\n")
    demo.start()
    demo.write("in", LINE % ("alice", "over the other"))
    wait_for(lambda: "over the other" in demo.read("out"), 60, "the answer to alice")
    for to, name in (("alice", "out"), ("bob", "output_file")):
        check(demo.put("--to", to, "news for " + to) == (0, "settled"), to)
        check("news for " + to in demo.read(name), "%s is written to over %s" % (to, name))
    # two connections claim one address: an answer belongs to the process that has asked
    demo.write("in", "".join(LINE % ("alice", "real %d." % i) for i in range(ANSWERS)))
    demo.write("input_file", "".join(LINE % ("alice", "false %d." % i) for i in range(ANSWERS)))
    for name, word, no in (("out", "real", "false"), ("output_file", "false", "real")):
        wait_for(lambda: len(re.findall(word + r" \d+\.", demo.read(name))) == ANSWERS, 60, "answers in " + name)
        check(no + " " not in demo.read(name), "an answer went to the other one")
    return "an address is reached over the connection it wrote on; answers go to the very process that asked, whoever else claims the address"


def default_connection_by_version_mismatch(demo):
    demo.copy_of_stub("other", "{input_file: in, output_file: out}")
    demo.edit("connections:\n", "connections:\n- fetchai/other:0.21.3\n")
    demo.edit("default_connection: fetchai/stub:0.21.3", "default_connection: fetchai/stub:0.0.1")
    for command in ("check", "up"):
        code, said = demo.run_command(command, demo.yaml)
        check(code == 2 and re.search(r"agent\.yaml:\d+: default_connection: expected fetchai/stub:0\.21\.3", said),
              "%s: %d %s" % (command, code, said))
    demo.edit("default_connection: fetchai/stub:0.0.1", "default_connection: fetchai/stub:0.21.3")
    demo.start()
    check(demo.put("--to", "bob", "for bob") == (0, "settled"), "it is settled")
    check("for bob" in demo.read("output_file") and not demo.read("out"), "not the first connection, but the one that is named")
    return said[said.index("default_connection"):].strip()


# ---- what may be a connection ----

def languages(demo):
    demo.add_connection("snake", "exec /usr/bin/python3 -B $PATCHBAY_CONNECTION_DIR/snake.py\n")
    demo.write("connections/snake/snake.py", PYTHON % (os.path.join(e2e.SOURCE, "tests", "client"), ECHO))
    demo.start()
    demo.wait_state("snake", "connected")
    check(demo.send("snake", "ask who are you?") == (0, "settled"), "it is settled")
    wait_for(lambda: "in python: who are you?" in demo.output(), 60, "the agent's answer")
    return "a connection in Python has taken an envelope, asked the agent, and got its answer"


def several_instances_of_one_connection(demo):
    demo.add_trouble("many", "sleep", "instances: 2")
    demo.start()
    demo.wait_connected((("connection", "many", "0"), ("connection", "many", "1")))
    before = demo.pids()
    demo.kill(("connection", "many", "0"))
    for _ in range(3):
        check(demo.send("many", "hello") == (0, "settled"), "one of them takes it")
    demo.unnoticed({key: pid for key, pid in before.items() if key != ("connection", "many", "0")})
    return "two processes of one package; one was killed, the other one is the same"


def hot_add_remove(demo):
    demo.start()
    before = demo.pids()
    demo.add_trouble("extra", "sleep")
    demo.edit("- test/extra:0.1.0\n", "")
    check("started: extra.0" in demo.run_command("add", "connection", "test/extra")[1], "it is started")
    demo.wait_state("extra", "connected")
    check(demo.send("extra", "hello") == (0, "settled"), "it works")
    check("stopped: extra.0" in demo.run_command("remove", "connection", "extra")[1], "it is stopped")
    wait_for(lambda: demo.row("extra")["pid"] is None, 60, "it is gone")
    check(demo.send("extra", "hello")[1].startswith("NO_ROUTE"), "it is not known any more")
    demo.unnoticed(before)
    demo.ask()
    return "attached and detached while the agent ran; nobody else noticed"


def metrics(demo):
    demo.start()
    demo.ask_many()
    wait_for(lambda: demo.row("stub").get("settled") == ANSWERS, 60, "all are counted")
    check(demo.put("--to", "x", "--connection", "acme/nothing:1.0.0", "x")[0] == 1, "one that is not delivered")
    row = demo.row("stub")
    check((row["in"], row["out"], row["ended"], row["given"]) == (ANSWERS, ANSWERS, 0, 0), "counters: %s" % row)
    streams = admin.get(demo.run, "/v1/streams")["streams"]
    check({"base", "next", "held", "parked", "given"} <= set(streams[0]), "streams: %s" % streams)
    ends = [e for e in admin.get(demo.run, "/v1/events?since=0")["events"] if e["kind"] == "end"]
    check([e["code"] for e in ends] == ["NO_ROUTE"], "ends: %s" % ends)
    return "`ps --json` has " + ", ".join("%s %d" % (key, row[key]) for key in ("in", "out", "settled", "ended", "given", "restarts"))


# ---- packages ----

def stub_file(demo):
    demo.start()
    demo.write("input_file", "".join(LINE % ("me", "line %d." % i) for i in range(MERGED)))
    wait_for(lambda: demo.read("input_file") == "" and "line %d.," % (MERGED - 1) in demo.read("output_file"), 60, "all have ended")
    found = re.findall(r"me,echo_agent,fetchai/default:1\.0\.0,line (\d+)\.,", demo.read("output_file"))
    check(found == [str(i) for i in range(MERGED)], "%d answers" % len(found))
    return "%d of %d lines that were written at once are an envelope each, in order" % (len(found), MERGED)


def http_server(demo):
    port = http_world.free_port()
    demo.edit("port: 0", "port: %d\n  timeout: 0.5" % port)
    demo.start()
    url = "http://127.0.0.1:%d/x" % port
    curl = ["curl", "-s", "-m", "60", "-w", "%{http_code}"]
    demo.kill(e2e.AGENT, signal.SIGSTOP)
    asked = [subprocess.Popen(curl + [url], stdout=subprocess.PIPE, universal_newlines=True) for _ in range(ANSWERS)]
    late = [p.communicate()[0] for p in asked]
    check(all(text.endswith("504") and "Traceback" not in text and text.count("\n") <= 1 for text in late), "late: %s" % late)
    demo.kill(e2e.AGENT, signal.SIGCONT)
    wait_for(lambda: subprocess.run(curl + [url], stdout=subprocess.PIPE, universal_newlines=True).stdout.endswith("200"), 60, "200 again")
    wait_for(lambda: not demo.row("http_server")["given"] and not demo.row(ECHO, role="agent")["given"], 60, "nothing is left of them")
    return "%d requests to an agent that stood still: 504 and one line each, nothing left behind" % ANSWERS


def throughput(demo):
    """A flood of one agent to one connection without an end; a window of it, as the broker counts what is settled."""
    os.environ.pop("PATCHBAY_CAPTURE", None)  # a copy of everything would be in the figure
    demo.add_trouble("sink", "sleep")
    demo.edit("command: [echo_agent]", "command: [%s/tests/probe, %s, '0', 'test/sink:0.1.0', '%d', '0', '%d']"
              % (e2e.BUILD, demo.path("result"), FLOOD, SIZE))
    demo.start(wait=False)

    def settled():
        nodes = admin.get(demo.run, "/v1/nodes").get("nodes", [])
        check(not any(node["ended"] for node in nodes), "one ended otherwise: %s" % nodes)
        return sum(node["settled"] for node in nodes if node["name"] == "sink")

    first = wait_for(settled, 60, "the flood begins")
    began = time.monotonic()
    last = wait_for(lambda: (lambda n: n >= first + ENVELOPES and n)(settled()), 120, "%d are settled" % ENVELOPES)
    per_second = (last - first) / (time.monotonic() - began)
    ratio = per_second / AEA_PER_SECOND
    check(ratio > FASTER or features_page.sanitizers(), "%.0f envelopes/s, %.1f times AEA's %d" % (per_second, ratio, AEA_PER_SECOND))
    return "%d envelopes of %d bytes put, given and settled: %.0f k/s, %.0f times AEA's %.1f k/s" % (
        last - first, SIZE, per_second / 1000, ratio, AEA_PER_SECOND / 1000)


ROWS = (start, crash, send_path, undeliverable, protocol_restriction, status, reconnect, shutdown, queues, routing_helper,
        default_connection_by_version_mismatch, languages, several_instances_of_one_connection, hot_add_remove, metrics, stub_file, http_server,
        throughput)


def one(test, tests):
    began = time.monotonic()
    with Demo() as demo:
        seen = test(demo)
    print("ok      %-38s | %s (%.1f s) | %s" % (test.__name__, seen, time.monotonic() - began, tests), flush=True)


def main(only=None):
    began, bad = time.monotonic(), 0
    try:
        rows = features_page.checked([test.__name__ for test in ROWS])
    except e2e.Failed as why:
        print("FAILED  node/AEA.md: %s" % why)
        return 1
    for test in ROWS:
        if only in (None, test.__name__):
            try:
                one(test, rows[test.__name__])
            except (e2e.Failed, OSError, KeyError) as why:
                print("FAILED  %s: %s" % (test.__name__, why), flush=True)
                bad += 1
    print("features.py: %d rows, %d failed, %.1f s" % (len(rows), bad, time.monotonic() - began))
    return 1 if bad else 0


sys.exit(main(*sys.argv[2:]))
