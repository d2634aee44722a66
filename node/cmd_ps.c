/* patchbay ps: what the supervisor has written down (up.json) and what the broker says (GET /v1/nodes), one row per
 * process. The supervisor knows of dead processes, the broker of states and envelopes. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cmd.h"
#include "node/http_unix.h"
#include "node/link.h"
#include "node/up_files.h"

#define ASK_MS    3000
#define N_COLUMNS 10

struct ps {
    bool as_json;
    char run_dir[PATH_MAX];
    json_t *children; /* up.json; NULL = no supervisor is running */
    json_t *nodes;    /* the broker's; NULL = it does not answer */
    json_t *rows;
    char broker_error[PATH_MAX + 300];
};

static const struct column {
    const char *title, *key;
} columns[N_COLUMNS] = {{"NAME", "label"},  {"INSTANCE", "instance"}, {"ROLE", "role"}, {"STATE", "state"},
                        {"PID", "pid"},     {"RESTARTS", "restarts"}, {"IN", "in"},     {"OUT", "out"},
                        {"GIVEN", "given"}, {"REASON", "reason"}};

/* ---- collecting ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void read_supervisor(struct ps *ps)
{
    char path[PATH_MAX];
    json_t *root;

    if (!up_is_locked(ps->run_dir) || !cmd_join(path, ps->run_dir, UP_STATE_FILE))
        return;
    root = json_load_file(path, 0, NULL);
    ps->children = json_incref(json_object_get(root, "children"));
    json_decref(root);
}

static void ask_broker(struct ps *ps)
{
    struct http_reply reply;
    char socket[PATH_MAX];
    json_t *root = NULL;

    if (!cmd_join(socket, ps->run_dir, UP_ADMIN_SOCKET))
        return;
    if (http_unix(socket, "/v1/nodes", NULL, ASK_MS, &reply) == PBAY_OK && reply.status == 200 && reply.body)
        root = json_loadb(reply.body, reply.n, 0, NULL);
    ps->nodes = json_incref(json_object_get(root, "nodes"));
    if (!json_is_array(ps->nodes)) {
        snprintf(ps->broker_error, sizeof ps->broker_error, "%s: %s", socket,
                 *reply.error ? reply.error : "the answer is not what it should be");
        json_decref(ps->nodes);
        ps->nodes = NULL;
    }
    json_decref(root);
    http_reply_fini(&reply);
}

static bool same_node(const json_t *a, const json_t *b)
{
    bool broker = strcmp(text_of(a, "role"), "broker") == 0;

    return strcmp(text_of(a, "role"), text_of(b, "role")) == 0 &&
           (broker || strcmp(text_of(a, "agent"), text_of(b, "agent")) == 0) &&
           strcmp(text_of(a, "name"), text_of(b, "name")) == 0 &&
           strcmp(text_of(a, "instance"), text_of(b, "instance")) == 0;
}

static json_t *find_node(const struct ps *ps, const json_t *child)
{
    json_t *node;
    size_t i;

    json_array_foreach(ps->nodes, i, node)
    {
        if (same_node(node, child))
            return node;
    }
    return NULL;
}

/* ---- merging ---- */

/* A process that does not run has the supervisor's state; one that does has the broker's, as soon as the broker knows
 * it. */
static const char *state_of(const struct ps *ps, const json_t *child, const json_t *node)
{
    const char *process = text_of(child, "state");
    bool broker = strcmp(text_of(child, "role"), "broker") == 0;

    if (child && strcmp(process, "running") != 0)
        return process;
    if (broker)
        return ps->nodes ? "running" : "starting";
    if (node)
        return text_of(node, "state");
    return ps->nodes ? "starting" : process;
}

static const char *reason_of(const struct ps *ps, const json_t *child, const json_t *node)
{
    if (child && strcmp(text_of(child, "state"), "running") != 0)
        return text_of(child, "reason");
    if (!ps->nodes && strcmp(text_of(child, "role"), "broker") == 0)
        return ps->broker_error;
    if (!node || *text_of(node, "reason"))
        return text_of(node, "reason");
    return strcmp(text_of(node, "code"), "OK") == 0 ? "" : text_of(node, "code");
}

/* Until the next start, of a process that waits for it. */
static json_int_t retry_of(const json_t *child)
{
    json_int_t at = json_integer_value(json_object_get(child, "retry_at")), now = (json_int_t)pb_now();

    return at > now ? at - now : 0;
}

static void copy(json_t *row, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    json_object_set_new(row, key, value ? json_deep_copy(value) : json_null());
}

static void add_row(struct ps *ps, const json_t *child, const json_t *node)
{
    static const char *const common[] = {"role", "name", "instance"};
    static const char *const of_child[] = {"pid", "restarts"};
    static const char *const of_node[] = {"agent",    "public_id", "linked", "draining", "stuck", "code",
                                          "attached", "in",        "out",    "settled",  "ended", "given"};
    json_t *row = json_object();

    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        copy(row, child ? child : node, common[i]);
    json_object_set_new(row, "state", json_string(state_of(ps, child, node)));
    json_object_set_new(row, "reason", json_string(reason_of(ps, child, node)));
    json_object_set_new(row, "retry_ms",
                        json_integer(child ? retry_of(child) : json_integer_value(json_object_get(node, "retry_ms"))));
    json_object_set_new(row, "process", child ? json_string(text_of(child, "state")) : json_null());
    for (size_t i = 0; i < sizeof of_child / sizeof *of_child; i++)
        copy(row, child, of_child[i]);
    for (size_t i = 0; i < sizeof of_node / sizeof *of_node; i++)
        copy(row, node, of_node[i]);
    if (child && !node)
        copy(row, child, "agent");
    json_array_append_new(ps->rows, row);
}

