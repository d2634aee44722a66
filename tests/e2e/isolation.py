#!/usr/bin/python3
"""One bad connection beside a good one: what happens to the good one's traffic, and what the sender is told.

usage: isolation.py BUILD_DIR CASE
CASE: calm, sleep, loop, abort, slow, absent
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import admin as ask

BUILD, BAD = os.path.abspath(sys.argv[1]), sys.argv[2]
CASE = BAD
HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 240  # seconds; a guard, not a measure
ROUNDS = 3000
BUDGET_MIB = 8

# connection, envelopes to it, number of the bad one, bytes each
CASES = {
    "calm": ("none", 0, 0, 16),
    "sleep": ("patchbay/trouble:0.1.0", 3, 2, 16),
    "loop": ("patchbay/trouble:0.1.0", 3, 2, 16),
    "abort": ("patchbay/trouble:0.1.0", 20, 10, 16),
    "slow": ("patchbay/trouble:0.1.0", 2000, 0, 20000),
    "absent": ("patchbay/trouble:0.1.0", 200, 0, 1000),
}


def config(root):
    connection, count, bad, size = CASES[CASE]
    absent = CASE == "absent"
    with open(os.path.join(root, "agent.yaml"), "w") as f:
        f.write(f"""agent_name: probe
connections:
- patchbay/loop:0.1.0
- patchbay/trouble:0.1.0
default_connection: patchbay/loop:0.1.0
patchbay:
  command: [{BUILD}/tests/probe, {root}/result, '{ROUNDS}', '{connection}', '{count}', '{bad}', '{size}']
  memory_budget: {BUDGET_MIB}MiB
  heartbeat: 200ms
  timeout: 1s
  hold: {'1s' if absent else '1m'}
  grace: {'0' if absent else '15s'}
---
public_id: patchbay/trouble:0.1.0
type: connection
config:
  mode: {'wait' if absent else CASE}
""")


def admin(root, path):
    return ask.get(f"{root}/run", path)


class Watch(threading.Thread):
    """Follows the broker while the test runs: its memory, and what it says of `trouble`."""

    def __init__(self, root, up):
        super().__init__(daemon=True)
        self.root, self.up, self.rss_kib, self.reasons = root, up, 0, set()

    def look(self):
        with open(f"{self.root}/run/up.json") as f:
            pid = [c["pid"] for c in json.load(f)["children"] if c["name"] == "broker"][0]
        with open(f"/proc/{pid}/status") as f:
            self.rss_kib = max(self.rss_kib, *[int(line.split()[1]) for line in f if line.startswith("VmHWM")])
        for node in admin(self.root, "/v1/connections").get("connections", []):
            if node["name"] == "trouble":
                self.reasons.add((node["state"], node["reason"].split(" for ")[0]))
                if CASE == "loop" and node["stuck"]:
                    self.kill_trouble()

    def kill_trouble(self):
        """What an operator does with a process that will never come back."""
        with open(f"{self.root}/run/up.json") as f:
            for child in json.load(f)["children"]:
                if child["name"] == "trouble" and child["pid"]:
                    os.kill(child["pid"], signal.SIGKILL)

    def run(self):
        while self.up.poll() is None:
            try:
                self.look()
            except (OSError, ValueError, KeyError, IndexError, TypeError):
                pass  # not up yet, or not any more
            time.sleep(0.05)


def run(root):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PATCHBAY_") or k == "PATCHBAY_CAPTURE"}
    env.update(PATCHBAY_TEST_LOOP=f"{BUILD}/tests/loop", PATCHBAY_TEST_TROUBLE=f"{BUILD}/tests/trouble",
               PATCHBAY_PACKAGE_PATH=os.path.join(HERE, "packages"))
    if CASE == "absent":
        env["PATCHBAY_TEST_TROUBLE"] = "/bin/cat"  # runs, and never attaches
    with open(os.path.join(root, "log"), "w") as log:
        up = subprocess.Popen([f"{BUILD}/bin/patchbay", "up", f"{root}/agent.yaml"], env=env, stdout=log, stderr=log,
                              stdin=subprocess.DEVNULL)
        watch = Watch(root, up)
        watch.start()
        try:
            status = up.wait(LIMIT)
        except subprocess.TimeoutExpired:
            up.terminate()
            status = "no end"
    watch.join(5)
    return status, watch


def expect(what, value, good):
    print(f"  {'ok  ' if good else 'FAIL'} {what}: {value}")
    return good


def deaths(root):
    with open(os.path.join(root, "log")) as f:
        return sum("trouble.0: exit status 134" in line for line in f)


def judge(root, status, watch, seconds):
    with open(os.path.join(root, "log")) as f:
        reports = [line for line in f if "Sanitizer" in line or "runtime error:" in line or "Assertion" in line]
    good = expect("exit status of `patchbay up`", status, status == 0) and expect("complaints", reports, not reports)
    if not good:
        return False
    with open(os.path.join(root, "result")) as f:
        r = json.load(f)
    ends = r["ends"]
    print(f"isolation {CASE}: ping-pong beside it p50 {r['p50_us']} us, p99 {r['p99_us']} us; broker {watch.rss_kib} KiB, "
          f"sender {r['rss_kib']} KiB; {seconds:.1f} s")
    good &= expect("ping-pongs answered, in order", r["rounds"], r["rounds"] == ROUNDS)
    limit = 32 * 1024 + 3 * BUDGET_MIB * 1024 // 2
    good &= expect(f"broker's memory at most {limit} KiB", watch.rss_kib, 0 < watch.rss_kib <= limit)
    good &= expect(f"sender's memory at most {limit + 16384} KiB", r["rss_kib"], r["rss_kib"] <= limit + 16384)
    count = CASES[CASE][1]
    if CASE in ("sleep", "slow"):
        good &= expect("all settled, in order", ends, ends == {"OK": count} and r["in_order"])
    if CASE in ("sleep", "loop"):
        good &= expect("the stuck slot was seen", watch.reasons, any("stuck" in text for _, text in watch.reasons))
    if CASE == "loop":
        good &= expect("killed each time it was seen stuck: POISON, the others settled", ends, ends == {"OK": 2, "POISON": 1})
    if CASE == "abort":
        good &= expect("one POISON, the innocents settled", ends, ends == {"OK": count - 1, "POISON": 1})
        good &= expect("it was number", r["first_not_ok"], r["first_not_ok"] == 10)
        good &= expect("deaths of the receiver: one in company, five alone", deaths(root), deaths(root) == 6)
    if CASE == "absent":
        good &= expect("all DISCONNECTED", ends, ends == {"DISCONNECTED": count})
    return good


def case(name):
    global CASE
    CASE = name
    root = tempfile.mkdtemp(prefix="pb")
    started = time.monotonic()
    config(root)
    status, watch = run(root)
    good = judge(root, status, watch, time.monotonic() - started)
    if good:
        shutil.rmtree(root, ignore_errors=True)
    else:
        with open(os.path.join(root, "log")) as f:
            sys.stdout.write("".join(f.readlines()[-40:]))
    return 0 if good else 1


# The same traffic without trouble first, so that both figures stand side by side.
sys.exit(case("calm") or (BAD != "calm" and case(BAD)))
