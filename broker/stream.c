/* The life of a stream in the broker (SPEC section 6.3): open, resume after any crash and move to another receiver are
 * one path,
 *
 *     WAITING -- routed, receiver picked: OPEN to it --> ASKING -- ANSWER --> OPEN -- RELEASE --> RELEASING --> WAITING
 *
 * and a receiver's death leads from anywhere back to WAITING.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core_int.h"

bool pb_sender_linked(const struct pb_stream *s)
{
    return s->sender->link != NULL;
}

struct pb_stream *pb_stream_by_sid(struct pb_core *c, uint32_t sid)
{
    struct pb_stream *s;

    HASH_FIND(by_sid, c->by_sid, &sid, sizeof sid, s);
    return s;
}

/* ---- binding to a receiver ---- */

static void bind(struct pb_stream *s, struct pb_node *node)
{
    s->to_node = node;
    memcpy(s->to_incarnation, node->incarnation, PBAY_ID_SIZE);
    DL_APPEND2(node->to, s, prev_to, next_to);
    node->n_to++;
    node->n_lone += s->lone;
}

void pb_stream_unbind(struct pb_stream *s)
{
    if (!s->to_node)
        return;
    assert(s->n_given == 0);
    DL_DELETE2(s->to_node->to, s, prev_to, next_to);
    s->to_node->n_to--;
    s->to_node->n_lone -= s->lone;
    s->to_node = NULL;
}

/* The sender's round is over: nothing it still sends in it counts, and what it was granted returns to the pool. */
void pb_stream_untell(struct pb_core *c, struct pb_stream *s)
{
    s->told = false;
    pb_flow_reset(c, s);
}

void pb_stream_wait(struct pb_core *c, struct pb_stream *s)
{
    s->state = PB_WAITING;
    pb_stream_untell(c, s);
    s->since = c->now;
    DL_APPEND2(c->waiting, s, prev_wait, next_wait);
    c->route_due = true;
}

static void leave_waiting(struct pb_core *c, struct pb_stream *s)
{
    if (s->state == PB_WAITING)
        DL_DELETE2(c->waiting, s, prev_wait, next_wait);
}

static void close_at_receiver(struct pb_core *c, struct pb_stream *s)
{
    if (pb_linked(s->to_node, s->to_incarnation))
        pb_link_send(c, s->to_node->link,
                     &(struct pb_frame){.verb = PB_CLOSE, .origin = pb_incarnation(s->sender), .origin_stream = s->no});
}

void pb_stream_free(struct pb_core *c, struct pb_stream *s)
{
    for (uint64_t q = s->w.lo; q < pb_window_end(&s->w); q++)
        pb_mail_drop(c, s, pb_window_at(&s->w, q));
    close_at_receiver(c, s);
    pb_flow_reset(c, s);
    leave_waiting(c, s);
    pb_stream_unbind(s);
    for (struct pb_stream **p = &c->due; s->due; p = &(*p)->next_due) {
        if (*p == s) {
            *p = s->next_due;
            break;
        }
    }
    HASH_DELETE(by_no, s->sender->from, s);
    s->sender->recent = NULL;
    HASH_DELETE(by_sid, c->by_sid, s);
    c->n_streams--;
    pb_window_fini(&s->w);
    free(s->strings);
    free(s);
}

/* ---- routing ---- */

void pb_stream_ask(struct pb_core *c, struct pb_stream *s)
{
    struct pb_frame f = {.verb = PB_OPEN,
                         .stream = s->sid,
                         .origin = pb_incarnation(s->sender),
                         .origin_stream = s->no,
                         .round = s->rround = ++c->next_round,
                         .base = s->w.lo,
                         .next = s->next,
                         .name = s->sender->role == PB_CONNECTION ? s->sender->group->name : s->sender->group->agent,
                         .instance = pbay_str(s->sender->instance),
                         .to = s->to,
                         .sender = s->from};
    struct pb_buf list = {0};

    pb_mail_drop_parked(c, s);
    pb_stream_untell(c, s);
    s->state = PB_ASKING;
    if (!pb_linked(s->to_node, s->to_incarnation))
        return; /* asked when it is back */
    for (uint32_t i = 0; i < s->n_protocols; i++)
        pb_put_str(&list, s->protocols[i].text);
    f.protocols = (struct pb_span){s->n_protocols, {(const char *)list.p, list.n}};
    pb_link_send(c, s->to_node->link, &f);
    pb_buf_fini(&list);
}

