"""The commands, their exit statuses and what they print."""
import os
import re
import sys

import demo as e2e

CONFIG = os.path.join(e2e.SOURCE, "tests", "config")
MANY = 70
COMMANDS = ("up", "ps", "check", "send", "decode", "encode")
FIELDS = {"name", "instance", "role", "state", "pid", "restarts", "in", "out", "given", "reason", "process", "retry_ms"}


def help_texts():
    for name in COMMANDS:
        done = e2e.patchbay(name, "--help")
        e2e.check(done.returncode == 0 and "Example:\n  patchbay %s" % name in done.stdout, "%s --help" % name)
        e2e.check(name in e2e.patchbay("--help").stdout, "%s is not in the list" % name)
        done = e2e.patchbay(name, "--no-such-option")
        e2e.check(done.returncode == 2 and "--no-such-option" in done.stderr, "%s --no-such-option" % name)
    for arguments in ((), ("no-such-command",)):
        done = e2e.patchbay(*arguments)
        e2e.check(done.returncode == 2 and "Usage:" in done.stderr, "patchbay %s" % (arguments,))


def check_files(demo):
    stub = os.path.join(e2e.SOURCE, "connections", "stub", "connection.yaml")
    done = e2e.patchbay("check", demo.yaml, stub)
    e2e.check((done.returncode, done.stdout) == (0, "%s: ok\n%s: ok\n" % (demo.yaml, stub)), "good files: %s" % done)

    bad = os.path.join(CONFIG, "bad", "07-duplicate-key", "agent.yaml")
    done = e2e.patchbay("check", demo.yaml, bad, stub)
    e2e.check(done.returncode == 2, "a bad file: status %d" % done.returncode)
    e2e.check(done.stdout == "%s: ok\n%s: ok\n" % (demo.yaml, stub), "a bad file hides the good ones")
    e2e.check(re.match(re.escape(bad) + r":\d+: [a-z_]+: .+\n$", done.stderr), "a bad file: %s" % done.stderr)

    e2e.check(e2e.patchbay("check").returncode == 2, "check without a file")
    done = e2e.patchbay("up", bad)
    e2e.check(done.returncode == 2 and done.stderr.startswith(bad + ":"), "up with a bad file: %s" % done)
    done = e2e.patchbay("ps", "--run", demo.run)
    e2e.check(done.returncode == 1 and "does not answer" in done.stderr, "ps of nothing: %s" % done)


def look(demo):
    rows = demo.ps()
    e2e.check(set(e2e.ALL) == set(rows), "rows: %s" % sorted(rows))
    for key, row in rows.items():
        e2e.check(FIELDS <= set(row), "%s lacks %s" % (key, FIELDS - set(row)))
        e2e.check(row["pid"] > 0 and row["restarts"] == 0 and row["reason"] == "", "%s: %s" % (key, row))
    demo.ask()
    e2e.wait_for(lambda: demo.ps()[e2e.STUB]["in"] == 1 and demo.ps()[e2e.STUB]["out"] == 1, 10,
                 "one envelope each way is counted")
    lines = e2e.patchbay("ps", demo.yaml).stdout.splitlines()
    titles = ["NAME", "INSTANCE", "ROLE", "STATE", "PID", "RESTARTS", "IN", "OUT", "GIVEN", "REASON"]
    e2e.check(lines[0].split() == titles and len(lines) == len(e2e.ALL) + 1, "the table: %s" % lines)
    done = e2e.patchbay("up", demo.yaml)
    e2e.check(done.returncode == 1 and "another supervisor" in done.stderr, "a second up: %s" % done)


def send(demo):
    done = e2e.patchbay("send", "--config", demo.yaml, "--to", "someone", "--sender", "me", "hello there")
    e2e.check((done.returncode, done.stdout) == (0, "settled\n"), "send: %s" % done)
    e2e.check("someone,me,fetchai/default:1.0.0,hello there," in demo.answers(), "sent and not in output_file")
    done = e2e.patchbay("send", "--config", demo.yaml, "--to", "someone", "--connection", "acme/none:1.0.0", "lost")
    e2e.check(done.returncode == 1 and re.match(r"[A-Z_]+: .+\n$", done.stdout), "send to nobody: %s" % done)
    e2e.check("lost" not in demo.answers(), "sent although the connection does not exist")
    for arguments in (("hello",), ("--to", "a", "--timeout", "-1", "x"), ("--to", "a", "x", "y")):
        done = e2e.patchbay("send", *arguments)
        e2e.check(done.returncode == 2 and done.stderr, "send %s: %s" % (arguments, done))
    demo.ask()  # what is for the agent has gone to the agent


def send_often(demo):
    """Each send is an instance of the agent of its own: more of them than there may be at one time (SPEC 10)."""
    for i in range(MANY):
        done = e2e.patchbay("send", "--config", demo.yaml, "--to", "someone", "number %d" % i)
        e2e.check(done.returncode == 0, "send %d: %s" % (i, done))
    e2e.wait_for(lambda: set(demo.states()) == set(e2e.ALL), e2e.ANSWER, "they are forgotten: %s" % demo.states())


def test(demo):
    help_texts()
    check_files(demo)
    demo.start()
    look(demo)
    send(demo)
    send_often(demo)


sys.exit(e2e.main(test))
