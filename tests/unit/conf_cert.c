/* cert_requests and the paths of keys in configurations: what is taken, and the line for each field that is wrong. */
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

#include "schema/pbay_conf.h"

#define AGENT      "agent.yaml"
#define FOLDER     "connections/one"
#define CONNECTION FOLDER "/connection.yaml"
#define HEX_64     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct world {
    char root[64];
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    strcpy(w->root, "/tmp/pbay-conf-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    assert_int_equal(chdir(w->root) || mkdir("connections", 0700) || mkdir(FOLDER, 0700), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    int failed =
        unlink(AGENT) | unlink(CONNECTION) | rmdir(FOLDER) | rmdir("connections") | chdir("/") | rmdir(w->root);

    free(w);
    return failed;
}

static void write_text(const char *path, const char *text, const char *more)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fprintf(f, "%s%s", text, more);
    assert_int_equal(fclose(f), 0);
}

/* requests is the value of cert_requests, which begins on line 12 of connection.yaml; the lines of keys begin at 4 in
 * agent.yaml. */
static enum pbay_err load(const char *requests, const char *keys, struct pbay_agent_conf **conf, char *error)
{
    struct pbay_conf_error e = {""};
    enum pbay_err err;

    write_text(
        CONNECTION,
        "name: one\nauthor: acme\nversion: 1.0.0\ntype: connection\nclass_name: One\nconfig: {}\nconnections: []\n"
        "protocols: []\nrestricted_to_protocols: []\nexcluded_protocols: []\nis_abstract: false\ncert_requests:",
        requests);
    write_text(AGENT, "agent_name: echo\nconnections:\n- acme/one:1.0.0\n", keys);
    err = pbay_agent_conf_load(AGENT, NULL, conf, &e);
    strcpy(error, e.text);
    return err;
}

#define KEYS                                                                 \
    "private_key_paths:\n  ethereum: keys/ethereum.txt\n  cosmos: /cosmos\n" \
    "connection_private_key_paths: {cosmos: ./own.txt}\n"

static void test_good(void **state)
{
    struct world *w = *state;
    struct pbay_agent_conf *conf;
    const struct pbay_cert_request *r;
    char error[512], path[128];

    setenv("PATCHBAY_TEST_UNTIL", "2025-01-01", 1);
    if (load("\n- {public_key: '0xaB', identifier: acn, ledger_id: ethereum, not_before: '2024-01-01',\n"
             "   not_after: '${PATCHBAY_TEST_UNTIL:str}', message_format: 'x {public_key}', save_path: .certs/acn}\n"
             "- {public_key: cosmos, identifier: acn, ledger_id: cosmos, not_before: 2024-01-01,\n"
             "   not_after: 2024-01-01T00:00:01, save_path: /certs/acn}\n",
             KEYS, &conf, error))
        fail_msg("%s", error);
    assert_int_equal(conf->n_private_keys, 2);
    assert_string_equal(conf->private_keys[0].ledger_id, "ethereum");
    snprintf(path, sizeof path, "%s/keys/ethereum.txt", w->root);
    assert_string_equal(conf->private_keys[0].path, path);
    assert_string_equal(conf->private_keys[1].path, "/cosmos");
    assert_int_equal(conf->n_connection_keys, 1);
    assert_int_equal(conf->connections[0].n_cert_requests, 2);
    r = conf->connections[0].cert_requests;
    assert_string_equal(r[0].public_key, "0xaB");
    assert_null(r[0].key_id);
    assert_string_equal(r[0].not_after, "2025-01-01");
    assert_int_equal(r[0].valid_to - r[0].valid_from, 366 * 86400);
    assert_string_equal(r[0].message_format, "x {public_key}");
    assert_string_equal(r[0].save_path, ".certs/acn");
    assert_int_equal(r[0].at.line, 13);
    assert_null(r[1].public_key);
    assert_string_equal(r[1].key_id, "cosmos");
    assert_int_equal(r[1].valid_to - r[1].valid_from, 1);
    assert_string_equal(r[1].message_format, "{public_key}");
    pbay_agent_conf_destroy(&conf);
}

