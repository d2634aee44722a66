#!/usr/bin/python3
"""Ten HTTP servers on one port behind one agent, two of them killed per second for a minute, under clients that keep their
connections: only requests on connections of a killed process fail, each once, and every other one has its own answer.

usage: http_ten.py BUILD_DIR
"""
import os
import random
import signal
import statistics
import sys
import threading
import time

import demo as e2e
import http_world as http

INSTANCES = 10
CLIENTS = 32
SECONDS = 60
PACE = 0.5         # seconds from kill to kill; each process has its turn, 12 in a minute: no crash loop
SEED = 20
CALM = 2000        # answers before the first kill and after the last one, whose latency is compared
SLOWER = 20        # times: what is not normal any more, on a busy machine either
LEAST_ROUNDS = 3   # of kills, on the slowest machine
check = e2e.check


class Failure:
    """A request without an answer. fresh: its connection never had one, so perhaps no process had accepted it."""

    def __init__(self, port, since, fresh):
        self.port, self.since, self.fresh, self.at = port, since, fresh, time.monotonic()

    def is_of(self, kill):
        return self.since <= kill.done and self.at >= kill.begun and (self.fresh or self.port in kill.ports)


class Kill:
    """One process. It stands still while we look which connections are its own."""

    def __init__(self, world, pid):
        self.begun = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        spin_until(lambda: stands_still(pid), "it stands still")
        self.ports = connections(pid, world.port)
        os.kill(pid, signal.SIGKILL)
        spin_until(lambda: not os.path.exists("/proc/%d" % pid), "it is gone")  # until then it listens
        self.done = time.monotonic()


def spin_until(predicate, what):
    """Without a pause: a process stands still for no longer than that takes."""
    deadline = time.monotonic() + e2e.ANSWER
    while not predicate():
        check(time.monotonic() < deadline, "not within %g s: %s" % (e2e.ANSWER, what))


def stands_still(pid):
    """Every thread of it."""
    for task in os.scandir("/proc/%d/task" % pid):
        with open(task.path + "/stat") as f:
            if f.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


def connections(pid, port):
    """The ports of the clients whose connections this process has accepted."""
    inodes = set()
    for fd in os.scandir("/proc/%d/fd" % pid):
        name = os.readlink(fd.path)
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return {int(row[2].split(":")[1], 16) for row in rows if row[9] in inodes and int(row[1].split(":")[1], 16) == port} - {0}


class Load:
    """Clients that ask one request after the other, each on a connection that it opens again when that has broken. A request that
    has failed is not asked again."""

    def __init__(self, world):
        self.world, self.lock, self.stop = world, threading.Lock(), threading.Event()
        self.asked, self.took, self.failures, self.faults, self.refused = 0, [], [], [], 0
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def connect(self):
        """None when the process was killed in the middle of it: nothing was asked."""
        try:
            return self.world.connect()
        except ConnectionError:
            with self.lock:
                self.refused += 1
            return None

    def ask(self, client, text):
        """Its answer; None when the connection has broken."""
        try:
            answer = client.ask("POST", "/load", text)
        except ConnectionError:
            return None
        if answer:
            check((answer.status, answer.body) == (200, text), "%r has the answer %s" % (text, answer))
            check(client.buffer == b"", "%r has more than one answer" % text)
        return answer

    def use(self, number, client):
        """Until the connection breaks, or all is over."""
        port, since, fresh = client.socket.getsockname()[1], time.monotonic(), True
        while not self.stop.is_set():
            with self.lock:
                self.asked += 1
                text = b"client %d request %d" % (number, self.asked)
            began = time.monotonic()
            answered = self.ask(client, text)
            with self.lock:
                if answered:
                    self.took.append(time.monotonic() - began)
                else:
                    self.failures.append(Failure(port, since, fresh))
            if not answered:
                return
            fresh = False

    def run(self, number):
        try:
            while not self.stop.is_set():
                client = self.connect()
                if client:
                    with client:
                        self.use(number, client)
        except (e2e.Failed, OSError) as why:  # OSError: a guard's timeout, so something hung
            self.faults.append("client %d: %r" % (number, why))

    def wait_answers(self, n):
        """How long n more have taken, each."""
        first = len(self.took)

        def enough():
            check(not self.faults, self.faults)
            return len(self.took) >= first + n
        e2e.wait_for(enough, e2e.ANSWER, "%d answers" % n)
        return self.took[first:first + n]

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(http.CLIENT_TIMEOUT * 2)
            check(not thread.is_alive(), "a client hangs")
        check(not self.faults, self.faults)


def kill_for_a_minute(world, load):
    victims = [http.HTTP[:2] + (str(i),) for i in range(INSTANCES)]
    random.Random(SEED).shuffle(victims)
    kills, began = [], time.monotonic()
    while time.monotonic() < began + SECONDS:
        victim = victims[len(kills) % INSTANCES]
        row = e2e.wait_for(lambda: running(world.ps()[victim]), e2e.ANSWER, "%s is back" % (victim,))
        kills.append(Kill(world, row["pid"]))
        check(not load.faults, load.faults)
        load.stop.wait(max(0, began + PACE * len(kills) - time.monotonic()))
    return kills


def running(row):
    return row if row["pid"] and row["state"] == "connected" else None


def account(load, kills):
    """Each failure belongs to a kill, and each connection of a killed process has failed once."""
    strangers = [f for f in load.failures if not any(f.is_of(kill) for kill in kills)]
    check(not strangers, "%d requests failed, and their process was not killed" % len(strangers))
    owned = sum(len(kill.ports) for kill in kills)
    used = [f for f in load.failures if not f.fresh]
    check(0 < len(used) <= owned, "%d requests failed on %d connections" % (len(used), owned))
    check(len(load.took) + len(load.failures) == load.asked,
          "%d answers and %d failures of %d" % (len(load.took), len(load.failures), load.asked))
    return owned, len(used), len(load.failures) - len(used)


def milliseconds(took):
    cuts = statistics.quantiles(took, n=100)
    return "median %.1f, 99 %% %.1f ms" % (1000 * cuts[49], 1000 * cuts[98])


def test(world):
    world.start()
    load = Load(world)
    before = load.wait_answers(CALM)
    kills = kill_for_a_minute(world, load)
    during = load.took[CALM:]
    world.wait_connected()
    load.wait_answers(CLIENTS)  # those that had waited
    after = load.wait_answers(CALM)
    load.end()
    owned, used, fresh = account(load, kills)
    rows = world.ps()
    restarts = [rows[http.HTTP[:2] + (str(i),)]["restarts"] for i in range(INSTANCES)]
    print("%d kills of %d processes (restarts %s), %d clients: %d requests, %d answered with 200 and their own body"
          % (len(kills), INSTANCES, restarts, CLIENTS, load.asked, len(load.took)))
    print("%d failed on the %d connections that the killed had, %d on connections that had no answer yet; %d attempts to connect broken"
          % (used, owned, fresh, load.refused))
    print("before: %s; under kills: %s; after: %s" % (milliseconds(before), milliseconds(during), milliseconds(after)))
    check(sum(restarts) == len(kills) >= LEAST_ROUNDS * INSTANCES, "restarts: %s" % restarts)
    check(statistics.median(after) <= SLOWER * statistics.median(before), "it has become slow")
    check(rows[e2e.AGENT]["restarts"] == rows[e2e.STUB]["restarts"] == 0, "others died as well")


sys.exit(http.main(({"config": {"reuse_port": "true"}, "instances": INSTANCES}, test)))
