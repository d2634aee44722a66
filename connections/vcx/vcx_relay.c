/* A mediator in the place of a listener: its connection, its requests, and what is picked up.
 *
 * The connection is one of the core's under a source_id of its own, which the agent neither sees nor names. What is
 * said on it is not in the outbox: it is asked again anyway, and one request may be held while others are made. */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/vcx/vcx_mediate.h"
#include "connections/vcx/vcx_proc.h"

#define SOURCE      "patchbay:mediator"
#define WAIT_MS     10000 /* that the mediator may hold an answer */
#define WAY_MS      4000  /* for the request and the answer beside that */
#define COMMAND_MS  30000 /* that a command waits for the mediator */
#define MAX_TAKEN   64    /* envelopes of one turn */
#define CROWD_MS    1000  /* until the next look, while too many messages wait for the agent */
#define DIGEST_TEXT 65

_Static_assert(WAIT_MS + WAY_MS < VCX_POST_TIMEOUT, "a held answer comes before its request is given up");

/* A request to the mediator. */
struct asking {
    struct vcx_job job; /* the first member; tag 0 = it is not sent yet */
    char message_id[VCX_MAX_ID + 1], endpoint[VCX_MAX_URL + 1];
    struct pb_buf envelope;
    struct asking *prev, *next;
};

struct vcx_relay {
    struct vcx_mediate *m;
    char id[VCX_UUID], digest[DIGEST_TEXT]; /* of its connection; of the invitation in the configuration */
    bool addressed;                         /* the core has the grant */
    bool changed;                           /* keys may have come or gone */
    bool links;                             /* that there are short links has been said */
    struct vcx_mediate_grant grant;         /* the core's, while it is addressed */
    struct asking *asked;
    int64_t due;
};

/* ---- what is remembered of it: one setting ---- */

static void digest_of(const struct vcx_proc *s, char digest[DIGEST_TEXT])
{
    const struct pbay_str text = pbay_str(s->config.mediator);
    uint8_t cause[VCX_CAUSE];

    vcx_cause(cause, &text, 1);
    sodium_bin2hex(digest, DIGEST_TEXT, cause, sizeof cause);
}

static json_t *read_setting(struct vcx_proc *s)
{
    struct vcx_stmt *row = vcx_db_run(s->db, "SELECT value FROM setting WHERE name = 'mediator'", "");
    char why[VCX_WHY];
    json_t *json = vcx_db_row(row) ? vcx_json_read(vcx_db_text(row, 0), "mediator", why) : NULL;

    vcx_db_end(&row);
    return json;
}

/* Within begin. */
static void write_setting(struct vcx_proc *s, const struct vcx_relay *r)
{
    json_t *keys = json_array(), *json;
    struct pb_buf text = {0};
    char key[VCX_MAX_VERKEY];

    for (size_t i = 0; i < r->grant.routing_n; i++) {
        vcx_verkey_text(r->grant.routing[i], key);
        json_array_append_new(keys, json_string(key));
    }
    json = json_pack("{s:s, s:s, s:s, s:o}", "invitation", r->digest, "connection", r->id, "endpoint",
                     r->addressed ? r->grant.endpoint : "", "routing", keys);
    if (json && vcx_json_write(&text, json))
        (void)vcx_db_do(s->db, "INSERT OR REPLACE INTO setting (name, value) VALUES ('mediator', ?1)", "t",
                        (struct pbay_str){(char *)text.p, text.n});
    json_decref(json);
    pb_buf_fini(&text);
}

/* false = there is none. */
static bool read_grant(const json_t *setting, struct vcx_mediate_grant *grant)
{
    char why[VCX_WHY];
    struct pbay_str endpoint = vcx_json_str(setting, "endpoint", VCX_MAX_URL, why);
    const json_t *keys = json_object_get(setting, "routing"), *key;
    size_t i;

    *grant = (struct vcx_mediate_grant){.routing_n = json_array_size(keys)};
    if (!endpoint.p || grant->routing_n > VCX_MAX_ROUTING)
        return false;
    memcpy(grant->endpoint, endpoint.p, endpoint.n);
    json_array_foreach(keys, i, key)
    {
        if (!vcx_verkey_parse((struct pbay_str){json_string_value(key), json_string_length(key)}, grant->routing[i]))
            return false;
    }
    return true;
}

