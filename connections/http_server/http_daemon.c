#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "connections/http_server/http_int.h"

#define MAX_RUNS     16           /* of libmicrohttpd in one turn */
#define STUCK_MS     20           /* until libmicrohttpd may try again what it can do nothing for */
#define SPARE_FDS    ((rlim_t)64) /* for the rest of the process */
#define POOL_ENTRY   ((size_t)64) /* bytes that libmicrohttpd needs for a header, a cookie, a parameter of a query */
#define POOL_SPARE   128          /* of these for cookies and parameters, which it takes apart unasked */
#define POOL_OTHERS  2048
#define TLS_VERSIONS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* ---- requests ---- */

static void *on_target(void *server, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *s = server;
    struct http_conn *conn = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    int64_t left = (int64_t)s->config.header_timeout * 1000;

    s->moved = true;
    if (conn->due - s->now > left) /* it was idle before */
        http_conn_enter(s, conn, HTTP_READS_HEAD, left);
    return http_request_new(s, conn, target);
}

/* The target is looked at as it came; nobody needs it decoded. */
static size_t keep_escapes(void *server, struct MHD_Connection *mhd, char *text)
{
    (void)server;
    (void)mhd;
    return strlen(text);
}

/* Is the refusal of this body to be sent before it has come? */
static bool is_refused_at_once(struct http_request *r)
{
    const char *expect = MHD_lookup_connection_value(r->conn->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);

    return r->fault.close || (r->has_body && (expect || r->length > HTTP_MAX_DISCARD));
}

static enum MHD_Result begin(struct http_server *s, struct http_request *r, const char *method, const char *target,
                             const char *version)
{
    r->state = HTTP_READING;
    http_request_keep_line(s, r, method, version);
    if (!(http_head_read(s, r, method, target, version) && http_api_head(s, r) && http_request_admit(s, r)) &&
        is_refused_at_once(r))
        return http_reply_fault(s, r) ? MHD_YES : MHD_NO;
    if (r->has_body)
        http_conn_enter(s, r->conn, HTTP_READS_BODY, HTTP_GRACE_MS);
    return MHD_YES;
}

static void take(struct http_server *s, struct http_request *r, const char *data, size_t n)
{
    s->moved = true;
    http_conn_progress(s, r->conn, n);
    http_request_add(s, r, data, n);
    if (r->discarded > HTTP_MAX_DISCARD)
        http_conn_cut(s, r->conn, r->fault.status);
}

/* The request is complete. Between its head and its end others may have come. */
static enum MHD_Result finish(struct http_server *s, struct http_request *r)
{
    if (r->fault.status || !http_request_admit(s, r) || !http_api_body(r))
        return http_reply_fault(s, r) ? MHD_YES : MHD_NO;
    http_conn_enter(s, r->conn, HTTP_WAITS, HTTP_NEVER);
    http_request_enqueue(s, r);
    MHD_suspend_connection(r->conn->mhd);
    return MHD_YES;
}

static enum MHD_Result on_request(void *server, struct MHD_Connection *mhd, const char *target, const char *method,
                                  const char *version, const char *data, size_t *n, void **context)
{
    struct http_server *s = server;
    struct http_request *r = *context;

    (void)mhd;
    assert(r); /* from on_target */
    if (r->state == HTTP_ANSWERED)
        return MHD_NO; /* the answer could not be queued */
    if (r->state == HTTP_NEW)
        return begin(s, r, method, target, version);
    if (*n == 0)
        return finish(s, r);
    take(s, r, data, *n);
    *n = 0;
    return MHD_YES;
}

static void on_completed(void *server, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
    struct http_server *s = server;
    struct http_request *r = *context;
    int64_t left = ((int64_t)s->config.idle_timeout + s->config.header_timeout) * 1000;

    (void)mhd;
    (void)code;
    if (!r)
        return;
    assert(r == r->conn->request);
    http_conn_enter(s, r->conn, HTTP_READS_HEAD, left);
    http_request_end(s, r->conn);
    *context = NULL;
}

/* ---- life ---- */

