/* Between the files of dialogues: dialogue.c has the rules, dialogue_table.c what is remembered. */
#ifndef PB_DIALOGUE_H
#define PB_DIALOGUE_H

#include <uthash.h>

#include "schema/message.h"
#include "schema/pbay_dialogue.h"

enum { PB_STARTER_SIDE, PB_RESPONDER_SIDE };

/* Messages of one side: of message n (1, 2, ... whatever its sign) the performative is [n - 1]. */
struct pb_side {
    uint8_t *performatives;
    size_t n, cap;
};

struct pb_dialogue {
    uint64_t id;
    char *key; /* self_initiated, opponent, NUL, starter's reference: owned */
    size_t key_n, opponent_n;
    char *responder; /* reference, owned; "" = not known yet */
    bool self_initiated, over;
    bool heard; /* the other side has sent something */
    enum pbay_encoding encoding;
    const char *end_state;
    struct pb_side sides[2];
    uint64_t last; /* time of the last message */
    struct pb_dialogue *prev, *next;
    UT_hash_handle by_id, by_key;
};

struct pbay_dialogues {
    const struct pbay_protocol *protocol;
    char *self;
    const char *roles[2];
    size_t max;
    uint64_t max_age, seed, last_id, last_reference;
    struct pb_dialogue *ids, *keys;         /* hashes of all */
    struct pb_dialogue *open, *over;        /* lists: the one that was silent the longest is first */
    uint64_t ended[2][PBAY_MAX_END_STATES]; /* [self initiated] */
    struct pbay_dialogues_count count;
};

struct pb_dialogue *pb_dialogues_find(const struct pbay_dialogues *ds, uint64_t id);
struct pb_dialogue *pb_dialogues_lookup(const struct pbay_dialogues *ds, bool self_initiated, struct pbay_str opponent,
                                        struct pbay_str starter);

/* A new one; another is displaced if there is no room. */
struct pb_dialogue *pb_dialogues_add(struct pbay_dialogues *ds, bool self_initiated, struct pbay_str opponent,
                                     struct pbay_str starter);

void pb_dialogues_forget(struct pbay_dialogues *ds, struct pb_dialogue *d);

/* A message of its has come or gone: it goes to the end of its list, which is another one if it is over now. */
void pb_dialogues_touch(struct pbay_dialogues *ds, struct pb_dialogue *d, uint64_t now, bool over);

/* Our half of a new reference. */
#define PB_REFERENCE_SIZE 33 /* its NUL included */
void pb_dialogues_reference(struct pbay_dialogues *ds, char reference[PB_REFERENCE_SIZE]);

void pb_side_add(struct pb_side *side, uint8_t performative);

static inline struct pbay_str pb_dialogue_opponent(const struct pb_dialogue *d)
{
    return (struct pbay_str){d->key + 1, d->opponent_n};
}

static inline struct pbay_str pb_dialogue_starter(const struct pb_dialogue *d)
{
    size_t before = 1 + d->opponent_n + 1;

    return (struct pbay_str){d->key + before, d->key_n - before};
}

#endif
