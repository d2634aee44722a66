"""What the tests of VCX connections share: two agents, each with its own `patchbay up`, broker and VCX connection, led from the
test's own process; and small HTTP servers, for what connections ask of the world.
"""
import http.client
import http.server
import json
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time

import web_world as of
from web_world import check, e2e, same

import msgpack

PROTOCOL = "patchbay/vcx_connection:1.0.0"
PUBLIC_ID = "patchbay/vcx:0.1.0"
INITIALIZED, OFFERED, REQUESTED, ACCEPTED, UNFULFILLED, EXPIRED, REVOKED = range(1, 8)
CONNECT, HANDLE, NOT_READY, OPTION, POST, JSON, INVITE, STATE, ACTION = 1002, 1003, 1005, 1007, 1010, 1016, 1045, 1081, 1103
ENVELOPE = "application/ssi-agent-wire"


class Error(Exception):
    """The connection's answer `error`."""

    def __init__(self, contents):
        super().__init__("%(code)d %(description)s" % contents)
        self.code, self.description = contents["code"], contents["description"]


class Answer(dict):
    __getattr__ = dict.__getitem__


class Peer(of.World):
    """An agent with its VCX connection. `others` are led at the same time."""

    def __init__(self, name, config=(), patchbay=()):
        config = {"host": "127.0.0.1", "key_file": "key", "encoding": "msgpack", "label": name, "allow_private_endpoints": "true",
                  "retry_first": 50, "retry_most": 500, **dict(config)}
        # One with a mediator listens nowhere; the world's port then is a number for something else.
        super().__init__(PUBLIC_ID, "max_connections" if "mediator" in config else "port", config, patchbay)
        self.name, self.others, self.replies, self.events, self.again = name, [self], {}, [], 0
        self.config, self.asked = config, {}
        self.raw_events, self.deaf, self.failed = [], False, []
        with open(os.path.join(self.dir, "key"), "wb") as f:
            os.chmod(f.name, 0o600)
            f.write(os.urandom(32))

    @property
    def url(self):
        return "http://127.0.0.1:%d/" % self.port

    def poll_until(self, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))
            for peer in self.others:
                if peer.node:
                    peer.node.poll(5)

    # ---- what comes ----

    def take(self, e):
        number, starter, _, target, performative, contents = msgpack.unpackb(e.message)
        if self.deaf:
            self.failed.append(starter)
            self.node.fail(e, "not now")
            return
        self.node.finish(e)
        if target:
            same((number, target), (-1, 1), "the place in the dialogue")
            if starter in self.replies:
                same((performative, contents), self.replies[starter], "the same reply again")
                self.again += 1
            self.replies[starter] = (performative, contents)
            return
        same((number, target, e.to), (1, 0, of.AGENT), "an event")
        self.raw_events.append((starter, dict(e.meta), performative, contents))
        if starter not in [s for s, *_ in self.raw_events[:-1]]:
            self.events.append(Answer(contents, performative=performative))

    def event(self, performative, **expected):
        """The first of these; it is gone then."""
        def find():
            return next((e for e in self.events if e["performative"] == performative and
                         all(e.get(k) == v for k, v in expected.items())), None)
        self.poll_until(find, "%s: an event %s %s; there are %s" % (self.name, performative, expected, self.events[-5:]))
        found = find()
        self.events.remove(found)
        return found

    def message(self, connection_id, kind):
        """The JSON of the next message of this kind."""
        def find():
            return next((e for e in self.events if e["performative"] == "message_received" and e["connection_id"] == connection_id and
                         e["msg_type"].endswith("/" + kind)), None)
        self.poll_until(find, "%s: a message %s" % (self.name, kind))
        found = find()
        self.events.remove(found)
        return json.loads(found["json"])

    # ---- commands ----

    def put(self, performative, starter=None, **contents):
        self.puts += 1
        starter = starter or "%s %d" % (self.name, self.puts)
        put = self.node.put(PUBLIC_ID, of.SKILL, PROTOCOL, msgpack.packb([1, starter, "", 0, performative, contents]))
        put.starter, put.again = starter, (performative, contents)
        return put

    def is_over(self, put):
        return put.code is not None and (put.code or put.starter in self.replies)

    def end(self, put):
        """Its reply."""
        self.poll_until(lambda: self.is_over(put), "%s: a reply to %s" % (self.name, put.again[0]))
        check(put.code == 0, "%s ended %s %s" % (put.again[0], put.code, getattr(put, "text", "")))
        performative, contents = self.replies[put.starter]
        if performative == "error":
            raise Error(contents)
        return Answer(contents, performative=performative)

    def ask(self, performative, **contents):
        if isinstance(contents.get("options"), dict):
            contents["options"] = json.dumps(contents["options"])
        return self.end(self.put(performative, **contents))

    def fails(self, code, performative, **contents):
        try:
            answer = self.ask(performative, **contents)
        except Error as error:
            same(error.code, code, "%s: %s" % (performative, error.description))
            return error.description
        raise e2e.Failed("%s was answered %s" % (performative, answer))

    def state(self, connection_id):
        return self.ask("get_state", connection_id=connection_id).state

    def wait_state(self, connection_id, state):
        deadline = time.monotonic() + e2e.ANSWER
        while self.state(connection_id) != state:
            check(time.monotonic() < deadline, "%s: %s is in state %d, not %d" % (self.name, connection_id, self.state(connection_id), state))

    # ---- both sides ----

    def invite(self, handshake="auto", options="", **more):
        """(connection_id, invitation's URL)"""
        made = self.ask("create", source_id="for a peer", handshake=handshake, **more)
        return made.connection_id, self.ask("connect", connection_id=made.connection_id, options=options).invite_url

    def follow(self, invite, handshake="auto", options="", **more):
        made = self.ask("create_with_invite", source_id="of a peer", invite=invite, handshake=handshake, **more)
        same(self.ask("connect", connection_id=made.connection_id, options=options).state, REQUESTED, "the request is sent")
        return made.connection_id

    def meet(self, other, handshake="auto", **more):
        """Accepted on both sides: their ids."""
        mine, url = self.invite(handshake, **more)
        theirs = other.follow(url, **more)
        for peer, one in ((self, mine), (other, theirs)):
            peer.event("state_changed", connection_id=one, to_state=ACCEPTED)
        return mine, theirs

    def talk(self, mine, other, theirs, text):
        uid = self.ask("send_message", connection_id=mine, content=text).msg_uid
        message = other.message(theirs, "message")
        same((message["content"], message["@id"]), (text, uid), "what was said")

    # ---- its process ----

    def stop(self):
        """An event that comes at the last moment may be left: it is in the database, and the next process's."""
        self.poll_until(self.node.idle, "nothing is left to the agent")
        self.node.close()
        self.up.terminate()
        same(self.wait_end(60), 0, "the status of patchbay up")

    def pid(self):
        return self.pids()[self.key]

    def kill_process(self):
        """It has another one afterwards."""
        pid = self.pid()
        os.kill(pid, 9)
        self.wait_again(pid)


