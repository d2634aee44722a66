"""kill -9 of each process, and of the supervisor itself: no process is left behind."""
import os
import signal
import sys

import demo as e2e

SOON = 30


def test(demo):
    demo.start()
    for key in e2e.ALL:
        pid = demo.pids()[key]
        os.kill(pid, signal.SIGKILL)
        e2e.wait_for(lambda: demo.pids().get(key, pid) != pid, SOON, "%s is started again" % (key,))
        demo.wait_connected()
        n = len(demo.processes())
        print("processes after kill -9 of %s: %d" % (key[1], n))
        e2e.check(n == len(e2e.ALL), "%d processes, expected %d" % (n, len(e2e.ALL)))

    demo.up.kill()
    demo.up.wait()
    e2e.wait_for(lambda: not demo.processes(), SOON, "no process is left of a killed supervisor")
    print("processes after kill -9 of the supervisor: %d" % len(demo.processes()))
    e2e.check(not demo.ps(), "ps shows processes of a supervisor that is dead")

    demo.start()  # neither the lock nor the old files are in the way
    demo.ask()
    demo.up.send_signal(signal.SIGTERM)
    e2e.check(demo.wait_end(SOON) == 0, "the second supervisor has not ended with 0")
    print("processes at the end: %d" % len(demo.processes()))
    e2e.check(not demo.processes(), "processes are left")


sys.exit(e2e.main(test))
