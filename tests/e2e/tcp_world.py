"""What the tests of TCP share: `patchbay up` with tcp_server and tcp_client, an agent in the test's own process
(tests/client/patchbay_client.py), and peers down to single bytes (tcp_wire.py).
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "client"))
import demo as e2e
import http_world
import patchbay_client as client
import tcp_wire as wire

DEFAULT = "fetchai/default:1.0.0"
AGENT, OTHER = "other_agent", "my_agent"  # as in the vectors
SERVER, CLIENT = "fetchai/tcp_server:0.17.3", "fetchai/tcp_client:0.17.3"
KEYS = {SERVER: ("connection", "tcp_server", "0"), CLIENT: ("connection", "tcp_client", "0")}
FAILED = 24
check, wait_for = e2e.check, e2e.wait_for


class World(e2e.Demo):
    """server, client: keys of their config, None = not there; patchbay: keys of the broker. The agent echoes what begins with
    `echo`, and keeps everything else in `got`."""

    def __init__(self, server=None, client=None, patchbay=()):
        super().__init__()
        self.port, self.there = http_world.free_port(), []
        self.node, self.got = None, []
        text = "agent_name: %s\npatchbay:\n  heartbeat: 200ms\n  addresses: [%s, caller]\n" % (AGENT, OTHER)
        text += "".join("  %s: %s\n" % item for item in dict(patchbay).items())
        for public_id, config in ((SERVER, server), (CLIENT, client)):
            if config is not None:
                self.there.append(public_id)
                keys = {"port": self.port, **config}
                text += "---\npublic_id: %s\ntype: connection\nconfig:\n" % public_id + "".join("  %s: %s\n" % i for i in keys.items())
        first, _, rest = text.partition("\n")
        with open(self.yaml, "w") as f:
            f.write("%s\nconnections: [%s]\n%s" % (first, ", ".join(self.there), rest))

    def start(self):
        super().start(wait=False)
        self.wait_connected((e2e.BROKER,) + tuple(KEYS[public_id] for public_id in self.there))
        self.node = client.Node("ipc://%s/broker.ipc" % self.run, client.AGENT, AGENT, AGENT, instance="tests", on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None
        self.poll_until(lambda: self.node.linked, "the agent's link")

    def take(self, e):
        if bytes(e.message).startswith(b"echo"):
            self.node.put(e.sender, e.to, e.protocol, e.message, reply_to=e.reply_to)
        else:
            self.got.append(e)
        self.node.finish(e)

    def poll_until(self, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))
            self.node.poll(20)

    def put(self, to, message, sender=OTHER, over=SERVER, protocol=DEFAULT):
        return self.node.put(to, sender, protocol, message, connection=over)

    def ended(self, *puts):
        self.poll_until(lambda: all(put.code is not None for put in puts), "ends")
        return puts

    def messages(self):
        return [bytes(e.message) for e in self.got]

    def dial(self, address, buffer=None):
        """A client that the server knows: it is answered."""
        peer = wire.dial(self.port, address, buffer)
        self.ask(peer, address)
        return peer

    def ask(self, peer, address, text=b"echo"):
        """The agent answers it."""
        peer.put(wire.envelope(AGENT, address, DEFAULT, text))
        self.until_frame(peer)
        e = wire.parse(peer.get())
        check(e == {"to": address, "sender": AGENT, "protocol": DEFAULT, "message": text, "uri": ""}, "answered %r" % e)

    def until_frame(self, peer):
        """Until there is something to read for it: the agent is polled meanwhile."""
        peer.sock.settimeout(0)
        try:
            self.poll_until(lambda: peer.got or self.peek(peer.sock), "a frame or an end")
        finally:
            peer.sock.settimeout(wire.GUARD)

    @staticmethod
    def peek(sock):
        try:
            sock.recv(1, wire.socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except ConnectionError:
            pass
        return True

    def said(self, text):
        wait_for(lambda: text in self.output(), e2e.ANSWER, "the log says %r" % text)

    def untouched(self, before):
        """The same processes as then."""
        check(self.pids() == before, "processes: %s before, %s now" % (before, self.pids()))

    def stop(self):
        self.poll_until(self.node.idle, "nothing is left to the agent")
        self.node.close()
        self.up.terminate()
        check(self.wait_end(60) == 0, "patchbay up has not ended well")
        left = [line for line in self.output().splitlines() if "left: " in line]
        check(not left, "something was left: %s" % left)


def main(*cases):
    """Run each (options of World, test(world)); on failure print what the processes have said."""
    for options, test in cases:
        began = time.monotonic()
        world = World(**options)
        try:
            test(world)
            world.stop()
            bad = [x for x in world.output().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x]
            check(not bad, "a process complained of itself: %s" % bad)
        except (e2e.Failed, OSError, wire.Wire.TornFrame) as why:
            sys.stdout.write(world.output() if os.path.exists(world.log) else "")
            print("FAILED: %s: %r" % (test.__name__, why))
            return 1
        finally:
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
            world.clean_up()
    return 0
