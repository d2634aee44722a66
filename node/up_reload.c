/* A new plan while the old one runs: what is the same goes on untouched. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/up_int.h"
#include "schema/buf.h"

/* What a request is answered with, line by line. */
struct answer {
    char *text; /* UP_MAX_ANSWER bytes */
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct answer *a, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(a->text + a->n, UP_MAX_ANSWER - a->n, format, args);
    va_end(args);
    if (n > 0)
        a->n += (size_t)n < UP_MAX_ANSWER - a->n ? (size_t)n : UP_MAX_ANSWER - a->n - 1;
}

/* ---- the files, anew ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_texts(const char *const *a, size_t n, const char *const *b, size_t m)
{
    for (size_t i = 0; n == m && i < n; i++) {
        if (!same_text(a[i], b[i]))
            return false;
    }
    return n == m;
}

/* Is it the same agent, and with the first one the same broker? */
static bool may_take(const struct up *up, size_t i, const struct pbay_agent_conf *fresh, struct answer *a)
{
    const struct pbay_agent_conf *old = up->agents[i];

    if (same_text(old->agent_name, fresh->agent_name) && same_text(old->data_dir, fresh->data_dir) &&
        (i > 0 || (same_text(old->run_dir, fresh->run_dir) &&
                   same_texts(old->endpoints, old->n_endpoints, fresh->endpoints, fresh->n_endpoints))))
        return true;
    say(a, "%s: agent_name, data_dir, run_dir and endpoints change only with a new start", fresh->file);
    return false;
}

static void unload(struct pbay_agent_conf **agents, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pbay_agent_conf_destroy(&agents[i]);
}

static bool load(const struct up *up, struct pbay_agent_conf **agents, struct answer *a)
{
    for (size_t i = 0; i < up->n_agents; i++) {
        struct pbay_conf_error error = {""};

        if (pbay_agent_conf_load(up->files[i], up->package_path, &agents[i], &error)) {
            say(a, "%s", error.text);
            unload(agents, i);
            return false;
        }
        if (!may_take(up, i, agents[i], a)) {
            unload(agents, i + 1);
            return false;
        }
    }
    return true;
}

/* ---- what has changed ---- */

static bool same_config(const struct pbay_conn_conf *a, const struct pbay_conn_conf *b)
{
    for (size_t i = 0; a->n_config == b->n_config && i < a->n_config; i++) {
        if (!same_text(a->config[i].path, b->config[i].path) || !same_text(a->config[i].text, b->config[i].text))
            return false;
    }
    return a->n_config == b->n_config;
}

static bool same_requests(const struct pbay_conn_conf *a, const struct pbay_conn_conf *b)
{
    for (size_t i = 0; a->n_cert_requests == b->n_cert_requests && i < a->n_cert_requests; i++) {
        const struct pbay_cert_request *x = &a->cert_requests[i], *y = &b->cert_requests[i];

        if (!same_text(x->public_key, y->public_key) || !same_text(x->key_id, y->key_id) ||
            !same_text(x->identifier, y->identifier) || !same_text(x->ledger_id, y->ledger_id) ||
            !same_text(x->not_before, y->not_before) || !same_text(x->not_after, y->not_after) ||
            !same_text(x->message_format, y->message_format) || !same_text(x->save_path, y->save_path))
            return false;
    }
    return a->n_cert_requests == b->n_cert_requests;
}

/* What its process reads. Rules, replay and routes are the broker's; needs are ours. */
static bool same_connection(const struct pbay_conn_conf *a, const struct pbay_conn_conf *b)
{
    return same_text(a->public_id_text, b->public_id_text) && same_text(a->class_name, b->class_name) &&
           same_text(a->dir, b->dir) && a->exception_policy == b->exception_policy && a->on_stuck == b->on_stuck &&
           a->stuck_timeout_ms == b->stuck_timeout_ms && a->sandbox == b->sandbox && same_config(a, b) &&
           same_requests(a, b);
}

static size_t count_words(char *const *argv)
{
    size_t n = 0;

    while (argv[n])
        n++;
    return n;
}

static bool same_child(const struct up_child *a, const struct up_child *b)
{
    if (a->role == UP_BROKER) /* it reads its files again */
        return true;
    return same_texts((const char *const *)a->argv, count_words(a->argv), (const char *const *)b->argv,
                      count_words(b->argv)) &&
           (a->role == UP_AGENT || same_connection(a->conn->conf, b->conn->conf));
}

/* ---- taking over ---- */

static bool is_same(const struct up_child *a, const struct up_child *b)
{
    if (!a->label || a->leaves || a->role != b->role)
        return false;
    return a->role == UP_BROKER ||
           (strcmp(a->agent->agent_name, b->agent->agent_name) == 0 &&
            strcmp(up_child_name(a), up_child_name(b)) == 0 && strcmp(a->instance, b->instance) == 0);
}

