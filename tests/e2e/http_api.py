#!/usr/bin/python3
"""The API's document, routes, the access log, HEAD and OPTIONS, and the sizes of bodies: asked with curl, over plain TCP and TLS.

usage: http_api.py BUILD_DIR
"""
import glob
import os
import re
import shutil
import subprocess
import sys

import demo as e2e
import http_world as http

DOCUMENT = os.path.join(e2e.SOURCE, "tests", "unit", "http_api.yaml")
JSON = ("-H", "Content-Type: application/json")
TEA = '{"item": "tea", "quantity": 1}'
MIB = 1 << 20
GROWTH = 4096  # KiB of memory that refusing 64 MiB may take; measured: none
LINE = re.compile(r'(\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([ !#-~]*)" (\d{3}) (\d+) (\d+)')


class Answer:
    def __init__(self, status, head, body):
        self.status, self.body = status, body
        self.headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)

    def __repr__(self):
        return "%d %r %r" % (self.status, self.headers, self.body[:200])


def curl(world, path, *options, secure=False):
    """The last answer that curl had; status 0 = none."""
    head, body = os.path.join(world.dir, "head"), os.path.join(world.dir, "body")
    for name in (head, body):
        open(name, "w").close()
    done = subprocess.run(("curl", "-sS", "--path-as-is", "--noproxy", "*", "--max-time", str(http.CLIENT_TIMEOUT), "-o", body, "-D",
                           head, "-w", "%{http_code}", "--cacert", os.path.join(world.dir, "cert.pem")) + options +
                          ("http%s://localhost:%d%s" % ("s" if secure else "", world.port, path),),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    with open(head, newline="") as f, open(body, "rb") as g:
        heads = f.read().rstrip("\r\n").split("\r\n\r\n")
        return Answer(int(done.stdout or 0), heads[-1], g.read() if "-I" not in options else b"")  # curl puts the head there


def said(answer, status, text):
    e2e.check(answer.status == status and answer.body.decode() == text, "expected %d %r: %r" % (status, text, answer))


def certificate(world):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
                   cwd=world.dir, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- the document ----

def described(world, ask):
    """What the document describes comes to the agent, and its answer back."""
    e2e.check(ask("/").body.endswith(b"/\n"), "the root")
    e2e.check(ask("/orders?limit=3&status=open").status == 200, "parameters")
    said(ask("/orders", *JSON, "-d", TEA), 200, TEA)
    said(ask("/orders/7", *JSON, "-X", "PUT", "-d", TEA), 200, TEA)
    said(ask("/notes", "-H", "Content-Type: text/plain", "-d", "a note"), 200, "a note")
    chunked = ask("/orders", *JSON, "-H", "Transfer-Encoding: chunked", "-d", TEA)
    said(chunked, 200, TEA)


def undescribed(world, ask):
    said(ask("/other"), 404, "Not Found (the API describes no such path)\n")
    said(ask("/orders/../other"), 404, "Not Found (the API describes no such path)\n")
    said(ask("/orders/a"), 400, "Bad Request (path.id: expected an integer)\n")
    said(ask("/orders?limit=0"), 400, "Bad Request (query.limit: expected at least 1)\n")
    said(ask("/orders", "-H", "X-Trace: 1"), 400, "Bad Request (header.X-Trace: expected what matches ^[0-9a-f]{4}$)\n")
    said(ask("/orders", "-d", TEA), 415, "Unsupported Media Type (header.Content-Type: expected application/json)\n")
    said(ask("/orders", *JSON, "-X", "POST"), 400, "Bad Request (body: expected one)\n")
    said(ask("/orders", *JSON, "-d", "{}"), 400, "Bad Request (body.item: expected it to be there)\n")
    said(ask("/orders", *JSON, "-H", "Transfer-Encoding: chunked", "-d", '{"item": ""}'), 400,
         "Bad Request (body.quantity: expected it to be there)\n")
    said(ask("/big", *JSON, "--data-binary", "[%s0]" % ("0," * 1000)), 400, "Bad Request (body: expected an object)\n")
    answer = ask("/orders", "-X", "DELETE")
    said(answer, 405, "Method Not Allowed (the API does not describe this method here)\n")
    e2e.check(answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS", "Allow of 405: %r" % answer)
    e2e.check(answer.headers["Content-Type"] == "text/plain; charset=utf-8", "the type of a refusal: %r" % answer)


def options(world, ask, secure):
    """The document's own OPTIONS is the agent's; HEAD is where GET is."""
    for path, target, allow in (("/orders", (), "GET, HEAD, POST, OPTIONS"),
                                ("", ("--request-target", "*"), "GET, HEAD, POST, PUT, DELETE, OPTIONS")):
        answer = ask(path, "-X", "OPTIONS", *target)
        e2e.check((answer.status, answer.body, answer.headers.get("Allow")) == (204, b"", allow), "OPTIONS: %r" % answer)
        e2e.check("Content-Type" not in answer.headers, "204 has a type: %r" % answer)
    e2e.check(ask("/orders/7", "-X", "OPTIONS").body.startswith(b"options http"), "OPTIONS that is described")
    whole, head = ask("/orders"), ask("/orders", "-I")
    e2e.check(head.status == 200 and int(head.headers["Content-Length"]) == len(whole.body) + 1,
              "HEAD: %r, GET: %r" % (head, whole))  # the agent says the method, which is one letter longer
    e2e.check(ask("/notes", "-I").status == 405, "HEAD where there is no GET")
    if not secure:  # byte by byte: no body comes behind the head
        with world.connect() as client:
            head, again = client.ask("HEAD", "/orders"), client.ask("GET", "/")
            e2e.check(head.status == 200 and again.body == b"get http://localhost/\n", "HEAD, then GET: %r %r" % (head, again))


def pipelined(world):
    """What was refused leaves the connection as it was."""
    with world.connect() as client:
        for method, path, body, status in (("POST", "/other", b"x" * 100000, 404), ("POST", "/orders", b"{}", 415),
                                           ("GET", "/orders", b"", 200), ("DELETE", "/orders", b"", 405)):
            answer = client.ask(method, path, body)
            e2e.check(answer and answer.status == status, "%s %s: %r" % (method, path, answer))


def document(world):
    shutil.copy(DOCUMENT, os.path.join(world.dir, "api.yaml"))
    secure = "ssl_cert" in open(world.yaml).read()
    if secure:
        certificate(world)
    world.start()

    def ask(path, *arguments):
        return curl(world, path, *arguments, secure=secure)
    described(world, ask)
    undescribed(world, ask)
    options(world, ask, secure)
    if not secure:
        pipelined(world)


def no_document(world):
    """Without one the agent answers everything, HEAD and OPTIONS too."""
    world.start()
    said(curl(world, "/x", "-X", "OPTIONS"), 200, "options http://localhost:%d/x\n" % world.port)
    said(curl(world, "", "-X", "OPTIONS", "--request-target", "*"), 200, "options http://localhost:%d\n" % world.port)
    head = curl(world, "/x", "-I")
    e2e.check(head.status == 200 and head.headers["Content-Length"] != "0", "HEAD: %r" % head)
    spoilt = curl(world, "/spoilt")  # at once, not after the timeout
    said(spoilt, 502, "Bad Gateway (MALFORMED)\n")
    world.wait_said("http_agent: an answer ended MALFORMED: no answer for HTTP: .")


# ---- routes ----

ROUTES = "[{path: /see/orders, skill: test/orders:0.1.0}, {path: /see, skill: test/see:0.1.0}]"


def routes(world):
    world.start()
    for path, skill in (("/see", "see"), ("/see/x", "see"), ("/see/orders?a", "orders"), ("/see/%6frders/1", "orders"),
                        ("/see/orders2", "see"), ("/seen", "skill")):
        answer = curl(world, path)
        e2e.check(b"to=test/%s:0.1.0\n" % skill.encode() in answer.body, "%s: %r" % (path, answer))


# ---- the access log ----

def lines(path):
    with open(path) as f:
        return [LINE.fullmatch(line.rstrip("\n")) for line in f]


def access_log(world):
    world.start()
    path = os.path.join(world.dir, "access.log")
    with world.connect() as client:
        client.ask("GET", '/a"\\b?c')
        client.ask("POST", "/x", b"x" * 2000)
        client.ask("POST", "/x", b"a body")
        client.send(b"GET /\xff\x1b HTTP/1.1\r\nHost: a\r\n\r\n")
        client.answer()
    with world.connect() as client:
        client.send_request("GET", "/hold")
        world.wait_held(1)
        world.release()
        client.answer()
    e2e.wait_for(lambda: len(lines(path)) == 5, e2e.ANSWER, "five lines")
    found = lines(path)
    e2e.check(all(found), "a line of another form: %s" % open(path).read())
    expected = [(r"GET /a\x22\x5cb?c HTTP/1.1", "200"), ("POST /x HTTP/1.1", "413"), ("POST /x HTTP/1.1", "200"),
                (r"GET /\xff\x1b HTTP/1.1", "400"), ("GET /hold HTTP/1.1", "200")]
    e2e.check([(m[2], m[3]) for m in found] == expected, "the lines: %s" % open(path).read())
    e2e.check(all(m[1] == "127.0.0.1" for m in found) and found[2][4] == "6", "the address, the size: %s" % open(path).read())
    os.rename(path, path + ".1")
    e2e.wait_for(lambda: world.get("/again") and os.path.exists(path), e2e.ANSWER, "a new file")
    e2e.check(all(m and m[2] == "GET /again HTTP/1.1" for m in lines(path)), "the new file: %s" % open(path).read())


def access_log_to_stderr(world):
    world.start()
    world.get("/x")
    world.wait_said(r'127\.0\.0\.1 - - \[.*\] "GET /x HTTP/1\.1" 200 \d+ \d+\n')


# ---- sizes ----

def peak(world):
    """KiB of memory that the process had at most."""
    with open("/proc/%d/status" % world.pids()[http.HTTP]) as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))


