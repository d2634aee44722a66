/* Between the files of the HTTP server:
 *
 *   http_server.c   the slots; envelopes in both directions
 *   http_daemon.c   libmicrohttpd: start, stop, a turn of its loop, its calls for each request
 *   http_head.c     what a request's head must be like
 *   http_request.c  requests in flight: their table, their bodies, their end
 *   http_reply.c    answers
 *   http_conn.c     client connections: how long they may take, how many of one address
 *   http_listen.c   the listening socket
 *   http_api.c      requests against the API's document
 *   http_log.c      the access log
 *   http_route.c    which skill a request is for
 *   http_config.c, http_text.c
 *   api_*.c         the API's document and what it asks for; they know nothing of the rest
 *
 * One thread: the ops thread. libmicrohttpd runs in external epoll mode and is only ever entered from
 * http_daemon_turn; a request that waits for the agent is suspended there. Where it is lenient (0.9.75 takes bare
 * newlines, folded headers, NULs and two lengths) http_head.c is not; where it has no deadline http_conn.c has one. */
#ifndef HTTP_INT_H
#define HTTP_INT_H

#include <microhttpd.h>
#include <sys/socket.h>
#include <uthash.h>

#include "connections/http_server/http_config.h"
#include "connections/http_server/http_log.h"
#include "connections/http_server/http_text.h"

#define HTTP_PROTOCOL    "valory/http:1.0.0"
#define HTTP_NEVER       INT64_MAX
#define HTTP_GRACE_MS    5000       /* until a body, or the taking of an answer, must have reached its rate */
#define HTTP_MAX_DISCARD (4U << 20) /* bytes of a refused body that are read so that the refusal is */
#define HTTP_STARTER     32         /* hexadecimal digits of a dialogue reference */
#define HTTP_MAX_HOST    255        /* bytes of the configured host */
#define HTTP_AUTHORITY   (HTTP_MAX_HOST + 40)
#define HTTP_ADDRESS     46 /* bytes of an address as text, its NUL included */

enum http_phase { HTTP_READS_HEAD, HTTP_READS_BODY, HTTP_WAITS, HTTP_ANSWERS };

/* Clients of one address (IPv6: of one /64); kept while they have a connection. */
struct http_peer {
    uint64_t key;
    unsigned n;
    UT_hash_handle hh;
};

/* A client's connection. */
struct http_conn {
    struct MHD_Connection *mhd;
    struct http_peer *peer; /* NULL = not counted */
    char address[HTTP_ADDRESS];
    int fd;
    enum http_phase phase;
    int64_t since; /* begin of the phase */
    int64_t due;   /* cut then; HTTP_NEVER */
    uint64_t bytes;
    struct http_request *request; /* the one that libmicrohttpd holds; NULL = between two */
    struct http_conn *prev, *next;
};

/* Why a request is not given to the agent; status 0 = it is. */
struct http_fault {
    unsigned status;
    const char *why;   /* a static string, or the request's complaint */
    bool close;        /* where the next request would begin is not to be trusted, or there shall be none */
    const char *allow; /* the header Allow; NULL = none */
};

/* NEW -> READING -> QUEUED -> WAITING -> ANSWERED; the answer may come from any of them. QUEUED and WAITING are in
 * flight and suspended. */
enum http_state { HTTP_NEW, HTTP_READING, HTTP_QUEUED, HTTP_WAITING, HTTP_ANSWERED };

/* One request, from its request line until its answer is written or its connection ends. */
struct http_request {
    struct http_conn *conn;
    enum http_state state;
    struct http_fault fault;
    struct api_match match;                                       /* what the API's document says of it */
    char *complaint;                                              /* what it has against it; owned */
    char *target;                                                 /* as it came */
    char *line;                                                   /* for the access log; NULL = none */
    char *head;                                                   /* what the views below are of */
    struct pbay_str method, operation, url, headers, traceparent; /* operation: the method in lower case */
    bool has_body;
    uint64_t length; /* of the body; 0 = none, or in chunks */
    char *body;
    size_t body_n, held; /* held: of max_body_total */
    uint64_t discarded;
    uint64_t number; /* the envelope's tag; 0 = never in flight */
    int64_t began;
    unsigned status;   /* of its answer; 0 = none yet */
    uint64_t answer_n; /* bytes of the answer's body */
    char starter[HTTP_STARTER + 1];
    int64_t deadline;
    UT_hash_handle by_number, by_starter;
    struct http_request *prev, *next;               /* in flight, oldest first: that is also by deadline */
    struct http_request *prev_queued, *next_queued; /* not given to the runtime yet */
};

struct http_server {
    struct pbay_link *link;
    struct http_config config;
    struct http_log log;
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the request that receive gave last */
    struct MHD_Daemon *daemon;
    int listen_fd;                  /* libmicrohttpd's, until it is quiesced */
    char authority[HTTP_AUTHORITY]; /* HOST:PORT, for requests without Host */
    char complaint[160];            /* libmicrohttpd's last one */
    int64_t now, sweep_at;
    bool refusing;     /* nothing new is taken: it drains, or disconnects */
    bool moved, stuck; /* did a client get further just now; is libmicrohttpd busy without one that does? */
    struct http_conn *conns;
    struct http_peer *peers;
    struct http_request *by_number, *by_starter, *in_flight, *queued;
    unsigned n_in_flight, n_answering;
    uint64_t held;        /* bytes of bodies and answers, of max_body_total */
    uint64_t last_number; /* never begins anew: an outcome may come after the next connect */
};

