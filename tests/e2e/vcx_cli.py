#!/usr/bin/python3
"""`patchbay vcx`, against a connection that connects to nobody (vcx_fake.py): arguments, exit statuses, what is printed
and written, deadlines, names that are not unique, and that the agent gets what happens, and not what the command asked.

usage: vcx_cli.py BUILD_DIR
"""
import json
import os
import pty
import select
import stat
import subprocess
import sys
import threading

import demo as e2e

sys.path.insert(0, os.path.join(e2e.SOURCE, "tests", "client"))
import patchbay_client as client

AGENT = "vcx_agent"
PNG = b"\x89PNG fake"
LINK = "https://agency.example/?c_i=e30"
check = e2e.check
YAML = """agent_name: %s
author: acme
version: 0.1.0
license: Apache-2.0
connections:
%s"""
PACKAGE = """name: %s
author: patchbay
version: 0.1.0
type: connection
class_name: %s
protocols: [patchbay/vcx_connection:1.0.0]
connections: []
config: {}
excluded_protocols: []
restricted_to_protocols: []
is_abstract: false
patchbay: {executable: run.sh}
"""
USAGE = (
    (),
    ("dance",),
    ("connect",),
    ("connect", "--type", "qr", "alice"),
    ("connect", "alice", "+15550100"),
    ("connect", "--type", "SMS", "alice"),
    ("connect", "--type", "AGENT", "alice"),
    ("connect", "a/b"),
    ("connect", ".alice"),
    ("connect", "x" * 201),
    ("connect", "--json", "alice"),
    ("connect", "--timeout", "0", "alice"),
    ("connect", "--timeout"),
    ("accept",),
    ("accept", "a", "b"),
    ("list", "alice"),
    ("list", "--out", "x"),
    ("show",),
    ("ping",),
    ("send",),
    ("send", "a", "b", "c"),
    ("revoke", "--name", "x", "alice"),
    ("delete",),
    ("serialize",),
    ("deserialize",),
)


