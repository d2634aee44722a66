#!/usr/bin/python3
"""2,000 AEA lines written 0.5 ms apart into input_file while the stub is killed twice: 2,000 answers.

usage: stub_flood.py BUILD_DIR
AEA's own stub answers 885 of them without being killed at all.
"""
import fcntl
import os
import re
import sys
import time

import demo as e2e

LINES = 2000
KILL_AT = (600, 1300)


def message(i):
    """fetchai/default:1.0.0 `bytes` as AEA's protobuf: Message{dialogue_message{1: id, 4: target, 5: content{5: bytes{1: ...}}}}"""
    content = b"line-%05d" % i
    inner = b"\x0a" + bytes([len(content)]) + content
    default = b"\x2a" + bytes([len(inner)]) + inner
    dialogue = b"\x08\x01\x12\x011\x1a\x00\x2a" + bytes([len(default)]) + default
    return b"\x12" + bytes([len(dialogue)]) + dialogue


def answers(path):
    try:
        with open(path, "rb") as f:
            return re.findall(rb"me,echo_agent,fetchai/default:1\.0\.0,[^l]*line-(\d{5}),", f.read())
    except FileNotFoundError:
        return []


def append(path, line):
    with open(path, "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write(line)


def write_lines(demo, path):
    """Paced by the clock: that is what the test is about. A line may be late, never early."""
    began = time.monotonic()
    for i in range(LINES):
        append(path, b"echo_agent,me,fetchai/default:1.0.0," + message(i) + b",\n")
        if i in KILL_AT:
            demo.kill(e2e.STUB)
        while time.monotonic() < began + i * 0.0005:
            pass
    return time.monotonic() - began


def test(demo):
    demo.start()
    output, path = os.path.join(demo.dir, "output_file"), os.path.join(demo.dir, "input_file")
    seconds = write_lines(demo, path)
    e2e.wait_for(lambda: len(set(answers(output))) == LINES, e2e.ANSWER, "an answer to each line")
    e2e.wait_for(lambda: os.path.getsize(path) == 0, e2e.ANSWER, "an empty input_file")
    found = answers(output)
    firsts = list(dict.fromkeys(found))
    rejected = os.path.exists(path + ".rejected") and os.path.getsize(path + ".rejected")
    print("%d lines in %.1f s, stub killed %d times: %d answers, %d given twice, in order: %s"
          % (LINES, seconds, len(KILL_AT), len(set(found)), len(found) - len(firsts), firsts == sorted(firsts)))
    e2e.check(firsts == sorted(firsts), "the answers are not in the order of the lines")
    e2e.check(not rejected, "%s bytes were rejected" % rejected)


sys.exit(e2e.main(test))
