#include "schema/frame.h"

#include <assert.h>
#include <msgpack/pack.h>
#include <string.h>

#include "schema/pbay_err.h"

#define PLAIN_HEAD (PB_PUB_HEAD + 6) /* bytes of a PUB without metadata before its payload */

enum kind { K_U8, K_U32, K_U64, K_STR, K_ID, K_ID_OR_EMPTY, K_STRS, K_RANGES, K_CLAIMS, K_META, K_BYTES };

struct field {
    const char *name;
    enum kind kind;
    uint16_t at;    /* offset in struct pb_frame */
    uint32_t bound; /* greatest value, bytes or elements */
};

#define FIELD(f, kind, bound)                                   \
    {                                                           \
#f, kind, (uint16_t)offsetof(struct pb_frame, f), bound \
    }
#define U8(f)          FIELD(f, K_U8, 255)
#define U32(f)         FIELD(f, K_U32, UINT32_MAX)
#define U64(f)         FIELD(f, K_U64, 0)
#define STR(f, n)      FIELD(f, K_STR, n)
#define ID(f)          FIELD(f, K_ID, PBAY_ID_SIZE)
#define ID_OR_EMPTY(f) FIELD(f, K_ID_OR_EMPTY, PBAY_ID_SIZE)
#define CODE           U8(code), U8(cause), STR(text, PB_MAX_TEXT)
#define SETTLED        U64(wm), FIELD(settled, K_RANGES, PB_MAX_RANGES)
#define PROTOCOLS      FIELD(protocols, K_STRS, PB_MAX_PROTOCOLS)
#define CLAIMS         FIELD(claims, K_CLAIMS, PB_MAX_CLAIMS)
#define ORIGIN         ID(origin), U32(origin_stream)
#define PUB                                                                                                 \
    U32(stream), U32(round), U64(seq), U64(prev), U8(proto), U8(flags), FIELD(meta, K_META, PBAY_MAX_META), \
        FIELD(payload, K_BYTES, UINT32_MAX)

/* A row is present when `known` is set; its fields follow the verb in the array. SPEC section 4 is this table in prose.
 */
