#include "connections/agency/agency_int.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/vcx/vcx_store.h"

#define BROKEN "the agency cannot store anything"
#define HOUR   INT64_C(3600000)
#define DAY    (24 * HOUR)

/* What is answered with which status; 202 = it was taken. */
enum { OK = 200, TAKEN = 202, BAD = 400, UNKNOWN = 404, TOO_BIG = 413, UNAVAILABLE = 503, FULL = 507 };

/* Whose envelopes may go back with which reply. */
struct turn {
    void *tag;
    bool routed;
    bool waits;
    struct pb_buf envelope; /* the reply's */
    const struct vcx_opened *opened;
    int64_t now;
};

/* ---- what comes out ---- */

static struct agency_out *add_out(struct agency *a, enum agency_out_kind kind)
{
    struct agency_out *out = pb_alloc(sizeof *out);

    out->kind = kind;
    DL_APPEND(a->outs, out);
    return out;
}

static void reply(struct agency *a, void *tag, unsigned status, const char *why)
{
    struct agency_out *out = add_out(a, AGENCY_REPLY);

    out->tag = tag;
    out->status = status;
    snprintf(out->why, sizeof out->why, "%s", why);
}

/* The envelope is taken. */
static void reply_envelope(struct agency *a, void *tag, struct pb_buf *envelope)
{
    struct agency_out *out = add_out(a, AGENCY_REPLY);

    out->tag = tag;
    out->status = envelope->n ? OK : TAKEN;
    out->envelope = *envelope;
    *envelope = (struct pb_buf){0};
}

void agency_note(struct agency *a, int64_t now, const char *format, ...)
{
    struct agency_out *out;
    va_list args;

    if (now < a->note_at)
        return;
    a->note_at = now + 1000;
    out = add_out(a, AGENCY_LOG);
    va_start(args, format);
    vsnprintf(out->why, sizeof out->why, format, args);
    va_end(args);
}

struct agency_out *agency_take(struct agency *a)
{
    struct agency_out *out = a->outs;

    if (out)
        DL_DELETE(a->outs, out);
    return out;
}

void agency_out_destroy(struct agency_out **out)
{
    if (!*out)
        return;
    pb_buf_fini(&(*out)->envelope);
    free(*out);
    *out = NULL;
}

const char *agency_failure(const struct agency *a)
{
    return a->failure[0] ? a->failure : NULL;
}

/* ---- turns ---- */

static void begin(struct agency *a)
{
    vcx_db_begin(a->conf.db);
}

static void drop_wait(struct agency *a, struct agency_wait *w)
{
    DL_DELETE(a->waits, w);
    free(w);
}

/* What was decided has not happened; nobody may be told that it has. */
static void fail(struct agency *a)
{
    struct agency_out *out, *next;
    struct agency_wait *w, *next_wait;

    DL_FOREACH_SAFE (a->outs, out, next) {
        pb_buf_fini(&out->envelope);
        out->status = UNAVAILABLE;
        snprintf(out->why, sizeof out->why, BROKEN);
        if (out->kind == AGENCY_REPLY)
            continue;
        DL_DELETE(a->outs, out);
        free(out);
    }
    DL_FOREACH_SAFE (a->waits, w, next_wait) {
        reply(a, w->tag, UNAVAILABLE, BROKEN);
        drop_wait(a, w);
    }
}

/* A key is forgotten when nothing that is stored needs it any more. */
static void drop_keys(struct agency *a)
{
    for (size_t at = 0; at < a->dropped.n; at += VCX_KEY)
        a->conf.drop_key(a->conf.self, a->dropped.p + at);
    pb_buf_fini(&a->dropped);
}

void agency_commit(struct agency *a)
{
    vcx_store_save(a->conf.db, a->core);
    if (vcx_db_commit(a->conf.db, a->failure)) {
        a->failure[0] = 0;
        drop_keys(a);
    } else {
        fail(a);
    }
}

/* ---- clients ---- */

