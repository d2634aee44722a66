#!/usr/bin/python3
"""Agents of one broker that write to each other because they name fetchai/local, and what is for nobody there.

alice and bob name it, carol does not. They are tests/client/patchbay_client.py in this process.

usage: local.py BUILD_DIR
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "client"))

import admin
import demo as e2e
import patchbay_client as client

LOCAL, STUB, DEFAULT = "fetchai/local:0.21.6", "fetchai/stub:0.21.3", "fetchai/default:1.0.0"
NO_ROUTE, FAILED = 16, 24
GONE = "Destination not available"
BURST = 1000
check = e2e.check


AGENTS = (("alice", LOCAL, "connection_exception_policy: stop_and_exit\n"),  # that nobody is there is no exception
          ("bob", LOCAL, ""),
          ("carol", STUB, ""))


class Agent:
    def __init__(self, world, name):
        self.world, self.name, self.got = world, name, []
        self.node = client.Node("ipc://%s/broker.ipc" % world.run, client.AGENT, name, name, on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None

    def take(self, e):
        self.got.append(e)
        self.node.finish(e)

    def put(self, to, text, protocol=DEFAULT, **options):
        return self.node.put(to, self.name, protocol, text, **options)

    def end(self, put):
        """(code, text) of one envelope."""
        self.world.poll_until(lambda: put.code is not None, "an end")
        return put.code, put.text

    def next(self):
        """What came in first, of what was not looked at yet."""
        self.world.poll_until(lambda: self.got, "an envelope for " + self.name)
        return self.got.pop(0)


class World(e2e.Demo):
    def __init__(self):
        super().__init__()
        os.remove(self.yaml)
        for name, connection, more in AGENTS:
            with open(self.path(name), "w") as f:
                f.write("agent_name: %s\nconnections: [%s]\ndefault_connection: %s\ndata_dir: %s\n%s"
                        % (name, connection, connection, name, more))
        self.yaml, self.run = self.path("alice"), os.path.join(self.dir, "alice", "run")

    def path(self, name):
        return os.path.join(self.dir, name + ".yaml")

    def start(self):
        super().start(wait=False, more=[self.path("bob"), self.path("carol")])
        self.agents = {name: Agent(self, name) for name, _, _ in AGENTS}
        self.poll_until(lambda: len(self.connected()) == 6, "3 agents and 3 connections")
        return self.agents.values()

    def connected(self):
        return [n for n in admin.get(self.run, "/v1/nodes").get("nodes", []) if n["state"] == "connected"]

    def poll_until(self, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))
            for agent in self.agents.values():
                agent.node.poll(5)

    def send(self, *arguments):
        """`patchbay send` as alice, while the agents go on: its status and what it says."""
        p = subprocess.Popen([e2e.PATCHBAY, "send", "--config", self.yaml, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True, env=e2e.environment())
        self.poll_until(lambda: p.poll() is not None, "the end of `patchbay send`")
        return p.returncode, p.stdout.read().strip()

    def stop(self):
        self.poll_until(lambda: all(agent.node.idle() for agent in self.agents.values()), "nothing is left")
        for agent in self.agents.values():
            agent.node.close()
        self.up.terminate()
        check(self.wait_end(60) == 0, "patchbay up has not ended well")


def check_answer(e, to):
    """What AEA's local node says, byte for byte."""
    check((e.to, e.sender, e.protocol) == (to, "oef_local_node", DEFAULT), "addressed %s" % ((e.to, e.sender, e.protocol),))
    done = subprocess.run([e2e.PATCHBAY, "decode", DEFAULT], input=e.message, stdout=subprocess.PIPE, check=True, env=e2e.environment())
    m = json.loads(done.stdout)
    content = m["content"]
    check((m["performative"], content["error_code"], content["error_msg"], content["error_data"]) == ("error", 4, GONE, {}), "it says %s" % m)
    check((m["message_id"], m["target"], m["dialogue_reference"]) == (1, 0, ["", ""]), "in its dialogue: %s" % m)


