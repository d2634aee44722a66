#!/usr/bin/python3
"""From nothing to a live connection: scaffold, build, check, up, send; with both interfaces, and what scaffold and build refuse.

usage: scaffold.py BUILD_DIR
"""
import os
import sys
import time

import demo as e2e

WRONG = (  # arguments, status, a part of what is said
    (("scaffold",), 2, "expected the word connection"),
    (("scaffold", "skill", "x"), 2, "expected the word connection"),
    (("scaffold", "connection"), 2, "which NAME?"),
    (("scaffold", "connection", "Weather"), 2, "lower-case letters"),
    (("scaffold", "connection", "1st"), 2, "no digit first"),
    (("scaffold", "connection", "x" * 65), 2, "at most 64"),
    (("scaffold", "connection", "x", "--author", "no-body"), 2, "lower-case letters"),
    (("scaffold", "connection", "x", "y"), 2, "unexpected 'y'"),
    (("scaffold", "connection", "x", "--out", "/proc/nowhere"), 1, "/proc/nowhere"),
    (("build", "nothing"), 2, "nothing"),
    (("build", "."), 2, "./connection.yaml: cannot be read"),
    (("build", "--fast"), 2, "unexpected '--fast'"),
)


def run(demo, status, *arguments):
    done = e2e.patchbay(*arguments, cwd=demo.dir)
    e2e.check(done.returncode == status, "%s: status %d: %s%s" % (" ".join(arguments), done.returncode, done.stdout, done.stderr))
    return done.stdout + done.stderr


def make(demo, name, *options):
    """Its lines of C."""
    began = time.monotonic()
    folder = os.path.join("connections", name)
    said = run(demo, 0, "scaffold", "connection", name, *options)
    e2e.check(sorted(os.listdir(os.path.join(demo.dir, folder))) == sorted(["CMakeLists.txt", name + ".c", "connection.yaml"]),
              "three files")
    e2e.check("patchbay build " + folder in said, "it says what comes next")
    e2e.check("File exists" in run(demo, 1, "scaffold", "connection", name, *options), "what is there is left alone")
    said = run(demo, 0, "build", folder)
    e2e.check("warning" not in said, "it builds without a warning: " + said)
    run(demo, 0, "check", os.path.join(folder, "connection.yaml"))
    demo.edit("connections:\n", "connections:\n- me/%s:0.1.0\n" % name)
    with open(os.path.join(demo.dir, folder, name + ".c")) as f:
        lines = len([line for line in f if line.strip()])
    print("%s: %d lines of C, built after %.1f s" % (name, lines, time.monotonic() - began))
    return lines


def test(demo):
    for arguments, status, part in WRONG:
        said = run(demo, status, *arguments)
        e2e.check(part in said, "%s: %s" % (arguments, said))
    lines = [make(demo, "weather_report"), make(demo, "tide", "--sync")]
    e2e.check(max(lines) <= 60, "at most 60 lines of C")
    run(demo, 0, "build")  # all of the agent's
    demo.start()
    demo.wait_connected(e2e.ALL + (("connection", "weather_report", "0"), ("connection", "tide", "0")))
    for name in ("weather_report", "tide"):
        run(demo, 0, "send", "--config", demo.yaml, "--to", "anybody", "--connection", "me/%s:0.1.0" % name, "how are you, " + name)
    demo.up.terminate()
    demo.wait_end(60)
    for name in ("weather_report", "tide"):
        e2e.check("hello echo_agent: how are you, " + name in demo.output(), "%s printed it" % name)


sys.exit(e2e.main(test))
