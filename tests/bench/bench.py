#!/usr/bin/python3
"""Measure the product beside its peers: one interleaved run, one table, JSON and plots.

usage: bench.py BUILD_DIR [--quick] [--only SECTION,...]
"""
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import report
from product import Patchbay, Up, demo_yaml, http_yaml
from world import PEERS, SOURCE, Failed, Process, answers, check, cpu_ns, end_all, free_port, missing, rss_kib, wait_for

SIZES = {"64 B": 64, "1 KiB": 1024, "64 KiB": 65536}
FAN_WINDOW = 256
STEADY = 200000  # per second, one-way
CALM_RATE = 50000
IDLE = (10, 1000, 4000)
MEMORY_WINDOW = 16384
STALL = "  heartbeat: 1s\n  timeout: 1m\n"  # a stopped process must not count as dead while it is measured


class Bench:
    def __init__(self, build, quick):
        self.build, self.bin = os.path.abspath(build), os.path.join(os.path.abspath(build), "bench", "bin")
        self.rounds, self.ms = (3, 300) if quick else (5, 1500)
        self.quick, self.dir = quick, tempfile.mkdtemp(prefix="pbench", dir="/tmp")
        self.targets, self.results, self.missing = {}, {}, []

    def add(self, case, who, values):
        row = self.results.setdefault(case, {}).setdefault(who, {})
        for name, value in values.items():
            row.setdefault(name, []).append(value)

    def open_targets(self):
        for name in ("tcp", "ipc"):
            self.targets["patchbay " + name] = Patchbay(self, "patchbay " + name, name)
        self.targets["patchbay keys tcp"] = Patchbay(self, "patchbay keys tcp", "tcp", keys=True)
        for build in ("single", "unsettled"):
            self.targets["patchbay %s tcp" % build] = Patchbay(self, "patchbay %s tcp" % build, "tcp", build=build + "_")
        for name, (needs, make) in PEERS.items():
            absent = missing(self, needs)
            if absent:
                self.missing.append("%s (%s)" % (name, ", ".join(absent)))
            else:
                self.targets[name] = make(self, name)
        if missing(self, ["wrk"]):
            self.missing.append("HTTP (wrk)")
        check(self.quick or not self.missing, "peers are missing: %s" % "; ".join(self.missing))

    def some(self, *names):
        return [self.targets[name] for name in names if name in self.targets]

    def close(self, keep):
        """keep: what the processes have said, to be looked at."""
        if not keep:
            for target in self.targets.values():
                target.close()
        end_all()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def flood(bench, target, size, sources=1, **options):
    """Sources to one sink, from the first message to the last one's acknowledgement."""
    if sources > 1:
        options["window"] = FAN_WINDOW
    sink = target.sink(size, sources=sources, **{k: v for k, v in options.items() if k == "window"})
    started = [target.source(size, index=i, ms=bench.ms, **options) for i in range(sources)]
    for source in started:
        source.ready()
    before = target.cpu()
    for source in started:
        source.go()
    ends = [source.json() for source in started]
    spent = target.cpu() - before
    for source in started:
        target.source_ended(source)
    seen = target.sink_says(sink)
    for source in started:
        source.close(ask=False)
    sink.close()
    count = sum(e["count"] for e in ends)
    check(seen["received"] == count and seen["disordered"] == 0,
          "%s: %d put, the sink has seen %d, %d out of order" % (target.name, count, seen["received"], seen["disordered"]))
    values = {"rate": count * 1e9 / (max(e["end"] for e in ends) - min(e["begin"] for e in ends))}
    if target.brokers:
        values["cpu"] = spent / 1000 / count
    if "rate" in options:
        values.update({k: seen[k] for k in ("p50", "p90", "p99", "p999", "curve")})
    return values


def ping(bench, target, size):
    sink, source = target.sink(size), target.ping(size, ms=bench.ms)
    source.ready()
    before = target.cpu()
    source.go()
    end = source.json()
    spent = target.cpu() - before
    source.close(ask=False)
    sink.close()
    values = {k: end[k] for k in ("p50", "p90", "p99", "p999", "curve")}
    if target.brokers:
        values["cpu"] = spent / 1000 / end["count"]
    return values


