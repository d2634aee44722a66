"""The packages that conformance.py tries: how the outside world of each is driven, and what it has seen.

To add one: a class, and its row in PACKAGES.
"""
import fcntl
import http.client
import http.server
import os
import re
import socket
import tempfile
import threading
import time

import world as w
import tcp_wire

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e", "packages")
SHARE = w.BUILD + "/share/patchbay/connections/"
LIBEXEC = w.BUILD + "/libexec/patchbay/"


class Package:
    """One package in one world. Its agent is led by `conductor`, which the test sets."""

    protocol = w.DEFAULT  # of what the agent sends
    outcome = "OK"        # of what the agent sends
    override = ""         # in agent.yaml
    bad_override = ""     # a value of another type, and what is said of it
    bad_says = ""
    edit = {}             # of connection.yaml for the test of restrictions
    may_leave = False     # when it drains, does it leave something to the next process?
    drain_ms = 10000

    def __init__(self):
        self.world = self.conductor = self.process = None
        self.processes = []  # all that have ever been
        self.driven = 0

    def start(self):
        self.process = self.world.connection(self.name, self.executable, PATCHBAY_DRAIN_MS=str(self.drain_ms))
        self.processes.append(self.process)

    def target(self, protocol=None):
        self.conductor.to("outside", self.public_id, protocol or self.protocol)

    def seen(self):
        """The numbers of the agent's envelopes that the outside world has seen, in their order, again as often as they came."""
        raise NotImplementedError

    def drive(self, count):
        """Let the outside world give so many more."""

    def check_driven(self, once):
        """The agent has got all of them: in order, and if so asked exactly once."""

    def restricted(self):
        """With `edit`: what its own restrictions refuse. Says what the sender is told in each direction."""
        raise NotImplementedError


class Numbered:
    """What the outside world gives has numbers that the agent tells."""

    def check_driven(self, once):
        w.wait_for(lambda: set(self.arrived()) >= set(range(1, self.driven + 1)), w.GUARD, "all %d that came in" % self.driven)
        arrived = self.arrived()
        w.check(w.firsts(arrived) == list(range(1, self.driven + 1)), "what came in is not in order")
        w.check(not once or len(arrived) == self.driven, "something came in twice")


class Stub(Numbered, Package):
    name, public_id, folder, executable = "stub", "fetchai/stub:0.21.3", SHARE + "stub", LIBEXEC + "stub"
    bad_override = "config:\n  input_file: [a, b]\n"
    bad_says = "expected the same kind of value"
    edit = {"excluded_protocols: []": "excluded_protocols: [test/forbidden:1.0.0]"}

    def path(self, name):
        return self.world.dir + "/" + name

    def seen(self):
        try:
            with open(self.path("output_file"), "rb") as f:
                return [int(n) for n in re.findall(rb"outside,asker,[^,]*,(\d{8})", f.read())]
        except FileNotFoundError:
            return []

    def append(self, protocol, message):
        with open(self.path("input_file"), "ab") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write(b"asker,outside,%s,%s,\n" % (protocol.encode(), message))

    def drive(self, count):
        for _ in range(count):
            self.driven += 1
            self.append(w.DEFAULT, b"line %d" % self.driven)

    def arrived(self):
        return [int(text.split()[1]) for text in self.conductor.got()]

    def check_driven(self, once):
        super().check_driven(once)
        w.wait_for(lambda: os.path.getsize(self.path("input_file")) == 0, w.GUARD, "an empty input_file")
        w.check(not os.path.exists(self.path("input_file.rejected")), "something was rejected")

    def restricted(self):
        rule = self.world.rule("stub", "excluded_protocols") + ": excluded_protocols names it"
        refused_out(self, "test/forbidden:1.0.0", rule)
        self.append("test/forbidden:1.0.0", b"no line")
        w.wait_for(lambda: "REFUSED" in self.world.said(), w.GUARD, "the stub tells of it")
        with open(self.path("input_file.rejected")) as f:
            w.check(f.read() == "asker,outside,test/forbidden:1.0.0,no line,\n", "the line was not kept")
        refused_in(self, rule)
        self.drive(1)
        self.check_nothing_else_came()

    def check_nothing_else_came(self):
        w.wait_for(self.conductor.got, w.GUARD, "what is allowed")
        w.check(self.conductor.got() == ["line 1"], "what is forbidden came in")


