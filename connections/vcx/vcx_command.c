/* A command is done, and its reply is kept with its cause, in one transaction; then the reply is given, and when the
 * agent has that, the command is settled. So whoever dies when, the command is given again to the next process, which
 * finds the reply and gives that. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/vcx/vcx_proc.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MAX_ERROR    1024 /* bytes of a reply that says an error */

/* ---- life ---- */

/* What the reply is addressed with: the envelope's views end with its settlement. */
static void keep_names(struct vcx_command *c, const struct pbay_envelope *e)
{
    const struct {
        struct pbay_str *kept, from;
    } names[] = {{&c->to, e->sender},
                 {&c->sender, e->to},
                 {&c->operation, e->operation},
                 {&c->origin_name, e->origin.name},
                 {&c->origin_instance, e->origin.instance}};
    size_t at = 0;

    for (size_t i = 0; i < COUNT(names); i++)
        pb_buf_add(&c->names, names[i].from.p, names[i].from.n);
    for (size_t i = 0; i < COUNT(names); i++) {
        *names[i].kept = (struct pbay_str){(const char *)c->names.p + at, names[i].from.n};
        at += names[i].from.n;
    }
    memcpy(c->incarnation, e->origin.incarnation, sizeof c->incarnation);
}

static struct vcx_command *command_new(struct vcx_proc *s, uint64_t tag)
{
    struct vcx_command *c = pb_alloc(sizeof *c);

    c->tag = tag;
    DL_APPEND(s->commands, c);
    s->command_n++;
    return c;
}

static void command_destroy(struct vcx_proc *s, struct vcx_command *c)
{
    vcx_job_remove(s, &c->job);
    if (c->state == VCX_GIVEN)
        HASH_DELETE(by_number, s->given, c);
    s->ready_n -= c->state == VCX_READY;
    DL_DELETE(s->commands, c);
    s->command_n--;
    vcx_waiting_destroy(&c->waiting);
    pbay_message_fini(&c->asked);
    pb_buf_fini(&c->names);
    pb_buf_fini(&c->reply);
    free(c);
}

void vcx_command_clear(struct vcx_proc *s)
{
    struct vcx_command *c, *next;

    DL_FOREACH_SAFE (s->commands, c, next)
        command_destroy(s, c);
    assert(s->command_n == 0 && s->ready_n == 0);
}

/* ---- replies ---- */

static void make_ready(struct vcx_proc *s, struct vcx_command *c)
{
    vcx_waiting_destroy(&c->waiting);
    c->state = VCX_READY;
    s->ready_n++;
    pbay_link_wake(s->link);
}

/* In the dialogue that the command has begun; our part of its reference comes of the cause. */
static struct pbay_str encode(const struct vcx_command *c, struct pbay_message *reply)
{
    char reference[VCX_REFERENCE + 1];
    struct pbay_message asked = {.message_id = 1, .starter = c->asked.starter, .responder = {reference, VCX_REFERENCE}};
    struct pbay_str bytes;
    enum pbay_err err;

    asked.encoding = c->asked.encoding;
    sodium_bin2hex(reference, sizeof reference, c->cause, VCX_REFERENCE / 2);
    pbay_message_answer(reply, &asked);
    err = pbay_message_encode(reply, &bytes);
    assert(!err); /* all of it is UTF-8 */
    return bytes;
}

static void make_error(struct vcx_proc *s, enum vcx_error code, const char *why, struct pbay_message *reply)
{
    char text[VCX_WHY + 128];
    enum pbay_err err;

    (void)snprintf(text, sizeof text, "%s: %s", vcx_error_text(code), why);
    err = pbay_vcx_connection_error_init(reply, s->protocols, (int32_t)code, pbay_str(text));
    assert(!err);
}

/* An error is not kept: nothing was done, and the next time it may be. */
void vcx_command_finish(struct vcx_proc *s, struct vcx_command *c, enum vcx_error code, struct pbay_message *reply,
                        const char *why)
{
    const struct vcx_act_row *row = vcx_act_find(c->asked.performative);
    struct pbay_str bytes;

    if (code)
        make_error(s, code, why, reply);
    bytes = encode(c, reply);
    pb_buf_add(&c->reply, bytes.p, bytes.n);
    if (row->once && !code)
        vcx_done_add(s, c->cause, bytes);
    if (vcx_commit(s, true))
        make_ready(s, c);
}

/* ---- commands ---- */

/* Not PBAY_OK = *why nobody could do this. */
static enum pbay_err read_message(struct vcx_proc *s, struct vcx_command *c, const struct pbay_envelope *e,
                                  const char **why)
{
    struct pbay_message *m = &c->asked;

    *why = "it is not of " PBAY_VCX_CONNECTION_ID;
    if (!pbay_str_eq(e->protocol_id, pbay_str(PBAY_VCX_CONNECTION_ID)))
        return PBAY_FAILED;
    *why = m->why;
    if (pbay_message_decode(m, s->protocols, e->protocol_id, e->message))
        return PBAY_MALFORMED;
    *why = "it is not a command";
    if (!vcx_act_find(m->performative))
        return PBAY_FAILED;
    *why = "it does not begin a dialogue";
    if (m->message_id != 1 || m->target != 0 || m->starter.n == 0 || m->responder.n)
        return PBAY_FAILED;
    *why = "its operation is not its performative";
    return e->operation.n == 0 || pbay_str_eq(e->operation, pbay_str(m->performative)) ? PBAY_OK : PBAY_FAILED;
}

