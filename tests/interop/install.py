#!/usr/bin/python3
"""Put credo-ts and ours beside it into FOLDER, by npm.

usage: install.py FOLDER

77 = there is no npm, or it does not answer; the tests that need it are skipped then.
"""
import glob
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
OPTIONS = ("--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier")


def npm(*arguments, seconds):
    return subprocess.run(("npm",) + arguments, cwd=sys.argv[1], timeout=seconds, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, universal_newlines=True)


def answers():
    """Does it know one of the packages?"""
    try:
        done = npm("view", "@credo-ts/core@0.5.19", "version", seconds=60)
    except (OSError, subprocess.TimeoutExpired) as why:
        print("no npm: %s" % why)
        return False
    if done.returncode:
        print("npm does not answer:\n%s" % done.stdout)
    return done.returncode == 0


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for path in glob.glob(HERE + "/*.js") + [HERE + "/package.json"]:
        shutil.copy(path, sys.argv[1])
    if not answers():
        return SKIPPED
    done = npm("install", *OPTIONS, seconds=600)
    print(done.stdout)
    return 1 if done.returncode else 0


sys.exit(main())
