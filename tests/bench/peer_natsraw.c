/* The NATS protocol over a bare socket: what nats-server can do when its client costs next to nothing. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"
#include "tests/bench/net.h"

struct peer {
    struct net net;
    size_t last;
};

/* INFO, +OK, PING: everything but MSG. true = it was one of these. */
static bool pass_over(struct peer *p, const char *line, size_t n)
{
    if (n >= 4 && memcmp(line, "MSG ", 4) == 0)
        return false;
    if (memcmp(line, "-ERR", 4) == 0)
        bench_die("nats: %.*s", (int)n, line);
    if (n >= 4 && memcmp(line, "PING", 4) == 0) {
        net_text(&p->net, "PONG\r\n");
        net_flush(&p->net);
    }
    net_take(&p->net, n);
    return true;
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);
    const char *line;
    size_t n;

    if (!p)
        bench_die("no memory");
    net_open(&p->net, o->address);
    net_text(&p->net, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB %s 1\r\nPING\r\n", self);
    net_flush(&p->net);
    do {
        line = net_line(&p->net, &n, BENCH_PATIENCE);
        if (!line)
            bench_die("nats: no PONG");
        if (memcmp(line, "PONG", 4) == 0)
            break;
    } while (pass_over(p, line, n));
    net_take(&p->net, n);
    return p;
}

void peer_close(struct peer *p)
{
    net_close(&p->net);
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    net_text(&p->net, "PUB %s %zu\r\n", to, n);
    net_put(&p->net, bytes, n);
    net_put(&p->net, "\r\n", 2);
}

void peer_flush(struct peer *p)
{
    net_flush(&p->net);
}

/* MSG SUBJECT ID LENGTH */
static size_t length_of(const char *line, size_t n)
{
    const char *at = memrchr(line, ' ', n);

    return at ? strtoul(at + 1, NULL, 10) : 0;
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    const char *line;
    size_t n, length;

    net_take(&p->net, p->last);
    p->last = 0;
    do {
        line = net_line(&p->net, &n, timeout_ms);
        if (!line)
            return false;
    } while (pass_over(p, line, n));
    length = length_of(line, n);
    line = net_want(&p->net, n + length + 2, BENCH_PATIENCE);
    if (!line)
        bench_die("nats: a message without its end");
    *v = (struct drive_view){line + n, length};
    p->last = n + length + 2;
    return true;
}
