/* Invitations: of Aries connections 1.0 (RFC 0160), out-of-band 1.x (RFC 0434), and libvcx's invite details, full and
 * abbreviated; as JSON, or in a URL with c_i= or oob=. Nothing is fetched here: a URL without either is somebody's
 * short link, which the caller resolves. */
#ifndef VCX_INVITE_H
#define VCX_INVITE_H

#include "connections/vcx/vcx_doc.h"
#include "connections/vcx/vcx_error.h"

#define VCX_MAX_INVITE 65536 /* bytes of an invitation, and of a URL that holds one */
#define VCX_MAX_LABEL  256   /* bytes of a label */

enum vcx_invite_kind { VCX_INVITE_CONNECTIONS, VCX_INVITE_OOB, VCX_INVITE_DETAILS };

struct vcx_invite {
    enum vcx_invite_kind kind;
    char id[VCX_MAX_ID + 1];       /* @id; connReqId of invite details */
    char label[VCX_MAX_LABEL + 1]; /* may be empty */
    struct vcx_service service;    /* CONNECTIONS, OOB: how the inviter is reached, and with which keys */
    bool connections, didexchange; /* handshakes that may follow */
    json_t *json;                  /* the whole; details in full. Owned */
};

/* Read JSON or a URL. On failure too, it is to be ended with vcx_invite_fini. VCX_OK; VCX_E_JSON = it is neither;
 * VCX_E_INVITE = it is no good invitation: why; VCX_E_OPTION = a URL without an invitation in it. */
enum vcx_error vcx_invite_read(struct vcx_invite *invite, struct pbay_str text, char why[VCX_WHY]);
void vcx_invite_fini(struct vcx_invite *invite);

/* Of connections 1.0, with verkeys; of out-of-band 1.1, with did:keys and an inline service, for did exchange 1.1 and
 * connections 1.0 in this order. The caller ends it with json_decref; NULL = a text is not UTF-8. */
json_t *vcx_invite_connections(const char *id, const char *label, const struct vcx_address *address);
json_t *vcx_invite_oob(const char *id, const char *label, const struct vcx_address *address);

/* Append BASE?c_i=... or BASE?oob=..., as its @type says; '&' where BASE has a query. false = it is neither, or out of
 * memory; then `out` is as it was. */
bool vcx_invite_url(struct pb_buf *out, const char *base, const json_t *invite);

#endif
