#!/usr/bin/python3
"""Protocols from specifications, through the command: every type in both encodings against a protobuf writer of ten lines
and Python's msgpack, what is also read, what is refused; the folder ./protocols; what is generated.

    protocol_cli.py PATCHBAY SOURCE_DIR
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import msgpack

ID = "acme/all_of_it:1.0.0"
NUMBERS = {name: i + 5 for i, name in enumerate(
    ["Nothing", "custom", "dicts", "lists", "optionals", "plain", "sets", "unions"])}


def varint(v):
    v, out = v % (1 << 64), b""
    while v > 0x7f:
        out, v = out + bytes([v & 0x7f | 0x80]), v >> 7
    return out + bytes([v])


def i(number, v):
    return varint(number << 3) + varint(v)


def d(number, v):
    return varint(number << 3 | 1) + struct.pack("<d", v)


def b(number, *parts):
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def message(performative, *fields):
    return b(2, i(1, 1), b(5, b(NUMBERS[performative], *fields)))


def hexed(v):
    return {"hex": v.hex()}


# performative, content as JSON, as msgpack, fields in protobuf
GOOD = (
    ("Nothing", {}, {}, ()),
    ("plain", {"content_bytes": hexed(b"\x00\xff"), "content_int": -2, "content_float": 1.5, "content_bool": True,
               "content_str": "h\u00e9"},
     {"content_bytes": b"\x00\xff", "content_int": -2, "content_float": 1.5, "content_bool": True, "content_str": "h\u00e9"},
     (b(1, b"\x00\xff"), i(2, -2), d(3, 1.5), i(4, 1), b(5, "h\u00e9".encode()))),
    ("plain", {"content_bytes": hexed(b""), "content_int": 0, "content_float": 0.0, "content_bool": False, "content_str": ""},
     {"content_bytes": b"", "content_int": 0, "content_float": 0.0, "content_bool": False, "content_str": ""}, ()),
    ("custom", {"colour": 2, "thing": hexed(i(2, 1))}, {"colour": 2, "thing": i(2, 1)}, (b(1, i(1, 2)), b(2, i(2, 1)))),
    ("custom", {"colour": 0, "thing": hexed(b"")}, {"colour": 0, "thing": b""}, (b(1), b(2))),
    ("lists", {"list_bytes": [hexed(b"a"), hexed(b"")], "list_int": [3, 3, -1], "list_float": [0.5, -0.0],
               "list_bool": [True, False, True], "list_str": ["x", "", "x"]},
     {"list_bytes": [b"a", b""], "list_int": [3, 3, -1], "list_float": [0.5, -0.0], "list_bool": [True, False, True],
      "list_str": ["x", "", "x"]},
     (b(1, b"a"), b(1), b(2, varint(3), varint(3), varint(-1)), b(3, struct.pack("<dd", 0.5, -0.0)),
      b(4, b"\x01\x00\x01"), b(5, b"x"), b(5), b(5, b"x"))),
    ("lists", {"list_bytes": [], "list_int": [], "list_float": [], "list_bool": [], "list_str": []},
     {"list_bytes": [], "list_int": [], "list_float": [], "list_bool": [], "list_str": []}, ()),
    ("sets", {"set_bytes": [hexed(b"b"), hexed(b"a")], "set_int": [9, -9], "set_float": [2.5], "set_bool": [False, True],
              "set_str": ["z", "a"]},
     {"set_bytes": [b"b", b"a"], "set_int": [9, -9], "set_float": [2.5], "set_bool": [False, True], "set_str": ["z", "a"]},
     (b(1, b"b"), b(1, b"a"), b(2, varint(9), varint(-9)), b(3, struct.pack("<d", 2.5)), b(4, b"\x00\x01"), b(5, b"z"),
      b(5, b"a"))),
    ("dicts", {"int_bytes": {"-5": hexed(b"q")}, "int_int": {"0": 0, "2147483647": 7}, "int_float": {"1": 0.25},
               "int_bool": {"1": True, "2": False}, "int_str": {"3": "c"}, "bool_bytes": {"true": hexed(b"")},
               "bool_int": {"false": 4, "true": 5}, "bool_float": {"true": -1.0}, "bool_bool": {"false": True},
               "bool_str": {"true": "y"}, "str_float": {"": 3.0}, "str_bool": {"k": True}, "str_str": {"k": "v", "l": ""}},
     {"int_bytes": {-5: b"q"}, "int_int": {0: 0, 2147483647: 7}, "int_float": {1: 0.25}, "int_bool": {1: True, 2: False},
      "int_str": {3: "c"}, "bool_bytes": {True: b""}, "bool_int": {False: 4, True: 5}, "bool_float": {True: -1.0},
      "bool_bool": {False: True}, "bool_str": {True: "y"}, "str_float": {"": 3.0}, "str_bool": {"k": True},
      "str_str": {"k": "v", "l": ""}},
     (b(1, i(1, -5), b(2, b"q")), b(2, i(1, 0), i(2, 0)), b(2, i(1, 2147483647), i(2, 7)), b(3, i(1, 1), d(2, 0.25)),
      b(4, i(1, 1), i(2, 1)), b(4, i(1, 2), i(2, 0)), b(5, i(1, 3), b(2, b"c")), b(6, i(1, 1), b(2)),
      b(7, i(1, 0), i(2, 4)), b(7, i(1, 1), i(2, 5)), b(8, i(1, 1), d(2, -1.0)), b(9, i(1, 0), i(2, 1)),
      b(10, i(1, 1), b(2, b"y")), b(11, b(1), d(2, 3.0)), b(12, b(1, b"k"), i(2, 1)), b(13, b(1, b"k"), b(2, b"v")),
      b(13, b(1, b"l"), b(2)))),
    ("unions", {"first": {"Thing": hexed(i(2, 1))}, "second": {"Colour": 1}, "third": {"str": ""}, "last": 1},
     {"first": {"Thing": i(2, 1)}, "second": {"Colour": 1}, "third": {"str": ""}, "last": 1},
     (b(1, i(2, 1)), i(2, 1), b(19, i(1, 1)), i(20, 1), i(28, 1), i(30, 1))),
    ("unions", {"first": {"int": 0}, "second": {"list_of_int": []}, "last": 0},
     {"first": {"int": 0}, "second": {"list_of_int": []}, "last": 0}, (i(6, 1), i(22, 1))),
    ("unions", {"first": {"bool": True}, "second": {"set_of_str": ["a"]}, "third": {"int": 4}, "last": 0},
     {"first": {"bool": True}, "second": {"set_of_str": ["a"]}, "third": {"int": 4}, "last": 0},
     (i(9, 1), i(10, 1), b(23, b"a"), i(24, 1), i(25, 4), i(26, 1))),
    ("unions", {"first": {"dict_of_str_int": {"a": 1}}, "second": {"list_of_int": [1]}, "last": 0},
     {"first": {"dict_of_str_int": {"a": 1}}, "second": {"list_of_int": [1]}, "last": 0},
     (b(17, b(1, b"a"), i(2, 1)), i(18, 1), b(21, b"\x01"), i(22, 1))),
    ("optionals", {}, {}, ()),
    ("optionals", {"maybe_custom": hexed(b""), "maybe_colour": 0, "maybe_int": 0, "maybe_str": "", "maybe_set": [],
                   "maybe_list": [], "maybe_dict": {}},
     {"maybe_custom": b"", "maybe_colour": 0, "maybe_int": 0, "maybe_str": "", "maybe_set": [], "maybe_list": [],
      "maybe_dict": {}},
     (b(1), i(2, 1), b(3), i(4, 1), i(6, 1), i(8, 1), i(10, 1), i(12, 1), i(14, 1))),
    ("optionals", {"maybe_int": 3, "maybe_list": [hexed(b"x")]}, {"maybe_int": 3, "maybe_list": [b"x"]},
     (i(5, 3), i(6, 1), b(11, b"x"), i(12, 1))),
)

# performative, fields in protobuf that are read, and the fields that are written then
ALSO = (
    ("lists", (i(2, 5), b(2, b"\x06"), i(2, 7)), (b(2, b"\x05\x06\x07"),)),
    ("lists", (i(4, 2), i(4, 0)), (b(4, b"\x01\x00"),)),
    ("sets", (b(2, b"\x01\x02\x01"), b(5, b"a"), b(5, b"a")), (b(2, b"\x02\x01"), b(5, b"a"))),
    ("dicts", (b(2, i(1, 1), i(2, 1)), b(2, i(1, 1), i(2, 2)), b(9)), (b(2, i(1, 1), i(2, 2)), b(9, i(1, 0), i(2, 0)))),
    ("optionals", (i(5, 3), i(6, 0), b(7, b"no"), i(8, 9)), (b(7, b"no"), i(8, 1))),
    ("unions", (i(6, 1), i(25, 7), i(22, 1), i(29, 1)), (i(6, 1), i(22, 1))),
    ("plain", (i(4, 200), i(99, 1)), (i(4, 1),)),
)

# performative, fields in protobuf, or a msgpack content; what is said of it
REFUSED = (
    ("plain", (i(2, 1 << 31),), "content_int: expected an int32"),
    ("plain", (b(4, b"x"),), "malformed protobuf, or a content of another type"),
    ("custom", (b(1, i(1, 3)),), "colour: expected an integer 0..2"),
    ("custom", (b(2, b"\x07"),), "thing: expected the bytes of a protobuf message Thing"),
    ("custom", (b(2, b"\x00\x00"),), "thing: expected the bytes of a protobuf message Thing"),
    ("custom", (b(2, b"\x12\x05x"),), "thing: expected the bytes of a protobuf message Thing"),
    ("lists", (b(2, varint(1 << 31)),), "list_int: expected a list of int32"),
    ("lists", (b(5, b"\xff"),), "list_str: a str is not UTF-8"),
    ("dicts", (b(1, i(1, 1 << 32)),), "int_bytes: expected a map of int32 to bytes"),
    ("dicts", (b(13, b(1, b"\xc0")),), "str_str: a key is not UTF-8"),
    ("unions", (i(30, 1),), "first: is missing"),
    ("unions", (i(6, 1), i(8, 1)), "first: is set as int and as float"),
    ("plain", {}, "content_bytes: is missing"),
    ("optionals", {"maybe_int": None}, "maybe_int: expected an int32"),
    ("lists", {"list_int": {}}, "list_int: expected a list of int32"),
    ("sets", {"set_int": [1, 1]}, "set_int: a value comes twice"),
    ("sets", {"set_bool": [1]}, "set_bool: expected a set of bool"),
    ("dicts", {"bool_int": {1: 1}}, "bool_int: expected a map of bool to int32"),
    ("unions", {"first": 1}, "first: expected a map of one of its kinds, such as Thing"),
    ("unions", {"first": {"int": 1, "str": ""}}, "first: expected a map of one of its kinds, such as Thing"),
    ("unions", {"first": {"long": 1}}, "first: no kind \"long\""),
    ("unions", {"first": {"int": "1"}}, "first: expected an int32"),
    ("custom", {"thing": b"\x08"}, "thing: expected the bytes of a protobuf message Thing"),
)

# JSON content of `unions` and the others that encode refuses
NOT_ENCODED = (
    ("dicts", {"int_int": {"1x": 1}}, "int_int: expected a map of int32 to int32"),
    ("dicts", {"int_int": {" 1": 1}}, "int_int: expected a map of int32 to int32"),
    ("dicts", {"bool_int": {"yes": 1}}, "bool_int: expected a map of bool to int32"),
    ("plain", {"content_bool": 1}, "content_bool: expected a bool"),
    ("lists", {"list_int": 1}, "list_int: expected a list of int32"),
    ("lists", {"list_int": [1.5]}, "list_int: expected a list of int32"),
    ("unions", {"first": {}}, "first: expected a map of one of its kinds, such as Thing"),
    ("unions", {"first": {"int": 1}, "second": {"Colour": 1}}, "last: not set"),
    ("unions", {"last": 1}, "first: not set"),
    ("custom", {"colour": 1, "thing": hexed(b"\x08")}, "thing: expected the bytes of a protobuf message Thing"),
)


class Commands:
    def __init__(self, program, source):
        self.program, self.source, self.bad, self.runs = program, source, [], 0
        self.file = str(source / "tests/protocols/everything.yaml")

    def check(self, good, what):
        if not good:
            self.bad.append(what)

    def run(self, *arguments, given=b"", status=0, cwd=None):
        done = subprocess.run([self.program, *arguments], input=given, capture_output=True, cwd=cwd)
        self.runs += 1
        self.check(done.returncode == status, "%s: status %d: %s" % (arguments, done.returncode, done.stderr))
        self.check(bool(done.stderr) == bool(status), "%s: %s" % (arguments, done.stderr))
        return done.stdout if status == 0 else done.stderr.decode()

    def decode(self, given, status=0):
        return self.run("decode", "--protocol-file", self.file, ID, given=given, status=status)

    def encode(self, option, content, performative, status=0):
        given = json.dumps({"performative": performative, "content": content}).encode()
        return self.run("encode", option, "--protocol-file", self.file, ID, given=given, status=status)


def packed(performative, content):
    return msgpack.packb([1, "", "", 0, performative, content], use_bin_type=True)


def types(c):
    for performative, content, other, fields in GOOD:
        wire, pack = message(performative, *fields), packed(performative, other)
        for option, want in (("--protobuf", wire), ("--msgpack", pack)):
            said = json.loads(c.decode(want) or "{}")
            c.check(said.get("content") == content, "%s %s: %s" % (performative, option, said))
            made = c.encode(option, content, performative)
            same = made == want if option == "--protobuf" else made and unpacked(made) == unpacked(want)
            c.check(same, "%s %s: %s, not %s" % (performative, option, made.hex(), want.hex()))
    for performative, given, written in ALSO:
        said = json.loads(c.decode(message(performative, *given)) or "{}")
        made = c.encode("--protobuf", said["content"], performative)
        c.check(made == message(performative, *written), "%s: %s is written as %s" % (performative, given, made.hex()))


def unpacked(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def refused(c):
    for performative, content, why in REFUSED:
        given = packed(performative, content) if isinstance(content, dict) else message(performative, *content)
        said = c.decode(given, status=1)
        c.check(said == "patchbay decode: all_of_it/%s: %s\n" % (performative, why), "%s: %s" % (why, said))
    for performative, content, why in NOT_ENCODED:
        said = c.encode("--protobuf", content, performative, status=1)
        c.check(said == "patchbay encode: all_of_it/%s: %s\n" % (performative, why), "%s: %s" % (why, said))


def shipped(c):
    """One message of each shipped protocol that has no vector of AEA's, byte for byte."""
    rows = (("open_aea/signing:1.0.0", {"performative": "error", "content": {"error_code": 1}}, b(5, b(1, i(1, 1)))),
            ("open_aea/signing:1.0.0", {"performative": "sign_message", "content": {
                "terms": hexed(b(1, b"T")), "raw_message": hexed(b(1, b"R"))}}, b(6, b(1, b(1, b"T")), b(2, b(1, b"R")))),
            ("valory/ledger_api:1.0.0", {"performative": "get_balance", "content": {"ledger_id": "l", "address": "a"}},
             b(7, b(1, b"l"), b(2, b"a"))),
            ("valory/ledger_api:1.0.0", {"performative": "error", "content": {"code": 7, "data": hexed(b"")}},
             b(6, i(1, 7), i(5, 1))),
            ("fetchai/prometheus:1.0.0", {"performative": "response", "content": {"code": 200, "message": "ok"}},
             b(6, i(1, 200), b(2, b"ok"), i(3, 1))),
            ("fetchai/prometheus:1.0.0", {"performative": "update_metric", "content": {
                "title": "t", "callable": "inc", "value": 1.0, "labels": {"k": "v"}}},
             b(7, b(1, b"t"), b(2, b"inc"), d(3, 1.0), b(4, b(1, b"k"), b(2, b"v")))))
    for protocol, said, inner in rows:
        want = b(2, i(1, 1), b(5, inner))
        made = c.run("encode", protocol, given=json.dumps(said).encode())
        c.check(made == want, "%s: %s, not %s" % (said, made.hex(), want.hex()))
        c.check(json.loads(c.run("decode", protocol, given=want))["content"] == said["content"], "%s: decode" % said)


