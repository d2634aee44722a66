/* Frames over a socket pair: cut anywhere, too long, more than memory is there for, taken slowly; and AEA's own
 * envelopes, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connections/tcp_server/tcp_message.h"
#include "connections/tcp_server/tcp_peer.h"
#include "schema/buf.h"
#include "schema/pbay_pubid.h"

#define MAX_FRAME 100000
#define BIG       60000 /* bytes of a frame that TCP_BASE does not hold */

struct pair {
    struct tcp_pool pool;
    struct tcp_peer peer;
    int other;
};

static int setup(void **state)
{
    struct pair *p = pb_alloc(sizeof *p);
    int fds[2], room = 1 << 20;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    p->pool.most = MAX_FRAME;
    tcp_peer_init(&p->peer, fds[0], &p->pool, MAX_FRAME);
    p->other = fds[1];
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    tcp_peer_fini(&p->peer);
    tcp_peer_fini(&p->peer);
    assert_int_equal(p->pool.held, 0);
    if (p->other >= 0)
        close(p->other);
    free(p);
    return 0;
}

static void put(int fd, const void *bytes, size_t n)
{
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static char *frame_of(size_t n, char fill)
{
    char *bytes = pb_alloc(TCP_HEAD + n);

    tcp_put_length((uint8_t *)bytes, n);
    memset(bytes + TCP_HEAD, fill, n);
    return bytes;
}

static void test_length(void **state)
{
    uint8_t head[TCP_HEAD];

    (void)state;
    tcp_put_length(head, 0x01020304);
    assert_memory_equal(head, "\4\3\2\1", TCP_HEAD);
    assert_int_equal(tcp_get_length("\4\3\2\1"), 0x01020304);
    assert_int_equal(tcp_get_length("\xff\xff\xff\xff"), UINT32_MAX);
}

/* ---- reading ---- */

/* Byte by byte: nothing before the last one. */
static void test_in_pieces(void **state)
{
    static const char bytes[] = "\3\0\0\0abc\0\0\0\0\1\0\0\0d";
    static const char *const frames[] = {"abc", "", "d"};
    struct pair *p = *state;
    struct pbay_str frame;
    unsigned seen = 0;

    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        bool last = i == 6 || i == 10 || i == 15;

        put(p->other, bytes + i, 1);
        assert_int_equal(tcp_peer_next(&p->peer, &frame), last ? PBAY_OK : PBAY_AGAIN);
        if (last)
            assert_true(pbay_str_eq(frame, pbay_str(frames[seen++])));
    }
    assert_int_equal(seen, 3);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_AGAIN);
    assert_null(p->peer.in); /* who is silent costs nothing */
}

/* All at once, the last one cut off: then the end. */
static void test_many_then_the_end(void **state)
{
    struct pair *p = *state;
    struct pbay_str frame;

    for (unsigned i = 0; i < 1000; i++)
        put(p->other, "\2\0\0\0ab", 6);
    put(p->other, "\2\0\0\0a", 5);
    close(p->other);
    p->other = -1;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_OK);
        assert_true(pbay_str_eq(frame, pbay_str("ab")));
    }
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_CLOSED);
    assert_int_equal(tcp_peer_partial(&p->peer), 5);
}

static void test_too_big(void **state)
{
    struct pair *p = *state;
    uint8_t head[TCP_HEAD];
    struct pbay_str frame;

    tcp_put_length(head, MAX_FRAME + 1);
    put(p->other, head, sizeof head);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_TOO_BIG);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_TOO_BIG);
}

/* An announced length costs nothing; the longest one fits. */
static void test_memory_grows_with_bytes(void **state)
{
    char *bytes = frame_of(MAX_FRAME, 'x');
    struct pair *p = *state;
    struct pbay_str frame;

    put(p->other, bytes, TCP_HEAD + 10);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_AGAIN);
    assert_int_equal(p->peer.cap, TCP_BASE);
    assert_int_equal(p->pool.held, 0);
    put(p->other, bytes + TCP_HEAD + 10, MAX_FRAME - 10);
    put(p->other, "\1\0\0\0y", 5);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_OK);
    assert_int_equal(frame.n, MAX_FRAME);
    assert_true(p->pool.held > 0);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_OK);
    assert_true(pbay_str_eq(frame, pbay_str("y")));
    assert_int_equal(p->pool.held, 0);
    free(bytes);
}

