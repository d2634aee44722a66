#include "connections/tcp_server/tcp_peer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "schema/buf.h"

#define PROBES 3 /* that the other host may leave unanswered */

int64_t tcp_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- frames ---- */

void tcp_put_length(uint8_t head[TCP_HEAD], size_t n)
{
    for (unsigned i = 0; i < TCP_HEAD; i++)
        head[i] = (uint8_t)(n >> 8 * i);
}

size_t tcp_get_length(const char *head)
{
    size_t n = 0;

    for (unsigned i = 0; i < TCP_HEAD; i++)
        n |= (size_t)(uint8_t)head[i] << 8 * i;
    return n;
}

struct tcp_frame tcp_frame_of(char **memory, size_t n, uint64_t tag)
{
    struct tcp_frame frame = {.memory = *memory, .n = n, .tag = tag};

    assert(*memory && n <= UINT32_MAX);
    tcp_put_length(frame.head, n);
    *memory = NULL;
    return frame;
}

void tcp_frame_drop(struct tcp_frame *frame)
{
    free(frame->memory);
    *frame = (struct tcp_frame){0};
}

/* ---- life ---- */

static void set(int fd, int level, int option, int value)
{
    (void)!setsockopt(fd, level, option, &value, sizeof value); /* without it things take longer */
}

void tcp_set_options(int fd, unsigned peer_timeout)
{
    int seconds = (int)peer_timeout;

    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds - seconds / 2);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds / 2 / PROBES > 0 ? seconds / 2 / PROBES : 1);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
}

void tcp_peer_init(struct tcp_peer *peer, int fd, struct tcp_pool *pool, size_t max_frame)
{
    *peer = (struct tcp_peer){.open = true, .fd = fd, .pool = pool, .max_frame = max_frame};
}

/* What a buffer of this size takes from the pool. */
static size_t from_pool(size_t cap)
{
    return cap > TCP_BASE ? cap - TCP_BASE : 0;
}

static void drop_input(struct tcp_peer *p)
{
    p->pool->held -= from_pool(p->cap);
    free(p->in);
    p->in = NULL;
    p->at = p->n = p->cap = p->taken = 0;
}

void tcp_peer_fini(struct tcp_peer *peer)
{
    if (!peer->open)
        return;
    close(peer->fd);
    drop_input(peer);
    tcp_frame_drop(&peer->out);
    *peer = (struct tcp_peer){0};
}

/* ---- reading ---- */

/* The same bytes at the beginning of a buffer of another size; false = the pool is used up. */
static bool resize(struct tcp_peer *p, size_t cap)
{
    struct tcp_pool *pool = p->pool;
    size_t others = pool->held - from_pool(p->cap), n = p->n - p->at;
    char *in;

    assert(cap >= n);
    if (cap > p->cap && others + from_pool(cap) > pool->most)
        return false;
    in = pb_realloc(NULL, cap);
    if (n)
        memcpy(in, p->in + p->at, n);
    free(p->in);
    pool->held = others + from_pool(cap);
    p->in = in;
    p->at = 0;
    p->n = n;
    p->cap = cap;
    return true;
}

/* Forget the frame that was given last, and give back what its length has taken. */
static void drop_taken(struct tcp_peer *p)
{
    p->at += p->taken;
    p->taken = 0;
    if (p->at == p->n)
        p->at = p->n = 0;
    if (p->cap > TCP_BASE && p->n - p->at <= TCP_BASE)
        resize(p, TCP_BASE);
}

/* Room for one more byte at least. The buffer doubles when it is full: a length that is only announced costs nothing.
 */
static bool make_room(struct tcp_peer *p)
{
    size_t cap = p->cap ? 2 * p->cap : TCP_BASE, most = TCP_HEAD + p->max_frame;

    if (p->n < p->cap)
        return true;
    if (p->at) {
        p->n -= p->at;
        memmove(p->in, p->in + p->at, p->n);
        p->at = 0;
        return true;
    }
    if (cap > most)
        cap = most > TCP_BASE ? most : TCP_BASE;
    return resize(p, cap);
}

static enum pbay_err read_some(struct tcp_peer *p)
{
    ssize_t got;

    do
        got = recv(p->fd, p->in + p->n, p->cap - p->n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        p->n += (size_t)got;
    if (got == 0)
        return PBAY_CLOSED;
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? PBAY_AGAIN : PBAY_IO;
    return PBAY_OK;
}

/* PBAY_AGAIN = it is not complete. */
static enum pbay_err look(struct tcp_peer *p, struct pbay_str *frame)
{
    size_t have = p->n - p->at, length;

    if (have < TCP_HEAD)
        return PBAY_AGAIN;
    length = tcp_get_length(p->in + p->at);
    if (length > p->max_frame)
        return PBAY_TOO_BIG;
    if (have - TCP_HEAD < length)
        return PBAY_AGAIN;
    *frame = (struct pbay_str){p->in + p->at + TCP_HEAD, length};
    p->taken = TCP_HEAD + length;
    return PBAY_OK;
}

enum pbay_err tcp_peer_next(struct tcp_peer *peer, struct pbay_str *frame)
{
    enum pbay_err err;

    drop_taken(peer);
    while ((err = look(peer, frame)) == PBAY_AGAIN) {
        if (!make_room(peer))
            return PBAY_LIMIT;
        err = read_some(peer);
        if (err)
            break;
    }
    if (err == PBAY_AGAIN && peer->n == 0)
        drop_input(peer); /* who is silent costs nothing */
    return err;
}

size_t tcp_peer_partial(const struct tcp_peer *peer)
{
    return peer->n - peer->at - peer->taken;
}

/* ---- writing ---- */

/* PBAY_OK = to its end; PBAY_AGAIN = the kernel takes no more now. */
static enum pbay_err write_on(struct tcp_peer *p, struct tcp_frame *f)
{
    while (f->at < TCP_HEAD + f->n) {
        size_t head = f->at < TCP_HEAD ? TCP_HEAD - f->at : 0, at = f->at < TCP_HEAD ? 0 : f->at - TCP_HEAD;
        struct iovec parts[] = {{f->head + TCP_HEAD - head, head}, {f->memory + at, f->n - at}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t put = sendmsg(p->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            p->blocked = errno == EAGAIN || errno == EWOULDBLOCK;
            return p->blocked ? PBAY_AGAIN : PBAY_IO;
        }
        f->at += (size_t)put;
    }
    p->blocked = false;
    return PBAY_OK;
}

enum pbay_err tcp_peer_write(struct tcp_peer *peer, struct tcp_frame *frame)
{
    enum pbay_err err;

    assert(!peer->out.memory && frame->memory && frame->at == 0);
    err = write_on(peer, frame);
    if (err == PBAY_OK)
        tcp_frame_drop(frame);
    if (err != PBAY_AGAIN || frame->at == 0)
        return err;
    peer->out = *frame;
    *frame = (struct tcp_frame){0};
    return PBAY_PENDING;
}

enum pbay_err tcp_peer_flush(struct tcp_peer *peer)
{
    enum pbay_err err = PBAY_OK;

    if (peer->out.memory)
        err = write_on(peer, &peer->out);
    else
        peer->blocked = false;
    if (err == PBAY_OK)
        tcp_frame_drop(&peer->out);
    return err;
}
