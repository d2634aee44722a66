"""What node/AEA.md says, held against the tree: its feature table, its keys, its commands and its links."""
import os
import re
import subprocess

import demo as e2e
from demo import check

PAGE = os.path.join(e2e.SOURCE, "node", "AEA.md")
KEYS = {"Keys of aea-config.yaml": "conf_agent.c", "Fields of connection.yaml": "conf_conn.c"}
TABLES = {"conf_agent.c": "document_fields", "conf_conn.c": "package_fields"}


def sanitizers():
    """Those that the build has, such as "address,undefined"; None = none."""
    with open(os.path.join(e2e.BUILD, "CMakeCache.txt")) as f:
        found = re.search(r"^PATCHBAY_SANITIZE:\w+=(.+)$", f.read(), re.M)
    return found and found[1]


def section(text, title):
    found = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), text, re.S | re.M)
    check(found, "there is no section '%s'" % title)
    return found[1]


def rows(text):
    """The cells of a table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def name_of(row):
    return re.sub(r"\W+", "_", row.strip("`")).lower()


def known_tests():
    done = subprocess.run(["ctest", "--test-dir", e2e.BUILD, "-N"], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    return set(re.findall(r"Test +#\d+: (\S+)", done.stdout))


def check_keys(text):
    """Each key that a configuration file may have, in one of its own rows."""
    for title, source in KEYS.items():
        with open(os.path.join(e2e.SOURCE, "schema", source)) as f:
            table = re.search(r"%s\[\] = \{(.*?)^\};" % TABLES[source], f.read(), re.S | re.M)[1]
        keys = set(re.findall(r'\.key = "(\w+)"', table)) - {"patchbay"}
        told = {key for row in rows(section(text, title)) for key in re.findall(r"`(\w+)`", row[0])}
        check(len(keys) > 10 and keys <= told, "%s lacks %s" % (title, sorted(keys - told)))


def check_commands(text):
    commands = set(re.findall(r"^  ([a-z-]+) ", e2e.patchbay("--help").stdout, re.M))
    told = set(re.findall(r"`patchbay ([a-z-]+)", text))
    check(commands and told <= commands, "there is no command %s" % sorted(told - commands))


def check_links(text):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        check(os.path.exists(os.path.join(os.path.dirname(PAGE), target)), "the link %s leads nowhere" % target)


def checked(functions):
    """{function: its tests} of the feature table, when all that the page says of the tree is true."""
    with open(PAGE) as f:
        text = f.read()
    check_keys(text)
    check_commands(text)
    check_links(text)
    table = {name_of(row[0]): row[3] for row in rows(section(text, "Feature table"))}
    check(sorted(table) == sorted(functions), "rows without a function or the other way round: %s" % sorted(set(table) ^ set(functions)))
    tests = known_tests()
    for row, cell in table.items():
        named = re.findall(r"`(\w+)`", cell)
        check(named and set(named) <= tests, "%s: no such test: %s" % (row, sorted(set(named) - tests)))
    return table
