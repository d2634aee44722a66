#include "node/vcx_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "node/link.h"
#include "schema/protocols/vcx_connection.h"
#include "schema/visibility.h"
#include "schema/yaml_tree.h"

#define DEFAULT_TIMEOUT 30000
#define MAX_DIALOGUES   ((size_t)2 * PBAY_VCX_MAX_CALLS) /* ours, and those of events */
#define FORGOTTEN_MS    600000U                          /* a dialogue that nobody has answered */
#define COUNT(a)        (sizeof(a) / sizeof *(a))

/* ---- words ---- */

PBAY_API const char *pbay_vcx_state_text(int state)
{
    switch (state) {
#define STATE_CASE(name, number, word) \
    case number:                       \
        return word;
        PBAY_VCX_STATES(STATE_CASE)
#undef STATE_CASE
    default:
        return "unknown";
    }
}

PBAY_API const char *pbay_vcx_error_text(uint32_t err)
{
    switch (err) {
    case PBAY_VCX_OK:
        return "Success";
#define ERROR_CASE(name, number, text) \
    case number:                       \
        return text;
        PBAY_VCX_ERRORS(ERROR_CASE)
#undef ERROR_CASE
    default:
        return "Unknown Error";
    }
}

/* ---- life ---- */

static bool open_dialogues(struct pbay_vcx *vcx)
{
    uint64_t seed;
    char why[PBAY_MAX_WHY];
    struct pbay_dialogues_opt opt = {.protocols = vcx->protocols,
                                     .protocol_id = pbay_str(PBAY_VCX_CONNECTION_ID),
                                     .self = pbay_str(vcx->name),
                                     .max = MAX_DIALOGUES,
                                     .max_age_ms = FORGOTTEN_MS};

    if (!pb_random(&seed, sizeof seed))
        return false;
    opt.seed = seed;
    vcx->dialogues = pbay_dialogues_new(&opt, why);
    return vcx->dialogues != NULL;
}

PBAY_API enum pbay_err pbay_vcx_open(struct pbay_vcx **vcx, pbay_t agent, const struct pbay_vcx_options *options)
{
    const struct pbay_vcx_options o = options ? *options : (struct pbay_vcx_options){0};
    const char *name = o.agent ? o.agent : getenv("PATCHBAY_AGENT");
    const char *connection = o.connection ? o.connection : PBAY_VCX_CONNECTION;
    struct pbay_pubid id;
    struct pbay_vcx *v;

    *vcx = NULL;
    if (!name || !*name || o.timeout_ms < 0 || !pbay_pubid_parse(pbay_str(connection), &id))
        return PBAY_INVALID;
    v = pb_alloc(sizeof *v);
    v->agent = agent;
    v->options = o;
    v->options.timeout_ms = o.timeout_ms ? o.timeout_ms : DEFAULT_TIMEOUT;
    v->name = pb_strndup(pbay_str(name));
    v->connection = pb_strndup(pbay_str(connection));
    v->peer = pb_strndup(id.name);
    v->protocols = pbay_protocols_new();
    if (!open_dialogues(v)) {
        pbay_vcx_close(&v);
        return PBAY_INVALID;
    }
    *vcx = v;
    return PBAY_OK;
}

static void free_alias(struct vcx_alias *alias)
{
    free(alias->id);
    free(alias);
}

PBAY_API void pbay_vcx_close(struct pbay_vcx **vcx)
{
    struct pbay_vcx *v = *vcx;
    struct vcx_alias *alias, *next_alias;
    struct vcx_open_call *call, *next_call;

    if (!v)
        return;
    DL_FOREACH_SAFE (v->aliases, alias, next_alias)
        free_alias(alias);
    DL_FOREACH_SAFE (v->calls, call, next_call)
        free(call);
    pbay_message_fini(&v->out);
    pbay_message_fini(&v->in);
    pbay_dialogues_destroy(&v->dialogues);
    pbay_protocols_destroy(&v->protocols);
    free(v->name);
    free(v->connection);
    free(v->peer);
    free(v);
    *vcx = NULL;
}

/* ---- handles ---- */

struct vcx_alias *vcx_alias_of(const struct pbay_vcx *vcx, uint32_t handle)
{
    struct vcx_alias *alias;

    DL_SEARCH_SCALAR(vcx->aliases, alias, handle, handle);
    return alias;
}

struct vcx_alias *vcx_alias_add(struct pbay_vcx *vcx, struct pbay_str id)
{
    struct vcx_alias *alias;

