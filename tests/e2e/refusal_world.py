"""What refusals.py works with: a broker of two agents, processes that are led by lines of JSON, bare sockets, and a
proxy that loses and spoils messages.

Nothing here sleeps for a fixed time; demo.wait_for looks until its deadline.
"""
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

import msgpack
import zmq

import admin
import demo as e2e
import frames

SHOWN = 64  # characters of a message that a process tells (talk.h)
GUARD = 60  # seconds; for one step, also with sanitizers on a busy machine
CONNECTION_YAML = """name: %s
author: test
version: 0.1.0
type: connection
class_name: PuppetConnection
config: {}
protocols: []
connections: []
restricted_to_protocols: %s
excluded_protocols: %s
is_abstract: false
patchbay: {executable: %s/tests/puppet}
"""
AGENT_YAML = """agent_name: %s
connections: [%s]
patchbay:
  run_dir: %s
  local_delivery: %s
  max_envelope: %s
  addresses: [%s_too]
  heartbeat: 200ms
  timeout: 1s
  gone: 2100ms
  hold: 1s
  grace: 0
  max_attempts: 2
"""
TABLES, VERBS, CODES = frames.read_spec(e2e.SOURCE)
NUMBERS = {name: number for number, name in VERBS.items()}
NAMES = {number: name for number, (name, _) in CODES.items()}


ENVELOPE = {"sender": "asker", "protocol": "fetchai/default:1.0.0", "message": "x"}


def now():
    return int(time.monotonic() * 1000)


def code(name):
    """The number of a code."""
    return next(number for number, known in NAMES.items() if known == name)


def to_connection(name):
    return "test/%s:0.1.0" % name


# ---- processes ----

class Led:
    """A process that is told what to do on its standard input and tells what it sees on its standard output."""

    def __init__(self, world, name, command, agent="", **env):
        env = {**e2e.environment(), "PATCHBAY_ENDPOINT": world.endpoint, "PATCHBAY_DRAIN_MS": "500", **env}
        self.name, self.agent, self.lines = name, agent, []
        self.p = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=world.log)
        threading.Thread(target=self.listen, daemon=True).start()
        world.processes.append(self)

    def listen(self):
        for line in self.p.stdout:
            self.lines.append(json.loads(line))

    def tell(self, what, **more):
        self.p.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        self.p.stdin.flush()

    def heard(self, what, since=0, **wanted):
        """The lines that have `what` and these values."""
        return [line for line in self.lines[since:] if what in line and wanted.items() <= line.items()]

    def wait(self, what, since=0, **wanted):
        try:
            return e2e.wait_for(lambda: self.heard(what, since, **wanted), GUARD, "%s %s" % (what, wanted))[0]
        except e2e.Failed as why:
            raise e2e.Failed("%s: %s; it has said %s" % (self.name, why, self.lines[-4:])) from None

    def put(self, **envelope):
        """Puts an envelope: what pbay_put has given, and its tag."""
        return self.ask("put", **envelope)

    def ask(self, what, **more):
        since = len(self.lines)
        self.tell(what, **more)
        return self.wait("put", since)

    def kill(self):
        self.p.kill()
        self.p.wait()

    def end(self):
        self.p.stdin.close()
        return self.p.wait(GUARD)


