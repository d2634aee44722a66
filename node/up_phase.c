/* What is to be done now: ends of children, children that are due, the steps of the end. */
#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/exits.h"
#include "node/up_int.h"

#define BROKER_MS 10000 /* from the start until the broker must have answered */

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void up_give_up(struct up *up, int64_t now, int status, const char *format, ...)
{
    char text[UP_MAX_REASON];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    up_say(up, "%s", text);
    if (up->phase > UP_RUNS)
        return;
    up->status = status;
    up_stop(up, now);
}

/* ---- ends of children ---- */

static void say_end(struct up *up, const struct up_child *child, int64_t now)
{
    int64_t due = sv_due(&child->sv);

    if (child->sv.state == SV_BACKOFF)
        up_say(up, "%s: %s; again in %lld ms", child->label, child->reason, (long long)(due - now));
    else if (child->sv.state == SV_FAILED)
        up_say(up, "%s: failed: %s; again in %lld s", child->label, child->reason, (long long)(due - now) / 1000);
    else if (child->sv.state == SV_FENCED)
        up_say(up, "%s: a newer process has its name; not started again", child->label);
    else
        up_say(up, "%s: %s", child->label, child->reason);
}

/* connection_exception_policy: its runtime has said how it stands. */
static void look_at_policy(struct up *up, const struct up_child *child, int64_t now, int status)
{
    if (child->role != UP_CONNECTION || child->leaves)
        return;
    if (status == PB_EXIT_PROPAGATE)
        up_give_up(up, now, CMD_FAILED, "%s: exception_policy is propagate", child->label);
    else if (status == PB_EXIT_STOP)
        up_give_up(up, now, CMD_OK, "%s: exception_policy is stop_and_exit", child->label);
}

/* Does an agent process of any agent run, or is one to be started? */
static bool agents_go_on(const struct up *up)
{
    for (size_t i = 0; i < up->n_children; i++) {
        if (up->children[i].role == UP_AGENT && !up->children[i].leaves && up->children[i].sv.state != SV_STOPPED)
            return true;
    }
    return false;
}

void up_child_ended(struct up *up, struct up_child *child, int64_t now, int status)
{
    say_end(up, child, now);
    child->kill_at = INT64_MAX;
    if (child->role == UP_BROKER)
        up_forget_broker(up);
    if (child->role == UP_AGENT && child->sv.state == SV_STOPPED && !child->leaves && up->phase == UP_RUNS &&
        !agents_go_on(up))
        up_stop(up, now);
    if (child->role == UP_BROKER && child->sv.state == SV_FAILED && up->phase == UP_BROKER_STARTS) {
        up->status = CMD_FAILED;
        up_stop(up, now);
    }
    look_at_policy(up, child, now, status);
}

/* ---- starts ---- */

void up_broker_is_there(struct up *up, int64_t now)
{
    for (size_t i = 0; i < up->n_conns; i++) {
        if (!up->conns[i].since)
            up->conns[i].since = now;
    }
    if (up->phase == UP_BROKER_STARTS) {
        up->phase = UP_RUNS;
        up->deadline = INT64_MAX;
    }
}

/* The connection of this number in the agent's file. */
static struct up_conn *conn_of(const struct up *up, const struct pbay_agent_conf *agent, size_t number)
{
    for (size_t i = 0; i < up->n_conns; i++) {
        if (up->conns[i].conf == &agent->connections[number])
            return &up->conns[i];
    }
    assert(false);
    return NULL;
}

static int64_t patience_ends(const struct up_conn *conn)
{
    return conn->since + conn->conf->start_timeout_ms;
}

/* The first need that is still waited for; NULL = none. One that is not up after its time is done without. */
static const struct up_conn *missing_need(const struct up *up, const struct up_conn *conn)
{
    for (size_t i = 0; i < conn->conf->n_needs; i++) {
        const struct up_conn *need = conn_of(up, conn->agent, conn->conf->needs[i].connection);

        if (!need->connected && !need->left_out)
            return need;
    }
    return NULL;
}

static const struct up_conn *missing_required(const struct up *up, const struct pbay_agent_conf *agent)
{
    for (size_t i = 0; i < up->n_conns; i++) {
        const struct up_conn *conn = &up->conns[i];

        if (conn->agent == agent && conn->conf->required && !conn->connected)
            return conn;
    }
    return NULL;
}

/* What a child that has never run waits for; NULL = nothing. */
static const struct up_conn *missing(const struct up *up, const struct up_child *child)
{
    if (child->sv.state != SV_WAITING || up->phase != UP_RUNS || child->role == UP_BROKER)
        return NULL;
    return child->role == UP_AGENT ? missing_required(up, child->agent) : missing_need(up, child->conn);
}

