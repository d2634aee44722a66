/* When the outbox sends again, and when it gives up; the ring of keys in a wallet and in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/vcx/vcx_outbox.h"
#include "connections/vcx/vcx_ring.h"

#define HOUR INT64_C(3600000)

static const struct vcx_outbox_limits limits = {.first = 1000, .most = 300000, .max_attempts = 20};

/* Twice as long each time up to the longest, less at most a quarter; however many attempts there were. */
static void test_pause(void **state)
{
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};

    (void)state;
    for (uint32_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(vcx_outbox_pause(&limits, i + 1, 0), expected[i]);
        assert_int_equal(vcx_outbox_pause(&limits, i + 1, UINT32_MAX), expected[i] - expected[i] / 4);
        assert_in_range(vcx_outbox_pause(&limits, i + 1, UINT32_MAX / 2), expected[i] * 3 / 4 + 1, expected[i] - 1);
    }
    assert_int_equal(vcx_outbox_pause(&limits, UINT32_MAX, 0), 300000);
    assert_int_equal(vcx_outbox_pause(&(struct vcx_outbox_limits){.first = UINT32_MAX, .most = UINT32_MAX}, 1000, 0),
                     UINT32_MAX);
}

static void test_next(void **state)
{
    static const struct {
        enum vcx_post_result result;
        uint32_t attempts;
        int64_t expires_at;
        enum vcx_outbox_next next;
    } rows[] = {{VCX_POST_OK, 1, HOUR, VCX_OUTBOX_GONE},         {VCX_POST_OK, 99, 0, VCX_OUTBOX_GONE},
                {VCX_POST_AGAIN, 1, HOUR, VCX_OUTBOX_LATER},     {VCX_POST_AGAIN, 19, HOUR, VCX_OUTBOX_LATER},
                {VCX_POST_AGAIN, 20, HOUR, VCX_OUTBOX_GIVEN_UP}, {VCX_POST_AGAIN, 1, 10, VCX_OUTBOX_GIVEN_UP},
                {VCX_POST_AGAIN, 1, 11, VCX_OUTBOX_LATER},       {VCX_POST_NEVER, 1, HOUR, VCX_OUTBOX_GIVEN_UP}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(vcx_outbox_next(&limits, rows[i].result, rows[i].attempts, rows[i].expires_at, 10),
                         rows[i].next);
}

/* Both kinds are found in one ring; only one is in the file, and only until it is dropped. */
static void test_ring(void **state)
{
    static const uint8_t raw[VCX_KEY] = {1};
    char dir[] = "/tmp/pbay-ring-XXXXXX", path[64], lock[80], why[VCX_WHY];
    struct vcx_wallet_conf conf = {.path = path, .owner = "me", .raw_key = raw, .create = true};
    struct vcx_ring ring = {.wallet = NULL};
    struct vcx_keys keys = vcx_ring_keys(&ring);
    uint8_t kept[VCX_KEY], brief[VCX_KEY];

    (void)state;
    assert_true(vcx_init());
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/wallet", dir);
    snprintf(lock, sizeof lock, "%s.lock", path);
    assert_int_equal(vcx_wallet_open(&ring.wallet, &conf, why), VCX_WALLET_OK);
    assert_true(vcx_ring_new_key(&ring, false, kept, why));
    assert_true(vcx_ring_new_key(&ring, true, brief, why));
    assert_memory_not_equal(kept, brief, VCX_KEY);
    assert_int_equal(vcx_wallet_count(ring.wallet), 1);
    assert_non_null(keys.secret(keys.self, kept));
    assert_memory_equal(keys.secret(keys.self, brief) + VCX_KEY, brief, VCX_KEY); /* libsodium's secrets end so */
    assert_true(vcx_ring_drop(&ring, brief, why));
    assert_null(keys.secret(keys.self, brief));
    assert_true(vcx_ring_drop(&ring, kept, why));
    assert_null(keys.secret(keys.self, kept));
    assert_int_equal(vcx_wallet_count(ring.wallet), 0);
    assert_true(vcx_ring_new_key(&ring, true, brief, why));
    vcx_wallet_close(&ring.wallet);
    vcx_ring_fini(&ring);
    unlink(path);
    unlink(lock);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pause), cmocka_unit_test(test_next),
                                       cmocka_unit_test(test_ring)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