class World:
    """Packages, two agent.yaml, the broker and its admin side."""

    def __init__(self, connections):
        """connections: {agent: {name: {restricted, excluded}}}"""
        self.dir = tempfile.mkdtemp(prefix="pb", dir="/tmp")
        self.run = self.dir + "/run"
        self.endpoint = "ipc://%s/broker.ipc" % self.run
        self.log = open(self.dir + "/log", "w")
        self.processes, self.sockets, self.kept = [], [], []
        self.connections, self.max_envelope = connections, "16KiB"
        for packages in connections.values():
            for name, package in packages.items():
                self.write_package(name, **package)
        self.write_agents()

    # ---- configuration ----

    def package(self, name):
        return "%s/packages/%s" % (self.dir, name)

    def write_package(self, name, restricted=(), excluded=()):
        os.makedirs(self.package(name), exist_ok=True)
        with open(self.package(name) + "/connection.yaml", "w") as f:
            f.write(CONNECTION_YAML % (name, json.dumps(restricted), json.dumps(excluded), e2e.BUILD))

    def rule(self, name, key):
        """FILE:LINE of a list of rules."""
        path = self.package(name) + "/connection.yaml"
        with open(path) as f:
            return "%s:%d" % (path, [line.startswith(key) for line in f].index(True) + 1)

    def write_agents(self, rename=()):
        for agent, packages in self.connections.items():
            local = "true" if agent == "asker" else "false"
            ids = ", ".join(to_connection(name) for name in packages)
            with open("%s/%s.yaml" % (self.dir, agent), "w") as f:
                f.write(AGENT_YAML % (dict(rename).get(agent, agent), ids, self.run, local, self.max_envelope, agent))

    def reload(self, rename=()):
        loaded = self.said("configuration loaded again")
        self.write_agents(rename)
        self.broker.send_signal(signal.SIGHUP)
        e2e.wait_for(lambda: self.said("configuration loaded again") > loaded, GUARD, "the configuration is loaded")

    # ---- processes ----

    def start_broker(self):
        ready, self.next_event = self.said("ready at"), 0
        env = {**e2e.environment(), "PATCHBAY_PACKAGE_PATH": self.dir + "/packages"}
        files = ["%s/%s.yaml" % (self.dir, agent) for agent in self.connections]
        self.broker = subprocess.Popen([e2e.BUILD + "/bin/patchbay-broker", *files], env=env, stdout=self.log,
                                       stderr=self.log)
        e2e.wait_for(lambda: self.said("ready at") > ready, GUARD, "the broker is ready")

    def agent(self, name, *options, instance="0", **env):
        return Led(self, name, [e2e.BUILD + "/tests/refused", *options], PATCHBAY_AGENT=name,
                   PATCHBAY_INSTANCE=instance, **env)

    def puppet(self, name, agent="asker", kind=""):
        return Led(self, name, [e2e.BUILD + "/tests/puppet"], agent, PATCHBAY_AGENT=agent, PUPPET=kind,
                   PATCHBAY_CONNECTION_DIR=self.package(name))

    def raw(self, *who, **more):
        self.sockets.append(Raw(self.endpoint, *who, **more))
        return self.sockets[-1]

    def close(self, good):
        for process in self.processes:
            process.kill()
        self.broker.kill()
        self.broker.wait()
        for socket in self.sockets:
            socket.close()
        self.log.close()
        if not good:
            with open(self.dir + "/log") as f:
                print("".join(f.readlines()[-60:]))
        shutil.rmtree(self.dir)

    # ---- looking ----

    def said(self, text):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read().count(text)

    def complaints(self):
        with open(self.dir + "/log", errors="replace") as f:
            words = ("Sanitizer", "runtime error:", "Assertion", "talk:")
            return [line for line in f if any(word in line for word in words)]

    def events(self, kind, **wanted):
        answer = admin.get(self.run, "/v1/events?since=%d" % self.next_event)
        self.next_event = answer.get("next", self.next_event)
        self.kept += answer.get("events", [])
        return [e for e in self.kept if e["kind"] == kind and wanted.items() <= e.items()]

    def wait_event(self, kind, **wanted):
        return e2e.wait_for(lambda: self.events(kind, **wanted), GUARD, "event %s %s" % (kind, wanted))[0]

    def nodes(self):
        return {(n["agent"], n["name"], n["instance"]): n for n in admin.get(self.run, "/v1/nodes").get("nodes", [])}

    def wait_connected(self, *nodes):
        def are():
            there = self.nodes()
            return all(there.get(node, {}).get("state") == "connected" for node in nodes)

        e2e.wait_for(are, GUARD, "connected: %s" % (nodes,))

    def stream(self, to):
        return [s for s in admin.get(self.run, "/v1/streams")["streams"] if s["to"] == to][0]

    def give_up(self, name, reason):
        connection = admin.Connection(self.run + "/admin.sock")
        connection.request("POST", "/v1/connections/%s/failed?agent=asker" % name, reason)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        e2e.check(answer == {"ok": True}, "given up: %s" % answer)


# ---- frames ----

