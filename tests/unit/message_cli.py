#!/usr/bin/python3
"""patchbay decode and encode: every message vector through the commands, their exit statuses and what they say.

    message_cli.py PATCHBAY MESSAGES_JSON
"""
import json
import subprocess
import sys

MEMBERS = ("protocol", "performative", "dialogue_reference", "message_id", "target", "content")
DEFAULT = "fetchai/default:1.0.0"
END = b'{"protocol": "fetchai/default:1.0.0", "performative": "end"}'
KNOWN = (DEFAULT, "valory/http:1.0.0", "fetchai/state_update:1.0.0", "envelope")

# arguments, standard input, status, what standard error holds
WRONG = (
    (("decode",), b"", 2, "expected a protocol"),
    (("decode", "--json", DEFAULT), b"", 2, "--json: not understood"),
    (("decode", DEFAULT, "more"), b"", 2, "more: expected one protocol only"),
    (("decode", "a/b:1.0.0"), b"", 2, "a/b:1.0.0: no such protocol"),
    (("decode", "--msgpack", "envelope"), b"", 2, "an envelope is always protobuf"),
    (("decode", "--msgpack", DEFAULT), b"\x12\x00", 1, "not msgpack"),
    (("decode", "--protobuf", DEFAULT), b"\x96", 1, "not protobuf"),
    (("encode",), b"", 1, "line 1: "),
    (("encode",), b"{}{}", 1, "line 1: "),
    (("encode",), b'{"a": 1, "a": 1}', 1, "duplicate object key"),
    (("encode",), b"[]", 1, "expected a JSON object"),
    (("encode",), b"{}", 1, "protocol: expected a string"),
    (("encode", DEFAULT), b'{"protocol": 1}', 1, "protocol: expected a string"),
    (("encode", DEFAULT), b"{}", 1, "performative: expected a string"),
    (("encode", "valory/http:1.0.0"), END, 1, "protocol: not the one"),
    (("encode", "a/b:1.0.0"), END.replace(b"fetchai/default", b"a/b"), 2, "a/b:1.0.0: no such protocol"),
    (("encode",), END.replace(b"default", b"other"), 2, "fetchai/other:1.0.0: no such protocol"),
    (("encode",), END.replace(b"end", b"start"), 1, "default: no such performative"),
    (("encode", DEFAULT), b'{"performative": "error", "content": {"error_data": 3}}', 1,
     "default/error: error_data: expected a map of str to bytes"),
    (("encode", DEFAULT), b'{"performative": "bytes"}', 1, "default/bytes: content: not set"),
    (("encode", "--msgpack", "envelope"), b"", 2, "an envelope is always protobuf"),
    (("encode", "envelope"), b'{"to": 1}', 1, "envelope: expected strings"),
    (("encode", "envelope"), b'{"protocol_id": "a/b:1.0.0", "message": {"hex": "0"}}', 1, "message: expected"),
    (("encode", "envelope"), b'{"protocol_id": "a", "message": {"hex": ""}}', 1, "protocol_id: expected a public id"),
)


class Commands:
    def __init__(self, program):
        self.program, self.bad = program, []

    def run(self, *arguments, given=b"", status=0):
        done = subprocess.run([self.program, *arguments], input=given, capture_output=True)
        self.check(done.returncode == status, "%s: status %d: %s" % (arguments, done.returncode, done.stderr))
        self.check(bool(done.stderr) == bool(status), "%s: %s" % (arguments, done.stderr))
        return done.stdout if status == 0 else done.stderr.decode()

    def check(self, good, what):
        if not good:
            self.bad.append(what)


def good(commands, vector):
    protocol = vector["protocol"]
    for name in ("protobuf", "msgpack"):
        given = bytes.fromhex(vector[name])
        text = commands.run("decode", protocol, given=given)
        said = json.loads(text)
        commands.check(said.pop("encoding") == name, "%s: encoding" % vector["name"])
        commands.check(said == {m: vector[m] for m in MEMBERS}, "%s: %s" % (vector["name"], said))
        commands.check(commands.run("decode", "--" + name, protocol, given=given) == text, "%s: the option" % vector["name"])
        commands.check(commands.run("encode", given=text) == given, "%s: encode" % vector["name"])
        for other in ("protobuf", "msgpack"):
            commands.check(commands.run("encode", "--" + other, protocol, given=text) == bytes.fromhex(vector[other]),
                           "%s: encode --%s" % (vector["name"], other))
    envelope = bytes.fromhex(vector["envelope"])
    text = commands.run("decode", "--protobuf", "envelope", given=envelope)
    said = json.loads(text)
    commands.check(said["message"]["content"] == vector["content"], "%s: the message in the envelope" % vector["name"])
    commands.check((said["to"], said["sender"], said["protocol_id"]) == (vector["to"], vector["sender"], protocol),
                   "%s: %s" % (vector["name"], said))
    commands.check(commands.run("encode", given=text) == envelope, "%s: encode an envelope" % vector["name"])


def unknown_inside(commands):
    given = b'{"to": "a", "sender": "b", "protocol_id": "a/b:1.0.0", "uri": "x:", "message": {"hex": "00FF"}}'
    made = commands.run("encode", "envelope", given=given)
    commands.check(json.loads(commands.run("decode", "envelope", given=made)) ==
                   dict(json.loads(given.lower()), protocol="envelope"), "an unknown protocol in an envelope: %s" % made)
    bad = made.replace(b"a/b:1.0.0", DEFAULT.encode()).replace(b"\x1a\x09", b"\x1a\x15")
    said = commands.run("decode", "envelope", given=bad, status=1)
    commands.check("default: " in said, "a malformed message in an envelope: %s" % said)


def main(program, vectors):
    commands = Commands(program)
    with open(vectors, encoding="utf-8") as file:
        vectors = json.load(file)
    for vector in vectors["good"]:
        good(commands, vector)
    for vector in vectors["refused"]:
        said = commands.run("decode", vector["protocol"], given=bytes.fromhex(vector["hex"]), status=1)
        commands.check(said == "patchbay decode: %s\n" % vector["error"], "%s: %s" % (vector["name"], said))
    for arguments, given, status, text in WRONG:
        said = commands.run(*arguments, given=given, status=status)
        commands.check(text in said and said.count("\n") == 1, "%s: %s" % (arguments, said))
    said = commands.run("decode", "a/b:1.0.0", status=2)
    commands.check(all(name in said for name in KNOWN), "the known ones: %s" % said)
    unknown_inside(commands)
    print("\n".join(commands.bad) or "%d and %d vectors" % (len(vectors["good"]), len(vectors["refused"])))
    return 1 if commands.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
