#!/usr/bin/python3
"""Changes to an agent that runs: restart, reload; connections and instances that come, go and change, while envelopes pass.

usage: live.py BUILD_DIR
"""
import os
import signal
import subprocess
import sys

import demo as e2e


def live(demo, status, *arguments):
    done = e2e.patchbay(*arguments, cwd=demo.dir)
    e2e.check(done.returncode == status, "%s: status %d: %s%s" % (arguments, done.returncode, done.stdout, done.stderr))
    return done.stdout + done.stderr


def reload(demo, *lines):
    said = live(demo, 0, "reload", demo.yaml)
    e2e.check(sorted(said.splitlines()) == sorted(lines), "reload says %r, not %r" % (said, lines))


def connected(demo, *names):
    demo.wait_connected(e2e.ALL + tuple(("connection", name, instance) for name, instance in names))


def is_gone(demo, name, instance="0"):
    e2e.wait_for(lambda: demo.ps().get(("connection", name, instance), {"pid": None})["pid"] is None, 60, "%s is gone" % name)


def restarts(demo):
    before = demo.pids()
    e2e.check(live(demo, 0, "restart", "--config", demo.yaml, "stub") == "started again: stub.0\n", "it says what")
    e2e.wait_for(lambda: demo.pids().get(e2e.STUB, before[e2e.STUB]) != before[e2e.STUB], 60, "another process")
    demo.wait_connected()
    for key in (e2e.BROKER, e2e.HTTP, e2e.AGENT):
        e2e.check(demo.pids()[key] == before[key], "%s goes on" % (key,))
    demo.ask()
    for name in ("broker", "echo_agent", "http_server.0"):
        before = demo.pids()
        live(demo, 0, "restart", "--config", demo.yaml, name)
        e2e.wait_for(lambda: len(set(demo.pids().values()) - set(before.values())) == 1, 60, "another process for " + name)
        demo.wait_connected()
        demo.ask()
    e2e.check("there is no process called 'nobody'" in live(demo, 1, "restart", "--config", demo.yaml, "nobody"), "said")


def comes_and_goes(demo):
    before = demo.pids()
    reload(demo, "nothing to start or to stop")
    demo.add_trouble("extra", "sleep")
    reload(demo, "started: extra.0")
    connected(demo, ("extra", "0"))
    e2e.check(demo.send("extra", "hello") == (0, "settled"), "it works")
    demo.edit("connections:\n- test/extra:0.1.0\n", "connections:\n")
    reload(demo, "stopped: extra.0")
    is_gone(demo, "extra")
    status, said = demo.send("extra", "hello")
    e2e.check(status == 1 and "NO_ROUTE" in said, "it is not known any more: " + said)
    e2e.check(demo.pids() == before, "nobody else noticed")
    demo.ask()


def instances(demo):
    before = demo.pids()
    with open(demo.yaml, "a") as f:
        f.write("---\npublic_id: fetchai/stub:0.21.3\ntype: connection\npatchbay: {instances: 1}\n")
    reload(demo, "nothing to start or to stop")
    demo.add_trouble("many", "sleep", "instances: 3")
    reload(demo, "started: many.0", "started: many.1", "started: many.2")
    connected(demo, ("many", "0"), ("many", "1"), ("many", "2"))
    package = os.path.join(demo.dir, "connections", "many", "connection.yaml")
    with open(package) as f:
        text = f.read()
    with open(package, "w") as f:
        f.write(text.replace("instances: 3", "instances: 1"))
    reload(demo, "stopped: many.1", "stopped: many.2")
    is_gone(demo, "many", "2")
    e2e.check(demo.send("many", "hello") == (0, "settled"), "the one that is left works")
    # one more that nobody planned, attached from outside
    pid = demo.pids()[("connection", "many", "0")]
    with open("/proc/%d/environ" % pid, "rb") as f:
        env = dict(v.split("=", 1) for v in f.read().decode().split("\0") if "=" in v)
    other = subprocess.Popen([os.path.join(e2e.BUILD, "tests", "trouble")], env=dict(env, PATCHBAY_INSTANCE="far"))
    connected(demo, ("many", "far"))
    other.terminate()
    e2e.check(other.wait(60) == 0, "it drains and ends")
    with open(package, "w") as f:
        f.write(text.replace("instances: 3", "instances: 2").replace("mode: sleep", "mode: slow"))
    reload(demo, "started: many.1", "started again: many.0")
    connected(demo, ("many", "0"), ("many", "1"))
    e2e.check(demo.pids()[("connection", "many", "0")] != pid, "its configuration has changed")
    e2e.check(all(demo.pids()[key] == before[key] for key in before), "nobody else noticed")


