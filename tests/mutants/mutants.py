#!/usr/bin/python3
"""Random faults in core and session, and whether a test notices them.

    mutants.py SOURCE_DIR [--seed N] [--count N] [--jobs N] [--seeds N] [--only N,...] [--keep]

Draws places at random (the same ones for the same seed and sources), makes one change in each, compiles that file and runs unit tests,
golden traces and the simulator with it; what survives that, again under the sanitizers, with fewer seeds. Prints a table and the list of
survivors. Exit 1 if fewer than 85 % die.

A change that does not compile, or that gives the same object code, is no mutant: another one is drawn.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

LEAST = 85  # per cent that must die
SESSION = ["session*.c", "frame.c", "window.c", "meta.c", "wire.c"]
UNITS = {name: [] for name in ("vectors", "wire", "route", "core_garbage")}
UNITS |= {"session_" + name: ["tests/unit/session_world.c"] for name in ("link", "put", "send", "recv", "leave")}
UNITS |= {"core_" + name: ["tests/unit/core_world.c"] for name in ("link", "names", "death", "views", "stream", "receiver", "out", "flow")}
UNITS |= {"message": ["node/message_json.c"], "message_api": []}
WARM_UP = 200  # seeds that are tried first: most mutants die there
MEMORY = 2 << 30  # bytes that a mutant may take
PACKAGES = ["yaml-0.1", "msgpack", "cmocka", "jansson", "libprotobuf-c"]
PLAIN = ["-O2"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]

# ---- places ----

KEYWORDS = "if|else|for|while|do|switch|case|default|return|break|continue|goto|typedef|sizeof"
DECLARATION = re.compile(r"(static|const|struct|enum|union|unsigned|int|char|bool|void|size_t|ssize_t|u?int\d+_t|msgpack_\w+)\b")
NOT_OURS = re.compile(r"\bassert\(|_Static_assert|PB_MUT\(|pb_note_|NOLINT")
SWAPS = [("compare", r"(?<![<>=!\-+*/&|^])(<=|>=|==|!=|<|>)(?![<>=])",
          {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}),
         ("logic", r"(&&|\|\|)", {"&&": "||", "||": "&&"}),
         ("arithmetic", r"(\+=|-=|\+\+|--|\|=| \+ | - )",
          {"+=": "-=", "-=": "+=", "++": "--", "--": "++", "|=": "&=", " + ": " - ", " - ": " + "}),
         ("constant", r"(?<![\w.])(true|false|\d+U?)(?![\w.])", None)]


def blank(text):
    """The same text with comments, strings, characters and preprocessor lines made blank: offsets stay."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match[0])
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', spaces, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def closing(text, at):
    """The offset behind the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def in_function(text):
    """For each offset: is it inside a function's body? In this code those braces stand in the first column."""
    inside, out = False, bytearray(len(text))
    for match in re.finditer(r"^(\{|\}).*\n|^.*\n", text, flags=re.M):
        if match[1] == "{":
            inside = True
        out[match.start():match.end()] = bytes([inside]) * (match.end() - match.start())
        if match[1] == "}":
            inside = False
    return out


def planted(lines):
    """Numbers of the lines in blocks that only a planted fault reaches."""
    found, indent = set(), None
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if indent is not None and (not line.strip() or depth > indent):
            found.add(number)
            continue
        indent = depth if re.match(r"\s*if \(PB_MUT\(", line) else None
    return found


def swapped(kind, token, table):
    if kind != "constant":
        return table[token]
    if token in ("true", "false"):
        return "false" if token == "true" else "true"
    number = token.rstrip("U")
    if number.startswith("0") and number != "0":
        return None
    return str(int(number) + 1) + token[len(number):]


def statements(text):
    """(start, end) of simple expression statements, the semicolon included."""
    for match in re.finditer(r"[^;{}]*;", text):
        start, end = match.span()
        while True:
            lead = re.match(r"\s*(?:(?:if|while|for|switch|HASH_ITER|DL_FOREACH\w*) ?\(|else\b|do\b|case [^:?]*:|default:|\w+:(?!:))", text[start:end])
            if not lead:
                break
            start += lead.end()
            if lead[0].endswith("("):
                start = closing(text, start - 1)
        body = text[start:end].strip()
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if (start >= end or body.count("(") != body.count(")") or re.match(rf"({KEYWORDS})\b", body) or DECLARATION.match(body) or
                not re.match(r"[A-Za-z_*+(-]", body) or not re.search(r"[(=]|\+\+|--", body)):
            continue
        yield start, end


