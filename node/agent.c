/* The agent library: handles, put and get, close. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "node/agent_int.h"
#include "schema/visibility.h"

#define MAX_AGENTS 64 /* open in one process */
#define INDEX_BITS 6
#define MAX_BOUND  (1U << 20) /* envelopes in an OutBox */

_Static_assert(1 << INDEX_BITS == MAX_AGENTS, "a handle is a generation and an index");

/* ---- handles ---- */

struct entry {
    struct agent *agent;
    uint32_t generation;
    unsigned users; /* threads inside a call */
    bool closing;
};

/* Handles are numbers, so that one used after close is an error and no crash: their meaning is the one thing that the
 * library keeps for the whole process. A handle is generation * 64 + index; generations begin at 1, so 0 is never
 * valid. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    struct entry entries[MAX_AGENTS];
} handles = {.mutex = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};

static struct entry *entry_of(pbay_t handle)
{
    struct entry *e = &handles.entries[handle.id & (MAX_AGENTS - 1)];

    return e->agent && !e->closing && e->generation == handle.id >> INDEX_BITS ? e : NULL;
}

static struct agent *enter(pbay_t handle)
{
    struct agent *a = NULL;
    struct entry *e;

    pthread_mutex_lock(&handles.mutex);
    e = entry_of(handle);
    if (e) {
        e->users++;
        a = e->agent;
    }
    pthread_mutex_unlock(&handles.mutex);
    return a;
}

static void leave(pbay_t handle)
{
    struct entry *e = &handles.entries[handle.id & (MAX_AGENTS - 1)];

    pthread_mutex_lock(&handles.mutex);
    assert(e->users > 0);
    if (--e->users == 0 && e->closing)
        pthread_cond_broadcast(&handles.idle);
    pthread_mutex_unlock(&handles.mutex);
}

static bool new_handle(struct agent *a, pbay_t *handle)
{
    bool found = false;

    pthread_mutex_lock(&handles.mutex);
    for (uint32_t i = 0; i < MAX_AGENTS && !found; i++) {
        struct entry *e = &handles.entries[i];

        if (e->agent)
            continue;
        e->agent = a;
        e->generation = e->generation % (UINT32_MAX >> INDEX_BITS) + 1;
        handle->id = e->generation << INDEX_BITS | i;
        found = true;
    }
    pthread_mutex_unlock(&handles.mutex);
    return found;
}

/* From now on the handle is nobody's; only the caller of close has the agent. */
static struct agent *begin_close(pbay_t handle)
{
    struct agent *a = NULL;
    struct entry *e;

    pthread_mutex_lock(&handles.mutex);
    e = entry_of(handle);
    if (e) {
        e->closing = true;
        a = e->agent;
    }
    pthread_mutex_unlock(&handles.mutex);
    return a;
}

static void wait_until_idle(pbay_t handle)
{
    struct entry *e = &handles.entries[handle.id & (MAX_AGENTS - 1)];

    pthread_mutex_lock(&handles.mutex);
    while (e->users)
        pthread_cond_wait(&handles.idle, &handles.mutex);
    e->agent = NULL;
    e->closing = false;
    pthread_mutex_unlock(&handles.mutex);
}

/* ---- open ---- */

static int64_t on_turn(void *self, int64_t now)
{
    struct agent *a = self;

    agent_take_ends(a);
    agent_set_fd(a, now);
    return INT64_MAX;
}

static const char *choose(const char *option, const char *variable, const char *fallback)
{
    const char *v = option ? option : getenv(variable);

    return v && *v ? v : fallback;
}

static void free_agent(struct agent *a)
{
    if (a->fd >= 0)
        close(a->fd);
    free(a->endpoint);
    free(a->name);
    free(a->instance);
    pbay_protocols_destroy(&a->protocols);
    free(a);
}

static bool check(bool good, const char *what)
{
    if (!good)
        fprintf(stderr, "pbay_open: %s\n", what);
    return good;
}

static enum pbay_err read_options(struct agent *a, const struct pbay_options *o, struct pb_link_conf *conf)
{
    const char *endpoint = choose(o->endpoint, "PATCHBAY_ENDPOINT", NULL);
    const char *name = choose(o->agent, "PATCHBAY_AGENT", NULL);
    const char *instance = choose(o->instance, "PATCHBAY_INSTANCE", "0");

