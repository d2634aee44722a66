/* What waits is picked up: messagepickup 2.0 (RFC 0685) and 1.0 (RFC 0212). With the former a message is removed when
 * the client says that it has it; the latter has no word for that, so there it is removed when it is given out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/agency/agency_int.h"

#define NEW "messagepickup/2.0/"
#define OLD "messagepickup/1.0/"

/* Bytes of a message with attachments: packed, it is a third longer, and must fit into an envelope. */
#define MAX_TEXT       ((size_t)VCX_MAX_ENVELOPE / 4 * 3 - 4096)
#define MAX_ATTACHMENT 128 /* bytes of one beside its content */
#define ID_DIGITS      20  /* of a message's id: peers want at least 8 characters */
#define BASE64(n)      (((size_t)(n) + 2) / 3 * 4)

_Static_assert(BASE64(AGENCY_MAX_ENVELOPE) + MAX_ATTACHMENT < MAX_TEXT, "the largest envelope can be delivered");

static int64_t seconds_since(int64_t then, int64_t now)
{
    return then && now > then ? (now - then) / 1000 : 0;
}

static void set_key(json_t *message, const uint8_t *key)
{
    char text[VCX_MAX_DID_KEY];

    if (!key)
        return;
    vcx_did_key_text(VCX_ED25519, key, text);
    json_object_set_new(message, "recipient_key", json_string(text));
}

/* ---- 2.0 ---- */

static json_t *status(struct agency *a, const char *client, const char *thid, const uint8_t *key, int64_t now)
{
    struct agency_waiting w;
    json_t *message;

    store_waiting(a->conf.db, client, key, &w);
    message = agency_message(a, NEW "status", thid,
                             json_pack("{s:I, s:I, s:b}", "message_count", (json_int_t)w.messages, "total_bytes",
                                       (json_int_t)w.bytes, "live_delivery", false));
    set_key(message, key);
    if (w.messages) {
        json_object_set_new(message, "longest_waited_seconds", json_integer(seconds_since(w.oldest, now)));
        json_object_set_new(message, "oldest_received_time", agency_time(w.oldest));
        json_object_set_new(message, "newest_received_time", agency_time(w.newest));
    }
    return message;
}

/* Attachments, as many as were asked for and as there is room. */
struct gathering {
    json_t *list;
    int64_t limit;
    size_t room;
    bool old;
    int64_t numbers[AGENCY_MAX_DELIVERY];
};

static json_t *attach(const char *id, struct pbay_str envelope)
{
    struct pb_buf text = {0};
    json_t *one;

    vcx_b64_encode(&text, envelope.p, envelope.n, true);
    one = json_pack("{s:s, s:{s:s%}}", "@id", id, "data", "base64", text.p, text.n);
    pb_buf_fini(&text);
    return one;
}

/* Both names of the id: one for the RFC, one for a library that is about. */
static json_t *attach_old(const char *id, struct pbay_str envelope)
{
    json_t *message = json_loadb(envelope.p, envelope.n, 0, NULL);

    return message ? json_pack("{s:s, s:s, s:o}", "@id", id, "id", id, "message", message) : NULL;
}

static bool gather(void *self, const struct agency_queued *q)
{
    struct gathering *g = self;
    size_t n = json_array_size(g->list);
    size_t cost = MAX_ATTACHMENT + (g->old ? q->envelope.n : BASE64(q->envelope.n));
    char id[24];

    if ((int64_t)n >= g->limit || cost > g->room)
        return false;
    snprintf(id, sizeof id, "%0*" PRId64, ID_DIGITS, q->number);
    if (json_array_append_new(g->list, g->old ? attach_old(id, q->envelope) : attach(id, q->envelope)))
        return true; /* what is in the queue was JSON */
    g->numbers[n] = q->number;
    g->room -= cost;
    return true;
}

static void gather_all(struct agency *a, const char *client, const uint8_t *key, struct gathering *g)
{
    g->list = json_array();
    g->room = MAX_TEXT;
    if (g->limit > AGENCY_MAX_DELIVERY)
        g->limit = AGENCY_MAX_DELIVERY;
    store_each(a->conf.db, client, key, gather, g);
}

static json_t *delivery(struct agency *a, const char *client, const char *thid, const uint8_t *key, int64_t limit,
                        int64_t now)
{
    struct gathering g = {.limit = limit};
    json_t *message;

    gather_all(a, client, key, &g);
    if (!json_array_size(g.list)) {
        json_decref(g.list);
        return status(a, client, thid, key, now);
    }
    message = agency_message(a, NEW "delivery", thid, json_pack("{s:o}", "~attach", g.list));
    set_key(message, key);
    return message;
}