/* An override's list takes the place of the package's. */
static void test_override(void **state)
{
    static const char request[] =
        "\n- {public_key: '0x1', identifier: acn, ledger_id: ethereum, not_before: 2024-01-01, "
        "not_after: 2025-01-01, save_path: acn}\n";
    struct pbay_agent_conf *conf;
    char error[512];

    (void)state;
    assert_int_equal(
        load(request, KEYS "---\npublic_id: acme/one:1.0.0\ntype: connection\ncert_requests: []\n", &conf, error),
        PBAY_OK);
    assert_int_equal(conf->connections[0].n_cert_requests, 0);
    pbay_agent_conf_destroy(&conf);
    assert_int_equal(load(" []\n",
                          KEYS "---\npublic_id: acme/one:1.0.0\ntype: connection\ncert_requests:\n- identifier: acn\n"
                               "  ledger_id: dollar\n",
                          &conf, error),
                     PBAY_CONFIG);
    assert_string_equal(error,
                        "agent.yaml:13: cert_requests.0.ledger_id: expected ethereum, ethereum_flashbots, fetchai, "
                        "cosmos or ed25519, found \"dollar\"");
}

/* ---- each field ---- */

static const struct {
    const char *key, *value;
} usual[] = {
    {"public_key", "'0x12'"},     {"identifier", "acn"},       {"ledger_id", "ethereum"},
    {"not_before", "2024-01-01"}, {"not_after", "2025-01-01"}, {"message_format", "'{public_key}'"},
    {"save_path", "acn.txt"},
};

/* A request that begins on line 13, one line for each key; value NULL = without that key. */
static void write_request(char *text, size_t size, const char *key, const char *value)
{
    size_t n = 0;

    *text = 0;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const char *shown = strcmp(usual[i].key, key) == 0 ? value : usual[i].value;

        if (shown)
            n += (size_t)snprintf(text + n, size - n, "\n%s %s: %s", n ? " " : "-", usual[i].key, shown);
        assert_true(n < size);
    }
    strcat(text, "\n");
}

#define KEY_WANTED \
    "expected a public key in hexadecimal, or the ledger id of a key in connection_private_key_paths, found "
#define DATE_WANTED "expected a date such as 2024-01-31 or 2024-01-31T12:00:00+01:00, found "
#define FORMAT_WANTED \
    "expected ASCII with {public_key}, {identifier}, {not_before}, {not_after} and no other braces, found "
#define NAME_WANTED "expected a name of letters, digits and _, found "

/* The error begins with the line of that key, connections/one/connection.yaml:LINE: cert_requests.0.KEY: */
static const struct {
    const char *key, *value, *error;
    int line;
} bad_fields[] = {
    {"public_key", "someone", KEY_WANTED "\"someone\"", 13},
    {"public_key", "abcdef", KEY_WANTED "\"abcdef\"", 13}, /* a name, as in AEA */
    {"public_key", "'0x'", KEY_WANTED "\"0x\"", 13},
    {"public_key", "12g4", KEY_WANTED "\"12g4\"", 13},
    {"public_key", "[]", KEY_WANTED "a list", 13},
    {"public_key", "null", KEY_WANTED "nothing", 13},
    {"identifier", "1acn", NAME_WANTED "\"1acn\"", 14},
    {"identifier", "'a b'", NAME_WANTED "\"a b\"", 14},
    {"ledger_id", "etherum", "expected ethereum, ethereum_flashbots, fetchai, cosmos or ed25519, found \"etherum\"",
     15},
    {"not_before", "yesterday", DATE_WANTED "\"yesterday\"", 16},
    {"not_before", "2024-02-30", DATE_WANTED "\"2024-02-30\"", 16},
    {"not_before", "2024-01-01T00:00:00.000001", DATE_WANTED "\"2024-01-01T00:00:00.000001\"", 16},
    {"not_after", "2025-1-1", DATE_WANTED "\"2025-1-1\"", 17},
    {"not_after", "{}", DATE_WANTED "a mapping", 17},
    {"not_after", "2024-01-01", "expected a date after not_before (2024-01-01), found 2024-01-01", 17},
    {"not_after", "2024-01-01T01:00:00+02:00",
     "expected a date after not_before (2024-01-01), found 2024-01-01T01:00:00+02:00", 17},
    {"message_format", "'{}'", FORMAT_WANTED "\"{}\"", 18},
    {"message_format", "'{public_key'", FORMAT_WANTED "\"{public_key\"", 18},
    {"message_format", "'{address}'", FORMAT_WANTED "\"{address}\"", 18},
    {"message_format", "'{public_key!r}'", FORMAT_WANTED "\"{public_key!r}\"", 18},
    {"message_format", "\"\\xe9\"", FORMAT_WANTED "\"\xc3\xa9\"", 18},
    {"save_path", "''", "expected a path, found \"\"", 19},
    {"save_path", "null", "expected a path, found nothing", 19},
};

