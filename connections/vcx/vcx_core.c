#include "connections/vcx/vcx_core_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE "didcomm:transport/queue" /* RFC 0092, RFC 0211: the endpoint of those who have none */

struct vcx_core *vcx_core_new(const struct vcx_core_conf *conf)
{
    struct vcx_core *core = pb_alloc(sizeof *core);

    assert(conf->label && conf->endpoint && conf->new_key && conf->routing_n <= VCX_MAX_ROUTING);
    core->conf = *conf;
    return core;
}

void vcx_core_set_address(struct vcx_core *core, const char *endpoint, const uint8_t (*routing)[VCX_KEY],
                          size_t routing_n)
{
    assert(endpoint && routing_n <= VCX_MAX_ROUTING);
    core->conf.endpoint = endpoint;
    core->conf.routing = routing;
    core->conf.routing_n = routing_n;
}

void core_free(struct vcx_conn *conn)
{
    vcx_conn_fini(conn);
    free(conn);
}

void vcx_core_destroy(struct vcx_core **core)
{
    struct vcx_action action;
    struct vcx_conn *conn, *next;

    if (!*core)
        return;
    conn = (*core)->by_id;
    HASH_CLEAR(by_id, (*core)->by_id);
    HASH_CLEAR(by_key, (*core)->by_key);
    for (; conn; conn = next) {
        next = conn->by_id.next;
        core_free(conn);
    }
    while (vcx_core_take(*core, &action))
        vcx_action_fini(&action);
    free(*core);
    *core = NULL;
}

/* ---- the table ---- */

struct vcx_conn *core_find(const struct vcx_core *core, const char *id)
{
    struct vcx_conn *conn;

    HASH_FIND(by_id, core->by_id, id, strlen(id), conn);
    return conn;
}

const struct vcx_conn *vcx_core_find(const struct vcx_core *core, const char *id)
{
    return core_find(core, id);
}

const struct vcx_conn *vcx_core_next(const struct vcx_core *core, const struct vcx_conn *conn)
{
    return conn ? conn->by_id.next : core->by_id;
}

static struct vcx_conn *find_key(const struct vcx_core *core, const uint8_t key[VCX_KEY])
{
    struct vcx_conn *conn;

    HASH_FIND(by_key, core->by_key, key, VCX_KEY, conn);
    return conn;
}

static enum vcx_error check_new(const struct vcx_core *core, const struct vcx_conn *conn, char *why)
{
    if (HASH_CNT(by_id, core->by_id) >= VCX_MAX_CONNECTIONS) {
        vcx_why(why, "there are %d connections, and no room for more", VCX_MAX_CONNECTIONS);
        return VCX_E_NOT_READY;
    }
    if (!core->conf.keys.secret(core->conf.keys.self, conn->own)) {
        vcx_why(why, "the connection's private key is not in the wallet");
        return VCX_E_WALLET;
    }
    if (core_find(core, conn->id) || find_key(core, conn->own)) {
        vcx_why(why, "there is a connection with this id, or with this key");
        return VCX_E_SERIALIZE;
    }
    return VCX_OK;
}

enum vcx_error core_add(struct vcx_core *core, struct vcx_conn **conn, char why[VCX_WHY])
{
    struct vcx_conn *c = *conn;
    enum vcx_error code = check_new(core, c, why);

    *conn = NULL;
    if (code) {
        core_free(c);
        return code;
    }
    HASH_ADD_KEYPTR(by_id, core->by_id, c->id, strlen(c->id), c);
    HASH_ADD_KEYPTR(by_key, core->by_key, c->own, VCX_KEY, c);
    return VCX_OK;
}

enum vcx_error core_make(struct vcx_core *core, const struct vcx_conn *draft, struct vcx_conn **made, char why[VCX_WHY])
{
    struct vcx_conn *conn = pb_alloc(sizeof *conn);
    enum vcx_error code;

    *conn = *draft;
    *made = NULL;
    vcx_uuid(core->conf.random, conn->id);
    if (!core->conf.new_key(core->conf.self, conn->ephemeral, conn->own, why)) {
        core_free(conn);
        return VCX_E_ACCESS;
    }
    vcx_sov_text(conn->own, conn->own_did);
    *made = conn;
    code = core_add(core, &conn, why);
    if (code)
        *made = NULL;
    return code;
}

void core_remove(struct vcx_core *core, struct vcx_conn *conn)
{
    assert(core->by_id && core->by_key); /* it is in both */
    HASH_DELETE(by_id, core->by_id, conn);
    HASH_DELETE(by_key, core->by_key, conn);
    core_free(conn);
}

enum vcx_error vcx_core_load(struct vcx_core *core, const json_t *json, char why[VCX_WHY])
{
    struct vcx_conn *conn = pb_alloc(sizeof *conn);

    if (vcx_conn_load(conn, json, why))
        return core_add(core, &conn, why);
    core_free(conn);
    return VCX_E_SERIALIZE;
}

