"""What the tests of the HTTP client share: `patchbay up` with it, an agent that asks, and a real server that is asked.

The agent is tests/client/patchbay_client.py in the test's own process; the server is python's, in threads of it.
"""
import http.server
import os
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "client"))
import msgpack

import admin
import demo as e2e
import http_world
import patchbay_client as client

PROTOCOL, SKILL = "valory/http:1.0.0", "test/skill:0.1.0"
CLIENT, SERVER = "valory/http_client:0.23.0", "valory/http_server:0.22.0"
KEY = ("connection", "http_client", "0")
check = e2e.check


# ---- the server that is asked ----

class Handler(http.server.BaseHTTPRequestHandler):
    """Each on_NAME answers /NAME/REST or /NAME?REST."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.asked = 0
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, *_):
        pass

    def answer(self, body=b"", status=200, headers=()):
        with self.server.lock:
            self.server.active -= 1
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def on_echo(self, _):
        self.answer(self.body)

    def on_size(self, n):
        self.answer(b"x" * int(n))

    def on_chunked(self, n):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for left in range(int(n), 0, -1000):
            self.wfile.write(b"%x\r\n%s\r\n" % (min(left, 1000), b"x" * min(left, 1000)))
        self.wfile.write(b"0\r\n\r\n")

    def on_redirect(self, n):
        n = int(n)
        self.answer(b"a redirect", 302, [("Location", "/redirect/%d" % (n - 1))]) if n else self.answer(b"arrived")

    def on_status(self, rest):
        status, path = rest.split("/", 1)
        self.answer(b"", int(status), [("Location", "/" + path)])

    def on_to(self, url):
        self.answer(b"", 302, [("Location", url)])

    def on_method(self, _):
        self.answer(b"%s %d" % (self.command.encode(), len(self.body)))

    def on_headers(self, _):
        self.answer(bytes(self.headers))

    def on_strange(self, _):
        self.wfile.write(b"HTTP/1.1 250 Z\xfcrich \x01!\r\nX-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\nX-Two: 1\r\nX-Empty:\r\nX-Two: 2\r\n"
                         b"Content-Length: 2\r\n\r\nok")

    def on_heads(self, n):
        self.answer(b"x", 200, [("X-Filler", "y" * 1000)] * int(n))

    def on_hold(self, _):
        with self.server.lock:
            self.server.held += 1
        self.server.released.wait(http_world.CLIENT_TIMEOUT)
        self.answer(b"released")

    def on_silent(self, _):
        """Reads, and never says anything."""
        self.server.released.wait(http_world.CLIENT_TIMEOUT)
        self.close_connection = True

    def on_once(self, _):
        """The first request of a connection is answered; the second one ends it."""
        if self.asked == 1:
            self.answer(b"once")
        else:
            self.close_connection = True

    def act(self):
        self.asked += 1
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.requests.append("%s %s" % (self.command, self.path))
            self.server.active += 1
            self.server.most = max(self.server.most, self.server.active)
        name, _, rest = self.path[1:].replace("?", "/").partition("/")
        getattr(self, "on_" + name)(rest)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = act


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.released = threading.Lock(), threading.Event()
        self.connections, self.held, self.active, self.most, self.requests = 0, 0, 0, 0, []
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.replace("cert", "key"))
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, *_):
        """A client that has gone is part of the tests."""

    def url(self, path, host="127.0.0.1"):
        return "%s://%s:%d%s" % (self.scheme, host, self.server_address[1], path)

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


# ---- the agent that asks ----

class Ask:
    """One request: how its envelope has ended, and the answers that came for it."""

    def __init__(self, put):
        self.put, self.answers = put, []

    @property
    def code(self):
        return self.put.code

    @property
    def answer(self):
        """The one that has come."""
        check(self.code == 0 and len(self.answers) == 1, repr(self))
        return self.answers[0]

    def __repr__(self):
        return "ended %s %s, answers %r" % (self.code, getattr(self.put, "text", ""), self.answers)[:600]


class Answer:
    def __init__(self, fields):
        self.message_id, self.starter, self.responder, self.target, self.performative, contents = fields
        vars(self).update(contents)

    def header(self, name):
        return [line.partition(": ")[2] for line in self.headers.splitlines() if line.partition(": ")[0].lower() == name.lower()]

    def __repr__(self):
        return "%d %r %r %r" % (self.status_code, self.status_text, self.headers, self.body[:200])


class Agent:
    """Asks the HTTP client; answers, for the HTTP server, each request with its own body."""

    def __init__(self, run, instance="tests"):
        self.node = client.Node("ipc://%s/broker.ipc" % run, client.AGENT, "asker", "asker", instance=instance, on_envelope=self.take,
                                on_outcome=lambda put: None)
        self.node.log = lambda *_: None
        self.asks, self.n, self.foreign = {}, 0, []

    def request(self, url, method="get", body=b"", headers="", starter=None, number=1, target=0):
        return msgpack.packb([number, starter, "", target, "request",
                              {"method": method, "url": url, "version": "", "headers": headers, "body": body}])

    def put(self, message, protocol=PROTOCOL):
        return Ask(self.node.put(CLIENT, SKILL, protocol, message))

    def ask(self, url, **fields):
        """Without waiting for anything."""
        self.n += 1
        starter = "dialogue %d" % self.n
        self.asks[starter] = ask = self.put(self.request(url, starter=starter, **fields))
        return ask

    def take(self, e):
        fields = msgpack.unpackb(e.message)
        if fields[4] == "response":
            ask = self.asks.get(fields[1])
            (ask.answers if ask else self.foreign).append(Answer(fields))
        else:
            contents = {"version": "", "status_code": 200, "status_text": "", "headers": "", "body": fields[5]["body"]}
            answer = msgpack.packb([-1, fields[1], fields[2], 1, "response", contents])
            self.node.put(e.sender, e.to, e.protocol, answer, reply_to=e.reply_to)
        self.node.finish(e)

    def poll_until(self, predicate, what):
        deadline = time.monotonic() + e2e.ANSWER
        while not predicate():
            check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))
            self.node.poll(20)

    def wait(self, *asks):
        """Until each has ended, and has an answer if it was settled."""
        self.poll_until(lambda: all(a.code is not None and (a.answers or a.code) for a in asks), "ends and answers of %r" % (asks,))
        return asks

    def get(self, url, **fields):
        """The one answer."""
        return self.wait(self.ask(url, **fields))[0].answer


# ---- the world ----

class World(e2e.Demo):
    """`patchbay up` with http_client and http_server; config: keys of http_client, extra: more of its override, patchbay: keys of
    the broker."""

    def __init__(self, config=(), patchbay=(), server=None, certificate=False, extra=""):
        super().__init__()
        self.port = http_world.free_port()
        self.agent, self.servers = None, []
        if certificate:
            self.make_certificate()
        text = "agent_name: asker\nconnections:\n- %s\n- %s\npatchbay:\n  heartbeat: 200ms\n" % (CLIENT, SERVER)
        text += "".join("  %s: %s\n" % item for item in dict(patchbay).items())
        text += self.override(CLIENT, dict(config), extra)
        text += self.override(SERVER, {"port": self.port, "target_skill_id": SKILL, "encoding": "msgpack", **(server or {})})
        with open(self.yaml, "w") as f:
            f.write(text)

    @staticmethod
    def override(public_id, config, extra=""):
        keys = "".join("  %s: %s\n" % item for item in config.items())
        return "---\npublic_id: %s\ntype: connection\n%s%s" % (public_id, "config:\n" + keys if keys else "", extra)

    def make_certificate(self):
        e2e.subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                            "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"], cwd=self.dir, check=True,
                           stdout=e2e.subprocess.DEVNULL, stderr=e2e.subprocess.DEVNULL)

    def start(self):
        super().start(wait=False)
        self.wait_connected((e2e.BROKER, KEY, ("connection", "http_server", "0")))
        self.agent = Agent(self.run)
        return self.agent

    def given(self):
        """How many envelopes the HTTP client has that it has not settled."""
        return sum(stream["given"] for stream in admin.get(self.run, "/v1/streams").get("streams", []) if stream["at"] == KEY[1])

    def serve(self, certificate=None):
        server = Server(certificate)
        self.servers.append(server)
        return server

    def stop(self):
        if self.agent:
            self.agent.poll_until(self.agent.node.idle, "nothing is left to the agent")
            self.agent.node.close()
        self.up.terminate()
        check(self.wait_end(60) == 0, "patchbay up has not ended well")
        left = [line for line in self.output().splitlines() if "left: " in line]
        check(not left, "something was left: %s" % left)

    def clean_up(self):
        for server in self.servers:
            server.close()
        self.servers = []
        super().clean_up()


def main(*cases):
    """Run each (options of World, test(world)); on failure print what the processes have said."""
    for options, test in cases:
        began = time.monotonic()
        world = World(**options)
        try:
            test(world)
            if world.up:
                world.stop()
            bad = [x for x in world.output().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x]
            check(not bad, "a process complained of itself: %s" % bad)
        except (e2e.Failed, OSError) as why:
            sys.stdout.write(world.output() if os.path.exists(world.log) else "")
            print("FAILED: %s: %s" % (test.__name__, why))
            return 1
        finally:
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
            world.clean_up()
    return 0
