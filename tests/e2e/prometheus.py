#!/usr/bin/python3
"""Metrics that an agent adds and moves, read as Prometheus reads them.

usage: prometheus.py BUILD_DIR
"""
import math
import re
import sys

import web_world as of
from web_world import check, same

import msgpack

PROTOCOL = "fetchai/prometheus:1.0.0"
OUTCOME_UNKNOWN, FAILED, MALFORMED = 22, 24, 26
BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")


# ---- the page, strictly ----

NAME, LABEL_NAME, LABEL_VALUE = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*", r'(?:[^"\\\n]|\\[\\"n])*'
LABEL = '%s="%s"' % (LABEL_NAME, LABEL_VALUE)
NUMBER = r"[+-]Inf|NaN|-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?"
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
SUFFIXES = {"counter": ("",), "gauge": ("",), "summary": ("_sum", "_count"), "histogram": ("_bucket", "_sum", "_count")}


def unescape(text):
    return re.sub(r'\\[\\"n]', lambda m: ESCAPES[m[0]], text)


class Page:
    """families: {title: (type, help)}; samples: {(name, frozenset of labels): value}. Whatever Prometheus would not take is an error."""

    def __init__(self, text):
        check(text == "" or text.endswith("\n"), "the last line has no end")
        self.families, self.samples, self.now = {}, {}, None
        lines = text.split("\n")[:-1]
        for i, line in enumerate(lines):
            if line.startswith("# HELP "):
                check(lines[i + 1].startswith("# TYPE "), "HELP without TYPE: %r" % line)
                self.help(line)
            elif line.startswith("# TYPE "):
                self.type(line)
            else:
                self.sample(line)
        for title, (kind, _) in self.families.items():
            if kind == "histogram":
                self.check_histogram(title)

    def help(self, line):
        m = re.fullmatch("# HELP (%s) ((?:[^\\\\]|\\\\[\\\\n])*)" % NAME, line)
        check(m and m[1] not in self.families, "HELP: %r" % line)
        self.now, self.families[m[1]] = m[1], (None, unescape(m[2]))

    def type(self, line):
        m = re.fullmatch("# TYPE (%s) (counter|gauge|histogram|summary)" % NAME, line)
        check(m and m[1] == self.now and self.families[self.now][0] is None, "TYPE: %r" % line)
        self.families[self.now] = (m[2], self.families[self.now][1])

    def sample(self, line):
        m = re.fullmatch(r"(%s)(?:\{(%s(?:,%s)*)\})? (%s)" % (NAME, LABEL, LABEL, NUMBER), line)
        check(m, "a line: %r" % line)
        check(m[1] in [self.now + suffix for suffix in SUFFIXES[self.families[self.now][0]]], "%r is not of %r" % (line, self.now))
        labels = re.findall('(%s)="(%s)"' % (LABEL_NAME, LABEL_VALUE), m[2] or "")
        check(len(dict(labels)) == len(labels), "a label comes twice: %r" % line)
        key = (m[1], frozenset((k, unescape(v)) for k, v in labels))
        check(key not in self.samples, "a series comes twice: %r" % line)
        self.samples[key] = float(m[3])

    def check_histogram(self, title):
        series = {}
        for (name, labels), value in self.samples.items():
            if name == title + "_bucket":
                le = dict(labels)["le"]
                series.setdefault(frozenset(l for l in labels if l[0] != "le"), []).append((le, value))
        for labels, buckets in series.items():
            same(tuple(le for le, _ in buckets), BUCKETS, "buckets")
            counts = [n for _, n in buckets]
            check(counts == sorted(counts), "buckets are not cumulative: %s" % counts)
            same(self.samples[title + "_count", labels], counts[-1], "the count")
            check((title + "_sum", labels) in self.samples, "no sum")

    def value(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())))


# ---- the agent ----

