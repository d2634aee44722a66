#!/usr/bin/python3
"""Where a secret could be seen, and is not: in the arguments, environment, output, files, memory and core file of the broker, of
every connection that is shipped, all over tcp with keys, and of the agency; and that they are in their sandbox (schema/harden.h), while a connection of
somebody else's is not unless it asks.

usage: secrecy.py BUILD_DIR
"""
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile

# Whoever may trace everything can read every process, whatever it has set. Neither we nor they may.
if os.geteuid() == 0 and "PBAY_LESS" not in os.environ:
    os.environ["PBAY_LESS"] = "1"
    os.execvp("setpriv", ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", sys.executable, *sys.argv])

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import admin as ask
import demo as e2e

SHIPPED = sorted(os.listdir(e2e.BUILD + "/share/patchbay/connections"))
OTHERS = os.path.join(e2e.SOURCE, "tests", "e2e", "packages")
HMAC = "a-secret-that-nobody-may-see-0123456789"
CONFIG = {"webhook": {"webhook_address": "127.0.0.1", "webhook_port": 0, "webhook_url_path": "/hook", "target_skill_id": "a/b:1.0.0",
                      "hmac_key_file": "hmac"},
          "http_server": {"port": 0}, "prometheus": {"port": 0}, "tcp_server": {"port": 0}, "tcp_client": {"port": 1}}
check = e2e.check


def public_id(folder):
    with open(folder + "/connection.yaml") as f:
        words = dict(re.findall(r"^(author|name|version): *(\S+)", f.read(), re.M))
    return "%(author)s/%(name)s:%(version)s" % words


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class World:
    def __init__(self, off=False, tcp=1, ipc=None):
        self.home = tempfile.TemporaryDirectory(prefix="pbay-secrecy-")
        self.dir = self.home.name
        self.endpoints = ["tcp://127.0.0.1:%d" % port for port in free_ports(tcp)]
        self.tcp = self.endpoints[0]
        if ipc:
            os.mkdir("%s/%s" % (self.dir, ipc), 0o700)
            with socket.socket(socket.AF_UNIX) as s:  # of a broker that was killed
                s.bind("%s/%s/broker.ipc" % (self.dir, ipc))
            self.endpoints.append("ipc://%s/%s/broker.ipc" % (self.dir, ipc))
        self.processes, self.folders = {}, {name: e2e.BUILD + "/share/patchbay/connections/" + name for name in SHIPPED}
        self.folders["loop"] = OTHERS + "/loop"
        done = e2e.patchbay("keygen", "--out", self.dir + "/keys", "broker", "web", "agent")
        check(done.returncode == 0, "keygen: %s" % done)
        self.write("hmac", HMAC)
        self.write("agent.yaml", self.configuration(off))
        self.write("policy.yaml", "principals:\n- {name: web, keys: [keys/web], agent: one, connections: [%s]}\n"
                   "- {name: agent, keys: [keys/agent], agent: one, is_agent: true}\n" % ", ".join(self.folders))
        self.start("broker", e2e.BUILD + "/bin/patchbay-broker", "agent.yaml")

    def configuration(self, off):
        text = "agent_name: one\nconnections: [%s]\n" % ", ".join(public_id(folder) for folder in self.folders.values())
        text += "patchbay:\n  endpoints: %s\n  key: keys/broker\n  policy: policy.yaml\n" % self.endpoints
        text += "  sandbox: false\n" if off else ""
        for name, folder in self.folders.items():
            text += "---\npublic_id: %s\ntype: connection\n" % public_id(folder)
            text += "config: {%s}\n" % ", ".join("%s: %s" % item for item in CONFIG.get(name, {}).items())
            text += "patchbay: {sandbox: false}\n" if off and name != "loop" else ""
        return text

    def write(self, name, text):
        with open(self.dir + "/" + name, "w") as f:
            f.write(text)
        os.chmod(self.dir + "/" + name, 0o600)

    def start(self, name, *command, **variables):
        """With as large a core file as it likes; the output goes to NAME.log."""
        def unlimited():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        environment = dict(e2e.environment(), PATCHBAY_PACKAGE_PATH=e2e.BUILD + "/share/patchbay/connections:" + OTHERS, PATCHBAY_TRACE="1",
                           PATCHBAY_TEST_LOOP=e2e.BUILD + "/tests/loop",
                           **variables)
        with open("%s/%s.log" % (self.dir, name), "w") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, cwd=self.dir, stdout=log, stderr=log, preexec_fn=unlimited)

    def node(self, name):
        """A connection, or the agent; its key is in the files that it is told of."""
        key = "agent" if name == "agent" else "web"
        program = {"agent": "/bin/echo_agent", "loop": "/tests/loop"}.get(name, "/libexec/patchbay/" + name)
        self.start(name, e2e.BUILD + program, PATCHBAY_ENDPOINT=self.tcp, PATCHBAY_AGENT="one", PATCHBAY_AGENT_FILE=self.dir + "/agent.yaml",
                   PATCHBAY_CONNECTION_DIR=self.folders.get(name, ""), PATCHBAY_KEY="%s/keys/%s_secret" % (self.dir, key),
                   PATCHBAY_BROKER_KEY=self.dir + "/keys/broker", PATCHBAY_DATA_DIR=self.dir)

    def agency(self, more=""):
        self.write("agency.yaml", "public_url: http://127.0.0.1:1\nlisten: {port: 0}\ndatabase: agency.db\nwallet: agency.wallet\n"
                   "passphrase_file: hmac\n" + more)
        self.start("agency", e2e.BUILD + "/bin/patchbay-agency", "agency.yaml")
        e2e.wait_for(lambda: self.check_alive() or "listening:" in self.said("agency"), e2e.START, "the agency listens")

    def check_alive(self):
        ended = {name: self.said(name) for name, p in self.processes.items() if p.poll() is not None}
        check(not ended, "ended: %s" % ended)

    def is_ready(self):
        self.check_alive()
        return "ready at" in self.said("broker")

    def all_linked(self):
        self.check_alive()
        wanted = sorted(list(self.folders) + ["agent"])
        linked = {n["name"] if n["role"] == "connection" else "agent" for n in ask.get(self.dir + "/run", "/v1/nodes")["nodes"] if n["linked"]}
        return sorted(linked) == wanted

    def said(self, name):
        with open("%s/%s.log" % (self.dir, name)) as f:
            return f.read()

    def clean_up(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.home.cleanup()


def secrets(world):
    """As text, and as the bytes that libzmq has in memory and messages."""
    found = [HMAC.encode()]
    for name in ("broker", "web", "agent"):
        with open("%s/keys/%s_secret" % (world.dir, name)) as f:
            found.append(re.search(r'secret-key = "(.+)"', f.read())[1].encode())
    return found


def read(path):
    with open(path, "rb") as f:
        return f.read()


def status(pid, word):
    """Of each of its threads."""
    found = {re.search(r"^%s:\s*(\d+)" % word, read("/proc/%d/task/%s/status" % (pid, task)).decode(), re.M)[1]
             for task in os.listdir("/proc/%d/task" % pid)}
    return ",".join(sorted(found))


def core_limit(pid):
    return re.search(r"Max core file size +(\d+|unlimited) +(\d+|unlimited)", read("/proc/%d/limits" % pid).decode()).groups()


def is_readable(pid):
    try:
        read("/proc/%d/environ" % pid)
        os.close(os.open("/proc/%d/mem" % pid, os.O_RDONLY))
        return True
    except PermissionError:
        return False


def has_core(process):
    """After an abort."""
    process.send_signal(signal.SIGABRT)
    _, how = os.waitpid(process.pid, 0)
    process.returncode = -signal.SIGABRT
    return os.WCOREDUMP(how)


def same(found, expected, what):
    check(found == expected, "%s: found %r, expected %r" % (what, found, expected))


def look_at(name, pid, sandboxed, has_key=True):
    same(status(pid, "Seccomp"), "2" if sandboxed else "0", name + ": Seccomp")
    same(status(pid, "NoNewPrivs"), "1" if sandboxed else "0", name + ": NoNewPrivs")
    same(is_readable(pid), not (has_key or sandboxed), name + ": its memory and environment can be read")
    check(not (has_key or sandboxed) or core_limit(pid) == ("0", "0"), "%s: core files up to %s" % (name, core_limit(pid)))


def search(world):
    """Everything that a process shows, and every file that is not a key's own."""
    hidden = secrets(world)
    places = ["/proc/%d/cmdline" % p.pid for p in world.processes.values()]
    for folder, _, names in os.walk(world.dir):
        places += [folder + "/" + name for name in names if not name.endswith(("_secret", ".ipc", ".sock")) and name != "hmac"]
    for place in places:
        bytes_ = read(place)
        check(not any(secret in bytes_ for secret in hidden), "%s has a secret" % place)
    for resource_ in ("/v1/broker", "/v1/nodes", "/v1/connections", "/v1/streams"):
        text = repr(ask.get(world.dir + "/run", resource_)).encode()
        check(not any(secret in text for secret in hidden), "%s has a secret" % resource_)
    return len(places)


def shipped(world):
    """All that is shipped, as it is shipped; and `loop`, which is somebody else's."""
    for name in list(world.folders) + ["agent"]:
        world.node(name)
    e2e.wait_for(world.all_linked, e2e.START, "all are linked")
    world.agency()
    ordinary = subprocess.Popen(["sleep", "1000"], cwd=world.dir, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2))
    world.processes["sleep"] = ordinary
    check(is_readable(ordinary.pid), "not even our own child can be read: this test cannot tell")
    for name, process in world.processes.items():
        look_at(name, process.pid, name in SHIPPED + ["broker", "agency"], name != "sleep")
    print("%d files and command lines, %d processes, %d of them in a sandbox" % (search(world), len(world.processes), len(SHIPPED) + 2))
    ours = [name for name in world.processes if name != "sleep" and has_core(world.processes[name])]
    same(ours, [], "core files")
    print("core files: none of ours; of another process, %s" % ("one" if has_core(ordinary) else "none either on this machine"))


