#!/usr/bin/python3
"""What README.md says of writing a connection, done literally against an installed Patchbay: compile, configure, start, send.

usage: readme.py BUILD_DIR
"""
import os
import re
import subprocess
import sys

import demo as e2e


def block(language, marker):
    """The fenced block of that language that contains the marker."""
    with open(os.path.join(e2e.SOURCE, "README.md")) as f:
        blocks = re.findall(r"```" + language + r"\n(.*?)```", f.read(), re.S)
    found = [b for b in blocks if marker in b]
    e2e.check(len(found) == 1, "README.md has %d blocks with %r" % (len(found), marker))
    return found[0]


def install(prefix):
    subprocess.run(["cmake", "--install", e2e.BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    found = [root for root, _, files in os.walk(prefix) if "patchbay.pc" in files]
    e2e.check(len(found) == 1, "patchbay.pc is installed once")
    return found[0]


def compile_package(demo, prefix, pc, source, target):
    flags = subprocess.run(["pkg-config", "--define-variable=prefix=" + prefix, "--cflags", "--libs", "patchbay"], check=True, stdout=subprocess.PIPE, text=True,
                           env=dict(os.environ, PKG_CONFIG_PATH=pc, PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")).stdout.split()
    library = [f[2:] for f in flags if f.startswith("-L")]
    with open(os.path.join(demo.dir, "print.c"), "w") as f:
        f.write(source)
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "print.c"] + flags + ["-Wl,-rpath," + library[0], "-o", target],
                   check=True, cwd=demo.dir)


def test(demo):
    prefix = os.path.join(demo.dir, "prefix")
    pc = install(prefix)
    folder = os.path.join(demo.dir, "connections", "print")
    source = block("c", "pbay_conn_main")
    os.makedirs(folder)
    with open(os.path.join(folder, "connection.yaml"), "w") as f:
        f.write(block("yaml", "PrintConnection"))
    compile_package(demo, prefix, pc, source, os.path.join(folder, "print"))
    demo.edit("connections:\n", "connections:\n- me/print:0.1.0\n")
    demo.start()
    sent = e2e.patchbay("send", "--config", demo.yaml, "--to", "anybody", "--connection", "me/print:0.1.0", "from the README")
    e2e.check(sent.returncode == 0, "send: %s%s" % (sent.stdout, sent.stderr))
    demo.up.terminate()
    demo.wait_end(60)
    e2e.check("from the README" in demo.output(), "the new connection printed nothing")
    print("a connection of %d lines of C: compiled, attached, settled" % len([x for x in source.splitlines() if x.strip()]))


sys.exit(e2e.main(test))