def folder(c, directory):
    """./protocols is looked into for what is not known, and only then."""
    own = directory / "protocols"
    own.mkdir()
    given = message("Nothing")
    said = c.run("decode", ID, given=given, status=2, cwd=directory)
    c.check("no such protocol" in said, said)
    (own / "everything.yaml").write_bytes(pathlib.Path(c.file).read_bytes())
    (own / "notes.txt").write_text("no YAML: {")
    said = json.loads(c.run("decode", ID, given=given, cwd=directory))
    c.check(said["performative"] == "Nothing", str(said))
    text = b'{"to": "a", "sender": "b", "protocol_id": "%s", "message": {"performative": "Nothing"}}' % ID.encode()
    made = c.run("encode", "envelope", given=text, cwd=directory)
    said = json.loads(c.run("decode", "envelope", given=made, cwd=directory))
    c.check(said["message"].get("performative") == "Nothing", str(said))
    (own / "bad.yaml").write_text("name: [\n")
    said = c.run("decode", ID, given=given, status=2, cwd=directory)
    c.check(said.startswith("protocols/bad.yaml:2: expected YAML"), said)
    c.run("decode", "fetchai/default:1.0.0", given=b(2, i(1, 1), b(5, b(6))), cwd=directory)


def generated(c, directory):
    for file in sorted((c.source / "schema/protocols").glob("*.yaml")):
        said = c.run("generate", "protocol", "--prefix", "pbay_", "--out", str(directory / "out"), str(file)).decode()
        c.check(said.split() == [str(directory / "out" / (file.stem + e)) for e in (".h", ".c")], said)
        for end in (".h", ".c"):
            c.check((directory / "out" / (file.stem + end)).read_bytes() == file.with_suffix(end).read_bytes(),
                    "%s: the target regen makes it anew" % file.with_suffix(end))
    said = c.run("check", c.file, *map(str, sorted((c.source / "schema/protocols").glob("*.yaml"))))
    c.check(said.count(b": ok\n") == 8, "check: %s" % said)
    (directory / "twice.yaml").write_text(pathlib.Path(c.file).read_text().replace("content_int: pt", "Content_Bytes: pt"))
    said = c.run("generate", "protocol", "twice.yaml", status=2, cwd=directory)
    c.check(said == "twice.yaml: the names content_bytes and Content_Bytes are one constant in C\n", said)
    (directory / "wrong.yaml").write_text(pathlib.Path(c.file).read_text().replace("pt:int\n", "pt:long\n", 1))
    said = c.run("check", "wrong.yaml", status=2, cwd=directory)
    c.check(said.startswith("wrong.yaml:12: speech_acts.plain.content_int: expected a type such as"), said)
    for arguments, status, text in ((("protocol",), 2, "expected a file"), (("skill",), 2, "the word protocol"), ((), 2, "the word"),
                                    (("protocol", "a", "b"), 2, "b: not understood"), (("protocol", "--out"), 2, "--out: not"),
                                    (("protocol", "--prefix", "A", "x"), 2, "expected a prefix"),
                                    (("protocol", "none.yaml"), 2, "none.yaml: cannot be read: No such file"),
                                    (("protocol", "--out", "twice.yaml", c.file), 1, "twice.yaml")):
        said = c.run("generate", *arguments, status=status, cwd=directory)
        c.check(text in said and said.count("\n") == 1, "%s: %s" % (arguments, said))


def main(program, source):
    c = Commands(os.path.abspath(program), pathlib.Path(source).resolve())
    types(c)
    refused(c)
    shipped(c)
    with tempfile.TemporaryDirectory() as directory:
        folder(c, pathlib.Path(directory))
        generated(c, pathlib.Path(directory))
    for line in c.bad:
        print(line, file=sys.stderr)
    print("%d commands" % c.runs)
    return 1 if c.bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
