"""What bench.py measures: the processes of the product and of its peers, and what they cost.

A target has brokers that live as long as the bench, and makes drivers for one measurement: sink(), source(), ping(). Drivers say
"ready" and one line of JSON (common.h).
"""
import glob
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 60  # seconds; a guard, not a measure
LOOK_EVERY = 0.002
PER_NAME = 64  # idle connections behind one name, as in idle.c
WINDOWS = {64: 4096, 1024: 4096, 65536: 128}
SMALL_WINDOWS = {"beanstalkd": 1024}  # its replies to more than that fill the sockets, and both ends wait for ever

sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
import admin  # noqa: E402


class Failed(Exception):
    """The measuring itself is not sound."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_for(predicate, what, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        check(time.monotonic() < deadline, "not within %g s: %s" % (seconds, what))
        time.sleep(LOOK_EVERY)
    return value


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def cpu_ns(pids):
    """What all threads of these processes have run."""
    total = 0
    for pid in pids:
        for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
            with open(path) as f:
                total += int(f.read().split()[0])
    return total


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


class Process:
    everyone = []

    def __init__(self, argv, log, env=None):
        self.name, self.buffer = os.path.basename(argv[0]), b""
        self.log = open(log, "ab")
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=env)
        self.pid = self.popen.pid
        Process.everyone.append(self.popen)

    def line(self):
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.buffer:
            ready = select.select([self.popen.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            piece = os.read(self.popen.stdout.fileno(), 65536) if ready else b""
            check(piece, "%s %s; see %s" % (self.name, "has ended" if ready else "says nothing", self.log.name))
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\n", 1)
        return text.decode()

    def ready(self):
        while self.line() != "ready":
            pass

    def go(self):
        self.popen.stdin.write(b"go\n")
        self.popen.stdin.flush()

    def json(self):
        return json.loads(self.line())

    def end(self, ask=True):
        """What it says meanwhile can be read afterwards."""
        if ask and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise Failed("%s does not end" % self.name)

    def close(self, ask=True):
        try:
            self.end(ask)
        finally:
            self.popen.stdin.close()
            self.popen.stdout.close()
            self.log.close()


def end_all():
    """Whatever a failed measurement has left."""
    for popen in Process.everyone:
        if popen.poll() is None:
            popen.send_signal(signal.SIGCONT)
            popen.terminate()
            popen.wait(PATIENCE)


class Target:
    """Anything that carries messages: a peer, or the product (product.py)."""

    def __init__(self, bench, name, driver, kind=""):
        self.bench, self.name, self.driver, self.kind, self.brokers = bench, name, driver, kind, []

    def spawn(self, program, *arguments, env=None):
        argv = [os.path.join(self.bench.bin, program)] + [str(a) for a in arguments]
        return Process(argv, os.path.join(self.bench.dir, "%s.log" % self.name.replace(" ", "_")), env)

    def address(self, role):
        raise NotImplementedError

    def run_driver(self, role, size, **options):
        options.setdefault("window", min(WINDOWS[size], SMALL_WINDOWS.get(self.name, WINDOWS[size])))
        options.setdefault("kind", self.kind)
        words = [word for name, value in options.items() if value != "" for word in ("--" + name, value)]
        return self.spawn(self.driver, "--role", role, "--address", self.address(role), "--size", size, *words)

    def sink(self, size, **options):
        sink = self.run_driver("sink", size, **options)
        sink.ready()
        return sink

    def sink_says(self, sink):
        return sink.json()

    def source(self, size, **options):
        return self.run_driver("source", size, **options)

    def source_ended(self, source):
        """Its report has come; what is left to check."""

    def ping(self, size, **options):
        return self.run_driver("ping", size, **options)

    def cpu(self):
        return cpu_ns(p.pid for p in self.brokers)

    def close(self):
        for process in self.brokers:
            process.close()


class Zmq(Target):
    def __init__(self, bench, name, kind, transport):
        super().__init__(bench, name, "zmq", kind)
        self.ends = [self._endpoint(bench, transport, end) for end in ("front", "back")]
        if kind != "direct":
            broker = self.spawn("zmq_broker", kind, *(self.ends if kind == "proxy" else self.ends[:1]))
            broker.ready()
            self.brokers = [broker]

    def _endpoint(self, bench, transport, end):
        if transport == "tcp":
            return "tcp://127.0.0.1:%d" % free_port()
        return "ipc://%s/%s.%s" % (bench.dir, self.name.replace(" ", "_"), end)

    def address(self, role):
        return self.ends[role == "sink" and self.kind == "proxy"]


class Server(Target):
    """A broker with one port, started as words with PORT and DIR in them; DIR/conf holds what it is configured with."""

    def __init__(self, bench, name, driver, kind, argv, config=""):
        super().__init__(bench, name, driver, kind)
        self.port = free_port()
        self.dir = tempfile.mkdtemp(prefix="peer", dir=bench.dir)
        with open(os.path.join(self.dir, "conf"), "w") as f:
            f.write(config.replace("PORT", str(self.port)))
        self.brokers = [Process([word.replace("PORT", str(self.port)).replace("DIR", self.dir) for word in argv],
                                os.path.join(self.dir, "log"))]
        wait_for(lambda: answers(self.port), "%s listens" % name)

    def address(self, role):
        return "127.0.0.1:%d" % self.port


class Relay(Target):
    def __init__(self, bench, name):
        super().__init__(bench, name, "relay")
        self.ports = [free_port(), free_port()]
        self.brokers = [self.spawn("relay_broker", *self.ports)]
        self.brokers[0].ready()

    def address(self, role):
        return "127.0.0.1:%d" % self.ports[role == "sink"]


NATS = ["nats-server", "-a", "127.0.0.1", "-p", "PORT", "-l", "DIR/nats.log"]
MOSQUITTO = (["mosquitto", "-c", "DIR/conf"],
             "listener PORT 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay false\n"
             "max_queued_messages 0\nmax_inflight_messages 0\n")
REDIS = ["redis-server", "--port", "PORT", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "DIR"]

# name: what it needs besides the drivers that are always built, and how it is made
PEERS = {
    "zmq_proxy tcp": ([], lambda b, n: Zmq(b, n, "proxy", "tcp")),
    "zmq_proxy ipc": ([], lambda b, n: Zmq(b, n, "proxy", "ipc")),
    "RR-min tcp": ([], lambda b, n: Zmq(b, n, "rr", "tcp")),
    "RR-min ipc": ([], lambda b, n: Zmq(b, n, "rr", "ipc")),
    "DEALER-DEALER tcp": ([], lambda b, n: Zmq(b, n, "direct", "tcp")),
    "DEALER-DEALER ipc": ([], lambda b, n: Zmq(b, n, "direct", "ipc")),
    "nats libnats": (["nats-server", "bin/nats"], lambda b, n: Server(b, n, "nats", "", NATS)),
    "nats raw": (["nats-server"], lambda b, n: Server(b, n, "natsraw", "", NATS)),
    "mosquitto q0": (["mosquitto", "bin/mosquitto"], lambda b, n: Server(b, n, "mosquitto", "q0", *MOSQUITTO)),
    "mosquitto q1": (["mosquitto", "bin/mosquitto"], lambda b, n: Server(b, n, "mosquitto", "q1", *MOSQUITTO)),
    "redis stream": (["redis-server", "bin/redis"], lambda b, n: Server(b, n, "redis", "", REDIS)),
    "beanstalkd": (["beanstalkd"], lambda b, n: Server(b, n, "beanstalkd", "",
                                                       ["beanstalkd", "-l", "127.0.0.1", "-p", "PORT", "-z", "1048576"])),
    "TCP relay": ([], lambda b, n: Relay(b, n)),
}


def missing(bench, needs):
    """Of these, what is not there."""
    return [n for n in needs if not (os.path.exists(os.path.join(bench.bin, n[4:])) if n.startswith("bin/") else shutil.which(n))]
