/* What comes back to an agent: leased envelopes, ends, and ends as envelopes of the default protocol. */
#include "node/agent_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <utlist.h>

#include "schema/utf8.h"

#define ERROR_PROTOCOL "fetchai/default:1.0.0"

/* The default protocol's error codes. */
enum { UNSUPPORTED_PROTOCOL = 0, DECODING_ERROR = 1, INVALID_DIALOGUE = 4 };

/* ---- ends as envelopes ---- */

static struct pbay_str keep_str(char **to, struct pbay_str v)
{
    struct pbay_str kept = {*to, v.n};

    if (v.n)
        memcpy(*to, v.p, v.n);
    *to += v.n;
    return kept;
}

void agent_note_sent(struct agent *a, const struct pbay_envelope *e, uint64_t tag)
{
    struct agent_sent *s;
    char *to;

    if (!a->error_envelopes)
        return;
    s = pb_alloc(sizeof *s + e->to.n + e->sender.n + e->protocol_id.n);
    to = s->bytes;
    s->tag = tag;
    s->to = keep_str(&to, e->to);
    s->sender = keep_str(&to, e->sender);
    s->protocol = keep_str(&to, e->protocol_id);
    HASH_ADD(hh, a->sent, tag, sizeof s->tag, s);
}

/* In AEA's own layout: whoever handles its default protocol can read it. */
static void pack_error(struct pbay_message *m, const struct agent *a, const struct agent_sent *s,
                       const struct pb_outcome *o, struct pbay_str *bytes)
{
    struct pbay_str text = pbay_str(o->text); /* may be NULL */
    enum pbay_err err = pbay_message_init(m, a->protocols, pbay_str(ERROR_PROTOCOL), "error");
    char tag[24];

    assert(!err);
    snprintf(tag, sizeof tag, "%" PRIu64, o->tag);
    if (!text.n || !pb_is_utf8(text)) /* a writer may have cut it */
        text = pbay_str(pbay_err_text(o->err));
    pbay_message_set_int(m, "error_code",
                         o->err == PBAY_REFUSED     ? UNSUPPORTED_PROTOCOL
                         : o->err == PBAY_MALFORMED ? DECODING_ERROR
                                                    : INVALID_DIALOGUE);
    pbay_message_set_str(m, "error_msg", text);
    pbay_message_set_item(m, "error_data", pbay_str("code"), pbay_str(pbay_err_name(o->err)));
    pbay_message_set_item(m, "error_data", pbay_str("cause"), pbay_str(pbay_err_name(o->cause)));
    pbay_message_set_item(m, "error_data", pbay_str("tag"), pbay_str(tag));
    pbay_message_set_item(m, "error_data", pbay_str("to"), s->to);
    pbay_message_set_item(m, "error_data", pbay_str("protocol"), s->protocol);
    err = pbay_message_encode(m, bytes);
    assert(!err);
}

static void drop_local(struct agent *a, struct agent_local *local)
{
    DL_DELETE(a->locals, local);
    a->n_locals--;
    free(local);
}

/* From whom could not be reached to whom wrote: so that it reads as the answer. */
static void make_error(struct agent *a, const struct agent_sent *s, const struct pb_outcome *o)
{
    const struct pbay_str none = pbay_str("");
    struct pbay_message m = {0};
    struct agent_local *local;
    struct pbay_str bytes;
    char *to;

    pack_error(&m, a, s, o, &bytes);
    local = pb_alloc(sizeof *local + bytes.n + s->to.n + s->sender.n);
    to = local->bytes;
    local->e = (struct pbay_envelope){.protocol_id = pbay_str(ERROR_PROTOCOL),
                                      .uri = none,
                                      .connection_id = none,
                                      .instance = none,
                                      .origin = {.name = none, .instance = none},
                                      .operation = none,
                                      .traceparent = none};
    local->e.message = keep_str(&to, bytes);
    local->e.sender = keep_str(&to, s->to);
    local->e.to = keep_str(&to, s->sender);
    pbay_message_fini(&m);
    if (a->n_locals >= a->max_envelopes)
        drop_local(a, a->locals);
    DL_APPEND(a->locals, local);
    a->n_locals++;
}

/* ---- ends ---- */

