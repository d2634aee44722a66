"""The bench's table, its goals, the check of the peers, JSON files and plots."""
import json
import os
import statistics

import plot

# Broker CPU per message at 64 B, us, as these peers have had it on other machines: much more or less means that a driver is wrong
# or the machine is.
EXPECTED = {"zmq_proxy tcp": 0.61, "RR-min tcp": 0.71, "nats libnats": 0.29, "nats raw": 0.25, "mosquitto q0": 2.9, "mosquitto q1": 4.9,
            "redis stream": 1.3, "beanstalkd": 9.4, "TCP relay": 0.02}
TOLERANCE = 0.4

# what, which figure, ours, theirs, at least (1) or at most (-1), bound. Ours and theirs: (case, who).
P, PX, PI, PXI = "patchbay tcp", "zmq_proxy tcp", "patchbay ipc", "zmq_proxy ipc"
HALF, HTTP = "one-way, half of saturation", "HTTP, %d connections"
CALM = "others' one-way, 50000/s"
GOALS = [
    ("64 B, tcp: throughput / zmq_proxy", "rate", ("64 B", P), ("64 B", PX), 1, 2.5),
    ("64 B, ipc: throughput / zmq_proxy", "rate", ("64 B", PI), ("64 B", PXI), 1, 2.5),
    ("64 B, tcp: throughput / nats", "rate", ("64 B", P), ("64 B", "nats libnats"), 1, 2.5),
    ("64 B, tcp: CPU / zmq_proxy", "cpu", ("64 B", P), ("64 B", PX), -1, 0.45),
    ("64 B, ipc: CPU / zmq_proxy", "cpu", ("64 B", PI), ("64 B", PXI), -1, 0.45),
    ("64 B, tcp: CPU / nats", "cpu", ("64 B", P), ("64 B", "nats libnats"), -1, 0.8),
    ("64 B, one per message: throughput / RR-min", "rate", ("64 B", "patchbay single tcp"), ("64 B", "RR-min tcp"), 1, 1.0),
    ("64 B, one per message: CPU / zmq_proxy", "cpu", ("64 B", "patchbay single tcp"), ("64 B", PX), -1, 1.1),
    ("64 B: settlement and credit, throughput / without", "rate", ("64 B", P), ("64 B", "patchbay unsettled tcp"), 1, 0.95),
    ("64 B: settlement and credit, CPU / without", "cpu", ("64 B", P), ("64 B", "patchbay unsettled tcp"), -1, 1.05),
    ("64 B, tcp with keys: throughput / zmq_proxy without", "rate", ("64 B", "patchbay keys tcp"), ("64 B", PX), 1, 0.8),
    ("1 KiB, tcp: throughput / zmq_proxy", "rate", ("1 KiB", P), ("1 KiB", PX), 1, 1.5),
    ("1 KiB, ipc: throughput / zmq_proxy", "rate", ("1 KiB", PI), ("1 KiB", PXI), 1, 1.5),
    ("64 KiB, tcp: throughput / zmq_proxy", "rate", ("64 KiB", P), ("64 KiB", PX), 1, 1.0),
    ("64 KiB, ipc: throughput / zmq_proxy", "rate", ("64 KiB", PI), ("64 KiB", PXI), 1, 1.0),
    ("64 KiB, tcp: throughput / nats", "rate", ("64 KiB", P), ("64 KiB", "nats libnats"), 1, 2.5),
    ("64 producers: throughput / zmq_proxy", "rate", ("64 producers", P), ("64 producers", PX), 1, 1.3),
    ("64 producers: throughput / nats", "rate", ("64 producers", P), ("64 producers", "nats libnats"), 1, 1.3),
    ("ping-pong p50 / RR-min", "p50", ("ping-pong", P), ("ping-pong", "RR-min tcp"), -1, 1.2),
    ("ping-pong p99 / RR-min", "p99", ("ping-pong", P), ("ping-pong", "RR-min tcp"), -1, 1.4),
    ("one-way at half of saturation, p50 / nats", "p50", (HALF, P), (HALF, "nats libnats"), -1, 0.5),
    ("one-way at half of saturation, p99 / nats", "p99", (HALF, P), (HALF, "nats libnats"), -1, 0.3),
    ("1,000 idle connections: CPU / that with 10", "cpu", ("1000 idle connections", "patchbay"), ("10 idle connections", "patchbay"), -1, 1.3),
    ("4,000 idle connections: CPU / that with 10", "cpu", ("4000 idle connections", "patchbay"), ("10 idle connections", "patchbay"), -1, 1.45),
    ("broker idle, KiB", "value", ("memory", "KiB of an idle broker"), None, -1, 8192),
    ("an idle connection, KiB", "value", ("memory", "KiB per idle connection"), None, -1, 32),
    ("a stopped consumer / its credit window", "value", ("memory", "stopped consumer, growth over credit window"), None, -1, 1.5),
    ("one stopped: others' throughput / calm", "rate", ("others' throughput", "one stopped"), ("others' throughput", "calm"), 1, 0.95),
    ("one stopped: others' p99 / calm", "p99", (CALM, "one stopped"), (CALM, "calm"), -1, 1.5),
    ("HTTP, 16 connections: requests / bare", "rate", (HTTP % 16, "patchbay"), (HTTP % 16, "bare libmicrohttpd"), 1, 0.15),
    ("HTTP, 64 connections: requests / bare", "rate", (HTTP % 64, "patchbay"), (HTTP % 64, "bare libmicrohttpd"), 1, 0.25),
    ("HTTP, 16 connections: CPU of all processes / bare", "cpu", (HTTP % 16, "patchbay"), (HTTP % 16, "bare libmicrohttpd"), -1, 5),
    ("HTTP, 64 connections: CPU of all processes / bare", "cpu", (HTTP % 64, "patchbay"), (HTTP % 64, "bare libmicrohttpd"), -1, 5),
    ("`patchbay up` to the first HTTP answer, ms", "value", ("start", "ms from `patchbay up` to the first HTTP answer"), None, -1, 300),
]

