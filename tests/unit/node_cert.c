/* Certificates in the connection runtime: this program started again as a connection process that asks for two of one
 * identifier and prints what it is given at connect. There is no agent.yaml, so the facts say whose signature it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/cert.h"
#include "node/pbay_conn.h"
#include "node_world.h"

#define SHORT_LIFE 5 /* seconds until a certificate expires that the test waits for */
#define MAX_STATES 4 /* that are said until it is `failed` */

/* ---- the package ---- */

static void print_certificate(struct pbay_link *link, const char *identifier, size_t nth)
{
    struct pbay_certificate c;
    enum pbay_err err = pbay_link_certificate(link, identifier, nth, &c);

    if (err)
        printf("%s\n", pbay_err_name(err));
    else
        printf("%s %s %s %.6s %s %s %zu %.*s\n", c.identifier, c.ledger_id, c.public_key, c.signer, c.not_before,
               c.not_after, strlen(c.signature), (int)c.message.n, c.message.p);
    fflush(stdout);
}

static enum pbay_err package_connect(void *self, struct pbay_link *link)
{
    (void)self;
    print_certificate(link, "acn", 0);
    print_certificate(link, "acn", 1);
    print_certificate(link, "acn", 2);
    print_certificate(link, "other", 0);
    return PBAY_OK;
}

static void package_disconnect(void *self)
{
    (void)self;
    printf("disconnect\n");
    fflush(stdout);
}

static int run_package(int argc, char **argv)
{
    static const struct pbay_conn_ops ops = {
        .class_name = "PackageConnection", .connect = package_connect, .disconnect = package_disconnect};

    return pbay_conn_main(argc, argv, &ops);
}

/* ---- the tests ---- */

/* Both requests; the second ends at `until`. */
static void configure(const struct world *w, const char *until)
{
    char config[640];

    snprintf(
        config, sizeof config,
        "shy: false\n"
        "cert_requests:\n"
        "- {public_key: '0x12', identifier: acn, ledger_id: ethereum, not_before: 2020-01-01, not_after: 9999-01-01,\n"
        "   message_format: 'I am {identifier}', save_path: first}\n"
        "- {public_key: '0x34', identifier: acn, ledger_id: ed25519, not_before: 2020-01-01, not_after: '%s',\n"
        "   save_path: second}",
        until);
    world_config(w, "PackageConnection", config);
    setenv("PATCHBAY_DATA_DIR", w->root, 1);
}

static void write_file(const struct world *w, const char *name, const char *suffix, const struct pb_buf *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s%s", w->root, name, suffix);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text->p, 1, text->n, f), text->n);
    assert_int_equal(fclose(f), 0);
}

/* Sign the request that the package's connection.yaml has as its index-th. */
static void issue(const struct world *w, size_t index)
{
    struct pb_buf text = {0}, about = {0};
    const struct pbay_cert_request *request;
    struct pbay_conf_error error;
    struct pbay_conn_conf *conf;
    struct pb_cert cert = {0};
    struct pb_key key;

    if (pbay_conn_conf_load(w->dir, NULL, &conf, &error))
        fail_msg("%s", error.text);
    request = &conf->cert_requests[index];
    assert_true(pb_key_parse(&key, (enum pb_scheme)pb_ledger_scheme(request->ledger_id),
                             pbay_str("1111111111111111111111111111111111111111111111111111111111111111")));
    assert_true(pb_cert_sign(request, request->public_key, &key, &cert));
    pb_cert_put_text(&cert, &text);
    pb_cert_put_about(&cert, &about);
    write_file(w, request->save_path, "", &text);
    write_file(w, request->save_path, PB_CERT_ABOUT, &about);
    pb_buf_fini(&text);
    pb_buf_fini(&about);
    pb_cert_fini(&cert);
    pb_key_fini(&key);
    pbay_conn_conf_destroy(&conf);
}

static int teardown(void **state)
{
    static const char *const names[] = {"first", "first" PB_CERT_ABOUT, "second", "second" PB_CERT_ABOUT};
    const struct world *w = *state;
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", w->root, names[i]);
        unlink(path);
    }
    unsetenv("PATCHBAY_DATA_DIR");
    return world_teardown(state);
}

static void expect_failed(struct world *w, const char *reason)
{
    struct pb_frame f = {0};
    char text[PB_MAX_TEXT + 1];

    for (unsigned i = 0; i < MAX_STATES && f.state != PB_ST_FAILED; i++)
        f = fake_expect(&w->broker, PB_STATE);
    assert_int_equal(f.state, PB_ST_FAILED);
    snprintf(text, sizeof text, "%.*s", (int)f.text.n, f.text.p);
    if (!strstr(text, reason))
        fail_msg("expected %s, found %s", reason, text);
    assert_int_equal(f.code, PBAY_CONFIG);
    assert_int_equal(f.retry_ms, 5000);
}

static void test_given(void **state)
{
    struct world *w = *state;

    configure(w, "9999-12-31");
    issue(w, 0);
    issue(w, 1);
    world_start(w);
    fake_attach(&w->broker);
    world_assert_line(w, "acn ethereum 0x12 0x4f35 2020-01-01 9999-01-01 132 I am acn\n");
    world_assert_line(w, "acn ed25519 0x34 0xd04a 2020-01-01 9999-12-31 130 0x34\n");
    world_assert_line(w, "INVALID\n");
    world_assert_line(w, "INVALID\n");
    world_state(w, PB_ST_CONNECTED);
}

/* Nothing of the package runs, and its sender is not kept waiting; when the certificate comes, it connects by itself.
 */
static void test_missing(void **state)
{
    struct world *w = *state;

    configure(w, "9999-12-31");
    issue(w, 0);
    world_start(w);
    fake_attach(&w->broker);
    expect_failed(w, "certificate acn is missing: `patchbay issue-certificates` writes it to /tmp/pbay-package-");
    issue(w, 1);
    world_state(w, PB_ST_CONNECTED);
    world_assert_line(w, "acn ethereum 0x12 0x4f35 2020-01-01 9999-01-01 132 I am acn\n"); /* the first line of all */
}

static void test_expires(void **state)
{
    struct world *w = *state;
    time_t until = time(NULL) + SHORT_LIFE;
    char text[32];
    struct tm tm;

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&until, &tm));
    configure(w, text);
    issue(w, 0);
    issue(w, 1);
    world_start(w);
    fake_attach(&w->broker);
    world_state(w, PB_ST_CONNECTED);
    expect_failed(w, "certificate acn has expired: it was valid until ");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_given, world_setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing, world_setup, teardown),
        cmocka_unit_test_setup_teardown(test_expires, world_setup, teardown),
    };

    if (argc > 1 && strcmp(argv[1], "connection") == 0)
        return run_package(1, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