/* SPEC 7.4: when a stream opens, one that carries only forbidden protocols ends at once. */
static bool all_forbidden(struct pb_stream *s, const struct pbay_conn_conf **conn)
{
    *conn = s->sender->role == PB_CONNECTION ? s->sender->group->cconf : s->target->cconf;
    for (uint32_t i = 0; i < s->n_protocols; i++) {
        s->protocols[i].verdict = PB_UNDECIDED;
        if (*conn)
            pb_restrict_decide(*conn, &s->protocols[i]);
    }
    for (uint32_t i = 0; i < s->n_protocols; i++) {
        if (s->protocols[i].verdict != PB_FORBIDDEN)
            return false;
    }
    return true;
}

/* An idle sender has to hear END(0) too, or it would go on in a round that nobody knows; but nothing of its has ended.
 */
static void note_end_all(struct pb_core *c, const struct pb_stream *s, enum pbay_err code, const char *text)
{
    uint64_t n = s->next - s->w.lo;

    for (uint64_t q = s->w.lo; q < pb_window_end(&s->w); q++)
        n -= pb_window_at(&s->w, q)->state > PB_SLOT_GIVEN;
    if (n == 0)
        return;
    s->sender->ended += n;
    pb_note_to(pb_note_node(c, PB_NOTE_END, s->sender, code, pbay_str(text)), s->to);
}

void pb_stream_end_all(struct pb_core *c, struct pb_stream *s, enum pbay_err code, const char *text)
{
    if (!pb_sender_linked(s))
        return;                /* it will hear when it is back */
    pb_mail_say_settled(c, s); /* what END(0) must not end */
    pb_link_send(c, s->sender->link,
                 &(struct pb_frame){
                     .verb = PB_END, .stream = s->no, .seq = 0, .code = code, .cause = code, .text = pbay_str(text)});
    note_end_all(c, s, code, text);
    pb_stream_free(c, s);
}

/* SPEC 6.7: another version than the one that was named is used, and somebody is told. */
static void note_version(struct pb_core *c, const struct pb_stream *s)
{
    struct pbay_str named = s->connection.n ? s->connection : s->to;
    struct pbay_pubid id;

    if (s->sender->role != PB_AGENT || s->origin.n || !s->target->cconf || !pbay_pubid_parse(named, &id))
        return;
    if (pbay_pubid_eq(&id, &s->target->cconf->public_id) || pbay_str_eq(id.version, pbay_str("any")) ||
        pbay_str_eq(id.version, pbay_str("latest")))
        return;
    pb_note_to(pb_note_node(c, PB_NOTE_VERSION, s->sender, PBAY_OK, pbay_str(s->target->cconf->public_id_text)), named);
}

/* A waiting stream: find its receiver, or end it. */
void pb_stream_route(struct pb_core *c, struct pb_stream *s)
{
    const struct pbay_conn_conf *conn;
    struct pb_node *node;
    enum pbay_err code;
    const char *text;
    char why[PB_MAX_TEXT + 1];
    bool gone;

    s->target = pb_route(c, s, &code, &text);
    s->generation = c->generation;
    if (!s->target) {
        pb_stream_end_all(c, s, code, text);
        return;
    }
    if (!pb_policy_may_write(s, why, sizeof why)) {
        pb_stream_end_all(c, s, PBAY_DENIED, why);
        return;
    }
    if (all_forbidden(s, &conn)) {
        pb_restrict_text(conn, s->protocols[0].rule, why, sizeof why);
        pb_stream_end_all(c, s, PBAY_REFUSED, why);
        return;
    }
    node = pb_pick(c, s, &gone);
    if (gone) {
        pb_stream_end_all(c, s, PBAY_INSTANCE_GONE, "the process that the reply was for is gone");
    } else if (node) {
        note_version(c, s);
        leave_waiting(c, s);
        bind(s, node);
        pb_stream_ask(c, s);
    } else if (pb_pick_failed(s->target)) {
        pb_stream_end_all(c, s, PBAY_DISCONNECTED,
                          s->target->failed ? s->target->failed_text : "the connection has failed");
    } else if (pb_pick_over(c, s)) {
        pb_stream_end_all(c, s, s->origin.n ? PBAY_INSTANCE_GONE : PBAY_DISCONNECTED,
                          "not attached for longer than hold");
    }
}