def places(path, text):
    """All possible changes: (offset, end, new text, kind)."""
    masked = blank(text)
    inside = in_function(masked)
    found = []
    for kind, pattern, table in SWAPS:
        for match in re.finditer(pattern, masked):
            new = swapped(kind, match[1], table)
            if new is not None:
                found.append((match.start(1), match.end(1), new, kind))
    for match in re.finditer(r"\b(?:if|while) \(", masked):
        end = closing(masked, match.end() - 1)
        found.append((match.end(), end - 1, "!(" + text[match.end():end - 1] + ")", "negate"))
    found += [(start, end, ";", "drop") for start, end in statements(masked)]
    lines = text.splitlines()
    not_reached = planted(lines)
    out = []
    for start, end, new, kind in found:
        number = text.count("\n", 0, start)
        line = lines[number]
        is_array = DECLARATION.match(line.strip()) and kind == "constant" and "[" in line
        if inside[start] and not NOT_OURS.search(line) and number not in not_reached and not is_array:
            new += "\n" * (text.count("\n", start, end) - new.count("\n"))  # asserts know their lines
            out.append((path, start, end, new, kind))
    return out


# ---- building and running ----

class Bench:
    """Objects of everything, once with the product's options and once with the sanitizers."""

    def __init__(self, top, work, jobs):
        self.top, self.work, self.jobs = top, work, jobs
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", *PACKAGES], check=True, capture_output=True, text=True)
        self.packages = flags.stdout.split()
        core, schema = self.listed("broker", "core"), self.listed("schema", "schema")
        self.sources = {"core": core, "schema": schema, "sim": sorted((top / "tests/sim").glob("*.c"))}
        for name, others in (UNITS | {"spec_rows": []}).items():
            self.sources[name] = [top / f"tests/unit/{name}.c", *(top / other for other in others)]
        (work / "mutation.c").write_text("int pb_mutation;\n")
        self.sources["mutation"] = [work / "mutation.c"]
        self.mutable = core + [p for pattern in SESSION for p in sorted((top / "schema").glob(pattern)) if p in schema]

    def listed(self, folder, library):
        text = (self.top / folder / "CMakeLists.txt").read_text()
        return [self.top / folder / name for name in re.search(rf"add_library\({library} OBJECT ([^)]*)\)", text)[1].split()]

    def compile(self, source, options, to, original=None):
        include = ["-I", self.top, "-I", self.top / "schema"]
        names = [f'-DSOURCE_DIR="{self.top}"', f'-DBINARY_DIR="{self.work}"', "-D_GNU_SOURCE", "-DPB_MUTATIONS"]
        name = [f"-fmacro-prefix-map={source}={original}"] if original else []
        command = ["gcc", "-std=gnu11", "-w", *options, *name, *names, *include, *self.packages, "-c", source, "-o", to]
        return subprocess.run(command, capture_output=True, text=True).returncode == 0

    def build(self, options, folder):
        folder.mkdir()
        sources = sorted({s for group in self.sources.values() for s in group})
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            if not all(pool.map(lambda s: self.compile(s, options, self.object(folder, s)), sources)):
                sys.exit("mutants: the sources do not compile")

    @staticmethod
    def object(folder, source):
        return folder / f"{source.parent.name}-{source.stem}.o"

    def link(self, program, groups, options, folder, replaced, by):
        objects = [by if s == replaced else self.object(folder, s) for g in groups for s in self.sources[g]]
        subprocess.run(["gcc", *options, *objects, "-o", program, *self.packages], check=True, capture_output=True)

    def programs(self, to, options, folder, replaced=None, by=None):
        """Link all; names and commands in the order in which they are run."""
        to.mkdir(exist_ok=True)
        self.link(to / "sim", ["sim", "core", "schema"], options, folder, replaced, by)
        for unit in [*UNITS, "spec_rows"]:
            self.link(to / unit, [unit, "mutation", "core", "schema"], options, folder, replaced, by)
        spec = ["/usr/bin/python3", self.top / "tests/unit/spec.py", to / "spec_rows", self.top]
        return [("golden", [to / "sim", "golden", self.top / "tests/sim/golden"]), ("spec", spec)] + [(u, [to / u]) for u in UNITS]


def limited(seconds, memory):
    def set_limits():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    return set_limits


def passes(command, seconds, memory):
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limited(seconds, memory))
    return run.returncode == 0


def first_death(programs, sim, seeds, memory, seconds):
    """The name of the test that fails, or None."""
    for name, command in programs:
        if not passes(command, 60, memory):
            return name
    for count, limit in ((WARM_UP, 30), (seeds, seconds)):
        if count and not passes([sim, "-n", str(count)], limit, memory):
            return "sim"
    return None