class World(e2e.Demo):
    def __init__(self):
        super().__init__()
        self.got = []
        self.node, self.over = None, threading.Event()
        self.packages(("vcx", "VcxConnection"))

    def packages(self, *packages):
        for name, class_name in packages:
            folder = os.path.join(self.dir, "connections", name)
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "connection.yaml"), "w") as f:
                f.write(PACKAGE % (name, class_name))
            with open(os.path.join(folder, "run.sh"), "w") as f:
                f.write("#!/bin/sh\nVCX_FAKE_BUILD='%s' exec /usr/bin/python3 %s/tests/e2e/vcx_fake.py %s\n"
                        % (e2e.BUILD, e2e.SOURCE, name))
            os.chmod(os.path.join(folder, "run.sh"), 0o755)
        with open(self.yaml, "w") as f:
            f.write(YAML % (AGENT, "".join("- patchbay/%s:0.1.0\n" % name for name, _ in packages)))

    def vcx(self, *arguments, **options):
        return e2e.patchbay("vcx", *arguments, cwd=self.dir, **options)

    def good(self, *arguments, **options):
        done = self.vcx(*arguments, **options)
        check(done.returncode == 0, "%s: %s" % (arguments, done))
        return done.stdout

    def bad(self, words, *arguments, status=1):
        done = self.vcx(*arguments)
        check(done.returncode == status and words in done.stderr and "\npatchbay vcx" in "\n" + done.stderr,
              "%s: expected %s: %s" % (arguments, words, done))
        return done

    def asked(self, performative):
        """What the connection was asked last with this performative."""
        with open(os.path.join(self.dir, "asked.jsonl")) as f:
            return [m for m in map(json.loads, f) if m["performative"] == performative][-1]["content"]

    def path(self, name):
        return os.path.join(self.dir, name)

    def ids(self, name):
        return [row["connection_id"] for row in json.loads(self.good("list", "--json")) if row["source_id"] == name]

    # ---- the agent proper ----

    def attach(self):
        self.node = client.Node("ipc://%s/broker.ipc" % self.run, client.AGENT, AGENT, AGENT, on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.over.is_set():
            self.node.poll(20)

    def take(self, e):
        self.got.append(e)
        self.node.finish(e)

    def events(self, n):
        e2e.wait_for(lambda: len(self.got) >= n, e2e.ANSWER, "%d events for the agent" % n)
        return list(self.got)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def arguments(world):
    for words in USAGE:
        done = world.vcx(*words)
        check(done.returncode == 2 and "--help" in done.stderr and not done.stdout, "%s: %s" % (words, done))
    done = world.bad("no broker answers", "list", "--timeout", "200")
    check("does the agent %s run?" % AGENT in done.stderr, "no agent: %s" % done)
    done = world.vcx("list", "--config", "none.yaml")
    check(done.returncode == 2 and "none.yaml" in done.stderr, "no configuration: %s" % done)
    world.bad("no such connection", "list", "--connection", "acme/other:0.1.0", status=2)
    world.packages(("vcx", "Other"))
    world.bad("has no VCX connection", "list", status=2)
    world.packages(("vcx", "VcxConnection"), ("second", "VcxConnection"))
    world.bad("patchbay/vcx:0.1.0 and patchbay/second:0.1.0", "list", status=2)
    world.bad("no broker answers", "list", "--connection", "second", "--timeout", "200")
    world.packages(("vcx", "VcxConnection"))


def connect_qr(world):
    done = world.vcx("connect", "alice")
    check(done.returncode == 0, "connect: %s" % done)
    check(done.stdout.splitlines() == [LINK, "scan ./alice-connection-invite.png", "alice: accepted",
                                       "saved ./alice-connection.json"], "connect says %s" % done)
    check(done.stderr.splitlines() == ["alice: offer sent", "alice: accepted"], "progress: %s" % done)
    check(world.asked("create") == {"source_id": "alice"}, "create: %s" % world.asked("create"))
    options = json.loads(world.asked("connect")["options"])
    check(options == {"id": "alice", "connection_type": "QR", "use_public_did": False}, "options: %s" % options)
    check(read(world.path("alice-connection-invite.png")) == PNG, "the picture")
    saved = world.path("alice-connection.json")
    check(json.loads(read(saved))["data"]["source_id"] == "alice", "the serialized connection")
    check(stat.S_IMODE(os.stat(saved).st_mode) == 0o600, "its mode")
    check(set(os.listdir(world.dir)) & {n for n in os.listdir(world.dir) if n.startswith("alice")} ==
          {"alice-connection.json", "alice-connection-invite.png"}, "temporary files stay: %s" % os.listdir(world.dir))


def connect_terminal(world):
    """On a terminal the code is drawn, and one line says how long it takes."""
    master, slave = pty.openpty()
    process = subprocess.Popen([e2e.PATCHBAY, "vcx", "connect", "tina"], cwd=world.dir, stdin=subprocess.DEVNULL, stdout=slave,
                               stderr=slave, env=e2e.environment())
    os.close(slave)
    said = b""
    while True:
        check(select.select([master], [], [], e2e.ANSWER)[0], "nothing on the terminal after %s" % said)
        try:
            piece = os.read(master, 4096)
        except OSError:  # the last one has closed it
            piece = b""
        if not piece:
            break
        said += piece
    os.close(master)
    check(process.wait(e2e.ANSWER) == 0, "connect on a terminal: %s" % said)
    for words in ("\u2588\u2588", "\r\x1b[Ktina: offer sent, 0 s", "\r\x1b[Ktina: accepted\r\n"):
        check(words in said.decode(), "no %r on the terminal: %r" % (words, said.decode()))


def connect_others(world):
    os.mkdir(world.path("out"))
    out = world.good("connect", "--type", "SMS", "--out", "out", "bob", "+15550100")
    check("saved out/bob-connection.json" in out and "scan" not in out and "+1555" not in out, "by SMS: %s" % out)
    check(json.loads(world.asked("connect")["options"])["phone"] == "+15550100", "the number")
    check(os.listdir(world.path("out")) == ["bob-connection.json"], "by SMS: %s" % os.listdir(world.path("out")))
    out = world.good("connect", "--type", "LINK", "linus")
    check(out.startswith(LINK + "\nlinus: accepted\n"), "by link: %s" % out)
    world.good("connect", "--type", "AGENT", "agnes", "https://agent.example/")
    options = json.loads(world.asked("connect")["options"])
    check((options["connection_type"], options["agent"]) == ("AGENT", "https://agent.example/"), "to an agent: %s" % options)


def not_accepted(world):
    world.bad("never: not accepted within 4000 ms; its state is 2, offer sent", "connect", "--timeout", "4000", "never")
    check(os.path.exists(world.path("never-connection-invite.png")), "no picture of an invitation that waits")
    check(not os.path.exists(world.path("never-connection.json")), "a connection that is none was saved")
    world.bad("gone: it will not be accepted; its state is 0, none", "connect", "gone")
    world.bad("1010: Message failed in post: nobody is there", "connect", "broken")
    world.bad("No such file", "connect", "--out", "nowhere", "lost")
    world.bad("1016: Invalid JSON string", "accept", "rubbish")


def accept(world):
    check(world.good("accept", "--name", "carl", LINK) == "carl: accepted\n", "accept a URL")
    check(world.asked("create_with_invite") == {"source_id": "carl", "invite": LINK}, "accept a URL")
    with open(world.path("invitation"), "w") as f:
        f.write('{"@type": "x"}\n')
    check(world.good("accept", "invitation") == "invited: accepted\n", "accept a file")
    check(world.asked("create_with_invite") == {"source_id": "invited", "invite": '{"@type": "x"}'}, "accept a file")


def look(world):
    rows = json.loads(world.good("list", "--json"))
    row = [row for row in rows if row["source_id"] == "alice"][0]
    check(row["state"] == 4 and row["role"] == "inviter", "list --json: %s" % row)
    lines = world.good("list").splitlines()
    check(len(lines) == len(rows) + 1 and lines[0].split() == ["ID", "STATE", "ROLE", "NAME"], "list: %s" % lines)
    check("%s  %-16s  inviter  alice" % (row["connection_id"], "accepted") in lines, "list: %s" % lines)
    for name in ("alice", row["connection_id"]):
        shown = json.loads(world.good("show", "--json", name))
        check(shown == dict(row, info={"my": {"did": "my did"}, "their": {"did": "their did"}}), "show --json: %s" % shown)
    text = world.good("show", "alice")
    check("state: 4, accepted\nsource_id: alice\n" in text and "their_label: Eve\\x9b2J\\x1b[2J\n" in text, "show: %r" % text)
    check("\x1b" not in text.split("{")[0] and "\u009b" not in text.split("{")[0], "show: %r" % text)


def talk(world):
    check(world.good("ping", "alice", "there?") == "uid-of-it\n", "ping")
    check(world.asked("send_ping")["comment"] == "there?", "ping's comment")
    check(world.good("send", "alice", "hello") == "uid-of-it\n", "send")
    check(world.asked("send_message")["content"] == "hello", "what was sent")
    done = subprocess.run([e2e.PATCHBAY, "vcx", "send", "alice"], input=b"from a pipe", cwd=world.dir, stdout=subprocess.PIPE,
                          env=e2e.environment(), timeout=e2e.ANSWER)
    check(done.returncode == 0 and world.asked("send_message")["content"] == "from a pipe", "send from a pipe: %s" % done)
    check(world.good("send", "alice", "--", "--json") == "uid-of-it\n", "send what looks like an option")
    check(world.asked("send_message")["content"] == "--json", "what looks like an option")
    world.bad("1005: Object not ready", "send", "never", "hello")


def several(world):
    world.good("connect", "--type", "LINK", "twin")
    world.good("connect", "--type", "LINK", "twin")
    ids = world.ids("twin")
    done = world.bad("several connections", "delete", "twin")
    check(len(ids) == 2 and all("  %s  accepted" % i in done.stderr for i in ids), "ids of several: %s" % done)
    world.bad("nobody: there is no connection", "show", "nobody")
    check(world.good("delete", ids[0]) == "%s: deleted\n" % ids[0] and world.ids("twin") == ids[1:], "delete by id")


def store(world):
    text = world.good("serialize", "twin")
    check(json.loads(text)["data"]["source_id"] == "twin", "serialize: %s" % text)
    check(world.good("serialize", "--out", "twin.json", "twin") == "", "serialize --out")
    check(read(world.path("twin.json")).decode() == text, "the two forms differ")
    check(stat.S_IMODE(os.stat(world.path("twin.json")).st_mode) == 0o600, "mode of a serialized connection")
    old = world.ids("twin")
    world.good("delete", "twin")
    check(world.ids("twin") == [], "delete")
    check(world.good("deserialize", "twin.json") == "%s: accepted\n" % old[0] and world.ids("twin") == old, "deserialize")
    check(world.good("revoke", "twin") == "twin: revoked\n", "revoke")
    world.bad("1016: Invalid JSON string", "deserialize", "invitation")
    world.bad("No such file", "deserialize", "none.json")


def other_processes(world):
    """Replies come to the command that asked, events to the agent; and the command leaves nothing behind."""
    events = world.events(8)
    kinds = {json.loads(subprocess.run([e2e.PATCHBAY, "decode", e.protocol], input=e.message, stdout=subprocess.PIPE,
                                       check=True).stdout)["performative"] for e in events}
    check(kinds == {"state_changed"}, "the agent has got %s" % kinds)
    e2e.wait_for(lambda: len(world.ps()) == 3, e2e.ANSWER, "the commands are gone: %s" % world.ps())


def main():
    world = World()
    arguments(world)
    world.start(wait=False)
    world.wait_connected((("connection", "vcx", "0"),))
    world.attach()
    for step in (connect_qr, connect_terminal, connect_others, not_accepted, accept, look, talk, several, store, other_processes):
        step(world)
        print("ok", step.__name__, flush=True)
    world.over.set()


if __name__ == "__main__":
    main()
