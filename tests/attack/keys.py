#!/usr/bin/python3
"""Keys and policy (SPEC 2.8): who has no key, a wrong one, an expired or a revoked one; who claims to be somebody else; and those
who belong, whose way is the same as without keys.

usage: keys.py BUILD_DIR
"""
import datetime
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("e2e", "client"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))
import msgpack
import zmq
import zmq.utils.monitor

import admin as ask
import demo as e2e

HELLO, WELCOME, CONFIRM, REJECT, GAP, STATE = 1, 2, 3, 4, 21, 25
AGENT, CONNECTION, DENIED = 1, 2, 20
STUB = "fetchai/stub:0.21.3"
SUCCEEDED, FAILED_AUTH = zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_AUTH
check = e2e.check


def same(found, expected, what):
    check(found == expected, "%s: found %r, expected %r" % (what, found, expected))


def certificate(path):
    """(public, secret or None), as czmq reads it."""
    with open(path) as f:
        values = dict(line.strip().split(" = ") for line in f if " = " in line)
    return values["public-key"].strip('"').encode(), values.get("secret-key", "").strip('"').encode()


class World:
    """A broker on tcp with a key, and a policy that the test writes."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="pbay-keys-")
        self.dir = self.home.name
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.tcp, self.ipc = "tcp://127.0.0.1:%d" % self.port, "ipc://%s/run/broker.ipc" % self.dir
        done = e2e.patchbay("keygen", "--out", self.dir + "/keys", "broker", "web", "web.new", "other", "nobody")
        check(done.returncode == 0, "keygen: %s" % done)
        with open(self.dir + "/agent.yaml", "w") as f:
            f.write("agent_name: one\nconnections: [%s]\npatchbay:\n  endpoints: ['%s']\n  key: keys/broker\n  policy: policy.yaml\n"
                    "  heartbeat: 200ms\n  timeout: 2s\n" % (STUB, self.tcp))
        self.policy("")
        self.log = open(self.dir + "/log", "w")
        self.processes = []
        self.broker = self.start([e2e.BUILD + "/bin/patchbay-broker", "agent.yaml"], self.log)
        self.wait(lambda: "ready at" in self.said(), "the broker is ready")
        self.context = zmq.Context()

    def start(self, command, log, **variables):
        process = subprocess.Popen(command, env=dict(e2e.environment(), PATCHBAY_PACKAGE_PATH=e2e.BUILD + "/share/patchbay/connections",
                                                     **variables), cwd=self.dir, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def wait(self, predicate, what):
        e2e.wait_for(lambda: predicate() or self.broker.poll() is not None, e2e.ANSWER, what)
        check(self.broker.poll() is None, "the broker has ended:\n%s" % self.said())

    def policy(self, text):
        with open(self.dir + "/policy.new", "w") as f:
            f.write("principals:\n%s" % text if text else "principals: []\n")
        os.rename(self.dir + "/policy.new", self.dir + "/policy.yaml")

    def reload(self, text, says="configuration loaded again"):
        before = self.said().count(says)
        self.policy(text)
        self.broker.send_signal(signal.SIGHUP)
        self.wait(lambda: self.said().count(says) > before, "the broker says: %s" % says)

    def node(self, name):
        return [n for n in ask.get(self.dir + "/run", "/v1/nodes").get("nodes", []) if n["name"] == name]

    def end(self):
        self.context.destroy(0)
        self.broker.terminate()
        same(self.broker.wait(30), 0, "the broker's end")

    def clean_up(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.log.close()
        self.home.cleanup()


class Peer:
    """A DEALER with the key pair of this name; None: without any."""

    def __init__(self, world, name, server="broker", endpoint=None, rid=None):
        self.s = world.context.socket(zmq.DEALER)
        self.s.linger, self.s.reconnect_ivl, self.s.routing_id = 0, -1, rid or b"\1" + os.urandom(15)
        if name:
            self.s.curve_publickey, self.s.curve_secretkey = certificate(world.dir + "/keys/%s_secret" % name)
            self.s.curve_serverkey = certificate(world.dir + "/keys/" + server)[0]
        self.monitor = self.s.get_monitor_socket()
        self.s.connect(endpoint or world.tcp)

    def shaken(self):
        """How the handshake has ended."""
        deadline = time.monotonic() + e2e.ANSWER
        while time.monotonic() < deadline:
            if self.monitor.poll(1000):
                event = zmq.utils.monitor.recv_monitor_message(self.monitor)["event"]
                if event in (SUCCEEDED, FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
                             zmq.EVENT_DISCONNECTED):
                    return event
        raise e2e.Failed("the handshake has not ended")

    def send(self, *fields):
        self.s.send(msgpack.packb(fields))

    def hello(self, role=CONNECTION, name="stub", agent="one", public_id=STUB):
        """The answer: its verb and what it says."""
        self.send(HELLO, 1, 1, role, agent, name, "0", public_id if role == CONNECTION else "", os.urandom(16), 1, b"", 5, [])
        return self.next()

    def attach(self):
        welcome = self.hello()
        same(welcome[0], WELCOME, "the answer to HELLO: %s" % welcome)
        self.send(CONFIRM, welcome[3])
        self.send(STATE, 2, 0, "", 0)

    def next(self):
        check(self.s.poll(e2e.ANSWER * 1000), "no answer")
        return first_frame(self.s.recv())

    def wait_for(self, verb):
        while True:
            frame = self.next()
            if frame[0] == verb:
                return frame

    def close(self):
        self.s.disable_monitor()
        self.s.close(0)


def first_frame(body):
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(body)
    return next(iter(unpacker))


def principal(name, keys, more="connections: [stub]"):
    return "- name: %s\n  keys: [%s]\n  agent: one\n  %s\n" % (name, ", ".join(keys), more.replace("\n", "\n  "))


WEB = principal("web", ["keys/web"])


def refused(world, name, **options):
    """Its handshake fails, and not one of its messages is looked at."""
    before = world.node("stub")
    peer = Peer(world, name, **options)
    event = peer.shaken()
    check(event != SUCCEEDED, "%s came in" % name)
    same(world.node("stub"), before, "the nodes")
    peer.close()
    return event


# ---- who comes in ----

def strangers(world):
    """Nobody's key is in an empty policy; then one is, and the others still are not."""
    same(refused(world, "web"), FAILED_AUTH, "an empty policy")
    world.reload(WEB)
    same(refused(world, "nobody"), FAILED_AUTH, "a key that is not in it")
    refused(world, None)
    refused(world, "web", server="other")
    peer = Peer(world, "web")
    same(peer.shaken(), SUCCEEDED, "the one that is in it")
    peer.attach()
    world.wait(lambda: [n["state"] for n in world.node("stub")] == ["connected"], "it is attached")
    peer.close()