bool agency_is_inviter(const struct agency *a, const char *id)
{
    const struct vcx_conn *c = vcx_core_find(a->core, id);

    return c && c->multi_use;
}

static struct agency_wait *find_wait(const struct agency *a, const char *client)
{
    struct agency_wait *w;

    DL_FOREACH (a->waits, w) {
        if (strcmp(w->client, client) == 0)
            return w;
    }
    return NULL;
}

static void forget(struct agency *a, const char *id)
{
    const struct vcx_conn *c = vcx_core_find(a->core, id);
    struct agency_wait *w = find_wait(a, id);
    char why[VCX_WHY];

    if (w) {
        reply(a, w->tag, TAKEN, "");
        drop_wait(a, w);
    }
    if (c) {
        pb_buf_add(&a->dropped, c->own, VCX_KEY);
        (void)vcx_core_release(a->core, id, why);
    }
    vcx_store_forget(a->conf.db, id);
}

/* ---- actions of the core ---- */

static void on_send(struct agency *a, struct turn *t, struct vcx_action *action)
{
    struct agency_out *out;

    if (t->routed && !t->envelope.n) {
        t->envelope = action->envelope;
        action->envelope = (struct pb_buf){0};
    } else if (strncmp(action->endpoint, "http", 4) == 0) {
        out = add_out(a, AGENCY_POST);
        memcpy(out->endpoint, action->endpoint, sizeof out->endpoint);
        out->envelope = action->envelope;
        action->envelope = (struct pb_buf){0};
    }
}

static void on_state(struct agency *a, struct turn *t, struct vcx_action *action)
{
    if (agency_is_inviter(a, action->id))
        return;
    if (action->from == VCX_NONE && action->to == VCX_REQUESTED)
        store_add_client(a->conf.db, action->id, t->now);
    else if (action->to != VCX_REQUESTED && action->to != VCX_ACCEPTED)
        forget(a, action->id);
}

/* What a client is told, on its connection. */
static void say(struct agency *a, const char *client, json_t *message, int64_t now)
{
    struct pb_buf text = {0};
    char why[VCX_WHY];

    if (message && vcx_json_write(&text, message))
        (void)vcx_core_send(a->core, client, (struct pbay_str){(char *)text.p, text.n}, NULL, now, NULL, why);
    pb_buf_fini(&text);
    json_decref(message);
}

static void end_wait(struct agency *a, struct agency_wait *w, int64_t now);

/* A client waits once. */
static void begin_wait(struct agency *a, struct turn *t, struct agency_wait *wait)
{
    struct agency_wait *other = find_wait(a, wait->client);

    if (other)
        end_wait(a, other, t->now);
    DL_APPEND(a->waits, wait);
    t->waits = true;
}

/* Does the client have an endpoint? */
static bool is_reachable(const struct agency *a, const char *client)
{
    const struct vcx_conn *c = vcx_core_find(a->core, client);

    return c && strncmp(c->theirs.endpoint, "http", 4) == 0;
}

static void on_message(struct agency *a, struct turn *t, struct vcx_action *action)
{
    const json_t *thread = json_object_get(json_object_get(action->message, "~thread"), "thid");
    const char *thid = json_string_value(thread), *id = json_string_value(json_object_get(action->message, "@id"));
    struct agency_client client;
    struct agency_talk talk = {.a = a,
                               .client = &client,
                               .sender = t->opened->sender,
                               .message = action->message,
                               .thid = thid && *thid && strlen(thid) <= VCX_MAX_ID ? thid : id,
                               .tag = t->tag,
                               .routed = t->routed,
                               .silent = !t->routed && !is_reachable(a, action->id),
                               .now = t->now};

    if (!store_client(a->conf.db, action->id, &client))
        return;
    if (t->now - client.seen_at >= HOUR)
        store_see(a->conf.db, client.id, t->now);
    agency_talk(&talk);
    if (talk.answer)
        say(a, client.id, talk.answer, t->now);
    if (talk.wait)
        begin_wait(a, t, talk.wait);
}