/* ---- its connection ---- */

static bool is_alive(const struct vcx_conn *conn)
{
    return conn && (conn->state == VCX_REQUESTED || conn->state == VCX_ACCEPTED);
}

/* The one of an earlier process, if it is for the same invitation and has not ended; any other is forgotten. */
static bool find_connection(struct vcx_proc *s, struct vcx_relay *r, const json_t *setting)
{
    const char *id = json_string_value(json_object_get(setting, "connection"));
    const char *digest = json_string_value(json_object_get(setting, "invitation"));
    char why[VCX_WHY];

    if (!id || !digest || strlen(id) >= sizeof r->id)
        return false;
    memcpy(r->id, id, strlen(id) + 1);
    if (strcmp(digest, r->digest) == 0 && is_alive(vcx_core_find(s->core, id)))
        return true;
    if (vcx_core_release(s->core, id, why) == VCX_OK)
        vcx_store_forget(s->db, id);
    return false;
}

static enum vcx_error make_connection(struct vcx_proc *s, struct vcx_relay *r, char *why)
{
    const struct vcx_create how = {.source_id = pbay_str(SOURCE), .queued = true};
    const struct vcx_connect options = {.expires_in = VCX_EXPIRES_IN};
    enum vcx_error code = vcx_core_create_with_invite(s->core, &how, pbay_str(s->config.mediator), r->id, why);

    return code ? code : vcx_core_connect(s->core, r->id, &options, vcx_wall(), why);
}

static void set_address(struct vcx_proc *s, struct vcx_relay *r)
{
    r->addressed = true;
    memcpy(s->endpoint, r->grant.endpoint, sizeof s->endpoint);
    vcx_core_set_address(s->core, s->endpoint, (const uint8_t(*)[VCX_KEY])r->grant.routing, r->grant.routing_n);
}

static enum vcx_error load(struct vcx_proc *s, struct vcx_relay *r, json_t *setting, char *why)
{
    enum vcx_error code = VCX_OK;
    bool found = find_connection(s, r, setting);

    if (!found)
        code = make_connection(s, r, why);
    if (!code && found && read_grant(setting, &r->grant))
        set_address(s, r);
    if (!code)
        write_setting(s, r);
    return code;
}

enum pbay_err vcx_relay_open(struct vcx_proc *s)
{
    struct vcx_relay *r;
    json_t *setting;
    char why[VCX_WHY] = "";
    enum vcx_error code;

    if (!s->config.mediator)
        return PBAY_OK;
    r = s->relay = pb_alloc(sizeof *r);
    r->changed = true;
    digest_of(s, r->digest);
    setting = read_setting(s);
    vcx_begin(s);
    code = load(s, r, setting, why);
    json_decref(setting);
    if (!vcx_commit(s, true))
        return pbay_link_fail(s->link, PBAY_IO, "%s", s->broken);
    if (code)
        return pbay_link_fail(s->link, PBAY_CONFIG, "config.mediator: %d (%s): %s", (int)code, vcx_error_text(code),
                              why);
    r->m = vcx_mediate_new(
        s->core, r->id,
        &(struct vcx_mediate_conf){.known = r->addressed ? &r->grant : NULL, .wait_ms = WAIT_MS, .links = true});
    return PBAY_OK;
}

/* ---- requests ---- */

static void asking_destroy(struct vcx_proc *s, struct asking *a)
{
    vcx_job_remove(s, &a->job);
    DL_DELETE(s->relay->asked, a);
    pb_buf_fini(&a->envelope);
    free(a);
}

void vcx_relay_stop(struct vcx_proc *s)
{
    struct asking *a, *next;

    if (!s->relay)
        return;
    DL_FOREACH_SAFE (s->relay->asked, a, next)
        asking_destroy(s, a);
}