class Mutant:
    def __init__(self, number, place, text):
        self.number, (self.path, self.start, self.end, self.new, self.kind) = number, place
        self.line = text.count("\n", 0, self.start) + 1
        self.column = self.start - text.rfind("\n", 0, self.start)
        self.text = text[:self.start] + self.new + text[self.end:]
        self.was = " ".join(text.splitlines()[self.line - 1].split())
        self.old = " ".join(text[self.start:self.end].split())
        self.died = None

    def __str__(self):
        new = " ".join(self.new.split())
        if self.kind == "drop":
            what = "dropped"
        elif self.kind == "negate":
            what = "negated"
        else:
            what = f"{self.old} -> {new}"
        return f"{self.path.parent.name}/{self.path.name}:{self.line}:{self.column} {what}: {self.old if self.kind == 'drop' else self.was}"


def prepare(bench, mutant):
    """Compile it; True = it compiles, and to something else than the original."""
    folder = bench.work / f"m{mutant.number}"
    folder.mkdir()
    source = folder / mutant.path.name
    source.write_text(mutant.text)
    same = bench.object(bench.work / "plain", mutant.path)
    made = bench.compile(source, PLAIN, folder / "plain.o", mutant.path)
    if made and (folder / "plain.o").read_bytes() != same.read_bytes():
        return True
    shutil.rmtree(folder)
    return False


def try_it(bench, mutant, seeds, seconds, keep):
    folder = bench.work / f"m{mutant.number}"
    programs = bench.programs(folder / "bin", PLAIN, bench.work / "plain", mutant.path, folder / "plain.o")
    mutant.died = first_death(programs, folder / "bin/sim", seeds, MEMORY, seconds)
    if not mutant.died and bench.compile(folder / mutant.path.name, SANITIZED, folder / "sanitized.o", mutant.path):
        programs = bench.programs(folder / "bin", SANITIZED, bench.work / "sanitized", mutant.path, folder / "sanitized.o")
        death = first_death(programs, folder / "bin/sim", 0, 0, 0)
        mutant.died = death and death + ", sanitized"
    if not keep:
        shutil.rmtree(folder)
    print(f"{mutant.number:4} {mutant.died or 'SURVIVES':24} {mutant.kind:10} {mutant}", flush=True)


def draw(bench, order, texts, count):
    """The first `count` places of the order that make mutants."""
    mutants = []
    with concurrent.futures.ThreadPoolExecutor(bench.jobs) as pool:
        for at in range(0, len(order), bench.jobs):
            batch = [Mutant(at + i, place, texts[place[0]]) for i, place in enumerate(order[at:at + bench.jobs])]
            mutants += [m for m, good in zip(batch, pool.map(lambda m: prepare(bench, m), batch)) if good]
            if len(mutants) >= count:
                return mutants[:count], at + len(batch)
    return mutants, len(order)


def report(mutants, tried):
    print("\nkind        mutants   died")
    for kind in sorted({m.kind for m in mutants}):
        some = [m for m in mutants if m.kind == kind]
        print(f"{kind:10} {len(some):8} {sum(m.died is not None for m in some):6}")
    survivors = [m for m in mutants if not m.died]
    died = len(mutants) - len(survivors)
    print(f"{'all':10} {len(mutants):8} {died:6}   {tried - len(mutants)} draws were no mutants")
    if survivors:
        print("\nsurvivors")
    for m in survivors:
        print(f"  {m.number:4} {m}")
    return 100 * died >= LEAST * len(mutants)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("top", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, default=6000, help="of the simulator, for each that survives so far")
    parser.add_argument("--only", type=lambda s: {int(n) for n in s.split(",")}, help="numbers of an earlier run")
    parser.add_argument("--keep", action="store_true", help="leave sources and programs where they are, and say where")
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="mutants."))
    bench = Bench(args.top.resolve(), work, args.jobs)
    texts = {path: path.read_text() for path in bench.mutable}
    order = [place for path in bench.mutable for place in places(path, texts[path])]
    random.Random(args.seed).shuffle(order)
    print(f"{len(order)} places in {len(texts)} files, seed {args.seed}", flush=True)
    try:
        bench.build(PLAIN, work / "plain")
        bench.build(SANITIZED, work / "sanitized")
        for name, options, seeds, memory in (("plain", PLAIN, args.seeds, MEMORY), ("sanitized", SANITIZED, 0, 0)):
            programs = bench.programs(work / ("bin-" + name), options, work / name)
            death = first_death(programs, work / ("bin-" + name) / "sim", seeds, memory, 3600)
            if death:
                sys.exit(f"mutants: {death} fails without a mutant ({name})")
        mutants, tried = draw(bench, order, texts, args.count)
        if args.only:
            mutants = [m for m in mutants if m.number in args.only]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for future in [pool.submit(try_it, bench, m, args.seeds, args.seeds // 50 + 20, args.keep) for m in mutants]:
                future.result()
        good = report(mutants, tried)
    finally:
        if args.keep:
            print(f"kept in {work}")
        else:
            shutil.rmtree(work)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
