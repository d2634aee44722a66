#!/usr/bin/python3
"""A connection that speaks patchbay/vcx_connection:1.0.0 and connects to nobody, for the tests of its clients.

The name of a connection says what becomes of it: never* is never accepted, gone* ends, broken* cannot be connected; all
others are accepted when they are asked for their state the second time. What is asked is written to asked.jsonl.
"""
import json
import os
import signal
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "client"))
import patchbay_client as pb

ID = "patchbay/vcx_connection:1.0.0"
PATCHBAY = os.path.join(os.environ["VCX_FAKE_BUILD"], "bin", "patchbay")
AGENT = os.environ["PATCHBAY_AGENT"]
ASKED = os.path.join(os.environ["PATCHBAY_DATA_DIR"], "asked.jsonl")
PNG = b"\x89PNG fake"
LABEL = "Eve\u009b2J\x1b[2J"  # a terminal that took this would be cleared
ENDS = {"gone": 0}


class Refused(Exception):
    pass


class Connections:
    def __init__(self):
        self.rows = {}

    def find(self, content):
        try:
            return self.rows[content["connection_id"]]
        except KeyError:
            raise Refused(1003, "Invalid Connection Handle: there is none")

    def add(self, source_id, state, role):
        row = {"connection_id": str(uuid.uuid4()), "source_id": source_id, "state": state, "role": role, "their_label": "",
               "their_did": "", "handshake": "", "asked": 0}
        self.rows[row["connection_id"]] = row
        return "created", {"connection_id": row["connection_id"], "state": state, "pw_did": "did", "pw_verkey": "verkey"}

    # ---- what each performative does ----

    def create(self, content):
        return self.add(content["source_id"], 1, "inviter")

    def create_with_invite(self, content):
        if not content["invite"].startswith(("https://", "{")):
            raise Refused(1016, "Invalid JSON string: neither a URL nor JSON")
        return self.add(content["source_id"], 2, "invitee")

    def connect(self, content):
        row = self.find(content)
        if row["source_id"].startswith("broken"):
            raise Refused(1010, "Message failed in post: nobody is there")
        row["state"] = 2 if row["role"] == "inviter" else 3
        kind = json.loads(content.get("options") or "{}").get("connection_type")
        is_qr = kind == "QR"
        return "connected", {"connection_id": row["connection_id"], "state": row["state"], "invite_details": "{}",
                             "invite_url": "https://agency.example/?c_i=e30" if row["role"] == "inviter" else "",
                             "qr_png": {"hex": PNG.hex() if is_qr else ""}, "qr_text": "\u2588\u2588\n" if is_qr else ""}

    def update_state(self, content):
        row = self.find(content)
        row["asked"] += 1
        if row["asked"] == 2 and not row["source_id"].startswith("never"):
            old, row["state"] = row["state"], ENDS.get(row["source_id"][:4], 4)
            row.update(their_label=LABEL, their_did="their did", handshake="connections")
            event = {"connection_id": row["connection_id"], "source_id": row["source_id"], "from_state": old,
                     "to_state": row["state"], "reason": "as the test wants it"}
            put(AGENT, "vcx", "state_changed", event, [uuid.uuid4().hex, ""], 1, 0)
        return self.state(row)

    get_state = update_state

    def state(self, row):
        return "state", {"connection_id": row["connection_id"], "state": row["state"]}

    def info(self, content):
        return "details", {"json": json.dumps({"my": {"did": "my did"}, "their": {"did": self.find(content)["their_did"]}})}

    def list_connections(self, _):
        return "details", {"json": json.dumps([{k: v for k, v in row.items() if k != "asked"} for row in self.rows.values()])}

    def serialize(self, content):
        row = self.find(content)
        return "serialized", {"json": json.dumps({"version": "1.0", "data": dict(row, pw_did="did")})}

    def deserialize(self, content):
        try:
            data = json.loads(content["json"])["data"]
        except (ValueError, KeyError, TypeError):
            raise Refused(1016, "Invalid JSON string: no connection")
        data["asked"] = 0
        self.rows[data["connection_id"]] = data
        return "created", {"connection_id": data["connection_id"], "state": data["state"], "pw_did": "d", "pw_verkey": "v"}

    def sent(self, content):
        if self.find(content)["state"] != 4:
            raise Refused(1005, "Object not ready for specified action: the connection is not accepted")
        return "sent", {"connection_id": content["connection_id"], "msg_uid": "uid-of-it"}

    send_ping = send_message = sent

    def revoke(self, content):
        row = self.find(content)
        row["state"] = 7
        return self.state(row)

    def delete(self, content):
        row = self.find(content)
        del self.rows[row["connection_id"]]
        row["state"] = 0
        return self.state(row)


def convert(verb, data):
    done = subprocess.run([PATCHBAY, verb, ID], input=data, stdout=subprocess.PIPE, check=True)
    return done.stdout


def put(to, sender, performative, content, reference, message_id, target, **how):
    text = json.dumps({"performative": performative, "content": content, "dialogue_reference": reference,
                       "message_id": message_id, "target": target})
    node.put(to, sender, ID, convert("encode", text.encode()), **how)


def on_envelope(e):
    asked = json.loads(convert("decode", e.message).decode())
    with open(ASKED, "a") as f:
        f.write(json.dumps(asked) + "\n")
    try:
        performative, content = getattr(connections, asked["performative"])(asked["content"])
    except Refused as refused:
        performative, content = "error", {"code": refused.args[0], "description": refused.args[1]}
    reference = [asked["dialogue_reference"][0], uuid.uuid4().hex]
    put(e.sender, e.to, performative, content, reference, -1, 1, reply_to=e.reply_to)
    node.finish(e)


def stop(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, stop)
connections = Connections()
node = pb.Node(os.environ["PATCHBAY_ENDPOINT"], pb.CONNECTION, AGENT, sys.argv[1], "patchbay/%s:0.1.0" % sys.argv[1],
               on_envelope=on_envelope, on_outcome=lambda put: None)
try:
    while True:
        node.poll(1000)
except KeyboardInterrupt:
    node.close()