void vcx_relay_close(struct vcx_proc *s)
{
    vcx_relay_stop(s);
    if (s->relay)
        vcx_mediate_destroy(&s->relay->m);
    free(s->relay);
    s->relay = NULL;
}

bool vcx_relay_is(const struct vcx_proc *s, const char *id)
{
    return s->relay && strcmp(s->relay->id, id) == 0;
}

struct vcx_mediate *vcx_relay_client(const struct vcx_proc *s)
{
    return s->relay ? s->relay->m : NULL;
}

static void send_later(struct vcx_proc *s, struct vcx_action *action)
{
    struct asking *a = pb_alloc(sizeof *a);

    memcpy(a->message_id, action->message_id, sizeof a->message_id);
    memcpy(a->endpoint, action->endpoint, sizeof a->endpoint);
    a->envelope = action->envelope;
    action->envelope = (struct pb_buf){0};
    DL_APPEND(s->relay->asked, a);
}

void vcx_relay_action(struct vcx_proc *s, struct vcx_action *action)
{
    struct vcx_relay *r = s->relay;

    r->due = 0;
    if (action->kind == VCX_SEND)
        send_later(s, action);
    else if (action->kind == VCX_STATE)
        pbay_link_log(s->link, "the mediator's connection: state %d, %s", (int)action->to, action->reason);
    else if (r->m && vcx_mediate_receive(r->m, action, vcx_wall()))
        vcx_link_keep(s, r->m);
    pbay_link_wake(s->link);
}

static void lose(struct vcx_proc *s, const struct asking *a)
{
    if (s->relay->m)
        vcx_mediate_lost(s->relay->m, a->message_id, vcx_wall());
}

/* The answer comes in the reply, or not at all. */
static void on_answer(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *reply)
{
    struct asking *a = (struct asking *)(void *)job;
    char why[VCX_WHY];

    s->relay->due = 0;
    if (reply->result != VCX_POST_OK || !vcx_inbound_is_envelope(reply->type)) {
        lose(s, a);
    } else {
        vcx_begin(s);
        if (!vcx_core_receive(s->core, reply->body, vcx_wall(), why))
            lose(s, a);
        (void)vcx_commit(s, false);
    }
    asking_destroy(s, a);
}

static void send_all(struct vcx_proc *s)
{
    struct asking *a, *next;
    char why[VCX_WHY];

    DL_FOREACH_SAFE (s->relay->asked, a, next) {
        if (a->job.tag)
            continue;
        a->job = (struct vcx_job){.tag = ++s->last_job, .done = on_answer};
        if (vcx_post_envelope(s->post, a->job.tag, pbay_str(a->endpoint),
                              (struct pbay_str){(char *)a->envelope.p, a->envelope.n}, why) == VCX_POST_OK) {
            pb_buf_fini(&a->envelope);
            vcx_job_add(s, &a->job);
        } else {
            a->job.tag = 0;
            lose(s, a);
            asking_destroy(s, a);
        }
    }
}

/* ---- keys ---- */

static bool is_wanted(const struct vcx_conn *conn)
{
    return conn->state >= VCX_INITIALIZED && conn->state <= VCX_ACCEPTED;
}

void vcx_relay_changed(struct vcx_proc *s)
{
    if (s->relay)
        s->relay->changed = true;
}

void vcx_relay_forget(struct vcx_proc *s, const uint8_t key[VCX_KEY])
{
    if (s->relay && s->relay->m)
        (void)vcx_mediate_drop(s->relay->m, key);
}

static void update_keys(struct vcx_proc *s, struct vcx_relay *r)
{
    const struct vcx_conn *conn = NULL;

    if (!r->changed)
        return;
    r->changed = false;
    r->due = 0;
    while ((conn = vcx_core_next(s->core, conn))) {
        if (vcx_relay_is(s, conn->id))
            continue;
        if (is_wanted(conn))
            (void)vcx_mediate_want(r->m, conn->own);
        else
            (void)vcx_mediate_drop(r->m, conn->own);
    }
    vcx_link_check(s, r->m);
}

/* ---- commands that wait ---- */

