/* A client of a mediator, over a core whose connection is accepted already, and a small mediator. The test holds what
 * the client has asked, and says when, and whether, it is answered. */
#ifndef VCX_MEDIATE_WORLD_H
#define VCX_MEDIATE_WORLD_H

#include "tests/unit/vcx_core_world.h"

#include "connections/vcx/vcx_mediate.h"

#define ORIGIN   "http://mediator.example"
#define ENDPOINT ORIGIN "/in"

struct mediate_world {
    struct core_world w;
    struct vcx_mediate *m;
    struct vcx_mediate_conf conf;
    const char *id;       /* of the connection */
    uint8_t own[VCX_KEY]; /* its key */
    json_t *asked;        /* what the client has sent and nobody has answered, the oldest first */
    int64_t due;
    uint64_t numbers; /* for @ids */

    /* the mediator */
    json_t *keys;       /* did:key -> true */
    json_t *queue;      /* [{"id", "envelope"}] */
    unsigned denials;   /* to come */
    bool new_unknown;   /* it does not know pickup 2.0 */
    bool as_base64;     /* how it attaches */
    const char *result; /* of keylist updates; NULL = what happened */
    size_t update_max;  /* the longest update that came */
    const char *offers; /* what it discloses; NULL = nothing */
    json_t *links;      /* what was shortened: short link -> the request; null = invalidated */
    json_t *given;      /* envelopes that the client was given: text -> how often */
};

void mediate_open(struct mediate_world *w, const struct vcx_mediate_conf *conf);
void mediate_close(struct mediate_world *w);

/* The client's process dies and begins again; the connection is as it was. */
void mediate_restart(struct mediate_world *w);

/* The caller's turn: what is picked up is noted in `given`, what is due is sent. */
void mediate_turn(struct mediate_world *w);
void mediate_turn_at(struct mediate_world *w, int64_t now);

/* The oldest question's type without "https://didcomm.org/"; "" = there is none. */
const char *mediate_asks(const struct mediate_world *w);
const json_t *mediate_question(const struct mediate_world *w);

/* Take the question at `at` away, unanswered. */
void mediate_lose(struct mediate_world *w, size_t at);

/* The mediator does what the question at `at` says. The answer comes, or is lost. */
void mediate_serve(struct mediate_world *w, size_t at, bool lost);

/* Serve until nothing is asked; a question that may be held stays if there is nothing to give. */
void mediate_settle(struct mediate_world *w);

/* Any answer to the oldest question: a type after the prefix, and what JSON it has beside @id and ~thread. `json` is
 * given away. */
void mediate_answer(struct mediate_world *w, const char *type, json_t *json);

/* The same, out of the blue. */
void mediate_say(struct mediate_world *w, const char *type, json_t *json);

/* Somebody posts an envelope. */
void mediate_post(struct mediate_world *w, const char *envelope);

void mediate_key(uint8_t key[VCX_KEY], unsigned number);

/* Opened, and granted. */
void mediate_open_granted(struct mediate_world *w, const struct vcx_mediate_conf *conf);

void mediate_expect_between(int64_t time, int64_t from, int64_t to);

/* The next time something is due, from now on, is in this range; be there. */
void mediate_wait_between(struct mediate_world *w, int64_t from, int64_t to);

#endif
