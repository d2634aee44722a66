#!/usr/bin/python3
"""Peers that die in the middle of a frame, or take nothing: the frame is lost or comes whole, its sender is told the truth, and
nobody else notices.

usage: tcp_drop.py BUILD_DIR
"""
import sys

import admin
import tcp_world as tcp
from tcp_world import AGENT, CLIENT, DEFAULT, FAILED, SERVER, check, wire

BIG = 900000
CUTS = 40
BUFFER = 4096
STILL = 25  # looks, 20 ms apart, at which nothing has moved
PORT = tcp.http_world.free_port()


def dies_while_it_sends(world):
    """After every few bytes of its address, of a length, of an envelope."""
    world.start()
    other, before = world.dial("other"), world.pids()
    whole = wire.frame(b"dying") + wire.frame(wire.envelope(AGENT, "dying", DEFAULT, b"x" * 100)) * 2
    frame = (len(whole) - 9) // 2
    for cut in range(0, len(whole), max(1, len(whole) // CUTS)):
        peer = wire.dial(world.port)
        peer.sock.sendall(whole[:cut])
        peer.close()
        world.ask(other, "other", b"echo %d" % cut)
    world.said("its end in the middle of a frame")
    expected = sum((cut - 9) // frame for cut in range(0, len(whole), max(1, len(whole) // CUTS)) if cut >= 9)
    world.poll_until(lambda: len(world.got) == expected, "%d whole frames of the dying" % expected)
    check(set(world.messages()) == {b"x" * 100}, "a frame that is not whole came in")
    world.untouched(before)
    print("clients that die after every %d bytes: %d whole frames received, nothing else noticed" % (max(1, len(whole) // CUTS), expected))


def fill(world, to, over=SERVER):
    """Until the peer has a part of a frame and takes no more: the puts, of which the last ones have not ended."""
    puts = []
    for i in range(20):
        puts.append(world.put(to, b"%02d" % i + b"." * BIG, over=over))
    return puts


def settled(puts):
    return [put.code for put in puts].count(0)


def begin_torn(world, peer, puts):
    """Read a part of the first frame, and go on when nothing moves any more: the kernels' buffers are full, and the frame that
    did not fit is written in part."""
    peer.sock.settimeout(wire.GUARD)
    n = 0
    while n < 1000:
        world.until_frame(peer)
        n += len(peer.sock.recv(1000 - n))
    still, before = 0, -1
    while still < STILL:
        world.node.poll(20)
        still = still + 1 if settled(puts) == before and given(world) else 0
        before = settled(puts)


def given(world):
    """How many envelopes the connection has been given and has not settled."""
    return sum(s["given"] for s in admin.get(world.run, "/v1/streams")["streams"] if s["at"].startswith("tcp"))


def comes_back(world):
    """A client dies with half a frame, and another has its address soon: it gets that frame whole, and all that follow. The
    others go on meanwhile."""
    world.start()
    other, peer, before = world.dial("other"), world.dial("peer", BUFFER), world.pids()
    puts = fill(world, "peer")
    begin_torn(world, peer, puts)
    for i in range(20):
        world.ask(other, "other", b"echo %d" % i)
    done = settled(puts)
    check(0 < done < len(puts), "%d were taken" % done)
    peer.close()
    again = wire.dial(world.port, "peer", 1 << 22)
    seen = []
    while not seen or seen[-1] != len(puts) - 1:
        world.until_frame(again)
        seen.append(int(wire.parse(again.get())["message"][:2]))
    world.ended(*puts)
    check({put.code for put in puts} == {0}, "ends %s" % [put.code for put in puts])
    check(seen == list(range(seen[0], len(puts))), "seen %s" % seen)
    check(seen[0] == done, "%d were settled, the first one now is %d" % (done, seen[0]))
    world.untouched(before)
    print("%d of %d frames were with the kernel of the dead client; %d came whole to the one that came back" % (seen[0], len(puts), len(seen)))


def does_not_come_back(world):
    world.start()
    other, peer, before = world.dial("other"), world.dial("peer", BUFFER), world.pids()
    puts = fill(world, "peer")
    begin_torn(world, peer, puts)
    peer.close()
    world.ended(*puts)
    codes = [put.code for put in puts]
    n = codes.index(FAILED)
    check(codes == [0] * n + [FAILED] * (len(puts) - n), "ends %s" % codes)
    check(puts[-1].text == "no client with the address 'peer' is connected", "told %r" % puts[-1].text)
    world.said("the client 'peer' has left in the middle of a frame and is not back")
    world.ask(other, "other")
    world.untouched(before)
    print("%d settled, %d FAILED" % (n, len(puts) - n))


def takes_nothing(world):
    """One that stays, and does not read: it is cut after send_timeout, and nobody waits for it."""
    world.start()
    other, peer, before = world.dial("other"), world.dial("peer", BUFFER), world.pids()
    puts = fill(world, "peer")
    world.ask(other, "other")
    world.ended(*puts)
    check(puts[0].code == 0 or puts[0].code == FAILED, "ended %s" % puts[0].code)
    check(puts[-1].code == FAILED, "ended %s" % puts[-1].code)
    world.said("it has not taken anything for send_timeout")
    world.ask(other, "other")
    world.untouched(before)
    peer.close()
    print("cut after send_timeout")


def stops_within_a_frame(world):
    """Neither dead nor sending on: its memory comes back."""
    world.start()
    other = world.dial("other")
    peer = world.dial("peer")
    peer.sock.sendall(wire.frame(b"x" * 1000)[:500])
    world.until_frame(peer)
    check(peer.get() is None, "it is still there")
    world.said("the rest of a frame has not come within frame_timeout")
    world.ask(other, "other")
    print("cut after frame_timeout")


def server_dies(world):
    """tcp_client: the server dies within a frame of its own, is away for a while, and comes back."""
    listener = wire.Listener(PORT)
    world.start()
    peer, _ = listener.accept()
    before = world.pids()
    peer.put(wire.envelope(AGENT, "them", DEFAULT, b"whole"))
    peer.sock.sendall(wire.frame(wire.envelope(AGENT, "them", DEFAULT, b"torn"))[:20])
    listener.close()
    peer.close()
    world.poll_until(lambda: world.ps()[tcp.KEYS[CLIENT]]["state"] == "connecting", "connecting")
    world.said("the server 127.0.0.1:%d has ended the connection in the middle of a frame" % PORT)
    world.said("connect 127.0.0.1:%d: Connection refused" % PORT)
    puts = [world.put("them", b"%d" % i, AGENT, CLIENT) for i in range(100)]
    check(not any(put.code is not None for put in puts), "ended without a server")
    listener = wire.Listener(PORT)
    peer, address = listener.accept()
    check(address == AGENT, "it says that it is %r" % address)
    world.ended(*puts)
    check({put.code for put in puts} == {0}, "ends")
    check([wire.parse(peer.get())["message"] for _ in puts] == [b"%d" % i for i in range(100)], "what comes after the server is back")
    peer.put(wire.envelope(AGENT, "them", DEFAULT, b"again"))
    world.poll_until(lambda: world.messages() == [b"whole", b"again"], "what the server sends: %s" % world.messages())
    world.untouched(before)
    listener.close()
    print("a server that dies and comes back: 100 envelopes waited for it, in order")


def server_takes_nothing(world):
    """tcp_client: the server takes half a frame and dies; that one is FAILED, those behind it wait for the next server."""
    listener = wire.Listener(PORT)
    listener.sock.setsockopt(wire.socket.SOL_SOCKET, wire.socket.SO_RCVBUF, BUFFER)
    world.start()
    peer, _ = listener.accept()
    puts = fill(world, "them", CLIENT)
    begin_torn(world, peer, puts)
    peer.close()
    peer, _ = listener.accept()
    seen = []
    while not seen or seen[-1] != len(puts) - 1:
        world.until_frame(peer)
        seen.append(int(wire.parse(peer.get())["message"][:2]))
    world.ended(*puts)
    failed = [i for i, put in enumerate(puts) if put.code == FAILED]
    check({put.code for put in puts} <= {0, FAILED} and len(failed) == 1, "ends %s" % [put.code for put in puts])
    check(seen == list(range(seen[0], len(puts))) and seen[0] == failed[0] + 1, "seen %s, failed %s" % (seen, failed))
    listener.close()
    print("%d were with the dead server's kernel, %d FAILED, %d went to the next" % (seen[0] - len(failed), len(failed), len(seen)))


SLOW = {"server": {"client_grace": 1}}
sys.exit(tcp.main(({"server": {}}, dies_while_it_sends),
                  ({"server": {"client_grace": 60}}, comes_back),
                  (SLOW, does_not_come_back),
                  ({"server": {"client_grace": 0, "send_timeout": 1}}, takes_nothing),
                  ({"server": {"frame_timeout": 1}}, stops_within_a_frame),
                  ({"client": {"port": PORT}}, server_dies),
                  ({"client": {"port": PORT}}, server_takes_nothing)))