static struct up_child *find(struct up_child *children, size_t n, const struct up_child *wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (is_same(&children[i], wanted))
            return &children[i];
    }
    return NULL;
}

/* The process goes on under the new plan; old is used up. true = there is nothing else to do. */
static bool take_over(struct up_child *fresh, struct up_child *old)
{
    bool same = same_child(old, fresh);
    struct up_child plan = *fresh;

    *fresh = *old;
    fresh->agent = plan.agent;
    fresh->conn = plan.conn;
    fresh->argv = plan.argv;
    fresh->label = plan.label;
    old->out = -1;
    up_child_fini(old);
    old->label = NULL;
    return same;
}

static void keep_states(struct up *up, const struct up_conn *old, size_t n, int64_t now)
{
    for (size_t i = 0; i < up->n_conns; i++) {
        struct up_conn *conn = &up->conns[i];

        conn->since = now;
        for (size_t k = 0; k < n; k++) {
            if (strcmp(old[k].agent->agent_name, conn->agent->agent_name) != 0 ||
                strcmp(old[k].conf->name, conn->conf->name) != 0)
                continue;
            conn->told = old[k].told;
            conn->connected = old[k].connected;
            conn->since = old[k].since;
        }
    }
}

/* Old ones that are not in the plan: those that still run come behind it. */
static void let_go(struct up *up, struct up_child *old, size_t n, int64_t now, struct answer *a)
{
    for (size_t i = 0; i < n; i++) {
        struct up_child *child = &old[i];

        if (!child->label)
            continue; /* taken over */
        if (!child->leaves)
            say(a, "stopped: %s\n", child->label);
        child->leaves = true;
        child->conn = NULL;
        child->agent = NULL;
        sv_stop(&child->sv);
        up_child_end(up, child, now);
        up->children[up->n_children++] = *child; /* up_sweep frees it */
    }
}

static void again(struct up *up, struct up_child *child, int64_t now)
{
    sv_again(&child->sv);
    up_child_end(up, child, now);
    up->dirty = true;
}

static void compare(struct up *up, struct up_child *old, size_t n, int64_t now, struct answer *a)
{
    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i], *same = find(old, n, child);

        if (!same) {
            say(a, "started: %s\n", child->label);
        } else if (!take_over(child, same)) {
            say(a, "started again: %s\n", child->label);
            again(up, child, now);
        }
    }
}

bool up_reload(struct up *up, int64_t now, char text[UP_MAX_ANSWER])
{
    struct pbay_agent_conf *fresh[UP_MAX_AGENTS] = {NULL}, *former[UP_MAX_AGENTS];
    struct up_child *old = up->children;
    struct up_conn *old_conns = up->conns;
    size_t n = up->n_children, n_conns = up->n_conns;
    struct answer a = {.text = text};

    *text = 0;
    if (up->phase > UP_RUNS) {
        say(&a, "it is being stopped");
        return false;
    }
    if (!load(up, fresh, &a))
        return false;
    up_ask_cancel(up);
    if (up->children[0].pid)
        kill(up->children[0].pid, SIGHUP); /* before the new ones ask to be let in */
    memcpy(former, up->agents, sizeof former);
    memcpy(up->agents, fresh, sizeof up->agents);
    (void)up_plan(up); /* a name that --connections has, and that is gone, leaves nothing out */
    up->children = pb_realloc(up->children, (up->n_children + n) * sizeof *up->children);
    keep_states(up, old_conns, n_conns, now);
    compare(up, old, n, now, &a);
    let_go(up, old, n, now, &a);
    free(old);
    free(old_conns);
    unload(former, up->n_agents);
    up->dirty = true;
    if (!a.n)
        say(&a, "nothing to start or to stop\n");
    return true;
}

/* ---- a restart ---- */

bool up_restart(struct up *up, int64_t now, const char *name, char text[UP_MAX_ANSWER])
{
    struct answer a = {.text = text};

    *text = 0;
    for (size_t i = 0; i < up->n_children && up->phase == UP_RUNS; i++) {
        struct up_child *child = &up->children[i];

        if (child->leaves || (strcmp(child->label, name) != 0 && strcmp(up_child_name(child), name) != 0))
            continue;
        say(&a, "started again: %s\n", child->label);
        again(up, child, now);
    }
    if (a.n)
        return true;
    say(&a, up->phase == UP_RUNS ? "there is no process called '%s'" : "'%s': not while it starts or stops", name);
    return false;
}

void up_sweep(struct up *up)
{
    size_t n = 0;

    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (child->leaves && !child->pid) {
            up_child_fini(child);
            up->dirty = true;
        } else {
            up->children[n++] = *child;
        }
    }
    up->n_children = n;
}
