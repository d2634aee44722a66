#!/usr/bin/python3
"""Several workers behind one InBox; several agents on one broker, that write to each other.

usage: several.py BUILD_DIR
"""
import fcntl
import os
import signal
import sys

import demo as e2e

WORKERS = 3
QUESTIONS = 300

SECOND = """agent_name: bob
author: test
version: 0.1.0
license: Apache-2.0
data_dir: bob
connections:
- fetchai/stub:0.21.3
default_connection: fetchai/stub:0.21.3
patchbay: {command: [echo_agent]}
"""


def write_lines(path, lines):
    with open(path, "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.write("".join(lines))


def workers(demo):
    """One of them is killed in the middle; what it had not answered, another one does."""
    demo.edit("patchbay:\n", "patchbay:\n  instances: %d\n" % WORKERS)
    demo.start()
    keys = [("agent", "echo_agent", str(i)) for i in range(WORKERS)]
    demo.wait_connected(e2e.ALL + tuple(keys))
    texts = ["question %d," % i for i in range(QUESTIONS)]
    for i, text in enumerate(texts):
        # the sender decides the stream, and streams are spread
        write_lines(os.path.join(demo.dir, "input_file"), ["echo_agent,asker%d,fetchai/default:1.0.0,%s\n" % (i % 30, text)])
        if i == QUESTIONS // 2:
            demo.kill(keys[1], signal.SIGKILL)
    e2e.wait_for(lambda: all(text in demo.answers() for text in texts), e2e.ANSWER, "all answers")
    demo.wait_connected(e2e.ALL + tuple(keys))
    work = [demo.ps()[key]["settled"] for key in keys]
    e2e.check(sum(n > 0 for n in work) >= 2, "the work is spread: %s" % work)
    print("workers: %d answers, settled by each process that runs now: %s" % (QUESTIONS, work))
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")


def agents(demo):
    other = os.path.join(demo.dir, "bob.yaml")
    with open(other, "w") as f:
        f.write(SECOND)
    demo.edit("patchbay:\n", "patchbay:\n  local_delivery: true\n")
    demo.start(wait=False, more=(other,))
    demo.wait_connected(e2e.ALL + (("agent", "bob", "0"),))
    demo.ask()
    # bob's own stub, with files of its own
    bobs = os.path.join(demo.dir, "bob")
    write_lines(os.path.join(bobs, "input_file"), ["bob,someone,fetchai/default:1.0.0,hello bob,\n"])
    answered = os.path.join(bobs, "output_file")
    e2e.wait_for(lambda: os.path.exists(answered) and "someone,bob,fetchai/default:1.0.0,hello bob," in open(answered).read(),
                 e2e.ANSWER, "bob's answer")
    e2e.check("hello bob" not in demo.answers(), "the other one has not seen it")
    # from agent to agent: bob answers echo_agent, which answers bob ... until one is stopped
    done = e2e.patchbay("send", "--config", demo.yaml, "--to", "bob", "from agent to agent")
    e2e.check(done.returncode == 0, "the other agent takes it: " + done.stdout + done.stderr)
    done = e2e.patchbay("send", "--config", demo.yaml, "--to", "carol", "--connection", "none/such:1.0.0", "x")
    e2e.check(done.returncode == 1 and "NO_ROUTE" in done.stdout + done.stderr, "nobody of this name: " + done.stdout + done.stderr)
    table = e2e.patchbay("ps", "--run", demo.run).stdout
    for label in ("broker ", "echo_agent ", "bob ", "echo_agent/stub ", "bob/stub "):
        e2e.check("\n" + label in "\n" + table, "ps shows %r: %s" % (label, table))
    labels = demo.output()
    for label in ("echo_agent/stub.0: started", "bob/stub.0: started"):
        e2e.check(label in labels, label)
    e2e.check(e2e.patchbay("restart", "--config", demo.yaml, "bob/stub.0").stdout == "started again: bob/stub.0\n", "one of bob's")
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")
    print("agents: two on one broker, each with its stub; one wrote to the other")


def test(demo):
    open(demo.log, "w").close()
    for case in (workers, agents):
        one = e2e.Demo()
        try:
            case(one)
        except e2e.Failed as why:
            raise e2e.Failed("%s: %s\n%s" % (case.__name__, why, one.output()))
        finally:
            one.clean_up()


sys.exit(e2e.main(test))
