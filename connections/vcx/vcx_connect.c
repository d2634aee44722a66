/* The two commands that may have to ask somebody first. Until that somebody has answered, nothing is changed: an SMS
 * that did not go out, or an offer that was refused, leaves the connection as it was.
 *
 * The invitation that is told is known before it is made: its @id comes of the command's cause. So when this process
 * dies meanwhile, and the next one is given the command again, the link in a second SMS is the one in the first. */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/vcx/vcx_mediate.h"
#include "connections/vcx/vcx_options.h"
#include "connections/vcx/vcx_proc.h"
#include "connections/vcx/vcx_qr.h"

struct vcx_waiting {
    char id[VCX_UUID]; /* the connection that is being connected; empty = a short link is read */
    uint8_t own[VCX_KEY];
    enum vcx_way way;
    struct vcx_connect how;
    char invitation_id[VCX_UUID];
    char *agent;        /* its URL; owned */
    struct pb_buf link; /* the invitation's short link; empty = it has none */
};

static enum vcx_error no(enum vcx_error code, char *why, const char *text)
{
    (void)vcx_why(why, "%s", text);
    return code;
}

static enum vcx_error of_post(enum vcx_post_result result)
{
    return result == VCX_POST_OK ? VCX_OK : VCX_E_POST;
}

/* ---- who waits ---- */

void vcx_waiting_destroy(struct vcx_waiting **waiting)
{
    if (*waiting) {
        free((*waiting)->agent);
        pb_buf_fini(&(*waiting)->link);
    }
    free(*waiting);
    *waiting = NULL;
}

static bool is_telling(const struct vcx_command *c)
{
    return c->waiting && c->waiting->id[0];
}

bool vcx_connect_is_telling(const struct vcx_proc *s, const uint8_t key[VCX_KEY])
{
    const struct vcx_command *c;

    DL_FOREACH (s->commands, c) {
        if (is_telling(c) && memcmp(c->waiting->own, key, VCX_KEY) == 0)
            return true;
    }
    return false;
}

static void begin_job(struct vcx_proc *s, struct vcx_command *c,
                      void (*done)(struct vcx_proc *, struct vcx_job *, const struct vcx_post_reply *))
{
    c->job = (struct vcx_job){.tag = ++s->last_job, .done = done};
}

/* The network has been asked, or could not be. */
static enum vcx_error wait_for(struct vcx_proc *s, struct vcx_command *c, struct vcx_waiting *w, enum vcx_error code)
{
    if (code) {
        c->job.tag = 0;
        if (c->waiting != w)
            vcx_waiting_destroy(&w);
        return code;
    }
    c->waiting = w;
    vcx_job_add(s, &c->job);
    return VCX_OK;
}

static struct vcx_command *command_of(struct vcx_job *job)
{
    return (struct vcx_command *)(void *)((char *)job - offsetof(struct vcx_command, job));
}

static void finish_error(struct vcx_proc *s, struct vcx_command *c, enum vcx_error code, const char *why)
{
    struct pbay_message reply = {0};

    vcx_begin(s);
    vcx_command_finish(s, c, code, &reply, why);
    pbay_message_fini(&reply);
}

/* ---- invitations by short link ---- */

static enum vcx_error create_from(struct vcx_proc *s, struct vcx_command *c, struct pbay_str invite,
                                  struct pbay_message *reply, char *why)
{
    struct vcx_create how;
    char id[VCX_UUID];
    enum vcx_error code = vcx_act_create_options(c, &how, why);

    if (!code)
        code = vcx_core_create_with_invite(s->core, &how, invite, id, why);
    return code ? code : vcx_act_created(s, id, reply);
}

static enum vcx_error read_link(const struct vcx_post_reply *r, struct pbay_str *invite, char *why)
{
    struct vcx_invite read = {.json = NULL};
    enum vcx_error code;

    *invite = r->location.n ? r->location : r->body;
    if (r->result != VCX_POST_OK && !r->location.n) {
        (void)vcx_why(why, "the short link: status %u %s", r->status, r->why);
        return VCX_E_POST;
    }
    code = vcx_invite_read(&read, *invite, why);
    vcx_invite_fini(&read);
    return code == VCX_E_OPTION ? no(VCX_E_INVITE, why, "the short link leads to no invitation") : code;
}

static void on_link(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *r)
{
    struct vcx_command *c = command_of(job);
    struct pbay_message reply = {0};
    struct pbay_str invite;
    char why[VCX_WHY] = "";
    enum vcx_error code = read_link(r, &invite, why);

    vcx_begin(s);
    if (!code)
        code = create_from(s, c, invite, &reply, why);
    vcx_command_finish(s, c, code, &reply, why);
    pbay_message_fini(&reply);
}

