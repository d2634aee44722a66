"""The product as a target of the bench: the real broker, agents on libpatchbay, connections on the runtime."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from world import PER_NAME, SOURCE, WINDOWS, Process, Target, admin, check, cpu_ns, free_port, wait_for

PACKAGE = """name: %s
author: bench
version: 0.1.0
type: connection
class_name: BenchSink
config: {}
connections: []
protocols: []
restricted_to_protocols: []
excluded_protocols: [bench/forbidden:1.0.0]
is_abstract: false
"""
HTTP_YAML = """agent_name: echo_agent
connections:
- valory/http_server:0.22.0
default_connection: valory/http_server:0.22.0
patchbay:
  command: [echo_agent]
---
public_id: valory/http_server:0.22.0
type: connection
config:
  host: 127.0.0.1
  port: %d
  max_connections_per_address: 256
  target_skill_id: patchbay/echo:0.1.0
"""


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("PATCHBAY_")}


class Patchbay(Target):
    def __init__(self, bench, name, transport, build="", idle=0, extra="", keys=False):
        """build: "single_" or "unsettled_": see README. keys: CURVE, on tcp."""
        super().__init__(bench, name, build + "source")
        self.kind_of_build, self.root = build, tempfile.mkdtemp(prefix="pb", dir=bench.dir)
        names = ["sink", "other"] + ["idle%02d" % i for i in range((idle + PER_NAME - 1) // PER_NAME)]
        self.endpoint = "tcp://127.0.0.1:%d" % free_port() if transport == "tcp" else "ipc://%s/broker.ipc" % self.root
        self.keys = os.path.join(self.root, "keys") if keys else None
        self._configure(names, extra + (self._make_keys(names) if keys else ""))
        program = os.path.join(bench.bin, build + "broker") if build else os.path.join(bench.build, "bin", "patchbay-broker")
        log = os.path.join(self.root, "broker.log")
        self.brokers = [Process([program, self.yaml], log, clean_environment())]
        wait_for(lambda: b"ready at" in open(log, "rb").read(), "%s is ready" % name)
        self.attached = self.spawn("idle", "--count", idle, "--address", self.endpoint) if idle else None
        if self.attached:
            self.attached.ready()

    def _configure(self, names, extra):
        for name in names:
            folder = os.path.join(self.root, "connections", name)
            os.makedirs(folder)
            with open(os.path.join(folder, "connection.yaml"), "w") as f:
                f.write(PACKAGE % name)
        self.yaml = os.path.join(self.root, "agent.yaml")
        with open(self.yaml, "w") as f:
            f.write("agent_name: bench\nconnections:\n%spatchbay:\n  grace: 0\n  endpoints: ['%s']\n%s" % (
                "".join("- bench/%s:0.1.0\n" % name for name in names), self.endpoint, extra))

    def _make_keys(self, names):
        done = subprocess.run([os.path.join(self.bench.build, "bin", "patchbay"), "keygen", "--out", self.keys, "broker", "node"],
                              stdout=subprocess.DEVNULL)
        check(done.returncode == 0, "keys are made")
        with open(os.path.join(self.root, "policy.yaml"), "w") as f:
            f.write("principals:\n- name: node\n  keys: [keys/node]\n  agent: bench\n  is_agent: true\n  connections: [%s]\n" % ", ".join(names))
        return "  key: keys/broker\n  policy: policy.yaml\n"

    @property
    def run_dir(self):
        return os.path.join(self.root, "run")

    def environment(self, connection=None):
        env = clean_environment()
        env.update(PATCHBAY_ENDPOINT=self.endpoint, PATCHBAY_AGENT="bench", PATCHBAY_INSTANCE="0", PATCHBAY_AGENT_FILE=self.yaml,
                   PATCHBAY_DATA_DIR=self.root)
        if self.keys:
            env.update(PATCHBAY_KEY=self.keys + "/node_secret", PATCHBAY_BROKER_KEY=self.keys + "/broker")
        if connection:
            env["PATCHBAY_CONNECTION_DIR"] = os.path.join(self.root, "connections", connection)
        return env

    def sink(self, size, name="sink", **options):
        sink = self.spawn(self.kind_of_build + "sink", env=self.environment(name))
        sink.ready()
        return sink

    def sink_says(self, sink):
        sink.end()
        return sink.json()

    def _agent(self, program, size, options):
        options.setdefault("window", WINDOWS[size])
        words = [word for name, value in options.items() for word in ("--" + name, value)]
        return self.spawn(program, "--size", size, *words, env=self.environment())

    def source(self, size, **options):
        options.pop("sources", None)
        return self._agent(self.driver, size, options)

    def source_ended(self, source):
        if self.kind_of_build != "unsettled_":
            check(source.json().get("refused"), "the forbidden envelope was refused")

    def ping(self, size, **options):
        return self._agent("ping", size, options)

    def streams(self):
        return admin.get(self.run_dir, "/v1/streams").get("streams", [])

    def close(self):
        if self.attached:
            self.attached.popen.stdin.close()
            self.attached.popen.wait()
        super().close()


class Up:
    """`patchbay up` of some agent.yaml."""

    def __init__(self, bench, text):
        self.root = tempfile.mkdtemp(prefix="up", dir=bench.dir)
        with open(os.path.join(self.root, "agent.yaml"), "w") as f:
            f.write(text)
        self.log = open(os.path.join(self.root, "log"), "wb")
        self.began = time.monotonic()
        self.popen = subprocess.Popen([os.path.join(bench.build, "bin", "patchbay"), "up", os.path.join(self.root, "agent.yaml")],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=clean_environment())

        Process.everyone.append(self.popen)

    def cpu(self):
        with open(os.path.join(self.root, "run", "up.json")) as f:
            children = [child["pid"] for child in json.load(f)["children"] if child["pid"]]
        return cpu_ns([self.popen.pid] + children)

    def close(self):
        self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(60)
        self.log.close()
        shutil.rmtree(self.root, ignore_errors=True)


def http_yaml(port):
    return HTTP_YAML % port


def demo_yaml(port):
    with open(os.path.join(SOURCE, "deploy", "demo", "agent.yaml")) as f:
        text = f.read()
    return re.sub(r"(?m)^(\s*port:) \d+$", r"\1 %d" % port, text)
