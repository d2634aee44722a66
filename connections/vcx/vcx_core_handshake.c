/* The two messages that make a connection. Each looks at its sender itself: before them there is none on record. */
#include <string.h>

#include "connections/vcx/vcx_core_int.h"
#include "connections/vcx/vcx_sig.h"

/* Who the other side says it is, of its own document. */
struct peer {
    char did[VCX_MAX_DID + 1];
    char label[VCX_MAX_LABEL + 1];
    struct vcx_service service;
};

/* ---- identities ---- */

static bool resolve(struct peer *peer, struct pbay_str did, const json_t *document, char *why)
{
    struct vcx_doc doc;

    if (!vcx_did_resolve(&doc, did, document, why))
        return false;
    if (!doc.service_n)
        return vcx_why(why, "the DID's document has no service for these messages");
    peer->service = doc.services[0];
    memcpy(peer->did, did.p, did.n);
    peer->did[did.n] = 0;
    return true;
}

/* RFC 0160's {DID, DIDDoc}. */
static bool read_connection(struct peer *peer, const json_t *connection, char *why)
{
    struct pbay_str did = vcx_json_str(connection, "DID", VCX_MAX_DID, why);

    return did.p && resolve(peer, did, json_object_get(connection, "DIDDoc"), why);
}

/* RFC 0023's did, and its document if it came with it, signed by `signer`. */
static bool read_did(struct peer *peer, const json_t *message, const uint8_t signer[VCX_KEY], char *why)
{
    struct pbay_str did = vcx_json_str(message, "did", VCX_MAX_DID, why);
    struct pb_buf text = {0};
    json_t *document = NULL;
    bool good = did.p;

    if (good && vcx_json_has(message, "did_doc~attach")) {
        good = vcx_attach_read(&text, json_object_get(message, "did_doc~attach"), signer, why);
        document = good ? vcx_json_read((struct pbay_str){(char *)text.p, text.n}, "did_doc~attach", why) : NULL;
        good = document != NULL;
    }
    good = good && resolve(peer, did, document, why);
    json_decref(document);
    pb_buf_fini(&text);
    return good;
}

/* Only the key that has packed the message is known to be the peer's: a document may list other people's too. false =
 * it is not in the document. */
static bool keep_sender(struct vcx_service *service, const uint8_t sender[VCX_KEY])
{
    for (size_t i = 0; i < service->recipient_n; i++) {
        if (memcmp(service->recipients[i], sender, VCX_KEY) == 0) {
            memcpy(service->recipients[0], sender, VCX_KEY);
            service->recipient_n = 1;
            return true;
        }
    }
    return false;
}

/* ---- the inviter: requests ---- */

static bool read_request(struct core_incoming *in, enum vcx_protocol protocol, struct peer *peer)
{
    struct pbay_str label = vcx_json_str(in->message, "label", VCX_MAX_LABEL, in->why);
    bool good = protocol == VCX_CONNECTIONS ? read_connection(peer, json_object_get(in->message, "connection"), in->why)
                                            : read_did(peer, in->message, in->sender, in->why);

    if (!good)
        return false;
    if (label.p)
        memcpy(peer->label, label.p, label.n);
    return keep_sender(&peer->service, in->sender) ||
           vcx_why(in->why, "the request is packed with a key that is not in its document");
}

/* The sentence for the peer; NULL = nothing speaks against it. Older peers name no invitation in connections 1.0: its
 * key, which has no other use, names it. */
static const char *objection(const struct core_incoming *in, enum vcx_protocol protocol)
{
    const struct vcx_conn *c = in->conn;

    if (c->state != VCX_OFFERED)
        return "the invitation has been used, or is not valid any more";
    if (c->wish != VCX_AUTO && c->wish != protocol)
        return "the invitation does not offer this handshake";
    if (in->pthid.p ? !core_is(in->pthid, c->invitation_id) : protocol == VCX_DIDEXCHANGE)
        return "the request is for another invitation";
    if (in->thid.p && !pbay_str_eq(in->thid, in->id))
        return "the request is in another thread than its own";
    return NULL;
}

static bool refuse(struct core_incoming *in, enum vcx_protocol protocol, const struct peer *peer, const char *explain)
{
    char id[VCX_UUID], why[VCX_WHY];
    struct vcx_head head = {.id = id, .thid = in->id.p, .pthid = in->pthid.p ? in->conn->invitation_id : NULL};

    vcx_uuid(in->core->conf.random, id);
    if (vcx_conn_allows(in->conn, VCX_STRANGER, in->now))
        (void)core_send_to(in->core, in->conn, &peer->service,
                           vcx_message_problem(protocol, &head, "request_not_accepted", explain), why);
    return vcx_why(in->why, "%s", explain);
}