void pb_stream_route_waiting(struct pb_core *c)
{
    struct pb_stream *s, *tmp;

    c->route_due = false;
    DL_FOREACH_SAFE2(c->waiting, s, tmp, next_wait)
    {
        if (pb_sender_linked(s))
            pb_stream_route(c, s);
    }
}

/* The sender's process is gone for good: nobody will ask for these streams again. */
void pb_stream_forget_from(struct pb_core *c, struct pb_node *node)
{
    struct pb_stream *s, *tmp;

    HASH_ITER (by_no, node->from, s, tmp)
        pb_stream_free(c, s);
}

/* ---- the sender opens ---- */

static struct pbay_str keep(char **to, struct pbay_str v)
{
    struct pbay_str kept = {*to, v.n};

    if (v.n)
        memcpy(*to, v.p, v.n);
    *to += v.n;
    return kept;
}

/* The strings of a stream, anew at each OPEN: the list of protocols may have grown. false = a protocol is no public id.
 */
static bool take_strings(struct pb_stream *s, const struct pb_frame *f)
{
    size_t n = f->to.n + f->sender.n + f->connection.n + f->conn_instance.n + f->origin.n + f->protocols.raw.n;
    struct pb_rd r = pb_span_reader(f->protocols);
    struct pbay_str id;
    char *to = pb_alloc(n);

    free(s->strings);
    s->strings = to;
    s->to = keep(&to, f->to);
    s->from = keep(&to, f->sender);
    s->connection = keep(&to, f->connection);
    s->instance = keep(&to, f->conn_instance);
    s->origin = keep(&to, f->origin);
    for (s->n_protocols = 0; pb_span_str(&r, &id); s->n_protocols++) {
        struct pb_protocol *p = &s->protocols[s->n_protocols];

        p->text = keep(&to, id);
        p->verdict = PB_UNDECIDED;
        if (!pbay_pubid_parse(p->text, &p->id))
            return false;
    }
    return s->n_protocols > 0;
}

static struct pb_stream *new_stream(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = pb_alloc(sizeof *s);

    s->no = f->stream;
    s->sid = ++c->next_sid;
    s->sender = node;
    s->next = f->next;
    s->sent_high = f->sent_high;
    s->resumed = f->sent_high > 0;
    s->watermark = f->base - 1;
    pb_window_init(&s->w, f->base);
    HASH_ADD(by_no, node->from, no, sizeof s->no, s);
    HASH_ADD(by_sid, c->by_sid, sid, sizeof s->sid, s);
    c->n_streams++;
    return s;
}

/* What a stream was routed by stays what it is. */
static bool is_same_key(const struct pb_stream *s, const struct pb_frame *f)
{
    return pbay_str_eq(s->to, f->to) && pbay_str_eq(s->from, f->sender) && pbay_str_eq(s->connection, f->connection) &&
           pbay_str_eq(s->instance, f->conn_instance) && pbay_str_eq(s->origin, f->origin);
}

static const char *check_open(const struct pb_stream *s, const struct pb_node *node, const struct pb_frame *f)
{
    if (f->stream == 0 || f->base == 0 || f->base >= f->next || f->next > PB_MAX_SEQ ||
        f->next - f->base > PB_MAX_WINDOW)
        return "OPEN with a bad base or next";
    if (f->to.n == 0 || f->sender.n == 0)
        return "OPEN without to or sender";
    if (s && (f->next < s->next || !is_same_key(s, f)))
        return "OPEN with a lower next or another key than before";
    if (!s && HASH_CNT(by_no, node->from) >= PB_MAX_STREAMS)
        return "more streams than a node may have";
    return NULL;
}