static bool is_short_link(struct pbay_str text)
{
    struct vcx_invite read = {.json = NULL};
    char why[VCX_WHY];
    enum vcx_error code = vcx_invite_read(&read, text, why);

    vcx_invite_fini(&read);
    return code == VCX_E_OPTION;
}

enum vcx_error vcx_create_with_invite(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    struct pbay_str text = pbay_message_str(&c->asked, "invite");

    if (!is_short_link(text))
        return create_from(s, c, text, reply, why);
    begin_job(s, c, on_link);
    return wait_for(s, c, pb_alloc(sizeof *c->waiting), of_post(vcx_post_fetch(s->post, c->job.tag, text, why)));
}

/* ---- what connected says ---- */

struct shown {
    char *details; /* owned */
    struct pb_buf url, png, text;
};

static void shown_fini(struct shown *shown)
{
    free(shown->details);
    pb_buf_fini(&shown->url);
    pb_buf_fini(&shown->png);
    pb_buf_fini(&shown->text);
}

static enum vcx_error show_code(struct shown *shown, char *why)
{
    struct vcx_qr qr;
    bool good = vcx_qr_make(&qr, (struct pbay_str){(char *)shown->url.p, shown->url.n}, why) &&
                vcx_qr_png(&shown->png, &qr, why);

    if (good)
        vcx_qr_text(&shown->text, &qr, VCX_QR_LIGHT_ON_DARK);
    vcx_qr_fini(&qr);
    return good ? VCX_OK : VCX_E_OPTION;
}

static struct pbay_str view(const struct pb_buf *b)
{
    return (struct pbay_str){b->n ? (const char *)b->p : "", b->n};
}

static bool add_url(const struct vcx_proc *s, const struct vcx_waiting *w, const json_t *invitation, struct pb_buf *url)
{
    if (!w->link.n)
        return vcx_invite_url(url, s->endpoint, invitation);
    pb_buf_add(url, w->link.p, w->link.n);
    return true;
}

/* `w`: an inviter's; NULL = it is the peer's invitation. Ended with shown_fini in any case. */
static enum vcx_error show(const struct vcx_proc *s, const json_t *invitation, const struct vcx_waiting *w,
                           struct shown *shown, char *why)
{
    *shown = (struct shown){.details = json_dumps(invitation, JSON_COMPACT)};
    if (!shown->details || (w && !add_url(s, w, invitation, &shown->url)))
        return no(VCX_E_UNKNOWN, why, "the invitation cannot be written");
    return w && w->way == VCX_BY_QR ? show_code(shown, why) : VCX_OK;
}

static void say_connected(struct vcx_proc *s, const char *id, const struct shown *shown, struct pbay_message *reply)
{
    const struct vcx_conn *conn = vcx_core_find(s->core, id);

    (void)pbay_vcx_connection_connected_init(reply, s->protocols, pbay_str(id), (int32_t)conn->state,
                                             pbay_str(shown->details), view(&shown->url), view(&shown->png),
                                             view(&shown->text));
}

/* An inviter's, when whoever had to be told has been told. */
static enum vcx_error make(struct vcx_proc *s, const struct vcx_waiting *w, struct pbay_message *reply, char *why)
{
    struct shown shown = {.details = NULL};
    json_t *invitation = NULL;
    enum vcx_error code = vcx_core_draft(s->core, w->id, &w->how, &invitation, why);

    if (!code)
        code = show(s, invitation, w, &shown, why);
    if (!code)
        code = vcx_core_connect(s->core, w->id, &w->how, vcx_wall(), why);
    if (!code)
        say_connected(s, w->id, &shown, reply);
    shown_fini(&shown);
    json_decref(invitation);
    return code;
}

static void finish(struct vcx_proc *s, struct vcx_command *c)
{
    struct pbay_message reply = {0};
    char why[VCX_WHY] = "";
    enum vcx_error code;

    vcx_begin(s);
    code = make(s, c->waiting, &reply, why);
    vcx_command_finish(s, c, code, &reply, why);
    pbay_message_fini(&reply);
}

/* ---- by SMS ---- */

static void on_sms(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *r)
{
    struct vcx_command *c = command_of(job);
    enum vcx_error code = vcx_sms_result(r);

    if (code)
        finish_error(s, c, code, "the gateway has not taken the SMS");
    else
        finish(s, c);
}

static enum vcx_error check_phone(const struct vcx_proc *s, struct pbay_str phone, char *why)
{
    if (!vcx_sms_is_phone(phone))
        return no(VCX_E_OPTION, why, "phone: expected an E.164 number");
    return s->config.has_sms ? VCX_OK : no(VCX_E_ACTION, why, "no gateway for SMS is configured");
}

