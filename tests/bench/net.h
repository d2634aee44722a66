/* A TCP connection with a buffer on each side, for the peers that are spoken to without a client library: what is put
 * goes out when the buffer is full or flushed, what comes in is read in large pieces. */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include "tests/bench/common.h"

#define NET_BUFFER (1 << 18)

struct net {
    int fd;
    size_t out_n, in_at, in_n;
    char *out, *in;
};

int net_listen(unsigned port);                     /* on 127.0.0.1 */
int net_accept(int listener);                      /* without Nagle's delay */
void net_open(struct net *n, const char *address); /* "127.0.0.1:PORT" */
void net_close(struct net *n);                     /* also of a zeroed one */
void net_put(struct net *n, const void *p, size_t bytes);
void net_text(struct net *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
void net_flush(struct net *n);

/* At least so many bytes that were not taken yet; they stay valid until the next call of net_want. NULL = not within
 * timeout_ms. */
const char *net_want(struct net *n, size_t bytes, int timeout_ms);
/* A line with its "\r\n", as long as *bytes; otherwise as net_want. */
const char *net_line(struct net *n, size_t *bytes, int timeout_ms);
void net_take(struct net *n, size_t bytes); /* these are done with */

#endif
