#!/usr/bin/python3
"""`patchbay build`: the entry points of an agent and of a connection, and what a package depends on.

usage: build.py BUILD_DIR
"""
import os
import sys

import demo as e2e

PACKAGE = """name: %s
author: test
version: 0.1.0
type: connection
class_name: Test
config: {}
connections: []
protocols: []
excluded_protocols: []
restricted_to_protocols: []
is_abstract: false
"""
DEPENDENCIES = (  # what connection.yaml asks for, a part of what is said; None = it is there
    ("libzmq: {version: '>=4.3,<5'}", None),
    ("bash: {version: '>=5'}", None),  # no library, but a package
    ("libzmq: {version: '>=99'}", "dependencies.libzmq: expected version >=99, installed is 4."),
    ("bash: {version: '<1'}", "dependencies.bash: expected version <1, installed is 5."),
    ("no-such-library: {}", "`apt-get install no-such-library`"),
    ("libzmq: {version: latest}", 'dependencies.libzmq: version: expected clauses such as >=1.2,<2, found "latest"'),
    ("'a;b': {}", "expected the name of a library or of a Debian package"),
)


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def build(demo, *arguments):
    done = e2e.patchbay("build", *arguments, cwd=demo.dir)
    return done.returncode, done.stdout + done.stderr


def test(demo):
    open(demo.log, "w").close()  # nothing is started here
    folder = os.path.join(demo.dir, "connections", "made")
    package = os.path.join(folder, "connection.yaml")
    for asked, part in DEPENDENCIES:
        write(package, PACKAGE % "made" + "dependencies: {%s}\nbuild_entrypoint: make.sh\n" % asked)
        write(os.path.join(folder, "make.sh"), "#!/bin/sh\nexit 0\n", 0o755)
        status, said = build(demo, folder)
        if part:
            e2e.check(status == 1 and "connection.yaml:12: " in said and part in said, "%s: %d, %s" % (asked, status, said))
        else:
            e2e.check(status == 0, "%s: %d, %s" % (asked, status, said))
        print("%s: %s" % (asked, part or "is there"))
    # its argument is the directory to build in, which is there
    script = "#!/bin/sh\ncd \"$1\" && echo made > $(basename \"$0\").done\n"
    write(package, PACKAGE % "made" + "build_entrypoint: make.sh\nbuild_directory: ../out\n")
    write(os.path.join(folder, "make.sh"), script, 0o755)
    write(os.path.join(demo.dir, "all.sh"), script, 0o755)
    demo.edit("connections:\n", "build_entrypoint: all.sh\nconnections:\n- test/made:0.1.0\n")
    status, said = build(demo)
    e2e.check(status == 0, said)
    for done in ("connections/out/make.sh.done", "build/all.sh.done"):
        e2e.check(os.path.exists(os.path.join(demo.dir, done)), "%s was made" % done)
    write(os.path.join(folder, "make.sh"), "#!/bin/sh\nexit 3\n", 0o755)
    e2e.check(build(demo)[0] == 1, "a program that fails, fails the build")
    os.chmod(os.path.join(folder, "make.sh"), 0o644)
    status, said = build(demo)
    e2e.check(status == 1 and "make.sh: Permission denied" in said, said)
    os.remove(os.path.join(folder, "make.sh"))
    write(package, PACKAGE % "made")
    status, said = build(demo, folder)
    e2e.check(status == 2 and "there is neither a CMakeLists.txt nor a build_entrypoint" in said, said)
    print("entry points of a connection and of the agent ran where they should")


sys.exit(e2e.main(test))