class Loop(Package):
    """Its outside world is the agent itself: an envelope is settled when it has come back. While it drains, none can come back:
    what it has taken is left to the next process."""

    name, public_id, folder, executable = "loop", "patchbay/loop:0.1.0", E2E + "/loop", w.BUILD + "/tests/loop"
    bad_override = "patchbay:\n  replay: sometimes\n"
    bad_says = "safe, keyed or never"
    edit = {"restricted_to_protocols: []": "restricted_to_protocols: ['%s#there']" % w.DEFAULT}
    may_leave, drain_ms = True, 500

    def seen(self):
        return [int(text[:8]) for text in self.conductor.got()]

    def restricted(self):
        """What goes there has the operation, what comes back has not: that end is the end of the first."""
        rule = self.world.rule("loop", "restricted_to_protocols") + ": restricted_to_protocols does not name it"
        refused_out(self, "test/forbidden:1.0.0", rule)
        self.conductor.to("outside", self.public_id, w.DEFAULT, "there")
        self.conductor.send(1)
        w.check(self.conductor.wait_ended()[-1][1] == "REFUSED", "what comes back is not refused")
        refused_in(self, rule)
        w.check(not self.conductor.got(), "what is forbidden came in")


class Clock(Package):
    name, public_id, folder, executable = "clock", "patchbay/clock:0.1.0", w.BUILD + "/examples/clock", w.BUILD + "/examples/clock/clock"
    override = "config:\n  period: 5\n"
    bad_override = "config:\n  period: soon\n"
    bad_says = "expected an integer, found 'soon'"
    edit = {"restricted_to_protocols: [%s]" % w.DEFAULT: "restricted_to_protocols: ['%s#there']" % w.DEFAULT}

    def seen(self):
        lines = [line for process in self.processes for line in list(process.lines)]
        return [int(m[1]) for m in (re.match(r"asker: (\d{8})", line) for line in lines) if m]

    def check_driven(self, once):
        """It has no numbers; it goes on."""
        before = len(self.conductor.got())
        w.wait_for(lambda: len(self.conductor.got()) > before + 2, w.GUARD, "the time")
        w.check(all(re.fullmatch(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", text) for text in self.conductor.got()), "this is no time")

    def restricted(self):
        rule = self.world.rule("clock", "restricted_to_protocols") + ": restricted_to_protocols does not name it"
        refused_out(self, "test/forbidden:1.0.0", rule)
        refused_in(self, rule)
        w.check(not self.conductor.got(), "what is forbidden came in")


class Scaffold(Package):
    """What `patchbay scaffold` makes, untouched."""

    name, options = "scaffold", ()
    bad_override = "config:\n  greeting: [a, b]\n"
    bad_says = "expected the same kind of value"
    edit = {"excluded_protocols: []": "excluded_protocols: [test/forbidden:1.0.0]"}

    def __init__(self):
        super().__init__()
        self.public_id = "me/%s:0.1.0" % self.name
        self.home = tempfile.TemporaryDirectory(prefix="pbay-scaffold-")
        self.folder = os.path.join(self.home.name, self.name)
        self.executable = os.path.join(self.folder, self.name)
        for words in (("scaffold", "connection", self.name, "--out", self.home.name) + self.options, ("build", self.folder)):
            done = w.e2e.patchbay(*words)
            w.check(done.returncode == 0, "%s: %s%s" % (words[0], done.stdout, done.stderr))

    def seen(self):
        lines = [line for process in self.processes for line in list(process.lines)]
        return [int(m[1]) for m in (re.match(r"hello asker: (\d{8})", line) for line in lines) if m]

    def restricted(self):
        refused_out(self, "test/forbidden:1.0.0", self.world.rule(self.name, "excluded_protocols") + ": excluded_protocols names it")


class ScaffoldSync(Scaffold):
    name, options = "scaffold_sync", ("--sync",)


class HttpServer(Package):
    """What an agent sends without having been asked is no answer, and no message either, and ends MALFORMED; so the order of these ends is looked at."""

    name, public_id, folder, executable = "http_server", "valory/http_server:0.22.0", SHARE + "http_server", LIBEXEC + "http_server"
    protocol, outcome = w.HTTP, "MALFORMED"
    bad_override = "config:\n  port: many\n"
    bad_says = "expected an integer, found 'many'"
    edit = {"excluded_protocols: []": "excluded_protocols: ['%s#get']" % w.HTTP}
    clients = 4

    def __init__(self):
        super().__init__()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.override = "config:\n  port: %d\n  target_skill_id: test/skill:0.1.0\n  timeout: 60\n" % self.port
        self.answers, self.threads = [], []

    def seen(self):
        return [number for number, code, text in self.conductor.ended() if code == self.outcome and "no answer for HTTP" in text]

    def ask(self, path, method="GET"):
        """(status, body); None when the connection was refused or has ended before an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=w.GUARD)
        try:
            connection.request(method, path, body=b"x" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def client(self, numbers):
        for number in numbers:
            answer = None
            while answer is None and not self.world.over:
                answer = self.ask("/%d" % number)
                if answer in (None, (503, "Service Unavailable (SHUTDOWN)\n")):
                    answer = None
                    time.sleep(w.e2e.LOOK_EVERY)
            self.answers.append(number if answer == (200, "/%d" % number) else answer)

    def drive(self, count):
        numbers = range(self.driven + 1, self.driven + count + 1)
        self.driven += count
        for i in range(self.clients):
            self.threads.append(threading.Thread(target=self.client, args=(numbers[i::self.clients],), daemon=True))
            self.threads[-1].start()

    def check_driven(self, once):
        w.wait_for(lambda: not any(t.is_alive() for t in self.threads), w.GUARD, "all answers")
        w.check(sorted(self.answers, key=str) == sorted(range(1, self.driven + 1), key=str), "answers: %s" % self.answers)
        w.wait_for(lambda: set(self.asked()) == set(range(1, self.driven + 1)), w.GUARD, "every request has come")
        answered = w.wait_for(lambda: self.conductor.said("answered") if len(self.conductor.said("answered")) == len(self.asked()) else None,
                              w.GUARD, "an end of each answer")
        codes = {line.split()[0] for line in answered}
        allowed = {"OK"} if once else {"OK", "INSTANCE_GONE", "OUTCOME_UNKNOWN"}
        w.check(codes <= allowed, "answers ended %s" % sorted(set(answered)))
        w.check(not once or len(self.asked()) == self.driven, "a request has come twice")

    def asked(self):
        return [int(path[1:]) for path in self.conductor.said("asked")]

    def restricted(self):
        rule = self.world.rule("http_server", "restricted_to_protocols", item=True)
        refused_out(self, w.DEFAULT, rule + ": restricted_to_protocols does not name it")
        status, body = self.ask("/1")
        w.check((status, body) == (502, "Bad Gateway (REFUSED)\n"), "the client is told %s" % ((status, body),))
        refused_in(self, self.world.rule("http_server", "excluded_protocols") + ": excluded_protocols names it")
        w.check(self.ask("/2", "POST") == (200, "/2"), "what is allowed")
        w.check(self.conductor.said("asked") == ["/2"], "what is forbidden came in")


class HttpClient(Package):
    """Its outside world is a server that answers each path with itself. One request at a time, so that they end in order."""

    name, public_id, folder, executable = "http_client", "valory/http_client:0.23.0", SHARE + "http_client", LIBEXEC + "http_client"
    protocol = w.HTTP
    override = "config:\n  max_requests: 1\n  timeout: 60\n"
    bad_override = "config:\n  timeout: soon\n"
    bad_says = "expected an integer, found 'soon'"
    edit = {"excluded_protocols: []": "excluded_protocols: ['%s#delete']" % w.HTTP}

    def __init__(self):
        super().__init__()
        self.paths = []
        self.server = PathServer(("127.0.0.1", 0), PathHandler)
        self.server.paths = self.paths
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def target(self, protocol=None):
        super().target(protocol)
        self.conductor.tell("url", "http://127.0.0.1:%d" % self.server.server_address[1])

    def seen(self):
        return [int(path[1:]) for path in list(self.paths)]

    def check_driven(self, once):
        """The agent has every answer."""
        everyone = ["200 /%d" % n for n in range(1, self.conductor.sent + 1)]
        w.wait_for(lambda: set(self.conductor.said("replied")) == set(everyone), w.GUARD, "all answers")
        replied = self.conductor.said("replied")
        w.check(w.firsts(replied) == everyone, "the answers are not in order")
        w.check(not once or len(replied) == len(everyone), "an answer came twice")

    def restricted(self):
        """An answer is named as its request is, so what may go out may come back."""
        rule = self.world.rule("http_client", "restricted_to_protocols", item=True)
        refused_out(self, w.DEFAULT, rule + ": restricted_to_protocols does not name it")
        rule = self.world.rule("http_client", "excluded_protocols") + ": excluded_protocols names it"
        for operation, expected in (("delete", ("REFUSED", rule)), ("get", ("OK", "")),
                                    ("post", ("FAILED", "no request for HTTP: its operation is not its method"))):
            self.conductor.to("outside", self.public_id, w.HTTP, operation)
            self.conductor.send(1)
            number, code, text = self.conductor.wait_ended()[-1]
            w.check((code, text) == expected, "%s: the sender is told %s %s" % (operation, code, text))
            w.check((number in self.seen()) == (operation == "get"), "%s at the server" % operation)
        w.check(self.conductor.said("replied") == ["200 /%d" % n for n in self.seen()], "answers")


class Webhook(Package):
    """What an agent sends is REFUSED: the order of these ends is looked at. Its outside world posts numbers, again until one is
    answered 200, as the sources of events do."""

    name, public_id, folder, executable = "webhook", "fetchai/webhook:0.20.6", SHARE + "webhook", LIBEXEC + "webhook"
    protocol, outcome = w.HTTP, "REFUSED"
    bad_override = "config:\n  timeout: soon\n"
    bad_says = "expected an integer, found 'soon'"
    edit = {"excluded_protocols: []": "excluded_protocols: ['%s#post']" % w.HTTP}
    sources = 4

    def __init__(self):
        super().__init__()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.override = ("config:\n  webhook_address: 127.0.0.1\n  webhook_port: %d\n  webhook_url_path: /hook\n"
                         "  target_skill_id: test/skill:0.1.0\n  timeout: 60\n" % self.port)
        self.posted, self.wrong, self.threads = [], [], []

    def seen(self):
        return [number for number, code, text in self.conductor.ended() if (code, text) == (self.outcome, "this connection sends nothing")]

    def post(self, query):
        """(status, body); None when the connection was refused or has ended before an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=w.GUARD)
        try:
            connection.request("POST", "/hook?%s" % query, body=b"an event")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def source(self, numbers):
        for number in numbers:
            answer = None
            while answer in (None, (503, "Service Unavailable (SHUTDOWN)\n")) and not self.world.over:
                answer = self.post(number)
                if answer is None:
                    time.sleep(w.e2e.LOOK_EVERY)
            (self.posted if answer == (200, "OK (settled)\n") else self.wrong).append(number)

    def drive(self, count):
        numbers = range(self.driven + 1, self.driven + count + 1)
        self.driven += count
        for i in range(self.sources):
            self.threads.append(threading.Thread(target=self.source, args=(numbers[i::self.sources],), daemon=True))
            self.threads[-1].start()

    def asked(self):
        return [int(path.partition("?")[2]) for path in self.conductor.said("asked")]

    def check_driven(self, once):
        everyone = set(range(1, self.driven + 1))
        w.wait_for(lambda: not any(t.is_alive() for t in self.threads), w.GUARD, "all are answered")
        w.check(not self.wrong and set(self.posted) == everyone, "answered otherwise: %s" % self.wrong)
        w.check(set(self.asked()) == everyone, "one that was answered 200 has not come")
        w.check(not once or len(self.asked()) == self.driven, "an event has come twice")

    def restricted(self):
        rule = self.world.rule("webhook", "restricted_to_protocols", item=True)
        refused_out(self, w.DEFAULT, rule + ": restricted_to_protocols does not name it")
        answer = self.post(1)
        w.check(answer == (503, "Service Unavailable (REFUSED)\n"), "the source is told %s" % (answer,))
        refused_in(self, self.world.rule("webhook", "excluded_protocols") + ": excluded_protocols names it")
        w.check(not self.conductor.said("asked"), "what is forbidden came in")


class Prometheus(Package):
    """The agent adds metrics, whose names are numbers. What is seen are the answers: the page is forgotten with its process."""

    name, public_id, folder, executable = "prometheus", "fetchai/prometheus:0.9.6", SHARE + "prometheus", LIBEXEC + "prometheus"
    protocol = "fetchai/prometheus:1.0.0"
    override = "config:\n  port: 0\n  max_metrics: 65536\n  max_page_bytes: 67108864\n"
    bad_override = "config:\n  port: many\n"
    bad_says = "expected an integer, found 'many'"
    edit = {"excluded_protocols: []": "excluded_protocols: ['fetchai/prometheus:1.0.0#update_metric']"}

    def replied(self):
        return [line.split() for line in self.conductor.said("replied")]

    def seen(self):
        return [int(number[1:]) for _, number in self.replied()]

    def check_driven(self, once):
        """Nothing was there before, even if it was done twice."""
        w.check({code for code, _ in self.replied()} == {"200"}, "answers: %s" % self.replied())

    def restricted(self):
        rule = self.world.rule("prometheus", "restricted_to_protocols", item=True)
        refused_out(self, w.DEFAULT, rule + ": restricted_to_protocols does not name it")
        rule = self.world.rule("prometheus", "excluded_protocols") + ": excluded_protocols names it"
        for operation, expected in (("update_metric", ("REFUSED", rule)), ("add_metric", ("OK", "")),
                                    ("response", ("FAILED", "no message for Prometheus: its operation is not its performative"))):
            self.conductor.to("outside", self.public_id, self.protocol, operation)
            self.conductor.send(1)
            number, code, text = self.conductor.wait_ended()[-1]
            w.check((code, text) == expected, "%s: the sender is told %s %s" % (operation, code, text))
            w.check((number in self.seen()) == (operation == "add_metric"), "%s is answered" % operation)


class Vcx(Package):
    """The agent wants connections put in that are none; each has its answer, an error."""

    name, public_id, folder, executable = "vcx", "patchbay/vcx:0.1.0", SHARE + "vcx", LIBEXEC + "vcx"
    protocol = "patchbay/vcx_connection:1.0.0"
    bad_override = "config:\n  port: 8000\n  expires_in: soon\n"
    bad_says = "expected an integer, found 'soon'"
    edit = {"excluded_protocols: []": "excluded_protocols: ['patchbay/vcx_connection:1.0.0#delete']"}

    def __init__(self):
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="pbay-vcx-")
        key = os.path.join(self.home.name, "key")
        with open(key, "wb") as f:
            os.chmod(key, 0o600)
            f.write(os.urandom(32))
        self.override = "config:\n  port: 0\n  key_file: %s\n" % key

    def replied(self):
        return [line.split() for line in self.conductor.said("replied")]

    def seen(self):
        return [int(number[1:]) for _, number in self.replied()]

    def check_driven(self, once):
        """Each has the same answer, however often it was asked."""
        w.check({code for code, _ in self.replied()} == {"1016"}, "answers: %s" % self.replied())

    def restricted(self):
        rule = self.world.rule("vcx", "restricted_to_protocols", item=True)
        refused_out(self, w.DEFAULT, rule + ": restricted_to_protocols does not name it")
        rule = self.world.rule("vcx", "excluded_protocols") + ": excluded_protocols names it"
        for operation, expected in (("delete", ("REFUSED", rule)), ("deserialize", ("OK", "")),
                                    ("create", ("FAILED", "no command for VCX: its operation is not its performative"))):
            self.conductor.to("outside", self.public_id, self.protocol, operation)
            self.conductor.send(1)
            number, code, text = self.conductor.wait_ended()[-1]
            w.check((code, text) == expected, "%s: the sender is told %s %s" % (operation, code, text))
            w.check((number in self.seen()) == (operation == "deserialize"), "%s is answered" % operation)


class Local(Package):
    """Everything that the agent sends here is for nobody, and ends FAILED: the order of these ends is looked at. Each is answered as
    well, for the agent's InBox; only an answer whose process is killed may be lost."""

    name, public_id, folder, executable = "local", "fetchai/local:0.21.6", SHARE + "local", LIBEXEC + "local"
    outcome = "FAILED"
    bad_override = "patchbay:\n  local_delivery: perhaps\n"
    bad_says = "expected true or false"
    edit = {"restricted_to_protocols: []": "restricted_to_protocols: ['%s#there']" % w.DEFAULT}

    def seen(self):
        return [number for number, code, text in self.conductor.ended() if (code, text) == (self.outcome, "Destination not available")]

    def check_driven(self, once):
        """An answer for each envelope."""
        if once:
            w.wait_for(lambda: len(self.conductor.got()) >= self.conductor.sent, w.GUARD, "all answers")
        w.check(0 < len(self.conductor.got()), "no answer has come")
        w.check(not once or len(self.conductor.got()) == self.conductor.sent, "an answer came twice")
        w.check(all("Destination not available" in text for text in self.conductor.got()), "answers: %s" % self.conductor.got()[:3])

    def restricted(self):
        """What goes there has the operation, its answer has not."""
        rule = self.world.rule("local", "restricted_to_protocols") + ": restricted_to_protocols does not name it"
        refused_out(self, "test/forbidden:1.0.0", rule)
        self.conductor.to("outside", self.public_id, w.DEFAULT, "there")
        self.conductor.send(1)
        w.check(self.conductor.wait_ended()[-1][1] == self.outcome, "what may go there")
        refused_in(self, rule)
        w.check(not self.conductor.got(), "what is forbidden came in")


class Tcp(Numbered, Package):
    """Its outside world is one peer, in a thread, that connects again, or lets in again, whenever it has lost its connection. The
    wire has no acknowledgement: what the peer had sent to a process that is killed may be lost, and nothing else is."""

    bad_override = "config:\n  port: many\n"
    bad_says = "expected an integer, found 'many'"
    edit = {"excluded_protocols: []": "excluded_protocols: [test/forbidden:1.0.0]"}

    def __init__(self):
        super().__init__()
        self.numbers, self.others, self.wire, self.lock = [], [], None, threading.Lock()

    def start(self):
        super().start()
        if len(self.processes) == 1:
            threading.Thread(target=self.peer, daemon=True).start()

    def is_over(self):
        return self.world.over

    def peer(self):
        while not self.is_over():
            connection = self.meet()
            if not connection:
                return
            with self.lock:
                self.wire = connection
            self.listen(connection)
            with self.lock:
                self.wire = None
            connection.close()

    def listen(self, connection):
        try:
            for data in iter(connection.get, None):
                e = tcp_wire.parse(data)
                number = re.match(rb"(\d{8})", e["message"])
                if number and (e["to"], e["sender"]) == ("outside", "asker"):
                    self.numbers.append(int(number[1]))
                else:
                    self.others.append(e)
        except tcp_wire.Wire.TornFrame:
            pass  # its process was killed

    def seen(self):
        return list(self.numbers)

    def put(self, protocol, message):
        """When there is a connection."""
        data = tcp_wire.envelope("asker", "outside", protocol, message)
        while True:
            w.wait_for(lambda: self.wire, w.GUARD, "a connection")
            with self.lock:
                if self.wire:
                    try:
                        return self.wire.put(data)
                    except OSError:
                        return None  # lost, as the peer's other words on this connection may be

    def drive(self, count):
        for _ in range(count):
            self.driven += 1
            self.put(w.DEFAULT, b"line %d" % self.driven)

    def arrived(self):
        return [int(text.split()[1]) for text in self.conductor.got()]

    def check_driven(self, once):
        if once:
            super().check_driven(once)
            return
        self.drive(1)
        w.wait_for(lambda: self.driven in self.arrived(), w.GUARD, "what came in last")
        arrived = self.arrived()
        w.check(arrived == sorted(set(arrived)), "what came in is not in order, or came twice")

    def restricted(self):
        refused_out(self, "test/forbidden:1.0.0", self.world.rule(self.name, "excluded_protocols") + ": excluded_protocols names it")
        self.put("test/forbidden:1.0.0", b"no line")
        error = w.wait_for(lambda: self.others, w.GUARD, "the peer is told")[0]
        w.check((error["to"], error["sender"], error["protocol"]) == ("outside", "asker", w.DEFAULT), "told with %s" % error)
        w.check(b"REFUSED" in error["message"] and b"test/forbidden:1.0.0" in error["message"], "told %s" % error)
        refused_in(self, self.world.rule(self.name, "excluded_protocols") + ": excluded_protocols names it")
        self.drive(1)
        w.wait_for(self.conductor.got, w.GUARD, "what is allowed")
        w.check(self.conductor.got() == ["line 1"], "what is forbidden came in")


class TcpServer(Tcp):
    name, public_id, folder, executable = "tcp_server", "fetchai/tcp_server:0.17.3", SHARE + "tcp_server", LIBEXEC + "tcp_server"

    def __init__(self):
        super().__init__()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.override = "config:\n  port: %d\n  client_grace: 60\n" % self.port

    def meet(self):
        return tcp_wire.dial_until(self.port, "outside", self.is_over)


class TcpClient(Tcp):
    name, public_id, folder, executable = "tcp_client", "fetchai/tcp_client:0.17.3", SHARE + "tcp_client", LIBEXEC + "tcp_client"

    def __init__(self):
        super().__init__()
        self.listener = tcp_wire.Listener()
        self.override = "config:\n  port: %d\n" % self.listener.port

    def meet(self):
        while not self.is_over():
            try:
                connection, address = self.listener.accept()
            except OSError:
                return None
            if address == "asker":
                return connection
            connection.close()
        return None


class PathServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Its client was killed."""


class PathHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.paths.append(self.path)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def refused_out(package, protocol, rule):
    """Agent -> connection: its sender is told which rule."""
    package.target(protocol)
    package.conductor.send(1)
    number, code, text = package.conductor.wait_ended()[-1]
    w.check((code, text) == ("REFUSED", rule), "the sender is told %s %s" % (code, text))
    w.check(number not in package.seen(), "what is forbidden went out")


def refused_in(package, rule):
    """Connection -> agent: the broker has told the connection which rule."""
    ends = w.wait_for(lambda: package.world.ends(package.name), w.GUARD, "an end")
    w.check(all((e["code"], e["text"]) == ("REFUSED", rule) for e in ends), "the connection was told %s" % ends)


PACKAGES = {package.name: package for package in (Stub, Loop, Clock, Scaffold, ScaffoldSync, HttpServer, HttpClient, TcpServer, TcpClient, Webhook,
                                                  Prometheus, Vcx, Local)}