class Metrics(of.World):
    def __init__(self, config=(), patchbay=()):
        super().__init__("fetchai/prometheus:0.9.6", "port", config, patchbay)
        self.answers, self.is_deaf = {}, False

    def take(self, e):
        fields = msgpack.unpackb(e.message)
        self.answers.setdefault(fields[1], []).append(fields)
        if self.is_deaf:
            self.node.fail(e, "not now")
        else:
            self.node.finish(e)

    def put(self, performative, number=1, starter=None, **contents):
        """Without waiting."""
        self.puts += 1
        starter = "dialogue %d" % self.puts if starter is None else starter
        put = self.node.put(self.public_id, of.SKILL, PROTOCOL, msgpack.packb([number, starter, "", 0, performative, contents]))
        put.starter = starter
        return put

    def answer(self, put):
        """(code, message) of the one answer, in its place of the dialogue."""
        self.poll_until(lambda: put.code is not None and (put.code or put.starter in self.answers), "an answer")
        check(put.code == 0 and len(self.answers[put.starter]) == 1, "ended %s, answers %s" % (put.code, self.answers.get(put.starter)))
        number, _, responder, target, performative, contents = self.answers[put.starter][0]
        same((number, target, performative), (-1, 1, "response"), "the place in the dialogue")
        check(responder, "no responder's reference")
        return contents["code"], contents["message"]

    def begin_add(self, kind, title, description="", **labels):
        return self.put("add_metric", type=kind, title=title, description=description, labels=labels)

    def begin_update(self, title, callable, value=0.0, **labels):
        return self.put("update_metric", title=title, callable=callable, value=float(value), labels=labels)

    def add(self, *words, **labels):
        return self.answer(self.begin_add(*words, **labels))

    def update(self, *words, **labels):
        return self.answer(self.begin_update(*words, **labels))

    def page(self):
        answer = self.curl("/metrics")
        same((answer.status, answer.headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "the page")
        return Page(answer.body.decode())


# ---- cases ----

def every_type(world):
    same(world.page().families, {}, "nothing was added")
    for kind in ("Counter", "Gauge", "Histogram", "Summary"):
        title = kind.lower() + "_x"
        same(world.add(kind, title, "a \\ and\na line", job="j"), (200, "New %s successfully added: %s." % (kind, title)), "add")
        same(world.add(kind, title), (409, "Metric already exists."), "add again")
    same(world.add("Enum", "e"), (404, "Enum is not a recognized prometheus metric."), "add")
    for title, callable, value in (("counter_x", "inc", 9), ("counter_x", "add", 2.5), ("gauge_x", "set", 1e300), ("gauge_x", "set", -3),
                                   ("gauge_x", "dec", 9), ("gauge_x", "sub", 0.5), ("gauge_x", "inc", 9), ("gauge_x", "add", 0.25),
                                   ("histogram_x", "observe", 0.2), ("histogram_x", "observe", 11), ("summary_x", "observe", 4),
                                   ("summary_x", "observe", -1)):
        same(world.update(title, callable, value, at="a \"\\\n\u00fc"), (200, "Metric %s successfully updated." % title), callable)
    same(world.update("gauge_x", "set", math.nan, job="j", other=""), (200, "Metric gauge_x successfully updated."), "NaN")
    page, labels = world.page(), {"job": "j", "at": "a \"\\\n\u00fc"}
    same(page.families, {k.lower() + "_x": (k.lower(), "a \\ and\na line") for k in ("Counter", "Gauge", "Histogram", "Summary")}, "families")
    found = {name: page.value(name, **labels) for name in ("counter_x", "gauge_x", "histogram_x_sum", "histogram_x_count", "summary_x_sum",
                                                           "summary_x_count")}
    same(found, {"counter_x": 3.5, "gauge_x": -3.25, "histogram_x_sum": 11.2, "histogram_x_count": 2, "summary_x_sum": 3, "summary_x_count": 2},
         "values")
    same([page.value("histogram_x_bucket", le=le, **labels) for le in BUCKETS], [0] * 5 + [1] * 6 + [2], "buckets")
    check(math.isnan(page.value("gauge_x", job="j", other="")), "NaN is not there")
    same(len(page.samples), 19, "samples")


def refused(world):
    """Each with its sentence; what cannot be answered ends FAILED or MALFORMED; and nothing of it is on the page."""
    same(world.update("none", "inc"), (404, "Metric none not found."), "an unknown metric")
    same(world.add("Counter", "c"), (200, "New Counter successfully added: c."), "add")
    same(world.update("c", "dec"), (400, "Update function dec not found for metric c."), "dec")
    same(world.update("c", "add", -1)[0], 400, "a negative number")
    same(world.update("c", "inc", 0, **{"a-b": "x"})[0], 400, "a label")
    same(world.update("c", "inc", 0, **{"l%d" % i: "" for i in range(33)}), (400, "More than 32 labels."), "labels")
    same(world.add("Gauge", "no name")[0], 400, "a title")
    same(world.add("Gauge", "g", "x" * 1025)[0], 400, "a description")
    same(world.add("Gauge", "g2"), (200, "New Gauge successfully added: g2."), "add")
    same(world.add("Gauge", "g3"), (429, "Metric not added: there are 2 metrics, as many as max_metrics allows."), "too many metrics")
    same(world.update("g2", "inc", 0, a="1")[0], 200, "one series")
    code, text = world.update("g2", "inc", 0, a="2")
    check(code == 429 and "max_series" in text, "too many series: %d %s" % (code, text))
    for words, why in (({"performative": "response", "code": 200}, "may not begin a dialogue"), ({"number": 2}, "there is no such dialogue"),
                       ({"starter": ""}, "no starter's reference")):
        put = world.put(**{"performative": "update_metric", "title": "c", "callable": "inc", "value": 1.0, "labels": {}, **words}
                        if "code" not in words else words)
        world.poll_until(lambda: put.code is not None, "an end")
        check(put.code == FAILED and why in put.text and "no message for Prometheus: " in put.text, "%s: %s %s" % (words, put.code, put.text))
    put = world.node.put(world.public_id, of.SKILL, PROTOCOL, b"\xff no message")
    world.poll_until(lambda: put.code is not None, "an end")
    same(put.code, MALFORMED, "bytes that are no message")
    page = world.page()
    same((sorted(page.families), page.samples), (["c", "g2"], {("g2", frozenset({("a", "1")})): 1}), "the page")


def undelivered(world):
    """An answer that the agent does not take: its message was done, and ends so."""
    world.is_deaf = True
    put = world.begin_add("Gauge", "g")
    world.poll_until(lambda: put.code is not None, "an end")
    same((put.code, put.text), (OUTCOME_UNKNOWN, "its answer ended with FAILED"), "the end")
    world.is_deaf = False
    same(world.add("Gauge", "g")[0], 409, "it was added")


def clients(world):
    """One path, two methods; and those who say nothing are cut, while others are served."""
    world.add("Gauge", "g")
    head = world.curl("/metrics", "-I")
    same((head.status, head.body, int(head.headers["content-length"])), (200, b"", len(world.curl("/metrics").body)), "HEAD")
    same(world.curl("/metrics?name=x").status, 200, "a query")
    same(world.curl("/").status, 404, "another path")
    post = world.curl("/metrics", "-d", "x")
    same((post.status, post.headers["allow"]), (405, "GET, HEAD"), "another method")
    same(world.raw(b"GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")[0].status, 413, "a body")
    with of.http_world.Client(world.port) as silent:
        same(world.curl("/metrics").status, 200, "beside one who is silent")
        check(silent.at_end(), "one who is silent was answered")


def killed(world):
    """The metrics are gone with their process; the agent is told, adds them again, and goes on. Every message has an answer."""
    world.add("Counter", "c")
    same(world.update("c", "add", 5)[0], 200, "before")
    pid = world.pids()[world.key]
    puts = [world.begin_update("c", "inc") for _ in range(500)]
    world.poll_until(lambda: len(world.answers) > 100, "it works")
    world.kill(world.key)
    world.wait_again(pid)
    world.poll_until(lambda: all(put.code is not None and put.starter in world.answers for put in puts), "all answers")
    codes = [{fields[5]["code"] for fields in world.answers[put.starter]} for put in puts]
    check(codes[0] == {200} and {c for some in codes for c in some} <= {200, 404}, "answers: %s" % codes)
    same(world.update("c", "inc"), (404, "Metric c not found."), "after")
    same(world.page().families, {}, "the page is empty")
    same(world.add("Counter", "c")[0], 200, "added again")
    same(world.update("c", "inc")[0], 200, "and moved")
    same(world.page().value("c"), 1, "its value")


def crowd(world):
    """1,000 messages at once, read meanwhile: the sum is right, and every page is a page."""
    world.add("Summary", "s", "of many", job="x")
    puts = [world.begin_update("s", "observe", n, at=str(n % 50)) for n in range(1000)]
    pages = [world.page() for _ in range(5)]
    for put in puts:
        same(world.answer(put)[0], 200, "an answer")
    page = world.page()
    same(sum(v for (name, _), v in page.samples.items() if name == "s_sum"), 499500, "the sum")
    same(sum(v for (name, _), v in page.samples.items() if name == "s_count"), 1000, "the count")
    check(all(len(p.samples) <= 100 for p in pages), "more series than there are")


CASES = (({}, every_type), ({"config": {"max_metrics": 2, "max_series": 1}}, refused), ({}, undelivered), ({"config": {"request_timeout": 4}}, clients),
         ({}, killed), ({}, crowd))

sys.exit(of.main(Metrics, *CASES))