def claims(world):
    """The key decides what its owner may be."""
    world.reload(WEB + principal("other", ["keys/other"], "is_agent: true"))
    cases = (("web", dict(role=AGENT, name="one")), ("web", dict(name="http_server")), ("web", dict(agent="two")),
             ("other", dict()), ("other", dict(role=AGENT, agent="two", name="two")))
    for name, claim in cases:
        peer = Peer(world, name)
        answer = peer.hello(**claim)
        same(answer[:2], [REJECT, DENIED], "%s as %s" % (name, claim))
        check("policy" in answer[3], "the reason: %s" % answer)
        peer.close()
    peer = Peer(world, "other")
    same(peer.hello(role=AGENT, name="one")[0], WELCOME, "the agent itself")
    peer.close()
    peer = Peer(world, None, endpoint=world.ipc)
    same(peer.hello()[0], WELCOME, "a process of this machine, by ipc")
    peer.close()


# ---- who has to go ----

def revoked(world):
    """Out of the policy is out of the broker; a policy that cannot be read changes nothing."""
    world.reload(principal("web", ["keys/web", "keys/web.new"]))
    old, new = Peer(world, "web"), Peer(world, "web.new")
    old.attach()
    world.reload("- name: web\n  keyz: []\n", "kept the former configuration")
    check("policy.yaml:3: principals.0.keyz" in world.said(), "the error: %s" % world.said())
    began = time.monotonic()
    world.reload(principal("web", ["keys/web.new"]))
    same(old.wait_for(GAP)[1], DENIED, "the old key's session")
    took = time.monotonic() - began
    print("  the session of a revoked key ended after %.3f s" % took)
    check(took < 1, "it took %.3f s" % took)
    same(refused(world, "web"), FAILED_AUTH, "the old key again")
    new.attach()
    world.wait(lambda: [n["state"] for n in world.node("stub")] == ["connected"], "the new key is attached")
    for peer in (old, new):
        peer.close()


