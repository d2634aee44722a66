#!/usr/bin/python3
"""node/FIRST.md, done literally: one shell runs its console blocks in their order, and what each command prints is compared with what the
page shows. Its block of C goes to the file that the text before it names.

usage: first.py BUILD_DIR

On the page `...` is anything within a line, or any lines. A `patchbay ps` is repeated until it shows what the page shows, as a reader would.
The ports of the page are replaced by free ones, that of the demo's HTTP server by 0: another test may have them.
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import demo as e2e
import features_page

PAGE = os.path.join(e2e.SOURCE, "node", "FIRST.md")
MOST_LINES = 64  # about 60
GUARD = 120  # seconds for one command; a build under sanitizers on a busy machine
PORTS = ("9753", "9752")


def page():
    """Its blocks: (kind, what it holds, the last path in the text before it)."""
    with open(PAGE) as f:
        text = f.read()
    free = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in PORTS]
    for port, taken in zip(PORTS, free):
        taken.bind(("127.0.0.1", 0))
        e2e.check(port in text, "the page has the port %s" % port)
        text = text.replace(port, str(taken.getsockname()[1]))
    for taken in free:
        taken.close()
    blocks, end = [], 0
    for found in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        paths = re.findall(r"`([\w./]+/[\w.]+)`", text[end:found.start()])
        blocks.append((found[1], found[2], paths[-1] if paths else None))
        end = found.end()
    return blocks


def commands(block):
    """A console block's commands, each with the lines that it prints."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def words(line):
    return " ".join(line.split())


def pattern(lines):
    """A regular expression of the lines that a page shows; blanks count once."""
    text = ""
    for line in lines:
        if line == "...":
            text += r"(.*\n)*"
        else:
            text += ".*".join(re.escape(part) for part in words(line).split("...")) + r"\n"
    return re.compile(text)


class Shell:
    """One bash for the whole page."""

    def __init__(self, folder):
        env = e2e.environment()
        if features_page.sanitizers():  # what is linked with such a library needs the same
            env["CFLAGS"] = "-fsanitize=" + features_page.sanitizers()
        self.p = subprocess.Popen(["bash"], cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)

    def run(self, command):
        """Its status and what it printed."""
        self.p.stdin.write((command + "\nprintf '\\0%d\\n' $?\n").encode())
        self.p.stdin.flush()
        said = b""
        while b"\0" not in said:
            line = self.p.stdout.readline()
            e2e.check(line, "the shell ended in %r: %r" % (command, said))
            said += line
        text, status = said.decode(errors="replace").split("\0")
        return int(status), text

    def close(self):
        self.p.stdin.close()
        self.p.wait(GUARD)


def is_shown(shell, command, expected):
    """Is it, with status 0 unless a failure is what the page shows? A compiler's warning is nothing that it shows."""
    status, said = shell.run(command)
    said = "".join(words(line) + "\n" for line in said.splitlines())
    good = status == 0 or any("FAILED" in line for line in expected)
    return good and not re.search(r"\.c:\d+:\d+: warning", said) and bool(pattern(expected).fullmatch(said)), said


def do(shell, command, expected):
    said = ["nothing yet"]

    def once():
        good, said[0] = is_shown(shell, command, expected)
        return good or (not command.startswith("patchbay ps") and None)

    if command.startswith("patchbay ps"):
        try:
            e2e.wait_for(once, GUARD, command)
        except e2e.Failed as why:
            raise e2e.Failed("%s; it says\n%s" % (why, said[0]))
    else:
        e2e.check(once(), "`%s` says\n%swhere the page has\n%s" % (command, said[0], "\n".join(expected)))
    print("  $ %s" % command, flush=True)


def clone(root):
    """What the page needs of one that was built."""
    os.makedirs(os.path.join(root, "deploy", "demo"))
    os.symlink(e2e.BUILD, os.path.join(root, "build"))
    with open(os.path.join(e2e.SOURCE, "deploy", "demo", "agent.yaml")) as f:
        text = f.read()
    with open(os.path.join(root, "deploy", "demo", "agent.yaml"), "w") as f:
        f.write(text.replace("port: 8000", "port: 0"))


def complaints(root):
    with open(os.path.join(root, "first", "up.log"), errors="replace") as f:
        return [line for line in f if "Sanitizer" in line or "runtime error:" in line or "Assertion" in line]


def test(root):
    count, c_lines = 0, 0
    clone(root)
    shell = Shell(root)
    try:
        for kind, text, path in page():
            if kind == "console":
                for command, expected in commands(text):
                    do(shell, command, expected)
                    count += 1
                continue
            e2e.check(kind == "c" and path, "a block of %s for the file %s" % (kind, path))
            path = os.path.join(root, "first", path)
            e2e.check(os.path.exists(path), "%s was not there before" % path)
            with open(path, "w") as f:
                f.write(text)
            c_lines += len([line for line in text.splitlines() if line.strip()])
    finally:
        shell.run("kill %1 2>/dev/null && wait %1")  # the agent, if the page has not come to its end
        shell.close()
    e2e.check(not complaints(root), "a process complained of itself: %s" % complaints(root))
    e2e.check(0 < c_lines <= MOST_LINES and count > 10, "%d lines of C, %d commands" % (c_lines, count))
    return count, c_lines


def main():
    began, root = time.monotonic(), tempfile.mkdtemp(prefix="pbay-", dir="/tmp")
    try:
        count, c_lines = test(root)
    except e2e.Failed as why:
        print("FAILED: %s" % why)
        return 1
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print("first.py: a connection of %d lines of C; %d commands did what the page says; %.1f s" % (c_lines, count, time.monotonic() - began))
    return 0


sys.exit(main())
