#!/bin/sh
# Install, build, and start the demo: a broker, two connections and an agent, each its own process.
#
#   quickstart.sh         in the foreground, until Ctrl-C
#   quickstart.sh --once  send one envelope through each connection, show the answers, stop
set -eu

START_SECONDS=30
ANSWER_SECONDS=20
STOP_SECONDS=40

root=$(cd "$(dirname "$0")/.." && pwd)
demo=$root/build/demo
run=$demo/run
patchbay=$root/build/bin/patchbay
port=$(sed -n 's/^  port: *//p' "$root/deploy/demo/agent.yaml")
url=http://127.0.0.1:$port/hello
up_pid=""

say() {
    echo "quickstart: $*"
}

die() {
    say "$*" >&2
    if [ -f "$demo/up.log" ]; then
        sed 's/^/    /' "$demo/up.log" >&2
    fi
    exit 1
}

# within SECONDS COMMAND...: run the command every 50 ms until it succeeds; fails once the time is over.
within() {
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.05
    done
}

build() {
    "$root/deploy/install-deps.sh"
    say "building into $root/build"
    mkdir -p "$root/build"
    (cd "$root" && cmake --preset release >build/configure.log 2>&1) || {
        cat "$root/build/configure.log" >&2
        exit 1
    }
    cmake --build "$root/build" --target broker/all node/all connections/all # not the tests
}

fresh_demo() {
    if "$patchbay" ps --run "$run" >/dev/null 2>&1; then
        say "the demo is running already: stop it first" >&2
        exit 1
    fi
    rm -rf "$demo"
    mkdir -p "$demo"
    cp "$root/deploy/demo/agent.yaml" "$demo/agent.yaml"
}

# The demo cannot have a port that somebody else listens on.
check_port() {
    python3 -c '
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))' "$port" 2>/dev/null ||
        die "port $port of 127.0.0.1 is taken: stop what listens there, or change it in deploy/demo/agent.yaml"
}

all_connected() {
    kill -0 "$up_pid" 2>/dev/null || die "the demo has ended"
    "$patchbay" ps --json --run "$run" 2>/dev/null | python3 -c '
import json, sys
nodes = json.loads(sys.stdin.read() or "{}").get("nodes", [])
sys.exit(not nodes or any(n["state"] not in ("running", "connected") for n in nodes))'
}

answered() {
    [ -s "$demo/output_file" ]
}

# Every process of the demo has the run directory in its environment.
count_left() {
    cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep -c -x -F "PATCHBAY_RUN_DIR=$run" || true
}

has_ended() {
    ! kill -0 "$up_pid" 2>/dev/null
}

stop_anyway() {
    if [ -n "$up_pid" ]; then
        kill -KILL "$up_pid" 2>/dev/null || true
    fi
}

ask() {
    question="echo_agent,quickstart,fetchai/default:1.0.0,hello from the quickstart,"
    say "question, a line for $demo/input_file:"
    echo "    $question"
    printf '%s\n' "$question" | flock "$demo/input_file" tee -a "$demo/input_file" >/dev/null
    within "$ANSWER_SECONDS" answered || die "no answer in $demo/output_file"
    say "answer, in $demo/output_file:"
    sed 's/^/    /' "$demo/output_file"
    echo
}

# As curl does it, which need not be installed.
ask_http() {
    say "request: GET $url"
    python3 -c '
import http.client, sys
c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=float(sys.argv[2]))
c.request("GET", "/hello")
r = c.getresponse()
print(r.status, r.reason)
print(r.read().decode())
sys.exit(r.status != 200)' "$port" "$ANSWER_SECONDS" >"$demo/http_answer" ||
        die "no answer from $url: $(cat "$demo/http_answer")"
    say "answer:"
    sed '/^$/d; s/^/    /' "$demo/http_answer"
}

stop() {
    say "stopping"
    kill -TERM "$up_pid"
    within "$STOP_SECONDS" has_ended || die "the demo does not stop"
    status=0
    wait "$up_pid" || status=$?
    up_pid=""
    [ "$status" -eq 0 ] || die "the demo ended with status $status"
    left=$(count_left)
    say "processes left: $left"
    [ "$left" -eq 0 ] || die "processes are left"
}

once() {
    trap stop_anyway EXIT
    trap 'exit 1' INT TERM
    say "starting the demo in $demo"
    "$patchbay" up "$demo/agent.yaml" >"$demo/up.log" 2>&1 &
    up_pid=$!
    within "$START_SECONDS" all_connected || die "the demo is not connected after $START_SECONDS s"
    ask
    ask_http
    "$patchbay" ps --run "$run"
    stop
    say "done"
}

case "${1-}" in
"" | --once) ;;
*)
    echo "Usage: $0 [--once]" >&2
    exit 2
    ;;
esac

build
fresh_demo
check_port
if [ "${1-}" = --once ]; then
    once
    exit 0
fi
say "starting the demo in $demo; Ctrl-C stops it. In another terminal:"
echo "    echo 'echo_agent,me,fetchai/default:1.0.0,hello,' >> $demo/input_file; sleep 1; cat $demo/output_file"
echo "    curl $url"
echo "    $patchbay ps $demo/agent.yaml"
exec "$patchbay" up "$demo/agent.yaml"
