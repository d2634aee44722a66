#!/usr/bin/python3
"""What SECURITY.md says, held against the tree: every row names a test or says what is left, and its tests, links and versions exist.

usage: security_page.py BUILD_DIR
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import demo as e2e
import features_page as page

NUMBERS = ["T%d" % i for i in range(1, 23)]
NOT_EVERYWHERE = {"hardening", "sandbox", "attack_secrecy", "model", "fuzz"}  # tests that not every build has
LIBRARIES = {"msgpack-c": "msgpack", "protobuf-c": "libprotobuf-c", "libyaml": "yaml-0.1", "SQLite": "sqlite3"}  # for pkg-config
check = e2e.check


def check_threats(text):
    rows, tests = page.rows(page.section(text, "Threats")), page.known_tests() | NOT_EVERYWHERE
    check([row[0] for row in rows] == NUMBERS, "rows: %s" % [row[0] for row in rows])
    for row in rows:
        check(len(row) == 8 and all(row), "%s: a cell is empty" % row[0])
        named = re.findall(r"`(\w+)`", row[6])
        check(named and set(named) <= tests, "%s: no such test: %s" % (row[0], sorted(set(named) - tests)))
    return len(rows)


def check_links(text):
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        check(os.path.exists(os.path.join(e2e.SOURCE, target)), "the link %s leads nowhere" % target)


def check_versions(text):
    """As cmake asks for them; Debian's revision is beyond what it can ask."""
    with open(os.path.join(e2e.SOURCE, "CMakeLists.txt")) as f:
        asked = dict(re.findall(r"IMPORTED_TARGET ([\w.-]+)>=([\w.]+)\)", f.read()))
    said = {}
    for names, versions, _ in page.rows(page.section(text, "Dependencies")):
        said.update(zip(names.split(", "), versions.split(", ")))
    said = {LIBRARIES.get(name, name): version.split("-")[0] for name, version in said.items() if name != "Linux"}
    check(len(asked) > 10 and said == asked, "versions: %s" % sorted(set(said.items()) ^ set(asked.items())))


with open(os.path.join(e2e.SOURCE, "SECURITY.md")) as f:
    text = f.read()
try:
    check_links(text)
    check_versions(text)
    print("%d threats, each with tests that exist" % check_threats(text))
except e2e.Failed as why:
    sys.exit("SECURITY.md: %s" % why)