def sizes(world):
    """max_body_bytes 1 MiB, max_envelope 2 MiB."""
    world.start()
    path = os.path.join(world.dir, "sent")
    body = os.urandom(MIB)
    with open(path, "wb") as f:
        f.write(body)
    answer = curl(world, "/x", "--data-binary", "@" + path)
    e2e.check(answer.status == 200 and answer.body == body, "1 MiB: %r" % answer)
    with open(path, "ab") as f:
        f.write(b"x")
    said(curl(world, "/x", "--data-binary", "@" + path), 413, "Content Too Large (the body)\n")
    os.truncate(path, 64 * MIB)
    before = peak(world)
    said(curl(world, "/x", "--data-binary", "@" + path), 413, "Content Too Large (the body)\n")
    chunked = curl(world, "/x", "--data-binary", "@" + path, "-H", "Transfer-Encoding: chunked", "-H", "Expect:")
    e2e.check(chunked.status in (0, 413), "64 MiB in chunks: %r" % chunked)  # 0: it wrote on, and did not listen
    said(curl(world, "/x", "-d", "small"), 200, "small")
    grown = peak(world) - before
    print("64 MiB refused: %d KiB more at most" % grown)
    e2e.check(grown < GROWTH or world.is_sanitized(), "64 MiB were read into memory: %d KiB more" % grown)


