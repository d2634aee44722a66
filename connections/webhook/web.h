/* A small HTTP listener, for processes that answer at a few paths and need no more. One thread. libmicrohttpd runs in
 * external epoll mode and is only ever entered from web_turn. It knows nothing of links and packages.
 *
 *   web.c           the daemon and its loop; connections: how long they may take, how many of one address
 *   web_request.c   what a request must be like, and answers
 *   web_listen.c    the listening socket
 *   web_link.c      what a connection package does with it
 *
 * A connection brings one request and is closed behind its answer: so there is nothing that a second server could read
 * otherwise than this one (request smuggling), and one deadline bounds all that a client may do. */
#ifndef WEB_H
#define WEB_H

#include <microhttpd.h>
#include <sys/socket.h>

#include "pbay_envelope.h"
#include "pbay_err.h"
#include "schema/buf.h"

#define WEB_NEVER    INT64_MAX
#define WEB_TEXT     "text/plain; charset=utf-8"
#define WEB_MAX_HOST 255 /* bytes of the configured host */
#define WEB_WHY      512 /* bytes of a reason, NUL included */

struct web;
struct web_request;

/* Keys that everything with this listener has. */
struct web_limits {
    uint32_t max_connections, max_connections_per_address, max_header_bytes, request_timeout;
};

struct web_opt {
    const char *host_key; /* how the key of the host is called, for what is said about it */
    const char *host;
    uint32_t port;                                                     /* 0 = any */
    const char *path;                                                  /* NULL = methods_at decides */
    const char *const *methods;                                        /* ends with NULL; others are answered 405 */
    const char *const *(*methods_at)(void *owner, const char *target); /* the same of a target; NULL = 404 */
    struct web_limits limits;
    uint32_t max_body_bytes;
    uint64_t max_body_total; /* bodies that came and answers that are written, together */

    /* A request is complete: answer it now, or later; until then it waits. Called from web_turn. */
    void (*complete)(void *owner, struct web_request *r);

    void *owner;

    /* Of the process: a turn is due at once, since an answer was given outside of one; a line for the log. */
    void (*wake)(void *process);
    void (*log)(void *process, const char *line);
    void *process;
};

/* WEB_READS -> WEB_WAITS -> WEB_ANSWERS; the answer may come from either. */
enum web_state { WEB_READS, WEB_WAITS, WEB_ANSWERS };

/* A connection with its request. The owner may read it until it answers. */
struct web_request {
    struct web *web;
    struct MHD_Connection *mhd;
    int fd;
    enum web_state state;
    bool begun, counted;
    uint64_t address;           /* counted: of one IPv4 address or IPv6 /64 */
    int64_t due;                /* cut then; WEB_NEVER */
    unsigned fault;             /* the status that refuses it; 0 = none */
    const char *why;            /* a static string */
    char *target;               /* as it came */
    const char *const *methods; /* of its target */
    const char *const *fields;  /* the owner's: further headers of the answer, names and values by turns, then NULL */
    char method[40], version[12];
    uint64_t length, discarded; /* length: as announced; 0 = none, or in chunks */
    char *body;
    size_t body_n, held;
    struct web_request *prev, *next;
};

struct web {
    struct web_opt opt;
    struct MHD_Daemon *daemon;
    int listen_fd;                     /* libmicrohttpd's, until web_quiesce */
    char authority[WEB_MAX_HOST + 40]; /* HOST:PORT */
    char complaint[160];               /* libmicrohttpd's last one */
    int64_t sweep_at;
    unsigned n_answering; /* answers that are being written */
    uint64_t held;        /* bytes, of max_body_total */
    struct web_request *requests;
};

/* Milliseconds of the monotonic clock. */
int64_t web_now(void);

/* Is this a path, without a query, that can be listened at? */
bool web_is_path(const char *path);

/* Listen. PBAY_OK; PBAY_CONFIG, PBAY_IO = why. stop takes a web that was never started; nothing may wait. */
enum pbay_err web_start(struct web *w, const struct web_opt *opt, char why[WEB_WHY]);
void web_stop(struct web *w);

/* Readable when web_turn has something to do; -1 = not started. */
int web_fd(const struct web *w);

/* Read, write, and cut whose time is over. Returns when the next turn is due, or WEB_NEVER. */
int64_t web_turn(struct web *w);

/* Accept nobody any more. */
void web_quiesce(struct web *w);

/* The value of a header, empty when there is none; of several the first. Until the request is answered. */
struct pbay_str web_header(const struct web_request *r, const char *name);

/* Its body is somewhere else now, and counts until it is answered. */
void web_forget_body(struct web_request *r);

/* Answer, at any time. What body holds is taken. What would exceed max_body_total is a 503 instead. */
void web_answer(struct web_request *r, unsigned status, const char *type, struct pb_buf *body);

/* Answer with one sentence: the status, and why in brackets. 503 says when to come again, 405 what is allowed. */
void web_say(struct web_request *r, unsigned status, const char *why);

#endif
