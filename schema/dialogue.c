#include "schema/dialogue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/visibility.h"

#define DEFAULT_MAX 1024

static_assert(PBAY_MAX_PERFORMATIVES <= UINT8_MAX, "a performative fits a byte");

PBAY_API const char *pbay_dialogue_text(enum pbay_dialogue_err err)
{
    static const char *const texts[PBAY_DIALOGUE_ERR_COUNT] = {
#define TEXT(name, number, text) [number] = text,
        PBAY_DIALOGUE_ERRORS(TEXT)
#undef TEXT
    };

    return (unsigned)err < PBAY_DIALOGUE_ERR_COUNT ? texts[err] : "unknown";
}

/* ---- options ---- */

static bool wrong(char why[PBAY_MAX_WHY], const char *text)
{
    snprintf(why, PBAY_MAX_WHY, "dialogues: %s", text);
    return false;
}

/* An address as keys need it: not empty, not too long, no NUL. */
static bool is_address(struct pbay_str s)
{
    return s.n > 0 && s.n <= PBAY_MAX_ADDRESS && !memchr(s.p, 0, s.n);
}

/* The protocol's own string for a role; NULL = it has no such role. */
static const char *role_of(const struct pbay_protocol *p, const char *wanted, size_t otherwise)
{
    if (!wanted)
        return p->roles[otherwise];
    for (size_t i = 0; i < p->n_roles; i++) {
        if (strcmp(p->roles[i], wanted) == 0)
            return p->roles[i];
    }
    return NULL;
}

static bool check_options(const struct pbay_dialogues_opt *opt, const struct pbay_protocol *p, char why[PBAY_MAX_WHY])
{
    if (!p)
        return wrong(why, "no such protocol");
    if (p->n_roles == 0)
        return wrong(why, "the protocol has no rules for dialogues");
    if (!is_address(opt->self))
        return wrong(why, "self: expected an address");
    if (opt->max > PBAY_MAX_DIALOGUES)
        return wrong(why, "max: expected at most 65536");
    if (!role_of(p, opt->starter_role, 0) || !role_of(p, opt->responder_role, p->n_roles - 1))
        return wrong(why, "expected one of the protocol's roles");
    return true;
}

PBAY_API struct pbay_dialogues *pbay_dialogues_new(const struct pbay_dialogues_opt *opt, char why[PBAY_MAX_WHY])
{
    const struct pbay_protocol *p = pbay_protocols_find(opt->protocols, opt->protocol_id);
    struct pbay_dialogues *ds;

    if (!check_options(opt, p, why))
        return NULL;
    ds = pb_alloc(sizeof *ds);
    ds->protocol = p;
    ds->self = pb_strndup(opt->self);
    ds->roles[PB_STARTER_SIDE] = role_of(p, opt->starter_role, 0);
    ds->roles[PB_RESPONDER_SIDE] = role_of(p, opt->responder_role, p->n_roles - 1);
    ds->max = opt->max ? opt->max : DEFAULT_MAX;
    ds->max_age = opt->max_age_ms;
    ds->seed = opt->seed;
    return ds;
}

/* ---- rules ---- */

static size_t side_of(const struct pb_dialogue *d, bool outgoing)
{
    return outgoing == d->self_initiated ? PB_STARTER_SIDE : PB_RESPONDER_SIDE;
}

static int32_t last_id(const struct pb_dialogue *d, size_t side)
{
    int32_t n = (int32_t)d->sides[side].n;

    return side == PB_STARTER_SIDE ? n : -n;
}

static int32_t next_id(const struct pb_dialogue *d, size_t side)
{
    return last_id(d, side) + (side == PB_STARTER_SIDE ? 1 : -1);
}

/* The performative of a message; NULL = it has no such message. */
static const struct pbay_performative *message_of(const struct pbay_dialogues *ds, const struct pb_dialogue *d,
                                                  int32_t message_id)
{
    const struct pb_side *side = &d->sides[message_id > 0 ? PB_STARTER_SIDE : PB_RESPONDER_SIDE];
    int64_t n = message_id > 0 ? message_id : -(int64_t)message_id;

    return n == 0 || (uint64_t)n > side->n ? NULL : &ds->protocol->performatives[side->performatives[n - 1]];
}

static uint8_t index_of(const struct pbay_dialogues *ds, const struct pbay_message *m)
{
    return (uint8_t)(m->data->performative - ds->protocol->performatives);
}

static bool is_ours(const struct pbay_dialogues *ds, const struct pbay_message *m)
{
    return m->data && m->data->performative && m->data->known->protocol == ds->protocol;
}