def switched_off(world):
    """`sandbox: false`: then there is none; but who has a key leaves no core."""
    for name in ("stub", "local"):
        world.node(name)
        e2e.wait_for(lambda: "connected" in [n["state"] for n in ask.get(world.dir + "/run", "/v1/nodes")["nodes"] if n["name"] == name],
                     e2e.START, "%s is connected" % name)
    world.agency("sandbox: false\n")
    for name, process in world.processes.items():
        look_at(name, process.pid, False)


def endpoints(world):
    """As many as there may be, and one in a folder of its own: the sandbox lets the broker bind it, in the place of an old one."""
    broker = world.processes["broker"]
    look_at("broker", broker.pid, True)
    check("sandbox" not in world.said("broker"), world.said("broker"))
    place = [folder for folder, _, names in os.walk(world.dir) if "broker.ipc" in names]
    check(len(place) == 1, "broker.ipc is in %s" % place)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(place[0] + "/broker.ipc")
    broker.terminate()
    same(broker.wait(30), 0, "the broker's end")


def run(case, **options):
    world = World(**options)
    try:
        e2e.wait_for(world.is_ready, e2e.START, "the broker is ready")
        case(world)
        return True
    except (e2e.Failed, OSError) as why:
        print("FAILED: %s: %s" % (case.__name__, why))
        return False
    finally:
        world.clean_up()


good = [run(shipped), run(switched_off, off=True), run(endpoints, tcp=8), run(endpoints, ipc="elsewhere")]
sys.exit(0 if all(good) else 1)
