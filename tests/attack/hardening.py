#!/usr/bin/python3
"""The flags of hardening (CMakeLists.txt): every executable and library that `cmake --install` puts anywhere is looked at with
readelf, and for what leaves no trace in a file, the command that has compiled each of our sources.

usage: hardening.py BUILD_DIR
"""
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
X86 = platform.machine() in ("x86_64", "i686")
EXECUTABLES = ["bin/patchbay", "bin/patchbay-agency", "bin/patchbay-broker"]  # these at least; and every connection
FLAGS = ["-fstack-protector-strong", "-fstack-clash-protection", "-D_FORTIFY_SOURCE=3"]
FLAGS += ["-fcf-protection"] if X86 else []
OURS = ("schema/", "broker/", "node/", "connections/")


def readelf(path, *options):
    return subprocess.run(("readelf", "--wide") + options + (path,), stdout=subprocess.PIPE, universal_newlines=True, check=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def installed(folder):
    """The relative paths of the executables and shared libraries."""
    subprocess.run(["cmake", "--install", BUILD, "--prefix", folder], stdout=subprocess.DEVNULL, check=True)
    found = []
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names):
            with open(path, "rb") as f:
                head = f.read(18)
            if head[:4] == b"\x7fELF" and head[16] in (2, 3) and not os.path.islink(path):  # ET_EXEC, ET_DYN
                found.append(os.path.relpath(path, folder))
    return sorted(found)


def landings(path):
    """ENDBR64 instructions. The note of the linker says nothing: Debian's start files are without."""
    with open(path, "rb") as f:
        return f.read().count(b"\xf3\x0f\x1e\xfa")


def lacks(path):
    """What this file should have and does not."""
    head, dynamic = readelf(path, "--file-header", "--program-headers"), readelf(path, "--dynamic")
    symbols = readelf(path, "--dyn-syms")
    is_library = ".so" in os.path.basename(path)
    stack = re.search(r"GNU_STACK .* ([RWE ]{3}) 0x", head)
    tests = {
        "-pie": re.search(r"Type: +DYN", head) and (is_library or re.search(r"FLAGS_1.*\bPIE\b", dynamic)),
        "-z relro": "GNU_RELRO" in head,
        "-z now": re.search(r"FLAGS_1.*\bNOW\b", dynamic),
        "-z noexecstack": stack and "E" not in stack[1],
        "-fstack-protector-strong": "__stack_chk_fail" in symbols,
        "-D_FORTIFY_SOURCE": re.search(r" __(?!stack_chk|longjmp_chk)\w+_chk@", symbols),
        "-fcf-protection": not X86 or landings(path) > 100,
        "no RPATH": "(RPATH)" not in dynamic and "(RUNPATH)" not in dynamic,
        "no text relocation": "TEXTREL" not in dynamic,
    }
    return [name for name, good in tests.items() if not good]


def uncompiled():
    """Sources of ours that were compiled without one of the flags, and how many there are."""
    with open(os.path.join(BUILD, "compile_commands.json")) as f:
        commands = json.load(f)
    with open(os.path.join(BUILD, "CMakeCache.txt")) as f:
        cache = f.read()
    top = re.search(r"^CMAKE_HOME_DIRECTORY:\w+=(.+)$", cache, re.M)[1]
    flags = FLAGS + (["-ftrivial-auto-var-init=zero"] if "has_auto_var_init:INTERNAL=1" in cache else [])  # clang: since 16
    ours = [c for c in commands if os.path.relpath(c["file"], top).startswith(OURS)]
    bad = []
    for c in ours:
        words = c["command"].split()
        missing = [flag for flag in flags if flag not in words]
        missing += [] if "-fPIC" in words or "-fPIE" in words else ["-fPIE"]
        bad += ["%s: %s" % (os.path.relpath(c["file"], top), " ".join(missing))] if missing else []
    return bad, len(ours)


with tempfile.TemporaryDirectory(prefix="pbay-hardening-") as folder:
    files = installed(folder)
    wanted = EXECUTABLES + ["libexec/patchbay/" + name for name in os.listdir(os.path.join(BUILD, "libexec", "patchbay"))]
    faults = ["%s: is not installed" % name for name in wanted if name not in files]
    faults += [] if any("libpatchbay.so" in name for name in files) else ["libpatchbay.so: is not installed"]
    for name in files:
        faults += ["%s: lacks %s" % (name, what) for what in lacks(os.path.join(folder, name))]
bad, n = uncompiled()
faults += bad + ([] if n > 100 else ["only %d commands of the compiler are known" % n])
print("\n".join(faults) or "%d executables and libraries, %d sources: nothing is missing" % (len(files), n))
sys.exit(1 if faults else 0)