/* May m follow, as message `id` of that side that answers `target`? (SPEC 14.7.2) */
static enum pbay_dialogue_err check_next(const struct pbay_dialogues *ds, const struct pb_dialogue *d, size_t side,
                                         const struct pbay_message *m, int32_t id, int32_t target)
{
    const struct pbay_performative *answered = message_of(ds, d, target);

    if (d->over)
        return PBAY_DIALOGUE_OVER; /* SPEC 14.7.3 */
    if (d->sides[side].n == PBAY_MAX_DIALOGUE_MESSAGES)
        return PBAY_DIALOGUE_TOO_LONG;
    if (id != next_id(d, side))
        return PBAY_DIALOGUE_MESSAGE_ID;
    if (!answered)
        return PBAY_DIALOGUE_TARGET;
    return answered->replies & 1U << index_of(ds, m) ? PBAY_DIALOGUE_OK : PBAY_DIALOGUE_REPLY;
}

static enum pbay_dialogue_err check_first(const struct pbay_message *m, int32_t id, int32_t target)
{
    if (id != 1)
        return PBAY_DIALOGUE_MESSAGE_ID;
    if (target != 0)
        return PBAY_DIALOGUE_TARGET;
    return m->data->performative->initial ? PBAY_DIALOGUE_OK : PBAY_DIALOGUE_INITIATION;
}

static void append(struct pbay_dialogues *ds, struct pb_dialogue *d, size_t side, uint64_t now,
                   const struct pbay_message *m)
{
    pb_side_add(&d->sides[side], index_of(ds, m));
    pb_dialogues_touch(ds, d, now, m->data->performative->terminal);
}

/* ---- outgoing ---- */

static void address(const struct pb_dialogue *d, struct pbay_message *m, int32_t id, int32_t target)
{
    m->message_id = id;
    m->target = target;
    m->starter = pb_message_keep(m->data, pb_dialogue_starter(d));
    m->responder = pb_message_keep(m->data, pbay_str(d->responder));
}

PBAY_API enum pbay_dialogue_err pbay_dialogue_open(struct pbay_dialogues *ds, uint64_t now, struct pbay_str opponent,
                                                   struct pbay_message *m, uint64_t *id)
{
    char reference[PB_REFERENCE_SIZE];
    enum pbay_dialogue_err err;
    struct pb_dialogue *d;

    *id = 0;
    pbay_dialogues_expire(ds, now);
    if (!is_ours(ds, m))
        return PBAY_DIALOGUE_PROTOCOL;
    if (!is_address(opponent) || pbay_str_eq(opponent, pbay_str(ds->self)))
        return PBAY_DIALOGUE_OPPONENT;
    err = check_first(m, 1, 0);
    if (err)
        return err;
    pb_dialogues_reference(ds, reference);
    d = pb_dialogues_add(ds, true, opponent, pbay_str(reference));
    address(d, m, 1, 0);
    append(ds, d, PB_STARTER_SIDE, now, m);
    *id = d->id;
    return PBAY_DIALOGUE_OK;
}

PBAY_API enum pbay_dialogue_err pbay_dialogue_reply(struct pbay_dialogues *ds, uint64_t now, uint64_t id,
                                                    int32_t target, struct pbay_message *m)
{
    enum pbay_dialogue_err err;
    struct pb_dialogue *d;
    size_t side;

    pbay_dialogues_expire(ds, now);
    d = pb_dialogues_find(ds, id);
    if (!is_ours(ds, m))
        return PBAY_DIALOGUE_PROTOCOL;
    if (!d)
        return PBAY_DIALOGUE_UNKNOWN;
    side = side_of(d, true);
    if (target == 0)
        target = d->heard ? last_id(d, side_of(d, false)) : last_id(d, side);
    err = check_next(ds, d, side, m, next_id(d, side), target);
    if (err)
        return err;
    address(d, m, next_id(d, side), target);
    if (d->heard)
        m->encoding = d->encoding;
    append(ds, d, side, now, m);
    return PBAY_DIALOGUE_OK;
}

/* ---- incoming ---- */

static enum pbay_dialogue_err take_first(struct pbay_dialogues *ds, uint64_t now, struct pbay_str sender,
                                         const struct pbay_message *m, struct pb_dialogue **to)
{
    enum pbay_dialogue_err err = check_first(m, m->message_id, m->target);
    char reference[PB_REFERENCE_SIZE];
    struct pb_dialogue *d;

    if (err)
        return err;
    if (pb_dialogues_lookup(ds, false, sender, m->starter))
        return PBAY_DIALOGUE_DUPLICATE; /* SPEC 14.7.4 */
    d = pb_dialogues_add(ds, false, sender, m->starter);
    pb_dialogues_reference(ds, reference);
    free(d->responder);
    d->responder = pb_strndup(pbay_str(reference));
    append(ds, d, PB_STARTER_SIDE, now, m);
    *to = d;
    return PBAY_DIALOGUE_OK;
}

/* Is the responder's half that of the dialogue, or may it be? A message may be without it (SPEC 14.7.1). */
static bool is_responder(const struct pb_dialogue *d, struct pbay_str reference)
{
    if (reference.n == 0)
        return true;
    if (!*d->responder)
        return d->self_initiated && !memchr(reference.p, 0, reference.n);
    return pbay_str_eq(reference, pbay_str(d->responder));
}

