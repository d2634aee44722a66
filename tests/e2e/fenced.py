#!/usr/bin/python3
"""A second process with the same name and instance: the newer one wins, the older ends with 76 and is not started again, and
the traffic goes on through the newer one.

usage: fenced.py BUILD_DIR
"""
import os
import subprocess
import sys

import demo as e2e


def second_stub(demo):
    env = dict(e2e.environment(), PATCHBAY_ENDPOINT="ipc://%s/broker.ipc" % demo.run, PATCHBAY_AGENT="echo_agent", PATCHBAY_INSTANCE="0",
               PATCHBAY_DATA_DIR=demo.dir, PATCHBAY_RUN_DIR=demo.run,
               PATCHBAY_CONNECTION_DIR=os.path.join(e2e.BUILD, "share", "patchbay", "connections", "stub"))
    with open(os.path.join(demo.dir, "second.log"), "w") as log:
        return subprocess.Popen([os.path.join(e2e.BUILD, "libexec", "patchbay", "stub")], env=env, stdout=log, stderr=log)


def test(demo):
    demo.start()
    demo.ask()
    first = demo.pids()[e2e.STUB]
    second = second_stub(demo)
    try:
        e2e.wait_for(lambda: demo.states()[e2e.STUB] == "fenced", e2e.ANSWER, "ps says fenced")
        e2e.wait_for(lambda: not os.path.exists("/proc/%d" % first), e2e.ANSWER, "the older process has ended")
        e2e.check("not started again" in demo.output(), "up does not tell why")
        demo.ask()
        e2e.check(second.poll() is None, "the newer process has ended, too")
        e2e.check(demo.ps()[e2e.STUB]["restarts"] == 0, "the fenced process was started again")
        print("the older process ended with 76, the newer one answers")
    finally:
        second.terminate()
        second.wait(30)


sys.exit(e2e.main(test))