static const struct row {
    bool known;
    struct field f[PB_MAX_FIELDS];
} rows[PB_VERB_COUNT][2] = {
    [PB_HELLO][PB_UP] = {true,
                         {U8(version_min), U8(version_max), U8(role), STR(agent, PBAY_MAX_NAME),
                          STR(name, PBAY_MAX_NAME), STR(instance, PBAY_MAX_INSTANCE),
                          STR(public_id, PBAY_MAX_PUBLIC_ID), ID(incarnation), U64(link), ID_OR_EMPTY(boot), U64(clock),
                          CLAIMS}},
    [PB_WELCOME][PB_DOWN] = {true,
                             {U8(version_max), ID(boot), U64(attach), U64(clock), U32(heartbeat_ms), U32(timeout_ms),
                              U32(max_envelope), FIELD(routed, K_STRS, PB_MAX_ROUTED)}},
    [PB_CONFIRM][PB_UP] = {true, {U64(attach)}},
    [PB_REJECT][PB_DOWN] = {true, {CODE}},
    [PB_WHO][PB_DOWN] = {true, {{0}}},
    [PB_OPEN][PB_UP] = {true,
                        {U32(stream), STR(to, PBAY_MAX_ADDRESS), STR(sender, PBAY_MAX_ADDRESS),
                         STR(connection, PBAY_MAX_PUBLIC_ID), STR(conn_instance, PBAY_MAX_INSTANCE),
                         ID_OR_EMPTY(origin), PROTOCOLS, U64(base), U64(next), U64(sent_high)}},
    [PB_OPEN][PB_DOWN] = {true,
                          {U32(stream), ORIGIN, U32(round), U64(base), U64(next), STR(name, PBAY_MAX_NAME),
                           STR(instance, PBAY_MAX_INSTANCE), STR(to, PBAY_MAX_ADDRESS), STR(sender, PBAY_MAX_ADDRESS),
                           PROTOCOLS}},
    [PB_ANSWER][PB_UP] = {true, {U32(stream), U32(round), SETTLED, FIELD(held, K_RANGES, PB_MAX_RANGES)}},
    [PB_OPENED][PB_DOWN] = {true,
                            {U32(stream), U32(round), U64(expect), U32(credit_n), U64(credit_b), ID(incarnation),
                             U8(replay)}},
    [PB_PUB] = {[PB_UP] = {true, {PUB}}, [PB_DOWN] = {true, {PUB}}},
    [PB_SETTLE] = {[PB_UP] = {true, {U32(stream), SETTLED}}, [PB_DOWN] = {true, {U32(stream), SETTLED}}},
    [PB_CREDIT][PB_DOWN] = {true, {U32(stream), U32(round), U32(credit_n), U64(credit_b)}},
    [PB_NEED][PB_UP] = {true, {U32(stream), U32(round), U64(used_b)}},
    [PB_END] = {[PB_UP] = {true, {U32(stream), U64(seq), CODE}}, [PB_DOWN] = {true, {U32(stream), U64(seq), CODE}}},
    [PB_ENDED] = {[PB_UP] = {true, {U32(stream), U64(seq)}}, [PB_DOWN] = {true, {U32(stream), U64(seq)}}},
    [PB_RELEASE][PB_DOWN] = {true, {U32(stream), ORIGIN}},
    [PB_RELEASED][PB_UP] = {true, {U32(stream), SETTLED}},
    [PB_CLOSE] = {[PB_UP] = {true, {U32(stream)}}, [PB_DOWN] = {true, {ORIGIN}}},
    [PB_RESUME][PB_UP] = {true, {CLAIMS}},
    [PB_PING][PB_UP] = {true, {U64(count), U64(clock)}},
    [PB_PONG][PB_DOWN] = {true, {U64(count), U64(clock)}},
    [PB_GAP] = {[PB_UP] = {true, {CODE}}, [PB_DOWN] = {true, {CODE}}},
    [PB_DRAIN] = {[PB_UP] = {true, {{0}}}, [PB_DOWN] = {true, {{0}}}},
    [PB_BYE] = {[PB_UP] = {true, {CODE}}, [PB_DOWN] = {true, {CODE}}},
    [PB_NOP] = {[PB_UP] = {true, {{0}}}, [PB_DOWN] = {true, {{0}}}},
    [PB_STATE][PB_UP] = {true, {U8(state), U8(code), STR(text, PB_MAX_TEXT), U32(retry_ms)}},
};

static unsigned n_fields(const struct row *row)
{
    unsigned n = 0;

    while (n < PB_MAX_FIELDS && row->f[n].name)
        n++;
    return n;
}

/* SPEC 9 */
bool pb_is_end(uint32_t code)
{
    return code == PBAY_TOO_BIG || (code >= PBAY_NO_ROUTE && code <= PBAY_FAILED) || code == PBAY_MALFORMED;
}

const char *pb_verb_name(unsigned verb)
{
    static const char *const names[PB_VERB_COUNT] = {
#define NAME(name, number) [number] = #name,
        PB_VERBS(NAME)
#undef NAME
    };

    return verb < PB_VERB_COUNT && names[verb] ? names[verb] : "?";
}

/* ---- reading ---- */

bool pb_span_str(struct pb_rd *r, struct pbay_str *s)
{
    return r->p < r->end && pb_rd_str(r, s);
}

bool pb_span_range(struct pb_rd *r, uint64_t *lo, uint64_t *hi)
{
    uint32_t n;

    return r->p < r->end && pb_rd_array(r, &n) && n == 2 && pb_rd_uint(r, lo) && pb_rd_uint(r, hi);
}

bool pb_span_claim(struct pb_rd *r, struct pbay_str *incarnation, uint32_t *stream)
{
    uint32_t n;
    uint64_t v;

    if (r->p >= r->end || !pb_rd_array(r, &n) || n != 2 || !pb_rd_bin(r, incarnation) || !pb_rd_uint(r, &v))
        return false;
    *stream = (uint32_t)v;
    return incarnation->n == PBAY_ID_SIZE && v <= UINT32_MAX;
}