static void see_end(struct agent *a, const struct pb_outcome *o)
{
    struct agent_sent *s = NULL;

    HASH_FIND(hh, a->sent, &o->tag, sizeof o->tag, s);
    if (!s)
        return;
    if (o->err)
        make_error(a, s, o);
    HASH_DELETE(hh, a->sent, s);
    free(s);
}

void agent_take_ends(struct agent *a)
{
    struct pb_outcomes *q = &a->io.session.outcomes;

    for (; a->error_envelopes && a->n_seen < q->n; a->n_seen++)
        see_end(a, pb_outcomes_at(q, (uint32_t)a->n_seen));
    /* Nobody asks: the oldest good news is missed least. Twice the OutBox: all of it may end while a put waits for
     * room, by somebody who asks after each put. */
    while (q->n > 2 * a->max_envelopes) {
        pb_outcomes_drop(q);
        a->n_seen -= a->n_seen > 0;
    }
}

bool agent_next_end(struct agent *a, struct pbay_outcome *o)
{
    struct pb_outcome end;

    if (!pb_session_outcome(&a->io.session, &end))
        return false;
    a->n_seen -= a->n_seen > 0;
    o->tag = end.tag;
    o->err = end.err;
    o->cause = end.cause;
    o->text[0] = 0;
    if (end.text)
        snprintf(o->text, sizeof o->text, "%s", end.text);
    free(end.text);
    return true;
}

/* ---- leases ---- */

struct agent_lease *agent_lease_next(struct agent *a, int64_t now)
{
    struct agent_local *local = a->locals;
    struct pb_held *held = local ? NULL : pb_session_next(&a->io.session, now);
    struct agent_lease *lease;

    if (!local && !held)
        return NULL;
    if (local) {
        DL_DELETE(a->locals, local);
        a->n_locals--;
    }
    lease = pb_alloc(sizeof *lease);
    lease->id = ++a->next_lease;
    lease->held = held;
    lease->local = local;
    HASH_ADD(hh, a->leases, id, sizeof lease->id, lease);
    return lease;
}

const struct pbay_envelope *agent_lease_envelope(const struct agent_lease *lease)
{
    return lease->held ? &lease->held->e : &lease->local->e;
}

static void free_lease(struct agent *a, struct agent_lease *lease, enum pbay_err err, const char *text)
{
    if (lease->held)
        pb_session_finish(&a->io.session, lease->held, err, text);
    free(lease->local);
    free(lease);
}

bool agent_lease_finish(struct agent *a, uint64_t id, enum pbay_err err, const char *text)
{
    struct agent_lease *lease;

    HASH_FIND(hh, a->leases, &id, sizeof id, lease);
    if (!lease)
        return false;
    if (a->auto_lease == id)
        a->auto_lease = 0;
    HASH_DELETE(hh, a->leases, lease);
    free_lease(a, lease, err, text);
    return true;
}

/* ---- the descriptor ---- */

static bool is_readable(const struct agent *a)
{
    const struct pb_session *s = &a->io.session;

    if (a->locals || s->outcomes.n || s->fatal)
        return true;
    return s->ready && s->state == PB_LINKED && !s->wants_close && !s->draining && pb_session_ready(s) &&
           pb_now() - s->lease < (int64_t)s->timeout_ms;
}

void agent_set_fd(struct agent *a)
{
    bool readable = is_readable(a);
    eventfd_t count;

    if (readable == a->fd_set)
        return;
    a->fd_set = readable;
    if (readable)
        eventfd_write(a->fd, 1);
    else
        eventfd_read(a->fd, &count);
}

void agent_in_fini(struct agent *a)
{
    struct agent_lease *lease = a->leases, *next_lease;
    struct agent_sent *sent = a->sent, *next_sent;

    HASH_CLEAR(hh, a->leases);
    HASH_CLEAR(hh, a->sent);
    for (; lease; lease = next_lease) {
        next_lease = lease->hh.next;
        free_lease(a, lease, PBAY_OK, ""); /* the session is closed: nothing is settled */
    }
    for (; sent; sent = next_sent) {
        next_sent = sent->hh.next;
        free(sent);
    }
    while (a->locals)
        drop_local(a, a->locals);
}
