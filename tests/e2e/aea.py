#!/usr/bin/python3
"""What goes wrong in the AEA framework, and what happens here instead: one function for each failure, one line for each in the
output. The failures of the multiplexer are in this file, those of the stub in aea_stub.py, those of the HTTP server in aea_http.py.

usage: aea.py BUILD_DIR [FAILURE]
"""
import os
import subprocess
import sys
import time

import aea_http
import aea_stub
import aea_world as a
from aea_world import check, wait_for

OTHERS = 200   # envelopes of those who are not concerned
QUEUED = 500   # as in the measurement of AEA
TRIES = 5      # of a connection that fails
NUMBERED = 16  # bytes of an envelope with a number
SHARE = 0.1    # of a core, at most


# ---- one connection and the others ----

def raising_connection_stops_the_agent():
    """AEA: a connection that raises stops the whole agent"""
    with a.World([a.LOOP, a.failing()], {"max_attempts": 1}) as world:
        world.start_loop()
        process = world.start_failing()
        agent = world.start_agent()
        agent.to("outside", a.FAILS)
        agent.say("fail")
        check(agent.wait_ended() == [(1, "FAILED", "no paper")], "a raising send is told as %s" % agent.ended())
        agent.say("die")
        deaths = 0
        while len(agent.said("ended")) < 2:  # an attempt in company, and those alone
            wait_for(lambda: process.p.poll() is not None or len(agent.said("ended")) == 2, a.GUARD, "it dies of it")
            if process.p.poll() is not None:
                check(process.p.poll() == 134, "exit status %d" % process.p.poll())
                deaths += 1
                process = world.start_failing()
        check(agent.ended()[-1][1] == "POISON" and deaths > 1, "died %d times: %s" % (deaths, agent.ended()[-1]))
        agent.to("outside", a.LOOP.public_id)
        agent.send(OTHERS)
        check(all(code == "OK" for _, code, _ in agent.wait_ended()[2:]), "the other connection")
        agent.to("outside", a.FAILS)
        agent.say("other")
        check(agent.wait_ended()[-1][1] == "OK", "and the connection itself goes on")
        return "its sender is told FAILED, or POISON after %d deaths; %d of %d through another connection" % (deaths, OTHERS, OTHERS)


def slow_send_delays_the_others():
    """AEA: a send that takes 3 s delays every other connection by 3 s"""
    with a.World([a.LOOP, a.TROUBLE]) as world:
        world.start_loop()
        world.connection("trouble", a.BUILD + "/tests/trouble")
        world.wait_state("trouble")
        agent = world.start_agent()
        agent.to("outside", a.TROUBLE.public_id)
        agent.say("bad")
        agent.to("outside", a.LOOP.public_id)
        agent.send(OTHERS)
        began = time.monotonic()
        order = [number for number, _, _ in agent.wait_ended()]
        check(order == list(range(2, OTHERS + 2)) + [1], "the slow one was not the last: %s" % order)
        return "%d others were settled before it, and it after %.1f s" % (OTHERS, time.monotonic() - began)


def connection_that_comes_back_is_not_listened_to():
    """AEA: a connection that drops and comes back is never listened to again"""
    with a.World([a.failing()]) as world:
        process = world.start_failing()
        agent = world.start_agent()
        agent.to("outside", a.FAILS)
        for round_ in ("say before", "say again", "say and again"):
            agent.say(round_)
            wait_for(lambda: round_ in agent.got(), a.GUARD, "what it says: %s" % round_)
            if round_ == "say before":
                agent.say("drop")
                wait_for(lambda: "the line is dead" in world.said(), a.GUARD, "its outside world is lost")
            elif round_ == "say again":
                process.kill()
                process = world.start_failing()
        check(agent.got() == ["say before", "say again", "say and again"], "got %s" % agent.got())
        return "heard before it dropped, after it had reconnected, and after it was killed"


def queued_envelopes_are_lost_at_disconnect():
    """AEA: 478 of 500 queued envelopes lost at disconnect"""
    with a.World([a.STUB]) as world:
        stub = world.start_stub()
        agent = world.start_agent()
        agent.to("outside", a.STUB.public_id)
        agent.send(1)
        agent.wait_ended()
        stub.stand_still()
        agent.send(QUEUED - 1)
        agent.p.stdin.close()  # it closes at once, with all of them queued
        wait_for(lambda: world.given("stub"), a.GUARD, "some are given")
        check(len(agent.said("ended")) == 1 and agent.p.poll() is None, "it waits for their ends")
        stub.terminate()
        stub.go_on()
        check(stub.end() == 0, "the stub drains")
        world.start_stub()
        check((agent.end(), agent.said("left")) == (0, ["0"]), "left: %s" % agent.said("left"))
        numbers = [int(n) for n in world.lines_out()]
        check(numbers == list(range(1, QUEUED + 1)), "%d lines, %d of them different" % (len(numbers), len(set(numbers))))
        return "%d of %d settled, in order and once" % (len(numbers), QUEUED)


def sender_of_an_undeliverable_envelope_is_not_told():
    """AEA: the sender of an undeliverable envelope is never told"""
    with a.World([a.STUB, a.LOOP, a.failing(restricted="test/other:1.0.0")], {"hold": "200ms"}) as world:
        world.start_stub()
        agent = world.start_agent()
        told = []
        for connection, sender, code in (("acme/nothing:1.0.0", a.NOTHING, "NO_ROUTE"), (a.LOOP.public_id, a.NOTHING, "DISCONNECTED"),
                                         (a.FAILS, a.NOTHING, "REFUSED"), (a.STUB.public_id, "some,body", "FAILED")):
            agent.to("outside" if sender == a.NOTHING else sender, connection)
            agent.send(1)
            _, found, text = agent.wait_ended()[-1]
            check(found == code and text, "%s: %s %s" % (connection, found, text))
            told.append(code)
        return "told " + ", ".join(told) + ", each with a sentence"