static enum pbay_dialogue_err take_next(struct pbay_dialogues *ds, uint64_t now, struct pbay_str sender,
                                        const struct pbay_message *m, struct pb_dialogue **to)
{
    struct pb_dialogue *d = pb_dialogues_lookup(ds, true, sender, m->starter);
    enum pbay_dialogue_err err;

    if (!d || !is_responder(d, m->responder))
        d = pb_dialogues_lookup(ds, false, sender, m->starter);
    if (!d || !is_responder(d, m->responder))
        return PBAY_DIALOGUE_UNKNOWN;
    err = check_next(ds, d, side_of(d, false), m, m->message_id, m->target);
    if (err)
        return err;
    if (!*d->responder && m->responder.n) {
        free(d->responder);
        d->responder = pb_strndup(m->responder);
    }
    append(ds, d, side_of(d, false), now, m);
    *to = d;
    return PBAY_DIALOGUE_OK;
}

PBAY_API enum pbay_dialogue_err pbay_dialogue_take(struct pbay_dialogues *ds, uint64_t now, struct pbay_str sender,
                                                   const struct pbay_message *m, uint64_t *id)
{
    struct pb_dialogue *d = NULL;
    enum pbay_dialogue_err err;
    bool first;

    *id = 0;
    pbay_dialogues_expire(ds, now);
    if (!is_ours(ds, m))
        return PBAY_DIALOGUE_PROTOCOL;
    if (!is_address(sender) || pbay_str_eq(sender, pbay_str(ds->self)))
        return PBAY_DIALOGUE_OPPONENT;
    if (m->starter.n == 0 || m->starter.n > PBAY_MAX_REFERENCE || m->responder.n > PBAY_MAX_REFERENCE)
        return PBAY_DIALOGUE_REFERENCE;
    first = m->responder.n == 0 && m->message_id == 1;
    err = first ? take_first(ds, now, sender, m, &d) : take_next(ds, now, sender, m, &d);
    if (err)
        return err;
    d->heard = true;
    d->encoding = m->encoding;
    *id = d->id;
    return PBAY_DIALOGUE_OK;
}

/* ---- looking ---- */

PBAY_API bool pbay_dialogue_look(const struct pbay_dialogues *ds, uint64_t id, struct pbay_dialogue_info *info)
{
    const struct pb_dialogue *d = pb_dialogues_find(ds, id);

    if (!d)
        return false;
    *info = (struct pbay_dialogue_info){
        .label = {.starter_reference = pb_dialogue_starter(d),
                  .responder_reference = pbay_str(d->responder),
                  .opponent = pb_dialogue_opponent(d),
                  .starter = d->self_initiated ? pbay_str(ds->self) : pb_dialogue_opponent(d)},
        .self_initiated = d->self_initiated,
        .over = d->over,
        .role = ds->roles[side_of(d, true)],
        .end_state = d->end_state,
        .last_incoming = last_id(d, side_of(d, false)),
        .last_outgoing = last_id(d, side_of(d, true)),
    };
    return true;
}

PBAY_API const char *pbay_dialogue_performative(const struct pbay_dialogues *ds, uint64_t id, int32_t message_id)
{
    const struct pb_dialogue *d = pb_dialogues_find(ds, id);
    const struct pbay_performative *p = d ? message_of(ds, d, message_id) : NULL;

    return p ? p->name : NULL;
}

/* ---- ends ---- */

static size_t end_state_of(const struct pbay_protocol *p, const char *end_state)
{
    size_t i = 0;

    while (i < p->n_end_states && strcmp(p->end_states[i], end_state) != 0)
        i++;
    return i;
}

PBAY_API enum pbay_dialogue_err pbay_dialogue_end(struct pbay_dialogues *ds, uint64_t id, const char *end_state)
{
    struct pb_dialogue *d = pb_dialogues_find(ds, id);
    size_t i = end_state_of(ds->protocol, end_state);

    if (!d)
        return PBAY_DIALOGUE_UNKNOWN;
    if (!d->over)
        return PBAY_DIALOGUE_NOT_OVER;
    if (i == ds->protocol->n_end_states || d->end_state)
        return PBAY_DIALOGUE_END_STATE;
    d->end_state = ds->protocol->end_states[i];
    ds->ended[d->self_initiated][i]++;
    if (!ds->protocol->keep_terminal)
        pb_dialogues_forget(ds, d);
    return PBAY_DIALOGUE_OK;
}

PBAY_API uint64_t pbay_dialogues_ended(const struct pbay_dialogues *ds, const char *end_state, bool self_initiated)
{
    size_t i = end_state_of(ds->protocol, end_state);

    return i == ds->protocol->n_end_states ? 0 : ds->ended[self_initiated][i];
}