    if (!id.n || id.n > PBAY_VCX_MAX_ID || memchr(id.p, 0, id.n))
        return NULL;
    DL_FOREACH (vcx->aliases, alias) {
        if (pbay_str_eq(id, pbay_str(alias->id)))
            return alias;
    }
    alias = pb_alloc(sizeof *alias);
    alias->handle = ++vcx->last_handle;
    alias->id = pb_strndup(id);
    DL_APPEND(vcx->aliases, alias);
    return alias;
}

void vcx_alias_end(struct pbay_vcx *vcx, struct vcx_alias *alias)
{
    DL_DELETE(vcx->aliases, alias);
    free_alias(alias);
}

PBAY_API uint32_t pbay_vcx_handle(struct pbay_vcx *vcx, struct pbay_str connection_id)
{
    const struct vcx_alias *alias = vcx_alias_add(vcx, connection_id);

    return alias ? alias->handle : 0;
}

PBAY_API struct pbay_str pbay_vcx_connection_id(const struct pbay_vcx *vcx, uint32_t handle)
{
    const struct vcx_alias *alias = vcx_alias_of(vcx, handle);

    return pbay_str(alias ? alias->id : NULL);
}

/* ---- calls begin and end ---- */

static uint32_t put(struct pbay_vcx *vcx, uint64_t *tag)
{
    struct pbay_str bytes;
    struct pbay_envelope e = {.to = pbay_str(vcx->peer),
                              .sender = pbay_str(vcx->name),
                              .protocol_id = pbay_str(PBAY_VCX_CONNECTION_ID),
                              .connection_id = pbay_str(vcx->connection),
                              .operation = pbay_str(vcx->out.performative)};

    if (pbay_message_encode(&vcx->out, &bytes))
        return PBAY_VCX_E_OPTION;
    e.message = bytes;
    switch (pbay_put(vcx->agent, &e, 0, tag)) {
    case PBAY_OK:
        return PBAY_VCX_OK;
    case PBAY_AGAIN:
        return PBAY_VCX_E_NOT_READY;
    case PBAY_INVALID:
    case PBAY_TOO_BIG:
        return PBAY_VCX_E_OPTION;
    default:
        return PBAY_VCX_E_POST;
    }
}

uint32_t vcx_call_begin(struct pbay_vcx *vcx, const struct vcx_open_call *how)
{
    int64_t now = pb_now();
    struct vcx_open_call *call;
    uint64_t dialogue, tag;
    uint32_t err;

    if (vcx->call_n >= PBAY_VCX_MAX_CALLS)
        return PBAY_VCX_E_NOT_READY;
    if (pbay_dialogue_open(vcx->dialogues, (uint64_t)now, pbay_str(vcx->peer), &vcx->out, &dialogue))
        return PBAY_VCX_E_UNKNOWN;
    err = put(vcx, &tag);
    if (err)
        return err;
    call = pb_alloc(sizeof *call);
    *call = *how;
    call->dialogue = dialogue;
    call->tag = tag;
    call->due = now + vcx->options.timeout_ms;
    DL_APPEND(vcx->calls, call);
    vcx->call_n++;
    return PBAY_VCX_OK;
}

void vcx_call_end(struct pbay_vcx *vcx, struct vcx_open_call *call, uint32_t err, struct pbay_vcx_result *result)
{
    struct vcx_alias *alias = vcx_alias_of(vcx, call->handle);

    DL_DELETE(vcx->calls, call);
    vcx->call_n--;
    vcx->ended++;
    if (!result->handle)
        result->handle = call->handle;
    if (call->call.cb)
        call->call.cb(call->call.user, call->call.command, err, result);
    if (!err && call->ends && alias)
        vcx_alias_end(vcx, alias);
    free(call);
}

static void fail(struct pbay_vcx *vcx, struct vcx_open_call *call, uint32_t err, const char *text)
{
    vcx_call_end(vcx, call, err, &(struct pbay_vcx_result){.text = text});
}

/* ---- answers ---- */

static struct pbay_str str(const struct pbay_vcx *vcx, const char *name)
{
    return pbay_message_str(&vcx->in, name);
}

static int number(const struct pbay_vcx *vcx, const char *name)
{
    return (int)pbay_message_int(&vcx->in, name);
}

static uint32_t on_created(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    struct vcx_alias *alias = vcx_alias_add(vcx, str(vcx, "connection_id"));

    if (!alias)
        return PBAY_VCX_E_UNKNOWN;
    r->handle = alias->handle;
    r->state = number(vcx, "state");
    return PBAY_VCX_OK;
}