static json_t *make_response(const struct core_incoming *in, enum vcx_protocol protocol)
{
    const struct vcx_core *core = in->core;
    struct vcx_conn *c = in->conn;
    char id[VCX_UUID], attachment[VCX_UUID];
    struct vcx_head head = {
        .id = id, .thid = c->request_id, .pthid = protocol == VCX_DIDEXCHANGE ? c->invitation_id : NULL};
    struct vcx_signing signing = {.secret = core->conf.keys.secret(core->conf.keys.self, c->inviter),
                                  .seconds = in->now / 1000,
                                  .attachment = attachment};
    struct vcx_address address = core_address(core, c);

    vcx_uuid(core->conf.random, id);
    vcx_uuid(core->conf.random, attachment);
    return signing.secret ? vcx_message_response(protocol, &head, &address, &signing, c->own_did) : NULL;
}

static bool accept_request(struct core_incoming *in, enum vcx_protocol protocol, const struct peer *peer)
{
    struct vcx_conn *c = in->conn;

    memcpy(c->request_id, in->id.p, in->id.n + 1);
    c->theirs = peer->service;
    if (!core_say(in->core, c, make_response(in, protocol), in->why)) {
        c->request_id[0] = 0;
        c->theirs.recipient_n = 0;
        return false;
    }
    c->handshake = protocol;
    memcpy(c->their_did, peer->did, sizeof c->their_did);
    memcpy(c->their_label, peer->label, sizeof c->their_label);
    core_wait(c, in->now);
    core_move(in->core, c, VCX_REQUESTED, "a request came");
    return true;
}

/* ---- the inviter of many ---- */

static struct vcx_conn *find_child(const struct core_incoming *in)
{
    struct vcx_conn *c = in->core->by_id;

    while (c && !(c != in->conn && c->role == VCX_INVITER && core_is(in->id, c->request_id) &&
                  memcmp(c->inviter, in->conn->own, VCX_KEY) == 0 && vcx_conn_knows(c, in->sender)))
        c = c->by_id.next;
    return c;
}

/* The request is its own now: in->conn is the new connection. */
static bool branch(struct core_incoming *in)
{
    const struct vcx_conn *parent = in->conn;
    struct vcx_conn draft = {.role = VCX_INVITER, .wish = parent->wish, .on_expiry = parent->on_expiry};
    struct vcx_conn *child;

    memcpy(draft.source_id, parent->source_id, sizeof draft.source_id);
    memcpy(draft.invitation_id, parent->invitation_id, sizeof draft.invitation_id);
    memcpy(draft.inviter, parent->own, VCX_KEY);
    draft.ephemeral = parent->ephemeral;
    draft.expires_at = in->now + 1000 * VCX_EXPIRES_IN;
    draft.invitation = json_incref(parent->invitation);
    if (core_make(in->core, &draft, &child, in->why))
        return false;
    in->conn = child;
    return true;
}

/* The peer has not got the response; once it has said anything after it, it has. */
static bool repeat_response(struct core_incoming *in)
{
    struct vcx_conn *c = in->conn;

    if (c->state == VCX_ACCEPTED)
        return true;
    if (!vcx_conn_allows(c, VCX_PEER, in->now))
        return vcx_why(in->why, "the request is repeated too often");
    return core_send(in->core, c, json_incref(c->last), in->why);
}

static bool accept_from_many(struct core_incoming *in, enum vcx_protocol protocol, const struct peer *peer)
{
    if (!branch(in))
        return false;
    if (accept_request(in, protocol, peer))
        return true;
    core_remove(in->core, in->conn);
    return false;
}

bool core_on_request(struct core_incoming *in, enum vcx_protocol protocol)
{
    struct vcx_conn *c = in->conn, *child = c->multi_use ? find_child(in) : NULL;
    struct peer peer = {.did = ""};
    const char *explain;

    if (child) {
        in->conn = child;
        return child->state == VCX_REQUESTED || child->state == VCX_ACCEPTED
                   ? repeat_response(in)
                   : vcx_why(in->why, "the request's connection has ended");
    }
    if (c->role != VCX_INVITER || !c->invitation)
        return vcx_why(in->why, "a request to somebody who has not invited");
    if ((c->state == VCX_REQUESTED || c->state == VCX_ACCEPTED) && core_is(in->id, c->request_id) &&
        vcx_conn_knows(c, in->sender))
        return repeat_response(in);
    if (!read_request(in, protocol, &peer))
        return false;
    explain = objection(in, protocol);
    if (explain)
        return refuse(in, protocol, &peer, explain);
    return c->multi_use ? accept_from_many(in, protocol, &peer) : accept_request(in, protocol, &peer);
}