    if (!check(endpoint, "no endpoint: set PATCHBAY_ENDPOINT") || !check(name, "no agent name: set PATCHBAY_AGENT") ||
        !check(strlen(name) <= PBAY_MAX_NAME, "the agent's name is too long") ||
        !check(strlen(instance) <= PBAY_MAX_INSTANCE, "the instance is too long") ||
        !check(o->outbox_envelopes <= MAX_BOUND, "outbox_envelopes: at most 1048576"))
        return PBAY_INVALID;
    a->endpoint = pb_strndup(pbay_str(endpoint));
    a->name = pb_strndup(pbay_str(name));
    a->instance = pb_strndup(pbay_str(instance));
    a->max_envelopes = o->outbox_envelopes ? o->outbox_envelopes : AGENT_ENVELOPES;
    a->error_envelopes = o->error_envelopes;
    a->protocols = o->error_envelopes ? pbay_protocols_new() : NULL;
    *conf = (struct pb_link_conf){.endpoint = a->endpoint,
                                  .self = a,
                                  .turn = on_turn,
                                  .session = {.role = PB_AGENT,
                                              .agent = pbay_str(a->name),
                                              .name = pbay_str(a->name),
                                              .instance = pbay_str(a->instance),
                                              .public_id = pbay_str(""),
                                              .max_envelopes = a->max_envelopes,
                                              .send_only = o->send_only,
                                              .max_bytes = o->outbox_bytes ? o->outbox_bytes : AGENT_BYTES}};
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_open(pbay_t *agent, const struct pbay_options *options)
{
    static const struct pbay_options defaults;
    struct agent *a = pb_alloc(sizeof *a);
    struct pb_link_conf conf;
    enum pbay_err err;

    agent->id = 0;
    a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    err = a->fd < 0 ? PBAY_IO : read_options(a, options ? options : &defaults, &conf);
    if (err)
        goto out;
    err = pb_link_open(&a->io, &conf);
    check(err != PBAY_INVALID, "the endpoint is not ipc://PATH or tcp://HOST:PORT");
    if (!err && !new_handle(a, agent))
        err = PBAY_LIMIT;
    if (err)
        pb_link_close(&a->io, false);
out:
    if (err)
        free_agent(a);
    return err;
}

/* ---- close ---- */

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX : pb_now() + timeout_ms;
}

/* Nothing new comes in or goes out; those who wait are sent away; what was put may still end. */
static size_t drain(struct agent *a, int64_t deadline)
{
    struct pb_session *s = &a->io.session;
    size_t left;

    pb_link_lock(&a->io);
    a->closed = true;
    pb_session_drain(s);
    pb_link_tell(&a->io);
    pb_link_kick(&a->io);
    while (s->n_retained && !s->fatal && pb_link_wait(&a->io, deadline))
        ;
    left = s->n_retained;
    pb_link_unlock(&a->io, false);
    return left;
}

PBAY_API enum pbay_err pbay_close(pbay_t agent, int timeout_ms, size_t *left)
{
    int64_t deadline = deadline_of(timeout_ms);
    struct agent *a = begin_close(agent);
    size_t n;

    if (!a)
        return PBAY_CLOSED;
    n = drain(a, deadline);
    wait_until_idle(agent);
    pb_link_close(&a->io, true);
    agent_in_fini(a);
    free_agent(a);
    if (left)
        *left = n;
    return n ? PBAY_TIMEOUT : PBAY_OK;
}

/* ---- put ---- */

/* Closed or fenced, or PBAY_OK; the mutex is held. */
static enum pbay_err usable(const struct agent *a)
{
    if (a->closed)
        return PBAY_CLOSED;
    return a->io.session.fatal ? PBAY_FENCED : PBAY_OK;
}

static enum pbay_err put(struct agent *a, const struct pbay_envelope *e, int64_t deadline, uint64_t *tag)
{
    bool in_time = true;
    enum pbay_err err;

    pb_link_lock(&a->io);
    for (;;) {
        err = usable(a);
        if (!err)
            err = pb_session_put(&a->io.session, pb_now(), e, tag);
        if (err != PBAY_AGAIN || !in_time)
            break;
        in_time = pb_link_wait(&a->io, deadline);
    }
    if (err == PBAY_OK)
        agent_note_sent(a, e, *tag);
    pb_link_unlock(&a->io, err == PBAY_OK);
    return err;
}

PBAY_API enum pbay_err pbay_put(pbay_t agent, const struct pbay_envelope *envelope, int timeout_ms, uint64_t *tag)
{
    struct agent *a = enter(agent);
    uint64_t ignored;
    enum pbay_err err;

    if (!a)
        return PBAY_CLOSED;
    err = put(a, envelope, deadline_of(timeout_ms), tag ? tag : &ignored);
    leave(agent);
    return err;
}

