"""What the process tests share: a broker, the processes of a package, and agents that are led by lines (conductor.c).

Every process is started, stopped and killed by the test itself, so that its exit status can be looked at; nothing is started
again behind the test's back. Nothing sleeps for a fixed time: wait_for looks until its deadline.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import admin
import demo as e2e

BUILD = e2e.BUILD
GUARD = 60  # seconds; for one step, on a busy machine
NOTHING = "-"
DEFAULT, HTTP = "fetchai/default:1.0.0", "valory/http:1.0.0"
check, wait_for, Failed = e2e.check, e2e.wait_for, e2e.Failed


def hwm(pid):
    """KiB: the most memory that a process has ever had."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))


def is_sanitized(pid):
    """Built with a sanitizer, which keeps what was freed: then its memory says nothing."""
    with open("/proc/%d/maps" % pid) as f:
        return "libasan" in f.read()


def spin_until(predicate, what):
    """Without a pause: what comes next has to come at once."""
    deadline = time.monotonic() + GUARD
    while not predicate():
        check(time.monotonic() < deadline, "not within %g s: %s" % (GUARD, what))


def firsts(numbers):
    return list(dict.fromkeys(numbers))


class Process:
    """Keeps what it prints, line by line; its standard error goes to the world's log."""

    def __init__(self, world, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **env):
        env = {**e2e.environment(), **world.env, "PATCHBAY_ENDPOINT": world.endpoint, "PATCHBAY_RUN_DIR": world.run, **env}
        self.world, self.lines = world, []
        self.p = subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout, stderr=world.log, cwd=world.dir)
        world.processes.append(self)
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()

    def listen(self):
        for line in self.p.stdout or ():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def signal(self, number):
        self.p.send_signal(number)

    def kill(self):
        self.p.kill()
        self.end()

    def end(self):
        """Its exit status."""
        try:
            status = self.p.wait(GUARD)
        except subprocess.TimeoutExpired:
            raise Failed("%s has not ended" % self.p.args)
        self.reader.join()
        return status

    def said(self, first):
        """The rest of every line that begins with this word."""
        return [line[len(first) + 1:] for line in list(self.lines) if line.startswith(first + " ")]


class Conductor(Process):
    def __init__(self, world, agent="asker", instance="0"):
        self.sent = 0
        super().__init__(world, [BUILD + "/tests/conductor"], stdin=subprocess.PIPE, PATCHBAY_AGENT=agent, PATCHBAY_INSTANCE=instance)

    def tell(self, *words):
        self.p.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.p.stdin.flush()

    def to(self, address, connection=NOTHING, protocol=DEFAULT, operation=NOTHING):
        self.tell("to", address, connection, protocol, operation)

    def send(self, count, size=16):
        self.sent += count
        self.tell("send", count, size)

    def say(self, text):
        self.sent += 1
        self.tell("say", text)

    def fill(self, size):
        """Until the OutBox takes no more: how many that were."""
        before, seen = self.sent, len(self.said("full"))
        self.tell("fill", size)
        self.sent = int(wait_for(lambda: self.said("full")[seen:], GUARD, "a full OutBox")[0])
        return self.sent - before

    def ended(self):
        """(number, code, text) of each end, in their order."""
        found = (re.fullmatch(r"(\d+) (\w+) (.*)", line) for line in self.said("ended"))
        return [(int(m[1]), m[2], m[3]) for m in found]

    def wait_ended(self):
        """When all that was sent has ended: the ends."""
        wait_for(lambda: len(self.said("ended")) >= self.sent, GUARD, "%d ends of %d" % (len(self.said("ended")), self.sent))
        return self.ended()

    def got(self):
        return self.said("got")

    def close(self):
        """Its exit status, and how many were left."""
        self.p.stdin.close()
        return self.end(), int(self.said("left")[0])


class Spec:
    """A package in an agent: where its connection.yaml is, what of that is replaced by what, and its override in agent.yaml."""

    def __init__(self, folder, override="", changes=()):
        with open(folder + "/connection.yaml") as f:
            self.text = f.read()
        for old, new in dict(changes).items():
            check(old in self.text, "%s/connection.yaml has no %r" % (folder, old))
            self.text = self.text.replace(old, new)
        self.override = override
        self.name, self.public_id = self.value("name"), "%s/%s:%s" % tuple(map(self.value, ("author", "name", "version")))

    def value(self, key):
        return re.search("^%s: (.*)$" % key, self.text, re.M)[1]


