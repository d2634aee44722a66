#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/tcp_server/tcp_int.h"
#include "schema/buf.h"

#define SHOWN 64 /* bytes of an address in a line of the log */

static int64_t grace(const struct tcp_server *s)
{
    return (int64_t)s->config.client_grace * 1000;
}

struct tcp_name *tcp_name_find(const struct tcp_server *s, struct pbay_str text)
{
    struct tcp_name *name;

    HASH_FIND(hh, s->names, text.p, text.n, name);
    return name;
}

static struct tcp_name *new_name(struct tcp_server *s, struct pbay_str text)
{
    struct tcp_name *name = pb_alloc(sizeof *name + text.n);
    char *copy = (char *)(name + 1);

    memcpy(copy, text.p, text.n);
    name->text = (struct pbay_str){copy, text.n};
    HASH_ADD_KEYPTR(hh, s->names, name->text.p, name->text.n, name);
    return name;
}

/* Whoever waits for its frame is told: not all of it was written, so nobody has had it. */
static void forget(struct tcp_server *s, struct tcp_name *name)
{
    assert(!name->client);
    DL_DELETE(s->gone, name);
    s->n_gone--;
    HASH_DELETE(hh, s->names, name);
    if (name->frame.memory) {
        pbay_link_log(s->link, "the client '%.*s' has left in the middle of a frame and is not back",
                      (int)(name->text.n < SHOWN ? name->text.n : SHOWN), name->text.p);
        pbay_link_settle_why(s->link, name->frame.tag, PBAY_FAILED,
                             "the client has left in the middle of the frame and is not back");
        tcp_frame_drop(&name->frame);
    }
    free(name);
}

void tcp_name_claim(struct tcp_server *s, struct pbay_str text, struct tcp_client *c)
{
    struct tcp_name *name = tcp_name_find(s, text);

    if (name && name->client) {
        pbay_link_log(s->link, "the address '%.*s' has moved from %s to %s", (int)(text.n < SHOWN ? text.n : SHOWN),
                      text.p, name->client->from, c->from);
        tcp_client_leave(s, name->client);
        name = tcp_name_find(s, text); /* without a grace it is forgotten */
    }
    if (name) {
        DL_DELETE(s->gone, name);
        s->n_gone--;
    } else {
        name = new_name(s, text);
    }
    name->client = c;
    c->name = name;
    c->peer.out = name->frame;
    name->frame = (struct tcp_frame){0};
    pbay_link_wake(s->link); /* what waits for somebody of this address */
}

void tcp_name_release(struct tcp_server *s, struct tcp_client *c)
{
    struct tcp_name *name = c->name;

    c->name = NULL;
    name->client = NULL;
    name->gone_at = s->now;
    DL_APPEND(s->gone, name);
    s->n_gone++;
    if (c->peer.out.tag) {
        name->frame = c->peer.out;
        name->frame.at = 0;
        c->peer.out = (struct tcp_frame){0};
    }
    if (grace(s) == 0)
        forget(s, name);
    else if (s->n_gone > s->config.max_clients)
        forget(s, s->gone);
    if (s->gone)
        tcp_at(s, s->gone->gone_at + grace(s));
    pbay_link_wake(s->link);
}

bool tcp_name_expected(const struct tcp_server *s, const struct tcp_name *name)
{
    return s->now - (name ? name->gone_at : s->started) < grace(s);
}

void tcp_names_sweep(struct tcp_server *s)
{
    while (s->gone && s->now - s->gone->gone_at >= grace(s))
        forget(s, s->gone);
    if (s->gone)
        tcp_at(s, s->gone->gone_at + grace(s));
}

/* What is kept for somebody is not settled: the runtime says what becomes of it. */
void tcp_names_clear(struct tcp_server *s)
{
    struct tcp_name *name = s->names, *next;

    HASH_CLEAR(hh, s->names);
    for (; name; name = next) {
        next = name->hh.next;
        tcp_frame_drop(&name->frame);
        free(name);
    }
    s->gone = NULL;
    s->n_gone = 0;
}