bool up_somebody_waits(const struct up *up)
{
    for (size_t i = 0; i < up->n_children; i++) {
        if (missing(up, &up->children[i]))
            return true;
    }
    return false;
}

/* A required connection is not there: is there still hope? */
static bool agent_may_wait(struct up *up, const struct up_conn *conn, int64_t now)
{
    const char *failure = up_failure_of(up, conn);

    if (!failure && now < patience_ends(conn))
        return true;
    if (failure)
        up_give_up(up, now, CMD_FAILED, "%s is required, and has failed: %s", conn->conf->name, failure);
    else
        up_give_up(up, now, CMD_FAILED, "%s is required, and not connected after %u s", conn->conf->name,
                   conn->conf->start_timeout_ms / 1000);
    return false;
}

/* Start it unless it has to wait; returns when to look again. */
static int64_t try_start(struct up *up, struct up_child *child, int64_t now)
{
    const struct up_conn *conn = missing(up, child);

    if (conn && child->role == UP_AGENT)
        return agent_may_wait(up, conn, now) ? patience_ends(conn) : now;
    if (conn && now < patience_ends(conn))
        return patience_ends(conn);
    if (conn)
        up_say(up, "%s: started without %s, which is not connected", child->label, conn->conf->name);
    up_child_start(up, child, now);
    return sv_due(&child->sv);
}

static bool may_run(const struct up *up, const struct up_child *child)
{
    return !child->leaves && (up->phase == UP_RUNS || (up->phase == UP_BROKER_STARTS && child->role == UP_BROKER));
}

static int64_t start_due(struct up *up, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (!may_run(up, child))
            continue;
        if (child->sv.state == SV_WAITING || sv_due(&child->sv) <= now)
            next = sooner(next, try_start(up, child, now));
        else
            next = sooner(next, sv_due(&child->sv));
    }
    return next;
}

/* ---- the end ---- */

static const struct step {
    enum up_role role;
    int64_t patience; /* ms */
} steps[] = {[UP_AGENT_STOPS] = {UP_AGENT, 10000},
             [UP_CONNECTIONS_STOP] = {UP_CONNECTION, 10000},
             [UP_BROKER_STOPS] = {UP_BROKER, 5000}};

static bool belongs(const struct up *up, const struct up_child *child)
{
    return up->phase == UP_REST_IS_KILLED || child->role == steps[up->phase].role;
}

static size_t living(const struct up *up)
{
    size_t n = 0;

    for (size_t i = 0; i < up->n_children; i++)
        n += up->children[i].pid && belongs(up, &up->children[i]);
    return n;
}

static void kill_rest(struct up *up)
{
    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (!child->pid)
            continue;
        up_say(up, "%s: has not stopped; killed", child->label);
        kill(-child->pid, SIGKILL);
        up->killed++;
    }
    up->deadline = INT64_MAX; /* this signal cannot be put off */
}

static void enter(struct up *up, enum up_phase phase, int64_t now)
{
    up->phase = phase;
    if (phase == UP_REST_IS_KILLED)
        kill_rest(up);
    if (phase >= UP_REST_IS_KILLED)
        return;
    up->deadline = up->hurry ? now : now + steps[phase].patience;
    for (size_t i = 0; i < up->n_children; i++) {
        if (up->children[i].pid && belongs(up, &up->children[i]))
            kill(up->children[i].pid, SIGTERM);
    }
}

void up_stop(struct up *up, int64_t now)
{
    if (up->phase > UP_RUNS) {
        up->hurry = true;
        up->deadline = up->phase < UP_REST_IS_KILLED ? now : up->deadline;
        return;
    }
    up_say(up, "stopping");
    for (size_t i = 0; i < up->n_children; i++)
        sv_stop(&up->children[i].sv);
    up_ask_cancel(up);
    up->dirty = true;
    enter(up, UP_AGENT_STOPS, now);
}

static void look_at_deadline(struct up *up, int64_t now)
{
    if (up->phase == UP_BROKER_STARTS && now >= up->deadline) {
        up_give_up(up, now, CMD_FAILED, "broker: no answer on %s for %d s", up->admin_socket, BROKER_MS / 1000);
    }
    while (up->phase > UP_RUNS && up->phase < UP_DONE && (!living(up) || now >= up->deadline))
        enter(up, up->phase + 1, now);
}

int64_t up_advance(struct up *up, int64_t now)
{
    int64_t next;

    if (up->phase == UP_BROKER_STARTS && !up->deadline)
        up->deadline = now + BROKER_MS;
    look_at_deadline(up, now);
    next = start_due(up, now);
    next = sooner(next, up_ask(up, now));
    next = sooner(next, up_child_kill_due(up, now));
    return sooner(next, up->deadline);
}
