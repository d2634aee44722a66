/* Streams as their receiver: what was settled, opening, forgetting (SPEC section 6). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "schema/mutation.h"
#include "schema/session_int.h"

/* Receiver streams of senders that never came back after a broker's crash; the oldest give way (SPEC 10). */
#define MAX_RECEIVERS 16384

static uint64_t watermark(const struct pb_receiver *rs)
{
    return rs->w.lo - 1;
}

bool pb_recv_is_held(const struct pb_slot *slot)
{
    return slot && slot->state >= SLOT_HELD && slot->state <= SLOT_REFUSED;
}

void pb_recv_owe_settle(struct pb_session *s, struct pb_receiver *rs)
{
    if (rs->dirty || PB_UNSETTLED)
        return;
    rs->dirty = true;
    rs->next_dirty = s->dirty;
    s->dirty = rs;
}

/* SPEC 6.5: over what is settled, over holes only up to the highest received in this round, never over what is held. */
void pb_recv_advance(struct pb_receiver *rs)
{
    struct pb_slot *slot = pb_window_at(&rs->w, rs->w.lo);

    while (rs->w.lo <= rs->hi || (slot && slot->state == SLOT_SETTLED)) {
        if (pb_recv_is_held(slot))
            return;
        if (slot && slot->state == SLOT_SETTLED)
            rs->above--;
        pb_window_shift(&rs->w);
        slot = pb_window_at(&rs->w, rs->w.lo);
    }
}

/* ---- ranges ---- */

static bool in_state(const struct pb_receiver *rs, uint64_t q, bool held)
{
    const struct pb_slot *slot = pb_window_at(&rs->w, q);

    return held ? pb_recv_is_held(slot) : slot && slot->state == SLOT_SETTLED;
}

/* Append the runs of settled (or held) sequences above the watermark; how many runs. */
static uint32_t put_ranges(const struct pb_receiver *rs, bool held, struct pb_buf *list)
{
    uint32_t n = 0;

    for (uint64_t q = rs->w.lo; q < pb_window_end(&rs->w) && n < PB_MAX_RANGES; q++) {
        uint64_t lo = q;

        if (!in_state(rs, q, held))
            continue;
        while (in_state(rs, q + 1, held))
            q++;
        pb_put_range(list, lo, q);
        n++;
    }
    return n;
}

static void put_settled(struct pb_buf *b, struct pb_receiver *rs, enum pb_verb verb)
{
    struct pb_buf settled = {0}, held = {0};
    struct pb_frame f = {.verb = verb, .stream = rs->no, .round = rs->round, .wm = watermark(rs)};

    if (rs->above)
        f.settled.n = put_ranges(rs, false, &settled);
    f.settled.raw = (struct pbay_str){(const char *)settled.p, settled.n};
    if (verb == PB_ANSWER)
        f.held.n = put_ranges(rs, true, &held);
    f.held.raw = (struct pbay_str){(const char *)held.p, held.n};
    pb_frame_write(b, PB_UP, &f);
    pb_buf_fini(&settled);
    pb_buf_fini(&held);
}

/* SPEC 6.5: one SETTLE for each stream that changed, in the message that is sent now. */
void pb_recv_pack(struct pb_session *s, struct pb_buf *b)
{
    while (s->dirty && b->n < PB_BATCH) {
        struct pb_receiver *rs = s->dirty;

        s->dirty = rs->next_dirty;
        rs->dirty = false;
        if (rs->no == 0)
            continue; /* the next ANSWER says it */
        put_settled(b, rs, PB_SETTLE);
    }
}

/* ---- forgetting ---- */

static void drop_names(struct pb_names *names)
{
    if (names && --names->refs == 0)
        free(names);
}

void pb_recv_free_held(struct pb_session *s, struct pb_held *h)
{
    drop_names(h->names);
    pb_pool_give(&s->pool, h, sizeof *h + h->n);
}

static void forget_held(struct pb_session *s, struct pb_receiver *rs, struct pb_slot *slot)
{
    struct pb_held *h = slot->p;

    if (slot->state == SLOT_HELD) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): utlist's first element */
        DL_DELETE(s->ready, h);
        pb_recv_free_held(s, h);
    } else if (slot->state == SLOT_STARTED) {
        h->stream = NULL; /* the application still works on it; its end is nobody's business any more */
    } else {
        free(slot->p);
    }
    slot->p = NULL;
    slot->state = 0;
    rs->held--;
}

/* SPEC 6.4: what is not started is given again in the next round. */
static void forget_unstarted(struct pb_session *s, struct pb_receiver *rs)
{
    rs->hi = watermark(rs);
    for (uint64_t q = rs->w.lo; q < pb_window_end(&rs->w); q++) {
        struct pb_slot *slot = pb_window_at(&rs->w, q);

        if (slot->state == SLOT_HELD)
            forget_held(s, rs, slot);
        if (slot->state)
            rs->hi = q;
    }
    rs->blocked = false;
}

