#!/bin/sh
# Includes go down the list only: connections -> node -> schema, broker -> schema; core and its leaves know no socket, clock or file.
# usage: arrows.sh SOURCE_DIR
cd "$1" || exit 2
bad=0
forbid() { # files, pattern, why
    found=$(grep -nE "$2" $1 /dev/null) || return 0
    printf '%s\n%s\n' "$3:" "$found"
    bad=1
}
forbid "$(echo schema/*.[ch])" '#include "(broker|node|connections|tests)/' 'schema/ includes from above'
forbid "$(echo broker/*.[ch])" '#include "(node|connections|tests)/' 'broker/ includes what is not schema/'
forbid "$(find node -name '*.[ch]')" '#include "(broker|connections|tests)/' 'node/ includes what is not schema/'
forbid "$(find connections -name '*.[ch]')" '#include "(broker|tests)/' 'connections/ includes the broker'
core="broker/core.h broker/core_int.h broker/core.c broker/link.c broker/out.c broker/stream.c broker/mailbox.c broker/route.c broker/flow.c broker/restrict.c"
forbid "$core schema/session.c schema/session_send.c schema/session_recv.c schema/frame.c schema/wire.c" \
    '#include <(zmq|czmq|time|sys/time|stdio|unistd|pthread|sys/socket)\.h>' 'the core knows sockets, clocks or files'
forbid "tests/sim/check.c tests/sim/check.h" '#include "(broker|schema|node)/' 'the checker knows the code that it checks'
[ $bad = 0 ] && echo "arrows: ok"
exit $bad
