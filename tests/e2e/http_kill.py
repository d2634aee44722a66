#!/usr/bin/python3
"""kill -9 of the HTTP server under load: only requests that were in it fail, each with an error or a closed connection; none
hangs, and the stub beside it goes on, in order.

usage: http_kill.py BUILD_DIR
"""
import sys
import threading

import demo as e2e
import http_world as http

CLIENTS = 16
KILLS = 5
BETWEEN = 500  # answers until the next kill
LINES = 20  # stub lines for each kill


class Load:
    """Clients that ask one request after the other, each on a connection that it opens again when it must."""

    def __init__(self, world):
        self.world, self.lock = world, threading.Lock()
        self.stop, self.answered, self.refused = threading.Event(), 0, 0
        self.kills, self.is_up = 0, True  # how often it was killed; is it known to have been started since?
        self.failed = {}  # how: how often
        self.faults = []
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def count(self, how):
        with self.lock:
            if how is None:
                self.answered += 1
            else:
                self.failed[how] = self.failed.get(how, 0) + 1

    def connect(self):
        """None while nobody listens: what was not sent has not failed."""
        try:
            return self.world.connect()
        except ConnectionError:
            with self.lock:
                self.refused += 1
            self.stop.wait(e2e.LOOK_EVERY)
            return None

    def kill(self):
        self.is_up = False
        self.kills += 1
        self.world.kill(http.HTTP)

    def ask(self, client, text):
        """How the request has failed; None = it has its own answer."""
        try:
            answer = client.ask("POST", "/load", text)
        except ConnectionError:
            return "closed"
        if answer is None:
            return "closed"
        e2e.check(answer.status != 200 or answer.body == text, "%r has the answer %s" % (text, answer))
        return None if answer.status == 200 else "status %d" % answer.status

    def run(self, number):
        client, n = None, 0
        try:
            while not self.stop.is_set():
                client = client or self.connect()
                if not client:
                    continue
                n += 1
                kills, is_up = self.kills, self.is_up
                how = self.ask(client, b"client %d request %d" % (number, n))
                self.count(how)
                if how:
                    e2e.check(not is_up or kills != self.kills, "%s, and nobody was killed" % how)
                    client.close()
                    client = None
        except (e2e.Failed, OSError) as why:  # OSError: a guard's timeout, so something hung
            self.faults.append("client %d, request %d: %r" % (number, n, why))

    def check(self):
        e2e.check(not self.faults, self.faults)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(http.CLIENT_TIMEOUT * 2)
            e2e.check(not thread.is_alive(), "a client hangs")
        self.check()


def wait_answers(load, n):
    def enough():
        load.check()
        return load.answered >= n
    e2e.wait_for(enough, e2e.ANSWER, "%d answers" % n)


def test(world):
    world.start()
    load, lines = Load(world), []
    for kill in range(KILLS):
        wait_answers(load, load.answered + BETWEEN)
        lines += [world.send_line() for _ in range(LINES)]
        load.kill()
        lines += [world.send_line() for _ in range(LINES)]
        e2e.wait_for(lambda: world.ps()[http.HTTP]["restarts"] > kill, e2e.ANSWER, "its restart")
        load.is_up = True
        world.wait_answer(lines[-1])
    wait_answers(load, load.answered + BETWEEN)
    load.end()
    places = [world.answers().find(line) for line in lines]
    failed = sum(load.failed.values())
    print("%d kills, %d clients: %d requests answered, %d failed (%s), %d refused while nobody listened; %d stub lines answered"
          % (KILLS, CLIENTS, load.answered, failed, load.failed, load.refused, len(lines)))
    e2e.check(places == sorted(places) and places[0] >= 0, "the stub's answers are not in order")
    e2e.check(failed > 0, "no request was in it when it was killed: nothing was tested")
    e2e.check(set(load.failed) == {"closed"}, "failed otherwise than by a closed connection: %s" % load.failed)
    e2e.check(world.ps()[e2e.STUB]["restarts"] == 0 and world.ps()[e2e.AGENT]["restarts"] == 0, "others died as well")


sys.exit(http.main(({}, test)))
