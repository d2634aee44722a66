#!/usr/bin/python3
"""What follows when a connection is not there, is stuck, or fails: needs, required, on_stuck, exception_policy.

usage: policies.py BUILD_DIR
"""
import os
import sys

import demo as e2e

AGENT_WAITS = ("agent", "echo_agent", "0")


def state(demo, role, name):
    return demo.ps().get((role, name, "0"), {"state": None, "restarts": 0, "reason": ""})


def finish(demo, status, *said):
    got = demo.wait_end(60)
    e2e.check(got == status, "patchbay up ends with %d, not %d" % (got, status))
    for text in said:
        e2e.check(text in demo.output(), "it says: " + text)


def stop(demo):
    demo.up.terminate()
    finish(demo, 0)


def open_gate(demo):
    open(os.path.join(demo.dir, "open"), "w").close()


def required_is_waited_for(demo):
    demo.add_trouble("gate", "gate", "required: true")
    demo.start(wait=False)
    demo.wait_connected((e2e.BROKER, e2e.STUB))
    e2e.wait_for(lambda: "not open" in state(demo, "connection", "gate")["reason"], 60, "the gate's reason")
    e2e.check(state(demo, *AGENT_WAITS[:2])["state"] == "waiting", "the agent waits")
    open_gate(demo)
    demo.wait_connected()
    log = demo.output()
    e2e.check(log.index("gate.0: started") < log.index("echo_agent: started"), "the order of starts")
    demo.ask()
    stop(demo)


def required_never_comes(demo):
    demo.add_trouble("gate", "gate", "required: true, start_timeout: 1s")
    demo.start(wait=False)
    finish(demo, 1, "gate is required, and not connected after 1 s")
    e2e.check("echo_agent: started" not in demo.output(), "the agent was not started")


def required_fails(demo):
    demo.add_trouble("gate", "gate", "required: true")
    e2e.check(os.system("sed -i s/TroubleConnection/OtherConnection/ %s/connections/gate/connection.yaml" % demo.dir) == 0, "sed")
    demo.start(wait=False)
    finish(demo, 1, "gate is required, and has failed: exit status 2: ", "class_name: expected TroubleConnection")


def needs_are_started_first(demo):
    demo.add_trouble("gate", "gate")
    demo.add_trouble("second", "sleep", "", "[test/gate:0.1.0]")
    demo.add_trouble("third", "sleep", "", "[test/second:0.1.0]")
    demo.start(wait=False)
    demo.wait_connected()  # all others, and the agent
    e2e.check(state(demo, "connection", "second")["state"] == "waiting", "second waits for the gate")
    open_gate(demo)
    demo.wait_connected((("connection", "third", "0"),))
    log = demo.output()
    e2e.check(log.index("gate.0: started") < log.index("second.0: started") < log.index("third.0: started"), "the order of starts")
    stop(demo)


def needs_that_never_come(demo):
    demo.add_trouble("gate", "gate", "start_timeout: 200ms")
    demo.add_trouble("second", "sleep", "", "[test/gate:0.1.0]")
    demo.start(wait=False)
    demo.wait_connected((("connection", "second", "0"),))
    e2e.check("second.0: started without gate, which is not connected" in demo.output(), "it says what is missing")
    stop(demo)


def stuck_waits(demo):
    demo.add_trouble("trouble", "sleep")
    demo.start()
    e2e.check(demo.send("trouble", "bad") == (0, "settled"), "a send of 3 s is settled")
    e2e.check(state(demo, "connection", "trouble")["restarts"] == 0, "it was not restarted")
    stop(demo)


def stuck_is_restarted(demo):
    demo.add_trouble("trouble", "loop", "on_stuck: restart, stuck_timeout: 1s")
    demo.edit("patchbay:\n", "patchbay:\n  max_attempts: 2\n")
    demo.start()
    status, said = demo.send("trouble", "bad")
    e2e.check(status == 1 and "POISON" in said, "the sender is told: " + said)
    e2e.check("stuck: send for 1 s; on_stuck: restart" in demo.output(), "it says why")
    e2e.check(state(demo, "connection", "trouble")["restarts"] >= 2, "it was restarted")
    e2e.check(demo.send("trouble", "good") == (0, "settled"), "it works again")
    demo.ask()
    stop(demo)


def stuck_fails(demo):
    demo.add_trouble("trouble", "loop", "on_stuck: fail, stuck_timeout: 1s")
    demo.start()
    status, said = demo.send("trouble", "bad")
    e2e.check(status == 1, "the sender is told")
    print("  the sender is told: " + said)
    e2e.wait_for(lambda: state(demo, "connection", "trouble")["state"] == "failed", 60, "it has failed")
    e2e.check("stuck: send" in state(demo, "connection", "trouble")["reason"], "ps says why")
    demo.ask()
    stop(demo)


def stuck_in_connect(demo):
    demo.add_trouble("trouble", "hang", "on_stuck: restart, stuck_timeout: 1s")
    demo.start()
    e2e.wait_for(lambda: state(demo, "connection", "trouble")["restarts"] >= 2, 60, "it is restarted")
    e2e.check("stuck: connect for 1 s; on_stuck: restart" in demo.output(), "it says why")
    demo.ask()
    stop(demo)


def failed(demo):
    status, said = demo.send("trouble", "bad")
    e2e.check(status == 1 and "FAILED" in said and "no luck today" in said, "the sender is told: " + said)


def just_log(demo):
    demo.add_trouble("trouble", "fail")
    demo.start()
    pid = demo.pids()[("connection", "trouble", "0")]
    failed(demo)
    failed(demo)
    e2e.check(demo.send("trouble", "good") == (0, "settled"), "it goes on")
    e2e.check(demo.pids()[("connection", "trouble", "0")] == pid, "as the same process")
    stop(demo)


def propagate(demo):
    demo.add_trouble("trouble", "fail", "exception_policy: propagate")
    demo.start()
    failed(demo)
    finish(demo, 1, "trouble: a send has failed: no luck today", "trouble.0: exception_policy is propagate")


def stop_and_exit(demo):
    """The agent's policy this time."""
    demo.add_trouble("trouble", "fail")
    demo.add_trouble("calm", "fail", "exception_policy: just_log")
    demo.edit("connections:\n", "connection_exception_policy: stop_and_exit\nconnections:\n")
    demo.start()
    status, said = demo.send("calm", "bad")
    e2e.check(status == 1 and "no luck today" in said, said)
    demo.ask()
    failed(demo)
    finish(demo, 0, "trouble.0: exception_policy is stop_and_exit")


CASES = (required_is_waited_for, required_never_comes, required_fails, needs_are_started_first, needs_that_never_come, stuck_waits,
         stuck_is_restarted, stuck_fails, stuck_in_connect, just_log, propagate, stop_and_exit)


def test(demo):
    open(demo.log, "w").close()  # each case has a demo of its own
    for case in CASES:
        one = e2e.Demo()
        try:
            case(one)
        except e2e.Failed as why:
            raise e2e.Failed("%s: %s\n%s" % (case.__name__, why, one.output()))
        finally:
            one.clean_up()
        print("%s: ok" % case.__name__)


sys.exit(e2e.main(test))
