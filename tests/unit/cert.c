/* Certificates: each way in which one is not good, and its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/cert.h"

static struct pbay_cert_request example(void)
{
    return (struct pbay_cert_request){.public_key = "0xAB12",
                                      .identifier = "acn",
                                      .ledger_id = "ethereum",
                                      .not_before = "2024-01-01",
                                      .not_after = "2025-01-01",
                                      .valid_from = 1704067200,
                                      .valid_to = 1735689600,
                                      .message_format = "{public_key}|{identifier}|{not_before}|{not_after}",
                                      .save_path = "certs/acn.txt"};
}

/* ---- judgement ---- */

static struct pb_key key_of(const char *ledger_id, char digit)
{
    char text[65];
    struct pb_key key;

    memset(text, digit, 64);
    text[64] = 0;
    assert_true(pb_key_parse(&key, (enum pb_scheme)pb_ledger_scheme(ledger_id), pbay_str(text)));
    return key;
}

/* Signed by key 1, through both files and back. */
static void make(const struct pbay_cert_request *request, struct pb_cert *cert, bool with_facts)
{
    struct pb_key key = key_of(request->ledger_id, '1');
    struct pb_cert made = {0};
    struct pb_buf text = {0}, about = {0};

    assert_true(pb_cert_sign(request, request->public_key, &key, &made));
    pb_cert_put_text(&made, &text);
    pb_cert_put_about(&made, &about);
    *cert = (struct pb_cert){0};
    assert_true(pb_cert_get_text(cert, (struct pbay_str){(const char *)text.p, text.n}));
    assert_string_equal(cert->signature, made.signature);
    if (with_facts)
        pb_cert_get_about(cert, (struct pbay_str){(const char *)about.p, about.n});
    pb_buf_fini(&text);
    pb_buf_fini(&about);
    pb_cert_fini(&made);
    pb_key_fini(&key);
}

#define AGAINST_FACTS "certificate acn is "
#define NOT_SIGNED    "certificate acn is not the agent's signature: it is for another key or identifier, or was changed"

static void test_judge(void **state)
{
    static const struct {
        const char *identifier, *ledger_id, *not_before, *not_after, *public_key;
        char key; /* the agent's */
        const char *why, *why_without_facts;
    } rows[] = {
        {NULL, NULL, NULL, NULL, NULL, '1', NULL, NULL},
        {NULL, NULL, NULL, NULL, "0xAB13", '1', AGAINST_FACTS "for another key (0xAB12)", NOT_SIGNED},
        {NULL, NULL, "2024-01-02", NULL, NULL, '1', AGAINST_FACTS "for other dates: from (2024-01-01)", NOT_SIGNED},
        {NULL, NULL, NULL, "2025-01-02", NULL, '1', AGAINST_FACTS "for other dates: until (2025-01-01)", NOT_SIGNED},
        {NULL, "cosmos", NULL, NULL, NULL, '1', AGAINST_FACTS "for another ledger (ethereum)",
         "certificate acn holds no signature of cosmos"},
        {"bcn", NULL, NULL, NULL, NULL, '1', "certificate bcn is for another identifier (acn)",
         "certificate bcn is not the agent's signature: it is for another key or identifier, or was changed"},
        {NULL, NULL, NULL, NULL, NULL, '2',
         AGAINST_FACTS "signed with another key than the agent's (0x4f355bdcb7cc0af728ef3cceb9615d...)", NOT_SIGNED},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        size_t r = i / 2;
        bool with_facts = i % 2 == 0;
        const char *expected = with_facts ? rows[r].why : rows[r].why_without_facts;
        struct pbay_cert_request request = example();
        char why[PB_CERT_WHY] = "";
        struct pb_cert cert;
        struct pb_key key;
        bool good;

        make(&request, &cert, with_facts);
        request.identifier = rows[r].identifier ? rows[r].identifier : request.identifier;
        request.ledger_id = rows[r].ledger_id ? rows[r].ledger_id : request.ledger_id;
        request.not_before = rows[r].not_before ? rows[r].not_before : request.not_before;
        request.not_after = rows[r].not_after ? rows[r].not_after : request.not_after;
        request.public_key = rows[r].public_key ? rows[r].public_key : request.public_key;
        key = key_of(request.ledger_id, rows[r].key);
        good = pb_cert_judge(&request, request.public_key, key.public_key, &cert, why);
        if (good != !expected || (expected && strcmp(why, expected) != 0))
            fail_msg("row %zu, %s facts: %s", r, with_facts ? "with" : "without", good ? "good" : why);
        if (good) {
            assert_string_equal(cert.facts[PB_FACT_SIGNER], key.public_key);
            assert_string_equal(cert.facts[PB_FACT_IDENTIFIER], "acn");
            assert_int_equal(cert.message.n, strlen("0xAB12|acn|2024-01-01|2025-01-01"));
        }
        pb_cert_fini(&cert);
        pb_key_fini(&key);
    }
}

