#!/usr/bin/python3
"""The agency as a process: its clients through HTTP, its pages, its limits, and kill -9 in the middle: what was answered 202 is
not lost, and nothing is there twice that was received.

usage: agency.py BUILD_DIR
"""
import base64
import collections
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import demo as e2e
import http_world
from demo import check

AGENCY = os.path.join(e2e.BUILD, "bin", "patchbay-agency")
ARIES = os.path.join(e2e.BUILD, "tests", "aries")
WIRE = "application/ssi-agent-wire"
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def same(found, expected, what):
    check(found == expected, "%s: found %r, expected %r" % (what, found, expected))


def b58(data):
    n, text = int.from_bytes(data, "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = B58[digit] + text
    return text


def verkey():
    """Any 32 bytes: nobody needs the private key of what is only forwarded."""
    return b58(b"\x7f" + os.urandom(31))


class Process:
    """Its lines as they come."""

    def __init__(self, *command):
        self.lines = collections.deque()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = []
        for pipe, to in ((self.process.stdout, self.lines), (self.process.stderr, self.said)):
            threading.Thread(target=lambda p=pipe, t=to: t.extend(p), daemon=True).start()

    def wait_line(self, what):
        e2e.wait_for(lambda: self.lines or self.process.poll() is not None, e2e.START, what)
        check(self.lines, "%s: it has ended: %s" % (what, self.said))
        return self.lines.popleft().rstrip("\n")

    def end(self, sig):
        self.process.send_signal(sig)
        return self.process.wait(60)


class Client(Process):
    def __init__(self):
        super().__init__(ARIES)
        self.key, self.tag, self.statuses = verkey(), 0, {}

    def do(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def wait_event(self, event):
        """The next one of these; posts with a tag are kept. The answer to a handshake's ping is nobody's."""
        while True:
            line = json.loads(self.wait_line("%s of a client" % event))
            if line["event"] == "posted" and line["tag"]:
                self.statuses[line["tag"]] = line["status"]
            if line["event"] == event and not line.get("message", {}).get("@type", "").endswith("/ping_response"):
                return line

    def join(self, url):
        self.do(do="join", url=url)
        while self.wait_event("state")["to"] != 4:
            pass
        self.wait_event("posted")

    def begin(self, kind, **members):
        self.do(do="say", type=kind, members=members)

    def ask(self, kind, **members):
        self.begin(kind, **members)
        return self.wait_event("message")["message"]

    def try_to(self, kind, **members):
        """The same; None when there is no answer."""
        self.begin(kind, **members)
        return self.wait_event("message")["message"] if self.wait_event("posted")["status"] == 200 else None

    def mediated(self, url):
        self.join(url)
        granted = self.ask("coordinate-mediation/1.0/mediate-request")
        check(granted["@type"].endswith("mediate-grant"), "granted: %s" % granted)
        updated = self.ask("coordinate-mediation/1.0/keylist-update", updates=[{"recipient_key": self.key, "action": "add"}])["updated"]
        same([u["result"] for u in updated], ["success"], "the key")

    def begin_forward(self, world, to, text):
        self.tag += 1
        self.do(do="forward", to=to, via=world.verkey, url=world.url, text=text, tag=self.tag)
        return self.tag

    def forward(self, world, to, text):
        tag = self.begin_forward(world, to, text)
        while tag not in self.statuses:
            self.wait_event("posted")
        return self.statuses[tag]

    def fetch(self, limit=100, **members):
        return texts(self.ask("messagepickup/2.0/delivery-request", limit=limit, **members))


def texts(delivery):
    """{id: text} of what was delivered."""
    return {a["@id"]: json.loads(base64.urlsafe_b64decode(a["data"]["base64"]))["ciphertext"] for a in delivery.get("~attach", [])}


class World:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="agency")
        self.port = http_world.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.clients = []
        with open(self.dir + "/pass", "w") as f:
            f.write("a passphrase\n")

    def configure(self, **limits):
        with open(self.dir + "/agency.yaml", "w") as f:
            f.write("public_url: %s\nlisten:\n  port: %d\ndatabase: agency.db\nwallet: agency.wallet\npassphrase_file: pass\n"
                    "allow_private_endpoints: true\nlabel: <b>Agency\n" % (self.url, self.port))
            f.write("limits:\n  connections_per_address: 1000\n" + "".join("  %s: %s\n" % item for item in limits.items()))

    def start(self):
        self.agency = Process(AGENCY, self.dir + "/agency.yaml")
        lines = [self.agency.wait_line("the agency has started") for _ in range(3)]
        same(lines[0], "listening: %s/" % self.url, "the first line")
        self.invitation, self.invitation_1_0 = (line.partition(": ")[2] for line in lines[1:])
        status, _, body = self.get("/agency")
        same(status, 200, "GET /agency")
        self.verkey, self.did = json.loads(body)["verKey"], json.loads(body)["DID"]

    def kill(self):
        self.agency.end(signal.SIGKILL)
        self.start()

    def request(self, method, path, body=None, **headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def get(self, path, accept="*/*"):
        return self.request("GET", path, Accept=accept)

    def client(self, mediated=True):
        c = Client()
        self.clients.append(c)
        if mediated:
            c.mediated(self.invitation)
        return c

    def stop(self):
        same(self.agency.end(signal.SIGTERM), 0, "the status of the agency: %s" % self.agency.said)

    def clean_up(self):
        for p in self.clients + [self.agency]:
            if p.process.poll() is None:
                p.process.kill()
        bad = [x for p in self.clients + [self.agency] for x in p.said if "Sanitizer" in x or "runtime error" in x or "Assertion" in x]
        shutil.rmtree(self.dir)
        check(not bad, "a process complained of itself: %s" % bad)


# ---- what it does ----

def pickup(world):
    """Both invitations; forwarded, held until it comes, fetched, received."""
    a, b = world.client(), world.client(False)
    b.mediated(world.invitation_1_0)
    same(b.forward(world, a.key, "one"), 202, "a forward")
    same(b.forward(world, verkey(), "x"), 404, "for nobody")
    got = a.fetch()
    same(list(got.values()), ["one"], "what was fetched")
    same(a.ask("messagepickup/2.0/messages-received", message_id_list=list(got))["message_count"], 0, "what is left")
    a.begin("messagepickup/2.0/delivery-request", limit=1, wait_ms=20000)
    same(b.forward(world, a.key, "two"), 202, "a forward to one who waits")
    same(list(texts(a.wait_event("message")["message"]).values()), ["two"], "what was waited for")
    same(b.fetch(), {}, "another's")
    a.ask("messagepickup/1.0/batch-pickup", batch_size=10)
    same(a.ask("messagepickup/2.0/status-request", wait_ms=100)["message_count"], 0, "after its time")


def sigterm(world):
    """Who waits is answered; the process ends well."""
    a = world.client()
    for _ in range(2):
        a.begin("messagepickup/2.0/status-request", wait_ms=20000)
    a.wait_event("message")  # one ends the other, and so is held now
    world.stop()
    a.wait_event("message")
    world.start()
    same(a.ask("messagepickup/2.0/status-request")["message_count"], 0, "after its return")


def pages(world):
    """JSON for agents, a page for browsers, which can do nothing."""
    status, headers, body = world.get("/agency/invitation", "application/json")
    same((status, headers["content-type"]), (200, "application/json"), "the invitation")
    encoded = world.invitation.partition("?oob=")[2]
    same(json.loads(body), json.loads(base64.urlsafe_b64decode(encoded + "==")), "the invitation is that of the URL")
    same(json.loads(world.get("/")[2]), json.loads(body), "GET /")
    same(json.loads(world.get("/?oob=" + encoded)[2]), json.loads(body), "GET of the URL")
    check(json.loads(world.get("/agency/invitation/connections")[2])["@type"].endswith("connections/1.0/invitation"), "the other one")
    status, headers, body = world.get("/", "text/html,application/xhtml+xml,*/*;q=0.8")
    same((status, headers["content-type"]), (200, "text/html; charset=utf-8"), "the page")
    check("default-src 'none'" in headers["content-security-policy"] and b"<script" not in body, "no scripts")
    check(b"&lt;b&gt;Agency invites" in body and b"didcomm://?oob=" + encoded.encode() in body, "the page's text")
    png = base64.b64decode(re.search(rb"data:image/png;base64,([^\"]*)", body).group(1), validate=True)
    same(png[:8], b"\x89PNG\r\n\x1a\n", "the code")
    status, headers, body = world.request("HEAD", "/agency")
    same((status, body), (200, b""), "HEAD")


def refusals(world):
    for method, path, status, allow in (("GET", "/nothing", 404, None), ("GET", "/agency/", 404, None), ("PUT", "/", 405, "GET, HEAD, POST"),
                                        ("POST", "/agency", 405, "GET, HEAD"), ("GET", "/agency/msg", 405, "POST"),
                                        ("GET", "/i/", 404, None), ("GET", "/i/" + 32 * "0", 404, None), ("GET", "/i/" + 32 * "x", 404, None),
                                        ("GET", "/agency/invite/x?uid=" + 32 * "0", 404, None)):
        found, headers, _ = world.request(method, path)
        same((found, headers.get("allow")), (status, allow), "%s %s" % (method, path))
    same(world.request("POST", "/", b"{}", Content_Type="application/json")[0], 415, "another type")
    same(world.request("POST", "/", b"{}")[0], 415, "no type")
    for path, kind in (("/", WIRE), ("/agency/msg", "application/didcomm-envelope-enc; x=y")):
        same(world.request("POST", path, b"{}", Content_Type=kind)[0], 400, "no envelope")
    same(world.request("POST", "/", b"x" * ((1 << 20) + 1), Content_Type=WIRE)[0], 413, "too long")


def links(world):
    a = world.client()
    link = a.ask("shorten-url/1.0/request-shortened-url", url=world.invitation, requested_validity_seconds=60, goal_code="shorten.invite")
    url = link["shortened_url"]
    check(re.fullmatch(world.url + "/i/[0-9a-f]{32}", url), "the link: %s" % url)
    uid = url[-32:]
    for path in ("/i/" + uid, "/agency/invite/%s?uid=%s" % (world.did, uid)):
        status, headers, body = world.get(path, "application/json")
        same((status, headers["content-type"]), (200, "application/json"), path)
        check(json.loads(body)["@type"].endswith("out-of-band/1.1/invitation"), "the invitation itself")
    check(b"<h1>Invitation" in world.get("/i/" + uid, "text/html")[2], "the page")
    world.kill()
    same(world.get("/i/" + uid)[0], 200, "after a kill")
    check(a.ask("shorten-url/1.0/invalidate-shortened-url", shortened_url=url)["@type"].endswith("/ack"), "invalidated")
    same(world.get("/i/" + uid)[0], 410, "when it was used")


def limits(world):
    a, b = world.client(), world.client()
    same([b.forward(world, a.key, "x") for _ in range(3)], [202, 202, 507], "more than may wait")
    same(b.forward(world, a.key, "x" * 2000), 413, "more than one may have")
    c = world.client(False)
    c.do(do="join", url=world.invitation)
    same(c.wait_event("posted")["status"], 507, "more clients")


# ---- kill -9 ----

KILLS, SENT = 5, 120


def kills(world):
    """A sender that repeats what was not answered, and a client that fetches: all arrives, and what was received does not come back."""
    sender, client = world.client(), world.client()
    taken, fetched, received, pending, sent = set(), set(), set(), {}, 0
    kills_left, killed_at = KILLS, 0

    def begin(text):
        pending[sender.begin_forward(world, client.key, text)] = text

    def settle():
        for tag in [t for t in pending if t in sender.statuses]:
            text, status = pending.pop(tag), sender.statuses[tag]
            if status == 202:
                taken.add(text)
            else:
                same(status, 0, "a forward's status")
                begin(text)

    deadline = time.monotonic() + e2e.ANSWER
    while len(taken) < SENT or not taken <= fetched:
        check(time.monotonic() < deadline, "not all has come: %d taken, %d fetched" % (len(taken), len(fetched)))
        while sent < SENT and len(pending) < 4:
            begin("message %d" % sent)
            sent += 1
        if pending:
            sender.wait_event("posted")
        settle()
        if kills_left and len(taken) >= killed_at + SENT // (KILLS + 1):
            killed_at, kills_left = len(taken), kills_left - 1
            world.kill()
        got = texts(client.try_to("messagepickup/2.0/delivery-request", limit=10) or {})
        check(not received & set(got), "it was received and comes again")
        fetched.update(got.values())
        if got and client.try_to("messagepickup/2.0/messages-received", message_id_list=list(got)):
            received.update(got)
    same(kills_left, 0, "kills that are left")


def command_line():
    """What cannot be started says why, with file and line."""
    folder = tempfile.mkdtemp(prefix="agency")
    good = "public_url: https://a.example\ndatabase: d\nwallet: w\npassphrase_file: p\n"
    cases = (("lable: x\n" + good, "agency.yaml:1: lable: unknown key, did you mean label?"),
             (good + "limits: {clients: many}\n", "agency.yaml:5: limits.clients: expected a whole number"),
             (good + "limits:\n  envelope: 1GiB\n", "agency.yaml:6: limits.envelope: expected 1024 to 524288 bytes"),
             (good + "mediation: some\n", "agency.yaml:5: mediation: expected"),
             (good + "known_keys: [x]\n", "agency.yaml:5: known_keys.0: expected a verkey or a did:key"),
             (good.replace("https://a.example", "https://a.example/?x"), "agency.yaml:1: public_url: expected an http or https URL"),
             (good + "key_file: k\n", "expected either passphrase_file or key_file"),
             ("database: d\n", "expected the key public_url, which is missing"), ("", "agency.yaml:1: expected one document"))

    def run(*arguments):
        return subprocess.run((AGENCY,) + arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=folder)

    try:
        for text, why in cases:
            with open(folder + "/agency.yaml", "w") as f:
                f.write(text)
            done = run("agency.yaml")
            same(done.returncode, 2, "the status for %r" % text)
            check(why in done.stderr, "%r: %r" % (text, done.stderr))
        with open(folder + "/agency.yaml", "w") as f:
            f.write(good)
        done = run("agency.yaml")
        check(done.returncode == 1 and "/p cannot be read" in done.stderr, "no passphrase: %r" % done)
        with open(folder + "/p", "w") as f:
            f.write("x\n")
        first, second = run("--print-invitation", "agency.yaml"), run("--print-invitation", "agency.yaml")
        same((first.returncode, first.stdout), (0, second.stdout), "the invitation stays")
        check(first.stdout.startswith("invitation: https://a.example?oob="), "the invitation: %r" % first.stdout)
        same({os.stat(folder + "/" + name).st_mode & 0o777 for name in ("d", "w")}, {0o600}, "who may read the files")
        with open(folder + "/p", "w") as f:
            f.write("y\n")
        done = run("agency.yaml")
        check(done.returncode == 1 and done.stderr, "another passphrase: %r" % done)
        check(run("--help").stdout.startswith("Usage: ") and run("--version").stdout.startswith("patchbay-agency "), "--help, --version")
        same([run().returncode, run("--nothing").returncode, run("a", "b").returncode], [2, 2, 2], "usage")
    finally:
        shutil.rmtree(folder)


def main():
    try:
        command_line()
    except e2e.Failed as why:
        print("FAILED: command_line: %s" % why)
        return 1
    for test, options in ((pickup, {}), (sigterm, {}), (pages, {}), (refusals, {}), (links, {}), (kills, {}),
                          (limits, {"messages": 2, "clients": 2, "envelope": 1024})):
        began, world = time.monotonic(), World()
        try:
            world.configure(**options)
            world.start()
            test(world)
            world.stop()
        except (e2e.Failed, OSError) as why:
            print("FAILED: %s: %s\n%s" % (test.__name__, why, "".join(world.agency.said)))
            return 1
        finally:
            world.clean_up()
        print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
    return 0


if __name__ == "__main__":
    sys.exit(main())
