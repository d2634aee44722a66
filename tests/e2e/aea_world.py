"""What aea.py and its parts share: the processes of tests/conformance/world.py, by name."""
import os
import re
import signal
import sys
import time

import demo as e2e

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "conformance"))
import world as w

BUILD, GUARD, DEFAULT, NOTHING = w.BUILD, w.GUARD, w.DEFAULT, w.NOTHING
Failed, check, wait_for = w.Failed, w.check, w.wait_for
FAILS = "test/fails:0.1.0"
CONNECTION_YAML = """name: fails
author: test
version: 0.1.0
type: connection
class_name: FailingConnection
config: {refused: %d, deaf: %s}
protocols: []
connections: []
restricted_to_protocols: [%s]
excluded_protocols: []
is_abstract: false
"""


class Spec(w.Spec):
    """From a folder, or from a text."""

    def __init__(self, folder=None, text=None, override=""):
        if folder:
            super().__init__(folder, override)
        else:
            self.text, self.override = text, override
            self.name, self.public_id = "fails", FAILS


def failing(refused=0, deaf=False, restricted=""):
    return Spec(text=CONNECTION_YAML % (refused, str(deaf).lower(), restricted))


LOOP, TROUBLE = Spec(HERE + "/packages/loop"), Spec(HERE + "/packages/trouble")
STUB = Spec(BUILD + "/share/patchbay/connections/stub")
CLOCK = Spec(BUILD + "/examples/clock", override="config:\n  period: 5\n")


def cpu_seconds(pid):
    """What a process has used of the cores."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process(w.Process):
    def cpu(self):
        return cpu_seconds(self.p.pid)

    def stand_still(self):
        self.signal(signal.SIGSTOP)
        with open("/proc/%d/stat" % self.p.pid) as f:
            wait_for(lambda: f.seek(0) == 0 and f.read().rsplit(")", 1)[1].split()[0] == "T", GUARD, "it stands still")

    def go_on(self):
        self.signal(signal.SIGCONT)

    def terminate(self):
        self.signal(signal.SIGTERM)


class World(w.World):
    """One agent, `asker`, with these packages; the broker runs. Ends with the block, and then nobody may have complained."""

    def __init__(self, specs, broker=()):
        super().__init__({"asker": specs}, broker)

    def __enter__(self):
        self.start_broker()
        return self

    def __exit__(self, kind, *_):
        complaints = self.complaints()
        self.close(kind is None and not complaints)
        check(kind or not complaints, "a process complained of itself: %s" % complaints)

    def connection(self, name, executable, **options):
        return Process(self, [executable], PATCHBAY_CONNECTION_DIR=self.package(name), PATCHBAY_AGENT_FILE=self.dir + "/asker.yaml",
                       **options)

    def start(self, name, executable, wait=True, **options):
        process = self.connection(name, executable, **options)
        if wait:
            self.wait_state(name)
        return process

    def start_loop(self):
        return self.start("loop", BUILD + "/tests/loop")

    def start_stub(self):
        return self.start("stub", BUILD + "/libexec/patchbay/stub")

    def start_failing(self, wait=True, **options):
        return self.start("fails", BUILD + "/tests/aea_fails", wait, **options)

    def start_clock(self, stdout):
        return self.start("clock", BUILD + "/examples/clock/clock", stdout=stdout)

    def start_agent(self):
        return w.Conductor(self)

    def start_echo(self):
        return Process(self, [BUILD + "/bin/echo_agent"], PATCHBAY_AGENT="asker")

    def path(self, name):
        return self.dir + "/" + name

    def read(self, name):
        try:
            with open(self.path(name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def lines_out(self):
        """The numbers in the stub's output."""
        return re.findall(rb"outside,asker,[^,]*,(\d{8})", self.read("output_file"))


def let_pass(seconds):
    """For what is measured over a time: there is nothing else to wait for."""
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, 2 * seconds + GUARD, "time goes by")
