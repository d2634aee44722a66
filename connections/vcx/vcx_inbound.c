/* Envelopes that come. Those for a connection's key are the core's; those for our identity may be offers. */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "connections/vcx/vcx_proc.h"

#define LOG_EVERY_MS 10000 /* lines about what was refused */
#define OFFER_SOURCE "offer"

/* ---- what it is ---- */

bool vcx_inbound_is_envelope(struct pbay_str type)
{
    static const char *const types[] = {"application/ssi-agent-wire", "application/didcomm-envelope-enc"};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i]);

        if (type.n >= n && strncasecmp(type.p, types[i], n) == 0 &&
            (type.n == n || type.p[n] == ';' || type.p[n] == ' ' || type.p[n] == '\t'))
            return true;
    }
    return false;
}

void vcx_inbound_identity(const struct vcx_proc *s, struct pb_buf *out)
{
    char did[VCX_MAX_SOV], verkey[VCX_MAX_VERKEY];
    json_t *json;

    vcx_sov_text(s->identity, did);
    vcx_verkey_text(s->identity, verkey);
    json = json_pack("{s:s, s:s}", "DID", did, "verKey", verkey);
    (void)vcx_json_write(out, json);
    json_decref(json);
}

/* Whoever asks for it could fill the log. */
static unsigned refuse(struct vcx_proc *s, unsigned status, const char *why)
{
    int64_t now = vcx_wall();

    s->refused_n++;
    if (now >= s->refused_at + LOG_EVERY_MS || now < s->refused_at) {
        pbay_link_log(s->link, "envelopes refused: %u; this one: %s", s->refused_n, why);
        s->refused_at = now;
        s->refused_n = 0;
    }
    return status;
}

/* ---- offers ---- */

static bool is_welcome(const struct vcx_proc *s, const struct vcx_opened *opened)
{
    const struct vcx_config *c = &s->config;

    if (!opened->has_sender)
        return false;
    for (size_t i = 0; c->accept == VCX_ACCEPT_KNOWN && i < c->known_n; i++) {
        if (memcmp(c->known[i], opened->sender, VCX_KEY) == 0)
            return true;
    }
    return c->accept == VCX_ACCEPT_ALL;
}

/* Within begin. On failure nothing of it stays. */
static enum vcx_error follow(struct vcx_proc *s, struct pbay_str invitation, char *why)
{
    const struct vcx_create how = {.source_id = pbay_str(OFFER_SOURCE)};
    const struct vcx_connect options = {.expires_in = s->config.expires_in};
    char id[VCX_UUID], ignored[VCX_WHY];
    enum vcx_error code = vcx_core_create_with_invite(s->core, &how, invitation, id, why);

    if (code)
        return code;
    code = vcx_core_connect(s->core, id, &options, vcx_wall(), why);
    if (code) {
        (void)vcx_core_release(s->core, id, ignored);
        vcx_store_forget(s->db, id);
    }
    return code;
}

/* Once for each invitation, however often it is offered. */
static unsigned accept_offer(struct vcx_proc *s, const struct vcx_opened *opened, const char *invitation_id)
{
    const struct pbay_str text = {(const char *)opened->message.p, opened->message.n};
    const struct pbay_str named[] = {
        pbay_str("offer"), {(const char *)opened->sender, VCX_KEY}, pbay_str(invitation_id)};
    uint8_t cause[VCX_CAUSE];
    char why[VCX_WHY] = "";
    enum vcx_error code;

    vcx_cause(cause, named, sizeof named / sizeof *named);
    vcx_begin(s);
    if (vcx_done_find(s, cause, NULL)) {
        vcx_abort(s);
        return MHD_HTTP_ACCEPTED;
    }
    code = follow(s, text, why);
    if (!code)
        vcx_done_add(s, cause, pbay_str(OFFER_SOURCE));
    if (!vcx_commit(s, code != VCX_OK))
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    return code ? refuse(s, MHD_HTTP_BAD_REQUEST, why) : MHD_HTTP_ACCEPTED;
}

static unsigned take_offer(struct vcx_proc *s, const struct vcx_opened *opened)
{
    struct vcx_invite invite = {.json = NULL};
    char why[VCX_WHY];
    enum vcx_error code =
        vcx_invite_read(&invite, (struct pbay_str){(const char *)opened->message.p, opened->message.n}, why);
    unsigned status;

    if (code || invite.kind == VCX_INVITE_DETAILS)
        status = refuse(s, MHD_HTTP_BAD_REQUEST, "what came for the identity is no offer");
    else if (!is_welcome(s, opened))
        status = refuse(s, MHD_HTTP_FORBIDDEN, "an offer that auto_accept does not allow");
    else
        status = accept_offer(s, opened, invite.id);
    vcx_invite_fini(&invite);
    return status;
}

/* ---- envelopes ---- */

static unsigned take_message(struct vcx_proc *s, const struct vcx_opened *opened)
{
    char why[VCX_WHY];
    bool good;

    vcx_begin(s);
    good = vcx_core_receive_opened(s->core, opened, vcx_wall(), why);
    if (!vcx_commit(s, false))
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    return good ? MHD_HTTP_ACCEPTED : refuse(s, MHD_HTTP_BAD_REQUEST, why);
}

static unsigned take(struct vcx_proc *s, const struct vcx_opened *opened)
{
    if (s->event_n >= (int64_t)s->config.max_events)
        return refuse(s, MHD_HTTP_SERVICE_UNAVAILABLE, "too many messages wait for the agent");
    if (memcmp(opened->recipient, s->identity, VCX_KEY) == 0)
        return take_offer(s, opened);
    if (vcx_connect_is_telling(s, opened->recipient)) /* its answer is faster than the one to our offer */
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    return take_message(s, opened);
}

unsigned vcx_inbound(struct vcx_proc *s, struct pbay_str envelope)
{
    const struct vcx_keys keys = vcx_ring_keys(&s->ring);
    struct vcx_opened opened = {.has_sender = false};
    char why[VCX_WHY];
    unsigned status =
        vcx_unpack(envelope, &keys, &opened, why) ? take(s, &opened) : refuse(s, MHD_HTTP_BAD_REQUEST, why);

    vcx_opened_fini(&opened);
    return status;
}
