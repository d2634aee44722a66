#!/usr/bin/python3
"""The walk of the document that VCX connections come from, as an operator would do it: create -> connect by QR -> a second agent
accepts what the QR code says -> poll -> serialize -> restart -> deserialize -> send. Each step is printed.

usage: vcx_walk.py BUILD_DIR
"""
import json
import os
import subprocess
import sys
import time

import vcx_world as of
from vcx_world import check, e2e, same


def command(peer, *arguments):
    """`patchbay vcx ...` beside the agent's agent.yaml."""
    return [e2e.PATCHBAY, "vcx"] + list(arguments[:1]) + ["--config", peer.yaml] + list(arguments[1:])


def vcx(peer, *arguments):
    done = subprocess.Popen(command(peer, *arguments), cwd=peer.dir, env=e2e.environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    said = finish(peer, done)
    same(done.returncode, 0, "patchbay vcx %s: %s" % (" ".join(arguments), said))
    return said


def finish(peer, process):
    """The agents go on meanwhile."""
    peer.poll_until(lambda: process.poll() is not None, "patchbay vcx has ended")
    return process.stdout.read()


def step(text):
    print("  %s" % text, flush=True)


def restart(peer):
    os.kill(peer.up.pid, 15)
    same(peer.wait_end(60), 0, "the status of patchbay up")
    peer.node.close()
    peer.node = None
    peer.start()


def walk(alice, bob):
    began = time.monotonic()
    connect = subprocess.Popen(command(alice, "connect", "--type", "QR", "bob"), cwd=alice.dir, env=e2e.environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    png = os.path.join(alice.dir, "bob-connection-invite.png")
    alice.poll_until(lambda: os.path.exists(png) or connect.poll() is not None, "the QR code is written")
    step("create, connect: bob-connection-invite.png")
    said = subprocess.run(["zbarimg", "--nodbus", "--quiet", "--raw", png], stdout=subprocess.PIPE, universal_newlines=True, timeout=60)
    url = said.stdout.strip()
    check(url.startswith(alice.url), "the QR code says %r" % said.stdout)
    rows = json.loads(vcx(alice, "list", "--json"))
    same([(row["source_id"], row["state"]) for row in rows], [("bob", of.OFFERED)], "what alice has")
    step("the QR code, read by a camera's program: %s..." % url[:40])

    check("accepted" in vcx(bob, "accept", "--name", "alice", url), "bob has accepted")
    said = finish(alice, connect)
    same(connect.returncode, 0, "connect: %s" % said)
    step("accepted by bob; alice's command has polled and ended: %s" % said.strip().splitlines()[-1])

    path = os.path.join(alice.dir, "bob-connection.json")
    with open(path) as f:
        text = f.read()
    data = json.loads(text)["data"]
    same((json.loads(text)["version"], data["source_id"], data["state"]), ("1.0", "bob", of.ACCEPTED), "what was serialized")
    same(os.stat(path).st_mode & 0o777, 0o600, "the mode of bob-connection.json")
    check("secret" not in text and "private" not in text, "a private key is in it")
    step("serialized: pw_did %s, state %d" % (data["pw_did"], data["state"]))

    alice.ask("release", connection_id=data["uuid"])
    restart(alice)
    same(json.loads(vcx(alice, "list", "--json")), [], "what alice has after the restart")
    step("released, restarted: nothing is there")
    check("accepted" in vcx(alice, "deserialize", path), "deserialized")
    step("deserialized")
    vcx(alice, "send", "bob", "I am alice, and I was here before")
    theirs = json.loads(bob.ask("list_connections").json)[0]["connection_id"]
    same(bob.message(theirs, "message")["content"], "I am alice, and I was here before", "what bob got")
    bob.talk(theirs, alice, data["uuid"], "I know")
    vcx(alice, "ping", "bob")
    step("sent, answered, pinged; all in %.1f s" % (time.monotonic() - began))


sys.exit(of.main((({}, {}), walk)))
