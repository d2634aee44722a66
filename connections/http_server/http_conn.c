#include "connections/http_server/http_int.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "schema/buf.h"

#define SWEEP_MS 100 /* between two looks at all connections */

int64_t http_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- how many of one address ---- */

static bool key_of_v4(uint32_t address, uint64_t *key)
{
    *key = ntohl(address);
    return *key >> 24 != IN_LOOPBACKNET;
}

/* false = its connections are not counted: it is this machine. */
static bool key_of(const struct sockaddr *address, uint64_t *key)
{
    const struct sockaddr_in6 *v6 = (const void *)address;
    uint32_t v4;

    if (address->sa_family == AF_INET)
        return key_of_v4(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr, key);
    if (address->sa_family != AF_INET6 || IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        memcpy(&v4, &v6->sin6_addr.s6_addr[12], sizeof v4);
        return key_of_v4(v4, key);
    }
    memcpy(key, v6->sin6_addr.s6_addr, sizeof *key);
    return true;
}

static struct http_peer *find_peer(struct http_server *s, uint64_t key)
{
    struct http_peer *peer;

    HASH_FIND(hh, s->peers, &key, sizeof key, peer);
    return peer;
}

enum MHD_Result http_conn_accept(void *server, const struct sockaddr *address, socklen_t n)
{
    struct http_server *s = server;
    struct http_peer *peer;
    uint64_t key;

    (void)n;
    if (!key_of(address, &key))
        return MHD_YES;
    peer = find_peer(s, key);
    return peer && peer->n >= s->config.max_connections_per_address ? MHD_NO : MHD_YES;
}

static struct http_peer *join_peer(struct http_server *s, const struct sockaddr *address)
{
    struct http_peer *peer;
    uint64_t key;

    if (!address || !key_of(address, &key))
        return NULL;
    peer = find_peer(s, key);
    if (!peer) {
        peer = pb_alloc(sizeof *peer);
        peer->key = key;
        HASH_ADD(hh, s->peers, key, sizeof peer->key, peer);
    }
    peer->n++;
    return peer;
}

static void keep_address(struct http_conn *conn, const struct sockaddr *address)
{
    const struct sockaddr_in6 *v6 = (const void *)address;
    const void *bytes = &v6->sin6_addr;
    int family = address->sa_family;

    if (family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (family != AF_INET6)
        return;
    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        family = AF_INET;
        bytes = &v6->sin6_addr.s6_addr[12];
    }
    inet_ntop(family, bytes, conn->address, sizeof conn->address);
}

static void leave_peer(struct http_server *s, struct http_peer *peer)
{
    if (!peer || --peer->n)
        return;
    HASH_DELETE(hh, s->peers, peer);
    free(peer);
}

/* ---- life ---- */

static void started(struct http_server *s, struct MHD_Connection *mhd, void **context)
{
    struct http_conn *conn = pb_alloc(sizeof *conn);
    const struct sockaddr *address;

    conn->mhd = mhd;
    conn->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    conn->peer = join_peer(s, address);
    conn->address[0] = '-';
    if (address)
        keep_address(conn, address);
    DL_APPEND(s->conns, conn);
    http_conn_enter(s, conn, HTTP_READS_HEAD, (int64_t)s->config.header_timeout * 1000);
    *context = conn;
}

void http_conn_notify(void *server, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = server;
    struct http_conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        started(s, mhd, context);
        return;
    }
    if (!conn)
        return;
    http_request_end(s, conn);
    DL_DELETE(s->conns, conn);
    leave_peer(s, conn->peer);
    free(conn);
    *context = NULL;
}

/* ---- how long they may take ---- */

static void set_due(struct http_server *s, struct http_conn *conn, int64_t due)
{
    conn->due = due;
    if (due < s->sweep_at)
        s->sweep_at = due;
}

void http_conn_enter(struct http_server *s, struct http_conn *conn, enum http_phase phase, int64_t ms)
{
    conn->phase = phase;
    conn->since = s->now;
    conn->bytes = 0;
    set_due(s, conn, ms == HTTP_NEVER ? HTTP_NEVER : s->now + ms);
}

int64_t http_conn_allowance(const struct http_server *s, uint64_t bytes)
{
    return HTTP_GRACE_MS + (int64_t)(bytes * 1000 / s->config.min_body_rate);
}

void http_conn_progress(struct http_server *s, struct http_conn *conn, size_t n)
{
    assert(conn->phase == HTTP_READS_BODY);
    conn->bytes += n;
    set_due(s, conn, conn->since + http_conn_allowance(s, conn->bytes));
}

/* libmicrohttpd takes no answer while it reads, but has none of its own under way then. */
static void say(const struct http_conn *conn, unsigned status)
{
    const char *phrase = MHD_get_reason_phrase_for(status);
    char text[256];
    int n;

    n = snprintf(text, sizeof text,
                 "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Length: %zu\r\n\r\n%s\n",
                 status, phrase, strlen(phrase) + 1, phrase);
    assert(n > 0 && (size_t)n < sizeof text);
    (void)!send(conn->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT); /* the connection ends anyway */
}

void http_conn_cut(struct http_server *s, struct http_conn *conn, unsigned status)
{
    if (status && !s->config.ssl_cert && conn->phase <= HTTP_READS_BODY) {
        say(conn, status);
        if (conn->request)
            conn->request->status = status;
    }
    shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees its end and closes it */
    conn->due = HTTP_NEVER;
}

void http_conn_sweep(struct http_server *s)
{
    struct http_conn *conn;

    if (s->now < s->sweep_at)
        return;
    s->sweep_at = HTTP_NEVER;
    DL_FOREACH (s->conns, conn) {
        if (conn->due <= s->now)
            http_conn_cut(s, conn, MHD_HTTP_REQUEST_TIMEOUT);
        else if (conn->due < s->sweep_at)
            s->sweep_at = conn->due;
    }
    if (s->sweep_at < s->now + SWEEP_MS)
        s->sweep_at = s->now + SWEEP_MS;
}
