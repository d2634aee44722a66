#!/usr/bin/python3
"""Numbered envelopes agent -> connection -> agent while broker, connection and agent are killed -9 at random.

usage: chaos.py BUILD_DIR [--tcp] [--proxy] [--count N] [--kills N] [--seed N]
--tcp: over tcp on loopback instead of ipc; --proxy: tcp through a proxy that cuts all its links instead of killing.
Lost 0, reordered 0, duplicates at most (kills + cuts) x window; all three are printed.
"""
import argparse, asyncio, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, time

WINDOW = 1024  # the agent's OutBox
LIMIT = 600    # seconds; a guard, not a measure


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write_config(root, build, endpoint, count):
    with open(os.path.join(root, "agent.yaml"), "w") as f:
        f.write(f"""agent_name: counter
connections:
- patchbay/loop:0.1.0
default_connection: patchbay/loop:0.1.0
patchbay:
  command: [{build}/tests/counter, {root}, '{count}']
  endpoints: ['{endpoint}']
  heartbeat: 200ms
  timeout: 1s
  hold: 5m
""")


def write_numbers(root, count):
    with open(os.path.join(root, "numbers"), "w") as f:
        f.writelines(f"{n:08d}\n" for n in range(1, count + 1))


def has_report(root):
    """A sanitizer's report or a failed assertion in any process: `patchbay up` would just start it again."""
    with open(os.path.join(root, "log")) as f:
        return any(word in line for line in f for word in ("Sanitizer", "runtime error:", "Assertion"))


class Proxy:
    """Forwards bytes; cut() drops every connection with what is in flight."""

    def __init__(self, listen, target):
        self.listen, self.target, self.writers, self.cuts = listen, target, set(), 0

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()

    async def accept(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, up_writer}
        await asyncio.gather(self.pump(reader, up_writer), self.pump(up_reader, writer))
        self.writers -= {writer, up_writer}

    def cut(self):
        self.cuts += 1
        for w in list(self.writers):
            w.transport.abort()

    async def start(self):
        return await asyncio.start_server(self.accept, "127.0.0.1", self.listen)


def received(root):
    try:
        with open(os.path.join(root, "received")) as f:
            return [int(line) for line in f if line.strip()]
    except FileNotFoundError:
        return []


def progress(root):
    try:
        return os.path.getsize(os.path.join(root, "received"))
    except FileNotFoundError:
        return 0


def children(root):
    """Name -> pid of what `patchbay up` runs, from its own record."""
    try:
        with open(os.path.join(root, "run", "up.json")) as f:
            return {c["name"]: c["pid"] for c in json.load(f)["children"] if c.get("pid")}
    except (OSError, ValueError, KeyError):
        return {}


async def trouble(args, root, up, proxy, rng):
    """Kill or cut after each piece of progress, until all blows have fallen."""
    total = 9 * args.count
    blows = ["cut"] * 2 * args.kills if proxy else ["broker", "loop", "counter"] * args.kills
    rng.shuffle(blows)
    for i, blow in enumerate(blows):
        goal = total * (i + rng.random()) / (len(blows) + 1) * 0.9
        while progress(root) < goal and up.poll() is None:
            await asyncio.sleep(0.01)
        if blow == "cut":
            proxy.cut()
            continue
        while up.poll() is None:
            pid = children(root).get(blow)
            try:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    break
            except ProcessLookupError:
                pass
            await asyncio.sleep(0.01)
    return len(blows)


async def run(args, root):
    rng = random.Random(args.seed)
    port, front = free_port(), free_port()
    endpoint = f"tcp://127.0.0.1:{port}" if args.tcp or args.proxy else f"ipc://{root}/run/broker.ipc"
    env = dict(os.environ, PATCHBAY_TEST_LOOP=f"{args.build}/tests/loop",
               PATCHBAY_PACKAGE_PATH=os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages"))
    proxy = None
    write_config(root, args.build, endpoint, args.count)
    write_numbers(root, args.count)
    if args.proxy:
        proxy = Proxy(front, port)
        await proxy.start()
        env["PATCHBAY_ENDPOINT"] = f"tcp://127.0.0.1:{front}"
    log = open(os.path.join(root, "log"), "w")
    up = subprocess.Popen([f"{args.build}/bin/patchbay", "up", os.path.join(root, "agent.yaml")], env=env, stdout=log,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    started = time.monotonic()
    blows = await trouble(args, root, up, proxy, rng)
    while up.poll() is None and time.monotonic() - started < LIMIT:
        await asyncio.sleep(0.05)
    if up.poll() is None:
        up.terminate()
        up.wait(30)
        print("chaos: did not end in time")
    return up.returncode, blows, time.monotonic() - started


def judge(args, root, status, blows, seconds):
    seen, lost, reordered, duplicates, highest = set(), 0, 0, 0, 0
    for n in received(root):
        if n in seen:
            duplicates += 1
            continue
        seen.add(n)
        reordered += n < highest
        highest = max(highest, n)
    lost = args.count - len(seen)
    kind = "proxy" if args.proxy else "tcp" if args.tcp else "ipc"
    print(f"chaos {kind}: {args.count} envelopes, {blows} blows: lost {lost}, reordered {reordered}, "
          f"duplicates {duplicates} (at most {blows * WINDOW}), exit {status}, {seconds:.1f} s")
    if has_report(root):
        print("chaos: a process complained of itself")
        return False
    return status == 0 and lost == 0 and reordered == 0 and duplicates <= blows * WINDOW


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--count", type=int, default=200000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    root = tempfile.mkdtemp(prefix="pb")
    good = False
    try:
        good = judge(args, root, *asyncio.run(run(args, root)))
        if not good:
            with open(os.path.join(root, "log")) as f:
                sys.stdout.write("".join(f.readlines()[-60:]))
    finally:
        if good:
            shutil.rmtree(root, ignore_errors=True)
    return 0 if good else 1


sys.exit(main())
