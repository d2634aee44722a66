/* A length and the bytes, over the relay of relay.c: what any broker that copies through user space costs at least. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"
#include "tests/bench/net.h"

struct peer {
    struct net net;
    size_t last;
};

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);

    (void)self;
    if (!p)
        bench_die("no memory");
    net_open(&p->net, o->address);
    return p;
}

void peer_close(struct peer *p)
{
    net_close(&p->net);
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    uint32_t length = (uint32_t)n;

    (void)to;
    net_put(&p->net, &length, sizeof length);
    net_put(&p->net, bytes, n);
}

void peer_flush(struct peer *p)
{
    net_flush(&p->net);
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    const char *bytes;
    uint32_t length;

    net_take(&p->net, p->last);
    p->last = 0;
    bytes = net_want(&p->net, sizeof length, timeout_ms);
    if (!bytes)
        return false;
    memcpy(&length, bytes, sizeof length);
    bytes = net_want(&p->net, sizeof length + length, BENCH_PATIENCE);
    if (!bytes)
        bench_die("a message without its end");
    *v = (struct drive_view){bytes + sizeof length, length};
    p->last = sizeof length + length;
    return true;
}
