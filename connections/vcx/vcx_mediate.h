/* A mediator's client: whoever cannot be reached from outside has a mediator (RFC 0211), which takes envelopes for keys
 * that it was told, and keeps them until they are picked up (RFC 0685; or pickup 1.0, whose mediators forget what they
 * have given out once). A state machine over one connection of a core: a `queued` one, which follows the mediator's
 * invitation. No socket, no clock, no file. The caller's turn, about that of vcx_core.h:
 *
 *     vcx_mediate_receive of actions of the connection, or any other call
 *     vcx_mediate_take until false: vcx_core_receive each envelope, store what is dirty, then vcx_mediate_done
 *     vcx_mediate_tick, and then the core's actions
 *
 * Messages are sent by vcx_mediate_tick, through the core; the answers come in the replies to their POSTs. One request
 * about the mediation and its keys is under way at a time, and beside it one about what is to be picked up, which the
 * mediator may hold for wait_ms (a member of the delivery-request that others ignore). What is not answered, and what
 * is refused for now, is asked again, later and later.
 *
 * Short links (shorten-url 1.0), if the mediator has said that it makes them: nobody waits for that, nor long for a
 * link.
 *
 * An envelope may come twice: it is the mediator's until it has heard that it is stored. The core knows the second one
 * by its @id.
 *
 * Times are milliseconds since 1970. Not for several threads at once.
 */
#ifndef VCX_MEDIATE_H
#define VCX_MEDIATE_H

#include "connections/vcx/vcx_core.h"

#define VCX_MEDIATE_KEYS   8192      /* known at a time */
#define VCX_MEDIATE_UPDATE 32        /* keys of one request */
#define VCX_MEDIATE_LIMIT  10        /* envelopes that are asked for at a time */
#define VCX_MEDIATE_ITEMS  64        /* held here; what comes beyond them is left with the mediator */
#define VCX_MEDIATE_BYTES  (4 << 20) /* of those envelopes together */

#define VCX_MEDIATE_ANSWER_MS   20000 /* for an answer, beside what it may be held */
#define VCX_MEDIATE_HELD_MS     2000  /* an empty answer that came sooner was not held, if it was to be */
#define VCX_MEDIATE_MAX_WAIT    60000 /* of wait_ms */
#define VCX_MEDIATE_FIRST_MS    1000  /* until asked again, at first; then twice as long each time, less some jitter */
#define VCX_MEDIATE_LAST_MS     30000 /* at most */
#define VCX_MEDIATE_DENIED_MS   60000 /* the same after a refusal of mediation */
#define VCX_MEDIATE_MAX_DENIED  3600000 /* at most */
#define VCX_MEDIATE_UNKNOWN_MAX 3       /* problem reports about keys, in a row, until mediation is asked for again */

#define VCX_MEDIATE_LINKS     256     /* short links that are wanted, or to be invalidated, at a time */
#define VCX_MEDIATE_LINK      255     /* bytes of one */
#define VCX_MEDIATE_LINK_MS   5000    /* for it to come */
#define VCX_MEDIATE_LINK_LATE 3600000 /* that one which has come later is tried to be invalidated */
#define VCX_MEDIATE_QUERY_MS  3600000 /* at most, until a mediator that does not answer is asked for them again */

/* Where peers post envelopes for us: wrapped for `routing` in its order. */
struct vcx_mediate_grant {
    char endpoint[VCX_MAX_URL + 1];
    size_t routing_n;
    uint8_t routing[VCX_MAX_ROUTING][VCX_KEY];
};

struct vcx_mediate_conf {
    const struct vcx_random *random;
    const struct vcx_mediate_grant *known; /* one that was stored: it is not asked for again, which some mediators do
                                              not survive. NULL = none. Copied */
    int64_t wait_ms;                       /* 0 to VCX_MEDIATE_MAX_WAIT: less than the caller waits for a reply */
    bool pickup_1;                         /* else 2.0, and 1.0 if the mediator reports a problem with that */
    bool links;                            /* ask whether the mediator makes short links */
};

struct vcx_mediate; /* opaque */

/* Both live as long as it. */
struct vcx_mediate *vcx_mediate_new(struct vcx_core *core, const char *connection, const struct vcx_mediate_conf *conf);
void vcx_mediate_destroy(struct vcx_mediate **m);

