#include "node/link.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LONG_LINK 5000 /* ms after which a link counts as having been up */
#define MAX_SLEEP 60000

int64_t pb_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool pb_random(void *p, size_t n)
{
    return getrandom(p, n, 0) == (ssize_t)n;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- for other threads ---- */

void pb_link_lock(struct pb_link *l)
{
    int err = pthread_mutex_lock(&l->mutex);

    assert(err == 0);
    (void)err;
}

void pb_link_kick(struct pb_link *l)
{
    if (l->asleep)
        eventfd_write(l->wake_fd, 1);
    l->asleep = false;
}

void pb_link_unlock(struct pb_link *l, bool kick)
{
    if (kick)
        pb_link_kick(l);
    pthread_mutex_unlock(&l->mutex);
}

bool pb_link_wait(struct pb_link *l, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000, .tv_nsec = (deadline % 1000) * 1000000};
    int err;

    if (deadline != INT64_MAX && pb_now() >= deadline)
        return false; /* not even to give the mutex away: whoever asks without waiting asks often */
    l->waiters++;
    err = deadline == INT64_MAX ? pthread_cond_wait(&l->news, &l->mutex)
                                : pthread_cond_timedwait(&l->news, &l->mutex, &t);
    l->waiters--;
    return err != ETIMEDOUT;
}

void pb_link_tell(struct pb_link *l)
{
    if (l->waiters)
        pthread_cond_broadcast(&l->news);
}

/* ---- the thread ---- */

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
    l->changed |= l->session.outcomes != NULL;
    due = earlier(due, l->conf.turn(l->conf.self, now));
    if (l->changed)
        pb_link_tell(l);
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
    return more ? 0 : due;
}

static void sleep_until(struct pb_link *l, int64_t due)
{
    zmq_pollitem_t items[3] = {{.fd = l->wake_fd, .events = ZMQ_POLLIN},
                               {.socket = l->socket, .events = ZMQ_POLLIN},
                               {.socket = l->monitor, .events = ZMQ_POLLIN}};
    int64_t left = due - pb_now();
    eventfd_t count;

    if (l->has_unsent)
        items[1].events |= ZMQ_POLLOUT;
    if (left < 0)
        left = 0;
    zmq_poll(items, l->socket ? 3 : 1, left > MAX_SLEEP ? MAX_SLEEP : (long)left);
    if (items[0].revents & ZMQ_POLLIN)
        eventfd_read(l->wake_fd, &count);
}

static void *run(void *arg)
{
    struct pb_link *l = arg;
    bool stopping = false, bye = false;

    while (!stopping) {
        sleep_until(l, turn(l));
        pb_link_lock(l);
        l->asleep = false;
        stopping = l->stopping;
        bye = l->bye;
        pb_link_unlock(l, false);
    }
    if (bye)
        pb_link_say_bye(l);
    pb_link_close_socket(l);
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

static bool open_sync(struct pb_link *l)
{
    pthread_condattr_t attr;

    if (pthread_mutex_init(&l->mutex, NULL))
        return false;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    l->has_sync = pthread_cond_init(&l->news, &attr) == 0;
    pthread_condattr_destroy(&attr);
    if (!l->has_sync)
        pthread_mutex_destroy(&l->mutex);
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
    memset(l, 0, sizeof *l);
    l->conf = *conf;
    l->wake_fd = -1;
    assert(conf->turn);
    if (!good_endpoint(conf->endpoint))
        return PBAY_INVALID;
    if (!pb_random(l->conf.session.incarnation, PBAY_ID_SIZE) || !open_sync(l))
        return PBAY_IO;
    pb_session_init(&l->session, &l->conf.session);
    atomic_init(&l->trace, getenv("PATCHBAY_TRACE") != NULL);
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
        l->bye = bye;
        eventfd_write(l->wake_fd, 1);
        pb_link_unlock(l, false);
        pthread_join(l->thread, NULL);
    }
    if (l->context)
        while (zmq_ctx_term(l->context) && errno == EINTR)
            ;
    if (l->has_sync) {
        pb_session_fini(&l->session);
        pthread_cond_destroy(&l->news);
        pthread_mutex_destroy(&l->mutex);
    }
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pb_buf_fini(&l->packed);
    l->has_thread = l->has_sync = false;
    l->context = NULL;
    l->wake_fd = -1;
}
