"""The end of `patchbay up`: the order, the exit status, what is left; in a hurry; when the agent has done its work."""
import os
import re
import signal
import sys
import time

import demo as e2e

END = 60
HURRY = 5  # seconds; without the second signal it would be 10


def order_of_ends(text):
    return re.findall(r"^up +\| (broker|stub\.0|echo_agent): (?:exit status|signal) \d+", text, re.M)


def check_nothing_left(demo):
    e2e.check(not demo.processes(), "processes are left: %s" % demo.processes())
    e2e.check(not os.path.exists(os.path.join(demo.run, "up.json")), "up.json is left")
    e2e.check(not demo.ps() and not demo.answering, "ps shows something")


def in_order(demo, number):
    demo.start()
    demo.ask()
    seen = len(demo.output())
    demo.up.send_signal(number)
    e2e.check(demo.wait_end(END) == 0, "signal %d: not ended with 0" % number)
    ends = demo.output()[seen:]
    e2e.check(order_of_ends(ends) == ["echo_agent", "stub.0", "broker"], "the order: %s" % order_of_ends(ends))
    e2e.check("killed" not in ends, "something was killed")
    check_nothing_left(demo)


def in_a_hurry(demo):
    demo.start()
    seen = len(demo.output())
    demo.kill(e2e.AGENT, signal.SIGSTOP)
    began = time.monotonic()
    demo.up.send_signal(signal.SIGTERM)
    e2e.wait_for(lambda: "stopping" in demo.output()[seen:], END, "the first signal is taken")
    demo.up.send_signal(signal.SIGTERM)
    e2e.check(demo.wait_end(END) == 0, "in a hurry: not ended with 0")
    e2e.check(time.monotonic() - began < HURRY, "the second signal did not shorten the wait")
    e2e.check(re.search(r"stopped; killed: [1-4]$", demo.output()[seen:], re.M), "the killed were not counted")
    check_nothing_left(demo)


def agent_ends(demo):
    demo.edit("command: [echo_agent]", "command: [/bin/true]")
    demo.start(wait=False)
    e2e.check(demo.wait_end(END) == 0, "the agent's end did not end all with 0")
    check_nothing_left(demo)


def test(demo):
    in_order(demo, signal.SIGTERM)
    in_order(demo, signal.SIGINT)
    in_a_hurry(demo)
    agent_ends(demo)


sys.exit(e2e.main(test))
