/* A message for the agent is a row until the agent has settled it. It may come twice, to this process's agent or the
 * next one's: always under the same id and in the same dialogue. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/vcx/vcx_proc.h"

#define FIRST_PAUSE 1000  /* milliseconds, after one that was not settled */
#define SENDER      "vcx" /* of what is for the agent itself, which has no public id */
#define MOST_PAUSE  10000 /* that, doubled with each, up to this */

/* ---- rows ---- */

void vcx_event_add(struct vcx_proc *s, struct pbay_message *m, bool ephemeral)
{
    char starter[VCX_REFERENCE + 1];
    uint8_t id[PBAY_ID_SIZE];
    struct pbay_str bytes, connection = pbay_message_str(m, "connection_id");
    enum pbay_err err;

    randombytes_buf(id, sizeof id);
    sodium_bin2hex(starter, sizeof starter, id, sizeof id);
    m->starter = (struct pbay_str){starter, VCX_REFERENCE};
    m->encoding = s->config.encoding;
    err = pbay_message_encode(m, &bytes);
    assert(!err); /* all of it is UTF-8 */
    s->event_n += vcx_db_do(
        s->db, "INSERT INTO event (connection, id, kind, message, ephemeral) VALUES (?1,?2,?3,?4,?5)", "tbsbi",
        connection, (struct pbay_str){(char *)id, sizeof id}, m->performative, bytes, (int64_t)ephemeral);
    pbay_message_fini(m);
    pbay_link_wake(s->link);
}

void vcx_event_forget(struct vcx_proc *s, const char *id)
{
    s->event_n -= vcx_db_do(s->db, "DELETE FROM event WHERE connection = ?1 AND ephemeral = 1", "s", id);
}

static void forget_row(struct vcx_proc *s, uint64_t seq)
{
    s->event_n -= vcx_db_do(s->db, "DELETE FROM event WHERE seq = ?1", "i", (int64_t)seq);
}

/* ---- what the runtime has ---- */

static struct vcx_given *find(struct vcx_proc *s, uint64_t seq)
{
    struct vcx_given *g = s->events;

    while (g < s->events + VCX_MAX_GIVEN && g->seq != seq)
        g++;
    return g < s->events + VCX_MAX_GIVEN ? g : NULL;
}

/* What has ended meanwhile is forgotten now; what the runtime still has is not given twice. */
void vcx_event_load(struct vcx_proc *s)
{
    s->event_at = 0;
    for (struct vcx_given *g = s->events; g < s->events + VCX_MAX_GIVEN; g++) {
        if (!g->settled)
            continue;
        forget_row(s, g->seq);
        *g = (struct vcx_given){.seq = 0};
    }
}

int64_t vcx_event_due(const struct vcx_proc *s)
{
    return s->event_pause > vcx_wall() ? s->event_pause : VCX_NEVER;
}

static void make_envelope(struct vcx_proc *s, struct vcx_stmt *row, struct pbay_envelope *e)
{
    struct pbay_str id = vcx_db_text(row, 1), kind, message;

    assert(id.n == sizeof s->event_id);
    memcpy(s->event_id, id.p, id.n);
    kind = vcx_db_text(row, 2);
    (void)snprintf(s->event_kind, sizeof s->event_kind, "%.*s", (int)kind.n, kind.p);
    message = vcx_db_text(row, 3);
    pb_buf_fini(&s->event);
    pb_buf_add(&s->event, message.p, message.n);
    e->to = pbay_str(s->config.to ? s->config.to : pbay_link_agent(s->link));
    e->sender = pbay_str(s->config.to ? pbay_link_public_id(s->link) : SENDER);
    e->protocol_id = pbay_str(PBAY_VCX_CONNECTION_ID);
    e->operation = pbay_str(s->event_kind);
    e->message = (struct pbay_str){(const char *)s->event.p, s->event.n};
    e->has_id = true;
    memcpy(e->id, s->event_id, sizeof e->id);
}

/* The first one from seq on. 0 = there is none. */
static uint64_t read_from(struct vcx_proc *s, uint64_t seq, struct pbay_envelope *e)
{
    struct vcx_stmt *row = vcx_db_run(
        s->db, "SELECT seq, id, kind, message FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1", "i", (int64_t)seq);
    uint64_t found = 0;

    if (vcx_db_row(row)) {
        found = (uint64_t)vcx_db_int(row, 0);
        make_envelope(s, row, e);
    }
    vcx_db_end(&row);
    return found;
}

bool vcx_event_give(struct vcx_proc *s, struct pbay_envelope *e, uint64_t *tag)
{
    struct vcx_given *room = vcx_wall() >= s->event_pause ? find(s, 0) : NULL;
    uint64_t seq;

    while (room && (seq = read_from(s, s->event_at + 1, e))) {
        s->event_at = seq;
        if (find(s, seq))
            continue; /* the runtime has it */
        room->seq = *tag = seq;
        return true;
    }
    *e = (struct pbay_envelope){.has_id = false};
    return false;
}

/* ---- how it ended ---- */

static void settle(struct vcx_proc *s, struct vcx_given *g)
{
    s->event_failures = 0;
    if (!s->core || s->broken[0]) {
        g->settled = true; /* for vcx_event_load */
        return;
    }
    vcx_begin(s);
    forget_row(s, g->seq);
    *g = (struct vcx_given){.seq = 0};
    (void)vcx_commit(s, false);
}

/* All that follow wait with it, so that they keep their order. */
static void keep(struct vcx_proc *s, struct vcx_given *g)
{
    int64_t pause = FIRST_PAUSE;

    for (unsigned i = 0; i < s->event_failures && pause < MOST_PAUSE; i++)
        pause *= 2;
    s->event_failures++;
    s->event_pause = vcx_wall() + (pause < MOST_PAUSE ? pause : MOST_PAUSE);
    if (g->seq <= s->event_at)
        s->event_at = g->seq - 1;
    *g = (struct vcx_given){.seq = 0};
}

void vcx_event_outcome(struct vcx_proc *s, uint64_t seq, enum pbay_err err)
{
    struct vcx_given *g = seq ? find(s, seq) : NULL;

    if (!g || g->settled)
        return;
    if (err == PBAY_TOO_BIG)
        pbay_link_log(s->link, "a message for the agent is longer than patchbay.max_envelope: it is dropped");
    if (!err || err == PBAY_TOO_BIG)
        settle(s, g);
    else
        keep(s, g);
    pbay_link_wake(s->link);
}
