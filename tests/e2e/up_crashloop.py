"""Connections that cannot run end failed, with their last words; the others never notice."""
import sys

import demo as e2e

LOOP = 120
LOOPING = ("connection", "looping", "0")
WRONG = ("connection", "wrong", "0")


def is_failed(demo, key):
    return demo.ps()[key]["process"] == "failed"


def test(demo):
    demo.add_connection("looping", "echo 'the door is shut' >&2\nexit 1\n")
    demo.add_connection("wrong", "echo 'agent.yaml:1: not this way' >&2\nexit 2\n")
    demo.start()
    before = demo.pids()

    e2e.wait_for(lambda: is_failed(demo, WRONG), LOOP, "bad configuration is failed")
    row = demo.ps()[WRONG]
    e2e.check(row["restarts"] == 0, "bad configuration was tried %d times more" % row["restarts"])
    e2e.check(row["reason"] == "exit status 2: agent.yaml:1: not this way", "its reason: %s" % row["reason"])

    def failed_meanwhile():
        demo.ask()
        return is_failed(demo, LOOPING)
    e2e.wait_for(failed_meanwhile, LOOP, "the crash loop is failed")
    row = demo.ps()[LOOPING]
    print("failed after %d restarts, %d questions answered meanwhile" % (row["restarts"], demo.lines))
    e2e.check(row["state"] == "failed" and row["pid"] == 0, "ps says %s" % row)
    e2e.check(row["restarts"] == 20, "restarts: %d, expected 20" % row["restarts"])
    e2e.check(row["reason"] == "exit status 1: the door is shut", "its reason: %s" % row["reason"])
    e2e.check(row["retry_ms"] > 200000, "it is tried again in %s ms" % row["retry_ms"])

    demo.ask()
    after = demo.pids()
    e2e.check(all(after[key] == before[key] for key in e2e.ALL), "another process was restarted")


sys.exit(e2e.main(test))