/* Two that share a pool for one: the second waits until the first is done, and small frames do not wait at all. */
static void test_pool(void **state)
{
    char *bytes = frame_of(BIG, 'x');
    struct pair *p = *state, *q;
    struct pbay_str frame;
    void *second;

    setup(&second);
    q = second;
    q->peer.pool = &p->pool;
    p->pool.most = BIG;
    put(p->other, bytes, BIG);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_AGAIN);
    put(q->other, "\1\0\0\0y", 5);
    put(q->other, bytes, TCP_HEAD + BIG);
    assert_int_equal(tcp_peer_next(&q->peer, &frame), PBAY_OK);
    assert_int_equal(tcp_peer_next(&q->peer, &frame), PBAY_LIMIT);
    put(p->other, bytes + BIG, TCP_HEAD);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_OK);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_AGAIN);
    assert_int_equal(tcp_peer_next(&q->peer, &frame), PBAY_OK);
    assert_int_equal(frame.n, BIG);
    teardown(&second);
    free(bytes);
}

/* ---- writing ---- */

static struct tcp_frame letters(size_t n, char fill, uint64_t tag)
{
    char *memory = pb_alloc(n);

    memset(memory, fill, n);
    return tcp_frame_of(&memory, n, tag);
}

/* The other side takes nothing: nothing waits for it, and what is under way is one frame. */
static void test_full(void **state)
{
    struct pair *p = *state;
    struct tcp_frame frame;
    struct pbay_str got;
    struct tcp_pool pool = {.most = MAX_FRAME};
    struct tcp_peer reader;
    enum pbay_err err;
    unsigned n = 0, seen = 0;

    do {
        frame = letters(MAX_FRAME, (char)('a' + n % 26), n + 1);
        err = tcp_peer_write(&p->peer, &frame);
        n += err != PBAY_AGAIN;
    } while (err == PBAY_OK);
    assert_true(p->peer.blocked);
    tcp_frame_drop(&frame);
    tcp_peer_init(&reader, p->other, &pool, MAX_FRAME);
    p->other = -1;
    for (;;) {
        err = tcp_peer_next(&reader, &got);
        if (err == PBAY_AGAIN && tcp_peer_flush(&p->peer) == PBAY_OK && seen == n)
            break;
        if (err)
            continue;
        assert_int_equal(got.n, MAX_FRAME);
        assert_int_equal(got.p[0], 'a' + seen % 26);
        assert_int_equal(got.p[got.n - 1], 'a' + seen++ % 26);
    }
    assert_false(p->peer.blocked);
    tcp_peer_fini(&reader);
}

static void test_nobody_there(void **state)
{
    struct tcp_frame frame = letters(10, 'a', 7);
    struct pair *p = *state;

    close(p->other);
    p->other = -1;
    assert_int_equal(tcp_peer_write(&p->peer, &frame), PBAY_IO);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(frame.tag, 7); /* it is still ours */
    tcp_frame_drop(&frame);
}

/* ---- envelopes ---- */

static struct pbay_str unhex(const char *text)
{
    size_t n = strlen(text) / 2;
    char *bytes = pb_alloc(n + 1);

    for (size_t i = 0; i < n; i++) {
        unsigned v;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
        bytes[i] = (char)v;
    }
    return (struct pbay_str){bytes, n};
}

static bool is_public_id(json_t *vector, const char *key)
{
    struct pbay_pubid id;

    return pbay_pubid_parse(pbay_str(json_string_value(json_object_get(vector, key))), &id);
}

/* What AEA wrote is read as what it says, and written as the same bytes with their length before them. false = it is
 * one between components, which AEA's TCP connection does not send. */
static bool one_vector(struct pair *p, const struct pbay_protocols *protocols, json_t *vector)
{
    struct pbay_str wire = unhex(json_string_value(json_object_get(vector, "envelope"))), frame;
    char why[PBAY_MAX_WHY], *memory, *there;
    struct pbay_envelope e;
    struct tcp_frame out;

    if (is_public_id(vector, "to")) {
        assert_int_equal(tcp_frame_read(protocols, wire, &e, &memory, why), PBAY_FAILED);
        free((void *)(uintptr_t)wire.p);
        return false;
    }
    assert_int_equal(tcp_frame_read(protocols, wire, &e, &memory, why), PBAY_OK);
    assert_true(pbay_str_eq(e.to, pbay_str(json_string_value(json_object_get(vector, "to")))));
    assert_true(pbay_str_eq(e.sender, pbay_str(json_string_value(json_object_get(vector, "sender")))));
    assert_int_equal(tcp_frame_make(protocols, &e, MAX_FRAME, &out, why), PBAY_OK);
    assert_int_equal(tcp_peer_write(&p->peer, &out), PBAY_OK);
    there = pb_alloc(TCP_HEAD + wire.n);
    assert_int_equal(recv(p->other, there, TCP_HEAD + wire.n, 0), TCP_HEAD + wire.n);
    assert_int_equal(tcp_get_length(there), wire.n);
    assert_memory_equal(there + TCP_HEAD, wire.p, wire.n);
    put(p->other, there, TCP_HEAD + wire.n);
    assert_int_equal(tcp_peer_next(&p->peer, &frame), PBAY_OK);
    assert_true(pbay_str_eq(frame, wire));
    free(there);
    free(memory);
    free((void *)(uintptr_t)wire.p);
    return true;
}

