/* What the application puts: the stream of its key, the envelope retained as the PUB it will be (SPEC 5 and 6.1). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "schema/pbay_pubid.h"
#include "schema/session_int.h"

#define META_KEYS 128 /* bytes of metadata beside its strings, at most */

static void key_part(struct pb_buf *b, struct pbay_str v)
{
    uint16_t n = (uint16_t)v.n;

    pb_buf_add(b, &n, sizeof n);
    pb_buf_add(b, v.p, v.n);
}

static struct pbay_str key_take(const char **p)
{
    struct pbay_str v;
    uint16_t n;

    memcpy(&n, *p, sizeof n);
    v = (struct pbay_str){*p + sizeof n, n};
    *p += sizeof n + n;
    return v;
}

/* SPEC 6.1: a protocol that has a default route of its own is a stream of its own, unless the envelope says where to
 * go. */
static struct pbay_str split_protocol(const struct pb_session *s, const struct pbay_envelope *e)
{
    if (e->origin.name.n == 0 && e->connection_id.n == 0) {
        for (uint32_t i = 0; i < s->n_routed; i++) {
            if (pbay_str_eq(pbay_str(s->routed[i]), e->protocol_id))
                return e->protocol_id;
        }
    }
    return pbay_str("");
}

static void make_key(const struct pb_session *s, const struct pbay_envelope *e, struct pb_buf *key)
{
    bool reply = e->origin.name.n > 0;

    key_part(key, e->to);
    key_part(key, e->sender);
    key_part(key, reply ? e->origin.name : e->connection_id);
    key_part(key, reply ? e->origin.instance : e->instance);
    key_part(key, (struct pbay_str){(const char *)e->origin.incarnation, reply ? PBAY_ID_SIZE : 0});
    key_part(key, split_protocol(s, e));
}

static struct pb_sender *new_sender(struct pb_session *s, struct pb_buf *key)
{
    struct pb_sender *st = pb_alloc(sizeof *st);
    const char *p = (const char *)key->p;

    st->no = s->next_no++;
    st->key = (char *)key->p;
    st->key_n = key->n;
    st->to = key_take(&p);
    st->sender = key_take(&p);
    st->connection = key_take(&p);
    st->instance = key_take(&p);
    st->origin = key_take(&p);
    st->split = key_take(&p);
    *key = (struct pb_buf){0};
    pb_window_init(&st->w, 1);
    st->pos = 1;
    s->n_senders++;
    s->last = st;
    HASH_ADD(by_no, s->senders, no, sizeof st->no, st);
    HASH_ADD_KEYPTR(by_key, s->senders_by_key, st->key, st->key_n, st);
    DL_APPEND2(s->use, st, prev_use, next_use);
    return st;
}

static struct pb_sender *find_sender(struct pb_session *s, const struct pbay_envelope *e)
{
    struct pb_buf key = {0};
    struct pb_sender *st;

    make_key(s, e, &key);
    HASH_FIND(by_key, s->senders_by_key, key.p, key.n, st);
    if (st) {
        DL_DELETE2(s->use, st, prev_use, next_use);
        DL_APPEND2(s->use, st, prev_use, next_use);
        s->last = st;
    } else if (pb_send_make_room(s)) {
        st = new_sender(s, &key);
    }
    pb_buf_fini(&key);
    return st;
}

static int known_protocol(const struct pb_sender *st, struct pbay_str id)
{
    for (uint32_t i = 0; i < st->n_protocols; i++) {
        if (strlen(st->protocols[i]) == id.n && memcmp(st->protocols[i], id.p, id.n) == 0)
            return (int)i;
    }
    return -1;
}

/* Index of the protocol in the stream's list, added if new; -1 = the list is full. */
static int protocol_index(struct pb_sender *st, struct pbay_str id)
{
    int known = known_protocol(st, id);

    if (known >= 0)
        return known;
    if (st->n_protocols == PB_MAX_PROTOCOLS)
        return -1;
    st->protocols[st->n_protocols] = pb_strndup(id);
    return (int)st->n_protocols++;
}

static bool is_pubid(struct pbay_str s)
{
    struct pbay_pubid id;

    return pbay_pubid_parse(s, &id);
}

/* SPEC 5.1: what the stream depends on. */
static enum pbay_err check_key(const struct pbay_envelope *e)
{
    bool component = is_pubid(e->to);