# ---- sections ----

def throughput(bench):
    for label, size in SIZES.items():
        for target in bench.targets.values():
            bench.add(label, target.name, flood(bench, target, size))


def pings(bench):
    for target in bench.some("patchbay tcp", "patchbay keys tcp", "RR-min tcp", "patchbay ipc", "RR-min ipc", "zmq_proxy tcp", "nats libnats", "nats raw",
                             "TCP relay"):
        bench.add("ping-pong", target.name, ping(bench, target, 64))


def oneway(bench):
    for target in bench.some("patchbay tcp", "zmq_proxy tcp", "RR-min tcp", "nats libnats"):
        bench.add("one-way, %d/s" % STEADY, target.name, flood(bench, target, 64, rate=STEADY))
    for target in bench.some("patchbay tcp", "nats libnats"):
        saturation = bench.results.get("64 B", {}).get(target.name, {}).get("rate") or [flood(bench, target, 64)["rate"]]
        bench.add("one-way, half of saturation", target.name, flood(bench, target, 64, rate=int(report.median(saturation) / 2)))


def fan_in(bench):
    for sources in (8, 64):
        for target in bench.some("patchbay tcp", "zmq_proxy tcp", "nats libnats"):
            bench.add("%d producers" % sources, target.name, flood(bench, target, 64, sources=sources))


def quiet(bench, target):
    """What the broker uses when there is nothing but heartbeats."""
    began, before = time.monotonic(), target.cpu()
    time.sleep(bench.ms / 1000)
    return (target.cpu() - before) / 1e6 / (time.monotonic() - began)


class Crowd:
    """Brokers with idle connections, each with its own; alive only for their section."""

    def __init__(self, bench):
        self.all = {n: Patchbay(bench, "patchbay %d idle" % n, "ipc", idle=n) for n in IDLE}

    def measure(self, bench):
        for n, target in self.all.items():
            bench.add("%d idle connections" % n, "patchbay", flood(bench, target, 64))
        for n, target in self.all.items():
            bench.add("%d idle connections" % n, "heartbeats alone, ms of CPU in a second", {"value": quiet(bench, target)})

    def end(self, bench):
        few, many = (rss_kib(self.all[n].brokers[0].pid) for n in (IDLE[0], IDLE[-1]))
        bench.add("memory", "KiB per idle connection", {"value": (many - few) / (IDLE[-1] - IDLE[0])})
        for target in self.all.values():
            target.close()


def still(look):
    """Two looks that give the same, some time apart: nothing moves any more."""
    last = [None, 0.0]

    def same():
        now, value = time.monotonic(), look()
        if value != last[0]:
            last[:] = [value, now]
        return value and now - last[1] > 0.2
    wait_for(same, "a stopped consumer's stream stands still")


class Stall:
    """One stopped receiver beside a working one, and what the broker keeps for it."""

    def __init__(self, bench):
        self.target = Patchbay(bench, "patchbay stall", "ipc", extra=STALL)
        bench.add("memory", "KiB of an idle broker", {"value": rss_kib(self.target.brokers[0].pid)})

    def others(self, bench, who):
        bench.add("others' throughput", who, flood(bench, self.target, 64))
        bench.add("others' one-way, %d/s" % CALM_RATE, who, flood(bench, self.target, 64, rate=CALM_RATE))

    def held(self):
        return [(s["held"], s["credit"], s["used"]) for s in self.target.streams() if s["at"] == "other"]

    def blocked(self, bench):
        other = self.target.sink(1024, name="other")
        source = self.target.source(1024, kind="other", index=1, ms=bench.ms, window=MEMORY_WINDOW)
        source.ready()
        other.popen.send_signal(signal.SIGSTOP)
        before = rss_kib(self.target.brokers[0].pid)
        source.go()
        still(self.held)
        return other, source, before

    def measure(self, bench):
        self.others(bench, "calm")
        other, source, before = self.blocked(bench)
        held, credit, used = self.held()[0]
        window, growth = (held + credit - used) / 1024, rss_kib(self.target.brokers[0].pid) - before
        for what, value in (("its credit window, KiB", window), ("growth of the broker, KiB", growth),
                            ("growth over credit window", growth / max(window, 1))):
            bench.add("memory", "stopped consumer, " + what, {"value": value})
        self.others(bench, "one stopped")
        other.popen.send_signal(signal.SIGCONT)
        count = source.json()["count"]
        self.target.source_ended(source)
        seen = self.target.sink_says(other)
        check(seen["received"] == count and seen["disordered"] == 0, "the stopped consumer has lost something")
        source.close(ask=False)
        other.close()

    def end(self, bench):
        self.target.close()