# ---- configuration ----

WRONG = (
    ({"routes": "[{path: orders, skill: test/a:0.1.0}]"}, r"config\.routes\.0\.path: expected a path such as /orders"),
    ({"routes": "[{path: /a}]"}, r"config\.routes\.0\.skill: expected a public id .*, found nothing"),
    ({"target_skill_id": "null", "routes": "[{path: /a, skill: test/a:0.1.0}]"}, r"config\.target_skill_id: expected"),
    ({"api_spec_path": "agent.yaml"}, r"agent\.yaml:\d+: expected exactly one document"),
    ({"api_spec_path": "none.yaml"}, r"none\.yaml: cannot be read: No such file"),
    ({"access_log": "no/folder/access.log"}, r"config\.access_log: open .*/no/folder/access\.log: No such file"),
)


def wrong(pattern):
    def test(world):
        world.start(wait=False)
        e2e.wait_for(lambda: glob.glob(os.path.join(world.run, "up.json")), e2e.START, "the run directory")
        e2e.wait_for(lambda: re.search(pattern, world.ps().get(http.HTTP, {}).get("reason", "")), e2e.START,
                     "the reason %r" % pattern)
    test.__name__ = "config: %s" % pattern[:40]
    return test


API = {"api_spec_path": "api.yaml"}
sys.exit(http.main(
    ({"config": API}, document),
    ({"config": dict(API, ssl_cert="cert.pem", ssl_key="key.pem")}, document),
    ({"config": {"timeout": 300}}, no_document),
    ({"config": {"routes": ROUTES}}, routes),
    ({"config": {"access_log": "access.log", "max_body_bytes": 1000}}, access_log),
    ({"config": {"access_log": "'-'"}}, access_log_to_stderr),
    ({"patchbay": {"max_envelope": "2MiB"}}, sizes),
    *(({"config": config}, wrong(pattern)) for config, pattern in WRONG)))
