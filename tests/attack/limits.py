#!/usr/bin/python3
"""At the limits of the machine: floods of connections and of bytes that libzmq has no bound for. The broker neither dies nor
spins nor grows, a link that is there goes on meanwhile, and the next one attaches afterwards. All on loopback and in a folder of
its own, each bounded.

usage: limits.py BUILD_DIR
"""
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("e2e", "client"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))
import admin as ask
import demo as e2e
import patchbay_client as client

DESCRIPTORS = 256
FLOOD = 600
STREAM = 200 << 20           # bytes that a peer sends without an end
GROWTH = 40 << 10            # KiB: 8 MiB and what two of the largest envelopes may have, and the heap's own ways
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
check = e2e.check


def command(body):
    return b"\x04" + bytes([len(body)]) + body


class Broker:
    """One broker with one agent that is linked all the time."""

    def __init__(self, descriptors=None):
        self.dir = tempfile.TemporaryDirectory(prefix="pbay-limits-")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.ipc = self.dir.name + "/run/broker.ipc"
        config = self.dir.name + "/agent.yaml"
        with open(config, "w") as f:
            f.write("agent_name: one\npatchbay:\n  endpoints: ['ipc://%s', 'tcp://127.0.0.1:%d']\n" % (self.ipc, self.port))
        self.log = open(self.dir.name + "/log", "w")
        self.process = subprocess.Popen([e2e.BUILD + "/bin/patchbay-broker", config], env=e2e.environment(), cwd=self.dir.name,
                                        stdout=self.log, stderr=self.log, preexec_fn=descriptors and (
                                            lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        self.wait(lambda: "ready at" in self.said(), "the broker is ready")
        self.links = 0
        self.node = self.link()

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def wait(self, predicate, what):
        e2e.wait_for(lambda: predicate() or self.process.poll() is not None, e2e.ANSWER, what)
        check(self.process.poll() is None, "the broker has ended with %s:\n%s" % (self.process.returncode, self.said()))

    def link(self):
        self.links += 1
        ended = []
        node = client.Node("ipc://" + self.ipc, client.AGENT, "one", "one", instance=str(self.links), on_outcome=ended.append)
        node.log = lambda *_: None
        node.ended = ended
        self.poll(node, lambda: node.linked, "a link")
        return node

    def poll(self, node, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(self.process.poll() is None and time.monotonic() < deadline, "not in time: %s" % what)
            node.poll(20)

    def use(self, node):
        """The broker answers on it; and it is still the first link."""
        before = len(node.ended)
        node.put("nobody", "one", "fetchai/default:1.0.0", b"x", connection="no/connection:1.0.0")
        self.poll(node, lambda: len(node.ended) > before, "an answer")

    def view(self):
        return ask.get(self.dir.name + "/run", "/v1/broker")

    def guard(self, name):
        return self.view()["guard"][name]

    def peak_kib(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return [int(line.split()[1]) for line in f if line.startswith("VmHWM")][0]

    def cpu(self):
        with open("/proc/%d/stat" % self.process.pid) as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        attached = [n["attached"] for n in ask.get(self.dir.name + "/run", "/v1/nodes")["nodes"] if n["instance"] == "1"]
        check(attached == [1], "the first link has attached %s times" % attached)
        self.node.close()
        self.process.terminate()
        check(self.process.wait(30) == 0, "the broker ended with %s" % self.process.returncode)

    def clean_up(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.dir.cleanup()


def connect(broker, ipc):
    s = socket.socket(socket.AF_UNIX if ipc else socket.AF_INET)
    s.settimeout(30)
    s.connect(broker.ipc if ipc else ("127.0.0.1", broker.port))
    return s


def shake_hands(s, properties=b""):
    """Up to the broker's own READY: what comes before that is out of order."""
    s.sendall(GREETING + command(READY + properties))
    got = b""
    while b"READY" not in got[64:]:
        more = s.recv(4096)
        check(more, "closed in the handshake, after %r" % got)
        got += more


# ---- descriptors ----

def flood(ipc):
    """Many more connections than there are descriptors, held open. They are closed as they come; the log says so."""
    broker = Broker(DESCRIPTORS)
    yield broker
    held, began, cpu = [], time.monotonic(), broker.cpu()
    for i in range(FLOOD):
        try:
            held.append(connect(broker, ipc))
        except OSError:  # it was closed before connect had ended
            pass
        if i % 100 == 0:
            broker.use(broker.node)
    broker.wait(lambda: broker.guard("no_room") > FLOOD - DESCRIPTORS, "the others are closed")
    for _ in range(5):
        broker.use(broker.node)
    broker.wait(lambda: "no free descriptors" in broker.said(), "the log tells of it")
    took = time.monotonic() - began
    print("  %d connections in %.1f s: %.2f s of processor time" % (FLOOD, took, broker.cpu() - cpu))
    check(broker.cpu() - cpu < took, "it spins")
    for s in held:
        s.close()
    began = time.monotonic()
    second = broker.link()
    print("  a new link %.2f s after the end of it" % (time.monotonic() - began))
    broker.use(second)
    second.close()
    broker.end()


def flood_ipc():
    yield from flood(True)


def flood_tcp():
    yield from flood(False)


# ---- bytes ----

def endless(ipc):
    """A message without a last frame."""
    broker = Broker()
    yield broker
    frame = b"\x03" + struct.pack(">Q", 60000) + bytes(60000)  # long, and more to come
    before, sent = broker.peak_kib(), 0
    s = connect(broker, ipc)
    try:
        shake_hands(s)
        while sent < STREAM:
            s.sendall(frame)
            sent += len(frame)
            if sent % (1 << 20) < len(frame):
                broker.use(broker.node)
    except OSError:
        pass
    broker.wait(lambda: broker.guard("cut") == 1, "the peer is cut")
    check(sent < STREAM, "all of it was taken")
    grown = broker.peak_kib() - before
    print("  cut after %d MiB; the broker has grown by %d KiB" % (sent >> 20, grown))
    check(grown < GROWTH, "the broker has grown by %d KiB" % grown)
    second = broker.link()
    broker.use(second)
    second.close()
    broker.use(broker.node)
    broker.end()


def endless_ipc():
    yield from endless(True)


def endless_tcp():
    yield from endless(False)


def much(_=None):
    """Whoever sends whole messages is not cut, however much it is."""
    broker = Broker()
    yield broker
    s = connect(broker, True)
    frame = b"\x02" + struct.pack(">Q", 60000) + bytes(60000)
    shake_hands(s)
    for _ in range(1000):
        s.sendall(frame)
    broker.use(broker.node)
    check(broker.guard("cut") == 0, "it was cut")
    s.close()
    broker.end()


# ---- names ----

def collision():
    """libzmq numbers peers without a name of their own from a seed that was never set, and aborts when somebody has that name."""
    broker = Broker()
    yield broker
    held = []
    for guess in [0x6b8b4567 + i for i in range(4)]:
        s = connect(broker, False)
        name = b"\0" + struct.pack(">I", guess & 0xffffffff)
        shake_hands(s, b"\x08Identity" + struct.pack(">I", len(name)) + name)
        held.append(s)
    for _ in range(8):
        s = connect(broker, False)
        shake_hands(s)
        held.append(s)
    broker.use(broker.node)
    for s in held:
        s.close()
    broker.end()


def stranger():
    """Another user's process on ipc, where the directory would let it in."""
    broker = Broker()
    yield broker
    if os.geteuid() != 0:
        print("  not as root: there is no other user to be")
        broker.end()
        return
    for path, mode in ((broker.dir.name, 0o711), (broker.dir.name + "/run", 0o711), (broker.ipc, 0o666)):
        os.chmod(path, mode)
    program = ("import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(30)\ns.connect(sys.argv[1])\n"
               "sys.exit(0 if s.recv(1) == b'' else 1)")
    done = subprocess.run([sys.executable, "-c", program, broker.ipc], timeout=60)
    check(done.returncode == 0, "it was not closed")
    check(broker.guard("strangers") == 1, "it was not counted")
    broker.use(broker.node)
    broker.end()


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/agent.yaml", "w") as f:
            f.write("agent_name: one\n")
        done = subprocess.run([e2e.BUILD + "/bin/patchbay-broker", "--self-test", "agent.yaml"], cwd=folder, env=e2e.environment(),
                              capture_output=True, text=True, timeout=60)
    check((done.returncode, done.stdout) == (0, "accept4 and recv are guarded: yes\n"), "%s" % done)


def run(case):
    began, broker = time.monotonic(), None
    try:
        for broker in case() or ():
            pass
        bad = [line for line in (open(broker.log.name) if broker and os.path.exists(broker.log.name) else ()) if "Sanitizer" in line]
        check(not bad, "%s" % bad)
        return True
    except (e2e.Failed, OSError, AssertionError) as why:
        print("FAILED: %s: %s" % (case.__name__, why))
        return False
    finally:
        if broker:
            broker.clean_up()
        print("%s: %.1f s" % (case.__name__, time.monotonic() - began))


good = [run(case) for case in (self_test, flood_ipc, flood_tcp, endless_ipc, endless_tcp, much, collision, stranger)]
sys.exit(0 if all(good) else 1)