static void undirty(struct pb_session *s, struct pb_receiver *rs)
{
    struct pb_receiver **p = &s->dirty;

    if (!rs->dirty)
        return;
    while (*p != rs)
        p = &(*p)->next_dirty;
    *p = rs->next_dirty;
    rs->dirty = false;
}

static void set_no(struct pb_session *s, struct pb_receiver *rs, uint32_t no)
{
    s->recent = NULL;
    if (rs->no)
        HASH_DELETE(by_no, s->receivers_by_no, rs);
    rs->no = no;
    if (no)
        HASH_ADD(by_no, s->receivers_by_no, no, sizeof rs->no, rs);
}

static void free_receiver(struct pb_session *s, struct pb_receiver *rs)
{
    for (uint64_t q = rs->w.lo; q < pb_window_end(&rs->w); q++) {
        if (pb_recv_is_held(pb_window_at(&rs->w, q)))
            forget_held(s, rs, pb_window_at(&rs->w, q));
    }
    undirty(s, rs);
    set_no(s, rs, 0);
    HASH_DELETE(by_key, s->receivers, rs);
    s->n_receivers--;
    pb_window_fini(&rs->w);
    drop_names(rs->names);
    free(rs);
}

void pb_recv_fini(struct pb_session *s)
{
    struct pb_receiver *rs, *tmp;

    HASH_ITER (by_key, s->receivers, rs, tmp)
        free_receiver(s, rs);
}

void pb_recv_down(struct pb_session *s)
{
    struct pb_receiver *rs, *tmp;

    HASH_ITER (by_key, s->receivers, rs, tmp) {
        forget_unstarted(s, rs);
        undirty(s, rs);
        set_no(s, rs, 0);
        rs->releasing = false;
    }
}

/* SPEC 3.2: the streams that we served last, so that they come back to us after a broker's crash. Others that we only
 * remember may be served by another process now. */
uint32_t pb_recv_claims(struct pb_session *s, uint32_t skip, struct pb_buf *list)
{
    struct pb_receiver *rs, *tmp;
    uint32_t n = 0;

    HASH_ITER (by_key, s->receivers, rs, tmp) {
        uint32_t no;

        if (!rs->serving)
            continue;
        if (skip) {
            skip--;
            continue;
        }
        if (n++ == PB_MAX_CLAIMS)
            return PB_MAX_CLAIMS;
        memcpy(&no, rs->key + PBAY_ID_SIZE, sizeof no);
        pb_put_claim(list, rs->key, no);
    }
    return n;
}

/* They have all been said: from now on we serve what is opened to us. */
void pb_recv_claimed(struct pb_session *s)
{
    struct pb_receiver *rs, *tmp;

    HASH_ITER (by_key, s->receivers, rs, tmp)
        rs->serving = false;
}

/* ---- the broker opens ---- */

static void make_key(uint8_t *key, const struct pb_frame *f)
{
    memcpy(key, f->origin.p, PBAY_ID_SIZE);
    memcpy(key + PBAY_ID_SIZE, &f->origin_stream, sizeof f->origin_stream);
}

static struct pb_receiver *find_receiver(struct pb_session *s, const struct pb_frame *f)
{
    uint8_t key[sizeof(struct pb_receiver){0}.key];
    struct pb_receiver *rs;

    make_key(key, f);
    HASH_FIND(by_key, s->receivers, key, sizeof key, rs);
    return rs;
}

static struct pbay_str keep(char **to, struct pbay_str v)
{
    struct pbay_str kept = {*to, v.n};

    if (v.n)
        memcpy(*to, v.p, v.n);
    *to += v.n;
    return kept;
}

/* The strings of a stream change only when its protocol list grows. */
static void take_names(struct pb_receiver *rs, const struct pb_frame *f)
{
    size_t n = f->name.n + f->instance.n + f->to.n + f->sender.n + f->protocols.raw.n;
    struct pb_rd r = pb_span_reader(f->protocols);
    struct pbay_str id;
    struct pb_names *names;
    char *to;

    if (rs->names && rs->names->n_protocols == f->protocols.n)
        return;
    drop_names(rs->names);
    rs->names = names = pb_alloc(sizeof *names + n);
    to = names->bytes;
    names->refs = 1;
    names->name = keep(&to, f->name);
    names->instance = keep(&to, f->instance);
    names->to = keep(&to, f->to);
    names->sender = keep(&to, f->sender);
    while (pb_span_str(&r, &id))
        names->protocols[names->n_protocols++] = keep(&to, id);
}

