#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/pbay_conf.h"

#define CONFIG    SOURCE_DIR "/tests/config"
#define MIN_CASES 18
#define MAX_CASES 1000

/* The tree may lie so deep that no ipc path fits below it, so the tests run in a short directory of their own, with a
 * link `c` to tests/config. */
struct world {
    char root[64];
    char text[512]; /* of the last call of at() */
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    strcpy(w->root, "/tmp/pbay-conf-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    assert_int_equal(chdir(w->root), 0);
    assert_int_equal(symlink(CONFIG, "c"), 0);
    assert_non_null(getcwd(w->root, sizeof w->root));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    int failed = unlink("c") | chdir("/") | rmdir(w->root);

    free(w);
    return failed;
}

/* Absolute path of a file below tests/config. */
static const char *at(void **state, const char *path)
{
    struct world *w = *state;

    assert_in_range(snprintf(w->text, sizeof w->text, "%s/c/%s", w->root, path), 1, sizeof w->text - 1);
    return w->text;
}

/* ---- bad configurations ---- */

/* The expected line names files relative to the case. */
static void read_expected(const char *dir, char *line, size_t n)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/expect", dir);
    file = fopen(path, "r");
    if (!file || !fgets(line, (int)n, file))
        fail_msg("%s cannot be read", path);
    fclose(file);
    line[strcspn(line, "\n")] = 0;
}

/* Take every `what` out of text. */
static void remove_all(char *text, const char *what)
{
    size_t n = strlen(what);

    for (char *p = strstr(text, what); p; p = strstr(p, what))
        memmove(p, p + n, strlen(p + n) + 1);
}

