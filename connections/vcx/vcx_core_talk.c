/* What is said after the two messages of a handshake: only by the peer on record, and nothing twice. */
#include <string.h>

#include "connections/vcx/vcx_core_int.h"

/* ---- what each message does ---- */

static bool tell_message(struct core_incoming *in)
{
    core_tell(in->core, in->conn, VCX_MESSAGE, in->message);
    return true;
}

static bool tell_pong(struct core_incoming *in)
{
    core_tell(in->core, in->conn, VCX_PONGED, in->message);
    return true;
}

static bool tell_features(struct core_incoming *in)
{
    core_tell(in->core, in->conn, VCX_FEATURES, in->message);
    return true;
}

/* That it came was all it had to say. */
static bool on_complete(struct core_incoming *in)
{
    (void)in;
    return true;
}

static bool on_ack(struct core_incoming *in)
{
    return core_is(in->thid, in->conn->request_id) || tell_message(in);
}

static bool on_ping(struct core_incoming *in)
{
    char id[VCX_UUID];
    struct vcx_head head = {.id = id, .thid = in->id.p};

    core_tell(in->core, in->conn, VCX_PINGED, in->message);
    if (json_is_false(json_object_get(in->message, "response_requested")))
        return true;
    vcx_uuid(in->core->conf.random, id);
    return core_send(in->core, in->conn, vcx_message_pong(&head), in->why);
}

static bool on_query(struct core_incoming *in)
{
    struct pbay_str query = vcx_json_str(in->message, "query", VCX_MAX_ID, in->why);
    char id[VCX_UUID];
    struct vcx_head head = {.id = id, .thid = in->id.p};

    if (!query.p)
        return false;
    vcx_uuid(in->core->conf.random, id);
    return core_send(in->core, in->conn,
                     vcx_message_disclose(&head, query, in->core->conf.protocols, in->core->conf.protocol_n), in->why);
}

/* Only codes that we know stand in a reason: it has no stranger's text. */
static const char *reason_of(const json_t *report)
{
    static const char *const reasons[][2] = {
        {"request_not_accepted", "the peer reports: request_not_accepted"},
        {"request_processing_error", "the peer reports: request_processing_error"},
        {"response_not_accepted", "the peer reports: response_not_accepted"},
        {"response_processing_error", "the peer reports: response_processing_error"}};
    const char *code = json_string_value(json_object_get(report, "problem-code"));

    if (!code)
        code = json_string_value(json_object_get(json_object_get(report, "description"), "code"));
    for (size_t i = 0; code && i < sizeof reasons / sizeof *reasons; i++) {
        if (strcmp(code, reasons[i][0]) == 0)
            return reasons[i][1];
    }
    return "the peer reports a problem";
}

/* In a handshake it ends the connection; afterwards it is told, and no more. */
static bool on_problem(struct core_incoming *in)
{
    core_tell(in->core, in->conn, VCX_PROBLEM_IN, in->message);
    if (in->conn->state == VCX_REQUESTED)
        core_move(in->core, in->conn, VCX_NONE, reason_of(in->message));
    return true;
}

/* ---- which it is, and whether it may be said now ---- */

enum {
    LIMITED = 1,  /* it wants an answer: not too often */
    THREADED = 2, /* while the handshake lasts, it must be in its thread */
    NO_PROOF = 4  /* does not say that the peer has our response; so an invitee may get it before one, too */
};

struct talk {
    const char *family, *name;
    unsigned flags;
    bool (*handle)(struct core_incoming *in);
};

static const struct talk talks[] = {
    {"didexchange", "complete", THREADED, on_complete},
    {"notification", "ack", THREADED, on_ack},
    {"trust_ping", "ping", LIMITED, on_ping},
    {"trust_ping", "ping_response", 0, tell_pong},
    {"discover-features", "query", LIMITED, on_query},
    {"discover-features", "disclose", 0, tell_features},
    {"connections", "problem_report", THREADED | NO_PROOF, on_problem},
    {"connections", "problem-report", THREADED | NO_PROOF, on_problem},
    {"didexchange", "problem_report", THREADED | NO_PROOF, on_problem},
    {"didexchange", "problem-report", THREADED | NO_PROOF, on_problem},
    {"report-problem", "problem-report", THREADED | NO_PROOF, on_problem},
};

static const struct talk other = {"", "", 0, tell_message};

static const struct talk *find_talk(const json_t *type)
{
    for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
        if (vcx_json_is_type(type, talks[i].family, 1, talks[i].name))
            return &talks[i];
    }
    return &other;
}

static bool may_say(struct core_incoming *in, const struct talk *talk)
{
    const struct vcx_conn *c = in->conn;

    if (c->state != VCX_ACCEPTED && c->state != VCX_REQUESTED)
        return vcx_why(in->why, "the connection is in state %d and listens to nobody", (int)c->state);
    if (!vcx_conn_knows(c, in->sender))
        return vcx_why(in->why, "the sender is not the connection's peer");
    if (c->state == VCX_ACCEPTED)
        return true;
    if (c->role == VCX_INVITEE && !(talk->flags & NO_PROOF))
        return vcx_why(in->why, "a message before the response");
    if ((talk->flags & THREADED) && !core_is(in->thid, c->request_id))
        return vcx_why(in->why, "a message about another handshake");
    return true;
}

/* RFC 0160: whatever the peer says after our response shows that it has it. */
bool core_on_talk(struct core_incoming *in)
{
    struct vcx_conn *c = in->conn;
    const struct talk *talk = find_talk(json_object_get(in->message, "@type"));

    if (!json_is_string(json_object_get(in->message, "@type")))
        return vcx_why(in->why, "@type is missing");
    if (!may_say(in, talk))
        return false;
    if (vcx_conn_has_seen(c, in->id))
        return true;
    if ((talk->flags & LIMITED) && !vcx_conn_allows(c, VCX_PEER, in->now))
        return vcx_why(in->why, "too many messages that want an answer");
    vcx_conn_see(c, in->id);
    if (c->state == VCX_REQUESTED && !(talk->flags & NO_PROOF))
        core_move(in->core, c, VCX_ACCEPTED, "the peer has answered");
    return talk->handle(in);
}
