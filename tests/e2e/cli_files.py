#!/usr/bin/python3
"""The commands that read and change agent.yaml: list, add, remove, config; interact; completion; the manual pages.

usage: cli_files.py BUILD_DIR
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys

import demo as e2e

HTTP = "valory/http_server:0.22.0"
STUB = "fetchai/stub:0.21.3"
CLIENT = "valory/http_client:0.23.0"
SHARE = os.path.join(e2e.BUILD, "share")
MAN = os.path.join(e2e.SOURCE, "node", "man")
PACKAGE = ("name: %s\nauthor: %s\nversion: 0.1.0\ntype: connection\nclass_name: T\nprotocols: []\nconnections: []\n"
           "config:\n  port: 80\n  rate: 0.5\n  quiet: false\n  text: here\n  code: '80'\n  nothing:\n  hosts: [a, b]\n  tls: {cert: c.pem, depth: 2}\n"
           "  '5': x\nexcluded_protocols: []\nrestricted_to_protocols: []\nis_abstract: %s\npatchbay: {executable: run}\n")

# what `add` makes of it
ADDED = (
    ("agent_name: a # é\n# first\nconnections:\n- fetchai/stub:0.21.3   # files\n# last\nversion: 0.1.0\n",
     "agent_name: a # é\n# first\nconnections:\n- fetchai/stub:0.21.3   # files\n- valory/http_client:0.23.0\n# last\nversion: 0.1.0\n"),
    ("connections:\r\n    - fetchai/stub:0.21.3\r\nagent_name: a\r\n",
     "connections:\r\n    - fetchai/stub:0.21.3\r\n    - valory/http_client:0.23.0\r\nagent_name: a\r\n"),
    ("agent_name: a\nconnections: [fetchai/stub:0.21.3] # one\n",
     "agent_name: a\nconnections: [fetchai/stub:0.21.3, valory/http_client:0.23.0] # one\n"),
    ("agent_name: a\nconnections: [\n  fetchai/stub:0.21.3, # one\n]\n",
     "agent_name: a\nconnections: [\n  fetchai/stub:0.21.3, valory/http_client:0.23.0, # one\n]\n"),
    ("agent_name: a\nconnections: []\n", "agent_name: a\nconnections: [valory/http_client:0.23.0]\n"),
    ("agent_name: a\n# end", "agent_name: a\nconnections: [valory/http_client:0.23.0]\n# end"),
    ("{agent_name: a}", "{agent_name: a, connections: [valory/http_client:0.23.0]}"),
    ("agent_name: a\nconnections:\n- fetchai/stub:0.21.3\n---\n# over\npublic_id: fetchai/stub:0.21.3\ntype: connection\n",
     "agent_name: a\nconnections:\n- fetchai/stub:0.21.3\n- valory/http_client:0.23.0\n---\n# over\n"
     "public_id: fetchai/stub:0.21.3\ntype: connection\n"),
)

# `remove` of what, and what is left
REMOVED = (
    ("stub", "# 1\nagent_name: a\nconnections: # 2\n# 3\n- fetchai/stub:0.21.3   # files\n# 4\n- valory/http_client:0.23.0 # 5\n",
     "# 1\nagent_name: a\nconnections: # 2\n# 3\n# 4\n- valory/http_client:0.23.0 # 5\n"),
    (CLIENT, "agent_name: a\nconnections: ['fetchai/stub:0.21.3', \"valory/http_client:0.23.0\"] # k\n",
     "agent_name: a\nconnections: ['fetchai/stub:0.21.3'] # k\n"),
    ("fetchai/stub", "agent_name: a\nconnections:\n  - fetchai/stub:0.21.3\n# end\n", "agent_name: a\nconnections: []\n# end\n"),
    ("nowhere", "agent_name: a\nconnections: [x/nowhere:1.0.0, y/absent:1.0.0]\n", "agent_name: a\nconnections: [y/absent:1.0.0]\n"),
)

OVER = "agent_name: a # é\nconnections: [acme/many:0.1.0]\npatchbay: {hold: 5s} # short\n# end\n"
DOCUMENT = "---\n# of many\npublic_id: acme/many:0.1.0\ntype: connection\nconfig: # its own\n  port: 81 # ours\n"

# path, --type or None, value; the file before and after
SET = (
    ("connections.many.config.port", None, "8080", OVER, OVER + "---\npublic_id: acme/many:0.1.0\ntype: connection\nconfig:\n  port: 8080\n"),
    ("connections.many.config.port", None, "8080", OVER + DOCUMENT, OVER + DOCUMENT.replace("81", "8080")),
    ("vendor.acme.connections.many.config.tls.depth", None, "3", OVER + DOCUMENT, OVER + DOCUMENT + "  tls:\n    depth: 3\n"),
    ("connections.many.config.quiet", None, "True", OVER + DOCUMENT, OVER + DOCUMENT + "  quiet: true\n"),
    ("connections.many.config.rate", None, "2", OVER + DOCUMENT, OVER + DOCUMENT + "  rate: 2\n"),
    ("connections.many.config.text", None, "5", OVER + DOCUMENT, OVER + DOCUMENT + "  text: '5'\n"),
    ("connections.many.config.text", None, "it's: #1", OVER + DOCUMENT, OVER + DOCUMENT + "  text: 'it''s: #1'\n"),
    ("connections.many.config.code", None, "90", OVER + DOCUMENT, OVER + DOCUMENT + "  code: '90'\n"),
    ("connections.many.config.5", None, "y", OVER + DOCUMENT, OVER + DOCUMENT + "  '5': 'y'\n"),
    ("connections.many.config.nothing", None, "7", OVER + DOCUMENT, OVER + DOCUMENT + "  nothing: 7\n"),
    ("connections.many.config.nothing", "str", "7", OVER + DOCUMENT, OVER + DOCUMENT + "  nothing: '7'\n"),
    ("connections.many.config.text", "none", "-", OVER + DOCUMENT, OVER + DOCUMENT + "  text: null\n"),
    ("connections.many.config.hosts", None, '["x", 1]', OVER + DOCUMENT, OVER + DOCUMENT + '  hosts: ["x", 1]\n'),
    ("connections.many.config.tls", "dict", '{"depth": 4}', OVER + DOCUMENT, OVER + DOCUMENT + '  tls: {"depth": 4}\n'),
    ("agent.patchbay.hold", None, "6s", OVER, OVER.replace("5s", "6s")),
    ("agent.patchbay.max_attempts", None, "9", OVER, OVER.replace("5s}", "5s, max_attempts: 9}")),
    ("agent.default_connection", None, "acme/many:0.1.0", OVER,
     OVER.replace("short\n", "short\ndefault_connection: acme/many:0.1.0\n")),
    ("agent.description", "str", "true", OVER, OVER.replace("short\n", "short\ndescription: 'true'\n")),
)

# arguments of `config set`, and a part of what is said; nothing changes
NOT_SET = (
    (("connections.many.config.port", "high"), "expected a value of type int, found 'high'"),
    (("connections.many.config.rate", "nan"), "expected a value of type float"),
    (("connections.many.config.rate", "1e999"), "expected a value of type float"),
    (("connections.many.config.quiet", "maybe"), "expected a value of type bool"),
    (("connections.many.config.hosts", "a, b"), "expected a value of type list"),
    (("connections.many.config.hosts", "[a] # b"), "expected a value of type list"),
    (("connections.many.config.tls", "[a]"), "expected a value of type dict"),
    (("connections.many.config.absent", "1"), "a.yaml:9: config.absent: there is no such key in the config at "),
    (("--type", "str", "connections.many.config.port", "high"), "a.yaml:9: config.port: expected an integer, found 'high'"),
    (("connections.none.config.port", "1"), "a.yaml: there is no connection none"),
    (("vendor.other.connections.many.config.port", "1"), "a.yaml: there is no connection other/many"),
    (("agent.patchbay.hold", "soon"), "a.yaml:3: patchbay.hold: expected a duration"),
    (("agent.agent_name.first", "x"), "agent_name: expected a mapping"),
    (("agent.nothing", "x"), "unknown key"),
    (("many.port", "1"), "expected agent.KEY, connections.NAME.config.KEY"),
    (("connections.many.is_abstract", "true"), "expected agent.KEY, connections.NAME.config.KEY"),
    (("agent.", "1"), "expected agent.KEY"),
    (("--type", "long", "agent.version", "1"), "--type: not understood"),
    (("agent.version",), "which VALUE?"),
    ((), "which PATH?"),
)

GET = (
    ("connections.many.config.port", "81"), ("connections.many.config.text", "here"), ("connections.many.config.nothing", "null"),
    ("connections.many.config.hosts", '["a","b"]'), ("connections.many.config.tls", '{"cert":"c.pem","depth":2}'),
    ("connections.many.config.tls.depth", "2"), ("vendor.acme.connections.many.config.quiet", "false"),
    ("agent.agent_name", "a"), ("agent.patchbay", '{"hold":"5s"}'), ("agent.connections", '["acme/many:0.1.0"]'),
)


def read(path):
    with open(path, "rb") as f:
        return f.read().decode()


def write(path, text):
    with open(path, "wb") as f:
        f.write(text.encode())


class Folder:
    """Where a command runs: a.yaml, and what is around it."""
    def __init__(self, demo, name):
        self.dir = os.path.join(demo.dir, name)
        os.mkdir(self.dir)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def package(self, where, name, author="acme", abstract="false"):
        os.makedirs(self.path(where, name))
        write(self.path(where, name, "connection.yaml"), PACKAGE % (name, author, abstract))

    def run(self, status, *arguments):
        done = e2e.patchbay(*arguments, cwd=self.dir)
        e2e.check(done.returncode == status, "%s: status %d: %s%s" % (arguments, done.returncode, done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def refused(self, text, part, *arguments):
        """Said why, and nothing has changed."""
        write(self.path("a.yaml"), text)
        said = self.run(2, *arguments)
        e2e.check(part in said and said.count("\n") == 1, "%s: %r" % (arguments, said))
        e2e.check(read(self.path("a.yaml")) == text, "%s: the file has changed" % (arguments,))
        self.no_rest()

    def no_rest(self):
        e2e.check(not [name for name in os.listdir(self.dir) if name.startswith(".")], "a file was left: %s" % os.listdir(self.dir))


def add_and_remove(demo):
    f = Folder(demo, "add")
    for before, after in ADDED:
        write(f.path("a.yaml"), before)
        said = f.run(0, "add", "connection", "--config", "a.yaml", "valory/http_client")
        e2e.check(said == "added %s to a.yaml\n" % CLIENT, said)
        e2e.check(read(f.path("a.yaml")) == after, "%r became %r" % (before, read(f.path("a.yaml"))))
        f.run(0, "check", "a.yaml")
        f.run(0, "remove", "connection", "--config", "a.yaml", "http_client")
        e2e.check(CLIENT not in read(f.path("a.yaml")), "it is out again")
    for what, before, after in REMOVED:
        write(f.path("a.yaml"), before)
        f.run(0, "remove", "connection", "--config", "a.yaml", what)
        e2e.check(read(f.path("a.yaml")) == after, "%r became %r" % (before, read(f.path("a.yaml"))))
    f.no_rest()


def not_added(demo):
    f = Folder(demo, "refused")
    f.package("connections", "other")
    f.package("packages", "shape", abstract="true")
    f.package("packages", "broken")
    write(f.path("packages", "broken", "connection.yaml"), "name: [\n")
    text = "# 1\nagent_name: a\nconnections:\n- fetchai/stub:0.21.3\n- acme/other:0.1.0\n"
    more = ("--config", "a.yaml", "--package-path", "packages")
    for id_, part in (("fetchai/stub", "a.yaml:4: this connection is there already: " + STUB),
                      (STUB, "a.yaml:4: this connection is there already"),
                      ("me/other:0.1.0", "a.yaml:5: a connection of this name is there already: acme/other:0.1.0"),
                      ("valory/http_client:9.9.9", "found valory/http_client:0.23.0 in "),
                      ("acme/http_client", "found valory/http_client:0.23.0 in "),
                      ("acme/nowhere", "there is no package nowhere beside a.yaml"),
                      ("acme/broken", "packages/broken/connection.yaml:2: expected YAML"),
                      ("acme/shape", "a.yaml:6: connections.2: acme/shape:0.1.0 is abstract"),
                      ("http_client", "http_client: expected a public id"),
                      ("--fast", "--fast: not understood")):
        f.refused(text, part, "add", "connection", *more, id_)
    f.refused("agent_name: a\nconnections: x\n", "a.yaml:2: connections: expected a list", "add", "connection", *more, CLIENT)
    f.refused("agent_name: a\nlogging: x\n", "a.yaml:2: ", "add", "connection", *more, CLIENT)  # it does not load, before or after
    f.refused("agent_name: [\n", "a.yaml:2: expected YAML", "add", "connection", *more, CLIENT)
    f.refused(text, "expected the word connection", "add", "skill", CLIENT)
    e2e.check("none.yaml: No such file" in f.run(2, "add", "connection", "--config", "none.yaml", CLIENT), "no file")


def not_removed(demo):
    f = Folder(demo, "named")
    text = "agent_name: a\nconnections: [%s]\n%s"
    for rest, part in (("default_connection: fetchai/stub\n", "a.yaml:3: default_connection still names it"),
                       ("default_routing:\n  x/y:1.0.0: %s\n" % STUB, "a.yaml:4: default_routing still names it for x/y:1.0.0"),
                       ("---\npublic_id: %s\ntype: connection\n" % STUB, "a.yaml:4: this document still overrides it")):
        f.refused(text % (STUB, rest), part, "remove", "connection", "--config", "a.yaml", "stub")
    for what in ("http_server", "valory/stub", "fetchai/stub:9.9.9"):
        f.refused(text % (STUB, ""), "a.yaml: there is no connection " + what, "remove", "connection", "--config", "a.yaml", what)
    f.refused(text % (STUB, ""), "which NAME", "remove", "connection", "--config", "a.yaml")
    f.refused(text % (STUB, ""), "--package-path: not understood", "remove", "connection", "--package-path", "x", "stub")


def links_and_modes(demo):
    """The target of a link is replaced, with its mode; packages are looked for beside the link."""
    f = Folder(demo, "links")
    os.mkdir(f.path("elsewhere"))
    f.package("connections", "own")
    write(f.path("elsewhere", "real.yaml"), "agent_name: a # x\n")
    os.chmod(f.path("elsewhere", "real.yaml"), 0o640)
    os.symlink("elsewhere/real.yaml", f.path("agent.yaml"))
    f.run(0, "add", "connection", "acme/own")
    e2e.check(os.readlink(f.path("agent.yaml")) == "elsewhere/real.yaml", "the link is still one")
    e2e.check(read(f.path("elsewhere", "real.yaml")) == "agent_name: a # x\nconnections: [acme/own:0.1.0]\n", "its target has changed")
    e2e.check(os.stat(f.path("elsewhere", "real.yaml")).st_mode & 0o7777 == 0o640, "the mode is the same")
    e2e.check(os.listdir(f.path("elsewhere")) == ["real.yaml"], "nothing is left over")
    f.no_rest()
    held = open(f.path("agent.yaml"))  # so that its number is not given again
    before = os.fstat(held.fileno()).st_ino
    many = [subprocess.Popen([e2e.PATCHBAY, "config", "set", "connections.own.config.%s" % key, value], cwd=f.dir, env=e2e.environment())
            for key, value in (("port", "1"), ("rate", "2"), ("quiet", "true"), ("text", "t"), ("nothing", "n"))]
    e2e.check([p.wait() for p in many] == [0] * 5, "five at a time")
    e2e.check(all(key in read(f.path("agent.yaml")) for key in ("port: 1", "rate: 2", "quiet: true", "text: t", "nothing: 'n'")),
              "none has undone another's: %s" % read(f.path("agent.yaml")))
    e2e.check(os.stat(f.path("agent.yaml")).st_ino != before, "replaced, not written over")
    held.close()


def config(demo):
    f = Folder(demo, "config")
    f.package("connections", "many")
    for path, type_, value, before, after in SET:
        write(f.path("a.yaml"), before)
        f.run(0, "config", "set", "--config", "a.yaml", *(("--type", type_) if type_ else ()), path, value)
        e2e.check(read(f.path("a.yaml")) == after, "%s: %r became %r" % (path, before, read(f.path("a.yaml"))))
        said = f.run(0, "config", "get", "--config", "a.yaml", path).rstrip("\n")
        said = json.loads(said) if value[0] in "[{" else said
        want = dict({"cert": "c.pem"}, depth=4) if path.endswith("tls") else json.loads(value) if value[0] in "[{" else value
        e2e.check(said == {"none": "null"}.get(type_, "true" if value == "True" else want), "%s: get says %r" % (path, said))
    for arguments, part in NOT_SET:
        f.refused(OVER, part, "config", "set", "--config", "a.yaml", *arguments)
    write(f.path("a.yaml"), OVER + DOCUMENT)
    for path, want in GET:
        said = f.run(0, "config", "get", "--config", "a.yaml", path)
        e2e.check(said == want + "\n", "%s: %r" % (path, said))
    said = f.run(1, "config", "get", "--config", "a.yaml", "agent.data_dir")
    e2e.check(said == "a.yaml: agent.data_dir is not set\n", said)
    f.run(0, "config", "set", "--config", "a.yaml", "connections.many.config.port", "--", "-5")
    e2e.check(f.run(0, "config", "get", "--config", "a.yaml", "connections.many.config.port") == "-5\n", "a value behind --")
    e2e.check("expected the word get or set" in f.run(2, "config", "put", "agent.version", "1"), "put")


def lists(demo):
    f = Folder(demo, "list")
    f.run(0, "scaffold", "connection", "weather")
    f.package("packages", "spare")
    f.package("packages", "shape", abstract="true")
    f.package("packages", "weather", author="you")  # ours comes first: this one cannot be had
    f.package("vendor/them/connections", "sold", author="them")
    os.mkdir(f.path("protocols"))
    shutil.copy(os.path.join(e2e.SOURCE, "tests", "protocols", "everything.yaml"), f.path("protocols"))
    write(f.path("agent.yaml"), "agent_name: a\nconnections: [fetchai/stub:0.21.3, me/weather:0.1.0]\n---\npublic_id: fetchai/stub:0.21.3\n"
          "type: connection\npatchbay: {instances: 3}\n")
    root = json.loads(f.run(0, "list", "--json"))
    stub, weather = root["connections"]
    e2e.check((root["agent"], stub["public_id"], stub["instances"], stub["there"], stub["can_build"]) == ("a", STUB, 3, True, False), stub)
    e2e.check(os.access(stub["executable"], os.X_OK) and stub["dir"] == os.path.join(SHARE, "patchbay", "connections", "stub"), stub)
    e2e.check((weather["there"], weather["can_build"], weather["dir"]) == (False, True, f.path("connections", "weather")), weather)
    from_ = {row["id"]: row["from"] for row in root["protocols"]}
    e2e.check(from_["fetchai/default:1.0.0"] == "shipped" and "protocols" in from_.values() and len(from_) == 8, from_)
    said = f.run(0, "list")
    e2e.check("missing; `patchbay build %s` makes it" % weather["dir"] in said, said)
    e2e.check(re.search(r"^fetchai/stub:0.21.3 .* 3  /.*/libexec/patchbay/stub$", said, re.M), said)
    os.unlink(f.path("connections", "weather", "CMakeLists.txt"))
    e2e.check("missing: %s" % weather["executable"] in f.run(0, "list", "agent.yaml"), "no source")

    more = ("--available", "--package-path", "packages")
    rows = {row["public_id"]: row["dir"] for row in json.loads(f.run(0, "list", "--json", *more))["available"]}
    e2e.check(rows["acme/spare:0.1.0"] == "packages/spare" and rows["them/sold:0.1.0"] == "vendor/them/connections/sold", rows)
    e2e.check(CLIENT in rows and HTTP in rows and not {STUB, "me/weather:0.1.0", "you/weather:0.1.0", "acme/shape:0.1.0"} & set(rows), rows)
    for id_ in rows:  # what is available can be had
        f.run(0, "add", "connection", "--package-path", "packages", id_)
    e2e.check(f.run(0, "list", *more).splitlines()[1:] == [], "nothing is left")
    write(f.path("packages", "spare", "connection.yaml"), "name: [\n")
    done = e2e.patchbay("list", *more, cwd=f.dir)
    e2e.check(done.returncode == 2 and "packages/spare/connection.yaml" in done.stderr, "a package that is broken: %s" % done)
    e2e.check("--fast: not understood" in f.run(2, "list", "--fast"), "--fast")


# ---- interact ----

def interact(demo, text, *more, status=0):
    done = subprocess.run([e2e.PATCHBAY, "interact", "--config", demo.yaml, *more], input=text.encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=e2e.ANSWER, env=e2e.environment())
    e2e.check(done.returncode == status, "interact: status %d: %s" % (done.returncode, done.stderr))
    return (done.stdout if status == 0 else done.stderr).decode()


def append(demo, data):
    with open(os.path.join(demo.dir, "output_file"), "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write(data)


def answers(demo):
    """The agent answers each envelope with the same message."""
    wait = ("--timeout", str(e2e.ANSWER * 1000))
    said = interact(demo, "hello\nwith, commas, and ünicode\nno newline", *wait)
    e2e.check(said == "echo_agent: hello\necho_agent: with, commas, and ünicode\necho_agent: no newline\n", "said %r" % said)
    line = demo.answers()
    e2e.check(line.startswith("echo_agent_interact,echo_agent,fetchai/default:1.0.0,"), "it is from AGENT_interact: %r" % line)
    e2e.check(interact(demo, "\n") == "nothing new\n", "an empty line, and what was before is not new")
    e2e.check(interact(demo, "") == "", "nothing at all")


class Talk:
    """`patchbay interact` while it runs."""
    def __init__(self, demo, given=subprocess.PIPE):
        self.p = subprocess.Popen([e2e.PATCHBAY, "interact", "--config", demo.yaml], stdin=given, stdout=subprocess.PIPE, bufsize=0,
                                  env=e2e.environment())
        self.said = b""

    def type(self, text):
        self.p.stdin.write(text)

    def expect(self, want):
        """The next that it says."""
        while len(self.said) < len(want):
            ready = select.select([self.p.stdout], [], [], e2e.ANSWER)[0]
            more = os.read(self.p.stdout.fileno(), 4096) if ready else b""
            if not more:
                break
            self.said += more
        good, left = self.said.startswith(want), self.said
        self.said = self.said[len(want):]
        if not good:
            self.p.kill()
        e2e.check(good, "interact says %r, not %r" % (left, want))

    def end(self, number=None):
        if number:
            self.p.send_signal(number)
        try:
            status = self.p.wait(e2e.ANSWER)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise e2e.Failed("interact does not end")
        e2e.check(status == 0, "interact: status %s" % status)
        for stream in (self.p.stdin, self.p.stdout):
            if stream:
                stream.close()


def as_it_comes(demo):
    """Shown as it comes, whoever wrote it and however; Ctrl-C ends it."""
    talk = Talk(demo)
    talk.type(b"\n")
    talk.expect(b"nothing new\n")
    append(demo, b"x,echo_agent,valory/http:1.0.0,\x12\x02,\n,echo_agent_interact,other,fetchai/default:1.0.0,no message,")
    talk.expect(b"echo_agent to x: valory/http:1.0.0, 4 bytes\nother: fetchai/default:1.0.0, 10 bytes\n")
    long = "x" * os.path.getsize(os.path.join(demo.dir, "output_file"))  # the new file is not the old one cut off
    os.rename(os.path.join(demo.dir, "output_file"), os.path.join(demo.dir, "output_file.old"))
    given = json.dumps({"performative": "error", "content": {"error_code": 2, "error_msg": "\x1b[2J" + long, "error_data": {}}})
    for text, want in ((given, b"evil: error 2: \\x1b[2J" + long.encode() + b"\n"), ('{"performative": "end"}', b"evil: end\n")):
        made = subprocess.run([e2e.PATCHBAY, "encode", "fetchai/default:1.0.0"], input=text.encode(), stdout=subprocess.PIPE, check=True)
        append(demo, b"echo_agent_interact,evil,fetchai/default:1.0.0," + made.stdout + b",")
        talk.expect(want)  # in a file that is new
    talk.end(signal.SIGINT)


def on_a_terminal(demo):
    if not os.path.exists("/dev/pts/ptmx"):
        print("there are no terminals here: the prompt of interact was not looked at")
        return
    main, side = pty.openpty()
    talk = Talk(demo, side)
    os.close(side)
    talk.expect(b"> ")
    os.write(main, b"\n")
    talk.expect(b"nothing new\n> ")
    append(demo, b"echo_agent_interact,other,x/y:1.0.0,z,")
    talk.expect(b"\rother: x/y:1.0.0, 1 bytes\n> ")
    os.write(main, b"\x04")
    talk.end()
    os.close(main)


def locked(demo):
    """While somebody else has the input file, nothing is written; and Ctrl-C still ends it."""
    path = os.path.join(demo.dir, "input_file")
    e2e.wait_for(lambda: os.path.getsize(path) == 0, e2e.ANSWER, "the stub has read everything")
    with open(path, "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        talk = Talk(demo)
        talk.type(b"\nwaiting\n")
        talk.expect(b"nothing new\n")
        talk.end(signal.SIGINT)
        e2e.check(os.path.getsize(path) == 0, "nothing was written")


def no_stub(demo):
    f = Folder(demo, "no_stub")
    write(f.path("agent.yaml"), "agent_name: a\nconnections: [%s]\n" % CLIENT)
    said = f.run(2, "interact")
    e2e.check(said == "patchbay interact: a has no stub connection, which this command speaks through; `patchbay send` works without\n", said)
    for arguments in (("--timeout", "-1"), ("--timeout",), ("word",)):
        e2e.check("not understood" in f.run(2, "interact", *arguments), "%s" % (arguments,))


# ---- completion, help, manual pages ----

COMPLETE = """
source %s
COMP_WORDS=(%s)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_patchbay
printf '%%s\\n' "${COMPREPLY[@]}"
complete -p patchbay >/dev/null
"""


def commands():
    return re.findall(r"^  ([a-z-]+)  ", e2e.patchbay("--help").stdout, re.M)


def completion(demo):
    f = Folder(demo, "completion")
    write(f.path("a.yaml"), "")
    script = os.path.join(SHARE, "bash-completion", "completions", "patchbay")

    def complete(*words):
        done = subprocess.run(["bash", "--norc", "-c", COMPLETE % (script, " ".join("'%s'" % word for word in ("patchbay",) + words))],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=f.dir, universal_newlines=True)
        e2e.check(done.returncode == 0 and not done.stderr, "bash: %s" % done)
        return done.stdout.split()

    e2e.check(complete("") == ["--help"] + commands(), "commands: %s" % complete(""))
    for words, want in ((("sc",), ["scaffold"]), (("add", ""), ["connection", "--help"]), (("add", "connection", "--c"), ["--config"]),
                        (("config", ""), ["get", "set", "--help"]), (("completion", "z"), ["zsh"]), (("ps", "--"), ["--json", "--run", "--help"]),
                        (("check", ""), ["a.yaml"]), (("interact", "--config", ""), ["a.yaml"]), (("interact", "--timeout", ""), []),
                        (("send", "--to", "a"), []), (("up", "--package-path", "a"), ["a.yaml"]), (("decode", "--proto"), ["--protobuf", "--protocol-file"])):
        e2e.check(complete(*words) == want, "%s: %s" % (words, complete(*words)))
    for shell, path in (("bash", script), ("zsh", os.path.join(SHARE, "zsh", "site-functions", "_patchbay")),
                        ("fish", os.path.join(SHARE, "fish", "vendor_completions.d", "patchbay.fish"))):
        text = f.run(0, "completion", shell)
        e2e.check(text == read(path) and all(name in text for name in commands()), "completion %s" % shell)
        if shutil.which(shell):
            e2e.check(subprocess.run([shell, "-n", path]).returncode == 0, "%s cannot read it" % shell)
    e2e.check("expected bash, zsh or fish" in f.run(2, "completion", "ksh"), "ksh")


def help_texts():
    e2e.check(len(commands()) >= 16, "commands: %s" % commands())
    for name in commands():
        done = e2e.patchbay(name, "--help")
        e2e.check(done.returncode == 0 and re.search(r"^Example:\n  .*patchbay %s" % name, done.stdout, re.M), "%s --help: %s" % (name, done.stdout))
        options = set(re.findall(r"--[a-z-]+", done.stdout.split("\n\n")[0]))
        e2e.check(all(option in done.stdout.split("\n\n", 2)[2] for option in options), "%s --help lacks an option" % name)


def keys_of(*files):
    found = set()
    for name in files:
        text = read(os.path.join(e2e.SOURCE, "schema", name))
        found |= set(re.findall(r'\.key = "(\w+)"', text)) | set(re.findall(r"\{(?:LIST|TIME)\((\w+)", text))
    return found


def manual():
    one = os.path.join(SHARE, "man", "man1", "patchbay.1")
    pages = [one] + [os.path.join(MAN, name) for name in ("patchbay-broker.1", "agent.yaml.5", "connection.yaml.5")]
    for page in pages:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        e2e.check(done.returncode == 0 and not done.stdout, "%s" % done.stdout)
        done = subprocess.run(["mandoc", "-T", "utf8", page], stdout=subprocess.PIPE)
        e2e.check(len(done.stdout.split()) > 100, "%s shows something" % page)
    shown = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=200", one], stdout=subprocess.PIPE).stdout.decode()
    shown = re.sub(".\b", "", shown)
    for name in commands():
        for line in e2e.patchbay(name, "--help").stdout.splitlines():
            part = re.sub(r"^Usage: ", "", line).strip()
            e2e.check(part in shown or " ".join(part.split()) in " ".join(shown.split()), "patchbay(1) lacks %r" % part)
    documented = {page: set(re.findall(r"[\w-]+", " ".join(re.findall(r"^\.(?:It )?Cm (.*)", read(page), re.M)))) for page in pages[2:]}
    for page, files in zip(pages[2:], (("conf_agent.c", "conf_conn.c"), ("conf_conn.c", "conf_cert.c"))):
        keys = keys_of(*files)
        if page.endswith("agent.yaml.5"):  # of a package only what a document may override
            text = read(os.path.join(e2e.SOURCE, "schema", "conf_conn.c"))
            keys = keys_of("conf_agent.c") | set(re.findall(r'\.key = "(\w+)"', re.search(r"override_fields\[\] = \{(.*?)\n\};", text, re.S)[1]))
        else:
            keys -= {"public_id"}
        e2e.check(len(keys) > 20 and keys <= documented[page], "%s lacks %s" % (page, sorted(keys - documented[page])))
    broker = subprocess.run([os.path.join(e2e.BUILD, "bin", "patchbay-broker"), "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    page = read(pages[1])
    e2e.check(all(word in page for word in re.findall(r"\b(?:SIG[A-Z]+|PATCHBAY_[A-Z_]+|\w+\.(?:lock|sock|ipc))\b", broker)), "patchbay-broker(1)")


def test(demo):
    for part in (add_and_remove, not_added, not_removed, links_and_modes, config, lists, no_stub, completion):
        part(demo)
    help_texts()
    manual()
    demo.start()
    for part in (answers, as_it_comes, on_a_terminal, locked):
        part(demo)


sys.exit(e2e.main(test))
