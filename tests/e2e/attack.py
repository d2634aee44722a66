#!/usr/bin/python3
"""Garbage against the live broker while an agent and a connection work through it: it survives, its memory stays flat, and
nobody else's link notices. Everything goes to loopback, bounded in number and time.

usage: attack.py BUILD_DIR
"""
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq

import admin as ask

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 240
GROWTH_MIB = 24
GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
rng = random.Random(7)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(root, port):
    with open(f"{root}/agent.yaml", "w") as f:
        f.write(f"""agent_name: probe
connections:
- patchbay/loop:0.1.0
default_connection: patchbay/loop:0.1.0
patchbay:
  command: [{BUILD}/tests/probe, {root}/result, '40000', none, '0', '0', '16']
  endpoints: ['ipc://{root}/run/broker.ipc', 'tcp://127.0.0.1:{port}']
  memory_budget: 8MiB
""")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PATCHBAY_") or k == "PATCHBAY_CAPTURE"}
    env.update(PATCHBAY_TEST_LOOP=f"{BUILD}/tests/loop", PATCHBAY_PACKAGE_PATH=os.path.join(HERE, "packages"))
    log = open(f"{root}/log", "w")
    return subprocess.Popen([f"{BUILD}/bin/patchbay", "up", f"{root}/agent.yaml"], env=env, stdout=log, stderr=log,
                            stdin=subprocess.DEVNULL)


def admin(root, path):
    return ask.get(f"{root}/run", path)


def wait_for(predicate, what):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            value = predicate()
            if value:
                return value
        except (OSError, ValueError, KeyError, IndexError):
            pass
        time.sleep(0.02)
    raise SystemExit(f"attack: never: {what}")


def broker(root):
    with open(f"{root}/run/up.json") as f:
        return [c for c in json.load(f)["children"] if c["name"] == "broker"][0]["pid"]


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return [int(line.split()[1]) for line in f if line.startswith("VmRSS")][0]


# ---- bytes below ZMTP ----

def raw(port, data, read=False):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        try:
            s.sendall(data)
            if read:
                s.settimeout(0.2)
                s.recv(4096)
        except OSError:
            pass


def raw_attacks(port):
    ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    cases = [b"", b"\0" * 64, GREETING[:11], GREETING[:40], GREETING, GREETING + ready[:9], GREETING + b"\x04\x00",
             GREETING + ready + b"\x00\x05hel", GREETING + ready + b"\x02" + struct.pack(">Q", 1 << 31),
             GREETING + ready + b"\x02" + struct.pack(">Q", (1 << 64) - 1), GREETING + ready + b"\x01\x01x" * 2000,
             GREETING + ready + b"\x04\x05\x04PING", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
    for i in range(400):
        case = rng.choice(cases) if i >= len(cases) else cases[i]
        if i % 3 == 2:
            case = bytes(b ^ (1 << rng.randrange(8)) if rng.random() < 0.02 else b for b in case)
        raw(port, case, read=i % 5 == 0)
        raw(port, rng.randbytes(rng.randrange(1, 300)))
    return 800


# ---- frames inside ZMTP ----

def pub(stream, round_, seq, prev, payload=b"x"):
    return msgpack.packb([9, stream, round_, seq, prev, 0, 0, None, payload], use_bin_type=True)


def hello(agent="probe", name="loop", instance="0", role=2, public_id="patchbay/loop:0.1.0", link=1, incarnation=None):
    return msgpack.packb([1, 1, 1, role, agent, name, instance, public_id, incarnation or rng.randbytes(16), link, b"", 5, []],
                         use_bin_type=True)


BOMBS = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91" * 5000, b"\x9f" * 60000, b"\xdb\xff\xff\xff\xff",
         b"", b"\xc1", b"\x90", b"\x91\xc0", b"\x91\x18" * 3000, b"\x91\x18" * 30000, b"\xc0" * 60000, rng.randbytes(60000)]


def wrong_orders():
    """Well-formed frames of strangers and of a node that is not attached yet."""
    frames = [msgpack.packb([v] + [0] * n) for v in range(0, 30) for n in (0, 1, 3)]
    frames += [pub(1, 1, 1, 0), msgpack.packb([3, 0]), msgpack.packb([19, 1, 1]), msgpack.packb([10, 1, 1 << 63, []]),
               msgpack.packb([7, 1, 1, 0, [], [[1, (1 << 64) - 1]]]), hello(name="nobody"), hello(agent="x" * 128), hello(role=9),
               hello(public_id="other/one:1.0.0"), hello(instance="i" * 64), hello(link=0),
               hello() + pub(1, 1, 1, 0), hello() + hello() + hello()]
    return frames