const struct vcx_conn *vcx_core_dirty(struct vcx_core *core)
{
    for (struct vcx_conn *c = core->by_id; c; c = c->by_id.next) {
        if (c->dirty)
            return c;
    }
    return NULL;
}

void vcx_core_stored(struct vcx_core *core, const char *id)
{
    struct vcx_conn *conn = core_find(core, id);

    if (conn)
        conn->dirty = false;
}

/* ---- actions ---- */

bool core_has_room(const struct vcx_core *core)
{
    return core->action_n + VCX_MAX_TURN <= VCX_MAX_ACTIONS;
}

/* There is room: every turn has asked for it. */
static struct vcx_action *add_action(struct vcx_core *core, const struct vcx_conn *conn, enum vcx_action_kind kind)
{
    struct vcx_action *a = &core->actions[(core->action_at + core->action_n) % VCX_MAX_ACTIONS];

    assert(core->action_n < VCX_MAX_ACTIONS);
    core->action_n++;
    *a = (struct vcx_action){.kind = kind};
    memcpy(a->id, conn->id, sizeof a->id);
    return a;
}

bool vcx_core_take(struct vcx_core *core, struct vcx_action *action)
{
    if (!core->action_n)
        return false;
    *action = core->actions[core->action_at];
    core->action_at = (core->action_at + 1) % VCX_MAX_ACTIONS;
    core->action_n--;
    return true;
}

void vcx_action_fini(struct vcx_action *action)
{
    pb_buf_fini(&action->envelope);
    json_decref(action->message);
    action->message = NULL;
}

void core_tell(struct vcx_core *core, const struct vcx_conn *conn, enum vcx_action_kind kind, json_t *message)
{
    add_action(core, conn, kind)->message = json_incref(message);
}

void core_move(struct vcx_core *core, struct vcx_conn *conn, enum vcx_state to, const char *reason)
{
    struct vcx_action *a = add_action(core, conn, VCX_STATE);

    a->from = conn->state;
    a->to = conn->state = to;
    (void)vcx_why(a->reason, "%s", reason);
    conn->dirty = true;
    if (to == VCX_OFFERED || to == VCX_REQUESTED)
        return;
    conn->expires_at = conn->resend_at = 0;
    if (to != VCX_ACCEPTED || conn->role == VCX_INVITER) { /* an accepted invitee may be asked again */
        json_decref(conn->last);
        conn->last = NULL;
    }
}

/* ---- sending ---- */

struct vcx_address core_address(const struct vcx_core *core, const struct vcx_conn *conn)
{
    if (conn->queued)
        return (struct vcx_address){.key = conn->own, .endpoint = QUEUE};
    return (struct vcx_address){.key = conn->own,
                                .endpoint = core->conf.endpoint,
                                .routing = core->conf.routing,
                                .routing_n = core->conf.routing_n};
}

/* RFC 0092: the answer shall come in the reply to this very request. */
static bool write_queued(struct pb_buf *text, const json_t *message)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)message); /* which leaves the message as it is */
    bool good = copy && json_object_set_new(copy, "~transport", json_pack("{s:s}", "return_route", "all")) == 0 &&
                vcx_json_write(text, copy);

    json_decref(copy);
    return good;
}

static bool pack_for(struct vcx_core *core, const struct vcx_conn *conn, const struct vcx_service *s,
                     const json_t *message, struct pb_buf *envelope, char *why)
{
    struct pb_buf text = {0};
    struct vcx_packing p = {.sender = core->conf.keys.secret(core->conf.keys.self, conn->own),
                            .recipients = s->recipients,
                            .recipient_n = s->recipient_n,
                            .random = core->conf.random};
    bool good;

    if (!p.sender)
        return vcx_why(why, "the connection's private key is not in the wallet");
    if (!message || !(conn->queued ? write_queued(&text, message) : vcx_json_write(&text, message)))
        return vcx_why(why, "the message cannot be written: a text is not UTF-8, or too long");
    p.message = (struct pbay_str){(char *)text.p, text.n};
    good = vcx_pack(envelope, &p, why) &&
           vcx_forward_wrap(envelope, s->recipients[0], s->routing, s->routing_n, core->conf.random, why);
    pb_buf_fini(&text);
    return good;
}

bool core_send_to(struct vcx_core *core, const struct vcx_conn *conn, const struct vcx_service *service,
                  json_t *message, char why[VCX_WHY])
{
    struct pb_buf envelope = {0};
    struct pbay_str id;
    struct vcx_action *a;
    bool good = pack_for(core, conn, service, message, &envelope, why);

    id = good ? vcx_json_str(message, "@id", VCX_MAX_ID, why) : (struct pbay_str){0};
    good = id.p;
    if (good) {
        a = add_action(core, conn, VCX_SEND);
        a->envelope = envelope;
        memcpy(a->endpoint, service->endpoint, sizeof a->endpoint);
        memcpy(a->message_id, id.p, id.n);
    } else {
        pb_buf_fini(&envelope);
    }
    json_decref(message);
    return good;
}