json_t *agency_wait_answer(struct agency *a, const struct agency_wait *w, int64_t now)
{
    const uint8_t *key = w->has_key ? w->key : NULL;

    return w->deliver ? delivery(a, w->client, w->thid, key, w->limit, now) : status(a, w->client, w->thid, key, now);
}

/* Our own extension: how long the client wants to wait for something. */
static int64_t wait_of(const struct agency_talk *t)
{
    const json_t *wait = json_object_get(t->message, "wait_ms");
    int64_t most = t->a->conf.limits.poll, ms = json_is_integer(wait) ? json_integer_value(wait) : 0;

    return !t->routed || ms < 0 ? 0 : ms > most ? most : ms;
}

/* Answer, or hold the request until there is something. */
static void answer_or_wait(struct agency_talk *t, bool deliver, int64_t limit)
{
    struct agency_wait w = {.tag = t->tag, .deliver = deliver, .limit = limit};
    struct agency_waiting waiting;
    int64_t ms = wait_of(t);

    if (!agency_read_key(t->message, "recipient_key", w.key, &w.has_key)) {
        agency_problem(t, "invalid-recipient-key", "recipient_key is no key");
        return;
    }
    memcpy(w.client, t->client->id, sizeof w.client);
    snprintf(w.thid, sizeof w.thid, "%s", t->thid);
    w.deadline = t->now + ms;
    store_waiting(t->a->conf.db, w.client, w.has_key ? w.key : NULL, &waiting);
    if (!ms || waiting.messages) {
        t->answer = agency_wait_answer(t->a, &w, t->now);
        return;
    }
    t->wait = pb_alloc(sizeof w);
    *t->wait = w;
}

void agency_on_status(struct agency_talk *t)
{
    answer_or_wait(t, false, 0);
}

void agency_on_delivery(struct agency_talk *t)
{
    const json_t *limit = json_object_get(t->message, "limit");

    if (!json_is_integer(limit) || json_integer_value(limit) < 1)
        agency_problem(t, "invalid-limit", "limit is no number from 1 on");
    else
        answer_or_wait(t, true, json_integer_value(limit));
}

/* An id is the number of a message; what is none is nobody's. */
static bool read_number(const json_t *id, int64_t *number)
{
    const char *text = json_string_value(id);
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    *number = strtoll(text, &end, 10);
    return !*end;
}

void agency_on_received(struct agency_talk *t)
{
    const json_t *list = json_object_get(t->message, "message_id_list"), *id;
    int64_t number;
    size_t i;

    if (!json_is_array(list)) {
        agency_problem(t, "invalid-message-id-list", "message_id_list is no list");
        return;
    }
    json_array_foreach(list, i, id)
    {
        if (read_number(id, &number))
            store_remove(t->a->conf.db, t->client->id, number);
    }
    t->answer = status(t->a, t->client->id, t->thid, NULL, t->now);
}

/* RFC 0685: there is no live mode over HTTP. */
void agency_on_live(struct agency_talk *t)
{
    if (!json_is_true(json_object_get(t->message, "live_delivery"))) {
        t->answer = status(t->a, t->client->id, t->thid, NULL, t->now);
        return;
    }
    t->answer = agency_message(t->a, "notification/1.0/problem-report", t->thid,
                               json_pack("{s:{s:s, s:s}}", "description", "code", "e.m.live-mode-not-supported", "en",
                                         "Connection does not support Live Delivery"));
}

/* ---- 1.0 ---- */

void agency_on_old_status(struct agency_talk *t)
{
    struct agency_waiting w;

    store_waiting(t->a->conf.db, t->client->id, NULL, &w);
    t->answer =
        agency_message(t->a, OLD "status", t->thid,
                       json_pack("{s:I, s:I, s:I}", "message_count", (json_int_t)w.messages, "duration_waited",
                                 (json_int_t)seconds_since(w.oldest, t->now), "total_size", (json_int_t)w.bytes));
    if (w.messages)
        json_object_set_new(t->answer, "last_added_time", agency_time(w.newest));
}

void agency_on_batch(struct agency_talk *t)
{
    const json_t *size = json_object_get(t->message, "batch_size");
    struct gathering g = {.old = true, .limit = json_is_integer(size) ? json_integer_value(size) : 0};

    if (g.limit < 1) {
        agency_problem(t, "invalid-batch-size", "batch_size is no number from 1 on");
        return;
    }
    if (t->silent)
        return;
    gather_all(t->a, t->client->id, NULL, &g);
    for (size_t i = 0; i < json_array_size(g.list); i++)
        store_remove(t->a->conf.db, t->client->id, g.numbers[i]);
    t->answer = agency_message(t->a, OLD "batch", t->thid, json_pack("{s:o}", "messages~attach", g.list));
}

/* It only opens a way back for what there is to say: nothing. */
void agency_on_noop(struct agency_talk *t)
{
    (void)t;
}
