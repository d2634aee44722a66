"""What the tests of the HTTP server share: an agent with it, a stub beside it, and clients down to single bytes.

The agent is tests/e2e/http_agent.c; its head says which path does what.
"""
import fcntl
import os
import re
import resource
import socket
import ssl
import sys
import time

import demo as e2e

HTTP = e2e.HTTP
CLIENT_TIMEOUT = 60  # seconds; a guard: nothing hangs


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def many_files():
    """As many open files as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class World(e2e.Demo):
    """`patchbay up` with http_server and the stub; config: keys of http_server, patchbay: of the broker."""

    def __init__(self, config=(), patchbay=(), agent="http_agent", instances=1):
        super().__init__()
        self.port = free_port()
        self.instances = instances
        values = {"port": self.port, "target_skill_id": "test/skill:0.1.0"}
        values.update(config)
        broker = {"command": "[%s/tests/%s]" % (e2e.BUILD, agent)} if agent == "http_agent" else {"command": "[%s]" % agent}
        broker.update(patchbay)
        with open(self.yaml, "w") as f:
            f.write("agent_name: echo_agent\nconnections:\n- fetchai/stub:0.21.3\n- valory/http_server:0.22.0\n"
                    "default_connection: fetchai/stub:0.21.3\npatchbay:\n")
            f.write("".join("  %s: %s\n" % item for item in broker.items()))
            f.write("---\npublic_id: valory/http_server:0.22.0\ntype: connection\nconfig:\n")
            f.write("".join("  %s: %s\n" % item for item in values.items()))
            f.write("patchbay:\n  instances: %d\n" % instances)

    def wait_connected(self, which=None):
        instances = tuple(HTTP[:2] + (str(i),) for i in range(self.instances))
        super().wait_connected(which or (e2e.BROKER, e2e.STUB, e2e.AGENT) + instances)

    def rss(self, key=HTTP):
        """KiB of memory of a process."""
        with open("/proc/%d/status" % self.pids()[key]) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def is_sanitized(self):
        """Built with a sanitizer, which keeps what was freed: then memory says nothing."""
        with open("/proc/%d/maps" % self.pids()[HTTP]) as f:
            return "libasan" in f.read()

    def wait_said(self, pattern, seconds=e2e.ANSWER):
        return e2e.wait_for(lambda: re.search(pattern, self.output()), seconds, "a line like %r" % pattern)

    def release(self):
        """Make the agent answer what it holds."""
        with open(os.path.join(self.dir, "input_file"), "a") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write("echo_agent,tester,fetchai/default:1.0.0,release,\n")

    def wait_held(self, n):
        self.wait_said(r"http_agent: holds %d\n" % n)

    def stop(self):
        self.up.terminate()
        e2e.check(self.wait_end(60) == 0, "patchbay up has not ended well")
        left = re.findall(r".*left: .*", self.output())
        e2e.check(not left, "something was left: %s" % left)

    def connect(self, **options):
        return Client(self.port, **options)

    def get(self, path, **options):
        """The answer to one GET on a connection of its own."""
        with self.connect() as client:
            return client.ask("GET", path, **options)


class Answer:
    def __init__(self, status, headers, body, head):
        self.status, self.headers, self.body, self.head = status, headers, body, head

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:200])


class Client:
    """One connection. Requests are written as they are given: nothing is added behind a test's back."""

    def __init__(self, port, tls=None, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), CLIENT_TIMEOUT)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.settimeout(CLIENT_TIMEOUT)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, method, path, body=b"", headers=()):
        head = ["%s %s HTTP/1.1" % (method, path), "Host: localhost"]
        head += ["%s: %s" % header for header in headers]
        if body:
            head.append("Content-Length: %d" % len(body))
        self.send("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    def ask(self, method, path, body=b"", headers=()):
        self.send_request(method, path, body, headers)
        return self.answer(method)

    def more(self):
        """False at the end of the connection, however that comes."""
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return False
        self.buffer += data
        return bool(data)

    def answer(self, method="GET"):
        """The next answer; None when the connection has ended without one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        lengths = [int(v) for k, v in headers if k.lower() == "content-length"]
        n = 0 if method == "HEAD" or status in (204, 304) or status < 200 else lengths[0] if lengths else None
        while n is None or len(rest) < n:
            self.buffer = b""
            if not self.more():
                if n is not None:
                    return None
                break
            rest += self.buffer
        n = len(rest) if n is None else n
        self.buffer = rest[n:]
        if status == 100:
            return self.answer(method)
        return Answer(status, headers, rest[:n], head)

    def at_end(self):
        """Has the server closed the connection, and said nothing more? Waits for it."""
        while self.more():
            pass
        return self.buffer == b""


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
            e2e.check(not bad, "a process complained of itself: %s" % bad)
        except (e2e.Failed, OSError) as why:
            sys.stdout.write(world.output() if os.path.exists(world.log) else "")
            print("FAILED: %s: %s" % (test.__name__, why))
            return 1
        finally:
            print("%s: %.1f s" % (test.__name__, time.monotonic() - began))
            world.clean_up()
    return 0