enum vcx_mediate_state {
    VCX_MEDIATE_ASKING, /* or the connection is not accepted yet */
    VCX_MEDIATE_GRANTED,
    VCX_MEDIATE_DENIED, /* asked again later */
    VCX_MEDIATE_ENDED   /* the connection is gone, or is not what it was: nothing happens any more */
};
enum vcx_mediate_state vcx_mediate_state(const struct vcx_mediate *m);

/* NULL = not granted. It lives until the next vcx_mediate_receive. */
const struct vcx_mediate_grant *vcx_mediate_grant(const struct vcx_mediate *m);

/* ---- keys ---- */

/* Envelopes for this key are to come to us, or not any more. After a restart all that are wanted are said again: the
 * mediator may have them already. A key that was refused is tried again. false = there are VCX_MEDIATE_KEYS. */
bool vcx_mediate_want(struct vcx_mediate *m, const uint8_t key[VCX_KEY]);
bool vcx_mediate_drop(struct vcx_mediate *m, const uint8_t key[VCX_KEY]);

enum vcx_mediate_key {
    VCX_MEDIATE_NONE,   /* nobody wants it */
    VCX_MEDIATE_TOLD,   /* or to be told: the mediator has not answered */
    VCX_MEDIATE_HAS,    /* the mediator forwards its envelopes */
    VCX_MEDIATE_REFUSED /* the mediator does not: after server_error it is asked again, after client_error never */
};
enum vcx_mediate_key vcx_mediate_key(const struct vcx_mediate *m, const uint8_t key[VCX_KEY]);
bool vcx_mediate_has(const struct vcx_mediate *m, const uint8_t key[VCX_KEY]);

/* ---- what comes in ---- */

/* An action of the core. false = it has nothing to do with mediation, and is the caller's. */
bool vcx_mediate_receive(struct vcx_mediate *m, const struct vcx_action *action, int64_t now);

/* The POST of this message has failed, or the reply had nothing in it: it need not be waited for. */
void vcx_mediate_lost(struct vcx_mediate *m, const char *message_id, int64_t now);

/* The next envelope; the caller ends it with pb_buf_fini, and says when all that it took are stored, or refused for
 * good: only then the mediator forgets them, and is asked for more. */
bool vcx_mediate_take(struct vcx_mediate *m, struct pb_buf *envelope);
void vcx_mediate_done(struct vcx_mediate *m);

/* Ask for envelopes now. true = vcx_mediate_rounds will grow when there are no more; false = nothing to wait for: they
 * come as soon as they are there, or there is no mediation. */
bool vcx_mediate_poll(struct vcx_mediate *m);

/* How often the mediator had nothing, or nothing more. */
uint64_t vcx_mediate_rounds(const struct vcx_mediate *m);

/* ---- short links ---- */

/* Of a connection's invitation. */
struct vcx_mediate_link {
    char connection[VCX_UUID], invitation[VCX_UUID]; /* invitation: its @id, by which the link is known here */
    char url[VCX_MEDIATE_LINK + 1];
    int64_t expires_at;
};

/* Has the mediator said that it makes them? */
bool vcx_mediate_has_links(const struct vcx_mediate *m);

/* Ask for one, for the invitation's URL; link->url is not looked at. false = it will not come: the mediator does not
 * make them, or not for this one. */
bool vcx_mediate_shorten(struct vcx_mediate *m, const struct vcx_mediate_link *link, struct pbay_str url, int64_t now);

/* May it still come, before VCX_MEDIATE_LINK_MS are over? One that comes later is invalidated. */
bool vcx_mediate_is_shortening(const struct vcx_mediate *m, const char *invitation);

/* The next one that has come: http or https, of the scheme, host and port that the grant names. */
bool vcx_mediate_take_link(struct vcx_mediate *m, struct vcx_mediate_link *link);

/* It is to lead nowhere any more. The mediator is told until it answers, whatever that is, or the link expires; then
 * take_dead gives it, and it may be forgotten. Saying it again does nothing; after a restart it must be said again. */
void vcx_mediate_invalidate(struct vcx_mediate *m, const struct vcx_mediate_link *link);
bool vcx_mediate_take_dead(struct vcx_mediate *m, struct vcx_mediate_link *link);

/* ---- time ---- */

/* Send what is due. Returns when it has to be called next: INT64_MAX = not before something happens; not after `now` =
 * the core's actions are to be taken first. */
int64_t vcx_mediate_tick(struct vcx_mediate *m, int64_t now);

#endif