/* Kept for a start that fails; what clients do wrong is not worth a line each. */
static void on_complaint(void *server, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void on_complaint(void *server, const char *format, va_list args)
{
    struct http_server *s = server;

    vsnprintf(s->complaint, sizeof s->complaint, format, args);
    s->complaint[strcspn(s->complaint, "\n")] = '\0';
}

/* As many descriptors as connections; or, if the system says no, as many connections as descriptors. */
static unsigned connection_limit(struct http_server *s)
{
    rlim_t wanted = s->config.max_connections + SPARE_FDS, fit;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return s->config.max_connections;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit))
            getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted)
        return s->config.max_connections;
    fit = limit.rlim_cur > 2 * SPARE_FDS ? limit.rlim_cur - SPARE_FDS : SPARE_FDS;
    pbay_link_log(s->link, "at most %u connections: the limit of open files is %u", (unsigned)fit,
                  (unsigned)limit.rlim_cur);
    return (unsigned)fit;
}

/* Memory of one connection: a head of the greatest size, a second time its headers for the cookies, a third time for
 * those of the answer. */
static size_t pool_size(const struct http_config *c)
{
    return c->max_request_line + 3 * (size_t)c->max_header_bytes + (c->max_headers + POOL_SPARE) * POOL_ENTRY +
           POOL_OTHERS;
}

static struct MHD_Daemon *start(struct http_server *s, int fd)
{
    const struct http_config *c = &s->config;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, c->ssl_cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, c->ssl_key},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_VERSIONS},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (c->ssl_cert ? MHD_USE_TLS : 0);

    return MHD_start_daemon(flags, 0, http_conn_accept, s, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_complaint, s,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connection_limit(s),
                            MHD_OPTION_CONNECTION_TIMEOUT, c->idle_timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            pool_size(c), MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_UNESCAPE_CALLBACK,
                            keep_escapes, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
                            http_conn_notify, s, MHD_OPTION_ARRAY, c->ssl_cert ? tls : none, MHD_OPTION_END);
}

enum pbay_err http_daemon_start(struct http_server *s)
{
    int fd = http_listen(s);

    if (fd < 0)
        return PBAY_IO;
    s->sweep_at = HTTP_NEVER;
    s->daemon = start(s, fd);
    if (!s->daemon) {
        close(fd);
        return pbay_link_fail(s->link, PBAY_CONFIG, "cannot start: %s",
                              s->complaint[0] ? s->complaint : "no reason was given");
    }
    s->listen_fd = fd;
    pbay_link_log(s->link, "listening on %s://%s", s->config.ssl_cert ? "https" : "http", s->authority);
    return PBAY_OK;
}

/* A connection whose buffer is full of what is not the end of anything, such as the extension of a chunk, is ready for
 * ever without getting further. (While answers are written nobody can tell: that makes no calls.) */
static void run(struct http_server *s)
{
    MHD_UNSIGNED_LONG_LONG wait = 0;

    s->now = http_now();
    s->stuck = false;
    for (unsigned i = 0; i < MAX_RUNS && wait == 0 && !s->stuck; i++) {
        s->moved = false;
        MHD_run(s->daemon);
        if (MHD_get_timeout(s->daemon, &wait) == MHD_NO)
            wait = 1;
        s->stuck = wait == 0 && i > 0 && !s->moved && s->n_answering == 0;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void set_timer(struct http_server *s)
{
    int64_t due = earlier(s->sweep_at, s->in_flight ? s->in_flight->deadline : HTTP_NEVER), left;
    MHD_UNSIGNED_LONG_LONG wait;

    if (MHD_get_timeout(s->daemon, &wait) == MHD_YES && wait < INT32_MAX)
        due = earlier(due, s->now + (wait == 0 && s->stuck ? STUCK_MS : (int64_t)wait));
    if (due == HTTP_NEVER) {
        pbay_link_timer(s->link, -1);
        return;
    }
    left = due > s->now ? due - s->now : 1; /* never 0: the others have their turn first */
    pbay_link_timer(s->link, (int)earlier(left, INT32_MAX));
}

void http_daemon_turn(struct http_server *s)
{
    run(s);
    http_conn_sweep(s);
    if (http_reply_expired(s))
        run(s);
    set_timer(s);
}

void http_daemon_quiesce(struct http_server *s)
{
    MHD_quiesce_daemon(s->daemon);
    close(s->listen_fd);
    s->listen_fd = -1;
}

void http_daemon_stop(struct http_server *s)
{
    if (!s->daemon)
        return;
    assert(!s->in_flight);
    run(s); /* what was answered just now is written as far as it goes without waiting */
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    assert(!s->conns && s->held == 0);
}