static enum vcx_error tell_phone(struct vcx_proc *s, struct vcx_command *c, struct vcx_waiting *w,
                                 struct pbay_str phone, struct pbay_str link, char *why)
{
    begin_job(s, c, on_sms);
    return wait_for(s, c, w, vcx_sms_send(&s->config.sms, s->post, c->job.tag, phone, link, why));
}

/* ---- to another agent ---- */

static void on_offered(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *r)
{
    struct vcx_command *c = command_of(job);
    char why[VCX_WHY];

    if (r->result == VCX_POST_OK) {
        finish(s, c);
        return;
    }
    (void)vcx_why(why, "the agent has not taken the offer: status %u %s", r->status, r->why);
    finish_error(s, c, VCX_E_POST, why);
}

static bool read_who(const struct vcx_post_reply *r, uint8_t key[VCX_KEY], char *why)
{
    json_t *who = r->result == VCX_POST_OK ? vcx_json_read(r->body, "what the agent says", why) : NULL;
    struct pbay_str verkey = who ? vcx_json_str(who, "verKey", VCX_MAX_VERKEY, why) : (struct pbay_str){0};
    bool good = verkey.p && vcx_key_parse(verkey, key);

    json_decref(who);
    return good || vcx_why(why, "the agent does not say who it is: status %u %s", r->status, r->why);
}

/* From our identity to the agent's. */
static bool pack_offer(struct vcx_proc *s, const struct vcx_waiting *w, uint8_t key[VCX_KEY], struct pb_buf *envelope,
                       char *why)
{
    json_t *invitation = NULL;
    struct pb_buf text = {0};
    bool good =
        vcx_core_draft(s->core, w->id, &w->how, &invitation, why) == VCX_OK && vcx_json_write(&text, invitation);
    const struct vcx_packing packing = {.message = view(&text),
                                        .sender = vcx_wallet_secret(s->wallet, s->identity),
                                        .recipients = (const uint8_t(*)[VCX_KEY])key,
                                        .recipient_n = 1};

    good = good && vcx_pack(envelope, &packing, why);
    json_decref(invitation);
    pb_buf_fini(&text);
    return good;
}

static void on_who(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *r)
{
    struct vcx_command *c = command_of(job);
    struct vcx_waiting *w = c->waiting;
    struct pb_buf envelope = {0};
    uint8_t key[VCX_KEY];
    char why[VCX_WHY] = "";
    bool good = read_who(r, key, why) && pack_offer(s, w, key, &envelope, why);

    begin_job(s, c, on_offered);
    good = good && vcx_post_envelope(s->post, c->job.tag, pbay_str(w->agent), view(&envelope), why) == VCX_POST_OK;
    (void)wait_for(s, c, w, good ? VCX_OK : VCX_E_POST);
    if (!good)
        finish_error(s, c, VCX_E_POST, why);
    pb_buf_fini(&envelope);
}

static enum vcx_error tell_agent(struct vcx_proc *s, struct vcx_command *c, struct vcx_waiting *w, char *why)
{
    begin_job(s, c, on_who);
    return wait_for(s, c, w, of_post(vcx_post_fetch(s->post, c->job.tag, pbay_str(w->agent), why)));
}

/* ---- connect ---- */

/* It follows an invitation: nobody has to be told but the inviter. */
static enum vcx_error follow(struct vcx_proc *s, const char *id, const struct vcx_options *o,
                             struct pbay_message *reply, char *why)
{
    struct shown shown = {.details = NULL};
    json_t *invitation = NULL;
    enum vcx_error code = vcx_core_connect(s->core, id, &o->how, vcx_wall(), why);

    if (!code)
        code = vcx_core_invite(s->core, id, &invitation, why);
    if (!code)
        code = show(s, invitation, NULL, &shown, why);
    if (!code)
        say_connected(s, id, &shown, reply);
    shown_fini(&shown);
    json_decref(invitation);
    return code;
}

/* The same numbers each time the command comes. */
static void fill_from_cause(void *cause, void *bytes, size_t n)
{
    assert(n <= VCX_CAUSE);
    memcpy(bytes, cause, n);
}

static struct vcx_waiting *waiting_new(struct vcx_command *c, const struct vcx_conn *conn, const struct vcx_options *o)
{
    const struct vcx_random random = {.fill = fill_from_cause, .self = c->cause};
    struct vcx_waiting *w = pb_alloc(sizeof *w);