/* A message_format that leaves the identifier out signs the same for all: then the facts tell them apart. */
static void test_facts_beyond_message(void **state)
{
    struct pbay_cert_request request = example();
    struct pb_key key = key_of("ethereum", '1');
    char why[PB_CERT_WHY];
    struct pb_cert cert;

    (void)state;
    request.message_format = "{public_key}";
    make(&request, &cert, true);
    request.identifier = "other";
    assert_false(pb_cert_judge(&request, request.public_key, key.public_key, &cert, why));
    assert_string_equal(why, "certificate other is for another identifier (acn)");
    pb_cert_fini(&cert);
    pb_key_fini(&key);
}

static void test_in_time(void **state)
{
    struct pbay_cert_request request = example();
    char why[PB_CERT_WHY] = "";

    (void)state;
    assert_true(pb_cert_in_time(&request, request.valid_from, why));
    assert_true(pb_cert_in_time(&request, request.valid_to - 1, why));
    assert_false(pb_cert_in_time(&request, request.valid_from - 1, why));
    assert_string_equal(why, "certificate acn is not valid before 2024-01-01");
    assert_false(pb_cert_in_time(&request, request.valid_to, why));
    assert_string_equal(why, "certificate acn has expired: it was valid until 2025-01-01");
}

/* The certificate's file is the signature's text in hexadecimal; blanks between the digits are passed over, as Python
 * does it. */
