#!/usr/bin/python3
"""One package with a real broker: killed, stopped, drained, fenced, badly configured, restricted. Nothing that an agent or the
outside world gave is lost, and everything ends as it should.

usage: conformance.py BUILD_DIR PACKAGE [CASE]
"""
import os
import signal
import subprocess
import sys
import time

import packages
import world as w

BURST = 200      # envelopes for one who stands still
STREAM = 2000    # envelopes for one who works: more than he can do before the blow
BLOWS = 4
FULL_SIZE = 15000
OUTBOX = 1024    # envelopes; the agent's OutBox takes no more
BUDGET_MIB = 1
GROWTH = 6144    # KiB that the broker may grow while an agent's OutBox of 15 MB waits
OTHERS = 2000    # envelopes of the one who is not concerned
CASES = {}


def case(broker=(), edited=False):
    def register(test):
        CASES[test.__name__] = (test, dict(broker), edited)
        return test
    return register


def target(p):
    p.target()
    p.conductor.send(1)  # opens the stream
    p.conductor.wait_ended()


def stop(p):
    p.process.signal(signal.SIGSTOP)
    w.wait_for(lambda: open("/proc/%d/stat" % p.process.p.pid).read().rsplit(")", 1)[1].split()[0] == "T", w.GUARD, "it stands still")


def check_ends(p, once, but=0):
    """All ended as they should, and the outside world has seen each: in order, and if so asked once. Number `but` went elsewhere."""
    ends, everyone = p.conductor.wait_ended(), [n for n in range(1, p.conductor.sent + 1) if n != but]
    ends = [end for end in ends if end[0] != but]
    w.check([n for n, _, _ in ends] == everyone, "the ends are not in order")
    others = [end for end in ends if end[1] != p.outcome]
    w.check(not others, "%d ended otherwise, first %s" % (len(others), others[:1]))
    w.wait_for(lambda: set(p.seen()) == set(everyone), w.GUARD, "the outside world has seen all")
    seen = p.seen()
    w.check(w.firsts(seen) == everyone, "the outside world has not seen them in order")
    w.check(not once or len(seen) == len(everyone), "the outside world has seen %d twice" % (len(seen) - len(everyone)))
    return len(seen) - len(everyone)


def attached(p):
    """This process, not the one before it."""
    node = p.world.node(p.name)
    return node.get("state") == "connected" and node["attached"] == len(p.processes)


