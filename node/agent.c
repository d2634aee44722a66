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

/* A place for an agent. Its mutex is the one of the agent's link, so that finding out whether a handle is good and
 * working with it are one step; it outlives the agent, as a handle may. */
struct place {
    pthread_mutex_t mutex;
    uint32_t id; /* the handle that is good now; 0 = none */
    uint32_t generation;
    struct agent *agent; /* also while it is being closed */
};

#define PLACE                                          \
    {                                                  \
        .mutex = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP \
    }
#define PLACES_4  PLACE, PLACE, PLACE, PLACE
#define PLACES_16 PLACES_4, PLACES_4, PLACES_4, PLACES_4

/* Handles are numbers, so that one used after close is an error and no crash: their meaning is the one thing that the
 * library keeps for the whole process. A handle is generation * 64 + index; generations begin at 1, so 0 is never
 * valid. */
static struct place places[MAX_AGENTS] = {PLACES_16, PLACES_16, PLACES_16, PLACES_16};

static struct place *place_of(pbay_t handle)
{
    return &places[handle.id & (MAX_AGENTS - 1)];
}

/* The agent, its mutex held, until pb_link_unlock; NULL = the handle is not good. */
static struct agent *enter(pbay_t handle)
{
    struct place *p = place_of(handle);

    pthread_mutex_lock(&p->mutex);
    if (handle.id && p->id == handle.id)
        return p->agent;
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* A free place for a, which is not open yet; NULL = there is none. */
static struct place *take_place(struct agent *a)
{
    for (struct place *p = places; p < places + MAX_AGENTS; p++) {
        bool is_free;

        pthread_mutex_lock(&p->mutex);
        is_free = !p->agent;
        if (is_free)
            p->agent = a;
        pthread_mutex_unlock(&p->mutex);
        if (is_free)
            return p;
    }
    return NULL;
}

static void leave_place(struct place *p)
{
    pthread_mutex_lock(&p->mutex);
    p->agent = NULL;
    pthread_mutex_unlock(&p->mutex);
}

static void give_handle(struct place *p, pbay_t *handle)
{
    pthread_mutex_lock(&p->mutex);
    p->generation = p->generation % (UINT32_MAX >> INDEX_BITS) + 1;
    handle->id = p->id = p->generation << INDEX_BITS | (uint32_t)(p - places);
    pthread_mutex_unlock(&p->mutex);
}

/* ---- open ---- */

static int64_t on_turn(void *self, int64_t now)
{
    struct agent *a = self;

    (void)now;
    agent_take_ends(a);
    agent_set_fd(a);
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
    struct place *place = take_place(a);
    struct pb_link_conf conf;
    enum pbay_err err;

    agent->id = 0;
    a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    err = !place ? PBAY_LIMIT : a->fd < 0 ? PBAY_IO : read_options(a, options ? options : &defaults, &conf);
    if (err)
        goto out;
    conf.mutex = &place->mutex;
    err = pb_link_open(&a->io, &conf);
    check(err != PBAY_INVALID, "the endpoint is not ipc://PATH or tcp://HOST:PORT");
    if (err == PBAY_CONFIG)
        err = PBAY_INVALID;
    if (err)
        pb_link_close(&a->io, false);
    else
        give_handle(place, agent);
out:
    if (err && place)
        leave_place(place);
    if (err)
        free_agent(a);
    return err;
}

/* ---- close ---- */

/* Whoever does not want to wait has no use for the clock. */
static int64_t deadline_of(int timeout_ms)
{
    if (timeout_ms == 0)
        return PB_LINK_NO_WAIT;
    return timeout_ms < 0 ? INT64_MAX : pb_now() + timeout_ms;
}

/* Nothing new comes in or goes out; those who wait are sent away; what was put may still end. The mutex is held. */
static size_t drain(struct agent *a, int64_t deadline)
{
    struct pb_session *s = &a->io.session;

    a->closed = true;
    pb_session_drain(s);
    pb_link_tell(&a->io);
    pb_link_kick(&a->io);
    while (s->n_retained && !s->fatal && pb_link_wait(&a->io, deadline))
        ;
    return s->n_retained;
}

PBAY_API enum pbay_err pbay_close(pbay_t agent, int timeout_ms, size_t *left)
{
    int64_t deadline = deadline_of(timeout_ms);
    struct agent *a = enter(agent);
    size_t n;

    if (!a)
        return PBAY_CLOSED;
    place_of(agent)->id = 0;
    n = drain(a, deadline);
    pb_link_send_away(&a->io);
    pb_link_unlock(&a->io, false);
    pb_link_close(&a->io, true);
    agent_in_fini(a);
    leave_place(place_of(agent));
    free_agent(a);
    if (left)
        *left = n;
    return n ? PBAY_TIMEOUT : PBAY_OK;
}

/* ---- put ---- */

/* Closed or fenced, or PBAY_OK. */
static enum pbay_err usable(const struct agent *a)
{
    if (a->closed)
        return PBAY_CLOSED;
    return a->io.session.fatal ? PBAY_FENCED : PBAY_OK;
}

/* The mutex is held, here and below. */
static enum pbay_err put(struct agent *a, const struct pbay_envelope *e, int64_t deadline, uint64_t *tag)
{
    bool in_time = true;
    enum pbay_err err;