/* Refused with exactly this line? */
static bool check_bad(const char *name)
{
    struct pbay_agent_conf *conf = NULL;
    struct pbay_conf_error error = {"none"};
    char expected[sizeof error.text], dir[300], file[320];
    enum pbay_err err;

    snprintf(dir, sizeof dir, "c/bad/%s/", name);
    snprintf(file, sizeof file, "%sagent.yaml", dir);
    read_expected(dir, expected, sizeof expected);
    err = pbay_agent_conf_load(file, NULL, &conf, &error);
    remove_all(error.text, dir);
    if (err == PBAY_CONFIG && !conf && strcmp(error.text, expected) == 0)
        return true;
    print_error("%s:\n  expected %s\n  found    %s\n", name, expected, err ? error.text : "no error");
    pbay_agent_conf_destroy(&conf);
    return false;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void test_bad(void **state)
{
    struct dirent **cases;
    int n = scandir("c/bad", &cases, not_hidden, alphasort), wrong = 0;

    (void)state;
    unsetenv("PATCHBAY_TEST_UNSET");
    assert_in_range(n, MIN_CASES, MAX_CASES);
    for (int i = 0; i < n; i++) {
        wrong += !check_bad(cases[i]->d_name);
        free(cases[i]);
    }
    free(cases);
    assert_int_equal(wrong, 0);
}

/* ---- good configurations ---- */

static struct pbay_agent_conf *load(const char *file, const char *package_path)
{
    struct pbay_agent_conf *conf;
    struct pbay_conf_error error;

    if (pbay_agent_conf_load(file, package_path, &conf, &error))
        fail_msg("%s", error.text);
    return conf;
}

static void test_minimal(void **state)
{
    struct pbay_agent_conf *conf = load("./c/good/minimal/agent.yaml", NULL);

    assert_string_equal(conf->agent_name, "echo");
    assert_string_equal(conf->file, at(state, "good/minimal/agent.yaml"));
    assert_string_equal(conf->data_dir, at(state, "good/minimal"));
    assert_string_equal(conf->run_dir, at(state, "good/minimal/run"));
    assert_int_equal(conf->n_endpoints, 1);
    assert_memory_equal(conf->endpoints[0], "ipc://", 6);
    assert_string_equal(conf->endpoints[0] + 6, at(state, "good/minimal/run/broker.ipc"));
    assert_int_equal(conf->n_connections + conf->n_addresses + conf->n_command + conf->n_default_routing, 0);
    assert_int_equal(conf->default_connection, -1);
    assert_false(conf->insecure || conf->local_delivery);
    assert_true(conf->sandbox);
    assert_int_equal(conf->memory_budget, 256 << 20);
    assert_int_equal(conf->max_envelope, 1 << 20);
    assert_int_equal(conf->heartbeat_ms, 1000);
    assert_int_equal(conf->timeout_ms, 5000);
    assert_int_equal(conf->gone_ms, 12500);
    assert_int_equal(conf->hold_ms, 30000);
    assert_int_equal(conf->grace_ms, 15000);
    assert_int_equal(conf->max_attempts, 5);
    pbay_agent_conf_destroy(&conf);
    assert_null(conf);
    pbay_agent_conf_destroy(&conf);
}

static struct pbay_agent_conf *load_full(void)
{
    setenv("PATCHBAY_TEST_GRACE", "0", 1);
    setenv("PATCHBAY_TEST_INPUT", "from_environment", 1);
    unsetenv("PATCHBAY_TEST_RUN_DIR");
    unsetenv("PATCHBAY_TEST_INSECURE");
    unsetenv("PATCHBAY_TEST_ENDPOINT");
    unsetenv("PATCHBAY_TEST_PASSWORD");
    return load("c/good/full/agent.yaml", ":/nowhere:c/good/full/packages");
}

static void check_policy(const struct pbay_agent_conf *conf)
{
    const struct pbay_principal *p = conf->principals;

    assert_int_equal(conf->n_principals, 2);
    assert_string_equal(p->name, "gateway at the shop");
    assert_int_equal(p->n_keys, 2);
    assert_string_equal(p->keys[0], "1111111111111111111111111111111111111111");
    assert_string_equal(p->keys[1], "3333333333333333333333333333333333333333"); /* of a certificate */
    assert_int_equal(p->expires, 1896048000);
    assert_string_equal(p->agent, "trader");
    assert_false(p->is_agent);
    assert_int_equal(p->n_connections, 2);
    assert_string_equal(p->connections[1], "gateway");
    assert_int_equal(p->instances, 2);
    assert_int_equal(p->n_to, 1);
    assert_string_equal(p->to[0], "trader");
    assert_int_equal(p->n_protocols, 2);
    assert_true(pbay_str_eq(p->protocols[1].name, pbay_str("default")));
    assert_int_equal(p->max_envelope, 65536);
    assert_int_equal(p[1].instances + p[1].n_to + p[1].n_protocols + p[1].max_envelope, 0);
    assert_true(p[1].is_agent && !p[1].expires && !p[1].n_connections);
}

static void test_full_agent(void **state)
{
    struct pbay_agent_conf *conf = load_full();

    (void)state;
    assert_string_equal(conf->agent_name, "trader");
    assert_string_equal(conf->data_dir, at(state, "good/full/state"));
    assert_string_equal(conf->run_dir, "/run/trader");
    assert_int_equal(conf->n_addresses, 2);
    assert_string_equal(conf->addresses[0], "trader_alias");
    assert_string_equal(conf->addresses[1], "agent1qtrader");
    assert_int_equal(conf->n_command, 2);
    assert_string_equal(conf->command[0], at(state, "good/full/bin/trader"));
    assert_string_equal(conf->command[1], "--verbose");
    assert_int_equal(conf->n_endpoints, 3);
    assert_string_equal(conf->endpoints[0] + 6, at(state, "good/full/broker.ipc"));
    assert_string_equal(conf->endpoints[1], "tcp://0.0.0.0:5555");
    assert_string_equal(conf->endpoints[2], "tcp://[::1]:5556");
    assert_true(conf->insecure && conf->local_delivery && !conf->sandbox);
    assert_string_equal(conf->key, at(state, "good/full/keys/broker"));
    check_policy(conf);
    assert_int_equal(conf->memory_budget, 64 << 20);
    assert_int_equal(conf->max_envelope, 1 << 20);
    assert_int_equal(conf->heartbeat_ms, 500);
    assert_int_equal(conf->timeout_ms, 2500);
    assert_int_equal(conf->gone_ms, 6000);
    assert_int_equal(conf->hold_ms, 60000);
    assert_int_equal(conf->grace_ms, 0);
    assert_int_equal(conf->max_attempts, 3);
    pbay_agent_conf_destroy(&conf);
}

static void test_full_routing(void **state)
{
    struct pbay_agent_conf *conf = load_full();

    (void)state;
    assert_int_equal(conf->n_connections, 4);
    assert_string_equal(conf->connections[0].public_id_text, "acme/files:0.3.0");
    assert_string_equal(conf->connections[1].public_id_text, "acme/gateway:1.2.3");
    assert_string_equal(conf->connections[2].public_id_text, "acme/ledger:2.0.0-rc.1+build.5");
    assert_string_equal(conf->connections[3].public_id_text, "other/clock:0.0.1");
    assert_string_equal(conf->connections[2].dir, at(state, "good/full/vendor/acme/connections/ledger"));
    assert_string_equal(conf->connections[3].dir, at(state, "good/full/packages/clock"));
    assert_int_equal(conf->connections[3].at.line, 24);
    assert_string_equal(conf->connections[3].at.file, "c/good/full/agent.yaml");
    assert_int_equal(conf->connections[2].replay, PBAY_REPLAY_NEVER);
    assert_false(conf->connections[2].is_abstract);
    assert_int_equal(conf->default_connection, 0);
    assert_int_equal(conf->n_default_routing, 2);
    assert_string_equal(conf->default_routing[0].protocol_text, "acme/trade:1.0.0");
    assert_int_equal(conf->default_routing[0].connection, 1);
    assert_int_equal(conf->default_routing[1].connection, 2);
    assert_true(pbay_str_eq(conf->default_routing[1].protocol.name, pbay_str("book")));
    pbay_agent_conf_destroy(&conf);
}

static void test_rules(void **state)
{
    static const struct {
        const char *text, *operation;
        int line;
    } rows[] = {{"acme/trade:1.0.0", "get", 28},
                {"acme/trade:1.0.0", "put.all-of_it", 29},
                {"acme/book", NULL, 30},
                {"acme/chat:2.0.0", NULL, 31}};
    struct pbay_agent_conf *conf = load_full();
    const struct pbay_conn_conf *files = &conf->connections[0];

    (void)state;
    assert_int_equal(files->n_restricted, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct pbay_rule *rule = &files->restricted[i];

        assert_string_equal(rule->text, rows[i].text);
        assert_int_equal(rule->at.line, rows[i].line);
        assert_string_equal(rule->at.file, "c/good/full/connections/files/connection.yaml");
        if (rows[i].operation)
            assert_string_equal(rule->operation, rows[i].operation);
        else
            assert_null(rule->operation);
    }
    assert_true(pbay_str_eq(files->restricted[2].id.version, pbay_str("latest")));
    assert_int_equal(files->n_excluded, 1);
    assert_string_equal(files->excluded[0].operation, "delete");
    pbay_agent_conf_destroy(&conf);
}

struct expected_value {
    const char *path, *text, *file;
    int line;
};

static void check_values(const struct pbay_conn_conf *conf, const struct expected_value *rows, size_t n)
{
    assert_int_equal(conf->n_config, n);
    for (size_t i = 0; i < n; i++) {
        const struct pbay_conf_value *value = pbay_conn_conf_find(conf, rows[i].path);

        assert_ptr_equal(value, &conf->config[i]);
        if (rows[i].text)
            assert_string_equal(value->text, rows[i].text);
        else
            assert_null(value->text);
        assert_int_equal(value->at.line, rows[i].line);
        assert_string_equal(value->at.file, rows[i].file);
    }
    assert_null(pbay_conn_conf_find(conf, "watch"));
    assert_null(pbay_conn_conf_find(conf, "watch.paths.7"));
}

static void test_config(void **state)
{
    static const char package[] = "c/good/full/connections/files/connection.yaml", agent[] = "c/good/full/agent.yaml";
    static const struct expected_value rows[] = {
        {"input_file", "from_environment", agent, 57},
        {"output_file", "./output_file", package, 17},
        {"watch.paths.0", "c", agent, 59},
        {"watch.recursive", "false", package, 22},
        {"header", NULL, agent, 60},
        {"template", "http://${HOST}/ is no variable", package, 24},
        {"trailer", NULL, package, 25},
        {"password", "Secret:1", package, 26},
    };
    struct pbay_agent_conf *conf = load_full();
    const struct pbay_conn_conf *files = &conf->connections[0];

    (void)state;
    check_values(files, rows, sizeof rows / sizeof *rows);
    assert_int_equal(files->instances, 2);
    assert_int_equal(files->replay, PBAY_REPLAY_KEYED);
    assert_true(files->sandbox && !conf->connections[1].sandbox);
    assert_string_equal(files->executable, at(state, "good/full/connections/files/bin/files"));
    pbay_agent_conf_destroy(&conf);
}

/* ---- an agent as AEA writes it ---- */

static struct pbay_agent_conf *load_aea(void)
{
    unsetenv("PATCHBAY_TEST_TOKEN");
    unsetenv("PATCHBAY_TEST_URL");
    unsetenv("PATCHBAY_TEST_LITERAL");
    setenv("PATCHBAY_TEST_SET", "from the environment", 1);
    return load("c/good/aea/aea-config.yaml", NULL);
}

static void test_aea_keys(void **state)
{
    struct pbay_agent_conf *conf = load_aea();
    const struct pbay_conn_conf *front = &conf->connections[0], *back = &conf->connections[1];

    assert_int_equal(conf->n_connections, 2); /* the abstract one is not among them */
    assert_string_equal(front->name, "front");
    assert_int_equal(conf->default_connection, 0);
    assert_int_equal(conf->default_routing[0].connection, 1);
    assert_int_equal(conf->exception_policy, PBAY_POLICY_PROPAGATE);
    assert_int_equal(conf->instances, 2);
    assert_string_equal(conf->build_entrypoint, at(state, "good/aea/scripts/build.sh"));
    assert_string_equal(conf->build_directory, at(state, "good/aea/.build"));
    assert_string_equal(front->build_entrypoint, at(state, "good/aea/connections/front/make.sh"));
    assert_string_equal(front->build_directory, at(state, "good/aea/connections/front/elsewhere"));
    assert_int_equal(front->n_needs, 1);
    assert_int_equal(front->needs[0].connection, 1);
    assert_int_equal(front->n_cert_requests, 1);
    assert_true(front->required);
    assert_int_equal(front->start_timeout_ms, 5000);
    assert_int_equal(front->exception_policy, PBAY_POLICY_JUST_LOG);
    assert_int_equal(front->on_stuck, PBAY_STUCK_RESTART);
    assert_int_equal(front->stuck_timeout_ms, 10000);
    assert_false(back->required);
    assert_int_equal(back->exception_policy, PBAY_POLICY_PROPAGATE);
    assert_int_equal(back->on_stuck, PBAY_STUCK_WAIT);
    assert_int_equal(back->stuck_timeout_ms, 60000);
    assert_int_equal(back->n_needs, 0);
    assert_int_equal(back->n_dependencies, 2);
    assert_string_equal(back->dependencies[0].name, "libcurl");
    assert_string_equal(back->dependencies[0].version, ">=7.80,<9");
    assert_string_equal(back->dependencies[1].version, "");
    pbay_agent_conf_destroy(&conf);
}

/* A base with its override below the package, the package below its own override; .env below the environment. */
static void test_inherited(void **state)
{
    static const char base[] = "c/good/aea/connections/base/connection.yaml", agent[] = "c/good/aea/aea-config.yaml",
                      front_file[] = "c/good/aea/connections/front/connection.yaml",
                      root[] = "c/good/aea/vendor/acme/connections/root/connection.yaml";
    static const struct expected_value front[] = {
        {"token", "se\"cret # not a comment", agent, 57},
        {"url", "http://x/#fragment", front_file, 14},
        {"literal", "a\\n$b", front_file, 14},
        {"set", "from the environment", front_file, 14},
        {"tls.cert", "front.pem", front_file, 14},
        {"tls.depth", "3", agent, 58},
        {"retries", "7", agent, 52},
        {"port", "80", base, 14},
        {"name", NULL, base, 14},
        {"lowest", "yes", root, 14},
    };
    static const struct expected_value back[] = {
        {"retries", "7", agent, 52},  {"port", "80", base, 14}, {"tls.cert", "base.pem", base, 14},
        {"tls.depth", "1", base, 14}, {"name", NULL, base, 14}, {"lowest", "yes", root, 14},
    };
    struct pbay_agent_conf *conf = load_aea();

    (void)state;
    check_values(&conf->connections[0], front, sizeof front / sizeof *front);
    check_values(&conf->connections[1], back, sizeof back / sizeof *back);
    pbay_agent_conf_destroy(&conf);
}

/* Without an agent its neighbours are looked at, and the package path. */
static void test_base_alone(void **state)
{
    struct pbay_conf_error error;
    struct pbay_conn_conf *conf;

    (void)state;
    assert_int_equal(pbay_conn_conf_load("c/good/aea/connections/back", NULL, &conf, &error), PBAY_CONFIG);
    assert_string_equal(error.text,
                        "c/good/aea/connections/back/../base/connection.yaml:11: connections.0: expected a package in "
                        "c/good/aea/connections/back/../root or in the package path");
    if (pbay_conn_conf_load("c/good/aea/connections/back", "c/good/aea/vendor/acme/connections", &conf, &error))
        fail_msg("%s", error.text);
    assert_string_equal(pbay_conn_conf_find(conf, "retries")->text, "3");
    assert_string_equal(pbay_conn_conf_find(conf, "lowest")->text, "yes");
    pbay_conn_conf_destroy(&conf);
}

static void test_package_alone(void **state)
{
    struct pbay_conf_error error;
    struct pbay_conn_conf *conf;

    (void)state;
    if (pbay_conn_conf_load("c/good/full/connections/gateway", NULL, &conf, &error))
        fail_msg("%s", error.text);
    assert_string_equal(conf->name, "gateway");
    assert_string_equal(conf->class_name, "GatewayConnection");
    assert_string_equal(conf->description, "");
    assert_string_equal(conf->dir, at(state, "good/full/connections/gateway"));
    assert_int_equal(conf->replay, PBAY_REPLAY_SAFE);
    assert_int_equal(conf->instances, 1);
    assert_int_equal(conf->n_config, 0);
    assert_null(conf->executable);
    pbay_conn_conf_destroy(&conf);
    assert_null(conf);
    assert_int_equal(pbay_conn_conf_load("nowhere", NULL, &conf, &error), PBAY_CONFIG);
    assert_null(conf);
    assert_string_equal(error.text, "nowhere/connection.yaml: cannot be read: No such file or directory");
}

static void test_unreadable(void **state)
{
    struct pbay_agent_conf *conf;
    struct pbay_conf_error error;

    (void)state;
    assert_int_equal(pbay_agent_conf_load("nowhere.yaml", NULL, &conf, &error), PBAY_CONFIG);
    assert_null(conf);
    assert_string_equal(error.text, "nowhere.yaml: cannot be read: No such file or directory");
    assert_int_equal(pbay_agent_conf_load("c", NULL, &conf, &error), PBAY_CONFIG);
    assert_string_equal(error.text, "c: cannot be read: Is a directory");
}

/* ---- single values ---- */

/* Load an agent.yaml with this line in its mapping `patchbay`; NULL = refused. */
static struct pbay_agent_conf *load_line(const char *line)
{
    FILE *file = fopen("agent.yaml", "w");
    struct pbay_agent_conf *conf;
    struct pbay_conf_error error;

    assert_non_null(file);
    fprintf(file, "agent_name: echo\npatchbay:\n  %s\n", line);
    assert_int_equal(fclose(file), 0);
    if (pbay_agent_conf_load("agent.yaml", NULL, &conf, &error))
        assert_true(strncmp(error.text, "agent.yaml:", 11) == 0 && strstr(error.text, ": patchbay."));
    assert_int_equal(unlink("agent.yaml"), 0);
    return conf;
}

static void check_lines(const char *const *lines, size_t n, bool accepted)
{
    for (size_t i = 0; i < n; i++) {
        struct pbay_agent_conf *conf = load_line(lines[i]);

        if (!conf == accepted)
            fail_msg("%s was %s", lines[i], accepted ? "refused" : "accepted");
        pbay_agent_conf_destroy(&conf);
    }
}

static void test_lines(void **state)
{
    static const char *const good[] = {
        "endpoints: [tcp://localhost:1, 'tcp://127.255.0.9:65535', 'tcp://[::1]:5555', ipc:///run/x.ipc]",
        "hold: 0",
        "hold: 1440m",
        "hold: '86400s'",
        "heartbeat: 50ms",
        "memory_budget: 1024GiB",
        "memory_budget: 2621440",
        "insecure: TRUE",
        "max_attempts: 100",
        "addresses: []",
        "run_dir: .",
        "command: []",
        "{}",
    };
    static const char *const bad[] = {
        "endpoints: ['tcp://*:5555']",
        "endpoints: [tcp://128.0.0.1:5555]",
        "endpoints: [tcp://127.0.0.1.example.org:5555]",
        "endpoints: [tcp://localhost.example.org:5555]",
        "endpoints: [tcp://127.1:5555]",
        "endpoints: ['tcp://[::2]:5555']",
        "endpoints: ['tcp://[::ffff:127.0.0.1]:5555']",
        "endpoints: ['tcp://localhost']",
        "endpoints: ['tcp://localhost:0']",
        "endpoints: ['tcp://localhost:*']",
        "endpoints: ['tcp://:5555']",
        "endpoints: ['tcp://10.0.0.1:1;localhost:5555']",
        "endpoints: ['ipc://']",
        "endpoints: ['ipc://*']",
        "endpoints: ['ipc://@abstract']",
        "endpoints: ['inproc://x']",
        "endpoints: []",
        "endpoints: [ipc://a, ipc://b, ipc://c, ipc://d, ipc://e, ipc://f, ipc://g, ipc://h, ipc://i]",
        "hold: -1",
        "hold: 1.5s",
        "hold: 30 s",
        "hold: ms",
        "hold: 1h",
        "hold: 18446744073709551616",
        "hold: 307445734561825861m",
        "hold: 86400001",
        "hold:",
        "hold: [1]",
        "heartbeat: 49",
        "memory_budget: 1025GiB",
        "memory_budget: 1MiB",
        "memory_budget: 2621439",
        "max_envelope: 65MiB",
        "max_attempts: 0",
        "max_attempts: '5'",
        "max_attempts: 5s",
        "insecure: yes",
        "run_dir: ''",
        "addresses: [echo]",
        "addresses: [a, a]",
        "addresses: [null]",
        "addresses: a",
    };

    (void)state;
    check_lines(good, sizeof good / sizeof *good, true);
    check_lines(bad, sizeof bad / sizeof *bad, false);
}

/* Forms of ${VAR:type:default}; NULL = refused. */
static void test_variables(void **state)
{
    static const struct {
        const char *text, *address;
    } rows[] = {
        {"${PATCHBAY_TEST_SET}", "from_env"},
        {"${PATCHBAY_TEST_SET:str}", "from_env"},
        {"${PATCHBAY_TEST_SET:str:x}", "from_env"},
        {"'${PATCHBAY_TEST_UNSET:str:a:b}'", "a:b"},
        {"'${PATCHBAY_TEST_UNSET::a}'", "a"},
        {"'${PATCHBAY_TEST_UNSET:A b}'", "A b"},
        {"'${PATCHBAY_TEST_UNSET:int:-12}'", "-12"},
        {"'${PATCHBAY_TEST_UNSET:float:1.5e3}'", "1.5e3"},
        {"'${PATCHBAY_TEST_UNSET:str:null}'", "null"},
        {"x${PATCHBAY_TEST_SET}", "x${PATCHBAY_TEST_SET}"},
        {"${PATCHBAY_TEST_SET}x", "${PATCHBAY_TEST_SET}x"},
        {"'${}'", NULL},
        {"'${path}'", NULL},
        {"'${PATCHBAY_TEST_SET:}'", NULL},
        {"'${PATCHBAY_TEST_SET:str:}'", NULL},
        {"'${PATCHBAY_TEST_SET::}'", NULL},
        {"'${PATCHBAY_TEST_SET:str x}'", NULL},
        {"'${PATCHBAY_TEST_SET:int}'", NULL},
        {"'${PATCHBAY_TEST_SET:float}'", NULL},
        {"'${PATCHBAY_TEST_SET:bool}'", NULL},
        {"'${PATCHBAY_TEST_SET:dict}'", NULL},
        {"'${PATCHBAY_TEST_SET}${PATCHBAY_TEST_SET}'", NULL},
        {"'${PATCHBAY_TEST_UNSET:float:nan}'", NULL},
        {"'${PATCHBAY_TEST_UNSET:int:0x10}'", NULL},
        {"'${PATCHBAY_TEST_UNSET}'", NULL},
    };

    (void)state;
    setenv("PATCHBAY_TEST_SET", "from_env", 1);
    unsetenv("PATCHBAY_TEST_UNSET");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pbay_agent_conf *conf;
        char line[100];

        snprintf(line, sizeof line, "addresses:\n  - %s", rows[i].text);
        conf = load_line(line);
        if (!conf != !rows[i].address || (conf && strcmp(conf->addresses[0], rows[i].address) != 0))
            fail_msg("%s gave %s", rows[i].text, conf ? conf->addresses[0] : "an error");
        pbay_agent_conf_destroy(&conf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),           cmocka_unit_test(test_minimal),    cmocka_unit_test(test_full_agent),
        cmocka_unit_test(test_full_routing),  cmocka_unit_test(test_rules),      cmocka_unit_test(test_config),
        cmocka_unit_test(test_aea_keys),      cmocka_unit_test(test_inherited),  cmocka_unit_test(test_base_alone),
        cmocka_unit_test(test_package_alone), cmocka_unit_test(test_unreadable), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_variables),

    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
