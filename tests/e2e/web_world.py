"""What the tests of the webhook and of the metrics share: `patchbay up` with one of them, an agent in the test's own process
(tests/client/patchbay_client.py), curl, and clients down to single bytes (http_world.py).
"""
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "client"))
import demo as e2e
import http_world
import patchbay_client as client

AGENT, SKILL = "asker", "test/skill:0.1.0"
check = e2e.check


def same(found, expected, what):
    check(found == expected, "%s: found %r, expected %r" % (what, found, expected))


class Answer:
    """What curl has got. status 0: the connection ended without an answer."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if head else 0
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:200])


class World(e2e.Demo):
    """public_id: the connection; config: its keys, port its key for the port; patchbay: keys of the broker."""

    def __init__(self, public_id, port, config=(), patchbay=()):
        super().__init__()
        self.key = ("connection", public_id.split("/")[1].split(":")[0], "0")
        self.public_id, self.port, self.node, self.puts = public_id, http_world.free_port(), None, 0
        with open(self.yaml, "w") as f:
            f.write("agent_name: %s\nconnections: [%s]\npatchbay:\n  heartbeat: 200ms\n" % (AGENT, public_id))
            f.write("".join("  %s: %s\n" % item for item in dict(patchbay).items()))
            f.write("---\npublic_id: %s\ntype: connection\nconfig:\n  %s: %d\n" % (public_id, port, self.port))
            f.write("".join("  %s: %s\n" % item for item in dict(config).items()))

    def start(self):
        super().start(wait=False)
        self.wait_connected((e2e.BROKER, self.key))
        self.begin_agent()

    def wait_again(self, pid):
        """Its process is another one, and attached."""
        e2e.wait_for(lambda: self.pids().get(self.key) not in (None, pid), e2e.START, "another process")
        self.wait_connected((e2e.BROKER, self.key))

    # ---- the agent ----

    def begin_agent(self):
        self.node = client.Node("ipc://%s/broker.ipc" % self.run, client.AGENT, AGENT, AGENT, instance="tests", on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None
        self.poll_until(lambda: self.node.linked, "the agent's link")

    def lose_agent(self):
        """As by kill -9: nothing is said, nothing is finished."""
        self.node.sock.disable_monitor()
        self.node.sock.close(0)
        self.node = None

    def take(self, e):
        raise NotImplementedError

    def poll_until(self, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))
            if self.node:
                self.node.poll(20)
            else:
                time.sleep(e2e.LOOK_EVERY)

    # ---- clients ----

    def begin_curl(self, path, *options):
        """As it runs: its answer goes to a file."""
        out = tempfile.TemporaryFile()
        process = subprocess.Popen(("curl", "-s", "-i", "-m", str(http_world.CLIENT_TIMEOUT)) + options +
                                   ("http://127.0.0.1:%d%s" % (self.port, path),), stdin=subprocess.DEVNULL, stdout=out)
        process.out = out
        return process

    def end_curl(self, process):
        self.poll_until(lambda: process.poll() is not None, "curl has ended")
        process.out.seek(0)
        with process.out:
            return Answer(process.out.read())

    def curl(self, path, *options):
        return self.end_curl(self.begin_curl(path, *options))

    def raw(self, data):
        """The answer to these bytes, and whether the connection ended behind it."""
        with http_world.Client(self.port) as one:
            one.send(data)
            answer = one.answer()
            return answer, one.at_end()

    # ---- the end ----

    def stop(self):
        if self.node:
            self.poll_until(self.node.idle, "nothing is left to the agent")
            self.node.close()
        self.up.terminate()
        same(self.wait_end(60), 0, "the status of patchbay up")
        left = [line for line in self.output().splitlines() if "left: " in line]
        check(not left, "something was left: %s" % left)


def main(make, *cases):
    """Run each (options, test(world)) with make(**options); on failure print what the processes have said."""
    for options, test in cases:
        began = time.monotonic()
        world = make(**options)
        try:
            world.start()
            test(world)
            world.stop()
            bad = [x for x in world.output().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x]
            check(not bad, "a process complained of itself: %s" % bad)
        except (e2e.Failed, OSError) as why:
            sys.stdout.write(world.output() if os.path.exists(world.log) else "")
            print("FAILED: %s: %s" % (test.__name__, why))
            return 1
        finally:
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
            world.clean_up()
    return 0
