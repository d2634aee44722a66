/* The wallet: what it keeps, whom it lets in, what a changed file or a disk that fails do. */
#include "tests/unit/vcx_vectors.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connections/vcx/vcx_wallet.h"

struct place {
    char dir[32], path[64], next[64];
    struct vcx_wallet *wallet;
};

static const uint8_t raw[VCX_KEY] = {1, 2, 3};

static int setup(void **state)
{
    struct place *p = pb_alloc(sizeof *p);

    assert_true(vcx_init());
    strcpy(p->dir, "/tmp/vcx_wallet.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->path, sizeof p->path, "%s/w", p->dir);
    snprintf(p->next, sizeof p->next, "%s/w.new", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[64];

    vcx_wallet_close(&p->wallet);
    vcx_wallet_close(&p->wallet);
    snprintf(command, sizeof command, "rm -r %s", p->dir);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

/* Cheap to open: a passphrase costs as little as may be. */
static struct vcx_wallet_conf conf_of(const struct place *p)
{
    return (struct vcx_wallet_conf){.path = p->path,
                                    .owner = "alice",
                                    .passphrase = pbay_str("secret"),
                                    .create = true,
                                    .ops = crypto_pwhash_OPSLIMIT_MIN,
                                    .memory = crypto_pwhash_MEMLIMIT_MIN};
}

static void open_it(struct place *p, const struct vcx_wallet_conf *conf)
{
    char why[VCX_WHY] = "";

    vcx_wallet_close(&p->wallet);
    if (vcx_wallet_open(&p->wallet, conf, why))
        fail_msg("%s", why);
}

static void refuse(struct place *p, const struct vcx_wallet_conf *conf, enum vcx_wallet_err err, const char *words)
{
    char why[VCX_WHY] = "";

    vcx_wallet_close(&p->wallet);
    assert_int_equal(vcx_wallet_open(&p->wallet, conf, why), err);
    assert_null(p->wallet);
    vcx_expect(words, true, why, words);
}

/* As many keys, of seeds 1, 2, 3 ... */
static void fill(struct place *p, uint8_t n)
{
    char why[VCX_WHY];

    for (uint8_t i = 1; i <= n; i++) {
        uint8_t seed[VCX_KEY] = {i}, key[VCX_KEY];

        assert_int_equal(vcx_wallet_add_seed(p->wallet, seed, key, why), VCX_WALLET_OK);
    }
}

static void check_filled(const struct place *p, uint8_t n)
{
    struct vcx_keys keys = vcx_wallet_keys(p->wallet);

    assert_int_equal(vcx_wallet_count(p->wallet), n);
    for (uint8_t i = 1; i <= n; i++) {
        uint8_t seed[VCX_KEY] = {i}, key[VCX_KEY], secret[VCX_SECRET];

        crypto_sign_seed_keypair(key, secret, seed);
        assert_non_null(vcx_wallet_secret(p->wallet, key));
        assert_memory_equal(keys.secret(keys.self, key), secret, VCX_SECRET);
    }
}

static void test_keeps(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    uint8_t key[VCX_KEY], other[VCX_KEY], zero[VCX_KEY] = {0};
    char why[VCX_WHY];
    struct stat st;

    open_it(p, &conf);
    fill(p, 40); /* more than there is room for at first */
    check_filled(p, 40);
    assert_null(vcx_wallet_secret(p->wallet, zero));
    fill(p, 40); /* once more is no more */
    open_it(p, &conf);
    check_filled(p, 40);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_not_equal(access(p->next, F_OK), 0);
    assert_int_equal(vcx_wallet_new_key(p->wallet, key, why), VCX_WALLET_OK);
    assert_int_equal(vcx_wallet_new_key(p->wallet, other, why), VCX_WALLET_OK);
    assert_memory_not_equal(key, other, VCX_KEY);
    assert_int_equal(vcx_wallet_drop_key(p->wallet, other, why), VCX_WALLET_OK);
    assert_int_equal(vcx_wallet_drop_key(p->wallet, other, why), VCX_WALLET_OK);
    assert_null(vcx_wallet_secret(p->wallet, other));
    open_it(p, &conf);
    assert_int_equal(vcx_wallet_count(p->wallet), 41);
    assert_non_null(vcx_wallet_secret(p->wallet, key));
    assert_null(vcx_wallet_secret(p->wallet, other));
}

/* Nothing of a key is in the file, nor the owner's name. */
static struct pb_buf read_file(const struct place *p)
{
    struct pb_buf b = {0};
    FILE *f = fopen(p->path, "rb");
    int c;

    assert_non_null(f);
    while ((c = getc(f)) != EOF)
        pb_buf_add(&b, &(char){(char)c}, 1);
    fclose(f);
    return b;
}

static void write_file(const struct place *p, const void *bytes, size_t n)
{
    FILE *f = fopen(p->path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void test_hides(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    uint8_t key[VCX_KEY], seed[VCX_KEY];
    struct pb_buf file;
    char why[VCX_WHY];

    memset(seed, 'S', sizeof seed);
    conf.owner = "a-name-that-can-be-found";
    open_it(p, &conf);
    assert_int_equal(vcx_wallet_add_seed(p->wallet, seed, key, why), VCX_WALLET_OK);
    file = read_file(p);
    assert_null(memmem(file.p, file.n, seed, 8));
    assert_null(memmem(file.p, file.n, key, 8));
    assert_null(memmem(file.p, file.n, "a-name", 6));
    pb_buf_fini(&file);
}

static void test_wrong_secret(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p), wrong = conf;
    uint8_t other[VCX_KEY] = {1, 2, 4};

    open_it(p, &conf);
    fill(p, 2);
    wrong.passphrase = pbay_str("Secret");
    refuse(p, &wrong, VCX_WALLET_ACCESS, "the passphrase or key is wrong");
    wrong.raw_key = raw;
    refuse(p, &wrong, VCX_WALLET_ACCESS, "it was made with a passphrase");
    open_it(p, &conf);
    check_filled(p, 2); /* no attempt has harmed it */
    vcx_wallet_close(&p->wallet);
    assert_int_equal(unlink(p->path), 0);
    conf.raw_key = raw;
    open_it(p, &conf);
    fill(p, 2);
    open_it(p, &conf);
    check_filled(p, 2);
    wrong.raw_key = other;
    refuse(p, &wrong, VCX_WALLET_ACCESS, "the passphrase or key is wrong");
    wrong.raw_key = NULL;
    refuse(p, &wrong, VCX_WALLET_ACCESS, "it was made with a key file");
}

static void test_other_owner(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p), other = conf;
    char longest[VCX_MAX_OWNER + 1] = "";

    open_it(p, &conf);
    other.owner = "bob";
    refuse(p, &other, VCX_WALLET_SETUP, "it is not that of 'bob'");
    other.owner = "alic";
    refuse(p, &other, VCX_WALLET_SETUP, "wallet and configuration do not belong together");
    assert_int_equal(unlink(p->path), 0);
    memset(longest, 'x', VCX_MAX_OWNER);
    other.owner = longest;
    open_it(p, &other);
    open_it(p, &other);
}

static void test_none(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    char nowhere[64];

    conf.create = false;
    refuse(p, &conf, VCX_WALLET_ACCESS, "there is none");
    assert_int_not_equal(access(p->path, F_OK), 0);
    conf.create = true;
    snprintf(nowhere, sizeof nowhere, "%s/no/w", p->dir);
    conf.path = nowhere;
    refuse(p, &conf, VCX_WALLET_ACCESS, "its lock cannot be opened: No such file or directory");
    conf.path = p->path;
    assert_int_equal(mkdir(p->path, 0700), 0);
    refuse(p, &conf, VCX_WALLET_ACCESS, "not a wallet");
}

/* No byte of it may be another one, none may be missing or too much, and records may not change places. */
static void test_changed(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    size_t sealed = VCX_KEY + crypto_secretstream_xchacha20poly1305_ABYTES,
           last = crypto_secretstream_xchacha20poly1305_ABYTES;
    struct pb_buf file;
    char why[VCX_WHY];

    conf.raw_key = raw; /* the header's bytes for Argon2id are authenticated all the same */
    open_it(p, &conf);
    fill(p, 3);
    vcx_wallet_close(&p->wallet);
    file = read_file(p);
    for (size_t i = 0; i < file.n; i++) {
        file.p[i] ^= 0x40;
        write_file(p, file.p, file.n);
        if (vcx_wallet_open(&p->wallet, &conf, why) != VCX_WALLET_ACCESS)
            fail_msg("byte %zu", i);
        file.p[i] ^= 0x40;
    }
    for (size_t cut = 1; cut <= file.n; cut++) {
        write_file(p, file.p, file.n - cut);
        if (vcx_wallet_open(&p->wallet, &conf, why) != VCX_WALLET_ACCESS)
            fail_msg("%zu bytes cut off", cut);
    }
    pb_buf_add(&file, "", 1);
    write_file(p, file.p, file.n);
    refuse(p, &conf, VCX_WALLET_ACCESS, "it was changed or cut off");
    file.n--;
    memmove(file.p + file.n - last - sealed, file.p + file.n - last, last); /* the last key left out */
    write_file(p, file.p, file.n - sealed);
    refuse(p, &conf, VCX_WALLET_ACCESS, "it was changed or cut off");
    pb_buf_fini(&file);
}

/* A wallet with one key as vcx_wallet.h describes it, written here, its end tagged or not. */
static void write_by_hand(const struct place *p, uint8_t last_tag)
{
    uint8_t owner[VCX_MAX_OWNER + 1] = "alice", seed[VCX_KEY] = {1};
    const size_t more = crypto_secretstream_xchacha20poly1305_ABYTES;
    crypto_secretstream_xchacha20poly1305_state stream;
    struct pb_buf file = {0};
    uint8_t *at;

    pb_buf_add(&file, "PBVCXW01", 8);
    memset(pb_buf_grow(&file, 33), 0, 33);
    at = pb_buf_grow(&file, crypto_secretstream_xchacha20poly1305_HEADERBYTES);
    crypto_secretstream_xchacha20poly1305_init_push(&stream, at, raw);
    at = pb_buf_grow(&file, sizeof owner + more);
    crypto_secretstream_xchacha20poly1305_push(&stream, at, NULL, owner, sizeof owner, file.p, 41, 0);
    at = pb_buf_grow(&file, sizeof seed + more);
    crypto_secretstream_xchacha20poly1305_push(&stream, at, NULL, seed, sizeof seed, NULL, 0, 0);
    at = pb_buf_grow(&file, more);
    crypto_secretstream_xchacha20poly1305_push(&stream, at, NULL, seed, 0, NULL, 0, last_tag);
    write_file(p, file.p, file.n);
    pb_buf_fini(&file);
}

static void test_by_hand(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);

    conf.raw_key = raw;
    write_by_hand(p, crypto_secretstream_xchacha20poly1305_TAG_FINAL);
    open_it(p, &conf);
    check_filled(p, 1);
    write_by_hand(p, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
    refuse(p, &conf, VCX_WALLET_ACCESS, "it was changed or cut off");
}

/* A file may not make us work for ever. */
static void test_costly(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    static const size_t high[] = {9 + 1, 17 + 4}; /* ops and memory, one of their higher bytes */

    for (size_t i = 0; i < COUNT(high); i++) {
        struct pb_buf file;

        open_it(p, &conf);
        vcx_wallet_close(&p->wallet);
        file = read_file(p);
        file.p[high[i]] = 1;
        write_file(p, file.p, file.n);
        refuse(p, &conf, VCX_WALLET_ACCESS, "it asks for more work than a passphrase may cost");
        pb_buf_fini(&file);
        assert_int_equal(unlink(p->path), 0);
    }
}

/* A disk that fails: neither the file nor the memory has changed; and it goes on afterwards. */
static void test_cannot_write(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    uint8_t seed[VCX_KEY] = {1}, key[VCX_KEY], other[VCX_KEY];
    struct pb_buf before, after;
    char why[VCX_WHY] = "";

    open_it(p, &conf);
    fill(p, 3);
    before = read_file(p);
    assert_int_equal(mkdir(p->next, 0700), 0);
    assert_int_equal(vcx_wallet_new_key(p->wallet, other, why), VCX_WALLET_ACCESS);
    vcx_expect("new", true, why, "wallet: it cannot be written: ");
    assert_null(vcx_wallet_secret(p->wallet, other));
    assert_int_equal(vcx_wallet_add_seed(p->wallet, seed, key, why), VCX_WALLET_OK); /* there: nothing to write */
    assert_int_equal(vcx_wallet_drop_key(p->wallet, key, why), VCX_WALLET_ACCESS);
    check_filled(p, 3);
    after = read_file(p);
    assert_true(pbay_str_eq(vcx_view(&before), vcx_view(&after)));
    assert_int_equal(rmdir(p->next), 0);
    assert_int_equal(vcx_wallet_drop_key(p->wallet, key, why), VCX_WALLET_OK);
    assert_int_equal(vcx_wallet_count(p->wallet), 2);
    pb_buf_fini(&before);
    pb_buf_fini(&after);
}

/* What a crash has left behind is nobody's, even a link to somewhere else. */
static void test_after_a_crash(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    char elsewhere[64];

    open_it(p, &conf);
    fill(p, 1);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", p->dir);
    assert_int_equal(symlink(elsewhere, p->next), 0);
    fill(p, 2);
    assert_int_not_equal(access(elsewhere, F_OK), 0);
    open_it(p, &conf);
    check_filled(p, 2);
}

/* Another process has it open; after its end it may be opened. */
static void test_locked(void **state)
{
    struct place *p = *state;
    struct vcx_wallet_conf conf = conf_of(p);
    struct vcx_wallet *second;
    char why[VCX_WHY] = "";
    int status = 0;
    pid_t child;

    open_it(p, &conf);
    assert_int_equal(vcx_wallet_open(&second, &conf, why), VCX_WALLET_ACCESS);
    vcx_expect("locked", true, why, "another process has it open");
    vcx_wallet_close(&p->wallet);
    child = fork();
    if (child == 0)
        _exit(vcx_wallet_open(&second, &conf, why) == VCX_WALLET_OK ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    open_it(p, &conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_keeps),        TEST(test_hides),         TEST(test_wrong_secret), TEST(test_other_owner),
        TEST(test_none),         TEST(test_changed),       TEST(test_by_hand),      TEST(test_costly),
        TEST(test_cannot_write), TEST(test_after_a_crash), TEST(test_locked),
    };

    return cmocka_run_group_tests_name("vcx_wallet", tests, NULL, NULL);
}
