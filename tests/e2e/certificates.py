#!/usr/bin/python3
"""Proof of representation: a connection with cert_requests runs with a good certificate only, `patchbay ps` says why it
does not, and the others never notice.

usage: certificates.py BUILD_DIR
"""
import datetime
import os
import sys

import demo as e2e

SECRET = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # a published test key
OWN_SECRET = "1" * 64
OTHER_SECRET = "2" * 64
MESSAGE = "{identifier}:{public_key}:{not_before}:{not_after}"
REQUESTS = """---
public_id: fetchai/stub:0.21.3
type: connection
cert_requests:
- public_key: cosmos
  identifier: acn
  ledger_id: ethereum
  not_before: '2020-01-01'
  not_after: '9999-01-01'
  message_format: '%s'
  save_path: .certs/acn.txt
""" % MESSAGE


class Agent:
    """The demo with two keys, and a request of the stub's."""

    def __init__(self, demo):
        self.demo = demo
        self.said = ""
        self.certificate = os.path.join(demo.dir, ".certs", "acn.txt")
        with open(demo.yaml, "a") as f:
            f.write(REQUESTS)
        demo.edit("patchbay:\n", "private_key_paths: {ethereum: agent_key.txt}\n"
                                 "connection_private_key_paths: {cosmos: own_key.txt}\npatchbay:\n")
        self.key("agent_key.txt", "0x" + SECRET)
        self.key("own_key.txt", OWN_SECRET)

    def key(self, name, text, mode=0o600):
        path = os.path.join(self.demo.dir, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def issue(self, status=0):
        done = e2e.patchbay("issue-certificates", self.demo.yaml)
        self.said += done.stdout + done.stderr
        e2e.check(done.returncode == status, "issue-certificates: status %d: %s%s" % (done.returncode, done.stdout, done.stderr))
        return done.stdout + done.stderr

    def row(self):
        return self.demo.ps()[e2e.STUB]

    def expect_failed(self, reason):
        """The reason in `ps` is this one, and was said in one line, however often it was looked at."""
        e2e.wait_for(lambda: self.row()["state"] == "failed" and reason in self.row()["reason"], e2e.START,
                     "failed with %r: %s" % (reason, self.row()))
        e2e.check(self.row()["process"] == "running", "the process stays: %s" % self.row())

    def restart(self):
        self.demo.kill(e2e.STUB)


def issuing(agent):
    """What the command says and writes: AEA's file, and the facts beside it."""
    agent.key("agent_key.txt", "no key\n")
    e2e.check("agent_key.txt is no private key" in agent.issue(1), "a file that is no key")
    os.unlink(os.path.join(agent.demo.dir, "agent_key.txt"))
    e2e.check("No such file" in agent.issue(1), "no file")
    e2e.check(not os.path.exists(agent.certificate), "nothing is written")
    agent.key("agent_key.txt", "0x" + SECRET, 0o644)
    said = agent.issue()
    e2e.check("stub: acn: " + agent.certificate in said, "it says where: %s" % said)
    e2e.check("warning: others may read the private key" in said and "agent_key.txt" in said, "a key that others may read")
    agent.key("agent_key.txt", "0x" + SECRET)
    e2e.check("warning" not in agent.issue(), "no warning")
    with open(agent.certificate) as f:
        signature = bytes.fromhex(f.read()).decode("ascii")
    e2e.check(signature.startswith("0x") and len(signature) == 132, "AEA's text of a signature: %s" % signature)
    with open(agent.certificate + ".about") as f:
        facts = dict(line.rstrip("\n").split(": ", 1) for line in f)
    e2e.check(facts["identifier"] == "acn" and facts["public_key"].startswith("03") and facts["signer"].startswith("0x4e3b81af"),
              "the facts: %s" % facts)
    done = e2e.patchbay("issue-certificates", "--no-such-option")
    e2e.check(done.returncode == 2 and "--no-such-option" in done.stderr, "its options")


def reasons(agent):
    """Each way in which a certificate is wrong; the process is started again to see the new configuration."""
    demo = agent.demo
    demo.edit("identifier: acn", "identifier: bcn")
    agent.restart()
    agent.expect_failed("certificate bcn is for another identifier (acn)")
    demo.edit("identifier: bcn", "identifier: acn")
    agent.key("agent_key.txt", OTHER_SECRET)
    agent.restart()
    agent.expect_failed("certificate acn is signed with another key than the agent's (0x4e3b81af")
    agent.key("agent_key.txt", SECRET)
    agent.key("own_key.txt", OTHER_SECRET)
    agent.restart()
    agent.expect_failed("certificate acn is for another key (03")
    agent.key("own_key.txt", OWN_SECRET)
    demo.edit("not_after: '9999-01-01'", "not_after: '2021-01-01'")
    e2e.check("warning: stub: certificate acn has expired" in agent.issue(), "issued, and of no use")
    agent.restart()
    agent.expect_failed("certificate acn has expired: it was valid until 2021-01-01")
    demo.edit("not_before: '2020-01-01'\n  not_after: '2021-01-01'", "not_before: '9000-01-01'\n  not_after: '9999-01-01'")
    agent.restart()
    agent.expect_failed("certificate acn is not valid before 9000-01-01")
    with open(agent.certificate, "w") as f:
        f.write("30783030")
    os.unlink(agent.certificate + ".about")
    demo.edit("not_before: '9000-01-01'", "not_before: '2020-01-01'")
    agent.restart()
    agent.expect_failed("certificate acn holds no signature of ethereum")


def test(demo):
    agent = Agent(demo)
    others = [key for key in e2e.ALL if key != e2e.STUB]
    demo.start(wait=False)
    demo.wait_connected(others)
    agent.expect_failed("certificate acn is missing: `patchbay issue-certificates` writes it to " + demo.dir[:20])
    pid = demo.pids()[e2e.STUB]
    issuing(agent)
    demo.wait_connected()
    demo.ask()
    e2e.check(demo.pids()[e2e.STUB] == pid, "it connects by itself, without a restart")
    e2e.check(demo.output().count("certificate acn is missing") == 1, "said once")
    before = {key: demo.pids()[key] for key in others}

    reasons(agent)
    agent.issue()
    demo.wait_connected()
    demo.ask()

    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    demo.edit("not_after: '9999-01-01'", until.strftime("not_after: '%Y-%m-%dT%H:%M:%S+00:00'"))
    agent.issue()
    agent.restart()
    agent.expect_failed("certificate acn has expired: it was valid until " + until.strftime("%Y-%m-%dT"))
    e2e.check({key: demo.pids()[key] for key in others} == before, "another process was restarted")
    for secret in (SECRET, OWN_SECRET, OTHER_SECRET, "no key"):
        e2e.check(secret not in agent.said + demo.output(), "a secret was shown")


sys.exit(e2e.main(test))