def there_and_back(alice, bob):
    put = alice.put("bob", b"hello bob")
    e = bob.next()
    check((e.to, e.sender, e.message) == ("bob", "alice", b"hello bob"), "bob has %s" % e)
    check(alice.end(put)[0] == 0, "bob has taken it")
    reply = bob.put("alice", b"hello alice", reply_to=e.reply_to)
    e = alice.next()
    check((e.sender, e.message) == ("bob", b"hello alice"), "alice has %s" % e)
    later = bob.put("alice", b"and again")  # not as a reply: bob names the package as well
    check(alice.next().message == b"and again", "without a reply handle")
    check([bob.end(put)[0] for put in (reply, later)] == [0, 0], "alice has taken both")


def by_context(world, alice, bob):
    """Naming the connection, in its version or another one."""
    for connection in (LOCAL, "fetchai/local:0.1.0"):
        put = alice.put("bob", b"by context", connection=connection)
        check(bob.next().message == b"by context" and alice.end(put)[0] == 0, "with " + connection)
    check(world.send("--connection", LOCAL, "--to", "bob", "from a shell") == (0, "settled"), "patchbay send")
    check(bob.next().message == b"from a shell", "what patchbay send has sent")


def nobody(world, alice):
    for options in ({}, {"connection": LOCAL}, {"protocol": "fetchai/oef_search:1.0.0"}):
        put = alice.put("nobody", b"\xff", **options)
        check(alice.end(put) == (FAILED, GONE), "%s: the sender is told %s" % (options, alice.end(put)))
        check_answer(alice.next(), "alice")
    check(world.send("--connection", LOCAL, "--to", "nobody", "x") == (1, "FAILED: " + GONE), "patchbay send to nobody")
    check_answer(alice.next(), "alice")


def many(world, alice):
    """More than there is room for in the package: each has its end and its answer."""
    puts = [alice.put("nobody", b"number %d" % i) for i in range(BURST)]
    world.poll_until(lambda: all(put.code is not None for put in puts) and len(alice.got) >= BURST, "%d ends and answers" % BURST)
    check({(put.code, put.text) for put in puts} == {(FAILED, GONE)}, "they ended otherwise")
    for e in alice.got:
        check((e.sender, e.message) == ("oef_local_node", alice.got[0].message), "something else came: %s" % e)
    check(len(alice.got) == BURST, "%d answers for %d" % (len(alice.got), BURST))
    alice.got.clear()


def without(world, bob, carol):
    """carol's envelopes go her usual way, even to the name of an agent; and nobody's are hers."""
    put = carol.put("bob", b"no secret")
    check(carol.end(put)[0] == 0, "carol's stub has taken it")
    with open(os.path.join(world.dir, "carol", "output_file")) as f:
        check(f.read() == "bob,carol,%s,no secret," % DEFAULT, "carol's output_file")
    put = carol.put("bob", b"by context", connection=LOCAL)
    check(carol.end(put) == (NO_ROUTE, "the agent has no such connection"), "carol is told %s" % (carol.end(put),))
    put = bob.put("carol", b"hello carol")
    e = carol.next()
    check(e.message == b"hello carol" and bob.end(put)[0] == 0, "bob may write to carol")
    put = carol.put("bob", b"hello bob", reply_to=e.reply_to)
    check(carol.end(put)[0] == 0 and bob.next().message == b"hello bob", "and carol may answer him")


def test(world):
    alice, bob, carol = world.start()
    there_and_back(alice, bob)
    by_context(world, alice, bob)
    nobody(world, alice)
    many(world, alice)
    without(world, bob, carol)
    check(not any(agent.got for agent in world.agents.values()), "something came that was for nobody")
    check(GONE not in world.output(), "the log is told of it")
    check("exit status" not in world.output(), "a process has ended")
    world.stop()
    print("three agents, two with fetchai/local: each envelope where it belongs, %d for nobody answered" % (BURST + 4))


e2e.Demo = World  # main makes one
sys.exit(e2e.main(test))