    if (e->to.n == 0 || e->to.n > PBAY_MAX_ADDRESS || e->sender.n == 0 || e->sender.n > PBAY_MAX_ADDRESS)
        return PBAY_INVALID;
    if (component != is_pubid(e->sender) || (component && e->connection_id.n))
        return PBAY_INVALID;
    if (e->protocol_id.n > PBAY_MAX_PUBLIC_ID || !is_pubid(e->protocol_id))
        return PBAY_INVALID;
    if (e->connection_id.n > PBAY_MAX_PUBLIC_ID || (e->connection_id.n && !is_pubid(e->connection_id)))
        return PBAY_INVALID;
    if (e->instance.n > PBAY_MAX_INSTANCE || e->origin.name.n > PBAY_MAX_NAME ||
        e->origin.instance.n > PBAY_MAX_INSTANCE)
        return PBAY_INVALID;
    return PBAY_OK;
}

static struct pb_retained *retain(struct pb_session *s, const struct pbay_envelope *e, uint64_t seq, int proto,
                                  int64_t now)
{
    struct pb_buf meta = {0};
    size_t ttl_at = pb_has_meta(e) ? pb_meta_write(&meta, e) : 0, n;
    struct pbay_str m = {(const char *)meta.p, meta.n};
    struct pb_retained *r;

    n = pb_pub_size(m, e->message);
    r = pb_pool_take(&s->pool, sizeof *r + n);
    *r = (struct pb_retained){.n = (uint32_t)n, .replay = e->replay, .has_id = e->has_id};
    pb_pub_write(r->part, seq, (uint32_t)proto, m, e->message);
    r->ttl_at = ttl_at ? (uint32_t)ttl_at + PB_PUB_HEAD : 0;
    r->deadline = e->ttl_ms ? now + e->ttl_ms : 0;
    pb_buf_fini(&meta);
    return r;
}

static bool same(struct pbay_str a, struct pbay_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Is it like the one before it, whose fields were good? Then nothing has to be checked, hashed or looked up. */
static struct pb_sender *like_the_last(const struct pb_session *s, const struct pbay_envelope *e)
{
    struct pb_sender *st = s->last;
    bool reply = e->origin.name.n > 0;
    struct pbay_str origin = {(const char *)e->origin.incarnation, reply ? PBAY_ID_SIZE : 0};

    if (reply ? e->connection_id.n || e->instance.n : e->origin.instance.n)
        return NULL; /* fields that are not used, but checked */
    if (!st || !same(e->to, st->to) || !same(e->sender, st->sender) ||
        !same(reply ? e->origin.name : e->connection_id, st->connection) ||
        !same(reply ? e->origin.instance : e->instance, st->instance) || !same(origin, st->origin) ||
        !same(split_protocol(s, e), st->split) || known_protocol(st, e->protocol_id) < 0)
        return NULL;
    return st;
}

static bool full(const struct pb_session *s, size_t message)
{
    if (s->n_retained == 0)
        return false; /* one envelope always fits: its size has a bound of its own */
    return s->n_retained >= s->conf.max_envelopes || s->b_retained + message > s->conf.max_bytes;
}

/* SPEC 5.2: what is each envelope's own. */
static enum pbay_err check_own(const struct pb_session *s, const struct pbay_envelope *e)
{
    if (e->operation.n + e->traceparent.n + e->uri.n + META_KEYS > PBAY_MAX_META || e->replay > PBAY_REPLAY_NEVER)
        return PBAY_INVALID;
    return e->message.n > s->max_envelope ? PBAY_TOO_BIG : PBAY_OK;
}

enum pbay_err pb_session_put(struct pb_session *s, int64_t now, const struct pbay_envelope *e, uint64_t *tag)
{
    struct pb_sender *st = like_the_last(s, e);
    enum pbay_err err = st ? PBAY_OK : check_key(e);
    struct pb_retained *r;
    struct pb_slot *slot;
    uint64_t seq;
    int proto;

    if (err || (err = check_own(s, e)))
        return err;
    if (full(s, e->message.n) || !(st || (st = find_sender(s, e))))
        return PBAY_AGAIN;
    seq = pb_window_end(&st->w);
    proto = protocol_index(st, e->protocol_id);
    if (proto < 0)
        return PBAY_INVALID;
    if (!pb_window_extend(&st->w, seq))
        return PBAY_AGAIN;
    r = retain(s, e, seq, proto, now);
    r->tag = s->next_tag++;
    slot = pb_window_at(&st->w, seq);
    slot->p = r;
    slot->size = r->n;
    slot->state = SLOT_RETAINED;
    s->n_retained++;
    s->b_retained += r->n;
    if (r->deadline && r->deadline < s->next_deadline)
        s->next_deadline = r->deadline;
    if (tag)
        *tag = r->tag;
    pb_send_take_turn(s, st);
    return PBAY_OK;
}
