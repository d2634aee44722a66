#!/bin/sh
# Install the peers, build, and measure the product beside them: tests/bench/run.sh [--quick]. The table goes to standard
# output; JSON and plots to build/bench.
set -eu
cd "$(dirname -- "$0")/../.."

for argument; do
    case "$argument" in
    --quick | --only=*) ;;
    *)
        echo "Usage: $0 [--quick] [--only=SECTION,...]" >&2
        exit 2
        ;;
    esac
done

deploy/install-deps.sh >&2
missing=""
for package in nats-server libnats-dev mosquitto libmosquitto-dev redis-server libhiredis-dev beanstalkd wrk; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    echo "bench: apt-get install$missing" >&2
    $sudo apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

PATH=$PATH:/usr/sbin # where Debian keeps some of the servers
cmake --preset release >&2
cmake --build --preset release --target bench >&2
exec /usr/bin/python3 tests/bench/bench.py build "$@"