/* Ranges rise, do not touch each other and are not empty (SPEC 4.10). */
static bool check_ranges(struct pb_rd *r, uint32_t n)
{
    uint64_t last = 0, lo, hi;

    for (uint32_t i = 0; i < n; i++) {
        if (!pb_span_range(r, &lo, &hi) || lo == 0 || lo > hi || (i && lo - 1 <= last))
            return false;
        last = hi;
    }
    return true;
}

static bool check_list(struct pb_rd *r, enum kind kind, uint32_t n)
{
    struct pbay_str s;
    uint32_t stream;

    if (kind == K_RANGES)
        return check_ranges(r, n);
    for (uint32_t i = 0; i < n; i++) {
        if (kind == K_STRS ? !pb_span_str(r, &s) || s.n > PBAY_MAX_PUBLIC_ID : !pb_span_claim(r, &s, &stream))
            return false;
    }
    return true;
}

static bool read_list(struct pb_rd *r, const struct field *f, struct pb_span *span)
{
    const uint8_t *start;

    if (!pb_rd_array(r, &span->n) || span->n > f->bound)
        return false;
    start = r->p;
    if (!check_list(r, f->kind, span->n))
        return false;
    span->raw = (struct pbay_str){(const char *)start, (size_t)(r->p - start)};
    return true;
}

static bool read_meta(struct pb_rd *r, const struct field *f, struct pbay_str *meta)
{
    const uint8_t *start = r->p;
    struct pb_rd look = *r;
    uint32_t n;

    if (pb_rd_nil(r))
        return true;
    if (!pb_rd_map(&look, &n) || !pb_rd_skip(r))
        return false;
    *meta = (struct pbay_str){(const char *)start, (size_t)(r->p - start)};
    return meta->n <= f->bound;
}

static bool read_uint(struct pb_rd *r, const struct field *f, void *at)
{
    uint64_t v;

    if (!pb_rd_uint(r, &v))
        return false;
    if (f->kind == K_U64) {
        *(uint64_t *)at = v;
        return true;
    }
    *(uint32_t *)at = (uint32_t)v;
    return v <= f->bound;
}

static bool read_field(struct pb_rd *r, const struct field *f, void *at)
{
    struct pbay_str *s = at;

    switch (f->kind) {
    case K_U8:
    case K_U32:
    case K_U64:
        return read_uint(r, f, at);
    case K_STR:
        return pb_rd_str(r, s) && s->n <= f->bound;
    case K_ID:
        return pb_rd_bin(r, s) && s->n == PBAY_ID_SIZE;
    case K_ID_OR_EMPTY:
        return pb_rd_bin(r, s) && (s->n == PBAY_ID_SIZE || s->n == 0);
    case K_META:
        return read_meta(r, f, s);
    case K_BYTES:
        return pb_rd_bin(r, s);
    default:
        return read_list(r, f, at);
    }
}

/* PUB's integers in exactly the widths that our writer gives them: then the broker rewrites the header where it is. */
static bool is_fixed_pub(struct pbay_str raw)
{
    const uint8_t *p = (const uint8_t *)raw.p;

    return raw.n > PB_PUB_HEAD && p[0] == 0x99 && p[2] == 0xce && p[7] == 0xce && p[12] == 0xcf && p[21] == 0xcf &&
           p[30] == 0xcc && p[32] == 0xcc;
}

static uint64_t get_be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

/* The one verb that comes a million times a second: a PUB in our writer's widths, without metadata, read where it lies.
 * false = it is not such a one; nothing was consumed and the table decides. */
