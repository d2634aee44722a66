/* The floor: `relay FRONT_PORT BACK_PORT` copies bytes between one connection on each port, with read and write. After
 * a pair has ended it waits for the next. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/net.h"

static char buffer[NET_BUFFER];

/* false = that side has ended */
static bool copy(int from, int to)
{
    ssize_t n = recv(from, buffer, sizeof buffer, 0);

    for (ssize_t done = 0, part; done < n; done += part) {
        part = send(to, buffer + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (part <= 0)
            return false;
    }
    return n > 0;
}

static void relay(int front, int back)
{
    struct pollfd p[2] = {{.fd = front, .events = POLLIN}, {.fd = back, .events = POLLIN}};

    while (poll(p, 2, -1) > 0) {
        if ((p[0].revents && !copy(front, back)) || (p[1].revents && !copy(back, front)))
            return;
    }
}

int main(int argc, char **argv)
{
    int front, back;

    if (argc != 3) {
        fprintf(stderr, "usage: relay FRONT_PORT BACK_PORT\n");
        return 2;
    }
    front = net_listen((unsigned)atoi(argv[1]));
    back = net_listen((unsigned)atoi(argv[2]));
    puts("ready");
    fflush(stdout);
    for (;;) {
        int b = net_accept(back), f = net_accept(front);

        relay(f, b);
        close(f);
        close(b);
    }
}