static void perform(struct agency *a, struct turn *t)
{
    struct vcx_action action;

    while (vcx_core_take(a->core, &action)) {
        if (action.kind == VCX_SEND)
            on_send(a, t, &action);
        else if (action.kind == VCX_STATE)
            on_state(a, t, &action);
        else if (action.kind == VCX_MESSAGE && t->opened)
            on_message(a, t, &action);
        vcx_action_fini(&action);
    }
}

void agency_perform(struct agency *a, int64_t now)
{
    perform(a, &(struct turn){.now = now});
}

/* ---- waiting ---- */

static void end_wait(struct agency *a, struct agency_wait *w, int64_t now)
{
    struct turn t = {.tag = w->tag, .routed = true, .now = now};

    agency_perform(a, now); /* what is under way is not this one's */
    say(a, w->client, agency_wait_answer(a, w, now), now);
    perform(a, &t);
    reply_envelope(a, w->tag, &t.envelope);
    drop_wait(a, w);
}

void agency_end_waits(struct agency *a, int64_t now)
{
    begin(a);
    while (a->waits)
        end_wait(a, a->waits, now);
    agency_commit(a);
}

static void end_waits_for(struct agency *a, const char *client, const uint8_t key[VCX_KEY], int64_t now)
{
    struct agency_wait *w = find_wait(a, client);

    if (w && (!w->has_key || memcmp(w->key, key, VCX_KEY) == 0))
        end_wait(a, w, now);
}

/* ---- forwards ---- */

/* The four texts of RFC 0019 and no more: so it can be put into any delivery. */
static bool is_envelope(const json_t *message)
{
    static const char *const members[] = {"protected", "iv", "ciphertext", "tag"};
    const json_t *envelope = json_object_get(message, "msg");

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!json_is_string(json_object_get(envelope, members[i])))
            return false;
    }
    return json_object_size(envelope) == sizeof members / sizeof *members;
}

static unsigned queue(struct agency *a, const struct vcx_forward *f, int64_t now, char why[VCX_WHY])
{
    const struct agency_limits *l = &a->conf.limits;
    struct pbay_str envelope = {(char *)f->envelope.p, f->envelope.n};
    struct agency_client client = {.granted = false};
    struct agency_totals totals;
    char id[VCX_UUID];

    if (!store_route(a->conf.db, f->to, id) || !store_client(a->conf.db, id, &client)) {
        (void)vcx_why(why, "the key is nobody's here");
        return UNKNOWN;
    }
    if (envelope.n > l->envelope) {
        (void)vcx_why(why, "the envelope has more than %u bytes", (unsigned)l->envelope);
        return TOO_BIG;
    }
    store_totals(a->conf.db, &totals);
    if (client.messages >= l->messages || (uint64_t)client.bytes + envelope.n > l->bytes ||
        (uint64_t)totals.bytes + envelope.n > l->total_bytes) {
        (void)vcx_why(why, "there is no room for more until what waits is picked up");
        return FULL;
    }
    store_queue(a->conf.db, id, f->to, envelope, now);
    end_waits_for(a, id, f->to, now);
    return TAKEN;
}

static void forward(struct agency *a, void *tag, const json_t *message, int64_t now)
{
    struct vcx_forward f = {.envelope = {0}};
    char why[VCX_WHY] = "";
    unsigned status = BAD;

    if (vcx_forward_read(&f, message, why) && (is_envelope(message) || vcx_why(why, "msg is not an envelope")))
        status = queue(a, &f, now, why);
    reply(a, tag, status, why);
    vcx_forward_fini(&f);
}

/* ---- messages for connections ---- */

static bool is_full(struct agency *a, const struct vcx_opened *opened)
{
    const struct vcx_conn *c = NULL;
    struct agency_totals totals;

    do
        c = vcx_core_next(a->core, c);
    while (c && !(c->multi_use && memcmp(c->own, opened->recipient, VCX_KEY) == 0));
    if (!c)
        return false;
    store_totals(a->conf.db, &totals);
    return totals.clients >= a->conf.limits.clients;
}

