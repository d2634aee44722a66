#!/usr/bin/python3
"""What an operator can follow: events on the PUB endpoint and in /v1/events, streams, and that a second broker is refused.

usage: events.py BUILD_DIR
"""
import json
import os
import subprocess
import sys

import zmq

import admin
import demo as e2e


def follow(demo):
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt_string(zmq.SUBSCRIBE, "patchbay.event.")
    socket.connect("ipc://%s/events.ipc" % demo.run)
    return socket


def received(socket, kind, name):
    """The next event of that kind about that node; Failed when it does not come."""
    while socket.poll(e2e.ANSWER * 1000):
        topic, text = socket.recv_multipart()
        event = json.loads(text)
        e2e.check(topic.decode() == "patchbay.event." + event["kind"], "topic and kind differ: %s" % topic)
        if event["kind"] == kind and event["name"] == name:
            return event
    raise e2e.Failed("no event %s of %s" % (kind, name))


def second_broker(demo):
    env = dict(e2e.environment(), PATCHBAY_PACKAGE_PATH=os.path.join(e2e.BUILD, "share", "patchbay", "connections"))
    return subprocess.run([os.path.join(e2e.BUILD, "bin", "patchbay-broker"), demo.yaml], env=env, stderr=subprocess.PIPE, text=True,
                          timeout=60)


def test(demo):
    demo.start()
    socket = follow(demo)
    demo.ask()
    streams = admin.get(demo.run, "/v1/streams")["streams"]
    e2e.check({(s["from"], s["at"], s["state"]) for s in streams} ==
              {("stub", "echo_agent", "open"), ("echo_agent", "stub", "open")}, "two open streams: %s" % streams)
    e2e.wait_for(lambda: all(s["given"] == 0 for s in admin.get(demo.run, "/v1/streams")["streams"]), e2e.ANSWER, "all settled")
    demo.kill(e2e.STUB)
    dead, attached = received(socket, "dead", "stub"), received(socket, "attached", "stub")
    kept = admin.get(demo.run, "/v1/events?since=%d" % dead["seq"])["events"]
    e2e.check(dead in kept and attached in kept and dead["seq"] < attached["seq"], "/v1/events holds what was published, in order")
    refused = second_broker(demo)
    e2e.check(refused.returncode == 1 and "another broker runs here" in refused.stderr, "a second broker: %s" % refused.stderr)
    demo.ask()
    e2e.check("error" in admin.get(demo.run, "/v1/nothing"), "an unknown resource is an error")


sys.exit(e2e.main(test))