def given_to_one_who_stands_still(p):
    p.conductor.wait_ended()
    w.wait_for(lambda: attached(p), w.GUARD, "it is attached")
    stop(p)
    p.conductor.send(BURST)
    p.drive(BURST // 4)
    w.wait_for(lambda: p.world.given(p.name), w.GUARD, "something is given to it")
    w.check(len(p.conductor.said("ended")) < p.conductor.sent, "settled by one who stands still")


def given_to_one_who_works(p):
    p.conductor.wait_ended()
    seen = len(p.seen())
    p.conductor.send(STREAM)
    p.drive(BURST // 4)
    w.spin_until(lambda: len(p.seen()) > seen, "it works")


@case()
def killed_under_traffic(p):
    """Every second time it stands still before, so that it surely has what it has not settled."""
    target(p)
    unsettled = []
    for blow in range(BLOWS):
        (given_to_one_who_stands_still if blow % 2 else given_to_one_who_works)(p)
        p.process.kill()
        unsettled.append(p.conductor.sent - len(p.conductor.said("ended")))
        p.start()
    twice = check_ends(p, once=False)
    p.check_driven(once=False)
    return "killed with %s envelopes not settled: all %d ended %s, %d seen twice" % (unsettled, p.conductor.sent, p.outcome, twice)


@case(broker={"memory_budget": "%dMiB" % BUDGET_MIB, "max_envelope": "64KiB"})
def send_while_full(p):
    target(p)
    stop(p)
    broker = p.world.broker.p.pid
    before = w.hwm(broker)
    taken = p.conductor.fill(FULL_SIZE)
    w.wait_for(lambda: p.world.given(p.name), w.GUARD, "something is given to it")
    taken += p.conductor.fill(FULL_SIZE)
    w.check(0 < taken <= OUTBOX, "the OutBox took %d" % taken)
    w.check(len(p.conductor.said("ended")) == 1, "settled by one who stands still")
    p.process.signal(signal.SIGCONT)
    check_ends(p, once=True)
    growth = w.hwm(broker) - before
    w.check(growth <= GROWTH or w.is_sanitized(broker), "the broker has grown by %d KiB" % growth)
    return "AGAIN after %d of %d bytes; the broker has grown by %d KiB" % (taken, FULL_SIZE, growth)


@case()
def settles_late(p):
    """Whatever the broker says on the agent's link, it says in order: a settlement would have come before that of a later envelope
    to another connection."""
    p.world.connection("trouble", w.BUILD + "/tests/trouble")
    p.world.wait_state("trouble")
    target(p)
    stop(p)
    p.conductor.send(BURST)
    w.wait_for(lambda: p.world.given(p.name) == BURST, w.GUARD, "all are given")
    p.conductor.to("outside", "patchbay/trouble:0.1.0")
    p.conductor.send(1)
    w.wait_for(lambda: len(p.conductor.said("ended")) > 1, w.GUARD, "an end")
    w.check([n for n, _, _ in p.conductor.ended()] == [1, p.conductor.sent], "settled by one who stands still")
    p.process.signal(signal.SIGCONT)
    check_ends(p, once=True, but=p.conductor.sent)
    return "%d ended after SIGCONT, none before" % BURST


def refused_config(p, override, says):
    """`patchbay check` and the process itself say FILE:LINE and end with 2."""
    path = p.world.write_agent("asker", [w.Spec(p.folder, override)], name="bad")
    where = "%s:%d: " % (path, open(path).read().rstrip("\n").count("\n") + 1)
    done = subprocess.run([w.BUILD + "/bin/patchbay", "check", path], env={**os.environ, **p.world.env}, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, universal_newlines=True, timeout=w.GUARD)
    said = done.stderr
    w.check(done.returncode == 2 and said.startswith(where) and says in said, "check: %d %r" % (done.returncode, said))
    bad = w.Process(p.world, [p.executable], PATCHBAY_CONNECTION_DIR=p.world.package(p.name), PATCHBAY_AGENT_FILE=path)
    status = bad.end()
    line = [x for x in p.world.said().splitlines() if x.startswith(where) and says in x]
    w.check(status == 2 and line, "the process: %d, expected '%s...%s'" % (status, where, says))
    return line[0].replace(p.world.dir + "/", "")


@case()
def bad_option(p):
    return refused_config(p, p.bad_override, p.bad_says)


@case()
def unknown_option(p):
    return refused_config(p, "config:\n  no_such_option: 1\n", "no_such_option: there is no such key in the config at")


@case(edited=True)
def restricted_both_ways(p):
    p.restricted()
    return "REFUSED there and back, with the rule's file and line"


@case()
def drain(p):
    other = w.Conductor(p.world, "other")
    other.to("outside", "patchbay/bystander:0.1.0")
    target(p)
    other.send(OTHERS)
    given_to_one_who_works(p)
    p.process.signal(signal.SIGTERM)
    other.send(OTHERS)
    p.conductor.send(BURST)
    status = p.process.end()
    w.check(status == 0, "exit status %d" % status)
    w.check(p.may_leave or "left:" not in p.world.said(), "something was left")
    p.start()
    check_ends(p, once=not p.may_leave)
    p.check_driven(once=not p.may_leave)
    ends = other.wait_ended()
    w.check([end[:2] for end in ends] == [(n, "OK") for n in range(1, 2 * OTHERS + 1)], "the others: not all settled in order")
    w.check(p.bystander.p.poll() is None and p.world.broker.p.poll() is None, "another process has ended")
    once = "" if p.may_leave else " once"
    return "exit status 0 under traffic, all %d seen%s; %d of others beside it" % (p.conductor.sent, once, 2 * OTHERS)


@case()
def second_process_fences(p):
    target(p)
    first = p.process
    p.start()
    status = first.end()
    w.check(status == 76, "the first process: exit status %d" % status)
    p.conductor.send(BURST)
    check_ends(p, once=True)
    p.drive(3)
    p.check_driven(once=True)
    w.check(p.process.p.poll() is None, "the second process has ended")
    return "the first process ended with 76, the second goes on"


def run(name, test, broker, edited):
    p = packages.PACKAGES[name]()
    trouble = w.Spec(packages.E2E + "/trouble")
    bystander = w.Spec(packages.E2E + "/loop", changes={"name: loop": "name: bystander"})
    p.world = w.World({"asker": [w.Spec(p.folder, p.override, p.edit if edited else {}), trouble], "other": [bystander]}, broker)
    good = False
    began = time.monotonic()
    try:
        p.world.start_broker()
        p.start()
        p.bystander = p.world.connection("bystander", w.BUILD + "/tests/loop", "other")
        p.world.wait_state(p.name)
        p.world.wait_state("bystander")
        p.conductor = w.Conductor(p.world)
        said = test(p)
        w.check(not p.world.complaints(), "a process complained of itself: %s" % p.world.complaints())
        good = True
        print("%s, %s: %s; %.1f s" % (name, test.__name__, said, time.monotonic() - began))
    except (w.Failed, OSError) as why:
        print("FAILED: %s, %s: %s" % (name, test.__name__, why))
    finally:
        p.world.close(good)
    return good


def main(name, only=None):
    done = [run(name, *CASES[key]) for key in ([only] if only else CASES)]
    return 0 if all(done) else 1


sys.exit(main(*sys.argv[2:]))