static bool read_plain_pub(struct pb_rd *r, struct pb_frame *f)
{
    const uint8_t *p = r->p;
    size_t n = (size_t)(r->end - p), payload;

    if (n < PLAIN_HEAD || p[1] != PB_PUB || !is_fixed_pub((struct pbay_str){(const char *)p, n}) || p[34] != 0xc0 ||
        p[35] != 0xc6)
        return false;
    payload = (size_t)get_be(p + 36, 4);
    if (n - PLAIN_HEAD < payload)
        return false;
    f->verb = PB_PUB;
    f->stream = (uint32_t)get_be(p + 3, 4);
    f->round = (uint32_t)get_be(p + 8, 4);
    f->seq = get_be(p + 13, 8);
    f->prev = get_be(p + 22, 8);
    f->proto = p[31];
    f->flags = p[33];
    f->meta = (struct pbay_str){NULL, 0};
    f->payload = (struct pbay_str){(const char *)p + PLAIN_HEAD, payload};
    f->raw = (struct pbay_str){(const char *)p, PLAIN_HEAD + payload};
    f->fixed = true;
    r->p += f->raw.n;
    return true;
}

/* A NOP may carry anything behind its verb; it is passed over unread. */
static bool read_nop(struct pb_rd *r, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        if (!pb_rd_skip(r))
            return false;
    }
    return true;
}

bool pb_frame_read(struct pb_rd *r, enum pb_dir dir, struct pb_frame *f)
{
    const uint8_t *start = r->p;
    const struct row *row;
    uint32_t n;
    uint64_t verb;

    if (read_plain_pub(r, f))
        return true;
    memset(f, 0, sizeof *f);
    if (!pb_rd_array(r, &n) || n == 0 || !pb_rd_uint(r, &verb) || verb >= PB_VERB_COUNT || !rows[verb][dir].known)
        return false;
    row = &rows[verb][dir];
    f->verb = (enum pb_verb)verb;
    if (verb == PB_NOP)
        return read_nop(r, n);
    if (n != n_fields(row) + 1)
        return false;
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (!read_field(r, &row->f[i], (char *)f + row->f[i].at))
            return false;
    }
    f->raw = (struct pbay_str){(const char *)start, (size_t)(r->p - start)};
    f->fixed = verb == PB_PUB && is_fixed_pub(f->raw);
    return true;
}

/* ---- writing ---- */

static int append(void *buf, const char *p, size_t n)
{
    pb_buf_add(buf, p, n);
    return 0;
}

static msgpack_packer packer(struct pb_buf *b)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, append);
    return pk;
}

static void put_str(msgpack_packer *pk, struct pbay_str s)
{
    msgpack_pack_str(pk, s.n);
    msgpack_pack_str_body(pk, s.p, s.n);
}

static void put_bin32(struct pb_buf *b, struct pbay_str s)
{
    const uint8_t head[5] = {0xc6, (uint8_t)(s.n >> 24), (uint8_t)(s.n >> 16), (uint8_t)(s.n >> 8), (uint8_t)s.n};

    pb_buf_add(b, head, sizeof head);
    pb_buf_add(b, s.p, s.n);
}

void pb_put_str(struct pb_buf *b, struct pbay_str s)
{
    msgpack_packer pk = packer(b);

    put_str(&pk, s);
}

void pb_put_range(struct pb_buf *b, uint64_t lo, uint64_t hi)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_array(&pk, 2);
    msgpack_pack_uint64(&pk, lo);
    msgpack_pack_uint64(&pk, hi);
}

void pb_put_claim(struct pb_buf *b, const uint8_t *incarnation, uint32_t stream)
{
    msgpack_packer pk = packer(b);

    msgpack_pack_array(&pk, 2);
    msgpack_pack_bin(&pk, PBAY_ID_SIZE);
    msgpack_pack_bin_body(&pk, incarnation, PBAY_ID_SIZE);
    msgpack_pack_uint32(&pk, stream);
}

static void put_field(msgpack_packer *pk, struct pb_buf *b, const struct field *f, const void *at)
{
    const struct pbay_str *s = at;
    const struct pb_span *span = at;

    switch (f->kind) {
    case K_U8:
        msgpack_pack_fix_uint8(pk, (uint8_t) * (const uint32_t *)at);
        return;
    case K_U32:
        msgpack_pack_fix_uint32(pk, *(const uint32_t *)at);
        return;
    case K_U64:
        msgpack_pack_fix_uint64(pk, *(const uint64_t *)at);
        return;
    case K_STR:
        put_str(pk, *s);
        return;
    case K_ID:
    case K_ID_OR_EMPTY:
        msgpack_pack_bin(pk, s->n);
        msgpack_pack_bin_body(pk, s->p, s->n);
        return;
    case K_META:
        if (s->n)
            pb_buf_add(b, s->p, s->n);
        else
            msgpack_pack_nil(pk);
        return;
    case K_BYTES:
        put_bin32(b, *s);
        return;
    default:
        msgpack_pack_array(pk, span->n);
        pb_buf_add(b, span->raw.p, span->raw.n);
    }
}