def drain(sock):
    got = []
    while sock.poll(5):
        got.append(sock.recv())
    return got


def zmtp_attacks(context, port):
    sent = 0
    for burst in range(30):
        sock = context.socket(zmq.DEALER)
        sock.linger = 0
        sock.connect(f"tcp://127.0.0.1:{port}")
        for frame in rng.sample(BOMBS, 6) + rng.sample(wrong_orders(), 20):
            sock.send(frame)
            sent += 1
        sock.send_multipart([b"two", b"frames"])
        drain(sock)
        sock.close()
    return sent


def attached_attacks(context, port):
    """A node that attaches properly (as one more instance) and then breaks each rule once."""
    crimes = [pub(1, 1, 1, 0), msgpack.packb([6, 1, "probe", "ext", "", "", b"", ["a/b:1.0.0"], 5, 5, 0]),
              msgpack.packb([6, 1, "probe", "ext", "", "", b"", ["no id"], 1, 2, 0]),
              msgpack.packb([6, 1, "probe", "ext", "", "", b"", ["a/b:1.0.0"], 1, 1 << 40, 0]),
              msgpack.packb([19, 999, 1]), msgpack.packb([25, 200, 0, "", 0]), msgpack.packb([12, 1, 1, 1 << 63]),
              msgpack.packb([13, 77, 5, 1, 1, ""]), msgpack.packb([18, [[rng.randbytes(16), i] for i in range(256)]]) * 200,
              msgpack.packb([10, 12345, 1 << 62, [[1 << 62, 1 << 63]]]), hello()]
    answers = 0
    for crime in crimes:
        sock = context.socket(zmq.DEALER)
        sock.linger = 0
        sock.connect(f"tcp://127.0.0.1:{port}")
        sock.send(hello(instance="evil"))
        if sock.poll(5000):
            welcome = msgpack.unpackb(sock.recv(), raw=False)
            sock.send(msgpack.packb([3, welcome[3]]))
        sock.send(crime)
        sock.send(msgpack.packb([19, 3, 1]))
        sock.poll(1000)
        answers += len(drain(sock)) > 0
        sock.close()
    return len(crimes), answers


def impostor(context, root):
    """A second process of a name that works: not configured elsewhere, a late HELLO without CONFIRM changes nothing."""
    sock = context.socket(zmq.DEALER)
    sock.linger = 0
    sock.connect(f"ipc://{root}/run/broker.ipc")
    sock.send(hello())
    welcomed = sock.poll(5000) and msgpack.unpackb(sock.recv(), raw=False)[0] == 2
    sock.close()
    return welcomed


def expect(what, value, good):
    print(f"  {'ok  ' if good else 'FAIL'} {what}: {value}")
    return good


def main():
    root, port, context = tempfile.mkdtemp(prefix="pb"), free_port(), zmq.Context()
    up = start(root, port)
    wait_for(lambda: all(n["state"] == "connected" for n in admin(root, "/v1/nodes")["nodes"]), "all connected")
    pid = broker(root)
    began, before = time.monotonic(), rss_kib(pid)
    counts = [raw_attacks(port), zmtp_attacks(context, port), attached_attacks(context, port)]
    counts.append(impostor(context, root))
    after = rss_kib(pid)
    nodes = {(n["name"], n["instance"]): n for n in admin(root, "/v1/nodes")["nodes"]}
    running = up.poll() is None
    good = expect("raw, framed, attached attacks (crimes, answered), impostor welcomed", counts, bool(counts[3]))
    good &= expect("the broker is the same process", pid, os.path.exists(f"/proc/{pid}"))
    good &= expect("its memory grew by at most %d MiB" % GROWTH_MIB, f"{before} -> {after} KiB", after - before < GROWTH_MIB * 1024)
    good &= expect("the others attached once", [nodes["loop", "0"]["attached"], nodes["probe", "0"]["attached"]],
                   nodes["loop", "0"]["attached"] == 1 and nodes["probe", "0"]["attached"] == 1)
    good &= expect("and were at work all the time", running, running)
    status = up.wait(LIMIT)
    good &= expect("every ping was answered", status, status == 0)
    print(f"attack: {time.monotonic() - began:.1f} s")
    if good:
        shutil.rmtree(root, ignore_errors=True)
    else:
        sys.stdout.write("".join(open(f"{root}/log").readlines()[-30:]))
    return 0 if good else 1


sys.exit(main())
