#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "schema/dialogue.h"
#include "schema/visibility.h"

/* self_initiated, opponent, NUL, reference. Neither a NUL in a reference nor one in an address makes two keys equal:
 * the first NUL is the separator, as an address has none. */
static char *make_key(bool self_initiated, struct pbay_str opponent, struct pbay_str starter, size_t *n)
{
    char *key;

    *n = 1 + opponent.n + 1 + starter.n;
    key = pb_alloc(*n);
    key[0] = self_initiated ? 's' : 'o';
    memcpy(key + 1, opponent.p, opponent.n);
    if (starter.n)
        memcpy(key + 1 + opponent.n + 1, starter.p, starter.n);
    return key;
}

struct pb_dialogue *pb_dialogues_find(const struct pbay_dialogues *ds, uint64_t id)
{
    struct pb_dialogue *d;

    HASH_FIND(by_id, ds->ids, &id, sizeof id, d);
    return d;
}

struct pb_dialogue *pb_dialogues_lookup(const struct pbay_dialogues *ds, bool self_initiated, struct pbay_str opponent,
                                        struct pbay_str starter)
{
    struct pb_dialogue *d;
    size_t n;
    char *key = make_key(self_initiated, opponent, starter, &n);

    HASH_FIND(by_key, ds->keys, key, n, d);
    free(key);
    return d;
}

static void leave_list(struct pbay_dialogues *ds, struct pb_dialogue *d)
{
    if (d->over) {
        DL_DELETE(ds->over, d);
        ds->count.over--;
    } else {
        DL_DELETE(ds->open, d);
        ds->count.open--;
    }
}

static void join_list(struct pbay_dialogues *ds, struct pb_dialogue *d)
{
    if (d->over) {
        DL_APPEND(ds->over, d);
        ds->count.over++;
    } else {
        DL_APPEND(ds->open, d);
        ds->count.open++;
    }
}

static void free_dialogue(struct pb_dialogue *d)
{
    for (size_t i = 0; i < 2; i++)
        free(d->sides[i].performatives);
    free(d->responder);
    free(d->key);
    free(d);
}

void pb_dialogues_forget(struct pbay_dialogues *ds, struct pb_dialogue *d)
{
    assert(ds->ids && ds->keys); /* d is in both */
    leave_list(ds, d);
    HASH_DELETE(by_id, ds->ids, d);
    HASH_DELETE(by_key, ds->keys, d);
    free_dialogue(d);
}

void pb_dialogues_touch(struct pbay_dialogues *ds, struct pb_dialogue *d, uint64_t now, bool over)
{
    leave_list(ds, d);
    d->last = now;
    d->over = over;
    join_list(ds, d);
}

struct pb_dialogue *pb_dialogues_add(struct pbay_dialogues *ds, bool self_initiated, struct pbay_str opponent,
                                     struct pbay_str starter)
{
    struct pb_dialogue *d;

    if (ds->count.open + ds->count.over == ds->max) {
        pb_dialogues_forget(ds, ds->over ? ds->over : ds->open);
        ds->count.displaced++;
    }
    d = pb_alloc(sizeof *d);
    d->id = ++ds->last_id;
    d->self_initiated = self_initiated;
    d->opponent_n = opponent.n;
    d->key = make_key(self_initiated, opponent, starter, &d->key_n);
    d->responder = pb_strndup(pbay_str(""));
    HASH_ADD(by_id, ds->ids, id, sizeof d->id, d);
    HASH_ADD_KEYPTR(by_key, ds->keys, d->key, d->key_n, d);
    join_list(ds, d);
    return d;
}

/* A counter behind the seed: no two of this process are equal, and none is one of another process but by chance. */
void pb_dialogues_reference(struct pbay_dialogues *ds, char reference[PB_REFERENCE_SIZE])
{
    snprintf(reference, PB_REFERENCE_SIZE, "%016" PRIx64 "%016" PRIx64, ds->seed, ++ds->last_reference);
}

void pb_side_add(struct pb_side *side, uint8_t performative)
{
    if (side->n == side->cap) {
        side->cap = side->cap ? side->cap * 2 : 4;
        side->performatives = pb_realloc(side->performatives, side->cap);
    }
    side->performatives[side->n++] = performative;
}

PBAY_API size_t pbay_dialogues_expire(struct pbay_dialogues *ds, uint64_t now)
{
    struct pb_dialogue **lists[] = {&ds->open, &ds->over};
    size_t n = 0;

    if (!ds->max_age || now < ds->max_age)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        for (struct pb_dialogue *d = *lists[i], *next; d && d->last < now - ds->max_age; d = next) {
            next = d->next;
            pb_dialogues_forget(ds, d);
            n++;
        }
    }
    ds->count.expired += n;
    return n;
}

PBAY_API void pbay_dialogues_count(const struct pbay_dialogues *ds, struct pbay_dialogues_count *count)
{
    *count = ds->count;
}

static void free_list(struct pb_dialogue *first)
{
    for (struct pb_dialogue *d = first, *next; d; d = next) {
        next = d->next;
        free_dialogue(d);
    }
}

PBAY_API void pbay_dialogues_destroy(struct pbay_dialogues **dialogues)
{
    struct pbay_dialogues *ds = *dialogues;

    if (!ds)
        return;
    HASH_CLEAR(by_id, ds->ids);
    HASH_CLEAR(by_key, ds->keys);
    free_list(ds->open);
    free_list(ds->over);
    free(ds->self);
    free(ds);
    *dialogues = NULL;
}