size_t pb_frame_write(struct pb_buf *b, enum pb_dir dir, const struct pb_frame *f)
{
    const struct row *row = &rows[f->verb][dir];
    unsigned n = n_fields(row);
    size_t before = b->n;
    msgpack_packer pk = packer(b);

    assert(row->known);
    msgpack_pack_array(&pk, n + 1);
    msgpack_pack_uint8(&pk, (uint8_t)f->verb);
    for (unsigned i = 0; i < n; i++)
        put_field(&pk, b, &row->f[i], (const char *)f + row->f[i].at);
    return b->n - before;
}

static void put_be(uint8_t *p, unsigned n, uint64_t v)
{
    while (n--) {
        p[n] = (uint8_t)v;
        v >>= 8;
    }
}

size_t pb_pub_size(struct pbay_str meta, struct pbay_str payload)
{
    return PLAIN_HEAD - 1 + (meta.n ? meta.n : 1) + payload.n;
}

void pb_pub_write(uint8_t *p, uint64_t seq, uint32_t proto, struct pbay_str meta, struct pbay_str payload)
{
    static const uint8_t head[PB_PUB_HEAD] = {
        [0] = 0x99, [1] = PB_PUB, [2] = 0xce, [7] = 0xce, [12] = 0xcf, [21] = 0xcf, [30] = 0xcc, [32] = 0xcc};

    memcpy(p, head, sizeof head);
    put_be(p + 13, 8, seq);
    p[31] = (uint8_t)proto;
    p += PB_PUB_HEAD;
    if (meta.n)
        memcpy(p, meta.p, meta.n);
    else
        *p = 0xc0;
    p += meta.n ? meta.n : 1;
    *p++ = 0xc6;
    put_be(p, 4, payload.n);
    if (payload.n)
        memcpy(p + 4, payload.p, payload.n);
}

void pb_put_be32(uint8_t *p, uint32_t v)
{
    put_be(p, 4, v);
}

void pb_pub_patch(uint8_t *p, uint32_t stream, uint32_t round, uint64_t prev, uint32_t flags)
{
    put_be(p + 3, 4, stream);
    put_be(p + 8, 4, round);
    put_be(p + 22, 8, prev);
    p[33] = (uint8_t)flags;
}

void pb_nop_fill(uint8_t *p, size_t n)
{
    size_t body = n;

    assert(n >= 2);
    p[0] = n == 2 ? 0x91 : 0x92;
    p[1] = PB_NOP;
    if (n == 2)
        return;
    if (n == 3) {
        p[2] = 0xc0;
        return;
    }
    body -= n < 260 ? 4 : n < 65541 ? 5 : 7;
    p[2] = n < 260 ? 0xc4 : n < 65541 ? 0xc5 : 0xc6;
    put_be(p + 3, n < 260 ? 1 : n < 65541 ? 2 : 4, body);
    memset(p + n - body, 0, body);
}

int pb_frame_fields(enum pb_verb verb, enum pb_dir dir, struct pb_field_info info[PB_MAX_FIELDS])
{
    static const char *const types[] = {"u8",    "u32",     "u64",     "str",  "id", "id?",
                                        "[str]", "[range]", "[claim]", "map?", "bin"};
    const struct row *row = &rows[verb][dir];
    unsigned n = n_fields(row);

    for (unsigned i = 0; i < n; i++)
        info[i] = (struct pb_field_info){row->f[i].name, types[row->f[i].kind], row->f[i].bound, row->f[i].at};
    return row->known ? (int)n : -1;
}