class Server(http.server.ThreadingHTTPServer):
    """Answers with what `answers` makes of a request: (status, type, body)."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.requests = answer, []
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_):
        """Its client was killed."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Answer(method=self.command, path=self.path, headers=dict(self.headers), body=body)
        self.server.requests.append(request)
        status, kind, body, *more = self.server.answer(request)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in more:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do


class Proxy(Server):
    """Gives each request to an agent's connection; what `seen` makes of request and answer is answered."""

    def __init__(self, port, seen=None):
        self.port, self.statuses, self.seen = port, [], seen
        super().__init__(self.forward)

    def post(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=of.http_world.CLIENT_TIMEOUT)
        try:
            kind = {"Content-Type": request.headers["Content-Type"]} if "Content-Type" in request.headers else {}
            connection.request(request.method, request.path, body=request.body, headers=kind)
            answer = connection.getresponse()
            self.statuses.append((request.method, answer.status))
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()

    def forward(self, request):
        answer = self.post(request)
        return self.seen(self, request, answer) if self.seen else answer


class Agency:
    """patchbay-agency, as a mediator."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="pbay-agency-", dir="/tmp")
        self.port = of.http_world.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        with open(self.dir + "/key", "wb") as f:
            os.chmod(f.name, 0o600)
            f.write(os.urandom(32))
        with open(self.dir + "/agency.yaml", "w") as f:
            f.write("public_url: %s\nlisten: {host: 127.0.0.1, port: %d}\ndatabase: agency.db\nwallet: agency.wallet\nkey_file: key\n"
                    "allow_private_endpoints: true\n" % (self.url, self.port))
        done = subprocess.run([e2e.BUILD + "/bin/patchbay-agency", "--print-invitation", self.dir + "/agency.yaml"],
                              stdout=subprocess.PIPE, universal_newlines=True, timeout=60)
        same(done.returncode, 0, "--print-invitation")
        self.invitation = re.search(r"^invitation: (\S+)", done.stdout, re.M)[1]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([e2e.BUILD + "/bin/patchbay-agency", self.dir + "/agency.yaml"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


def main(*cases):
    """Each ((config of a, config of b), test(a, b)); on failure print what the processes have said."""
    for configs, test in cases:
        began = time.monotonic()
        peers = [Peer(name, config) for name, config in zip(("alice", "bob", "carol"), configs)]
        for peer in peers:
            peer.others = peers
        try:
            for peer in peers:
                peer.start()
            test(*peers)
            for peer in peers:
                peer.stop()
            bad = [x for p in peers for x in p.output().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x]
            check(not bad, "a process complained of itself: %s" % bad)
        except (e2e.Failed, OSError, Error) as why:
            for peer in peers:
                if os.path.exists(peer.log):
                    print("---- %s\n%s" % (peer.name, peer.output()))
            print("FAILED: %s: %s: %s" % (test.__name__, type(why).__name__, why))
            return 1
        finally:
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began), flush=True)
            for peer in peers:
                peer.clean_up()
    return 0