static uint32_t on_connected(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    r->state = number(vcx, "state");
    r->value = str(vcx, "invite_details");
    r->invite_url = str(vcx, "invite_url");
    r->qr_png = str(vcx, "qr_png");
    r->qr_text = str(vcx, "qr_text");
    return PBAY_VCX_OK;
}

static uint32_t on_state(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    r->state = number(vcx, "state");
    return PBAY_VCX_OK;
}

static uint32_t on_json(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    r->value = str(vcx, "json");
    return PBAY_VCX_OK;
}

static uint32_t on_sent(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    r->value = str(vcx, "msg_uid");
    return PBAY_VCX_OK;
}

static uint32_t on_signed(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    r->value = str(vcx, "signature");
    return PBAY_VCX_OK;
}

static uint32_t on_verified(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    struct pbay_value value = {.i = 0};

    (void)pbay_message_value(&vcx->in, "valid", &value);
    r->valid = value.i != 0;
    return PBAY_VCX_OK;
}

static uint32_t on_error(struct pbay_vcx *vcx, struct pbay_vcx_result *r)
{
    int code = number(vcx, "code");

    r->value = str(vcx, "description");
    return code > 0 ? (uint32_t)code : PBAY_VCX_E_UNKNOWN;
}

static const struct answer {
    const char *performative;
    uint32_t (*read)(struct pbay_vcx *vcx, struct pbay_vcx_result *result);
} answers[] = {
    {"created", on_created}, {"connected", on_connected}, {"state", on_state},
    {"details", on_json},    {"serialized", on_json},     {"sent", on_sent},
    {"signed", on_signed},   {"verified", on_verified},   {"error", on_error},
};

/* JSON is YAML, and this needs no more of it than that. The caller frees; NULL = there is none. */
static char *read_did(struct pbay_str serialized)
{
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs;
    struct pbay_conf_error error;
    const struct pb_yaml_node *did = NULL;
    char *text = NULL;

    if (pb_yaml_parse("serialized", serialized.p, serialized.n, &arena, &docs, &error) == PBAY_OK)
        did = pb_yaml_get(pb_yaml_get(docs, "data"), "pw_did");
    if (did && did->text)
        text = pb_strndup(pbay_str(did->text));
    pb_arena_fini(&arena);
    return text;
}

static void on_answer(struct pbay_vcx *vcx, struct vcx_open_call *call)
{
    struct pbay_vcx_result result = {.text = ""};
    char *text = NULL, *did = NULL;
    uint32_t err = PBAY_VCX_E_UNKNOWN;

    for (size_t i = 0; i < COUNT(answers); i++) {
        if (pbay_message_is(&vcx->in, answers[i].performative))
            err = answers[i].read(vcx, &result);
    }
    if (!err && call->wants_did) {
        did = read_did(result.value);
        result.value = pbay_str(did);
        err = did ? PBAY_VCX_OK : PBAY_VCX_E_UNKNOWN;
    }
    if (err) {
        text = pb_strndup(result.value.n ? result.value : pbay_str(pbay_vcx_error_text(err)));
        result = (struct pbay_vcx_result){.text = text};
    }
    vcx_call_end(vcx, call, err, &result);
    free(text);
    free(did);
}

/* ---- events ---- */

static void on_event(struct pbay_vcx *vcx)
{
    static const struct {
        const char *performative;
        enum pbay_vcx_event_kind kind;
    } rows[] = {{"state_changed", PBAY_VCX_STATE_CHANGED},
                {"message_received", PBAY_VCX_MESSAGE_RECEIVED},
                {"undelivered", PBAY_VCX_UNDELIVERED}};
    struct pbay_vcx_event e = {0};
    size_t i = 0;

    while (i < COUNT(rows) && !pbay_message_is(&vcx->in, rows[i].performative))
        i++;
    if (i == COUNT(rows) || !vcx->options.on_event)
        return;
    e.kind = rows[i].kind;
    e.connection_id = str(vcx, "connection_id");
    e.source_id = str(vcx, "source_id");
    e.handle = pbay_vcx_handle(vcx, e.connection_id);
    if (e.kind == PBAY_VCX_STATE_CHANGED) {
        e.from = number(vcx, "from_state");
        e.to = number(vcx, "to_state");
    } else {
        e.msg_uid = str(vcx, "msg_uid");
    }
    if (e.kind == PBAY_VCX_MESSAGE_RECEIVED) {
        e.msg_type = str(vcx, "msg_type");
        e.message_json = str(vcx, "json");
    } else {
        e.reason = str(vcx, "reason");
    }
    vcx->options.on_event(vcx->options.user, &e);
}

