/* patchbay vcx: connections to other agents, done by the agent's VCX connection. It attaches as one more process of the
 * agent, which takes no envelopes for it: what happens by itself is told to the agent proper. */
#include "node/cmd_vcx.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/link.h"

#define CLASS           "VcxConnection"
#define DEFAULT_FILE    "agent.yaml"
#define DEFAULT_TIMEOUT 30000
#define DEFAULT_WAIT    300000 /* for somebody to accept */
#define MAX_TIMEOUT     86400000
#define ATTACH_MS       5000
#define FAREWELL_MS     500
#define LOOK_MS         20
#define COUNT(a)        (sizeof(a) / sizeof *(a))

/* ---- verbs ---- */

static int simple(struct cmd_vcx *c, uint32_t (*call)(struct pbay_vcx *vcx, struct pbay_vcx_call call, uint32_t handle))
{
    uint32_t handle;
    int status = vcx_cli_find(c, c->arguments[0], &handle, NULL);

    return status ? status : vcx_cli_wait(c, call(c->vcx, vcx_cli_call(c), handle));
}

static int say_state(const struct cmd_vcx *c, int status)
{
    if (!status)
        printf("%s: %s\n", c->arguments[0], pbay_vcx_state_text(c->state));
    return status;
}

static int run_revoke(struct cmd_vcx *c)
{
    return say_state(c, simple(c, pbay_vcx_revoke));
}

static int run_delete(struct cmd_vcx *c)
{
    int status = simple(c, pbay_vcx_delete);

    if (!status)
        printf("%s: deleted\n", c->arguments[0]);
    return status;
}

static int say_value(const struct cmd_vcx *c, int status)
{
    if (!status)
        printf("%.*s\n", (int)c->value.n, (const char *)c->value.p);
    return status;
}

static int run_ping(struct cmd_vcx *c)
{
    uint32_t handle;
    int status = vcx_cli_find(c, c->arguments[0], &handle, NULL);

    if (!status)
        status = vcx_cli_wait(c, pbay_vcx_send_ping(c->vcx, vcx_cli_call(c), handle, c->arguments[1]));
    return say_value(c, status);
}

static int run_send(struct cmd_vcx *c)
{
    struct pb_buf text = {0};
    struct pbay_str message = pbay_str(c->arguments[1]);
    uint32_t handle;
    int status = CMD_OK;

    if (!c->arguments[1] || strcmp(c->arguments[1], "-") == 0) {
        status = vcx_cli_read(c, "-", &text);
        message = (struct pbay_str){(const char *)text.p, text.n};
    }
    if (!status)
        status = vcx_cli_find(c, c->arguments[0], &handle, NULL);
    if (!status)
        status = vcx_cli_wait(c, pbay_vcx_send_message(c->vcx, vcx_cli_call(c), handle, message, NULL));
    pb_buf_fini(&text);
    return say_value(c, status);
}

static int run_serialize(struct cmd_vcx *c)
{
    int status = simple(c, pbay_vcx_serialize);

    if (status || !c->out)
        return say_value(c, status);
    pb_buf_add(&c->value, "\n", 1);
    return vcx_cli_write(c, c->out, 0600, &c->value);
}

static int run_deserialize(struct cmd_vcx *c)
{
    struct pb_buf text = {0};
    struct pbay_str id;
    int status = vcx_cli_read(c, c->arguments[0], &text);

    if (!status)
        status = vcx_cli_wait(
            c, pbay_vcx_deserialize(c->vcx, vcx_cli_call(c), (struct pbay_str){(const char *)text.p, text.n}));
    pb_buf_fini(&text);
    id = pbay_vcx_connection_id(c->vcx, status ? 0 : c->handle);
    if (!status)
        printf("%.*s: %s\n", (int)id.n, id.p, pbay_vcx_state_text(c->state));
    return status;
}

