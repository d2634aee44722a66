/* Which processes an agent has, and what each is called and run with. */
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

const char *up_child_name(const struct up *up, const struct up_child *child)
{
    if (child->role == UP_BROKER)
        return "broker";
    return child->role == UP_AGENT ? up->conf->agent_name : child->conn->name;
}

static struct up_child *add(struct up *up, enum up_role role, size_t n_words)
{
    struct up_child *child = &up->children[up->n_children++];
    uint64_t seed = 0;

    (void)pb_random(&seed, sizeof seed); /* without it the delays are merely less spread */
    sv_init(&child->sv, role == UP_AGENT, seed);
    child->role = role;
    child->out = -1;
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
    struct up_child *child = add(up, UP_BROKER, 2);

    child->label = copy("broker");
    child->argv[0] = in_bin(up, "patchbay-broker");
    child->argv[1] = copy(up->conf->file);
}

static void add_instance(struct up *up, const struct pbay_conn_conf *conn, unsigned instance)
{
    struct up_child *child = add(up, UP_CONNECTION, 1);
    char path[PATH_MAX + 32];

    child->conn = conn;
    snprintf(child->instance, sizeof child->instance, "%u", instance);
    snprintf(path, sizeof path, "%s.%u", conn->name, instance);
    child->label = copy(path);
    snprintf(path, sizeof path, "../libexec/patchbay/%s", conn->name);
    child->argv[0] = conn->executable ? copy(conn->executable) : in_bin(up, path);
}

/* A word without a slash may be a program that is installed with us. */
static void add_agent(struct up *up)
{
    const struct pbay_agent_conf *conf = up->conf;
    struct up_child *child = add(up, UP_AGENT, conf->n_command);
    char *ours;

    child->label = copy(conf->agent_name);
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

void up_plan(struct up *up)
{
    const struct pbay_agent_conf *conf = up->conf;
    size_t n = 2;

    for (size_t i = 0; i < conf->n_connections; i++)
        n += conf->connections[i].instances;
    assert(n <= UP_MAX_CHILDREN);
    up->children = pb_alloc(n * sizeof *up->children);
    up->told = pb_alloc((conf->n_connections + 1) * sizeof *up->told);
    add_broker(up);
    for (size_t i = 0; i < conf->n_connections; i++) {
        for (unsigned k = 0; k < conf->connections[i].instances; k++)
            add_instance(up, &conf->connections[i], k);
    }
    if (conf->n_command)
        add_agent(up);
    assert(up->n_children <= n);
}

void up_plan_fini(struct up *up)
{
    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (child->out >= 0)
            close(child->out);
        for (char **word = child->argv; *word; word++)
            free(*word);
        free(child->argv);
        free(child->label);
    }
    free(up->children);
    free(up->told);
    up->children = NULL;
    up->told = NULL;
    up->n_children = 0;
}
