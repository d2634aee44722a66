#include "node/link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LONG_LINK   5000 /* ms after which a link counts as having been up */
#define MAX_SLEEP   60000
#define QUIET_TURNS 16 /* of the stand-in before it lets somebody who waits drive */
#define WATCH_MS    10 /* without a driver after which the stand-in drives; between two looks of it */

int64_t pb_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t pb_clock_now(struct pb_clock *c)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    if (c->now == 0 || t.tv_nsec != c->tick)
        c->now = pb_now();
    c->tick = t.tv_nsec;
    return c->now;
}

bool pb_random(void *p, size_t n)
{
    return getrandom(p, n, 0) == (ssize_t)n;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool drive_until_news(struct pb_link *l, int64_t deadline);

/* ---- the mutex, kicks, waiting ---- */

void pb_link_lock(struct pb_link *l)
{
    int err = pthread_mutex_lock(l->mutex);

    assert(err == 0);
    (void)err;
}

void pb_link_wake(struct pb_link *l)
{
    eventfd_write(l->wake_fd, 1);
}

void pb_link_kick(struct pb_link *l)
{
    if (!l->asleep)
        return;
    l->asleep = false;
    if (l->driving) {
        pb_link_wake(l);
    } else {
        l->called = true;
        pthread_cond_signal(&l->call);
    }
}

void pb_link_nudge(struct pb_link *l)
{
    if (l->driving)
        pb_link_kick(l);
}

/* Request and reply: nobody drives, and this is all there is to send. Then whoever has it sends it, which spares waking
 * the stand-in; as soon as there is more under way that is called, since it sends in batches. */
static bool may_send_itself(const struct pb_link *l)
{
    const struct pb_session *s = &l->session;

    return !l->driving && l->asleep && s->state == PB_LINKED && s->n_retained <= 1 && !s->ready &&
           s->next_deadline == INT64_MAX;
}

void pb_link_unlock(struct pb_link *l, bool kick)
{
    if (kick && !(may_send_itself(l) && pb_link_send_now(l)))
        pb_link_kick(l);
    pthread_mutex_unlock(l->mutex);
}

static bool wait_for_others(struct pb_link *l, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000, .tv_nsec = (deadline % 1000) * 1000000};
    int err;

    l->waiters++;
    err =
        deadline == INT64_MAX ? pthread_cond_wait(&l->news, l->mutex) : pthread_cond_timedwait(&l->news, l->mutex, &t);
    if (--l->waiters == 0 && l->sending_away)
        pthread_cond_broadcast(&l->news);
    return err != ETIMEDOUT;
}

bool pb_link_wait(struct pb_link *l, int64_t deadline)
{
    if (deadline == PB_LINK_NO_WAIT || (deadline != INT64_MAX && pb_now() >= deadline))
        return false; /* not even to give the mutex away: whoever asks without waiting asks often */
    if (!l->conf.driven && !l->driving)
        return drive_until_news(l, deadline);
    return wait_for_others(l, deadline);
}

static void wake_waiters(struct pb_link *l)
{
    if (l->waiters)
        pthread_cond_broadcast(&l->news);
}

void pb_link_tell(struct pb_link *l)
{
    l->news_no++;
    if (l->guest)
        pb_link_wake(l);
    wake_waiters(l);
}

void pb_link_send_away(struct pb_link *l)
{
    l->sending_away = true;
    pb_link_tell(l);
    while (l->waiters || l->guest)
        pthread_cond_wait(&l->news, l->mutex);
}

/* ---- a turn of the driver ---- */

static void drop_socket(struct pb_link *l, int64_t now)
{
    const bool long_link = now - l->opened_at > LONG_LINK;
    char text[PB_MAX_TEXT + 1] = "";
    bool refused = false, linked;

    if (!l->lost)
        pb_link_send_last_word(l);
    pb_link_close_socket(l);
    pb_link_lock(l);
    linked = l->session.state == PB_LINKED;
    if (l->session.wants_close) {
        enum pbay_err why = l->session.why;

        refused = !l->session.fatal && why != PBAY_OK && why != PBAY_GAP && why != PBAY_TIMEOUT && why != PBAY_SHUTDOWN;
        memcpy(text, l->session.text, sizeof text);
        if (!text[0])
            snprintf(text, sizeof text, "%s", pbay_err_text(why));
    }
    pb_session_down(&l->session);
    l->changed = true;
    pb_link_unlock(l, false);
    if (refused)
        pb_link_say_once(l, text);
    l->retry_at = now + pb_link_back_off(l, refused, linked || long_link);
}

