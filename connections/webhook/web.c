#include "connections/webhook/web_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "connections/http_server/http_text.h"

#define MAX_RUNS    16           /* of libmicrohttpd in one turn */
#define SWEEP_MS    100          /* between two looks at all connections */
#define POOL_OTHERS 8192         /* bytes that libmicrohttpd needs for a connection beside the head, twice */
#define SPARE_FDS   ((rlim_t)64) /* for the rest of the process */
#define MAX_PATH    1024         /* bytes of the path that is listened at */

int64_t web_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool web_is_path(const char *path)
{
    return strlen(path) <= MAX_PATH && http_is_target(pbay_str(path)) && !strchr(path, '?');
}

/* ---- connections ---- */

void web_set_due(struct web_request *r, int64_t due)
{
    r->due = due;
    if (due < r->web->sweep_at)
        r->web->sweep_at = due;
}

int64_t web_deadline(const struct web *w)
{
    return web_now() + (int64_t)w->opt.limits.request_timeout * 1000;
}

void web_cut(struct web_request *r)
{
    shutdown(r->fd, SHUT_RDWR);
    r->due = WEB_NEVER;
}

static void sweep(struct web *w)
{
    int64_t now = web_now();
    struct web_request *r;

    if (now < w->sweep_at)
        return;
    w->sweep_at = WEB_NEVER;
    DL_FOREACH (w->requests, r) {
        if (r->due <= now)
            web_cut(r);
        else if (r->due < w->sweep_at)
            w->sweep_at = r->due;
    }
    if (w->sweep_at < now + SWEEP_MS)
        w->sweep_at = now + SWEEP_MS;
}

/* false = its connections are not counted: it is this machine. */
static bool key_of(const struct sockaddr *address, uint64_t *key)
{
    const struct sockaddr_in6 *v6 = (const void *)address;
    uint32_t v4 = 0;

    *key = 0;
    if (!address)
        return false;
    if (address->sa_family == AF_INET)
        v4 = ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
    else if (address->sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
        return false;
    else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        v4 = ntohl(v6->sin6_addr.s6_addr32[3]);
    else
        memcpy(key, &v6->sin6_addr, sizeof *key);
    if (v4)
        *key = v4;
    return v4 >> 24 != IN_LOOPBACKNET;
}

static enum MHD_Result on_accept(void *web, const struct sockaddr *address, socklen_t n)
{
    const struct web *w = web;
    const struct web_request *r;
    unsigned same = 0;
    uint64_t key;

    (void)n;
    if (!key_of(address, &key))
        return MHD_YES;
    DL_FOREACH (w->requests, r)
        same += r->counted && r->address == key;
    return same < w->opt.limits.max_connections_per_address ? MHD_YES : MHD_NO;
}

static void started(struct web *w, struct MHD_Connection *mhd, void **context)
{
    struct web_request *r = pb_alloc(sizeof *r);

    r->web = w;
    r->mhd = mhd;
    r->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->counted = key_of(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, &r->address);
    DL_APPEND(w->requests, r);
    web_set_due(r, web_deadline(w));
    *context = r;
}

static void on_connection(void *web, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct web *w = web;
    struct web_request *r = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        started(w, mhd, context);
        return;
    }
    if (!r)
        return;
    assert(r->state != WEB_WAITS); /* libmicrohttpd leaves a suspended connection alone */
    w->n_answering -= r->state == WEB_ANSWERS;
    w->held -= r->held;
    DL_DELETE(w->requests, r);
    free(r->target);
    free(r->body);
    free(r);
    *context = NULL;
}

/* ---- life ---- */

/* Kept for a start that fails; what clients do wrong is not worth a line each. */
static void on_complaint(void *web, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void on_complaint(void *web, const char *format, va_list args)
{
    struct web *w = web;

    vsnprintf(w->complaint, sizeof w->complaint, format, args);
    w->complaint[strcspn(w->complaint, "\n")] = '\0';
}

/* As many connections as there are descriptors for. */
static unsigned connection_limit(const struct web *w)
{
    rlim_t wanted = w->opt.limits.max_connections;
    struct rlimit limit;
    char line[128];

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted + SPARE_FDS)
        return (unsigned)wanted;
    wanted = limit.rlim_cur > 2 * SPARE_FDS ? limit.rlim_cur - SPARE_FDS : SPARE_FDS;
    snprintf(line, sizeof line, "at most %u connections: the limit of open files is %u", (unsigned)wanted,
             (unsigned)limit.rlim_cur);
    w->opt.log(w->opt.process, line);
    return (unsigned)wanted;
}

static struct MHD_Daemon *start(struct web *w)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, on_accept, w,
                            web_on_request, w, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, w, MHD_OPTION_LISTEN_SOCKET,
                            w->listen_fd, MHD_OPTION_CONNECTION_LIMIT, connection_limit(w),
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            2 * ((size_t)w->opt.limits.max_header_bytes + POOL_OTHERS), MHD_OPTION_URI_LOG_CALLBACK,
                            web_on_target, w, MHD_OPTION_UNESCAPE_CALLBACK, web_keep_escapes, w,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, w, MHD_OPTION_END);
}

enum pbay_err web_start(struct web *w, const struct web_opt *opt, char why[WEB_WHY])
{
    char line[sizeof w->authority + MAX_PATH + 32];
    enum pbay_err err = PBAY_OK;

    assert(!w->daemon && (opt->path ? web_is_path(opt->path) : opt->methods_at != NULL));
    *w = (struct web){.opt = *opt, .sweep_at = WEB_NEVER};
    w->listen_fd = web_listen(w, &err, why);
    if (w->listen_fd < 0)
        return err;
    w->daemon = start(w);
    if (!w->daemon) {
        close(w->listen_fd);
        snprintf(why, WEB_WHY, "cannot start: %s", w->complaint[0] ? w->complaint : "no reason was given");
        return PBAY_IO;
    }
    snprintf(line, sizeof line, "listening on http://%s%s", w->authority, w->opt.path ? w->opt.path : "/");
    w->opt.log(w->opt.process, line);
    return PBAY_OK;
}

static void run(struct web *w)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;

    for (unsigned i = 0; i < MAX_RUNS && wait == 0; i++) {
        MHD_run(w->daemon);
        if (MHD_get_timeout(w->daemon, &wait) == MHD_NO)
            wait = 1;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t web_turn(struct web *w)
{
    MHD_UNSIGNED_LONG_LONG wait;

    run(w);
    sweep(w);
    if (MHD_get_timeout(w->daemon, &wait) == MHD_YES && wait < INT32_MAX)
        return earlier(w->sweep_at, web_now() + (int64_t)wait);
    return w->sweep_at;
}

int web_fd(const struct web *w)
{
    return w->daemon ? MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd : -1;
}

void web_quiesce(struct web *w)
{
    MHD_quiesce_daemon(w->daemon);
    close(w->listen_fd);
    w->listen_fd = -1;
}

void web_stop(struct web *w)
{
    if (!w->daemon)
        return;
    run(w); /* what was answered just now is written as far as it goes without waiting */
    MHD_stop_daemon(w->daemon);
    w->daemon = NULL;
    assert(!w->requests && w->held == 0);
}
