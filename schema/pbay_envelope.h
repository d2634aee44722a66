/* The envelope as agents and connections see it. All strings are borrowed views; who owns the bytes, and for how long,
 * is said by the function that takes or gives the envelope. */
#ifndef PBAY_ENVELOPE_H
#define PBAY_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PBAY_ID_SIZE       16   /* idempotency key, incarnation, boot id */
#define PBAY_MAX_ADDRESS   256  /* bytes in `to` and in `sender` */
#define PBAY_MAX_PUBLIC_ID 512  /* bytes in a public id */
#define PBAY_MAX_NAME      128  /* bytes in a node's name, an agent's name */
#define PBAY_MAX_INSTANCE  64   /* bytes in an instance */
#define PBAY_MAX_META      4096 /* bytes of metadata in one envelope, uri included */

/* A view of bytes; not ended by a NUL. p may be NULL when n is 0. */
struct pbay_str {
    const char *p;
    size_t n;
};

/* What may happen to an envelope whose receiver died with it (SPEC section 8). */
enum pbay_replay {
    PBAY_REPLAY_DEFAULT = 0, /* as the connection's configuration says; safe if it says nothing */
    PBAY_REPLAY_SAFE = 1,    /* given again, marked redelivered */
    PBAY_REPLAY_KEYED = 2,   /* given again only with its id; without one it is as `never` */
    PBAY_REPLAY_NEVER = 3    /* ends OUTCOME_UNKNOWN */
};

/* The very process that an envelope came from: the reply handle (SPEC section 6). */
struct pbay_origin {
    struct pbay_str name; /* node name; empty = no handle */
    struct pbay_str instance;
    uint8_t incarnation[PBAY_ID_SIZE];
};

struct pbay_envelope {
    struct pbay_str to;
    struct pbay_str sender;
    struct pbay_str protocol_id; /* protocol specification id, "author/name:version" */
    struct pbay_str message;     /* opaque bytes */
    struct pbay_str uri;         /* empty = none */

    /* Context: routing hints that never leave the agent. */
    struct pbay_str connection_id; /* public id of the connection to use; empty = routing decides */
    struct pbay_str instance;      /* instance of that connection; empty = any */
    struct pbay_origin origin;     /* received: where it came from. Sent: the reply handle; name empty = none */

    /* Metadata that travels beside the payload. */
    bool has_id;
    uint8_t id[PBAY_ID_SIZE];    /* the sender's idempotency key */
    struct pbay_str operation;   /* restrictions may name it: author/name:version#operation */
    struct pbay_str traceparent; /* W3C trace context */
    uint32_t ttl_ms;             /* time to live from put; 0 = for ever */
    enum pbay_replay replay;
    bool redelivered; /* received: an earlier receiver may have had it */
};

/* A view of a NUL-ended string; "" for NULL. */
struct pbay_str pbay_str(const char *s);

/* Same bytes? */
bool pbay_str_eq(struct pbay_str a, struct pbay_str b);

#ifdef __cplusplus
}
#endif
#endif