/* Time, the application's share of the turn, and waking those who wait. */
static int64_t think(struct pb_link *l, bool *ends, bool *fatal)
{
    int64_t now = pb_now(), due;

    pb_link_lock(l);
    due = pb_session_tick(&l->session, now);
    l->changed |= l->session.outcomes.n > 0;
    due = earlier(due, l->conf.turn(l->conf.self, now));
    if (l->changed) {
        l->news_no++;
        wake_waiters(l);
    }
    l->changed = false;
    *ends = l->session.wants_close;
    *fatal = l->session.fatal;
    pb_link_unlock(l, false);
    return due;
}

static int64_t turn(struct pb_link *l)
{
    bool more, ends, fatal;
    int64_t due, now;

    if (l->monitor_signals)
        pb_link_read_monitor(l);
    more = pb_link_receive(l);
    due = think(l, &ends, &fatal);
    now = pb_now();
    if (l->socket && (l->lost || ends)) {
        drop_socket(l, now);
        due = now; /* the application hears of it in a turn of its own */
    } else if (!l->socket && !fatal && now >= l->retry_at) {
        pb_link_open_socket(l, now);
        due = now;
    }
    if (!l->socket && !fatal)
        due = earlier(due, l->retry_at);
    due = pb_link_send(l, due);
    return more || (l->unsure && pb_link_has_news(l)) ? 0 : due;
}

static int64_t time_left(int64_t due)
{
    int64_t left = due == INT64_MAX ? MAX_SLEEP : due - pb_now();

    return left < 0 ? 0 : left > MAX_SLEEP ? MAX_SLEEP : left;
}

/* The turn before it has left nothing in the socket: socket_fd signals what comes next. true = fd is readable. */
static bool sleep_until(struct pb_link *l, int64_t due, int fd)
{
    struct pollfd fds[] = {{.fd = l->wake_fd, .events = POLLIN},
                           {.fd = fd, .events = POLLIN},
                           {.fd = l->socket ? l->socket_fd : -1, .events = POLLIN},
                           {.fd = l->socket ? l->monitor_fd : -1, .events = POLLIN}};
    eventfd_t count;

    if (poll(fds, sizeof fds / sizeof *fds, (int)time_left(due)) < 0)
        return false; /* a signal */
    l->woken = fds[0].revents != 0;
    if (l->woken)
        eventfd_read(l->wake_fd, &count);
    l->monitor_signals |= fds[3].revents != 0;
    return fds[1].revents;
}

/* ---- who drives ---- */

/* The mutex is held, in all of these. A stand-in that sleeps is woken to watch, and then looks by itself for as long as
 * somebody comes and goes. */
static void leave_wheel(struct pb_link *l)
{
    l->driving = false;
    l->asleep = !l->conf.driven; /* a caller that is away will be back before it sleeps */
    l->away_since = pb_now();
    l->called |= !l->conf.driven && (l->session.turns || l->session.ctl.n); /* put while we were about to leave */
    if (!l->watched || l->called)
        pthread_cond_signal(&l->call);
    l->watched = true;
    wake_waiters(l); /* one of them may drive now */
}

static void take_wheel(struct pb_link *l)
{
    l->driving = true;
    l->away_since = 0;
    l->asleep = false;
}

/* One turn and one sleep, unless the turn brings what makes news_no another; true = fd is readable. */
static bool drive(struct pb_link *l, int64_t due, int fd, const uint64_t *news_no)
{
    bool readable;

    pthread_mutex_unlock(l->mutex);
    l->woken = false;
    due = earlier(due, turn(l));
    readable = !(news_no && l->news_no != *news_no) && sleep_until(l, due, fd);
    pb_link_lock(l);
    l->asleep = false;
    return readable;
}

static bool drive_until_news(struct pb_link *l, int64_t deadline)
{
    uint64_t before = l->news_no;
    bool in_time = true;

    take_wheel(l);
    l->guest = true;
    while (l->news_no == before && in_time) {
        drive(l, deadline, -1, &before);
        in_time = deadline == INT64_MAX || pb_now() < deadline;
    }
    l->guest = false;
    leave_wheel(l);
    if (l->sending_away)
        pthread_cond_broadcast(&l->news);
    return in_time;
}

bool pb_link_drive(struct pb_link *l, int64_t due, int fd)
{
    uint64_t before;
    bool readable;

    pb_link_lock(l);
    while (l->driving) { /* the stand-in gives it back at once */
        l->relieved = true;
        pb_link_wake(l);
        wait_for_others(l, INT64_MAX);
    }
    l->relieved = false;
    if (l->missed) /* somebody called, and the stand-in has taken the signal */
        due = pb_now();
    l->missed = false;
    take_wheel(l);
    before = l->news_no;
    do
        readable = drive(l, due, fd, &before);
    while (!readable && !l->woken && l->news_no == before && pb_now() < due); /* heartbeats are nobody's business */
    leave_wheel(l);
    pb_link_unlock(l, false);
    return readable;
}