/* ---- the invitee: responses ---- */

static bool read_signed_connection(struct core_incoming *in, struct peer *peer)
{
    int64_t seconds;
    json_t *connection =
        vcx_sig_read(json_object_get(in->message, "connection~sig"), in->conn->inviter, &seconds, in->why);
    bool good = connection && read_connection(peer, connection, in->why);

    json_decref(connection);
    return good;
}

/* The DID itself must be signed, or its document. */
static bool read_signed_did(struct core_incoming *in, struct peer *peer)
{
    const json_t *did = json_object_get(in->message, "did");
    bool rotated = vcx_json_has(in->message, "did_rotate~attach");
    struct pb_buf text = {0};
    bool good;

    if (!rotated && !vcx_json_has(in->message, "did_doc~attach"))
        return vcx_why(in->why, "the response is not signed with the invitation's key");
    if (rotated) {
        good = vcx_attach_read(&text, json_object_get(in->message, "did_rotate~attach"), in->conn->inviter, in->why);
        if (good && !(json_is_string(did) && json_string_length(did) == text.n &&
                      memcmp(json_string_value(did), text.p, text.n) == 0))
            good = vcx_why(in->why, "did_rotate~attach has another DID");
        pb_buf_fini(&text);
        if (!good)
            return false;
    }
    return read_did(peer, in->message, in->conn->inviter, in->why);
}

/* What says to the inviter that the response is good. */
static json_t *make_answer(const struct core_incoming *in)
{
    const struct vcx_conn *c = in->conn;
    char id[VCX_UUID];
    struct vcx_head head = {.id = id, .thid = c->request_id};

    vcx_uuid(in->core->conf.random, id);
    if (c->handshake == VCX_DIDEXCHANGE) {
        head.pthid = c->invitation_id;
        return vcx_message_complete(&head);
    }
    if (vcx_json_has(in->message, "~please_ack"))
        return vcx_message_ack(&head);
    head.thid = NULL;
    return vcx_message_ping(&head, NULL);
}

static bool accept_response(struct core_incoming *in, const struct peer *peer)
{
    struct vcx_conn *c = in->conn;
    const struct vcx_service before = c->theirs;

    c->theirs = peer->service;
    if (!core_say(in->core, c, make_answer(in), in->why)) {
        c->theirs = before;
        return false;
    }
    memcpy(c->their_did, peer->did, sizeof c->their_did);
    core_move(in->core, c, VCX_ACCEPTED, "the response is good");
    return true;
}

/* The inviter itself has sent what cannot be accepted. in->why stays what it is. */
static bool give_up(struct core_incoming *in)
{
    struct vcx_conn *c = in->conn;
    char id[VCX_UUID], why[VCX_WHY];
    struct vcx_head head = {.id = id, .thid = c->request_id};

    vcx_uuid(in->core->conf.random, id);
    (void)core_send(in->core, c, vcx_message_problem(c->handshake, &head, "response_not_accepted", in->why), why);
    core_move(in->core, c, VCX_NONE, in->why);
    return false;
}

static bool repeat_answer(struct core_incoming *in)
{
    struct vcx_conn *c = in->conn;

    if (!vcx_conn_knows(c, in->sender) && memcmp(c->inviter, in->sender, VCX_KEY) != 0)
        return vcx_why(in->why, "the sender is not the connection's peer");
    if (!vcx_conn_allows(c, VCX_PEER, in->now))
        return vcx_why(in->why, "the response is repeated too often");
    return core_send(in->core, c, json_incref(c->last), in->why);
}

bool core_on_response(struct core_incoming *in, enum vcx_protocol protocol)
{
    struct vcx_conn *c = in->conn;
    struct peer peer = {.did = ""};
    bool good, begun = c->state == VCX_REQUESTED || c->state == VCX_ACCEPTED;

    if (c->role != VCX_INVITEE || !begun || c->handshake != protocol || !core_is(in->thid, c->request_id))
        return vcx_why(in->why, "a response to something that was not asked");
    if (c->state == VCX_ACCEPTED)
        return repeat_answer(in);
    good = protocol == VCX_CONNECTIONS ? read_signed_connection(in, &peer) : read_signed_did(in, &peer);
    if (!good)
        return vcx_conn_knows(c, in->sender) && give_up(in);
    if (!keep_sender(&peer.service, in->sender) && !vcx_conn_knows(c, in->sender))
        return vcx_why(in->why, "the response is packed with a key that is not in it");
    return accept_response(in, &peer);
}
