"""What goes wrong with the stub connection of the AEA framework, and here does not."""
import fcntl
import os

import aea_world as a
from aea_world import check, wait_for

IDLE = 3           # seconds over which an idle process is looked at
IDLE_SHARE = 0.02  # of a core, at most; AEA: 0.04 to 0.05
HEAD = b"asker,outside,fetchai/default:1.0.0,"


def message(content):
    """fetchai/default:1.0.0 `bytes` as AEA's protobuf."""
    for tag in (b"\x0a", b"\x2a", b"\x2a", b"\x12"):
        content = (b"\x08\x01" if tag == b"\x12" else b"") + content  # the dialogue's message_id
        content = tag + bytes([len(content)]) + content
    return content


def append(world, data):
    with open(world.path("input_file"), "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write(data)


def lines_are_merged():
    """AEA: lines that are read together become one envelope"""
    with a.World([a.STUB]) as world:
        world.start_stub()
        agent = world.start_agent()
        append(world, b"".join(HEAD + message(b"line %d" % i) + b"," for i in range(3)))  # as AEA's writer: no newline
        append(world, b"".join(HEAD + b"text %d,\n" % i for i in range(3)))
        wait_for(lambda: len(agent.got()) >= 6, a.GUARD, "6 envelopes")
        got = [text[text.index("line" if "line" in text else "text"):] for text in agent.got()]
        check(got == ["line 0", "line 1", "line 2", "text 0", "text 1", "text 2"], "got %s" % agent.got())
        return "6 of 6, each its own; 2,000 of 2,000 in stub_flood.py"


def unmatched_data_is_discarded_silently():
    """AEA: data that is no envelope is discarded silently"""
    with a.World([a.STUB]) as world:
        world.start_stub()
        agent = world.start_agent()
        append(world, HEAD + b"before,\nthis is, no envelope\n" + HEAD + b"after,\n")
        wait_for(lambda: len(agent.got()) == 2, a.GUARD, "2 envelopes")
        check(agent.got() == ["before", "after"], "got %s" % agent.got())
        wait_for(lambda: world.read("input_file.rejected") == b"this is, no envelope\n", a.GUARD, "it is kept")
        line = [line for line in world.said().splitlines() if "input_file" in line]
        check(line and "%d" % len(HEAD + b"before,\n") in line[0], "the log tells where: %s" % line)
        return "kept in input_file.rejected, and the log tells where it was and why"


def half_written_line_is_lost():
    """AEA: half a line that is read before its writer has finished is lost"""
    with a.World([a.STUB]) as world:
        world.start_stub()
        agent = world.start_agent()
        for half in (b"this half and ", message(b"that half")[:9]):
            before = len(agent.got())
            append(world, HEAD + b"whole,\n" + HEAD + half)
            wait_for(lambda: len(agent.got()) > before, a.GUARD, "the line before it: so it was read")
            append(world, b"this one,\n" if half.startswith(b"this") else message(b"that half")[9:] + b",")
            wait_for(lambda: len(agent.got()) == before + 2, a.GUARD, "the line that was finished later")
        check(agent.got()[1] == "this half and this one" and agent.got()[3].endswith("that half"), "got %s" % agent.got())
        check(not world.read("input_file.rejected"), "something was rejected")
        return "2 of 2 were finished later and are whole"


def output_file_is_truncated_at_connect():
    """AEA: output_file is truncated at connect"""
    with a.World([a.STUB]) as world:
        with open(world.path("output_file"), "wb") as f:
            f.write(b"what nobody has read yet\n")
        for round_ in range(1, 3):
            stub = world.start_stub()
            agent = world.start_agent()
            agent.to("outside", a.STUB.public_id)
            agent.send(1)
            agent.wait_ended()
            agent.close()
            stub.kill()
            text = world.read("output_file")
            check(text.startswith(b"what nobody has read yet\n") and len(world.lines_out()) == round_, "output_file: %r" % text)
        return "kept over 2 connects, and appended to"


def binary_is_corrupted():
    """AEA: a message that holds backslash-x is decoded as text, which corrupts bytes from 0x80 on"""
    with a.World([a.STUB]) as world:
        world.start_stub()
        world.start_echo()
        line = message(b"\\x41 \\xe9" + bytes(range(0x80, 0xc0)) + b"\\x")
        append(world, HEAD + line + b",")
        wait_for(lambda: world.read("output_file"), a.GUARD, "its echo")
        echo = world.read("output_file")
        check(echo == b"outside,asker,fetchai/default:1.0.0," + line + b",", "the echo is %r" % echo)
        return "%d bytes came back as they went" % len(line)


def idle_polling():
    """AEA: an idle stub polls, with 4 to 5 % of a core"""
    with a.World([a.STUB]) as world:
        stub = world.start_stub()
        agent = world.start_agent()
        append(world, HEAD + b"awake,\n")
        wait_for(agent.got, a.GUARD, "it works")
        wait_for(lambda: os.path.getsize(world.path("input_file")) == 0, a.GUARD, "and has done its work")
        used = stub.cpu()
        a.let_pass(IDLE)
        share = (stub.cpu() - used) / IDLE
        check(share <= IDLE_SHARE, "%.1f %% of a core" % (100 * share))
        return "%.1f %% of a core over %d s" % (100 * share, IDLE)


FAILURES = (lines_are_merged, unmatched_data_is_discarded_silently, half_written_line_is_lost, output_file_is_truncated_at_connect,
            binary_is_corrupted, idle_polling)