/* ---- the agent's loop ---- */

/* The name of a node is the broker's word; a sender is what the sender says. */
static bool is_ours(const struct pbay_vcx *vcx, const struct pbay_envelope *e)
{
    return pbay_str_eq(e->protocol_id, pbay_str(PBAY_VCX_CONNECTION_ID)) &&
           pbay_str_eq(e->origin.name, pbay_str(vcx->peer));
}

PBAY_API bool pbay_vcx_feed(struct pbay_vcx *vcx, const struct pbay_envelope *envelope)
{
    struct vcx_open_call *call;
    struct pbay_message *m = &vcx->in;
    uint64_t dialogue;

    if (!is_ours(vcx, envelope) || pbay_message_decode(m, vcx->protocols, envelope->protocol_id, envelope->message))
        return false;
    if (pbay_dialogue_take(vcx->dialogues, (uint64_t)pb_now(), envelope->sender, m, &dialogue))
        return true; /* an answer that comes too late, or an event for the second time */
    DL_SEARCH_SCALAR(vcx->calls, call, dialogue, dialogue);
    if (call)
        on_answer(vcx, call);
    else
        on_event(vcx);
    return true;
}

PBAY_API bool pbay_vcx_outcome(struct pbay_vcx *vcx, const struct pbay_outcome *outcome)
{
    struct vcx_open_call *call;

    DL_SEARCH_SCALAR(vcx->calls, call, tag, outcome->tag);
    if (call && outcome->err)
        fail(vcx, call, PBAY_VCX_E_POST, *outcome->text ? outcome->text : pbay_err_text(outcome->err));
    return call != NULL;
}

/* All have the same time, so the first one is the next. */
PBAY_API int pbay_vcx_tick(struct pbay_vcx *vcx)
{
    int64_t now = pb_now();

    while (vcx->calls && now >= vcx->calls->due)
        fail(vcx, vcx->calls, PBAY_VCX_E_POST,
             pbay_is_connected(vcx->agent) ? "the connection has not answered in time" : "no broker answers");
    return vcx->calls ? (int)(vcx->calls->due - now) : -1;
}

/* What there is, up to the end of a call. */
static enum pbay_err take_all(struct pbay_vcx *vcx, uint64_t ended)
{
    struct pbay_outcome outcome;
    struct pbay_envelope e;
    enum pbay_err err = PBAY_OK;
    uint64_t lease;

    while (vcx->ended == ended && pbay_get_outcome(vcx->agent, &outcome, 0) == PBAY_OK)
        (void)pbay_vcx_outcome(vcx, &outcome);
    while (vcx->ended == ended && (err = pbay_get(vcx->agent, &e, &lease, 0)) == PBAY_OK) {
        if (pbay_vcx_feed(vcx, &e))
            (void)pbay_ack(vcx->agent, lease);
        else
            (void)pbay_nack(vcx->agent, lease, "this program has no use for it");
    }
    return err == PBAY_TIMEOUT ? PBAY_OK : err;
}

/* Milliseconds until the earlier of the two; -1 = for ever. */
static int soonest(int tick, int64_t left)
{
    if (left < 0)
        return tick;
    if (left > INT32_MAX)
        left = INT32_MAX;
    return tick < 0 || left < tick ? (int)left : tick;
}

PBAY_API enum pbay_err pbay_vcx_wait(struct pbay_vcx *vcx, int timeout_ms)
{
    int64_t deadline = pb_now() + timeout_ms;
    uint64_t ended = vcx->ended;

    for (;;) {
        enum pbay_err err = take_all(vcx, ended);
        struct pollfd p = {.fd = pbay_fd(vcx->agent), .events = POLLIN};
        int64_t left = timeout_ms < 0 ? -1 : deadline - pb_now();
        int tick;

        if (err)
            return err;
        tick = pbay_vcx_tick(vcx);
        if (vcx->ended != ended || !vcx->calls)
            return PBAY_OK;
        if (timeout_ms >= 0 && left <= 0)
            return PBAY_TIMEOUT;
        if (poll(&p, 1, soonest(tick, left)) < 0 && errno != EINTR)
            return PBAY_IO;
    }
}
