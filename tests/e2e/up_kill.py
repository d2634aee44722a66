"""kill -9 of each process in turn: the others live on, what is sent meanwhile is answered, ps tells the way back."""
import sys

import demo as e2e

BACK = 60
MAX_KILLS = 8
WAY = {"running", "backoff", "starting", "connecting", "disconnected", "connected"}


def kill_until_seen(demo, key):
    """The delay doubles with each death, so that ps surely sees it after a few. Returns the states that ps told."""
    seen = []
    for _ in range(MAX_KILLS):
        pid = demo.ps()[key]["pid"]
        demo.kill(key)
        while True:
            row = demo.ps()[key]
            if not seen or seen[-1] != row["state"]:
                seen.append(row["state"])
            if row["pid"] not in (pid, 0):
                break
        if "backoff" in seen:
            return seen
    raise e2e.Failed("%s: killed %d times, ps never said backoff but %s" % (key, MAX_KILLS, seen))


def kill_one(demo, key):
    before = demo.pids()
    restarts = demo.ps()[key]["restarts"]
    demo.ask()
    seen = kill_until_seen(demo, key)
    question = demo.send_line()
    demo.wait_connected()
    demo.wait_answer(question)
    if seen[-1] != demo.states()[key]:
        seen.append(demo.states()[key])
    after = demo.pids()
    e2e.check(set(seen) <= WAY, "%s: ps told a state that is not on the way: %s" % (key, seen))
    e2e.check(seen[-1] in ("running", "connected"), "%s: at the end ps told %s" % (key, seen[-1]))
    e2e.check(after[key] != before[key], "%s: the process is still the same" % (key,))
    e2e.check(demo.ps()[key]["restarts"] > restarts, "%s: no restart was counted" % (key,))
    for other in e2e.ALL:
        e2e.check(other == key or after[other] == before[other], "%s died with %s" % (other, key))
    print("%s %s: %s" % (key[0], key[1], " ".join(seen)))


def test(demo):
    demo.start()
    for key in e2e.ALL:
        kill_one(demo, key)


sys.exit(e2e.main(test))