static bool check_error(const char *requests, const char *keys, const char *expected)
{
    struct pbay_agent_conf *conf = NULL;
    char error[512];
    enum pbay_err err = load(requests, keys, &conf, error);

    pbay_agent_conf_destroy(&conf);
    if (err == PBAY_CONFIG && strcmp(error, expected) == 0)
        return true;
    print_error("%s\n%s\n  expected %s\n  found    %s\n", requests, keys, expected, err ? error : "no error");
    return false;
}

static void test_bad_fields(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof bad_fields / sizeof *bad_fields; i++) {
        char text[512], expected[512];

        write_request(text, sizeof text, bad_fields[i].key, bad_fields[i].value);
        snprintf(expected, sizeof expected, CONNECTION ":%d: cert_requests.0.%s: %s", bad_fields[i].line,
                 bad_fields[i].key, bad_fields[i].error);
        wrong += !check_error(text, KEYS, expected);
    }
    assert_int_equal(wrong, 0);
}

static void test_missing_fields(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        char text[512], expected[512];

        if (strcmp(usual[i].key, "message_format") == 0) /* has a default */
            continue;
        write_request(text, sizeof text, usual[i].key, NULL);
        snprintf(expected, sizeof expected, CONNECTION ":13: cert_requests.0: expected the key %s, which is missing",
                 usual[i].key);
        wrong += !check_error(text, KEYS, expected);
    }
    assert_int_equal(wrong, 0);
}

/* ---- the rest ---- */

#define REQUEST(key, ledger, path)                                                                        \
    "- {public_key: " key ", identifier: acn, ledger_id: " ledger ", not_before: 2024-01-01, not_after: " \
    "2025-01-01, save_path: " path "}\n"

static void test_bad_files(void **state)
{
    static const struct {
        const char *requests, *keys, *error;
    } rows[] = {
        {" {}\n", KEYS, CONNECTION ":12: cert_requests: expected a list, found a mapping"},
        {" [acn]\n", KEYS, CONNECTION ":12: cert_requests.0: expected a mapping, found \"acn\""},
        {"\n- {public_keys: '0x1'}\n", KEYS,
         CONNECTION ":13: cert_requests.0.public_keys: unknown key, did you mean public_key?"},
        {"\n" REQUEST("'0x1'", "ethereum", "a") REQUEST("'0x2'", "ethereum", "a"), KEYS,
         CONNECTION ":14: cert_requests.1.save_path: the certificate of line 13 has the same path"},
        {"\n" REQUEST("'0x1'", "ed25519", "a"), KEYS,
         CONNECTION ":13: cert_requests.0.ledger_id: expected a key for ed25519 in private_key_paths of agent.yaml"},
        {"\n" REQUEST("ethereum", "ethereum", "a"), KEYS,
         CONNECTION ":13: cert_requests.0.public_key: expected a key for ethereum in connection_private_key_paths of "
                    "agent.yaml"},
        {" []\n", "private_key_paths: []\n", "agent.yaml:4: private_key_paths: expected a mapping, found a list"},
        {" []\n", "private_key_paths:\n  ethereum:\n",
         "agent.yaml:5: private_key_paths.ethereum: expected the path of a private key, found nothing"},
        {" []\n", "private_key_paths:\n  ethereum: ''\n",
         "agent.yaml:5: private_key_paths.ethereum: expected the path of a private key, found \"\""},
        {" []\n", "connection_private_key_paths:\n  cosmos: {a: b}\n",
         "agent.yaml:5: connection_private_key_paths.cosmos: expected the path of a private key, found a mapping"},
        {" []\n", "private_key_paths:\n  e-thereum: a\n",
         "agent.yaml:5: private_key_paths.e-thereum: expected a ledger id such as ethereum as the key"},
        /* not shown: it is a secret */
        {" []\n", "private_key_paths:\n  ethereum: '0x" HEX_64 "'\n",
         "agent.yaml:5: private_key_paths.ethereum: expected the path of a private key, not the key itself"},
    };
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        wrong += !check_error(rows[i].requests, rows[i].keys, rows[i].error);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_override),  cmocka_unit_test(test_bad_fields),
        cmocka_unit_test(test_missing_fields), cmocka_unit_test(test_bad_files),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
