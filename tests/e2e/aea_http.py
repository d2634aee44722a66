"""What goes wrong with the HTTP server of the AEA framework, and here does not. Its agent is tests/e2e/http_agent.c."""
import re
import socket
import subprocess
import time

import aea_world as a
import demo as e2e
import http_world as http
from aea_world import check, wait_for

MANY = 200           # requests without an answer, as in the measurement of AEA
TIMEOUT = 0.5        # seconds
DEFAULT_TIMEOUT = 10
AEA_BODY = 1 << 20   # bytes; AEA refuses what is as long or longer
BODY = 3000000       # bytes; here it is configured so


class World(http.World):
    """Stops with the block; then nothing may be left, and nobody may have complained."""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.up:
                self.stop()
            bad = [x for x in self.output().splitlines() if "Sanitizer" in x or "runtime error:" in x or "Assertion" in x]
            check(kind or not bad, "a process complained of itself: %s" % bad)
        except e2e.Failed:
            kind = e2e.Failed
            raise
        finally:
            if kind:
                print("\n".join(self.output().splitlines()[-40:]))
            self.clean_up()


def timeout_null_waits_for_ever():
    """AEA: `timeout: null`, as it is shipped, waits for ever"""
    with World(config={"timeout": "null"}) as world:
        world.start()
        with world.connect() as client:
            began = time.monotonic()
            client.send_request("GET", "/hold")
            answer = client.answer()
            seconds = time.monotonic() - began
        check(answer and answer.status == 504, "the answer: %s" % answer)
        check(DEFAULT_TIMEOUT - 1 < seconds, "the answer came after %.1f s" % seconds)
        world.release()
        return "504 after %.1f s" % seconds


def traceback_in_the_body():
    """AEA: any exception is a 500 with its traceback in the body"""
    with World() as world:
        world.start()
        answers = [world.get("/wrong"), world.get("/nack"), world.get("/status/1000"), world.connect().ask("POST", "/headers", b"no colon")]
        for answer in answers:
            check(answer.status == 502 and answer.body == b"Bad Gateway (FAILED)\n", "the answer: %s" % answer)
        world.wait_said("ended FAILED: no answer for HTTP: it is not a response")
        return "%d faults of the agent are 502 with '%s'; the agent is told why" % (len(answers), answers[0].body.decode().strip())


def duplicate_headers_collapse():
    """AEA: of headers with the same name one is left"""
    with World() as world:
        world.start()
        with world.connect() as client:
            seen = client.ask("GET", "/see", headers=(("X-One", "1"), ("X-Two", "2"), ("X-One", "3"))).body.decode()
            check("X-One: 1\nX-Two: 2\nX-One: 3\n" in seen, "the agent sees %r" % seen)
            answer = client.ask("POST", "/headers", b"Set-Cookie: a=1\nSet-Cookie: b=2\n")
        cookies = [value for name, value in answer.headers if name == "Set-Cookie"]
        check(cookies == ["a=1", "b=2"], "the client sees %s" % cookies)
        return "both reach the agent, and both of an answer the client, in order"


def ask_all(world, path, status):
    clients = [world.connect() for _ in range(MANY)]
    for client in clients:
        client.send_request("GET", path)
    answers = [client.answer() for client in clients]
    for client in clients:
        client.close()
    check(all(answer and answer.status == status for answer in answers), "not all are %d: %s" % (status, answers[:3]))


def timeouts_leave_dialogues_and_envelopes():
    """AEA: 200 timeouts leave 200 dialogues, and 200 stale envelopes in the InBox"""
    with World(config={"timeout": TIMEOUT, "max_in_flight": MANY}, patchbay={"grace": 0}, agent="/bin/sleep, '1000'") as world:
        http.many_files()
        world.start(wait=False)
        world.wait_connected((e2e.BROKER, http.HTTP))
        for _ in range(2):  # as many as may be in flight: if one of the first round were left, one of the second would get 503
            ask_all(world, "/hold", 504)
        agent = subprocess.Popen([e2e.BUILD + "/tests/http_agent"], stdout=subprocess.PIPE, universal_newlines=True,
                                     env=dict(e2e.environment(), PATCHBAY_AGENT="echo_agent", PATCHBAY_INSTANCE="0",
                                              PATCHBAY_ENDPOINT="ipc://%s/broker.ipc" % world.run))
        try:
            with world.connect() as client:
                client.send_request("GET", "/hold")
                first = agent.stdout.readline()
                check(first == "http_agent: holds 1\n", "the agent says first: %r" % first)
                check(world.get("/release").body == b"1\n", "it holds no more than that")
        finally:
            agent.terminate()
            agent.wait(a.GUARD)
            agent.stdout.close()
        return "%d timeouts leave nothing: none is in flight, and an agent that comes later is given none" % (2 * MANY)


def late_answer_is_only_logged():
    """AEA: an answer that comes too late is dropped with a line in the log"""
    with World(config={"timeout": TIMEOUT}) as world:
        world.start()
        check(world.get("/hold").status == 504, "504")
        world.release()
        said = world.wait_said(r"an answer ended (FAILED: the request [0-9a-f]{32} is not waiting for an answer any more[^\n]*)")
        return "its sender is told " + re.sub("[0-9a-f]{32}", "...", said[1])


def concurrent_requests_have_no_limit():
    """AEA: nothing limits the requests that are under way"""
    with World(config={"max_in_flight": 4}) as world:
        world.start()
        clients = [world.connect() for _ in range(4)]
        for client in clients:
            client.send_request("GET", "/hold")
        world.wait_held(4)
        answer = world.get("/")
        check(answer.status == 503 and ("Retry-After", "1") in answer.headers, "the fifth: %s" % answer)
        world.release()
        for client in clients:
            check(client.answer().body == b"released\n", "those that were under way")
            client.close()
        check(world.get("/").status == 200, "and then there is room again")
        return "max_in_flight: the fifth of four gets 503 with Retry-After, at once"


def body_limit_is_fixed():
    """AEA: bodies of 1 MiB and more are refused, and nothing can be set"""
    with World(config={"max_body_bytes": BODY}, patchbay={"max_envelope": "4MiB"}) as world:
        world.start()
        with world.connect() as client:
            for size in (AEA_BODY, BODY):
                check(client.ask("POST", "/", b"x" * size).body == b"x" * size, "a body of %d bytes" % size)
            answer = client.ask("POST", "/", b"x" * (BODY + 1))
            check(answer.status == 413, "one byte more: %s" % answer)
        return "max_body_bytes: %d there and back, 413 for one byte more" % BODY


def bind_failure_takes_the_agent_down():
    """AEA: a port that is taken prevents the agent from starting"""
    with World() as world:
        with socket.socket() as other:
            other.bind(("127.0.0.1", world.port))
            other.listen()
            world.start(wait=False)
            http.e2e.Demo.wait_connected(world, (e2e.BROKER, e2e.STUB, e2e.AGENT))
            world.ask()
            reason = wait_for(lambda: world.ps()[http.HTTP]["reason"], a.GUARD, "the reason")
            check(reason == "bind 127.0.0.1:%d: Address already in use" % world.port, "the reason: %s" % reason)
        world.wait_connected()
        check(world.get("/").status == 200, "once the port is free")
        return "the agent answers through its stub, `ps` says why, and once the port is free it works"


FAILURES = (timeout_null_waits_for_ever, traceback_in_the_body, duplicate_headers_collapse, timeouts_leave_dialogues_and_envelopes,
            late_answer_is_only_logged, concurrent_requests_have_no_limit, body_limit_is_fixed, bind_failure_takes_the_agent_down)
