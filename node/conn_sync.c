/* Packages with blocking slots, as one more set of asynchronous ops: `send` hands an envelope to an idle worker and
 * answers PENDING, or AGAIN when all are busy, so that nothing is started that is not being worked on. What workers and
 * main put goes straight into the session. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/conn_int.h"
#include "schema/visibility.h"

struct thread {
    struct sync *sync;
    pthread_t id;
    struct conn_call call;
    char why[CONN_WHY];

    /* a worker's envelope, NULL = idle; under io.mutex */
    const struct pbay_envelope *e;
    uint64_t tag;
};

struct sync {
    struct pbay_link *link;
    const struct pbay_sync_ops *ops;
    void *self;
    pthread_key_t why_key; /* the thread's own reason */
    bool has_key;
    size_t n_workers; /* that were started */
    bool has_main;
    struct thread main_thread, workers[PBAY_MAX_WORKERS];

    /* under io.mutex */
    bool stopping; /* threads are to return */
    bool draining; /* main is to return */
    bool busy;     /* an envelope was sent back: a worker that becomes idle wakes the ops thread */
    bool failing;  /* the state shows the last on_send's reason */
    bool main_runs;
    enum pbay_err main_err; /* it has died: to be told by `receive` */
    _Alignas(max_align_t) char state[];
};

char *conn_sync_why(const struct pbay_link *link)
{
    const struct sync *s = link->self;

    return link->sync && s->has_key ? pthread_getspecific(s->why_key) : NULL;
}

/* ---- workers ---- */

static void show_failure(struct thread *t, enum pbay_err err)
{
    struct sync *s = t->sync;
    bool change;

    pb_link_lock(&s->link->io);
    change = err || s->failing;
    s->failing = err != PBAY_OK;
    pb_link_unlock(&s->link->io, false);
    if (change)
        conn_report(s->link, PB_ST_CONNECTED, err ? PBAY_FAILED : PBAY_OK, t->why, 0);
}

static void run_on_send(struct thread *t)
{
    struct sync *s = t->sync;
    enum pbay_err err;

    t->why[0] = 0;
    conn_call_begin(&t->call, "on_send", pb_now());
    err = s->ops->on_send(s->self, t->e);
    conn_call_end(s->link, &t->call);
    if (err && !t->why[0])
        snprintf(t->why, sizeof t->why, "on_send: %s", pbay_err_text(err));
    show_failure(t, err);
    conn_settle(s->link, t->tag, !err || err == PBAY_MALFORMED ? err : PBAY_FAILED, t->why);
}

/* The mutex is held, but not while a slot runs. */
static void work_on(struct thread *t)
{
    struct sync *s = t->sync;
    struct pbay_link *link = s->link;

    pb_link_unlock(&link->io, false);
    run_on_send(t);
    pb_link_lock(&link->io);
    t->e = NULL;
    if (s->busy)
        pbay_link_wake(link);
    s->busy = false;
}

static void *run_worker(void *arg)
{
    struct thread *t = arg;
    struct sync *s = t->sync;

    pthread_setspecific(s->why_key, t->why);
    pb_link_lock(&s->link->io);
    while (t->e || !s->stopping) {
        if (t->e)
            work_on(t);
        else
            pb_link_wait(&s->link->io, INT64_MAX);
    }
    pb_link_unlock(&s->link->io, false);
    return NULL;
}

/* ---- main ---- */

static void *run_main(void *arg)
{
    struct thread *t = arg;
    struct sync *s = t->sync;
    enum pbay_err err;

    pthread_setspecific(s->why_key, t->why);
    err = s->ops->main(s->self);
    pb_link_lock(&s->link->io);
    s->main_runs = false;
    s->main_err = s->stopping ? PBAY_OK : err;
    pb_link_unlock(&s->link->io, false);
    pbay_link_wake(s->link);
    return NULL;
}

/* ---- the ops ---- */

/* Signals come to the ops thread only. */
static bool start_thread(struct thread *t, void *(*run)(void *))
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&t->id, NULL, run, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static enum pbay_err start_workers(struct sync *s, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct thread *t = &s->workers[i];

        *t = (struct thread){.sync = s};
        if (!start_thread(t, run_worker))
            return pbay_link_fail(s->link, PBAY_IO, "worker %zu cannot be started", s->n_workers + 1);
        s->n_workers++;
        pb_link_lock(&s->link->io);
        t->call.next = s->link->calls;
        s->link->calls = &t->call;
        pb_link_unlock(&s->link->io, false);
    }
    return PBAY_OK;
}

static enum pbay_err start_main(struct sync *s)
{
    if (!s->ops->main)
        return PBAY_OK;
    s->main_thread = (struct thread){.sync = s};
    s->main_runs = true;
    s->has_main = start_thread(&s->main_thread, run_main);
    if (s->has_main)
        return PBAY_OK;
    s->main_runs = false;
    return pbay_link_fail(s->link, PBAY_IO, "main cannot be started");
}

static void stop_threads(struct sync *s)
{
    struct pbay_link *link = s->link;

    pb_link_lock(&link->io);
    s->stopping = true;
    pb_link_tell(&link->io);
    pb_link_unlock(&link->io, false);
    if (s->has_main)
        pthread_join(s->main_thread.id, NULL);
    for (size_t i = 0; i < s->n_workers; i++)
        pthread_join(s->workers[i].id, NULL);
    pb_link_lock(&link->io);
    link->calls = &link->call;
    pb_link_unlock(&link->io, false);
    s->has_main = false;
    s->n_workers = 0;
}

