/* The outbox: rows on their way to peers. Those of one connection to one endpoint go in their order, one at a time; a
 * stranger who was refused has an endpoint of its own, and holds up nobody. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/vcx/vcx_proc.h"

#define BUSY_PAUSE 1000 /* milliseconds, when there is no room for one more request */

/* A row that is under way. */
struct sending {
    struct vcx_job job; /* the first member */
    int64_t seq, expires_at;
    uint32_t attempts; /* this one, too */
    bool ephemeral;
    char connection[VCX_UUID], message_id[VCX_MAX_ID + 1], source_id[VCX_MAX_SOURCE + 1];
};

/* ---- rows ---- */

/* The core says again what it has said when its time comes: what is here still is sent in any case. */
void vcx_send_add(struct vcx_proc *s, const struct vcx_action *a, const char *source_id, bool ephemeral)
{
    int64_t now = vcx_wall();

    if (s->outbox_n >= (int64_t)s->config.max_outbox) {
        pbay_link_log(s->link, "the outbox is full: a message of a handshake, or an answer, is dropped");
        return;
    }
    s->outbox_n += vcx_db_do(s->db,
                             "INSERT INTO outbox (connection, source_id, message_id, endpoint, envelope, attempts,"
                             " next_at, expires_at, ephemeral) SELECT ?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8"
                             " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE connection = ?1 AND endpoint = ?4"
                             " AND message_id = ?3)",
                             "ssssbiii", a->id, source_id, a->message_id, a->endpoint,
                             (struct pbay_str){(const char *)a->envelope.p, a->envelope.n}, now,
                             now + (int64_t)s->config.message_ttl * 1000, (int64_t)ephemeral);
    s->outbox_due = 0;
    pbay_link_wake(s->link);
}

bool vcx_send_has_room(struct vcx_proc *s, const char *id)
{
    int64_t n = vcx_db_ask(s->db, 0, "SELECT count(*) FROM outbox WHERE connection = ?1", "s", id);

    return n < (int64_t)s->config.max_outbox_per_connection && s->outbox_n < (int64_t)s->config.max_outbox;
}

void vcx_send_forget(struct vcx_proc *s, const char *id)
{
    s->outbox_n -= vcx_db_do(s->db, "DELETE FROM outbox WHERE connection = ?1", "s", id);
}

/* ---- how an attempt has ended ---- */

static void tell_undelivered(struct vcx_proc *s, const struct sending *o, const char *why, unsigned status)
{
    struct pbay_message m = {0};
    char reason[VCX_WHY];

    if (status)
        (void)vcx_why(reason, "after %u attempts: HTTP status %u", o->attempts, status);
    else
        (void)vcx_why(reason, "after %u attempts: %s", o->attempts, why);
    (void)pbay_vcx_connection_undelivered_init(&m, s->protocols, pbay_str(o->connection), pbay_str(o->source_id),
                                               pbay_str(o->message_id), pbay_str(reason));
    vcx_event_add(s, &m, o->ephemeral);
}

/* A peer that cannot be reached answers in its reply (RFC 0092). What it says there is received as any other. */
static void take_reply(struct vcx_proc *s, const struct vcx_post_reply *r)
{
    char why[VCX_WHY];

    if (r->result == VCX_POST_OK && r->body.n && vcx_inbound_is_envelope(r->type))
        (void)vcx_core_receive(s->core, r->body, vcx_wall(), why);
}

static void end_attempt(struct vcx_proc *s, const struct sending *o, const struct vcx_post_reply *r)
{
    const struct vcx_config *c = &s->config;
    const struct vcx_outbox_limits limits = {c->retry_first, c->retry_most, c->max_attempts};
    int64_t now = vcx_wall(), changed;
    enum vcx_outbox_next next = vcx_outbox_next(&limits, r->result, o->attempts, o->expires_at, now);

    vcx_begin(s);
    if (next == VCX_OUTBOX_LATER) {
        (void)vcx_db_do(s->db, "UPDATE outbox SET attempts = ?2, next_at = ?3 WHERE seq = ?1", "iii", o->seq,
                        (int64_t)o->attempts, now + vcx_outbox_pause(&limits, o->attempts, randombytes_random()));
    } else {
        changed = vcx_db_do(s->db, "DELETE FROM outbox WHERE seq = ?1", "i", o->seq);
        s->outbox_n -= changed;
        if (next == VCX_OUTBOX_GIVEN_UP && changed)
            tell_undelivered(s, o, r->why, r->status);
    }
    take_reply(s, r);
    (void)vcx_commit(s, false);
    s->outbox_due = 0;
}

