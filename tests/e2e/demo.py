"""A demo of its own for one test: a temporary folder, `patchbay up`, and what a test asks it.

Nothing here sleeps for a fixed time: wait_for looks every few milliseconds, and fails once its deadline has passed.
"""
import atexit
import fcntl
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

LOOK_EVERY = 0.02
START = 60  # seconds; generous, for builds with sanitizers on a busy machine
ANSWER = 60
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(SOURCE, "build")
PATCHBAY = os.path.join(BUILD, "bin", "patchbay")
STUB = ("connection", "stub", "0")
HTTP = ("connection", "http_server", "0")
AGENT = ("agent", "echo_agent", "0")
BROKER = ("broker", "broker", "0")
ALL = (BROKER, STUB, HTTP, AGENT)


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_for(predicate, seconds, what):
    """The first true value of predicate(); Failed when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed("not within %g s: %s" % (seconds, what))
        time.sleep(LOOK_EVERY)


def environment():
    """Ours, without what would lead a command to another agent."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PATCHBAY_") or k == "PATCHBAY_CAPTURE"}


def patchbay(*arguments, **options):
    """Run the command to its end."""
    return subprocess.run((PATCHBAY,) + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=120, env=environment(), **options)


class Demo:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="pbay-", dir="/tmp")
        self.run = os.path.join(self.dir, "run")
        self.log = os.path.join(self.dir, "up.log")
        self.yaml = os.path.join(self.dir, "agent.yaml")
        self.up = None
        self.lines = 0
        shutil.copy(os.path.join(SOURCE, "deploy", "demo", "agent.yaml"), self.yaml)
        self.edit("port: 8000", "port: 0")  # another demo may have it
        atexit.register(self.clean_up)

    def clean_up(self):
        if self.up and self.up.poll() is None:
            self.up.kill()
            self.up.wait()
        for pid in self.processes():  # none, unless the test has just found that out
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- configuration ----

    def edit(self, old, new):
        with open(self.yaml) as f:
            text = f.read()
        check(old in text, "agent.yaml of the demo has no %r" % old)
        with open(self.yaml, "w") as f:
            f.write(text.replace(old, new, 1))

    def add_connection(self, name, script):
        """A connection of ours, whose executable is this shell script."""
        folder = os.path.join(self.dir, "connections", name)
        os.makedirs(folder)
        with open(os.path.join(folder, "run.sh"), "w") as f:
            f.write("#!/bin/sh\n" + script)
        os.chmod(os.path.join(folder, "run.sh"), 0o755)
        with open(os.path.join(folder, "connection.yaml"), "w") as f:
            f.write("name: %s\nauthor: test\nversion: 0.1.0\ntype: connection\nclass_name: Test\n"
                    "protocols: []\nconnections: []\nconfig: {}\n"
                    "excluded_protocols: []\nrestricted_to_protocols: []\nis_abstract: false\n"
                    "patchbay:\n  executable: run.sh\n" % name)
        self.edit("connections:\n", "connections:\n- test/%s:0.1.0\n" % name)

    def add_trouble(self, name, mode, patchbay="", connections="[]"):
        """One that misbehaves as e2e/trouble.c says."""
        folder = os.path.join(self.dir, "connections", name)
        os.makedirs(folder)
        with open(os.path.join(folder, "connection.yaml"), "w") as f:
            f.write("name: %s\nauthor: test\nversion: 0.1.0\ntype: connection\nclass_name: TroubleConnection\n"
                    "protocols: []\nconnections: %s\nconfig: {mode: %s}\n"
                    "excluded_protocols: []\nrestricted_to_protocols: []\nis_abstract: false\n"
                    "patchbay: {executable: %s%s}\n" % (name, connections, mode, os.path.join(BUILD, "tests", "trouble"),
                                                     patchbay and ", " + patchbay))
        self.edit("connections:\n", "connections:\n- test/%s:0.1.0\n" % name)

    def send(self, name, message, timeout=60000):
        """`patchbay send` to a connection: its status and what it says."""
        done = patchbay("send", "--config", self.yaml, "--to", "anybody", "--connection", "test/%s:0.1.0" % name, "--timeout",
                        str(timeout), message)
        return done.returncode, (done.stdout + done.stderr).strip()

    # ---- life ----

    def start(self, wait=True, options=(), more=()):
        with open(self.log, "a") as log:
            self.up = subprocess.Popen([PATCHBAY, "up", *options, self.yaml, *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment())
        if wait:
            self.wait_connected()

    def wait_connected(self, which=ALL):
        def ready():
            check(self.up.poll() is None, "patchbay up has ended with status %s" % self.up.poll())
            states = self.states()
            return all(states.get(key) in ("running", "connected") for key in which) and self.answering
        wait_for(ready, START, "%s connected" % (which,))

    def wait_end(self, seconds):
        try:
            return self.up.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed("patchbay up has not ended after %g s" % seconds)

    def kill(self, key, number=signal.SIGKILL):
        os.kill(self.pids()[key], number)

    # ---- looking ----

    def ps(self):
        """The rows of `ps --json`, by (role, name, instance)."""
        done = patchbay("ps", "--json", "--run", self.run)
        check(done.returncode in (0, 1), "ps: status %d: %s" % (done.returncode, done.stderr))
        root = json.loads(done.stdout)
        self.answering = root["broker"]
        check(self.answering == (done.returncode == 0), "ps: its status and its text differ")
        return {(row["role"], row["name"], row["instance"]): row for row in root["nodes"]}

    def states(self):
        return {key: row["state"] for key, row in self.ps().items()}

    def pids(self):
        return {key: row["pid"] for key, row in self.ps().items() if row["pid"]}

    def processes(self):
        """Processes of this demo but the supervisor: each has the run directory in its environment."""
        mark = ("PATCHBAY_RUN_DIR=" + self.run).encode()
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as f:
                    if mark in f.read().split(b"\0"):
                        found.append(int(path.split("/")[2]))
            except OSError:
                pass  # it has ended meanwhile, or is not ours
        return found

    def output(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    # ---- envelopes ----

    def answers(self):
        try:
            with open(os.path.join(self.dir, "output_file"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def send_line(self):
        """Write an envelope to the stub's input; returns what its answer holds."""
        self.lines += 1
        text = "question %d of %d" % (self.lines, os.getpid())
        with open(os.path.join(self.dir, "input_file"), "a") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            f.write("echo_agent,tester,fetchai/default:1.0.0,%s,\n" % text)
        return "tester,echo_agent,fetchai/default:1.0.0,%s," % text

    def wait_answer(self, text, seconds=ANSWER):
        wait_for(lambda: text in self.answers(), seconds, "the answer %r" % text)

    def ask(self):
        self.wait_answer(self.send_line())


def main(test):
    """Run test(demo); prints the seconds, and on failure what the processes have said."""
    began = time.monotonic()
    demo = Demo()
    try:
        test(demo)
        report = [line for line in demo.output().splitlines() if "Sanitizer" in line or "runtime error:" in line or "Assertion" in line]
        check(not report, "a process complained of itself: %s" % report)
    except Failed as why:
        sys.stdout.write(demo.output() if os.path.exists(demo.log) else "")
        print("FAILED: %s" % why)
        return 1
    finally:
        print("%s: %.1f s" % (os.path.basename(sys.argv[0]), time.monotonic() - began))
    return 0
