/* What a DID document says of reaching its owner: which keys, which services. Read from the two shapes that are about:
 * that of RFC 0160 (publicKey, a service IndyAgent with verkeys) and that of DID Core (verificationMethod or keys in
 * authentication, a service did-communication with references to them or did:keys).
 */
#ifndef VCX_DOC_H
#define VCX_DOC_H

#include "connections/vcx/vcx_json.h"
#include "connections/vcx/vcx_key.h"
#include "connections/vcx/vcx_pack.h"

#define VCX_MAX_URL          2048 /* bytes of an endpoint */
#define VCX_MAX_SERVICES     8    /* in a document */
#define VCX_MAX_SERVICE_KEYS 8    /* recipient keys of a service */
#define VCX_MAX_METHODS      16   /* keys in a document */
#define VCX_MAX_KEY_ID       512  /* bytes of a key's id, and of a reference to one */

/* A way to reach somebody: an envelope for recipients, wrapped for routing in its order, to endpoint. The endpoint is
 * what the document says, not checked: whoever connects to it looks at its scheme and its address. */
struct vcx_service {
    char endpoint[VCX_MAX_URL + 1];
    int64_t priority; /* the lowest first */
    size_t recipient_n, routing_n;
    uint8_t recipients[VCX_MAX_SERVICE_KEYS][VCX_KEY]; /* at least one */
    uint8_t routing[VCX_MAX_ROUTING][VCX_KEY];
};

struct vcx_doc {
    size_t key_n, service_n;
    uint8_t keys[VCX_MAX_METHODS][VCX_KEY];        /* the Ed25519 keys of the document itself */
    struct vcx_service services[VCX_MAX_SERVICES]; /* by priority; those of other kinds are left out */
};

/* Read a document; `did` is what it is for, so that keys may be named relative to it or with it in front. Whether the
 * document belongs to that DID is not looked at: vcx_did_resolve does. false = why. */
bool vcx_doc_read(struct vcx_doc *doc, const json_t *json, struct pbay_str did, char why[VCX_WHY]);

/* A service that stands alone, its keys as verkeys or did:keys: one in an out-of-band invitation, or an invitation of
 * RFC 0160, which has the same members. false = why. */
bool vcx_service_read(struct vcx_service *service, const json_t *json, char why[VCX_WHY]);

/* What there is to write. */
struct vcx_address {
    const uint8_t *key; /* Ed25519: the only recipient */
    const char *endpoint;
    const uint8_t (*routing)[VCX_KEY];
    size_t routing_n;
};

/* The document of RFC 0160 for the unqualified DID of the key; its @context is the only one that older peers take. The
 * caller ends it with json_decref; NULL = the endpoint is not UTF-8. */
json_t *vcx_doc_make(const struct vcx_address *address);

#endif