static void test_text(void **state)
{
    static const char *const bad[] = {"", "\n", "0", "3", "30x", "zz", "00", "20", "c3a9"};
    struct pb_cert cert = {0};
    char longest[2 * PB_MAX_SIGNATURE_TEXT + 1];

    (void)state;
    assert_true(pb_cert_get_text(&cert, pbay_str("3078 6142\n")));
    assert_string_equal(cert.signature, "0xaB");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (pb_cert_get_text(&cert, pbay_str(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
    }
    memset(longest, '3', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_false(pb_cert_get_text(&cert, pbay_str(longest)));
    assert_true(pb_cert_get_text(&cert, pbay_str(longest + 2)));
    assert_int_equal(strlen(cert.signature), PB_MAX_SIGNATURE_TEXT - 1);
}

/* ---- files ---- */

struct world {
    char root[64], key[96], other[96];
    struct pbay_key_path private_key, own_key;
    struct pbay_agent_conf agent;
    struct pb_cert_place place;
};

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    strcpy(w->root, "/tmp/pbay-cert-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    snprintf(w->key, sizeof w->key, "%s/key", w->root);
    snprintf(w->other, sizeof w->other, "%s/other", w->root);
    write_text(w->key, "0x1111111111111111111111111111111111111111111111111111111111111111");
    write_text(w->other, "2222222222222222222222222222222222222222222222222222222222222222\n");
    w->private_key = (struct pbay_key_path){.ledger_id = "ethereum", .path = w->key};
    w->own_key = (struct pbay_key_path){.ledger_id = "cosmos", .path = w->other};
    w->agent = (struct pbay_agent_conf){
        .private_keys = &w->private_key, .n_private_keys = 1, .connection_keys = &w->own_key, .n_connection_keys = 1};
    w->place = (struct pb_cert_place){&w->agent, w->root};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"key", "other", "acn.txt", "acn.txt" PB_CERT_ABOUT};
    struct world *w = *state;
    char path[128];
    int failed;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", w->root, names[i]);
        unlink(path);
    }
    failed = rmdir(w->root);
    free(w);
    return failed;
}

static void save(const struct world *w, const struct pb_cert *cert, bool with_facts)
{
    struct pb_buf text = {0}, about = {0};
    char path[128];

    pb_cert_put_text(cert, &text);
    pb_buf_add(&text, "", 1);
    snprintf(path, sizeof path, "%s/acn.txt", w->root);
    write_text(path, (const char *)text.p);
    pb_cert_put_about(cert, &about);
    pb_buf_add(&about, "", 1);
    strcat(path, PB_CERT_ABOUT);
    if (with_facts)
        write_text(path, (const char *)about.p);
    else
        unlink(path);
    pb_buf_fini(&text);
    pb_buf_fini(&about);
}

static void issue(const struct world *w, const struct pbay_cert_request *request, bool with_facts)
{
    char why[PB_CERT_WHY] = "";
    struct pb_cert cert = {0};

    if (!pb_cert_issue(&w->place, request, &cert, why))
        fail_msg("%s", why);
    save(w, &cert, with_facts);
    pb_cert_fini(&cert);
}

static struct pbay_cert_request of_own_key(void)
{
    struct pbay_cert_request request = example();

    request.public_key = NULL;
    request.key_id = "cosmos";
    request.save_path = "acn.txt";
    return request;
}

/* expected: what the reason holds; NULL = the certificate is good */
static void assert_checked(const struct world *w, const struct pbay_cert_request *request, const char *expected)
{
    char why[PB_CERT_WHY] = "";
    struct pb_cert cert = {0};
    bool good = pb_cert_check(&w->place, request, request->valid_from, &cert, why);

    if (good != !expected || (expected && !strstr(why, expected)))
        fail_msg("expected %s, found %s", expected ? expected : "a good one", good ? "a good one" : why);
    if (good)
        assert_string_equal(cert.facts[PB_FACT_PUBLIC_KEY],
                            "02466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f27");
    pb_cert_fini(&cert);
}

static void test_files(void **state)
{
    struct pbay_cert_request request = of_own_key();
    struct world *w = *state;
    char path[128];

    assert_checked(w, &request,
                   "certificate acn is missing: `patchbay issue-certificates` writes it to /tmp/pbay-cert-");
    issue(w, &request, false);
    assert_checked(w, &request, NULL);
    issue(w, &request, true);
    assert_checked(w, &request, NULL);
    write_text(w->key, "3333333333333333333333333333333333333333333333333333333333333333");
    assert_checked(w, &request, "certificate acn is signed with another key than the agent's (0x");
    issue(w, &request, true);
    write_text(w->other, "4444444444444444444444444444444444444444444444444444444444444444");
    assert_checked(w, &request, "certificate acn is for another key (");
    snprintf(path, sizeof path, "%s/acn.txt", w->root);
    write_text(path, "what is this?");
    assert_checked(w, &request, "certificate acn is no certificate");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_checked(w, &request, "certificate acn cannot be read: Invalid argument");
    assert_int_equal(rmdir(path), 0);
}

/* A process without the private keys believes the facts, but not without any. */
static void test_without_keys(void **state)
{
    struct pbay_cert_request request = of_own_key();
    struct world *w = *state;

    issue(w, &request, true);
    unlink(w->key);
    unlink(w->other);
    assert_checked(w, &request, NULL);
    w->place.agent = NULL;
    assert_checked(w, &request, NULL);
    request.not_after = "2025-01-02";
    assert_checked(w, &request, "certificate acn is for other dates");
    write_text(w->key, "0x1111111111111111111111111111111111111111111111111111111111111111");
    write_text(w->other, "2222222222222222222222222222222222222222222222222222222222222222");
    request = of_own_key();
    w->place.agent = &w->agent;
    issue(w, &request, false);
    w->place.agent = NULL;
    assert_checked(w, &request, "the key for cosmos is not known");
}

static void expect_not_issued(const struct world *w, const struct pbay_cert_request *request, const char *expected)
{
    char why[PB_CERT_WHY] = "";
    struct pb_cert cert = {0};

    assert_false(pb_cert_issue(&w->place, request, &cert, why));
    assert_non_null(strstr(why, expected));
    assert_null(strstr(why, "hunter2"));
    pb_cert_fini(&cert);
}

/* What is in a key file is never shown. */
static void test_bad_keys(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"hunter2", "is no private key: expected 64 hexadecimal digits in one line"},
        {"{\"crypto\": \"hunter2\"}", "is encrypted, which is not supported"},
        {"", "is no private key"},
    };
    struct pbay_cert_request request = of_own_key();
    struct world *w = *state;

    issue(w, &request, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_text(w->key, rows[i].text);
        expect_not_issued(w, &request, rows[i].why);
        assert_checked(w, &request, rows[i].why);
    }
    unlink(w->key);
    expect_not_issued(w, &request, "cannot be read: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_facts_beyond_message),
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_text),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_keys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