bool core_send(struct vcx_core *core, const struct vcx_conn *conn, json_t *message, char why[VCX_WHY])
{
    return core_send_to(core, conn, &conn->theirs, message, why);
}

bool core_say(struct vcx_core *core, struct vcx_conn *conn, json_t *message, char why[VCX_WHY])
{
    if (!core_send(core, conn, json_incref(message), why)) {
        json_decref(message);
        return false;
    }
    json_decref(conn->last);
    conn->last = message;
    conn->dirty = true;
    return true;
}

/* ---- time ---- */

void core_wait(struct vcx_conn *conn, int64_t now)
{
    conn->resends = 0;
    conn->resend_at = now + VCX_RESEND_MS;
}

static void say_again(struct vcx_core *core, struct vcx_conn *conn, int64_t now)
{
    int64_t pause = VCX_RESEND_MS;
    char why[VCX_WHY];

    for (unsigned i = 0; i <= conn->resends && pause < VCX_MAX_RESEND_MS; i++)
        pause *= 2;
    if (pause < VCX_MAX_RESEND_MS)
        conn->resends++;
    else
        pause = VCX_MAX_RESEND_MS;
    conn->resend_at = now + pause;
    conn->dirty = true;
    (void)core_send(core, conn, json_incref(conn->last), why); /* it could be packed before */
}

void core_expire(struct vcx_core *core, struct vcx_conn *conn, int64_t now)
{
    if (conn->expires_at && now >= conn->expires_at)
        core_move(core, conn, conn->on_expiry, "its time is over");
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b && b < a ? b : a;
}

int64_t vcx_core_tick(struct vcx_core *core, int64_t now)
{
    int64_t next = INT64_MAX;

    for (struct vcx_conn *c = core->by_id; c; c = c->by_id.next) {
        if (core_has_room(core)) {
            core_expire(core, c, now);
            if (c->resend_at && now >= c->resend_at)
                say_again(core, c, now);
        }
        next = sooner(sooner(next, c->expires_at), c->resend_at);
    }
    return next;
}

/* ---- receiving ---- */

bool core_is(struct pbay_str text, const char *expected)
{
    return text.p && pbay_str_eq(text, pbay_str(expected));
}

static struct pbay_str thread_member(const json_t *message, const char *name)
{
    const json_t *text = json_object_get(json_object_get(message, "~thread"), name);

    return (struct pbay_str){json_string_value(text), json_string_length(text)};
}

static bool dispatch(struct core_incoming *in)
{
    static const struct {
        const char *family, *name;
        enum vcx_protocol protocol;
        bool (*handle)(struct core_incoming *, enum vcx_protocol);
    } rows[] = {{"connections", "request", VCX_CONNECTIONS, core_on_request},
                {"didexchange", "request", VCX_DIDEXCHANGE, core_on_request},
                {"connections", "response", VCX_CONNECTIONS, core_on_response},
                {"didexchange", "response", VCX_DIDEXCHANGE, core_on_response}};
    const json_t *type = json_object_get(in->message, "@type");

    in->id = vcx_json_str(in->message, "@id", VCX_MAX_ID, in->why);
    in->thid = thread_member(in->message, "thid");
    in->pthid = thread_member(in->message, "pthid");
    if (!in->id.p)
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (vcx_json_is_type(type, rows[i].family, 1, rows[i].name))
            return rows[i].handle(in, rows[i].protocol);
    }
    return core_on_talk(in);
}

bool vcx_core_receive_opened(struct vcx_core *core, const struct vcx_opened *opened, int64_t now, char why[VCX_WHY])
{
    struct core_incoming in = {.core = core, .sender = opened->sender, .now = now, .why = why};
    bool good;

    if (!core_has_room(core))
        return vcx_why(why, "actions are to be taken first");
    in.conn = find_key(core, opened->recipient);
    if (!in.conn)
        return vcx_why(why, "the message is for a key of no connection");
    if (!opened->has_sender)
        return vcx_why(why, "a message without a sender proves nothing");
    in.message =
        vcx_json_read((struct pbay_str){(const char *)opened->message.p, opened->message.n}, "the message", why);
    if (!in.message)
        return false;
    core_expire(core, in.conn, now);
    good = dispatch(&in);
    json_decref(in.message);
    return good;
}

bool vcx_core_receive(struct vcx_core *core, struct pbay_str envelope, int64_t now, char why[VCX_WHY])
{
    struct vcx_opened opened = {0};
    bool good =
        vcx_unpack(envelope, &core->conf.keys, &opened, why) && vcx_core_receive_opened(core, &opened, now, why);

    vcx_opened_fini(&opened);
    return good;
}