/* ---- looking ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static int state_of(const json_t *row)
{
    return (int)json_integer_value(json_object_get(row, "state"));
}

static int ask_list(struct cmd_vcx *c, json_t **list)
{
    int status = vcx_cli_wait(c, pbay_vcx_list(c->vcx, vcx_cli_call(c)));

    *list = status ? NULL : json_loadb((const char *)c->value.p, c->value.n, 0, NULL);
    if (!status && !json_is_array(*list))
        status = vcx_cli_failed(c, "%s has answered with what is no list", c->public_id);
    return status;
}

static int print_json(const json_t *json)
{
    return json_dumpf(json, stdout, JSON_INDENT(2)) || puts("") < 0 ? CMD_FAILED : CMD_OK;
}

static int run_list(struct cmd_vcx *c)
{
    json_t *list;
    const json_t *row;
    size_t i;
    int status = ask_list(c, &list);

    if (!status && c->json) {
        status = print_json(list);
    } else if (!status) {
        printf("%-36s  %-16s  %-7s  NAME\n", "ID", "STATE", "ROLE");
        json_array_foreach(list, i, row)
        {
            printf("%-36s  %-16s  %-7s  ", text_of(row, "connection_id"), pbay_vcx_state_text(state_of(row)),
                   text_of(row, "role"));
            vcx_cli_print(text_of(row, "source_id"));
            puts("");
        }
    }
    json_decref(list);
    return status;
}

static void print_row(const json_t *row)
{
    static const char *const keys[] = {"source_id", "connection_id", "role", "handshake", "their_label", "their_did"};

    printf("state: %d, %s\n", state_of(row), pbay_vcx_state_text(state_of(row)));
    for (size_t i = 0; i < COUNT(keys); i++) {
        printf("%s: ", keys[i]);
        vcx_cli_print(text_of(row, keys[i]));
        puts("");
    }
}

static int run_show(struct cmd_vcx *c)
{
    json_t *row = NULL, *info;
    uint32_t handle;
    int status = vcx_cli_find(c, c->arguments[0], &handle, &row);

    if (!status)
        status = vcx_cli_wait(c, pbay_vcx_info(c->vcx, vcx_cli_call(c), handle));
    if (status)
        goto out;
    info = json_loadb((const char *)c->value.p, c->value.n, 0, NULL);
    if (!c->json)
        print_row(row);
    if (c->json && info)
        json_object_set(row, "info", info);
    status = print_json(c->json ? row : info);
    json_decref(info);
out:
    json_decref(row);
    return status;
}

/* ---- a connection by its name ---- */

static bool is_named(const json_t *row, const char *name, const char *key)
{
    return strcmp(text_of(row, key), name) == 0;
}

static int say_several(const struct cmd_vcx *c, const json_t *list, const char *name)
{
    const json_t *row;
    size_t i;

    (void)vcx_cli_failed(c, "%s: there are several connections of this name; use an id:", name);
    json_array_foreach(list, i, row)
    {
        if (is_named(row, name, "source_id"))
            fprintf(stderr, "  %s  %s\n", text_of(row, "connection_id"), pbay_vcx_state_text(state_of(row)));
    }
    return CMD_FAILED;
}

static int choose(struct cmd_vcx *c, json_t *list, const char *name, json_t **found)
{
    json_t *row;
    size_t i, n = 0;

    *found = NULL;
    json_array_foreach(list, i, row)
    {
        if (is_named(row, name, "connection_id")) {
            *found = row;
            return CMD_OK;
        }
        if (is_named(row, name, "source_id")) {
            *found = row;
            n++;
        }
    }
    if (n > 1)
        return say_several(c, list, name);
    return n ? CMD_OK : vcx_cli_failed(c, "%s: there is no connection with this name or id", name);
}

int vcx_cli_find(struct cmd_vcx *c, const char *name, uint32_t *handle, json_t **row)
{
    json_t *list, *found = NULL;
    int status = ask_list(c, &list);

    if (!status)
        status = choose(c, list, name, &found);
    *handle = status ? 0 : pbay_vcx_handle(c->vcx, pbay_str(text_of(found, "connection_id")));
    if (!status && row)
        *row = json_incref(found);
    json_decref(list);
    return status;
}