def wrk(port, connections, seconds):
    done = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, "http://127.0.0.1:%d/" % port],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    check("Non-2xx" not in done and "Socket errors" not in done, "wrk: %s" % done)
    words = done.split()
    return float(words[words.index("Requests/sec:") + 1]), int(words[words.index("requests") - 1])


class Http:
    def __init__(self, bench):
        self.ports = {"patchbay": free_port(), "bare libmicrohttpd": free_port()}
        self.bare = Process([os.path.join(bench.bin, "http_bare"), str(self.ports["bare libmicrohttpd"])],
                            os.path.join(bench.dir, "http_bare.log"))
        self.bare.ready()
        self.up = Up(bench, http_yaml(self.ports["patchbay"]))
        first_answer(self.ports["patchbay"])

    def measure(self, bench):
        for connections in (1, 16, 64):
            for who, port in self.ports.items():
                cpu = self.up.cpu if who == "patchbay" else lambda: cpu_ns([self.bare.pid])
                before = cpu()
                rate, requests = wrk(port, connections, 1 if bench.quick else 2)
                bench.add("HTTP, %d connections" % connections, who, {"rate": rate, "cpu": (cpu() - before) / 1000 / requests})

    def end(self, bench):
        self.up.close()
        self.bare.close()


def first_answer(port):
    def asked():
        try:
            return answers(port) and urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10).status == 200
        except OSError:
            return False
    wait_for(asked, "the first HTTP answer")


def start_up(bench):
    port = free_port()
    up = Up(bench, demo_yaml(port))
    first_answer(port)
    bench.add("start", "ms from `patchbay up` to the first HTTP answer", {"value": (time.monotonic() - up.began) * 1000})
    up.close()


class Rounds:
    """A section without anything of its own to open."""

    def __init__(self, measure):
        self.measure = measure

    def end(self, bench):
        pass


SECTIONS = {
    "throughput": lambda bench: Rounds(throughput), "ping": lambda bench: Rounds(pings), "oneway": lambda bench: Rounds(oneway),
    "fanin": lambda bench: Rounds(fan_in), "idle": Crowd, "stall": Stall, "http": Http, "start": lambda bench: Rounds(start_up),
}


def run(bench, only):
    for name, make in SECTIONS.items():
        if only and name not in only or name == "http" and missing(bench, ["wrk"]):
            continue
        began = time.monotonic()
        section = make(bench)
        for _ in range(bench.rounds):
            section.measure(bench)
        section.end(bench)
        print("bench: %s: %.0f s, load %.1f" % (name, time.monotonic() - began, os.getloadavg()[0]), file=sys.stderr, flush=True)


def machine(bench, began, load):
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", SOURCE, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "commit": commit or "unknown", "rounds": bench.rounds,
            "phase_ms": bench.ms, "load_before": load, "load_after": os.getloadavg()[0], "seconds": round(time.monotonic() - began),
            "missing": bench.missing}


def main():
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    only = next((a[7:].split(",") for a in sys.argv if a.startswith("--only=")), [])
    began, load, bench = time.monotonic(), os.getloadavg()[0], Bench(arguments[0], "--quick" in sys.argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sound = False
    try:
        bench.open_targets()
        run(bench, only)
        sound = True
    except Failed as why:
        print("bench: the measuring is not sound: %s\nbench: the logs are in %s" % (why, bench.dir), file=sys.stderr)
        return 1
    finally:
        bench.close(keep=not sound)
    report.write(os.path.join(bench.build, "bench"), machine(bench, began, load), bench.results)
    return 0


sys.exit(main())