static void test_vectors(void **state)
{
    json_t *root = json_load_file(SOURCE_DIR "/schema/vectors/messages.json", 0, NULL), *vector;
    struct pbay_protocols *protocols = pbay_protocols_new();
    unsigned n = 0;
    size_t i;

    assert_non_null(root);
    json_array_foreach(json_object_get(root, "good"), i, vector)
    {
        if (json_object_get(vector, "envelope"))
            n += one_vector(*state, protocols, vector);
    }
    assert_true(n >= 10);
    pbay_protocols_destroy(&protocols);
    json_decref(root);
}

static void test_addresses(void **state)
{
    char name[PBAY_MAX_ADDRESS + 1];

    (void)state;
    memset(name, 'n', sizeof name);
    assert_true(tcp_is_address((struct pbay_str){name, PBAY_MAX_ADDRESS}));
    assert_false(tcp_is_address((struct pbay_str){name, PBAY_MAX_ADDRESS + 1}));
    assert_true(tcp_is_address(pbay_str("0xA791c3E5")));
    assert_false(tcp_is_address(pbay_str("")));
    assert_false(tcp_is_address(pbay_str("acme/agent:1.0.0")));
    assert_false(tcp_is_address(pbay_str("a\nb")));
    assert_false(tcp_is_address(pbay_str("\xff")));
}

/* A component's envelope does not leave, and none comes in; nor does one from or to nobody. */
static void test_components(void **state)
{
    static const char *const parties[][2] = {{"acme/skill:1.0.0", "acme/connection:1.0.0"}, {"", "b"}, {"a", ""}};
    struct pbay_protocols *protocols = pbay_protocols_new();
    char why[PBAY_MAX_WHY], *memory, *read;
    struct tcp_frame frame;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pbay_envelope e = {.to = pbay_str(parties[i][0]),
                                  .sender = pbay_str(parties[i][1]),
                                  .protocol_id = pbay_str("fetchai/default:1.0.0")},
                             back;
        struct pbay_str bytes;

        if (i == 0)
            assert_int_equal(tcp_frame_make(protocols, &e, MAX_FRAME, &frame, why), PBAY_FAILED);
        assert_int_equal(pbay_envelope_encode(protocols, &e, &bytes, &memory, why), PBAY_OK);
        assert_int_equal(tcp_frame_read(protocols, bytes, &back, &read, why), PBAY_FAILED);
        assert_null(read);
        assert_non_null(strstr(why, "ender"));
        free(memory);
    }
    pbay_protocols_destroy(&protocols);
}

/* Who sent what has failed reads why; an error is answered with nothing. */
static void test_errors(void **state)
{
    struct pbay_envelope e = {.to = pbay_str("us"),
                              .sender = pbay_str("them"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .message = pbay_str("anything")},
                         told;
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct tcp_given *table = NULL, *given;
    char why[PBAY_MAX_WHY], *memory;
    struct pbay_message m = {0};
    struct tcp_frame frame;

    (void)state;
    tcp_given_add(&table, protocols, 1, &e, pbay_str("peer"));
    assert_null(tcp_given_take(&table, 2));
    given = tcp_given_take(&table, 1);
    assert_true(pbay_str_eq(given->from, pbay_str("peer")));
    frame = tcp_error_of(protocols, given, PBAY_REFUSED);
    free(given);
    assert_int_equal(tcp_frame_read(protocols, (struct pbay_str){frame.memory, frame.n}, &told, &memory, why), 0);
    assert_true(pbay_str_eq(told.to, e.sender) && pbay_str_eq(told.sender, e.to));
    assert_int_equal(pbay_message_decode(&m, protocols, told.protocol_id, told.message), PBAY_OK);
    assert_true(pbay_message_is(&m, "error"));
    assert_int_equal(pbay_message_int(&m, "error_code"), 0);
    assert_true(pbay_str_eq(pbay_message_item(&m, "error_data", "code"), pbay_str("REFUSED")));
    tcp_given_add(&table, protocols, 2, &told, pbay_str("peer"));
    assert_null(tcp_given_take(&table, 2));
    tcp_given_add(&table, protocols, 3, &e, pbay_str(""));
    tcp_given_clear(&table);
    pbay_message_fini(&m);
    tcp_frame_drop(&frame);
    free(memory);
    pbay_protocols_destroy(&protocols);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_length),
                                       T(test_in_pieces),
                                       T(test_many_then_the_end),
                                       T(test_too_big),
                                       T(test_memory_grows_with_bytes),
                                       T(test_pool),
                                       T(test_full),
                                       T(test_nobody_there),
                                       T(test_vectors),
                                       T(test_addresses),
                                       T(test_components),
                                       T(test_errors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