    memcpy(w->id, conn->id, sizeof w->id);
    memcpy(w->own, conn->own, sizeof w->own);
    w->way = o->way;
    w->how = o->how;
    vcx_uuid(&random, w->invitation_id);
    w->how.invitation_id = w->invitation_id;
    w->agent = o->agent.p ? pb_strndup(o->agent) : NULL;
    return w;
}

/* Asked of somebody, `w` is the command's; else it is over with it. */
static enum vcx_error tell(struct vcx_proc *s, struct vcx_command *c, struct vcx_waiting *w, struct pbay_str phone,
                           char *why)
{
    struct shown shown = {.details = NULL};
    json_t *invitation = NULL;
    enum vcx_error code = vcx_core_draft(s->core, w->id, &w->how, &invitation, why);

    if (!code)
        code = show(s, invitation, w, &shown, why);
    if (!code && w->way == VCX_BY_AGENT && !w->agent)
        code = no(VCX_E_OPTION, why, "agent: expected the URL of the other agent");
    if (code)
        vcx_waiting_destroy(&w);
    else
        code = w->way == VCX_BY_SMS ? tell_phone(s, c, w, phone, view(&shown.url), why) : tell_agent(s, c, w, why);
    shown_fini(&shown);
    json_decref(invitation);
    return code;
}

/* A short link for who reads it from a picture or a telephone, if there is one, or may be soon: then it is waited for.
 * Asked once: without it the invitation's URL is as good. */
static bool wait_for_link(struct vcx_proc *s, struct vcx_command *c, struct vcx_waiting *w)
{
    if (w->way == VCX_BY_AGENT || vcx_link_find(s, w->id, w->invitation_id, &w->link) || c->invitation[0])
        return false;
    memcpy(c->invitation, w->invitation_id, sizeof c->invitation);
    if (!vcx_link_ask(s, w->id, &w->how))
        return false;
    c->until = vcx_wall() + VCX_MEDIATE_LINK_MS;
    c->waits = VCX_WAITS_LINK;
    return true;
}

static enum vcx_error invite(struct vcx_proc *s, struct vcx_command *c, const struct vcx_conn *conn,
                             const struct vcx_options *o, struct pbay_message *reply, char *why)
{
    enum vcx_error code = o->way == VCX_BY_SMS ? check_phone(s, o->phone, why) : VCX_OK;
    struct vcx_waiting *w;

    if (!code && vcx_connect_is_telling(s, conn->own))
        code = no(VCX_E_CONNECT, why, "the connection is being connected already");
    if (code)
        return code;
    w = waiting_new(c, conn, o);
    if (!wait_for_link(s, c, w)) {
        if (w->way == VCX_BY_SMS || w->way == VCX_BY_AGENT)
            return tell(s, c, w, o->phone, why);
        code = make(s, w, reply, why);
    }
    vcx_waiting_destroy(&w);
    return code;
}

/* What is said to a peer names a key: the mediator must have it before. c->waits = it has not yet. */
static enum vcx_error wait_for_mediator(struct vcx_proc *s, struct vcx_command *c, const struct vcx_conn *conn,
                                        char *why)
{
    if (conn->state != (conn->role == VCX_INVITER ? VCX_INITIALIZED : VCX_OFFERED))
        return VCX_OK; /* the core says what is wrong */
    switch (vcx_relay_ready(s, conn->own)) {
    case VCX_RELAY_READY:
        return VCX_OK;
    case VCX_RELAY_REFUSED:
        return no(VCX_E_POST, why, "the mediator does not take the connection's key");
    default:
        break;
    }
    if (c->until && vcx_wall() >= c->until)
        return no(VCX_E_POST, why, "the mediator does not answer");
    if (!c->until)
        c->until = vcx_relay_deadline();
    c->waits = VCX_WAITS_KEY;
    memcpy(c->key, conn->own, VCX_KEY);
    return VCX_OK;
}

enum vcx_error vcx_connect(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why)
{
    struct pbay_str text = pbay_message_str(&c->asked, "options");
    json_t *json = text.n ? vcx_json_read(text, "options", why) : json_object();
    const struct vcx_conn *conn;
    struct vcx_options options;
    enum vcx_error code;
    char id[VCX_UUID];

    if (!json)
        return VCX_E_JSON;
    vcx_act_id(s, c, id);
    conn = vcx_core_find(s->core, id);
    code = conn ? vcx_options_read(&options, json, s->config.expires_in, why)
                : no(VCX_E_HANDLE, why, "there is no connection with this id");
    if (!code)
        code = wait_for_mediator(s, c, conn, why);
    if (!code && !c->waits)
        code =
            conn->role == VCX_INVITER ? invite(s, c, conn, &options, reply, why) : follow(s, id, &options, reply, why);
    json_decref(json);
    return code;
}