/* RFC 0092: does the sender want answers to this message with the reply? */
static bool is_routed(const json_t *message)
{
    const json_t *transport = json_object_get(message, "~transport");
    const char *route = json_string_value(json_object_get(transport, "return_route"));
    const char *thread = json_string_value(json_object_get(transport, "return_route_thread"));
    const char *id = json_string_value(json_object_get(message, "@id"));
    const char *thid = json_string_value(json_object_get(json_object_get(message, "~thread"), "thid"));

    if (!route)
        return false;
    if (strcmp(route, "thread") == 0)
        return thread && ((id && strcmp(thread, id) == 0) || (thid && strcmp(thread, thid) == 0));
    return strcmp(route, "all") == 0;
}

static void talk(struct agency *a, void *tag, const struct vcx_opened *opened, const json_t *message, int64_t now)
{
    struct turn t = {.tag = tag, .routed = is_routed(message), .opened = opened, .now = now};
    char why[VCX_WHY] = "";
    bool good;

    if (is_full(a, opened)) {
        reply(a, tag, FULL, "there is no room for more clients");
        return;
    }
    good = vcx_core_receive_opened(a->core, opened, now, why);
    perform(a, &t);
    if (t.waits)
        return;
    if (good || t.envelope.n)
        reply_envelope(a, tag, &t.envelope);
    else
        reply(a, tag, BAD, why);
}

void agency_receive(struct agency *a, void *tag, struct pbay_str envelope, int64_t now)
{
    struct vcx_opened opened = {.has_sender = false};
    json_t *message = NULL;
    char why[VCX_WHY] = "";

    if (a->failure[0]) {
        reply(a, tag, UNAVAILABLE, BROKEN);
        return;
    }
    begin(a);
    if (vcx_unpack(envelope, &a->conf.keys, &opened, why))
        message = vcx_json_read((struct pbay_str){(char *)opened.message.p, opened.message.n}, "the message", why);
    if (!message)
        reply(a, tag, BAD, why);
    else if (memcmp(opened.recipient, a->key, VCX_KEY) == 0)
        forward(a, tag, message, now);
    else
        talk(a, tag, &opened, message, now);
    json_decref(message);
    vcx_opened_fini(&opened);
    agency_commit(a);
}

/* ---- time ---- */

static void forget_idle(struct agency *a, bool granted, int64_t since)
{
    char id[VCX_UUID];

    for (unsigned i = 0; i < a->conf.limits.clients && store_idle(a->conf.db, granted, since, id); i++)
        forget(a, id);
}

static void sweep(struct agency *a, int64_t now)
{
    const struct agency_limits *l = &a->conf.limits;

    if (now < a->sweep_at)
        return;
    store_expire_queue(a->conf.db, now - HOUR * l->ttl_hours);
    store_expire_links(a->conf.db, now - DAY); /* a day long it is said that they are too old */
    forget_idle(a, false, now - HOUR * l->ungranted_hours);
    forget_idle(a, true, now - DAY * l->idle_days);
    a->sweep_at = now + AGENCY_SWEEP;
}

static int64_t end_late_waits(struct agency *a, int64_t now)
{
    struct agency_wait *w, *next;
    int64_t due = INT64_MAX;

    DL_FOREACH_SAFE (a->waits, w, next) {
        if (w->deadline <= now)
            end_wait(a, w, now);
        else if (w->deadline < due)
            due = w->deadline;
    }
    return due;
}

static int64_t earlier(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

int64_t agency_tick(struct agency *a, int64_t now)
{
    int64_t core_due, wait_due;

    if (a->failure[0])
        return INT64_MAX;
    begin(a);
    core_due = vcx_core_tick(a->core, now);
    agency_perform(a, now);
    wait_due = end_late_waits(a, now);
    sweep(a, now);
    agency_commit(a);
    return earlier(earlier(core_due, wait_due), a->sweep_at);
}
