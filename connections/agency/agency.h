/* The agency: every decision, and no socket, no clock, no file but the database. Envelopes and the time come in;
 * answers and envelopes come out. The caller's turn is always
 *
 *     agency_receive, agency_tick or agency_end_waits
 *     agency_failure: if there is one, nothing of the turn has happened and nothing more will; the process ends
 *     agency_take until false: answer, and send
 *
 * Before a turn returns, what it has changed is in the database: connections, keys, queue and links in one transaction.
 *
 * Who may say what: the agency's own key takes forwards, from anybody. Everything else is for the key of a connection,
 * and vcx_core says whose it is. A client is one connection; all that it names - keys, messages, links - is looked for
 * among its own, so that nobody sees, takes or removes another's.
 *
 * Times are milliseconds since 1970. Not for several threads at once. */
#ifndef AGENCY_H
#define AGENCY_H

#include "connections/agency/agency_store.h"
#include "connections/vcx/vcx_core.h"

#define AGENCY_MAX_ENVELOPE (512U << 10) /* bytes of one that is queued: twice in base64 it fits into a delivery */
#define AGENCY_MAX_DELIVERY 100          /* envelopes in one */
#define AGENCY_MAX_UPDATES  256          /* of keys, in one message */
#define AGENCY_MAX_PAGE     500          /* keys in a keylist */
#define AGENCY_MAX_POLL     20000        /* milliseconds that an answer is held at most */
#define AGENCY_MAX_LINK     16384        /* bytes of a URL that is shortened */
#define AGENCY_SWEEP        60000        /* milliseconds between two looks for what is too old */

enum agency_policy { AGENCY_ALL, AGENCY_KNOWN };

struct agency_limits {
    unsigned clients;                    /* connections, whether granted or not */
    unsigned keys, messages, links;      /* of a client */
    uint32_t envelope;                   /* bytes; at most AGENCY_MAX_ENVELOPE */
    uint64_t bytes, total_bytes;         /* queued for a client; for all of them */
    unsigned ttl_hours;                  /* of a queued envelope */
    unsigned link_hours;                 /* the longest validity of a short link */
    unsigned ungranted_hours, idle_days; /* a client that was not heard of for so long is forgotten */
    uint32_t poll;                       /* milliseconds; at most AGENCY_MAX_POLL */
};

/* Everything lives as long as the agency. */
struct agency_conf {
    const char *label, *url; /* url: where others post to, without a slash at its end */
    enum agency_policy policy;
    const uint8_t (*known)[VCX_KEY]; /* KNOWN: who is granted mediation */
    size_t known_n;
    struct agency_limits limits;
    const struct vcx_random *random;
    struct vcx_keys keys;
    bool (*new_key)(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY]);
    void (*drop_key)(void *self, const uint8_t key[VCX_KEY]);
    void *self;
    struct vcx_db *db;
};

struct agency;

/* Read what is stored; the key and the invitations of an agency that has never run are made. NULL = why. */
struct agency *agency_new(const struct agency_conf *conf, int64_t now, char why[VCX_WHY]);
void agency_destroy(struct agency **agency);

/* ---- what comes in ---- */

/* An envelope that was posted. `tag` gets its AGENCY_REPLY: in this turn, or, while it waits, in a later one. */
void agency_receive(struct agency *a, void *tag, struct pbay_str envelope, int64_t now);

/* What is due. Returns when it has to be called next. */
int64_t agency_tick(struct agency *a, int64_t now);

/* Everything that waits is answered now. */
void agency_end_waits(struct agency *a, int64_t now);

/* ---- what comes out ---- */

enum agency_out_kind { AGENCY_REPLY, AGENCY_POST, AGENCY_LOG };

struct agency_out {
    enum agency_out_kind kind;
    void *tag;                      /* REPLY */
    unsigned status;                /* REPLY: of HTTP */
    char why[VCX_WHY];              /* REPLY without an envelope, LOG: a sentence */
    char endpoint[VCX_MAX_URL + 1]; /* POST: not checked */
    struct pb_buf envelope;
    struct agency_out *prev, *next;
};

/* The oldest; the caller ends it with agency_out_destroy. NULL = there is none. */
struct agency_out *agency_take(struct agency *a);
void agency_out_destroy(struct agency_out **out);

/* NULL = all is well. */
const char *agency_failure(const struct agency *a);

/* ---- what everybody may see ---- */

enum agency_invitation { AGENCY_OOB, AGENCY_CONNECTIONS, AGENCY_INVITATIONS };

/* The invitation for any number of clients, and its URL. They live as long as the agency; NULL = there is none now. */
const json_t *agency_invitation(const struct agency *a, enum agency_invitation which);
void agency_invitation_url(const struct agency *a, enum agency_invitation which, struct pb_buf *url);

/* The key that forwards are for. */
const uint8_t *agency_key(const struct agency *a);

/* The URL behind a short link, appended. 200; 404 = there is none; 410 = it was used, or is too old. */
unsigned agency_open_link(struct agency *a, const char *uid, int64_t now, struct pb_buf *url);

#endif
