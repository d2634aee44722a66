/* Which processes there are, and what each is called and run with. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/link.h"
#include "node/up_int.h"

const char *up_role_name(enum up_role role)
{
    static const char *const names[] = {"broker", "connection", "agent"};

    return names[role];
}

const char *up_child_name(const struct up_child *child)
{
    if (child->role == UP_BROKER)
        return "broker";
    return child->role == UP_AGENT ? child->agent->agent_name : child->conn->conf->name;
}

/* ---- connections ---- */

/* Is name one of a list a,b,c? */
static bool is_among(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        if (strcspn(p, ",") == n && strncmp(p, name, n) == 0)
            return true;
    }
    return false;
}

static bool is_connection(const struct up *up, const char *name, size_t n)
{
    for (size_t i = 0; i < up->n_conns; i++) {
        const char *other = up->conns[i].conf->name;

        if (strlen(other) == n && strncmp(other, name, n) == 0)
            return true;
    }
    return false;
}

static bool check_list(const struct up *up, const char *list)
{
    for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");

        if (!is_connection(up, p, n)) {
            fprintf(stderr, "patchbay up: '%.*s' is not the name of a connection\n", (int)n, p);
            return false;
        }
    }
    return true;
}

static void plan_connections(struct up *up)
{
    size_t n = 0;

    for (size_t i = 0; i < up->n_agents; i++)
        n += up->agents[i]->n_connections;
    up->conns = pb_alloc((n + 1) * sizeof *up->conns);
    up->n_conns = 0;
    for (size_t i = 0; i < up->n_agents; i++) {
        for (size_t k = 0; k < up->agents[i]->n_connections; k++) {
            struct up_conn *conn = &up->conns[up->n_conns++];

            conn->agent = up->agents[i];
            conn->conf = &up->agents[i]->connections[k];
            conn->left_out = (up->only && !is_among(up->only, conn->conf->name)) ||
                             (up->without && is_among(up->without, conn->conf->name));
        }
    }
}

/* ---- children ---- */

static struct up_child *add(struct up *up, enum up_role role, size_t n_words)
{
    struct up_child *child = &up->children[up->n_children++];
    uint64_t seed = 0;

    (void)pb_random(&seed, sizeof seed); /* without it the delays are merely less spread */
    sv_init(&child->sv, role == UP_AGENT, seed);
    child->role = role;
    child->out = -1;
    child->kill_at = INT64_MAX;
    snprintf(child->instance, sizeof child->instance, "0");
    child->argv = pb_alloc((n_words + 1) * sizeof *child->argv);
    return child;
}

static char *copy(const char *text)
{
    return pb_strndup(pbay_str(text));
}

static char *in_bin(const struct up *up, const char *name)
{
    char path[PATH_MAX];

    return copy(cmd_join(path, up->bin_dir, name) ? path : name);
}

static void add_broker(struct up *up)
{
    struct up_child *child = add(up, UP_BROKER, up->n_agents + 1);

    child->label = copy("broker");
    child->argv[0] = in_bin(up, "patchbay-broker");
    for (size_t i = 0; i < up->n_agents; i++)
        child->argv[i + 1] = copy(up->agents[i]->file);
}

/* "stub.0", with several agents "trader/stub.0" */
static char *instance_label(const char *agent, const char *name, unsigned instance)
{
    char text[2 * PBAY_MAX_NAME + 32];

    snprintf(text, sizeof text, "%s%s%s.%u", agent, *agent ? "/" : "", name, instance);
    return copy(text);
}

static void add_instance(struct up *up, struct up_conn *conn, unsigned instance)
{
    struct up_child *child = add(up, UP_CONNECTION, 1);
    char path[PATH_MAX];

    child->agent = conn->agent;
    child->conn = conn;
    snprintf(child->instance, sizeof child->instance, "%u", instance);
    child->label = instance_label(up->n_agents > 1 ? conn->agent->agent_name : "", conn->conf->name, instance);
    snprintf(path, sizeof path, "../libexec/patchbay/%s", conn->conf->name);
    child->argv[0] = conn->conf->executable ? copy(conn->conf->executable) : in_bin(up, path);
}

/* A word without a slash may be a program that is installed with us. */
static void add_agent(struct up *up, const struct pbay_agent_conf *conf, unsigned instance)
{
    struct up_child *child = add(up, UP_AGENT, conf->n_command);
    char *ours;

    child->agent = conf;
    snprintf(child->instance, sizeof child->instance, "%u", instance);
    child->label = conf->instances > 1 ? instance_label("", conf->agent_name, instance) : copy(conf->agent_name);
    for (size_t i = 0; i < conf->n_command; i++)
        child->argv[i] = copy(conf->command[i]);
    ours = strchr(child->argv[0], '/') ? NULL : in_bin(up, child->argv[0]);
    if (ours && access(ours, X_OK) == 0) {
        free(child->argv[0]);
        child->argv[0] = ours;
    } else {
        free(ours);
    }
}

static void plan_children(struct up *up)
{
    size_t n = 1;

    for (size_t i = 0; i < up->n_agents; i++)
        n += up->agents[i]->instances;
    for (size_t i = 0; i < up->n_conns; i++)
        n += up->conns[i].conf->instances;
    up->children = pb_alloc(n * sizeof *up->children);
    up->n_children = 0;
    add_broker(up);
    for (size_t i = 0; i < up->n_conns; i++) {
        for (unsigned k = 0; k < up->conns[i].conf->instances && !up->conns[i].left_out; k++)
            add_instance(up, &up->conns[i], k);
    }
    for (size_t i = 0; i < up->n_agents; i++) {
        for (unsigned k = 0; k < up->agents[i]->instances && up->agents[i]->n_command; k++)
            add_agent(up, up->agents[i], k);
    }
    assert(up->n_children <= n);
}

bool up_plan(struct up *up)
{
    plan_connections(up);
    plan_children(up);
    return check_list(up, up->only) && check_list(up, up->without);
}

void up_child_fini(struct up_child *child)
{
    if (child->out >= 0)
        close(child->out);
    for (char **word = child->argv; word && *word; word++)
        free(*word);
    free(child->argv);
    free(child->label);
}

void up_plan_fini(struct up *up)
{
    for (size_t i = 0; i < up->n_children; i++)
        up_child_fini(&up->children[i]);
    free(up->children);
    free(up->conns);
    up->children = NULL;
    up->conns = NULL;
    up->n_children = up->n_conns = 0;
}
