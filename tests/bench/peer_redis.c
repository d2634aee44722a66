/* redis streams through hiredis: XADD with a trimmed stream, pipelined; XREAD takes all that waits, at most COUNT. */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"

#define PIPELINE 256 /* commands whose replies may be outstanding */
#define AT_ONCE  256 /* entries in one XREAD */
#define ID_SIZE  48

struct peer {
    redisContext *out, *in;
    unsigned outstanding;
    char self[BENCH_NAME_SIZE], after[ID_SIZE];
    unsigned keep; /* entries that a stream keeps at least: more than may be unread */
    bool asked;
    redisReply *reply; /* of XREAD: [[name, [[id, [field, value]], ...]]] */
    size_t at;
};

static redisContext *connected(const char *address)
{
    const char *colon = strrchr(address, ':');
    redisContext *c = redisConnect("127.0.0.1", colon ? atoi(colon + 1) : 0);

    if (!c || c->err)
        bench_die("redis: %s: %s", address, c ? c->errstr : "no memory");
    redisEnableKeepAlive(c);
    return c;
}

static void take_replies(struct peer *p, unsigned left)
{
    while (p->outstanding > left) {
        redisReply *reply = NULL;

        if (redisGetReply(p->out, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR)
            bench_die("redis: %s", reply ? reply->str : p->out->errstr);
        freeReplyObject(reply);
        p->outstanding--;
    }
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        bench_die("no memory");
    p->out = connected(o->address);
    p->in = connected(o->address);
    p->keep = 2 * o->window;
    snprintf(p->self, sizeof p->self, "%s", self);
    snprintf(p->after, sizeof p->after, "0-0");
    freeReplyObject(redisCommand(p->out, "DEL %s", self)); /* of a former round */
    return p;
}

void peer_close(struct peer *p)
{
    peer_flush(p);
    if (p->reply)
        freeReplyObject(p->reply);
    redisFree(p->out);
    redisFree(p->in);
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    redisAppendCommand(p->out, "XADD %s MAXLEN ~ %u * m %b", to, p->keep, bytes, n);
    if (++p->outstanding >= PIPELINE)
        take_replies(p, 0);
}

void peer_flush(struct peer *p)
{
    take_replies(p, 0);
}

static void ask(struct peer *p)
{
    int done = 0;

    redisAppendCommand(p->in, "XREAD COUNT %d BLOCK 0 STREAMS %s %s", AT_ONCE, p->self, p->after);
    while (!done) {
        if (redisBufferWrite(p->in, &done) != REDIS_OK)
            bench_die("redis: %s", p->in->errstr);
    }
    p->asked = true;
}

/* The reply to what was asked, when it has come whole. */
static bool answered(struct peer *p, int timeout_ms)
{
    struct pollfd f = {.fd = p->in->fd, .events = POLLIN};

    for (;;) {
        if (redisGetReplyFromReader(p->in, (void **)&p->reply) != REDIS_OK)
            bench_die("redis: %s", p->in->errstr);
        if (p->reply)
            return true;
        if (poll(&f, 1, timeout_ms) <= 0)
            return false;
        if (redisBufferRead(p->in) != REDIS_OK)
            bench_die("redis: %s", p->in->errstr);
    }
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    const redisReply *entries, *entry;

    if (p->reply && p->at == p->reply->element[0]->element[1]->elements) {
        freeReplyObject(p->reply);
        p->reply = NULL;
    }
    if (!p->reply) {
        if (!p->asked)
            ask(p);
        if (!answered(p, timeout_ms))
            return false;
        p->asked = false;
        p->at = 0;
        if (p->reply->type != REDIS_REPLY_ARRAY)
            bench_die("redis: %s", p->reply->str ? p->reply->str : "XREAD gave no array");
    }
    entries = p->reply->element[0]->element[1];
    entry = entries->element[p->at++];
    snprintf(p->after, sizeof p->after, "%s", entry->element[0]->str);
    *v = (struct drive_view){entry->element[1]->element[1]->str, entry->element[1]->element[1]->len};
    return true;
}