static void on_sent(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *reply)
{
    struct sending *o = (struct sending *)(void *)job;

    end_attempt(s, o, reply);
    free(o);
}

void vcx_send_clear(struct vcx_proc *s)
{
    struct vcx_job *job, *next;

    DL_FOREACH_SAFE (s->jobs, job, next) {
        if (job->done != on_sent)
            continue;
        vcx_job_remove(s, job);
        free(job);
    }
}

/* ---- on its way ---- */

static bool is_under_way(const struct vcx_proc *s, int64_t seq)
{
    const struct vcx_job *job;

    DL_FOREACH (s->jobs, job) {
        if (job->done == on_sent && ((const struct sending *)(const void *)job)->seq == seq)
            return true;
    }
    return false;
}

static void copy(char *to, size_t room, struct pbay_str from)
{
    size_t n = from.n < room ? from.n : room - 1;

    memcpy(to, from.p, n);
}

enum { SEQ, CONNECTION, SOURCE_ID, MESSAGE_ID, ATTEMPTS, NEXT_AT, EXPIRES_AT, EPHEMERAL, ENDPOINT, ENVELOPE };

static struct sending *sending_new(struct vcx_proc *s, struct vcx_stmt *row)
{
    struct sending *o = pb_alloc(sizeof *o);

    o->job = (struct vcx_job){.tag = ++s->last_job, .done = on_sent};
    o->seq = vcx_db_int(row, SEQ);
    o->expires_at = vcx_db_int(row, EXPIRES_AT);
    o->attempts = (uint32_t)vcx_db_int(row, ATTEMPTS) + 1;
    o->ephemeral = vcx_db_int(row, EPHEMERAL) != 0;
    copy(o->connection, sizeof o->connection, vcx_db_text(row, CONNECTION));
    copy(o->message_id, sizeof o->message_id, vcx_db_text(row, MESSAGE_ID));
    copy(o->source_id, sizeof o->source_id, vcx_db_text(row, SOURCE_ID));
    return o;
}

/* The row's views are valid one at a time. */
static enum vcx_post_result begin(struct vcx_proc *s, struct vcx_stmt *row, uint64_t tag, char *why)
{
    char *endpoint = pb_strndup(vcx_db_text(row, ENDPOINT));
    enum vcx_post_result result = vcx_post_envelope(s->post, tag, pbay_str(endpoint), vcx_db_text(row, ENVELOPE), why);

    free(endpoint);
    return result;
}

/* One that can never be sent: for the caller to end, when no row is being read. */
static struct sending *start(struct vcx_proc *s, struct vcx_stmt *row, char *why)
{
    struct sending *o = sending_new(s, row);

    switch (begin(s, row, o->job.tag, why)) {
    case VCX_POST_OK:
        vcx_job_add(s, &o->job);
        return NULL;
    case VCX_POST_AGAIN:
        s->outbox_due = vcx_wall() + BUSY_PAUSE;
        free(o);
        return NULL;
    default:
        return o;
    }
}

/* The first of each connection and endpoint, if it is due. */
static struct sending *start_due(struct vcx_proc *s, int64_t now, char *why)
{
    struct vcx_stmt *row = vcx_db_run(s->db,
                                      "SELECT seq, connection, source_id, message_id, attempts, next_at, expires_at,"
                                      " ephemeral, endpoint, envelope FROM outbox WHERE seq IN"
                                      " (SELECT min(seq) FROM outbox GROUP BY connection, endpoint)",
                                      "");
    struct sending *never = NULL;

    s->outbox_due = VCX_NEVER;
    while (!never && vcx_db_row(row)) {
        int64_t next_at = vcx_db_int(row, NEXT_AT);

        if (is_under_way(s, vcx_db_int(row, SEQ)))
            continue;
        if (next_at <= now)
            never = start(s, row, why);
        else if (next_at < s->outbox_due)
            s->outbox_due = next_at;
    }
    vcx_db_end(&row);
    return never;
}

void vcx_send_run(struct vcx_proc *s)
{
    struct sending *never;
    int64_t now = vcx_wall();
    char why[VCX_WHY];

    while (now >= s->outbox_due && !s->broken[0]) {
        never = start_due(s, now, why);
        if (!never)
            return;
        end_attempt(s, never, &(struct vcx_post_reply){.result = VCX_POST_NEVER, .why = why});
        free(never);
    }
}