static void sync_disconnect(void *self)
{
    struct sync *s = self;

    if (!s->link)
        return; /* never connected */
    stop_threads(s);
    if (s->ops->on_disconnect)
        s->ops->on_disconnect(s->self);
    if (s->has_key)
        pthread_key_delete(s->why_key);
    s->has_key = false;
}

static enum pbay_err start_threads(struct sync *s)
{
    int64_t count = pbay_link_config_int(s->link, "max_thread_workers", PBAY_DEFAULT_WORKERS);
    enum pbay_err err = PBAY_OK;

    if (count < 1 || count > PBAY_MAX_WORKERS)
        return pbay_link_fail(s->link, PBAY_CONFIG, "config.max_thread_workers: expected 1 to %d, found %lld",
                              PBAY_MAX_WORKERS, (long long)count);
    s->has_key = pthread_key_create(&s->why_key, NULL) == 0;
    if (!s->has_key)
        return pbay_link_fail(s->link, PBAY_IO, "no thread-specific data");
    if (s->ops->on_send)
        err = start_workers(s, count);
    return err ? err : start_main(s);
}

static enum pbay_err sync_connect(void *self, struct pbay_link *link)
{
    struct sync *s = self;
    enum pbay_err err = PBAY_OK;

    s->link = link;
    s->ops = link->sync;
    s->self = s->state;
    s->stopping = s->busy = s->failing = false;
    s->main_err = PBAY_OK;
    if (s->ops->on_connect)
        err = s->ops->on_connect(s->self, link);
    if (err)
        return err;
    return start_threads(s);
}

static struct thread *idle_worker(struct sync *s)
{
    for (size_t i = 0; i < s->n_workers; i++) {
        if (!s->workers[i].e)
            return &s->workers[i];
    }
    return NULL;
}

static enum pbay_err sync_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct sync *s = self;
    struct thread *t;

    pb_link_lock(&s->link->io);
    t = idle_worker(s);
    if (t) {
        t->e = e;
        t->tag = tag;
        pb_link_tell(&s->link->io);
    }
    s->busy = !t;
    pb_link_unlock(&s->link->io, false);
    return t ? PBAY_PENDING : PBAY_AGAIN;
}

/* Envelopes do not come this way; what comes is that main has died. */
static enum pbay_err sync_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct sync *s = self;
    enum pbay_err err;

    (void)e, (void)tag;
    pb_link_lock(&s->link->io);
    err = s->main_err;
    s->main_err = PBAY_OK;
    pb_link_unlock(&s->link->io, false);
    if (!err)
        return PBAY_AGAIN;
    snprintf(s->link->why, sizeof s->link->why, "main: %.240s",
             s->main_thread.why[0] ? s->main_thread.why : pbay_err_text(err));
    return err;
}

static void sync_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct sync *s = self;

    s->ops->on_outcome(s->self, tag, err);
}

static bool sync_drain(void *self)
{
    struct sync *s = self;
    bool runs;

    pb_link_lock(&s->link->io);
    s->draining = true;
    runs = s->main_runs;
    pb_link_tell(&s->link->io);
    pb_link_unlock(&s->link->io, false);
    return !runs;
}

/* ---- what a package calls ---- */

static bool is_over(const struct pbay_link *link)
{
    const struct sync *s = link->self;

    return s->stopping || s->draining;
}

PBAY_API enum pbay_err pbay_put_envelope(struct pbay_link *link, const struct pbay_envelope *e, uint64_t tag,
                                         int timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? INT64_MAX : pb_now() + timeout_ms;
    bool in_time = timeout_ms != 0;
    enum pbay_err err;

    assert(link->sync);
    pb_link_lock(&link->io);
    for (;;) {
        err = is_over(link) ? PBAY_CLOSED : conn_put(link, e, tag);
        if (err != PBAY_AGAIN || !in_time)
            break;
        in_time = pb_link_wait(&link->io, deadline);
    }
    pb_link_unlock(&link->io, err == PBAY_OK);
    return err;
}

PBAY_API bool pbay_link_wait(struct pbay_link *link, int ms)
{
    int64_t deadline = pb_now() + ms;
    bool over;

    assert(link->sync);
    pb_link_lock(&link->io);
    while (!is_over(link) && pb_link_wait(&link->io, deadline))
        ;
    over = is_over(link);
    pb_link_unlock(&link->io, false);
    return !over;
}

PBAY_API int pbay_sync_main(int argc, char **argv, const struct pbay_sync_ops *ops)
{
    const struct pbay_conn_ops async = {.class_name = ops->class_name,
                                        .state_size = sizeof(struct sync) + ops->state_size,
                                        .connect = sync_connect,
                                        .disconnect = sync_disconnect,
                                        .send = ops->on_send ? sync_send : NULL,
                                        .receive = sync_receive,
                                        .outcome = ops->on_outcome ? sync_outcome : NULL,
                                        .drain = sync_drain};

    return conn_main(argc, argv, &async, ops);
}