/* Ours first, in the order of their start, then those that somebody else runs. */
static void merge(struct ps *ps)
{
    json_t *child, *node;
    size_t i, j;

    ps->rows = json_array();
    json_array_foreach(ps->children, i, child) add_row(ps, child, find_node(ps, child));
    json_array_foreach(ps->nodes, i, node)
    {
        bool known = false;

        json_array_foreach(ps->children, j, child) known = known || same_node(node, child);
        if (!known)
            add_row(ps, NULL, node);
    }
}

static bool have_several_agents(const struct ps *ps)
{
    const char *first = NULL;
    json_t *row;
    size_t i;

    json_array_foreach(ps->rows, i, row)
    {
        const char *agent = text_of(row, "agent");

        if (first && *agent && strcmp(agent, first) != 0)
            return true;
        first = *agent ? agent : first;
    }
    return false;
}

/* Its name, with its agent's before it where there are several. */
static void label(struct ps *ps)
{
    bool several = have_several_agents(ps);
    json_t *row;
    size_t i;

    json_array_foreach(ps->rows, i, row)
    {
        const char *agent = text_of(row, "agent"), *name = text_of(row, "name");
        bool whole = several && strcmp(text_of(row, "role"), "connection") == 0;

        json_object_set_new(row, "label", json_sprintf("%s%s%s", whole ? agent : "", whole ? "/" : "", name));
    }
}

/* ---- showing ---- */

static const char *cell(const json_t *row, const char *key, char number[32])
{
    const json_t *value = json_object_get(row, key);

    if (json_is_string(value))
        return *json_string_value(value) ? json_string_value(value) : "-";
    if (!json_is_integer(value) || (strcmp(key, "pid") == 0 && json_integer_value(value) == 0))
        return "-";
    snprintf(number, 32, "%lld", (long long)json_integer_value(value));
    return number;
}

static void measure(const struct ps *ps, int width[N_COLUMNS])
{
    char number[32];
    json_t *row;
    size_t i;

    for (int c = 0; c < N_COLUMNS; c++) {
        width[c] = (int)strlen(columns[c].title);
        json_array_foreach(ps->rows, i, row)
        {
            int n = (int)strnlen(cell(row, columns[c].key, number), 1000);

            width[c] = n > width[c] ? n : width[c];
        }
    }
}

static void say_table(const struct ps *ps)
{
    int width[N_COLUMNS];
    char number[32];
    json_t *row;
    size_t i;

    measure(ps, width);
    for (int c = 0; c < N_COLUMNS; c++)
        printf(c + 1 < N_COLUMNS ? "%-*s  " : "%.*s\n", width[c], columns[c].title);
    json_array_foreach(ps->rows, i, row)
    {
        for (int c = 0; c < N_COLUMNS; c++)
            printf(c + 1 < N_COLUMNS ? "%-*s  " : "%.*s\n", width[c], cell(row, columns[c].key, number));
    }
}

static void say_json(const struct ps *ps)
{
    json_t *root = json_pack("{s:s, s:b, s:b, s:O}", "run_dir", ps->run_dir, "supervised", ps->children != NULL,
                             "broker", ps->nodes != NULL, "nodes", ps->rows);

    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(root);
}

static int show(const struct ps *ps)
{
    if (ps->as_json)
        say_json(ps);
    else if (json_array_size(ps->rows))
        say_table(ps);
    if (ps->nodes)
        return CMD_OK;
    fprintf(stderr, "patchbay ps: the broker does not answer: %s\n", ps->broker_error);
    if (!ps->children)
        fprintf(stderr, "patchbay ps: no supervisor is running in %s\n", ps->run_dir);
    return CMD_FAILED;
}

/* ---- arguments ---- */

static int set_run_dir(struct ps *ps, const char *dir)
{
    if (snprintf(ps->run_dir, sizeof ps->run_dir, "%s", dir) >= PATH_MAX)
        return cmd_misused("ps", "the run directory's path is too long");
    return CMD_OK;
}

static int from_agent_yaml(struct ps *ps, const char *file)
{
    struct pbay_agent_conf *conf = NULL;
    char *package_path = cmd_package_path(NULL);
    int status = cmd_load(file, package_path, &conf) ? CMD_USAGE : set_run_dir(ps, conf->run_dir);

    free(package_path);
    pbay_agent_conf_destroy(&conf);
    return status;
}

static int read_arguments(struct ps *ps, int argc, char **argv)
{
    const char *run = NULL, *file = NULL, *fallback = getenv("PATCHBAY_RUN_DIR");

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            ps->as_json = true;
        else if (strcmp(argv[i], "--run") == 0 && i + 1 < argc && !run)
            run = argv[++i];
        else if (argv[i][0] != '-' && !file)
            file = argv[i];
        else
            return cmd_misused("ps", "%s: not understood", argv[i]);
    }
    if (run && file)
        return cmd_misused("ps", "expected either --run or an agent.yaml");
    if (!run && !file && fallback && *fallback)
        run = fallback;
    return run ? set_run_dir(ps, run) : from_agent_yaml(ps, file ? file : "agent.yaml");
}

int cmd_ps(int argc, char **argv)
{
    struct ps ps = {.as_json = false};
    int status = read_arguments(&ps, argc, argv);

    if (status)
        return status;
    read_supervisor(&ps);
    ask_broker(&ps);
    merge(&ps);
    label(&ps);
    status = show(&ps);
    json_decref(ps.children);
    json_decref(ps.nodes);
    json_decref(ps.rows);
    return status;
}