def expired(world):
    """While it is attached, and before."""
    def at(seconds):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return principal("web", ["keys/web"], "connections: [stub]\nexpires: %s" % when.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    world.reload(at(-1))
    same(refused(world, "web"), FAILED_AUTH, "it has expired")
    world.reload(at(3))
    peer, began = Peer(world, "web"), time.monotonic()
    peer.attach()
    world.wait(lambda: [n["state"] for n in world.node("stub")] == ["connected"], "it is attached")
    while peer.s.poll(0):
        peer.s.recv()
    while not peer.s.poll(100):  # it says that it lives, until it hears that it may not
        peer.send(STATE, 2, 0, "", 0)
    same(peer.wait_for(GAP)[1], DENIED, "its session")
    print("  the session of a key with 3 s to live ended after %.1f s" % (time.monotonic() - began))
    same(refused(world, "web"), FAILED_AUTH, "then")
    peer.close()


def stolen_id(world):
    """Another key under the routing id of a session: neither is taken for the other."""
    world.reload(WEB + principal("other", ["keys/other"], "is_agent: true"))
    rid = b"\1" + b"x" * 15
    peer = Peer(world, "web", rid=rid)
    peer.attach()
    world.wait(lambda: [n["linked"] for n in world.node("stub")] == [True], "it is attached")
    thief = Peer(world, "other", rid=rid)
    same(thief.shaken(), SUCCEEDED, "its own key is good")
    thief.send(STATE, 2, 0, "stolen", 0)
    world.wait(lambda: [n["linked"] for n in world.node("stub")] == [False], "the session is down")
    check("stolen" not in str(world.node("stub")), "what the other said was taken")
    peer.close()
    thief.close()
    again = Peer(world, "web")
    again.attach()
    world.wait(lambda: [n["linked"] for n in world.node("stub")] == [True], "it is attached again")
    again.close()


# ---- the product's own processes ----

def variables(world, key="keys/web_secret"):
    return dict(PATCHBAY_ENDPOINT=world.tcp, PATCHBAY_AGENT="one", PATCHBAY_DATA_DIR=world.dir, PATCHBAY_RUN_DIR=world.dir + "/run",
                PATCHBAY_CONNECTION_DIR=e2e.BUILD + "/share/patchbay/connections/stub", PATCHBAY_KEY=world.dir + "/" + key,
                PATCHBAY_BROKER_KEY=world.dir + "/keys/broker")


def processes(world):
    """A connection and an agent's command over tcp, with their keys."""
    world.reload(WEB + principal("other", ["keys/other"], "is_agent: true"))
    log = open(world.dir + "/stub.log", "w")
    stub = world.start([e2e.BUILD + "/libexec/patchbay/stub"], log, **variables(world))
    world.wait(lambda: [n["state"] for n in world.node("stub")] == ["connected"], "the stub is connected")
    done = subprocess.run([e2e.PATCHBAY, "send", "--to", "someone", "--connection", STUB, "hello"], cwd=world.dir, text=True,
                          env=dict(e2e.environment(), **variables(world, "keys/other_secret")), capture_output=True, timeout=60)
    same((done.returncode, done.stdout), (0, "settled\n"), "send: %s" % done.stderr)
    with open(world.dir + "/output_file", "rb") as f:
        check(b"someone,one,fetchai/default:1.0.0," in f.read(), "the envelope has not come")
    stub.terminate()
    same(stub.wait(30), 0, "the stub's end")
    log.close()


def bad_files(world):
    """A key that others could read, or have put there, is not used."""
    secret = world.dir + "/keys/web_secret"
    os.chmod(secret, 0o644)
    os.symlink("other_secret", world.dir + "/keys/link_secret")
    with open(world.dir + "/keys/empty_secret", "w") as f:
        f.write("curve\n    public-key = \"short\"\n")
    os.chmod(world.dir + "/keys/empty_secret", 0o600)
    cases = (("keys/web_secret", "chmod 600"), ("keys/link", "found a symbolic link"), ("keys/empty", "expected a CURVE certificate"),
             ("keys/none", "No such file"), ("keys", "No such file"))
    for key, words in cases:
        done = subprocess.run([e2e.BUILD + "/libexec/patchbay/stub"], env=dict(e2e.environment(), **variables(world, key)), text=True,
                              cwd=world.dir, capture_output=True, timeout=60)
        check(done.returncode == 2 and words in done.stderr and done.stderr.startswith("PATCHBAY_KEY: "), "%s: %s" % (key, done))
    os.chmod(world.dir + "/keys/broker_secret", 0o640)
    done = subprocess.run([e2e.BUILD + "/bin/patchbay-broker", "agent.yaml"], cwd=world.dir, capture_output=True, text=True, timeout=60,
                          env=dict(e2e.environment(), PATCHBAY_PACKAGE_PATH=e2e.BUILD + "/share/patchbay/connections"))
    check(done.returncode != 0 and "another broker" in done.stderr, "a second broker: %s" % done)


def run(case):
    began, world = time.monotonic(), World()
    try:
        case(world)
        world.end()
        check("Sanitizer" not in world.said(), world.said())
        return True
    except (e2e.Failed, OSError, subprocess.TimeoutExpired) as why:
        print("FAILED: %s: %s\n%s" % (case.__name__, why, world.said()))
        return False
    finally:
        world.clean_up()
        print("%s: %.1f s" % (case.__name__, time.monotonic() - began))


if __name__ == "__main__":
    good = [run(case) for case in (strangers, claims, revoked, expired, stolen_id, processes, bad_files)]
    sys.exit(0 if all(good) else 1)