/* Milliseconds of the monotonic clock. */
int64_t http_now(void);

/* ---- http_listen.c ---- */

/* A listening socket for the configured host and port; s->authority. -1 = pbay_link_fail has said why. */
int http_listen(struct http_server *s);

/* ---- http_daemon.c ---- */

/* PBAY_OK; else pbay_link_fail has said why. stop takes a server that was never started; nothing may be in flight. */
enum pbay_err http_daemon_start(struct http_server *s);
void http_daemon_stop(struct http_server *s);

/* Read, write, keep the deadlines, and set the timer for the next one. */
void http_daemon_turn(struct http_server *s);

/* Accept nobody any more. */
void http_daemon_quiesce(struct http_server *s);

/* ---- http_conn.c ---- */

/* libmicrohttpd's callbacks. */
enum MHD_Result http_conn_accept(void *server, const struct sockaddr *address, socklen_t n);
void http_conn_notify(void *server, struct MHD_Connection *mhd, void **context,
                      enum MHD_ConnectionNotificationCode code);

/* A new phase, to be over within ms milliseconds; HTTP_NEVER. */
void http_conn_enter(struct http_server *s, struct http_conn *conn, enum http_phase phase, int64_t ms);

/* Milliseconds that so many bytes may take. */
int64_t http_conn_allowance(const struct http_server *s, uint64_t bytes);

/* So many bytes of a body have come. */
void http_conn_progress(struct http_server *s, struct http_conn *conn, size_t n);

/* End it, if possible with a status that libmicrohttpd could not send any more; 0 = without. */
void http_conn_cut(struct http_server *s, struct http_conn *conn, unsigned status);

/* Cut those whose time is over. */
void http_conn_sweep(struct http_server *s);

/* ---- http_head.c ---- */

/* Check a request's head and fill in what is known from it. false = r->fault. */
bool http_head_read(struct http_server *s, struct http_request *r, const char *method, const char *target,
                    const char *version);

/* ---- http_api.c ---- */

/* Is it a request that the API's document describes? false = r->fault. */
bool http_api_head(struct http_server *s, struct http_request *r);
bool http_api_body(struct http_request *r);

/* ---- http_request.c ---- */

/* Begin the connection's next request, and end it. A query that does not fit into its memory makes libmicrohttpd forget
 * a request without a word: new ends that one, and so does the end of the connection. */
struct http_request *http_request_new(struct http_server *s, struct http_conn *conn, const char *target);
void http_request_end(struct http_server *s, struct http_conn *conn);

/* Keep the request line for the access log, if there is one. */
void http_request_keep_line(const struct http_server *s, struct http_request *r, const char *method,
                            const char *version);

/* Always false, for `return`. */
bool http_request_fault(struct http_request *r, unsigned status, bool close, const char *why);

/* May it be read? false = r->fault. */
bool http_request_admit(struct http_server *s, struct http_request *r);

/* The next bytes of its body. What does not fit makes it a fault, and is dropped. */
void http_request_add(struct http_server *s, struct http_request *r, const char *p, size_t n);

/* It is complete. */
void http_request_enqueue(struct http_server *s, struct http_request *r);

/* The next one for the runtime, or NULL; it is WAITING now. */
struct http_request *http_request_next(struct http_server *s);

/* What it holds of max_body_total from now on. */
void http_request_hold(struct http_server *s, struct http_request *r, size_t bytes);
void http_request_drop_body(struct http_server *s, struct http_request *r);

/* Not in flight any more. */
void http_request_leave(struct http_server *s, struct http_request *r);

struct http_request *http_request_by_number(struct http_server *s, uint64_t number);
struct http_request *http_request_by_starter(struct http_server *s, struct pbay_str starter);

/* The one that these bytes name, a reply that cannot be read: a dialogue reference is random, and known to nobody but
 * who was given its request. NULL = none. */
struct http_request *http_request_named_in(struct http_server *s, struct pbay_str bytes);

/* ---- http_reply.c ---- */

/* Answer with one sentence: the status, and why in brackets. false = libmicrohttpd took no answer; only in its own
 * calls. */
bool http_reply_plain(struct http_server *s, struct http_request *r, unsigned status, const char *why, bool close);

/* Answer what has its fault. */
bool http_reply_fault(struct http_server *s, struct http_request *r);

/* Answer with a message, the performative `response`. false = it is no answer for HTTP: *why says what is wrong, and
 * the request still waits. */
bool http_reply_message(struct http_server *s, struct http_request *r, const struct pbay_message *m, const char **why);

/* Answer everything in flight, or what the runtime has not taken yet. */
void http_reply_all(struct http_server *s, bool only_queued, enum pbay_err err);

/* Answer those that have waited too long; returns whether there were any. */
bool http_reply_expired(struct http_server *s);

#endif
