#!/usr/bin/python3
"""SPEC.md against the code: the tables of section 4, the codes of section 9, the worked session of section 12.3, and that
every paragraph which the code cites is there.

    spec.py SPEC_ROWS SOURCE_DIR [--bless]      --bless: write the session into 12.3 first; look at the difference
"""
import pathlib
import re
import subprocess
import sys

BOUNDED = {"str", "[str]", "[range]", "[claim]", "map?"}


def output(program, mode):
    return subprocess.run([program, mode], check=True, capture_output=True, text=True).stdout


def code_rows(text):
    """{(verb, number, dir): [(index, name, type, bound or None)]}"""
    rows, fields = {}, None
    for line in text.splitlines():
        words = line.split()
        if not line.startswith(" "):
            fields = rows.setdefault((words[0], int(words[1]), words[2]), [])
        else:
            bound = int(words[3]) if words[2] in BOUNDED else None
            fields.append((int(words[0]), words[1], words[2], bound))
    return rows


def cells(line):
    return [c.strip().strip("`") for c in line.strip().strip("|").split("|")]


def spec_rows(text):
    """Headings are "### 4.9 PUB"; a table's first cell is "up", "down" or "up and down"; "up: no fields." stands for none."""
    rows, verb, dirs = {}, None, []
    for line in text.splitlines():
        heading = re.match(r"### 4\.(\d+) ([A-Z]+)$", line)
        if heading:
            verb, dirs = (heading[2], int(heading[1])), []
        elif line.startswith("#"):
            verb = None
        direction = re.match(r"(?:\| )?(up and down|up|down)(?: \| field|: no fields)", line)
        if verb and direction:
            dirs = direction[1].split(" and ")
            for d in dirs:
                rows[(*verb, d)] = []
        if verb and dirs and re.match(r"\| *\d", line):
            index, name, kind, bound = cells(line)[:4]
            number = int(re.sub(r"\D", "", bound)) if kind in BOUNDED else None
            for d in dirs:
                rows[(*verb, d)].append((int(index), name, kind, number))
    return rows


def compare(what, code, spec):
    wrong = [f"{what} {key}: the code has {code.get(key)}, SPEC.md {spec.get(key)}"
             for key in sorted(code.keys() | spec.keys(), key=str) if code.get(key) != spec.get(key)]
    return wrong


def section(text, number):
    return re.search(rf"^## {number} .*?(?=^## |\Z)", text, re.S | re.M)[0]


def cited(source):
    """Numbers behind SPEC in comments of the C sources: {number: a file}"""
    found = {}
    for path in sorted(source.rglob("*.[ch]")):
        for m in re.finditer(r"SPEC(?:\.md)?(?: sections?)? (\d+(?:\.\d+)*(?:, \d+(?:\.\d+)*)*)", path.read_text()):
            for number in m[1].split(", "):
                found[number] = path.relative_to(source)
    return found


def main(program, source, bless=""):
    root = pathlib.Path(source)
    text = (root / "schema/SPEC.md").read_text()
    session = output(program, "session").strip()
    if bless == "--bless":
        text = re.sub(r"(^### 12\.3 .*?^```\n).*?(\n```)", lambda m: m[1] + session + m[2], text, flags=re.S | re.M)
        (root / "schema/SPEC.md").write_text(text)
    codes = {int(n): name for n, name in (line.split() for line in output(program, "codes").splitlines())}
    said = {int(c[0]): c[1] for c in map(cells, section(text, 9).splitlines()) if c[0].isdigit()}
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)*)", text, re.M)) | set(re.findall(r"^(\d+\.\d+\.\d+)", text, re.M))
    code = code_rows(output(program, "rows"))
    wrong = compare("frame", code, spec_rows(text)) + compare("code", codes, said)
    wrong += [f"{path} cites SPEC {n}, which is not there" for folder in ("schema", "broker", "node", "connections")
              for n, path in cited(root / folder).items() if n not in headings]
    if f"\n```\n{session}\n```\n" not in text:
        wrong.append("12.3 is not what `spec_rows session` prints: see --bless")
    if len(code) < 30 or len(codes) < 20:
        wrong.append("spec_rows printed too little")
    print("\n".join(wrong) or f"{len(code)} rows and {len(codes)} codes agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