/* ---- arguments ---- */

enum { HAS_TYPE = 1, HAS_OUT = 2, HAS_NAME = 4, HAS_JSON = 8 };

static const struct verb {
    const char *name;
    int (*run)(struct cmd_vcx *c);
    int min, max; /* arguments */
    unsigned options;
    long timeout;
    int (*check)(const struct cmd_vcx *c); /* of its arguments; NULL = any are good */
} verbs[] = {
    {"connect", vcx_cli_connect, 1, 2, HAS_TYPE | HAS_OUT, DEFAULT_WAIT, vcx_cli_check_connect},
    {"accept", vcx_cli_accept, 1, 1, HAS_NAME, DEFAULT_WAIT, NULL},
    {"list", run_list, 0, 0, HAS_JSON, DEFAULT_TIMEOUT, NULL},
    {"show", run_show, 1, 1, HAS_JSON, DEFAULT_TIMEOUT, NULL},
    {"ping", run_ping, 1, 2, 0, DEFAULT_TIMEOUT, NULL},
    {"send", run_send, 1, 2, 0, DEFAULT_TIMEOUT, NULL},
    {"revoke", run_revoke, 1, 1, 0, DEFAULT_TIMEOUT, NULL},
    {"delete", run_delete, 1, 1, 0, DEFAULT_TIMEOUT, NULL},
    {"serialize", run_serialize, 1, 1, HAS_OUT, DEFAULT_TIMEOUT, NULL},
    {"deserialize", run_deserialize, 1, 1, 0, DEFAULT_TIMEOUT, NULL},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static bool set_option(struct cmd_vcx *c, const struct verb *v, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **place;
        unsigned needs;
    } rows[] = {{"--config", &c->config, 0},    {"--connection", &c->connection, 0}, {"--timeout", &c->timeout, 0},
                {"--type", &c->type, HAS_TYPE}, {"--out", &c->out, HAS_OUT},         {"--name", &c->name, HAS_NAME}};

    for (size_t i = 0; value && i < COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0 && (v->options & rows[i].needs) == rows[i].needs) {
            *rows[i].place = value;
            return true;
        }
    }
    return false;
}

