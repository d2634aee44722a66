/* Envelopes between the session and the package's slots. No slot is called with the mutex held. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/conn_int.h"

#define RETRY_MS 10 /* after AGAIN, when nobody wakes us */
#define TURN_MS  1  /* of slow sends before the link has its turn: what they have settled goes out together */

/* ---- out: send ---- */

void conn_finish(struct pbay_link *link, struct pb_held *h, enum pbay_err err, const char *text)
{
    pb_session_finish(&link->io.session, h, err == PBAY_OK || pb_is_end(err) ? err : PBAY_FAILED, text);
}

void conn_failed(struct pbay_link *link, const char *text)
{
    static const int statuses[] = {[PBAY_POLICY_PROPAGATE] = PB_EXIT_PROPAGATE, [PBAY_POLICY_STOP] = PB_EXIT_STOP};
    enum pbay_policy policy = link->conf->exception_policy;

    if (policy <= PBAY_POLICY_JUST_LOG || link->verdict)
        return;
    link->verdict = statuses[policy];
    snprintf(link->verdict_why, sizeof link->verdict_why, "%s", text);
}

static void keep_pending(struct pbay_link *link, struct pb_held *h, uint64_t tag)
{
    struct conn_pending *p = pb_alloc(sizeof *p);

    p->tag = tag;
    p->held = h;
    HASH_ADD(hh, link->pending, tag, sizeof p->tag, p);
}

static void give_back(struct pbay_link *link, struct pb_held *h)
{
    pb_session_give_back(&link->io.session, h);
    if (!link->again)
        link->again_at = pb_now() + RETRY_MS;
    link->again = true;
}

static void fail(struct pbay_link *link, struct pb_held *h, const char *why)
{
    conn_finish(link, h, PBAY_FAILED, why);
    conn_failed(link, why);
}

static void take_result(struct pbay_link *link, struct pb_held *h, uint64_t tag, enum pbay_err err)
{
    if (err == PBAY_PENDING && link->sending.settled)
        conn_finish(link, h, link->sending.err, link->sending.text);
    else if (err == PBAY_PENDING)
        keep_pending(link, h, tag);
    else if (err == PBAY_AGAIN)
        give_back(link, h);
    else if (err == PBAY_OK || (err == PBAY_REFUSED && !link->ops->send))
        conn_finish(link, h, err, link->why);
    else if (err == PBAY_MALFORMED)
        conn_finish(link, h, err, link->why[0] ? link->why : pbay_err_text(err));
    else
        fail(link, h, link->why[0] ? link->why : pbay_err_text(err));
    link->sending.tag = 0;
}

static enum pbay_err call_send(struct pbay_link *link, const struct pbay_envelope *e, uint64_t tag, int64_t now)
{
    enum pbay_err err;

    link->why[0] = 0;
    if (!link->ops->send) {
        snprintf(link->why, sizeof link->why, "this connection sends nothing");
        return PBAY_REFUSED;
    }
    conn_call_begin(&link->call, "send", now);
    err = link->ops->send(link->self, e, tag);
    conn_op_end(link);
    return err;
}

/* Start the next envelope; the mutex is held. */
static struct pb_held *start(struct pbay_link *link, int64_t now)
{
    struct pb_held *h = pb_session_next(&link->io.session, now);

    if (h) {
        link->sending.tag = ++link->next_tag;
        link->sending.settled = false;
    }
    return h;
}

/* One look at the mutex for each envelope: the end of one and the start of the next. */
bool conn_send(struct pbay_link *link)
{
    struct pb_clock clock = {0};
    int64_t now = pb_clock_now(&clock), until = now + TURN_MS;
    struct pb_held *h = NULL;
    int n;

    if (!link->connected)
        return false;
    pb_link_lock(&link->io);
    for (n = 0; n < CONN_BATCH && now < until && (h = start(link, now)); n++) {
        uint64_t tag = link->next_tag;
        enum pbay_err err;

        pb_link_unlock(&link->io, false);
        err = call_send(link, &h->e, tag, now);
        now = pb_clock_now(&clock);
        pb_link_lock(&link->io);
        take_result(link, h, tag, err);
    }
    pb_link_unlock(&link->io, n > 0 || link->io.session.ctl.n > 0); /* also the ends of what had waited for too long */
    return h != NULL;
}

void conn_unblock(struct pbay_link *link)
{
    if (!link->again)
        return;
    link->again = false;
    pb_link_lock(&link->io);
    pb_session_unblock(&link->io.session);
    pb_link_unlock(&link->io, false);
}

void conn_end_pending(struct pbay_link *link)
{
    struct conn_pending *p, *next;

    pb_link_lock(&link->io);
    p = link->pending;
    HASH_CLEAR(hh, link->pending);
    for (; p; p = next) {
        next = p->hh.next;
        pb_session_finish(&link->io.session, p->held, PBAY_OUTCOME_UNKNOWN, "disconnected before it had finished");
        free(p);
    }
    pb_link_unlock(&link->io, true);
}

/* ---- in: receive ---- */

static struct pbay_str keep_str(char **to, struct pbay_str v)
{
    struct pbay_str kept = {*to, v.n};

    if (v.n)
        memcpy(*to, v.p, v.n);
    *to += v.n;
    return kept;
}