/* SPEC 6.3 */
void pb_stream_open(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s;
    const char *bad;
    bool known;

    HASH_FIND(by_no, node->from, &f->stream, sizeof f->stream, s);
    if ((bad = check_open(s, node, f))) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, bad);
        return;
    }
    known = s != NULL;
    if (!known)
        s = new_stream(c, node, f);
    s->next = f->next;
    s->said = f->base - 1;
    pb_mail_raise_base(c, s, f->base);
    if (!take_strings(s, f)) {
        if (!known)
            pb_stream_wait(c, s);
        pb_stream_end_all(c, s, PBAY_INVALID, "a protocol is not a public id");
        return;
    }
    if (!known)
        pb_stream_wait(c, s);
    if (s->state == PB_OPEN_ || s->state == PB_ASKING)
        pb_stream_ask(c, s);
    c->route_due = true;
}

/* ---- the receiver answers ---- */

/* What it holds is given; what we thought it had and it has not is to be given again. */
static void take_held(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f)
{
    struct pb_rd r = pb_span_reader(f->held);
    uint64_t lo = 0, hi = 0;
    bool more = pb_span_range(&r, &lo, &hi);

    for (uint64_t q = s->w.lo; q < s->next; q++) {
        struct pb_slot *slot;

        while (more && q > hi)
            more = pb_span_range(&r, &lo, &hi);
        if (more && q >= lo)
            pb_window_extend(&s->w, q);
        if (!(slot = pb_window_at(&s->w, q)))
            continue;
        if (more && q >= lo && slot->state == PB_SLOT_NONE) {
            pb_flow_hold(s, slot->size = 0);
            slot->state = PB_SLOT_GIVEN;
            slot->flags |= PB_SLOT_EVER;
            s->n_given++;
            s->to_node->n_given++;
        } else if (!(more && q >= lo) && slot->state == PB_SLOT_GIVEN) {
            pb_mail_drop(c, s, slot);
        }
    }
}

static uint64_t first_wanted(const struct pb_stream *s)
{
    uint64_t e = s->w.lo > s->watermark + 1 ? s->w.lo : s->watermark + 1;
    const struct pb_slot *slot;

    for (uint64_t q = e; q < pb_window_end(&s->w); q++) {
        if (pb_window_at(&s->w, q)->state == PB_SLOT_GIVEN)
            e = q + 1;
    }
    while ((slot = pb_window_at(&s->w, e)) && slot->state != PB_SLOT_NONE)
        e++;
    return e;
}

void pb_stream_opened(struct pb_core *c, struct pb_stream *s)
{
    struct pb_frame f = {
        .verb = PB_OPENED, .stream = s->no, .incarnation = {(const char *)s->to_incarnation, PBAY_ID_SIZE}};

    if (!pb_sender_linked(s))
        return;
    pb_flow_start(c, s);
    s->sprev = 0;
    s->told = true;
    s->admitted = first_wanted(s) - 1;
    f.round = s->sround = ++c->next_round;
    f.expect = s->admitted + 1;
    f.credit_n = s->credit_n;
    f.credit_b = s->credit_b;
    f.replay = s->target->cconf ? s->target->cconf->replay : PBAY_REPLAY_SAFE;
    pb_link_send(c, s->sender->link, &f);
    pb_mail_settle_due(c, s);
}

void pb_stream_answer(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s = pb_stream_by_sid(c, f->stream);

    if (!s || s->state != PB_ASKING || s->to_node != node || f->round != s->rround)
        return;
    if (pb_mail_beyond(s, f)) {
        pb_link_gap(c, node->link, PBAY_BAD_FRAME, "ANSWER above what its sender has");
        return;
    }
    pb_mail_settled(c, s, f);
    take_held(c, s, f);
    s->state = PB_OPEN_;
    s->rprev = 0;
    pb_stream_opened(c, s);
    pb_mail_due(c, node);
}

void pb_stream_close(struct pb_core *c, struct pb_node *node, const struct pb_frame *f)
{
    struct pb_stream *s;

    HASH_FIND(by_no, node->from, &f->stream, sizeof f->stream, s);
    if (s)
        pb_stream_free(c, s);
}

/* hold, and everything that a lost wake-up could have left waiting */
void pb_stream_tick(struct pb_core *c)
{
    struct pb_stream *s, *tmp;

    pb_stream_route_waiting(c);
    HASH_ITER (by_sid, c->by_sid, s, tmp) {
        if (s->n_parked)
            pb_mail_pump(c, s);
    }
}