COLUMNS = ("rate", "cpu", "p50", "p99", "p999")


def median(values):
    return statistics.median(values)


def number(value):
    return "%d" % value if value >= 1000 else "%.3g" % value


def spread(values):
    """The median, and what it lies between."""
    if not values:
        return ""
    return "%s (%s..%s)" % tuple(number(v) for v in (median(values), min(values), max(values)))


def figures(results, where, name):
    return results.get(where[0], {}).get(where[1], {}).get(name, []) if where else []


def ratios(results, goal):
    """Round by round, since rounds are interleaved."""
    _, name, ours, theirs, _, _ = goal
    above = figures(results, ours, name)
    if theirs is None:
        return above
    return [a / b for a, b in zip(above, figures(results, theirs, name)) if b]


def table(results):
    yield "| measure | who | per second | CPU, us each | p50, us | p99, us | p99.9, us |"
    yield "|---|---|---|---|---|---|---|"
    for case, rows in results.items():
        for who, row in rows.items():
            if "value" in row:
                yield "| %s | %s: %s | | | | | |" % (case, who, spread(row["value"]))
            else:
                yield "| %s | %s | %s |" % (case, who, " | ".join(spread(row.get(c, [])) for c in COLUMNS))


def judged(results):
    for goal in GOALS:
        values = ratios(results, goal)
        sign, bound = goal[4], goal[5]
        verdict = "not measured" if not values else "reached" if median(values) * sign >= bound * sign else "not reached"
        yield {"goal": goal[0], "bound": "%s %g" % (">=" if sign > 0 else "<=", bound), "values": values, "verdict": verdict}


def goals_table(goals):
    yield "| goal | bound | ours | |"
    yield "|---|---|---|---|"
    for g in goals:
        yield "| %s | %s | %s | %s |" % (g["goal"], g["bound"], spread(g["values"]), g["verdict"])


def voids(results):
    for who, expected in EXPECTED.items():
        values = figures(results, ("64 B", who), "cpu")
        if values and abs(median(values) / expected - 1) > TOLERANCE:
            yield "VOID: %s: %.3g us of broker CPU per message, expected %.3g" % (who, median(values), expected)


def plots(folder, results):
    sizes = {"64 B": 64, "1 KiB": 1024, "64 KiB": 65536}
    for name, title, unit in (("rate", "Throughput, one producer", "messages per second"), ("cpu", "Broker CPU", "us per message")):
        series = {who: [(size, median(figures(results, (case, who), name) or [0])) for case, size in sizes.items()]
                  for who in results.get("64 B", {})}
        plot.lines(os.path.join(folder, name + ".svg"), title, "bytes", unit, series)
    for case, name in (("ping-pong", "ping"), (HALF, "oneway_half"), ("one-way, 200000/s", "oneway_steady")):
        series = {who: [tuple(point) for point in row["curve"][-1]] for who, row in results.get(case, {}).items()}
        plot.lines(os.path.join(folder, name + ".svg"), "Latency: " + case, "percentile", "us", series, plot.part_axis)
    crowd = {"patchbay, idle": [(n, median(figures(results, ("%d idle connections" % n, "patchbay"), "cpu") or [0]))
                                for n in (10, 1000, 4000)]}
    for who in results.get("64 producers", {}):
        crowd[who + ", producers"] = [(n, median(figures(results, (case, who), "cpu") or [0]))
                                      for n, case in ((1, "64 B"), (8, "8 producers"), (64, "64 producers"))]
    plot.lines(os.path.join(folder, "connections.svg"), "Broker CPU over connections", "connections", "us per message", crowd)


def write(folder, machine, results):
    goals = list(judged(results))
    problems = list(voids(results))
    for name, content in (("results", {"machine": machine, "results": results, "void": problems}), ("goals", goals)):
        with open(os.path.join(folder, name + ".json"), "w") as f:
            json.dump(content, f, indent=1)
    plots(folder, results)
    print("%(cpus)d x %(cpu)s, Linux %(kernel)s, commit %(commit)s, %(rounds)d rounds of %(phase_ms)d ms, "
          "load %(load_before).1f before and %(load_after).1f after, %(seconds)d s\n" % machine)
    lines = list(table(results)) + [""] + list(goals_table(goals))
    lines += ["Missing: %s" % what for what in machine["missing"]] + problems
    print("\n".join(lines))
