#!/usr/bin/python3
"""The sandbox (schema/harden.h): what a process that was taken over might try, out of it and in it. Out of it each attempt gives
something else, which shows that it is the sandbox that refuses.

usage: sandbox.py BUILD_DIR
"""
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.path.abspath(sys.argv[1]), "tests", "sandboxed")
REFUSED = ("execve execveat fork namespace ptrace read_memory signal mount chroot module bpf io_uring new_code changed_code type socket "
           "dumpable").split()
OUTSIDE = "create_outside write_outside folder_outside move_outside remove_outside truncate_outside".split()
GOES_ON = {"create_inside": "ok", "read_outside": "ok", "write_null": "ok", "thread": "ok", "raise": "ok", "later_call": "ENOSYS"}


def attempts(mode):
    """{attempt: what came of it}"""
    with tempfile.TemporaryDirectory(prefix="pbay-sandbox-") as folder:
        inside, outside = folder + "/inside", folder + "/outside"
        for path in (inside, outside):
            os.mkdir(path)
            for name in ("file", "other"):
                with open(path + "/" + name, "w") as f:
                    f.write("x")
        done = subprocess.run([PROGRAM, mode, inside, outside], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=60)
    print(done.stderr, end="")
    if done.returncode:
        sys.exit("%s: it has ended with %d after\n%s" % (mode, done.returncode, done.stdout))
    return dict(line.split(": ") for line in done.stdout.splitlines()), done.stderr


def wrong(mode, found, expected):
    for name, what in expected.items():
        if found.get(name) != what:
            yield "%s: %s: %s, expected %s" % (mode, name, found.get(name), what)


free, _ = attempts("none")
calls, said = attempts("calls")
if "every call" in said:
    sys.exit("this kernel has no seccomp")
files, said = attempts("files")
faults = ["without a sandbox: %s: EPERM as well" % name for name in REFUSED + ["link_inside"] if free[name] == "EPERM"]
faults += wrong("without a sandbox", free, dict.fromkeys(OUTSIDE, "ok"))
for mode, found in (("calls", calls), ("files", files)):
    faults += wrong(mode, found, dict(dict.fromkeys(REFUSED + ["link_inside"], "EPERM"), **GOES_ON))
faults += wrong("calls", calls, dict.fromkeys(OUTSIDE, "ok"))
if "written wherever" in said:
    print("this kernel has no Landlock: files are not tried")
else:
    faults += wrong("files", files, dict.fromkeys(OUTSIDE, "EACCES"))
print("\n".join(faults) or "%d kinds of calls and %d ways of writing are refused" % (len(REFUSED) + 1, len(OUTSIDE)))
sys.exit(1 if faults else 0)