static void drop_oldest(struct pb_session *s)
{
    struct pb_receiver *rs, *tmp;

    if (s->n_receivers < MAX_RECEIVERS)
        return;
    HASH_ITER (by_key, s->receivers, rs, tmp) {
        if (rs->no == 0 && rs->held == 0) {
            free_receiver(s, rs);
            return;
        }
    }
}

static struct pb_receiver *new_receiver(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs;

    drop_oldest(s);
    rs = pb_alloc(sizeof *rs);
    make_key(rs->key, f);
    pb_window_init(&rs->w, f->base);
    HASH_ADD(by_key, s->receivers, key, sizeof rs->key, rs);
    s->n_receivers++;
    return rs;
}

/* SPEC 6.3: the sender has finished with everything below base. */
static void raise_base(struct pb_session *s, struct pb_receiver *rs, uint64_t base)
{
    while (rs->w.lo < base) {
        struct pb_slot *slot = pb_window_at(&rs->w, rs->w.lo);

        if (!slot) {
            rs->w.lo = base;
            return;
        }
        if (pb_recv_is_held(slot))
            forget_held(s, rs, slot);
        else if (slot->state == SLOT_SETTLED)
            rs->above--;
        pb_window_shift(&rs->w);
    }
}

void pb_recv_say_refused(struct pb_session *s, struct pb_receiver *rs, uint64_t q)
{
    struct pb_slot *slot = pb_window_at(&rs->w, q);
    struct pb_frame f = {.verb = PB_END, .stream = rs->no, .seq = q, .code = slot->tries, .cause = slot->tries};

    f.text = pbay_str(slot->p);
    pb_ctl(s, &f);
}

/* An END may have been lost with the last link. */
static void say_all_refused(struct pb_session *s, struct pb_receiver *rs)
{
    for (uint64_t q = rs->w.lo; q < pb_window_end(&rs->w); q++) {
        if (pb_window_at(&rs->w, q)->state == SLOT_REFUSED)
            pb_recv_say_refused(s, rs, q);
    }
}

/* SPEC 6.7: when nothing is held, the stream may go. */
void pb_recv_say_released(struct pb_session *s, struct pb_receiver *rs)
{
    if (!rs->releasing || rs->held)
        return;
    undirty(s, rs); /* it says the same */
    put_settled(&s->ctl, rs, PB_RELEASED);
    rs->serving = false;
}

/* SPEC 6.3 */
void pb_recv_open(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs = find_receiver(s, f);

    if (f->stream == 0 || f->base == 0 || f->base > f->next) {
        pb_session_close_link(s, PBAY_BAD_FRAME, pbay_str("OPEN with a bad stream or base"));
        return;
    }
    if (!rs)
        rs = new_receiver(s, f);
    if (PB_MUT(FORGET_HELD)) {
        for (uint64_t q = rs->w.lo; q < pb_window_end(&rs->w); q++) {
            if (pb_recv_is_held(pb_window_at(&rs->w, q)))
                forget_held(s, rs, pb_window_at(&rs->w, q));
        }
    }
    take_names(rs, f);
    set_no(s, rs, f->stream);
    rs->round = f->round;
    rs->prev = 0;
    rs->releasing = false;
    rs->serving = true;
    raise_base(s, rs, f->base);
    rs->hi = watermark(rs);
    pb_recv_advance(rs);
    undirty(s, rs);
    put_settled(&s->ctl, rs, PB_ANSWER);
    say_all_refused(s, rs);
}

struct pb_receiver *pb_recv_find(struct pb_session *s, uint32_t no)
{
    if (!s->recent || s->recent->no != no)
        HASH_FIND(by_no, s->receivers_by_no, &no, sizeof no, s->recent);
    return s->recent;
}

void pb_recv_release(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs = find_receiver(s, f);

    if (!rs) {
        pb_ctl(s, &(struct pb_frame){.verb = PB_RELEASED, .stream = f->stream});
        return;
    }
    set_no(s, rs, f->stream);
    forget_unstarted(s, rs);
    rs->releasing = true;
    say_all_refused(s, rs);
    pb_recv_say_released(s, rs);
}

void pb_recv_close(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs = find_receiver(s, f);

    if (rs)
        free_receiver(s, rs);
}

/* The sender's code has been told of our refusal (SPEC 7.2): now the watermark may pass. */
void pb_recv_ended(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_receiver *rs = pb_recv_find(s, f->stream);
    struct pb_slot *slot = rs ? pb_window_at(&rs->w, f->seq) : NULL;

    if (!slot || slot->state != SLOT_REFUSED)
        return;
    free(slot->p);
    slot->p = NULL;
    slot->state = SLOT_SETTLED;
    rs->held--;
    rs->above++;
    pb_recv_advance(rs);
    pb_recv_say_released(s, rs);
}