    for (;;) {
        err = usable(a);
        if (!err)
            err = pb_session_put(&a->io.session, e->ttl_ms ? pb_now() : 0, e, tag);
        if (err != PBAY_AGAIN || !in_time)
            break;
        in_time = pb_link_wait(&a->io, deadline);
    }
    if (err == PBAY_OK)
        agent_note_sent(a, e, *tag);
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
    pb_link_unlock(&a->io, err == PBAY_OK);
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

/* Wait until there is an envelope. */
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

    if (a->auto_lease && !a->closed && agent_lease_finish(a, a->auto_lease, PBAY_OK, ""))
        pb_link_nudge(&a->io);
    err = next_lease(a, deadline, &l);
    if (l) {
        *envelope = *agent_lease_envelope(l);
        if (lease)
            *lease = l->id;
        else
            a->auto_lease = l->id;
    }
    agent_set_fd(a);
    return err;
}

PBAY_API enum pbay_err pbay_get(pbay_t agent, struct pbay_envelope *envelope, uint64_t *lease, int timeout_ms)
{
    struct agent *a = enter(agent);
    enum pbay_err err;

    if (!a)
        return PBAY_CLOSED;
    err = get(a, envelope, lease, deadline_of(timeout_ms));
    pb_link_unlock(&a->io, a->io.session.ctl.n > 0); /* the ends of what had waited for too long */
    return err;
}

enum pbay_err agent_finish(pbay_t agent, uint64_t lease, enum pbay_err err, const char *text)
{
    struct agent *a = enter(agent);
    bool found;

    if (!a)
        return PBAY_CLOSED;
    found = agent_lease_finish(a, lease, err, text);
    if (found)
        pb_link_nudge(&a->io);
    pb_link_unlock(&a->io, false);
    return found ? PBAY_OK : PBAY_INVALID;
}

enum pbay_err agent_ack_later(pbay_t agent, uint64_t lease)
{
    struct agent *a = enter(agent);

    if (!a)
        return PBAY_CLOSED;
    a->auto_lease = lease;
    pb_link_unlock(&a->io, false);
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_ack(pbay_t agent, uint64_t lease)
{
    return agent_finish(agent, lease, PBAY_OK, "");
}

PBAY_API enum pbay_err pbay_nack(pbay_t agent, uint64_t lease, const char *text)
{
    return agent_finish(agent, lease, PBAY_FAILED, text ? text : "");
}

/* ---- ends, descriptor, state ---- */

/* As many as there are and fit, at least one unless the deadline passes. */
static enum pbay_err get_outcomes(struct agent *a, struct pbay_outcome *outcomes, size_t room, size_t *n,
                                  int64_t deadline)
{
    bool in_time = true;
    enum pbay_err err = PBAY_OK;

    *n = 0;
    while (!a->io.session.outcomes.n && in_time && !(err = usable(a)))
        in_time = pb_link_wait(&a->io, deadline);
    agent_take_ends(a); /* those that have just come: their error envelopes */
    while (*n < room && agent_next_end(a, &outcomes[*n]))
        ++*n;
    agent_set_fd(a);
    return *n ? PBAY_OK : err ? err : PBAY_TIMEOUT;
}

PBAY_API enum pbay_err pbay_get_outcomes(pbay_t agent, struct pbay_outcome *outcomes, size_t room, size_t *n,
                                         int timeout_ms)
{
    struct agent *a = room ? enter(agent) : NULL;
    enum pbay_err err;

    if (!a)
        return room ? PBAY_CLOSED : PBAY_INVALID;
    err = get_outcomes(a, outcomes, room, n, deadline_of(timeout_ms));
    pb_link_unlock(&a->io, false);
    return err;
}

PBAY_API enum pbay_err pbay_get_outcome(pbay_t agent, struct pbay_outcome *outcome, int timeout_ms)
{
    size_t n;

    return pbay_get_outcomes(agent, outcome, 1, &n, timeout_ms);
}

PBAY_API int pbay_fd(pbay_t agent)
{
    struct agent *a = enter(agent);
    int fd;

    if (!a)
        return -1;
    fd = a->fd;
    pb_link_unlock(&a->io, false);
    return fd;
}

PBAY_API bool pbay_is_connected(pbay_t agent)
{
    struct agent *a = enter(agent);
    bool linked;

    if (!a)
        return false;
    linked = a->io.session.state == PB_LINKED && !a->io.session.wants_close;
    pb_link_unlock(&a->io, false);
    return linked;
}
