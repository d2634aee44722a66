/* What is to be done now: children that are due, questions to the broker, the steps of the end. */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "node/up_int.h"

#define BROKER_MS     10000 /* from the start until the broker must have answered */
#define ASK_AGAIN_MS  100   /* until the next question, unless something happens in the run directory */
#define TELL_AGAIN_MS 500
#define REQUEST_MS    2000
#define MAX_PATH      512

static struct up_child *broker_of(struct up *up)
{
    return &up->children[0];
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
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

static void forget_broker(struct up *up)
{
    http_call_cancel(up->http);
    up->asking = up->answers = false;
    memset(up->told, 0, up->conf->n_connections * sizeof *up->told); /* it knew in memory only */
}

void up_child_ended(struct up *up, struct up_child *child, int64_t now)
{
    say_end(up, child, now);
    if (child->role == UP_BROKER)
        forget_broker(up);
    if (child->role == UP_AGENT && child->sv.state == SV_STOPPED && up->phase == UP_RUNS)
        up_stop(up, now);
    if (child->role == UP_BROKER && child->sv.state == SV_FAILED && up->phase == UP_BROKER_STARTS) {
        up->status = CMD_FAILED;
        up_stop(up, now);
    }
}

/* ---- requests to the broker ---- */

/* Why a connection cannot work: NULL = at least one of its instances is not given up. A fenced one is not failed:
 * somebody else runs it. */
static const char *failure_of(const struct up *up, size_t connection)
{
    const char *reason = NULL;

    for (size_t i = 0; i < up->n_children; i++) {
        const struct up_child *child = &up->children[i];

        if (child->conn != &up->conf->connections[connection])
            continue;
        if (child->sv.state != SV_FAILED)
            return NULL;
        reason = child->reason;
    }
    return reason;
}

static void ask(struct up *up, long about, const char *path, const char *body)
{
    up->asking = true;
    up->telling = about;
    http_call_start(up->http, up->admin_socket, path, body, REQUEST_MS);
}

static void tell(struct up *up, size_t connection)
{
    const char *reason = failure_of(up, connection);
    char path[MAX_PATH];

    /* names have no character that would need to be escaped */
    snprintf(path, sizeof path, "/v1/connections/%s/failed?agent=%s", up->conf->connections[connection].name,
             up->conf->agent_name);
    ask(up, (long)connection, path, reason ? reason : "");
}

static bool is_told(const struct up *up, size_t connection)
{
    return up->told[connection] == (failure_of(up, connection) != NULL);
}

/* Start the next request if there is one to make; returns when to look again. */
static int64_t ask_broker(struct up *up, int64_t now)
{
    if (up->asking || broker_of(up)->sv.state != SV_RUNNING || up->phase > UP_RUNS)
        return INT64_MAX;
    for (size_t i = 0; up->answers && i < up->conf->n_connections; i++) {
        if (is_told(up, i))
            continue;
        if (now >= up->ask_at)
            tell(up, i);
        return up->asking ? now : up->ask_at;
    }
    if (up->answers)
        return INT64_MAX;
    if (now >= up->ask_at)
        ask(up, -1, "/v1/nodes", NULL);
    return up->asking ? now : up->ask_at;
}

static void broker_is_there(struct up *up)
{
    up->answers = true;
    up_say(up, "broker: answers");
    if (up->phase == UP_BROKER_STARTS) {
        up->phase = UP_RUNS;
        up->deadline = INT64_MAX;
    }
}

/* A refusal is final: the broker then ends what waits for that connection when its time is over. */
static void was_told(struct up *up, int64_t now, enum pbay_err err, const struct http_reply *reply)
{
    const char *name = up->conf->connections[up->telling].name;

    if (!err && reply->status >= 300)
        up_say(up, "broker: refuses to hear about %s: status %ld", name, reply->status);
    else if (err && !up->deaf)
        up_say(up, "broker: it cannot be told about %s: %s", name, reply->error);
    if (!err)
        up->told[up->telling] = !up->told[up->telling];
    else
        up->ask_at = now + TELL_AGAIN_MS;
    up->deaf = err;
}

void up_answered(struct up *up, int64_t now)
{
    struct http_reply reply;
    enum pbay_err err = http_call_end(up->http, &reply);

    up->asking = false;
    if (up->telling >= 0) {
        was_told(up, now, err, &reply);
    } else if (!err && reply.status == 200) {
        broker_is_there(up);
    } else {
        up->ask_at = now + ASK_AGAIN_MS;
    }
    http_reply_fini(&reply);
}

/* ---- starts ---- */

static bool may_run(const struct up *up, const struct up_child *child)
{
    return up->phase == UP_RUNS || (up->phase == UP_BROKER_STARTS && child->role == UP_BROKER);
}

static int64_t start_due(struct up *up, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < up->n_children; i++) {
        struct up_child *child = &up->children[i];

        if (!may_run(up, child))
            continue;
        if (child->sv.state == SV_WAITING || sv_due(&child->sv) <= now)
            up_child_start(up, child, now);
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
    http_call_cancel(up->http);
    up->asking = false;
    up->dirty = true;
    enter(up, UP_AGENT_STOPS, now);
}

static void look_at_deadline(struct up *up, int64_t now)
{
    if (up->phase == UP_BROKER_STARTS && now >= up->deadline) {
        up_say(up, "broker: no answer on %s for %d s", up->admin_socket, BROKER_MS / 1000);
        up->status = CMD_FAILED;
        up_stop(up, now);
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
    next = sooner(next, ask_broker(up, now));
    return sooner(next, up->deadline);
}