class World:
    """A folder with packages and agents' files, and what runs in it. agents: {agent: [Spec]}; broker: keys of `patchbay` in
    every agent's file."""

    def __init__(self, agents, broker=()):
        self.dir = tempfile.mkdtemp(prefix="pbay-", dir="/tmp")
        self.run = self.dir + "/run"
        self.endpoint = "ipc://%s/broker.ipc" % self.run
        self.env = {"PATCHBAY_PACKAGE_PATH": self.dir + "/packages", "PATCHBAY_DRAIN_MS": "10000",
                    "PATCHBAY_TEST_LOOP": BUILD + "/tests/loop", "PATCHBAY_TEST_TROUBLE": BUILD + "/tests/trouble"}
        self.log = open(self.dir + "/log", "w")
        self.processes, self.agents, self.over = [], agents, False
        self.settings = {"heartbeat": "200ms", "timeout": "5s", "hold": "1m", "grace": "0", **dict(broker)}
        for agent, specs in agents.items():
            for spec in specs:
                os.makedirs(self.package(spec.name))
                with open(self.package(spec.name) + "/connection.yaml", "w") as f:
                    f.write(spec.text)
            self.write_agent(agent, specs)

    def package(self, name):
        return "%s/packages/%s" % (self.dir, name)

    def rule(self, name, key, item=False):
        """FILE:LINE of a list of rules; item: of its first item, on a line of its own."""
        path = self.package(name) + "/connection.yaml"
        with open(path) as f:
            return "%s:%d" % (path, [line.startswith(key) for line in f].index(True) + 1 + item)

    def write_agent(self, agent, specs, name=None):
        path = "%s/%s.yaml" % (self.dir, name or agent)
        with open(path, "w") as f:
            f.write("agent_name: %s\ndata_dir: %s\nconnections: [%s]\npatchbay:\n  run_dir: %s\n"
                    % (agent, self.dir, ", ".join(spec.public_id for spec in specs), self.run))
            f.write("".join("  %s: %s\n" % item for item in self.settings.items()))
            f.write("".join("---\npublic_id: %s\ntype: connection\n%s" % (s.public_id, s.override) for s in specs if s.override))
        return path

    # ---- processes ----

    def start_broker(self):
        self.broker = Process(self, [BUILD + "/bin/patchbay-broker"] + ["%s/%s.yaml" % (self.dir, a) for a in self.agents])
        wait_for(lambda: admin.get(self.run, "/v1/broker") or self.broker.p.poll() is not None, GUARD, "the broker is ready")
        check(self.broker.p.poll() is None, "the broker has ended")

    def connection(self, name, executable, agent="asker", **options):
        return Process(self, [executable], PATCHBAY_CONNECTION_DIR=self.package(name), PATCHBAY_INSTANCE="0",
                       PATCHBAY_AGENT_FILE="%s/%s.yaml" % (self.dir, agent), **options)

    def close(self, good):
        self.over = True
        for process in self.processes:
            if process.p.poll() is None:
                process.kill()
        self.log.close()
        if not good:
            print("\n".join(firsts(self.said().splitlines())[-60:]))
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- looking ----

    def said(self):
        with open(self.dir + "/log", errors="replace") as f:
            return f.read()

    def complaints(self):
        return [x for x in self.said().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x or "Fatal" in x]

    def node(self, name):
        nodes = admin.get(self.run, "/v1/nodes").get("nodes", [])
        return next((n for n in nodes if n["name"] == name), {})

    def wait_state(self, name, state="connected"):
        return wait_for(lambda: self.node(name) if self.node(name).get("state") == state else None, GUARD, "%s %s" % (name, state))

    def given(self, name):
        """How many envelopes the broker has given to a connection that has not settled them."""
        return sum(s["given"] for s in admin.get(self.run, "/v1/streams").get("streams", []) if s["at"] == name)

    def ends(self, name):
        """What the broker says of envelopes from this node that it has ended."""
        return [e for e in admin.get(self.run, "/v1/events").get("events", []) if e["kind"] == "end" and e["name"] == name]