PBAY_API enum pbay_err pbay_reply(pbay_t agent, const struct pbay_envelope *received, struct pbay_str message,
                                  int timeout_ms, uint64_t *tag)
{
    struct pbay_envelope e = {.to = received->sender,
                              .sender = received->to,
                              .protocol_id = received->protocol_id,
                              .message = message,
                              .origin = received->origin,
                              .traceparent = received->traceparent};

    return pbay_put(agent, &e, timeout_ms, tag);
}

/* ---- get ---- */

/* Wait until there is an envelope; the mutex is held. */
static enum pbay_err next_lease(struct agent *a, int64_t deadline, struct agent_lease **lease)
{
    bool in_time = true;
    enum pbay_err err;

    for (;;) {
        err = usable(a);
        if (err)
            return err;
        *lease = agent_lease_next(a, pb_now());
        if (*lease)
            return PBAY_OK;
        if (!in_time)
            return PBAY_TIMEOUT;
        in_time = pb_link_wait(&a->io, deadline);
    }
}

static enum pbay_err get(struct agent *a, struct pbay_envelope *envelope, uint64_t *lease, int64_t deadline)
{
    struct agent_lease *l = NULL;
    enum pbay_err err;

    pb_link_lock(&a->io);
    if (a->auto_lease && !a->closed && agent_lease_finish(a, a->auto_lease, PBAY_OK, ""))
        pb_link_kick(&a->io);
    err = next_lease(a, deadline, &l);
    if (l) {
        *envelope = *agent_lease_envelope(l);
        if (lease)
            *lease = l->id;
        else
            a->auto_lease = l->id;
    }
    agent_set_fd(a, pb_now());
    pb_link_unlock(&a->io, a->io.session.ctl.n > 0); /* the ends of what had waited for too long */
    return err;
}

PBAY_API enum pbay_err pbay_get(pbay_t agent, struct pbay_envelope *envelope, uint64_t *lease, int timeout_ms)
{
    struct agent *a = enter(agent);
    enum pbay_err err;

    if (!a)
        return PBAY_CLOSED;
    err = get(a, envelope, lease, deadline_of(timeout_ms));
    leave(agent);
    return err;
}

static enum pbay_err finish(pbay_t agent, uint64_t lease, enum pbay_err err, const char *text)
{
    struct agent *a = enter(agent);
    bool found;

    if (!a)
        return PBAY_CLOSED;
    pb_link_lock(&a->io);
    found = agent_lease_finish(a, lease, err, text);
    pb_link_unlock(&a->io, found);
    leave(agent);
    return found ? PBAY_OK : PBAY_INVALID;
}

PBAY_API enum pbay_err pbay_ack(pbay_t agent, uint64_t lease)
{
    return finish(agent, lease, PBAY_OK, "");
}

PBAY_API enum pbay_err pbay_nack(pbay_t agent, uint64_t lease, const char *text)
{
    return finish(agent, lease, PBAY_FAILED, text ? text : "");
}

/* ---- ends, descriptor, state ---- */

PBAY_API enum pbay_err pbay_get_outcome(pbay_t agent, struct pbay_outcome *outcome, int timeout_ms)
{
    struct agent *a = enter(agent);
    int64_t deadline = deadline_of(timeout_ms);
    bool found, in_time = true;
    enum pbay_err err = PBAY_OK;

    if (!a)
        return PBAY_CLOSED;
    pb_link_lock(&a->io);
    while (!(found = agent_next_end(a, outcome)) && in_time && !(err = usable(a)))
        in_time = pb_link_wait(&a->io, deadline);
    agent_set_fd(a, pb_now());
    pb_link_unlock(&a->io, false);
    leave(agent);
    return found ? PBAY_OK : err ? err : PBAY_TIMEOUT;
}

PBAY_API int pbay_fd(pbay_t agent)
{
    struct agent *a = enter(agent);
    int fd = a ? a->fd : -1;

    if (a)
        leave(agent);
    return fd;
}

PBAY_API bool pbay_is_connected(pbay_t agent)
{
    struct agent *a = enter(agent);
    bool linked;

    if (!a)
        return false;
    pb_link_lock(&a->io);
    linked = a->io.session.state == PB_LINKED && !a->io.session.wants_close;
    pb_link_unlock(&a->io, false);
    leave(agent);
    return linked;
}