class Raw:
    """A bare DEALER that says what it is told: verbs and fields by their names in SPEC."""

    def __init__(self, endpoint, role, agent, name, public_id="", instance="0"):
        self.hello = dict(version_min=1, version_max=1, role=role, agent=agent, name=name, instance=instance,
                          public_id=public_id, incarnation=os.urandom(16), link=1, boot=b"", clock=1, claims=[])
        self.sent, self.waiting, self.attached, self.ping_at = 0, [], False, 0
        self.sock = zmq.Context.instance().socket(zmq.DEALER)
        # It does not come again, but keeps what it has received when the broker goes (SPEC 2.3 tells what -1 would do).
        self.sock.routing_id, self.sock.reconnect_ivl, self.sock.linger = b"\1" + os.urandom(15), 10 * GUARD * 1000, 0
        self.sock.connect(endpoint)

    def send(self, body):
        self.sent += 1
        self.sock.send(body)

    def say(self, verb, **fields):
        self.send(frame(verb, **fields))

    def greet(self, **changes):
        self.say("HELLO", **{**self.hello, **changes})
        return self

    def attach(self, **changes):
        """The whole of it, up to the first PONG: then it has a session."""
        welcome = self.greet(**changes).read("WELCOME")
        self.say("CONFIRM", attach=welcome["attach"])
        if self.hello["role"] == 2:
            self.say("STATE", state=2, code=0, text="", retry_ms=0)
        self.ping()
        self.attached = True
        self.read("PONG")
        return self

    def ping(self):
        self.ping_at = now() + 200
        self.say("PING", count=self.sent + 1, clock=now())

    def read(self, *verbs):
        """The next frame of these, as {field: value, "verb": verb}; what comes before it is passed over."""
        deadline = now() + GUARD * 1000
        while True:
            while self.waiting:
                f = self.waiting.pop(0)
                if f["verb"] in verbs:
                    return f
            e2e.check(now() < deadline, "%s hears %s" % (self.hello["name"], verbs))
            if self.attached and now() >= self.ping_at:
                self.ping()
            if self.sock.poll(50):
                self.waiting += parse(self.sock.recv())

    def close(self):
        self.sock.close()


def frame(verb, **fields):
    table = TABLES["u", NUMBERS[verb]]
    assert {name for name, _, _ in table} == fields.keys(), (verb, fields)
    return msgpack.packb([NUMBERS[verb]] + [fields[name] for name, _, _ in table])


def fixed_pub(stream, round_, seq, prev, payload):
    """A PUB in the widths that the broker rewrites in place (SPEC 4.9.2)."""
    return struct.pack(">BBBIBIBQBQ6BI", 0x99, 9, 0xce, stream, 0xce, round_, 0xcf, seq, 0xcf, prev, 0xcc, 0, 0xcc, 0,
                       0xc0, 0xc6, len(payload)) + payload


def parse(body):
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0)
    unpacker.feed(body)
    found = []
    for values in unpacker:
        f = {name: value for (name, _, _), value in zip(TABLES["d", values[0]], values[1:])}
        f["verb"] = VERBS[values[0]]
        if "code" in f:
            f["code"], f["cause"] = NAMES[f["code"]], NAMES[f["cause"]]
        found.append(f)
    return found


class Proxy(threading.Thread):
    """Between one node and the broker, message by message; `next` holds what becomes of the next ones of a direction:
    a function from body to body, or to None for a message that is lost."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.endpoint = "ipc://%s/proxy.ipc" % world.dir
        self.target, self.next, self.nodes, self.over = world.endpoint, {"up": [], "down": []}, {}, False
        self.context = zmq.Context()
        self.router = self.open(zmq.ROUTER)
        self.router.bind(self.endpoint)
        world.sockets.append(self)
        self.start()

    def open(self, kind):
        socket = self.context.socket(kind)
        socket.linger = 0
        return socket

    def dealer(self, rid):
        if rid not in self.nodes:
            self.nodes[rid] = self.open(zmq.DEALER)
            self.nodes[rid].routing_id = rid
            self.nodes[rid].connect(self.target)
        return self.nodes[rid]

    def treated(self, way, body):
        return self.next[way].pop(0)(body) if self.next[way] else body

    def step(self):
        ready = zmq.select([self.router, *self.nodes.values()], [], [], 0.05)[0]
        if self.router in ready:
            rid, body = self.router.recv_multipart()
            body = self.treated("up", body)
            if body is not None:
                self.dealer(rid).send(body)
        for rid, dealer in list(self.nodes.items()):
            body = self.treated("down", dealer.recv()) if dealer in ready else None
            if body is not None:
                self.router.send_multipart([rid, body])

    def run(self):
        while not self.over:
            self.step()
        self.context.destroy()

    def close(self):
        self.over = True
        self.join()