static struct conn_kept *keep(const struct pbay_envelope *e, uint64_t source)
{
    size_t n = e->to.n + e->sender.n + e->protocol_id.n + e->message.n + e->uri.n + e->connection_id.n + e->instance.n +
               e->origin.name.n + e->origin.instance.n + e->operation.n + e->traceparent.n;
    struct conn_kept *k = pb_alloc(sizeof *k + n);
    char *to = k->bytes;

    k->e = *e;
    k->source = source;
    k->e.to = keep_str(&to, e->to);
    k->e.sender = keep_str(&to, e->sender);
    k->e.protocol_id = keep_str(&to, e->protocol_id);
    k->e.message = keep_str(&to, e->message);
    k->e.uri = keep_str(&to, e->uri);
    k->e.connection_id = keep_str(&to, e->connection_id);
    k->e.instance = keep_str(&to, e->instance);
    k->e.origin.name = keep_str(&to, e->origin.name);
    k->e.origin.instance = keep_str(&to, e->origin.instance);
    k->e.operation = keep_str(&to, e->operation);
    k->e.traceparent = keep_str(&to, e->traceparent);
    return k;
}

static void tell_outcome(struct pbay_link *link, uint64_t source, enum pbay_err err)
{
    if (!link->ops->outcome)
        return;
    conn_op_begin(link, "outcome");
    link->ops->outcome(link->self, source, err);
    conn_op_end(link);
}

enum pbay_err conn_put(struct pbay_link *link, const struct pbay_envelope *e, uint64_t source)
{
    uint64_t tag = 0;
    enum pbay_err err = pb_session_put(&link->io.session, pb_now(), e, &tag);
    struct conn_source *s;

    if (err || !link->ops->outcome)
        return err;
    s = pb_alloc(sizeof *s);
    s->tag = tag;
    s->source = source;
    HASH_ADD(hh, link->sources, tag, sizeof s->tag, s);
    return PBAY_OK;
}

static enum pbay_err put(struct pbay_link *link, const struct pbay_envelope *e, uint64_t source)
{
    enum pbay_err err;

    pb_link_lock(&link->io);
    err = conn_put(link, e, source);
    pb_link_unlock(&link->io, err == PBAY_OK);
    if (err == PBAY_OK || err == PBAY_AGAIN)
        return err;
    pbay_link_log(link, "an envelope to '%.*s' is not sent: %s", (int)(e->to.n < 64 ? e->to.n : 64), e->to.p,
                  pbay_err_text(err));
    tell_outcome(link, source, err);
    return err;
}

/* false = the OutBox is still full. */
static bool put_kept(struct pbay_link *link)
{
    struct conn_kept *k = link->kept;

    if (!k)
        return true;
    if (put(link, &k->e, k->source) == PBAY_AGAIN)
        return false;
    free(k);
    link->kept = NULL;
    return true;
}

static bool receive_one(struct pbay_link *link)
{
    struct pbay_envelope e = {0};
    uint64_t source = 0;
    enum pbay_err err;

    link->why[0] = 0;
    conn_op_begin(link, "receive");
    err = link->ops->receive(link->self, &e, &source);
    conn_op_end(link);
    if (err == PBAY_AGAIN) {
        link->want_receive = false;
        return false;
    }
    if (err) {
        conn_reconnect(link, err);
        return false;
    }
    if (put(link, &e, source) != PBAY_AGAIN)
        return true;
    link->kept = keep(&e, source); /* its views die with the next slot */
    return false;
}

bool conn_receive(struct pbay_link *link)
{
    if (!link->ops->receive)
        link->want_receive = false;
    if (!link->connected || !put_kept(link) || link->draining)
        return false;
    for (int n = 0; link->want_receive; n++) {
        if (n == CONN_BATCH)
            return true;
        if (!receive_one(link))
            return false;
    }
    return false;
}

/* ---- how they end ---- */

/* The next end: its source and code; false = none, or nobody is interested. */
static bool next_outcome(struct pbay_link *link, uint64_t *source, enum pbay_err *err)
{
    struct conn_source *s = NULL;
    struct pb_outcome o;

    while (pb_session_outcome(&link->io.session, &o)) {
        free(o.text);
        HASH_FIND(hh, link->sources, &o.tag, sizeof o.tag, s);
        assert(s || !link->ops->outcome);
        if (!s)
            continue;
        *source = s->source;
        *err = o.err;
        HASH_DELETE(hh, link->sources, s);
        free(s);
        return true;
    }
    return false;
}

bool conn_outcomes(struct pbay_link *link)
{
    for (int n = 0; n < CONN_BATCH; n++) {
        enum pbay_err err = PBAY_OK;
        uint64_t source = 0;
        bool any;

        pb_link_lock(&link->io);
        any = next_outcome(link, &source, &err);
        pb_link_unlock(&link->io, false);
        if (!any)
            return false;
        tell_outcome(link, source, err);
    }
    return true;
}

void conn_ops_fini(struct pbay_link *link)
{
    struct conn_pending *p = link->pending, *next_p;
    struct conn_source *s = link->sources, *next_s;

    HASH_CLEAR(hh, link->pending);
    HASH_CLEAR(hh, link->sources);
    for (; p; p = next_p) {
        next_p = p->hh.next;
        pb_session_finish(&link->io.session, p->held, PBAY_OK, ""); /* the session is closed: nothing is settled */
        free(p);
    }
    for (; s; s = next_s) {
        next_s = s->hh.next;
        free(s);
    }
    free(link->kept);
    link->kept = NULL;
}