/* ---- the stand-in ---- */

/* Is somebody waiting who would rather drive? Not while there is much to do: then two threads do more than one. */
static bool is_quiet(const struct pb_link *l)
{
    return l->waiters && !l->conf.driven && l->session.n_retained <= 1 && !l->session.ready;
}

static void stand_in(struct pb_link *l)
{
    int quiet = 0;

    if (l->driving)
        return;
    take_wheel(l);
    while (!l->relieved && !l->stopping && quiet < QUIET_TURNS) {
        drive(l, INT64_MAX, -1, NULL);
        l->missed |= l->woken;
        quiet = is_quiet(l) ? quiet + 1 : 0;
    }
    leave_wheel(l);
}

static void watch(struct pb_link *l)
{
    int64_t until = pb_now() + WATCH_MS;
    struct timespec t = {.tv_sec = until / 1000, .tv_nsec = (until % 1000) * 1000000};

    if (!l->watched) {
        pthread_cond_wait(&l->call, l->mutex);
        return;
    }
    l->watched = l->away_since != 0;
    pthread_cond_timedwait(&l->call, l->mutex, &t);
}

static void *run(void *arg)
{
    struct pb_link *l = arg;

    pb_link_lock(l);
    while (!l->stopping) {
        if (l->called || (l->away_since && pb_now() - l->away_since >= WATCH_MS)) {
            l->called = false;
            stand_in(l);
        } else {
            watch(l);
        }
    }
    pb_link_unlock(l, false);
    return NULL;
}

/* ---- opening and closing ---- */

static bool good_endpoint(const char *e)
{
    const char *rest = e ? strstr(e, "://") : NULL;

    if (!rest || rest[3] == 0)
        return false;
    if (strncmp(e, "ipc://", 6) == 0)
        return strlen(rest + 3) < sizeof((struct sockaddr_un *)0)->sun_path;
    return strncmp(e, "tcp://", 6) == 0 && strchr(rest + 3, ':') && strlen(e) < 512;
}

/* It is held for well under a microsecond, by threads that come often: looking again is cheaper than
 * sleeping. */
static bool open_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    bool ok;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
    ok = pthread_mutex_init(mutex, &attr) == 0;
    pthread_mutexattr_destroy(&attr);
    return ok;
}

static bool open_sync(struct pb_link *l)
{
    pthread_condattr_t attr;

    l->mutex = l->conf.mutex ? l->conf.mutex : &l->own_mutex;
    if (!open_mutex(&l->own_mutex))
        return false;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    l->has_sync = pthread_cond_init(&l->news, &attr) == 0 && pthread_cond_init(&l->call, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return l->has_sync;
}

/* Signals are the application's: the thread, and with it libzmq's, takes none. */
static bool start_thread(struct pb_link *l)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    l->has_thread = pthread_create(&l->thread, NULL, run, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return l->has_thread;
}

enum pbay_err pb_link_open(struct pb_link *l, const struct pb_link_conf *conf)
{
    enum pbay_err err;

    memset(l, 0, sizeof *l);
    l->conf = *conf;
    l->wake_fd = -1;
    assert(conf->turn);
    if (!good_endpoint(conf->endpoint))
        return PBAY_INVALID;
    err = pb_link_load_keys(l);
    if (err)
        return err;
    if (!pb_random(l->conf.session.incarnation, PBAY_ID_SIZE) || !open_sync(l))
        return PBAY_IO;
    pb_session_init(&l->session, &l->conf.session);
    atomic_init(&l->trace, getenv("PATCHBAY_TRACE") != NULL);
    l->called = true; /* to attach, until somebody else drives */
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->context = zmq_ctx_new();
    if (l->wake_fd < 0 || !l->context || !start_thread(l))
        return PBAY_IO;
    return PBAY_OK;
}

void pb_link_close(struct pb_link *l, bool bye)
{
    if (l->has_thread) {
        pb_link_lock(l);
        l->stopping = true;
        pthread_cond_signal(&l->call);
        pb_link_unlock(l, false);
        pb_link_wake(l);
        pthread_join(l->thread, NULL);
        if (bye)
            pb_link_say_bye(l);
        pb_link_close_socket(l);
    }
    if (l->context)
        while (zmq_ctx_term(l->context) && errno == EINTR)
            ;
    if (l->has_sync) {
        pb_session_fini(&l->session);
        pthread_cond_destroy(&l->news);
        pthread_cond_destroy(&l->call);
        pthread_mutex_destroy(&l->own_mutex);
    }
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pb_buf_fini(&l->packed);
    l->has_thread = l->has_sync = false;
    l->context = NULL;
    l->wake_fd = -1;
    pb_key_wipe(&l->keys);
}