# ---- code of a connection that fails where nobody looks ----

def on_send_errors_are_only_logged():
    """AEA: an error of on_send is only logged, the envelope is lost"""
    reader, writer = os.pipe()
    os.close(reader)
    with a.World([a.CLOCK]) as world:
        world.start_clock(stdout=writer)
        os.close(writer)
        agent = world.start_agent()
        agent.to("outside", a.CLOCK.public_id)
        agent.send(1)
        check(agent.wait_ended() == [(1, "FAILED", "standard output is closed")], "told: %s" % agent.ended())
        node = wait_for(lambda: world.node("clock") if world.node("clock")["code"] == "FAILED" else None, a.GUARD, "the state shows it")
        check((node["state"], node["reason"]) == ("connected", "standard output is closed"), "the state: %s" % node)
        return "its sender is told FAILED, '%s', and the connection's state shows it" % node["reason"]


def looping_main_starves_on_send():
    """AEA: max_thread_workers 1 and a looping main: 0 of 50 sent, nothing in the log"""
    with a.World([a.CLOCK]) as world:
        clock = world.start_clock(stdout=subprocess.PIPE)
        agent = world.start_agent()
        wait_for(lambda: len(agent.got()) > 2, a.GUARD, "main loops")
        agent.to("outside", a.CLOCK.public_id)
        agent.send(50, NUMBERED)
        check(all(code == "OK" for _, code, _ in agent.wait_ended()), "an end")
        wait_for(lambda: len(clock.lines) == 50, a.GUARD, "50 lines")
        return "50 of 50, and main has put %d; also tests/unit/node_sync.c test_looping_main_starves_nobody" % len(agent.got())


def main_dies_silently():
    """AEA: an exception in main is a line in the log, the connection stays `connected`, main is not started again"""
    with a.World([a.failing()]) as world:
        process = world.start_failing(wait=False, FAILS="main")
        wait_for(lambda: len(process.lines) >= TRIES, a.GUARD, "main is started again")
        state = world.wait_state("fails", "connecting")
        check((state["code"], state["reason"]) == ("IO", "main: nobody talks"), "the state: %s" % state)
        return "the state says '%s', main was started %d times; also tests/unit/node_sync.c test_main_dies" % (state["reason"], TRIES)


def failing_receive_spins():
    """AEA: a receive that fails at once is tried again at once, for ever: a core"""
    with a.World([a.failing(deaf=True), a.LOOP]) as world:
        world.start_loop()
        process = world.start_failing(wait=False)
        wait_for(lambda: process.lines, a.GUARD, "it is tried")
        began, used = time.monotonic(), process.cpu()
        wait_for(lambda: len(process.lines) >= TRIES, a.GUARD, "it is tried again")
        seconds, used = time.monotonic() - began, process.cpu() - used
        check(used < SHARE * seconds, "%.2f s of a core in %.2f s" % (used, seconds))
        state = world.wait_state("fails", "connecting")
        check(state["reason"] == "nobody listens", "the state: %s" % state)
        agent = world.start_agent()
        agent.to("outside", a.LOOP.public_id)
        agent.send(OTHERS)
        check(all(code == "OK" for _, code, _ in agent.wait_ended()), "the others")
        return "tried %d times in %.1f s with %.0f ms of a core; the state says why" % (TRIES, seconds, used * 1000)


def failing_connection_prevents_the_start():
    """AEA: one connection that cannot connect at start prevents the agent from starting"""
    with a.World([a.LOOP, a.failing(refused=TRIES)]) as world:
        world.start_loop()
        world.start_failing(wait=False)
        agent = world.start_agent()
        agent.to("outside", a.LOOP.public_id)
        agent.send(OTHERS)
        check(all(code == "OK" for _, code, _ in agent.wait_ended()), "the others")
        state = wait_for(lambda: world.node("fails") if world.node("fails").get("reason") else None, a.GUARD, "the state says why")
        check((state["state"], state["reason"]) == ("connecting", "nobody answers"), "the state: %s" % state)
        agent.to("outside", a.FAILS)
        agent.say("other")
        check(agent.wait_ended()[-1][1] == "OK", "once it has connected")
        return "%d of %d through another one while it fails %d times; then it works" % (OTHERS, OTHERS, TRIES)


FAILURES = (raising_connection_stops_the_agent, slow_send_delays_the_others, connection_that_comes_back_is_not_listened_to,
            queued_envelopes_are_lost_at_disconnect, sender_of_an_undeliverable_envelope_is_not_told, on_send_errors_are_only_logged,
            looping_main_starves_on_send, main_dies_silently, failing_receive_spins, failing_connection_prevents_the_start)


def main(only=None):
    bad = 0
    for test in FAILURES + aea_stub.FAILURES + aea_http.FAILURES:
        if only not in (None, test.__name__):
            continue
        began = time.monotonic()
        try:
            print("%s - here: %s (%.1f s)" % (test.__doc__, test(), time.monotonic() - began), flush=True)
        except (a.Failed, OSError) as why:
            print("FAILED: %s: %s - here: %s" % (test.__name__, test.__doc__, why), flush=True)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[2:]))
