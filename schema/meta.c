/* Metadata of an envelope: the optional map in PUB (SPEC 5.3). */
#include <msgpack/pack.h>
#include <string.h>

#include "schema/frame.h"

enum key { KEY_ID, KEY_OPERATION, KEY_TRACEPARENT, KEY_URI, KEY_TTL, KEY_REPLAY, KEY_COUNT };

static const char *const keys[KEY_COUNT] = {"id", "operation", "traceparent", "uri", "ttl", "replay"};

static int find_key(struct pbay_str s)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        if (pbay_str_eq(s, pbay_str(keys[i])))
            return i;
    }
    return -1;
}

static bool read_number(struct pb_rd *r, uint64_t most, uint64_t *v)
{
    return pb_rd_uint(r, v) && *v <= most;
}

static bool read_value(struct pb_rd *r, int key, struct pb_meta *m)
{
    uint64_t v = 0;

    switch (key) {
    case KEY_ID:
        return pb_rd_bin(r, &m->id) && m->id.n == PBAY_ID_SIZE;
    case KEY_OPERATION:
        return pb_rd_str(r, &m->operation);
    case KEY_TRACEPARENT:
        return pb_rd_str(r, &m->traceparent);
    case KEY_URI:
        return pb_rd_str(r, &m->uri);
    case KEY_TTL:
        if (!read_number(r, UINT32_MAX, &v))
            return false;
        m->ttl_ms = (uint32_t)v;
        return true;
    case KEY_REPLAY:
        if (!read_number(r, PBAY_REPLAY_NEVER, &v))
            return false;
        m->replay = (enum pbay_replay)v;
        return true;
    default:
        return pb_rd_skip(r);
    }
}

bool pb_meta_read(struct pbay_str raw, struct pb_meta *m)
{
    struct pb_rd r = pb_rd_of(raw.p, raw.n);
    struct pbay_str key;
    uint32_t n;

    memset(m, 0, sizeof *m);
    if (raw.n == 0)
        return true;
    if (!pb_rd_map(&r, &n))
        return false;
    for (; n; n--) {
        if (!pb_rd_str(&r, &key) || !read_value(&r, find_key(key), m))
            return false;
    }
    return r.p == r.end;
}

static int append(void *buf, const char *p, size_t n)
{
    pb_buf_add(buf, p, n);
    return 0;
}

static void put_text(msgpack_packer *pk, enum key key, struct pbay_str s)
{
    msgpack_pack_str_with_body(pk, keys[key], strlen(keys[key]));
    msgpack_pack_str_with_body(pk, s.p, s.n);
}

static void put_number(msgpack_packer *pk, enum key key, uint32_t v)
{
    msgpack_pack_str_with_body(pk, keys[key], strlen(keys[key]));
    msgpack_pack_fix_uint32(pk, v);
}

static unsigned count(const struct pbay_envelope *e)
{
    return 0U + e->has_id + !!e->operation.n + !!e->traceparent.n + !!e->uri.n + !!e->ttl_ms + !!e->replay;
}

bool pb_has_meta(const struct pbay_envelope *e)
{
    return count(e) > 0;
}

size_t pb_meta_write(struct pb_buf *b, const struct pbay_envelope *e)
{
    unsigned n = count(e);
    size_t ttl_at = 0;
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, append);
    if (n == 0) {
        msgpack_pack_nil(&pk);
        return 0;
    }
    msgpack_pack_map(&pk, n);
    if (e->has_id) {
        msgpack_pack_str_with_body(&pk, "id", 2);
        msgpack_pack_bin_with_body(&pk, e->id, PBAY_ID_SIZE);
    }
    if (e->operation.n)
        put_text(&pk, KEY_OPERATION, e->operation);
    if (e->traceparent.n)
        put_text(&pk, KEY_TRACEPARENT, e->traceparent);
    if (e->uri.n)
        put_text(&pk, KEY_URI, e->uri);
    if (e->ttl_ms) {
        put_number(&pk, KEY_TTL, e->ttl_ms);
        ttl_at = b->n - 4;
    }
    if (e->replay)
        put_number(&pk, KEY_REPLAY, e->replay);
    return ttl_at;
}