static void run(struct vcx_proc *s, struct vcx_command *c)
{
    const struct vcx_act_row *row = vcx_act_find(c->asked.performative);
    struct pbay_message reply = {0};
    char why[VCX_WHY] = "";
    enum vcx_error code;

    vcx_begin(s);
    if (row->once && vcx_done_find(s, c->cause, &c->reply)) {
        vcx_abort(s);
        make_ready(s, c);
        return;
    }
    code = row->act(s, c, &reply, why);
    if ((c->waiting || c->waits) && !code)
        vcx_abort(s);
    else
        vcx_command_finish(s, c, code, &reply, why);
    pbay_message_fini(&reply);
}

static bool has_come(const struct vcx_proc *s, const struct vcx_command *c)
{
    if (vcx_wall() >= c->until)
        return true;
    if (c->waits == VCX_WAITS_LINK)
        return !vcx_link_may_come(s, c->invitation);
    return c->waits == VCX_WAITS_KEY ? vcx_relay_ready(s, c->key) != VCX_RELAY_WAIT
                                     : vcx_relay_has_polled(s, c->rounds);
}

int64_t vcx_command_again(struct vcx_proc *s)
{
    int64_t due = VCX_NEVER;
    struct vcx_command *c;

    DL_FOREACH (s->commands, c) {
        if (!s->broken[0] && c->waits && has_come(s, c)) {
            c->waits = VCX_WAITS_NOT;
            run(s, c);
        }
        if (c->waits && c->until < due)
            due = c->until;
    }
    return due;
}

enum pbay_err vcx_command_take(struct vcx_proc *s, const struct pbay_envelope *e, uint64_t tag)
{
    const struct pbay_str named[] = {e->sender, e->message};
    struct vcx_command *c;
    enum pbay_err err;
    const char *why;

    if (s->refusing || s->broken[0] || s->command_n >= s->config.max_commands) {
        s->full = true;
        return PBAY_AGAIN;
    }
    c = command_new(s, tag);
    err = read_message(s, c, e, &why);
    if (err) {
        err = pbay_link_fail(s->link, err, "no command for VCX: %s", why);
        command_destroy(s, c);
        return err;
    }
    keep_names(c, e);
    vcx_cause(c->cause, named, COUNT(named));
    run(s, c);
    if (!s->broken[0])
        return PBAY_PENDING;
    command_destroy(s, c); /* nothing of it was done */
    return PBAY_AGAIN;
}

/* ---- replies become envelopes ---- */

/* To the very process that asked: the dialogue is there. */
bool vcx_command_give(struct vcx_proc *s, struct pbay_envelope *e, uint64_t *tag)
{
    struct vcx_command *c;

    DL_FOREACH (s->commands, c) {
        if (c->state == VCX_READY)
            break;
    }
    if (!c)
        return false;
    s->ready_n--;
    c->state = VCX_GIVEN;
    c->number = *tag = ++s->last_number;
    HASH_ADD(by_number, s->given, number, sizeof c->number, c);
    e->to = c->to;
    e->sender = c->sender;
    e->protocol_id = pbay_str(PBAY_VCX_CONNECTION_ID);
    e->operation = c->operation;
    e->message = (struct pbay_str){(const char *)c->reply.p, c->reply.n};
    e->origin.name = c->origin_name;
    e->origin.instance = c->origin_instance;
    memcpy(e->origin.incarnation, c->incarnation, sizeof e->origin.incarnation);
    return true;
}

/* What does not fit into an envelope is replaced by an error, which does. */
static void say_too_big(struct vcx_proc *s, struct vcx_command *c)
{
    struct pbay_message reply = {0};
    struct pbay_str bytes;

    HASH_DELETE(by_number, s->given, c);
    make_error(s, VCX_E_UNKNOWN, "the reply is longer than patchbay.max_envelope", &reply);
    bytes = encode(c, &reply);
    pb_buf_fini(&c->reply);
    pb_buf_add(&c->reply, bytes.p, bytes.n);
    pbay_message_fini(&reply);
    make_ready(s, c);
}

void vcx_command_outcome(struct vcx_proc *s, uint64_t number, enum pbay_err err)
{
    struct vcx_command *c;

    HASH_FIND(by_number, s->given, &number, sizeof number, c);
    if (!c)
        return;
    if (err == PBAY_TOO_BIG && c->reply.n > MAX_ERROR) {
        say_too_big(s, c);
        return;
    }
    if (err)
        pbay_link_settle_why(s->link, c->tag, PBAY_OUTCOME_UNKNOWN, "its reply ended with %s", pbay_err_name(err));
    else
        pbay_link_settle(s->link, c->tag, PBAY_OK);
    command_destroy(s, c);
    if (s->full)
        pbay_link_wake(s->link);
    s->full = false;
}