static int read_arguments(struct cmd_vcx *c, const struct verb *v, int argc, char **argv)
{
    bool literal = false; /* behind -- */

    for (int i = 2; i < argc; i++) {
        bool option = !literal && argv[i][0] == '-' && argv[i][1];

        if (option && strcmp(argv[i], "--") == 0)
            literal = true;
        else if (option && strcmp(argv[i], "--json") == 0 && (v->options & HAS_JSON))
            c->json = true;
        else if (option && set_option(c, v, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            i++;
        else if (option || c->argument_n == v->max)
            return cmd_misused(VCX_COMMAND, "%s: not understood", argv[i]);
        else
            c->arguments[c->argument_n++] = argv[i];
    }
    if (c->argument_n < v->min)
        return cmd_misused(VCX_COMMAND, "%s: expected more arguments; see `patchbay vcx --help`", v->name);
    c->timeout_ms = v->timeout;
    if (c->timeout && !cmd_number(c->timeout, 1, MAX_TIMEOUT, &c->timeout_ms))
        return cmd_misused(VCX_COMMAND, "--timeout %s: expected milliseconds, 1 .. %d", c->timeout, MAX_TIMEOUT);
    return v->check ? v->check(c) : CMD_OK;
}

/* ---- which connection ---- */

static bool is_meant(const struct cmd_vcx *c, const struct pbay_conn_conf *conn)
{
    struct pbay_pubid id;

    if (!c->connection)
        return strcmp(conn->class_name, CLASS) == 0;
    return strcmp(conn->name, c->connection) == 0 ||
           (pbay_pubid_parse(pbay_str(c->connection), &id) && pbay_pubid_same_prefix(&id, &conn->public_id));
}

static int find_connection(struct cmd_vcx *c)
{
    const char *file = c->config ? c->config : DEFAULT_FILE;

    for (size_t i = 0; i < c->conf->n_connections; i++) {
        const struct pbay_conn_conf *conn = &c->conf->connections[i];

        if (!is_meant(c, conn))
            continue;
        if (c->public_id)
            return cmd_misused(VCX_COMMAND, "%s has several VCX connections, %s and %s: which --connection?", file,
                               c->public_id, conn->public_id_text);
        c->public_id = conn->public_id_text;
    }
    if (c->public_id)
        return CMD_OK;
    if (c->connection)
        return cmd_misused(VCX_COMMAND, "%s: %s has no such connection", c->connection, file);
    return cmd_misused(VCX_COMMAND,
                       "%s has no VCX connection; `patchbay add connection " PBAY_VCX_CONNECTION "` adds one", file);
}

static int load(struct cmd_vcx *c)
{
    char *package_path = cmd_package_path(NULL);
    enum pbay_err err = cmd_load(c->config ? c->config : DEFAULT_FILE, package_path, &c->conf);

    free(package_path);
    return err ? CMD_USAGE : find_connection(c);
}

/* ---- the agent ---- */

static const char *endpoint_of(const struct cmd_vcx *c)
{
    const char *given = c->config ? NULL : getenv("PATCHBAY_ENDPOINT");

    return given && *given ? given : cmd_endpoint(c->conf);
}

static int wait_broker(const struct cmd_vcx *c)
{
    int64_t deadline = pb_now() + (c->timeout_ms < ATTACH_MS ? c->timeout_ms : ATTACH_MS);
    struct pbay_envelope e;
    uint64_t lease;

    while (!pbay_is_connected(c->agent)) {
        if (pb_now() >= deadline)
            return vcx_cli_failed(c, "no broker answers at %s: does the agent %s run?", endpoint_of(c),
                                  c->conf->agent_name);
        (void)pbay_get(c->agent, &e, &lease, LOOK_MS); /* nothing comes before a call */
    }
    return CMD_OK;
}

static int attach(struct cmd_vcx *c)
{
    char instance[32];
    struct pbay_options o = {
        .endpoint = endpoint_of(c), .agent = c->conf->agent_name, .instance = instance, .send_only = true};
    struct pbay_vcx_options v = {.agent = c->conf->agent_name,
                                 .connection = c->public_id,
                                 .timeout_ms =
                                     (int)(c->timeout_ms < DEFAULT_TIMEOUT ? c->timeout_ms : DEFAULT_TIMEOUT)};
    enum pbay_err err;

    snprintf(instance, sizeof instance, "cli-%ld", (long)getpid());
    err = pbay_open(&c->agent, &o);
    if (err == PBAY_INVALID)
        return CMD_USAGE; /* it has said why */
    if (err)
        return vcx_cli_failed(c, "%s", pbay_err_text(err));
    c->attached = true;
    err = pbay_vcx_open(&c->vcx, c->agent, &v);
    return err ? vcx_cli_failed(c, "%s", pbay_err_text(err)) : wait_broker(c);
}

static void end(struct cmd_vcx *c, int status)
{
    pbay_vcx_close(&c->vcx);
    if (c->attached)
        pbay_close(c->agent, status == CMD_OK ? FAREWELL_MS : 0, NULL);
    pbay_agent_conf_destroy(&c->conf);
    pb_buf_fini(&c->value);
    pb_buf_fini(&c->invite_url);
    pb_buf_fini(&c->qr_png);
    pb_buf_fini(&c->qr_text);
}

int cmd_vcx(int argc, char **argv)
{
    const struct verb *v = argc > 1 ? find_verb(argv[1]) : NULL;
    struct cmd_vcx c = {.verb = v ? v->name : ""};
    int status;

    if (!v)
        return cmd_misused(VCX_COMMAND, "%s: expected connect, accept, list, show or another of those in --help",
                           argc > 1 ? argv[1] : "no command");
    status = read_arguments(&c, v, argc, argv);
    if (!status)
        status = load(&c);
    if (!status)
        status = attach(&c);
    if (!status)
        status = v->run(&c);
    end(&c, status);
    return status;
}
