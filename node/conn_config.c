/* Where a connection process finds its configuration: the environment, connection.yaml and agent.yaml's override of it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/conn_int.h"

#define DRAIN_MS     10000
#define MAX_DRAIN_MS 86400000L

static const char *env(const char *name, const char *fallback)
{
    const char *v = getenv(name);

    return v && *v ? v : fallback;
}

static bool missing(const char *name, const char *what)
{
    fprintf(stderr, "%s: expected %s\n", name, what);
    return false;
}

static bool load_own(struct pbay_link *link, const char *dir)
{
    struct pbay_conf_error error = {""};

    if (pbay_conn_conf_load(dir, env("PATCHBAY_PACKAGE_PATH", NULL), &link->own, &error) == PBAY_OK)
        return true;
    fprintf(stderr, "%s\n", error.text);
    return false;
}

static bool same_folder(const char *a, const char *b)
{
    char one[PATH_MAX], other[PATH_MAX];

    return realpath(a, one) && realpath(b, other) && strcmp(one, other) == 0;
}

/* The same folder, or else the same public id: the package may be a copy. */
static const struct pbay_conn_conf *find_in_agent(struct pbay_link *link, const char *dir)
{
    const struct pbay_agent_conf *agent = link->agent_conf;

    for (size_t i = 0; i < agent->n_connections; i++) {
        if (same_folder(agent->connections[i].dir, dir))
            return &agent->connections[i];
    }
    if (!load_own(link, dir))
        return NULL;
    for (size_t i = 0; i < agent->n_connections; i++) {
        if (pbay_pubid_eq(&agent->connections[i].public_id, &link->own->public_id))
            return &agent->connections[i];
    }
    fprintf(stderr, "%s: connections: expected %s\n", agent->file, link->own->public_id_text);
    return NULL;
}

static bool load_from_agent(struct pbay_link *link, const char *file, const char *dir)
{
    struct pbay_conf_error error = {""};

    if (pbay_agent_conf_load(file, env("PATCHBAY_PACKAGE_PATH", NULL), &link->agent_conf, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return false;
    }
    link->conf = find_in_agent(link, dir);
    return link->conf;
}

static bool load_alone(struct pbay_link *link, const char *dir)
{
    if (load_own(link, dir))
        link->conf = link->own;
    return link->conf;
}

static bool check_class(const struct pbay_link *link)
{
    if (strcmp(link->conf->class_name, link->ops->class_name) == 0)
        return true;
    fprintf(stderr, "%s/connection.yaml: class_name: expected %s, found %s\n", link->conf->dir, link->ops->class_name,
            link->conf->class_name);
    return false;
}

static bool read_drain(struct pbay_link *link)
{
    const char *text = env("PATCHBAY_DRAIN_MS", NULL);
    char *end;
    long v = DRAIN_MS;

    if (text) {
        errno = 0;
        v = strtol(text, &end, 10);
        if (errno || end == text || *end || v < 0 || v > MAX_DRAIN_MS)
            return missing("PATCHBAY_DRAIN_MS", "milliseconds, 0 .. 86400000");
    }
    link->drain_ms = v;
    return true;
}

/* What the environment does not say, agent.yaml does. */
static bool read_environment(struct pbay_link *link)
{
    const struct pbay_agent_conf *agent = link->agent_conf;

    link->endpoint = env("PATCHBAY_ENDPOINT", agent && agent->n_endpoints ? agent->endpoints[0] : NULL);
    link->agent = env("PATCHBAY_AGENT", agent ? agent->agent_name : NULL);
    link->instance = env("PATCHBAY_INSTANCE", "0");
    link->data_dir = env("PATCHBAY_DATA_DIR", agent ? agent->data_dir : ".");
    if (!link->endpoint)
        return missing("PATCHBAY_ENDPOINT", "the broker's endpoint");
    if (!link->agent || strlen(link->agent) > PBAY_MAX_NAME)
        return missing("PATCHBAY_AGENT", "the agent's name");
    if (strlen(link->instance) > PBAY_MAX_INSTANCE)
        return missing("PATCHBAY_INSTANCE", "at most 64 bytes");
    return read_drain(link);
}

bool conn_config_load(struct pbay_link *link)
{
    const char *dir = env("PATCHBAY_CONNECTION_DIR", NULL), *file = env("PATCHBAY_AGENT_FILE", NULL);

    if (!dir)
        return missing("PATCHBAY_CONNECTION_DIR", "the folder of connection.yaml");
    return (file ? load_from_agent(link, file, dir) : load_alone(link, dir)) && check_class(link) &&
           read_environment(link);
}

void conn_config_fini(struct pbay_link *link)
{
    if (link->own)
        pbay_conn_conf_destroy(&link->own);
    if (link->agent_conf)
        pbay_agent_conf_destroy(&link->agent_conf);
    link->conf = NULL;
}
