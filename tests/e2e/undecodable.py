#!/usr/bin/python3
"""Messages that cannot be decoded stop nothing: their sender is answered as AEA's error skill does, and told MALFORMED.

usage: undecodable.py BUILD_DIR
"""
import base64
import json
import os
import subprocess
import sys

import admin
import demo as e2e

DEFAULT = "fetchai/default:1.0.0"
UNSUPPORTED_PROTOCOL, DECODING_ERROR = 0, 1


def command(name, protocol, data):
    done = subprocess.run([e2e.PATCHBAY, name, protocol], input=data, stdout=subprocess.PIPE, check=True, env=e2e.environment())
    return done.stdout


def bytes_message(text):
    return command("encode", DEFAULT, json.dumps({"performative": "bytes", "content": {"content": {"hex": text.hex()}}}).encode())


def tell(demo, sender, protocol, message):
    with open(os.path.join(demo.dir, "input_file"), "ab") as f:
        f.write(b"reader,%s,%s,%s," % (sender.encode(), protocol.encode(), message))


def answer_to(demo, sender):
    """What came back for this sender, as AEA's decoder sees it."""
    def look():
        try:
            with open(os.path.join(demo.dir, "output_file"), "rb") as f:
                text = f.read()
        except FileNotFoundError:
            return None
        begin = text.find(b"%s,reader,%s," % (sender.encode(), DEFAULT.encode()))
        return text[begin:].split(b",", 3)[3] if begin >= 0 else None
    raw = e2e.wait_for(look, e2e.ANSWER, "an answer for " + sender)
    return json.loads(command("decode", DEFAULT, raw.rsplit(b",", 1)[0] if raw.count(b",") == 1 else raw.split(b",")[0]))


class Bob:
    """Another agent of this broker, led by lines of JSON (e2e/refused.c)."""

    def __init__(self, demo):
        env = dict(e2e.environment(), PATCHBAY_ENDPOINT="ipc://%s/broker.ipc" % demo.run, PATCHBAY_AGENT="bob")
        self.p = subprocess.Popen([os.path.join(e2e.BUILD, "tests", "refused")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        e2e.check(self.p.wait(60) == 0, "bob ends")
        self.p.stdout.close()

    def send(self, text):
        """Its outcome, and the error message that came back, whichever comes first."""
        put = {"do": "put", "to": "reader", "sender": "bob", "protocol": DEFAULT, "message": text}
        self.p.stdin.write(json.dumps(put).encode() + b"\n")
        self.p.stdin.flush()
        heard = {}
        while not {"outcome", "error"} <= heard.keys():
            line = json.loads(self.p.stdout.readline())
            heard.update({key: line for key in ("outcome", "error") if key in line})
        return heard["outcome"], heard["error"]


def test(demo):
    other = os.path.join(demo.dir, "bob.yaml")
    with open(other, "w") as f:
        f.write("agent_name: bob\npatchbay: {local_delivery: true}\n")
    demo.edit("agent_name: echo_agent", "agent_name: reader")
    demo.edit("command: [echo_agent]", "command: [%s]" % os.path.join(e2e.BUILD, "tests", "reader"))
    demo.start(wait=False, more=(other,))
    demo.wait_connected((e2e.BROKER, e2e.STUB, ("agent", "reader", "0")))
    pid = demo.pids()[("agent", "reader", "0")]
    tell(demo, "good", DEFAULT, bytes_message(b"first"))
    e2e.check(answer_to(demo, "good")["content"]["content"] == {"hex": b"first".hex()}, "a good message is answered")
    with Bob(demo) as bob:
        outcome, error = bob.send("garbage")
        e2e.check(outcome["outcome"] == "MALFORMED" and outcome["text"], "its sender is told: %s" % outcome)
        e2e.check((error["error"], error["text"]) == (DECODING_ERROR, "Decoding error."), "and answered: %s" % error)
        print("told: %s; answered: %s" % (outcome["text"], error["text"]))
    tell(demo, "odd", "acme/none:1.0.0", b"x")
    with open(os.path.join(demo.dir, "input_file"), "ab") as f:
        f.write(b"\n")  # nobody but its writer knows where it ends
    error = answer_to(demo, "odd")
    e2e.check(error["content"]["error_code"] == UNSUPPORTED_PROTOCOL, "unknown: %s" % error)
    said = base64.b85decode(bytes.fromhex(error["content"]["error_data"]["protocol_id"]["hex"]))
    e2e.check(said == b"acme/none:1.0.0", "it names the protocol: %s" % said)
    envelope = base64.b85decode(bytes.fromhex(error["content"]["error_data"]["envelope"]["hex"]))
    e2e.check(b"acme/none:1.0.0" in envelope and b"odd" in envelope, "with the envelope as AEA writes it")
    tell(demo, "again", DEFAULT, bytes_message(b"last"))
    e2e.check(answer_to(demo, "again")["content"]["content"] == {"hex": b"last".hex()}, "it goes on")
    ends = [e for e in admin.get(demo.run, "/v1/events")["events"] if e["kind"] == "end"]
    e2e.check([e["code"] for e in ends] == ["MALFORMED", "MALFORMED"], "both senders were told: %s" % ends)
    e2e.check(demo.pids()[("agent", "reader", "0")] == pid, "the agent is the same process")
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")


sys.exit(e2e.main(test))