def by_command(demo):
    """add, remove and config set change agent.yaml, and tell who runs it."""
    before = demo.pids()
    demo.add_trouble("further", "sleep")
    demo.edit("- test/further:0.1.0\n", "")
    e2e.check("started: further.0" in live(demo, 0, "add", "connection", "test/further"), "it is started")
    connected(demo, ("further", "0"))
    said = live(demo, 0, "config", "set", "connections.further.config.mode", "slow")
    e2e.check("started again: further.0" in said, "it is started again: " + said)
    said = live(demo, 2, "remove", "connection", "further")
    e2e.check("still overrides it" in said, said)
    with open(demo.yaml) as f:
        text = f.read()
    with open(demo.yaml, "w") as f:
        f.write(text[:text.index("---\npublic_id: test/further")] if "---\npublic_id: test/further" in text else text)
    e2e.check("stopped: further.0" in live(demo, 0, "remove", "connection", "further"), "it is stopped")
    is_gone(demo, "further")
    e2e.check(all(demo.pids()[key] == before[key] for key in before), "nobody else noticed")


def refused(demo):
    with open(demo.yaml) as f:
        good = f.read()
    before = demo.pids()
    for change, status, said in (("connections:\n- no/such:1.0.0\n", 2, "connections.0: expected a package in"),
                                 ("data_dir: .\nconnection_exception_policy: just_log\nagent_name: other\n", 1,
                                  "change only with a new start")):
        demo.edit("connections:\n" if status == 2 else "agent_name: echo_agent\n", change)
        e2e.check(said in live(demo, status, "reload", demo.yaml), said)
        with open(demo.yaml, "w") as f:
            f.write(good)
    demo.edit("connections:\n", "connections:\n- no/such:1.0.0\n")
    demo.up.send_signal(signal.SIGHUP)
    e2e.wait_for(lambda: "not loaded again" in demo.output(), 60, "a bad file is said to be one")
    with open(demo.yaml, "w") as f:
        f.write(good)
    e2e.check(demo.pids() == before, "nothing was stopped")
    demo.ask()


def left_out(demo):
    demo.start(wait=False, options=("--exclude-connections", "http_server"))
    demo.wait_connected((e2e.BROKER, e2e.STUB, e2e.AGENT))
    e2e.check(e2e.HTTP not in demo.pids(), "it was not started")
    e2e.wait_for(lambda: demo.states().get(e2e.HTTP) == "failed", 60, "the broker knows that")
    e2e.check(demo.ps()[e2e.HTTP]["reason"] == "left out when the agent was started", "and why")
    demo.ask()
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")
    demo.start(wait=False, options=("--connections", "http_server"))
    demo.wait_connected((e2e.BROKER, e2e.HTTP, e2e.AGENT))
    e2e.check(e2e.STUB not in demo.pids(), "only this one was started")
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")
    for options, said in ((("--connections", "nobody"), "'nobody' is not the name of a connection"),
                          (("--connections", "stub", "--exclude-connections", "stub"), "expected either"),
                          (("--env", "/no/such/file"), "No such file")):
        e2e.check(said in live(demo, 2, "up", *options, demo.yaml), said)


def variables(demo):
    """.env beside agent.yaml, or another file, for ${...} and for the agent process; the environment goes first."""
    with open(demo.yaml) as f:
        good = f.read()
    demo.edit("command: [echo_agent]", "command: [sh, -c, 'echo token is $TEST_TOKEN, $0; exec echo_agent', \"${TEST_WORD:str}\"]")
    for name, token in ((".env", "usual"), ("other.env", "special")):
        with open(os.path.join(demo.dir, name), "w") as f:
            f.write("TEST_TOKEN='%s'\nTEST_WORD=word\nPATH=/nowhere\n" % token)
    os.environ["PATH"] += ":" + os.path.join(e2e.BUILD, "bin")
    for options, token in (((), "usual"), (("--env", os.path.join(demo.dir, "other.env")), "special")):
        demo.start(wait=False, options=options)
        demo.wait_connected((e2e.BROKER, e2e.STUB, e2e.AGENT))
        e2e.check("token is %s, word" % token in demo.output(), "the agent has the variables of %s" % (options or ".env",))
        demo.up.terminate()
        e2e.check(demo.wait_end(60) == 0, "it ends")
    os.remove(os.path.join(demo.dir, ".env"))
    e2e.check("TEST_WORD is not set" in live(demo, 2, "check", demo.yaml), "without it there is no such variable")
    with open(demo.yaml, "w") as f:
        f.write(good)


def test(demo):
    left_out(demo)
    variables(demo)
    demo.start()
    for case in (restarts, comes_and_goes, instances, by_command, refused):
        case(demo)
        print("%s: ok" % case.__name__)
    demo.up.terminate()
    e2e.check(demo.wait_end(60) == 0, "it ends")
    e2e.check("no supervisor answers" in live(demo, 1, "reload", demo.yaml), "nobody is there")


sys.exit(e2e.main(test))