enum vcx_relay_state vcx_relay_ready(const struct vcx_proc *s, const uint8_t key[VCX_KEY])
{
    const struct vcx_relay *r = s->relay;
    enum vcx_mediate_key known;

    if (!r)
        return VCX_RELAY_READY;
    if (!r->addressed)
        return VCX_RELAY_WAIT;
    known = vcx_mediate_key(r->m, key);
    if (known == VCX_MEDIATE_HAS)
        return VCX_RELAY_READY;
    return known == VCX_MEDIATE_REFUSED ? VCX_RELAY_REFUSED : VCX_RELAY_WAIT;
}

bool vcx_relay_poll(struct vcx_proc *s, uint64_t *rounds)
{
    if (!s->relay || !vcx_mediate_poll(s->relay->m))
        return false;
    *rounds = vcx_mediate_rounds(s->relay->m);
    s->relay->due = 0;
    return true;
}

bool vcx_relay_has_polled(const struct vcx_proc *s, uint64_t rounds)
{
    return !s->relay || vcx_mediate_rounds(s->relay->m) > rounds;
}

int64_t vcx_relay_deadline(void)
{
    return vcx_wall() + COMMAND_MS;
}

/* ---- turns ---- */

static void take_envelopes(struct vcx_proc *s, struct vcx_relay *r)
{
    struct pb_buf envelope = {0};

    for (unsigned i = 0; i < MAX_TAKEN && !s->broken[0] && s->event_n < (int64_t)s->config.max_events &&
                         vcx_mediate_take(r->m, &envelope);
         i++) {
        (void)vcx_inbound(s, (struct pbay_str){(char *)envelope.p, envelope.n});
        pb_buf_fini(&envelope);
    }
    if (!s->broken[0])
        vcx_mediate_done(r->m);
}

static bool is_same(const struct vcx_mediate_grant *a, const struct vcx_mediate_grant *b)
{
    return strcmp(a->endpoint, b->endpoint) == 0 && a->routing_n == b->routing_n &&
           memcmp(a->routing, b->routing, sizeof a->routing) == 0;
}

static void take_grant(struct vcx_proc *s, struct vcx_relay *r)
{
    const struct vcx_mediate_grant *grant = vcx_mediate_grant(r->m);

    if (!grant || (r->addressed && is_same(grant, &r->grant)))
        return;
    r->grant = *grant;
    set_address(s, r);
    vcx_begin(s);
    write_setting(s, r);
    (void)vcx_commit(s, false);
    pbay_link_log(s->link, "the mediator takes envelopes for us at %s", r->grant.endpoint);
}

static void tick(struct vcx_proc *s, struct vcx_relay *r)
{
    vcx_begin(s);
    r->due = vcx_mediate_tick(r->m, vcx_wall());
    vcx_link_keep(s, r->m);
    (void)vcx_commit(s, false);
}

static void tell_links(struct vcx_proc *s, struct vcx_relay *r)
{
    bool has = vcx_mediate_has_links(r->m);

    if (has && !r->links)
        pbay_link_log(s->link, "the mediator makes short links");
    r->links = has;
}

/* What has ended is begun anew by the next connect. */
static void check_end(struct vcx_proc *s, const struct vcx_relay *r)
{
    if (vcx_mediate_state(r->m) != VCX_MEDIATE_ENDED || s->broken[0])
        return;
    (void)vcx_why(s->broken, "the mediator has ended its connection, or does not answer");
    pbay_link_wake(s->link);
}

int64_t vcx_relay_turn(struct vcx_proc *s)
{
    struct vcx_relay *r = s->relay;

    if (!r || s->broken[0] || s->refusing)
        return VCX_NEVER;
    take_envelopes(s, r);
    if (s->broken[0])
        return VCX_NEVER;
    take_grant(s, r);
    tell_links(s, r);
    update_keys(s, r);
    if (vcx_wall() >= r->due)
        tick(s, r);
    if (!s->broken[0])
        send_all(s);
    check_end(s, r);
    return s->event_n >= (int64_t)s->config.max_events ? vcx_wall() + CROWD_MS : r->due;
}
