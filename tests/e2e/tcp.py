#!/usr/bin/python3
"""tcp_server and tcp_client with real peers: AEA's own bytes in both directions, each with the other, many clients, and what is
refused.

usage: tcp.py BUILD_DIR
"""
import json
import os
import subprocess
import sys

import tcp_world as tcp
from tcp_world import AGENT, CLIENT, DEFAULT, FAILED, OTHER, SERVER, check, wire

MANY, EACH, CHAIN = 200, 5, 500
PORT = tcp.http_world.free_port()


def vectors():
    """Those that AEA sends over TCP: between addresses."""
    with open(os.path.join(tcp.e2e.SOURCE, "schema", "vectors", "messages.json")) as f:
        return [v for v in json.load(f)["good"] if v.get("to") == AGENT]


def exchange(world, peer, over):
    """What the peer writes is what the agent gets, what the agent puts is what the peer reads: byte for byte."""
    for v in vectors():
        whole = bytes.fromhex(v["envelope"])
        message = wire.parse(whole)["message"]
        world.got.clear()
        peer.put(whole)
        world.poll_until(lambda: world.got, "what the peer has sent")
        e = world.got[0]
        check((e.to, e.sender, e.protocol, bytes(e.message)) == (AGENT, OTHER, v["protocol"], message), "%s came as %r" % (v["name"], e))
        put = world.put(AGENT, message, over=over, protocol=v["protocol"])
        world.ended(put)
        check(put.code == 0, "%s ended %s" % (v["name"], put.code))
        check(peer.get() == whole, "%s was written otherwise" % v["name"])
    return len(vectors())


def same_bytes(world):
    listener = wire.Listener(PORT)
    world.start()
    ours, claim = listener.accept()
    check(claim == AGENT, "tcp_client says that it is %r" % claim)
    counts = [exchange(world, world.dial(AGENT), SERVER), exchange(world, ours, CLIENT)]
    check(min(counts) >= 10, "%s vectors" % counts)
    print("%d and %d envelopes of AEA, byte for byte, over tcp_server and tcp_client, both ways" % tuple(counts))
    listener.close()


def each_other(world):
    """tcp_client's server is tcp_server."""
    world.start()
    there = [world.put(AGENT, b"there %d" % i, "caller", CLIENT) for i in range(CHAIN)]
    back = [world.put("caller", b"back %d" % i, AGENT, SERVER) for i in range(CHAIN)]
    world.ended(*there, *back)
    world.poll_until(lambda: len(world.got) == 2 * CHAIN, "all %d" % (2 * CHAIN))
    for word in (b"there", b"back"):
        check([m for m in world.messages() if m.startswith(word)] == [b"%s %d" % (word, i) for i in range(CHAIN)], "order of %r" % word)
    check({put.code for put in there + back} == {0}, "ends")
    print("%d envelopes each way between tcp_client and tcp_server, in order" % CHAIN)


def many_clients(world):
    world.start()
    peers = [wire.dial(world.port, "client_%d" % i) for i in range(MANY)]
    for n in range(EACH):
        for i, peer in enumerate(peers):
            peer.put(wire.envelope(AGENT, "client_%d" % i, DEFAULT, b"echo %d of %d" % (n, i)))
    for i, peer in enumerate(peers):
        for n in range(EACH):
            world.until_frame(peer)
            e = wire.parse(peer.get())
            check((e["to"], e["message"]) == ("client_%d" % i, b"echo %d of %d" % (n, i)), "client %d got %r" % (i, e))
    late = wire.dial(world.port, "one_more")
    check(late.get() is None, "a client above max_clients")
    world.said("max_clients (%d) are connected" % MANY)
    for peer in peers[1:]:
        peer.close()
    world.ask(peers[0], "client_0")
    print("%d clients, %d envelopes each, every answer with its own" % (MANY, EACH))


def told(world, peer):
    """The error that the peer gets: its fields, raw."""
    world.until_frame(peer)
    e = wire.parse(peer.get())
    check((e["to"], e["protocol"]) == ("peer", DEFAULT), "told with %r" % e)
    return e["message"]


def refusals(world):
    world.start()
    peer, other = world.dial("peer"), world.dial("other")
    put, = world.ended(world.put("stranger", b"x"))
    check((put.code, put.text) == (FAILED, "no client with the address 'stranger' is connected"), "%s %s" % (put.code, put.text))
    put, = world.ended(world.put("acme/skill:1.0.0", b"x", "acme/other:1.0.0"))
    check(put.code != 0, "an envelope between components has left")
    for bad, says in ((b"\xff\xff", b"malformed protobuf"), (b"", b"expected a public id"),
                      (wire.envelope("acme/skill:1.0.0", "valory/http_server:0.22.0", DEFAULT, b"x"), b"needs to be address"),
                      (wire.envelope("", "peer", DEFAULT, b"x"), b"an empty to")):
        peer.put(bad)
        message = told(world, peer)
        check(b"Decoding error." in message and says in message, "%r: told %r" % (bad, message))
    for to, size, code in (("nobody", 1, b"NO_ROUTE"), (AGENT, 8193, b"TOO_BIG")):
        peer.put(wire.envelope(to, "peer", DEFAULT, b"x" * size))
        message = told(world, peer)
        check(code in message, "%s: told %r" % (code, message))
    world.ask(peer, "peer")
    check(not world.got, "the agent has got %r" % world.got)
    peer.sock.sendall((1 << 31).to_bytes(4, "little"))
    check(peer.get() is None, "a frame of 2 GiB")
    world.said("a frame is longer than max_frame (20000)")
    for address in ("acme/skill:1.0.0", "", "x" * 257, "a\nb"):
        check(wire.dial(world.port, address).get() is None, "the address %r was taken" % address)
    check(wire.dial(world.port).get() is None, "who says nothing is let in")
    world.said("it has not said who it is within hello_timeout")
    done = subprocess.run(["curl", "-s", "-S", "-m", "30", "http://127.0.0.1:%d/" % world.port], stderr=subprocess.PIPE)
    check(done.returncode in (52, 56), "curl: %d %r" % (done.returncode, done.stderr))
    world.ask(other, "other")
    print("unknown clients, components, garbage, and those who claim nothing: refused, told, and nobody else notices")


def one_address_two_clients(world):
    """The newer has it, and what waits for it; what the older had sent is still received."""
    world.start()
    older = world.dial("peer")
    older.put(wire.envelope(AGENT, "peer", DEFAULT, b"last words"))
    newer = world.dial("peer")
    check(older.get() is None, "the older is still there")
    world.poll_until(lambda: world.messages() == [b"last words"], "the last words")
    put, = world.ended(world.put("peer", b"for the newer"))
    check(put.code == 0 and wire.parse(newer.get())["message"] == b"for the newer", "the newer has got nothing")
    world.said("the address 'peer' has moved")
    print("an address belongs to the client that has claimed it last")


sys.exit(tcp.main(({"server": {}, "client": {"port": PORT}}, same_bytes),
                  ({"server": {}, "client": {"own_address": "caller"}}, each_other),
                  ({"server": {"max_clients": MANY}}, many_clients),
                  ({"server": {"client_grace": 0, "hello_timeout": 1, "max_frame": 20000}, "patchbay": {"max_envelope": "8KiB"}}, refusals),
                  ({"server": {}}, one_address_two_clients)))
