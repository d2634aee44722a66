/* An HTTP/1.1 client over a unix socket, on libcurl: the broker's admin side. Replies are bounded; no proxy, no
 * redirect, no connection kept. */
#ifndef PB_HTTP_UNIX_H
#define PB_HTTP_UNIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/pbay_err.h"

#define HTTP_MAX_REPLY (16U << 20) /* bytes of a body */

struct http_reply {
    long status; /* 200, ...; 0 = none came */
    char *body;  /* NUL-ended; may be NULL when n is 0 */
    size_t n;
    char error[256]; /* why none came */
};

/* GET path, or POST with body unless that is NULL, and wait for the reply, which ends with http_reply_fini.
 *   PBAY_OK = there is a reply, whatever its status; PBAY_IO, PBAY_TIMEOUT, PBAY_TOO_BIG = reply->error says why */
enum pbay_err http_unix(const char *socket, const char *path, const char *body, long timeout_ms,
                        struct http_reply *reply);
void http_reply_fini(struct http_reply *reply);

/* ---- the same for an event loop, one request at a time ---- */

struct http_call;

/* NULL = libcurl could not be set up. */
struct http_call *http_call_new(void);
void http_call_destroy(struct http_call **call);

/* Only while it is idle. */
void http_call_start(struct http_call *call, const char *socket, const char *path, const char *body, long timeout_ms);

/* Give up what is under way. */
void http_call_cancel(struct http_call *call);

/* What to poll for: fd (-1 = nothing) and events; returns when to call http_call_turn at the latest. */
int64_t http_call_interest(const struct http_call *call, int *fd, short *events);

/* Go on; revents is what poll found on the fd. true = the reply is there, http_call_end takes it. */
bool http_call_turn(struct http_call *call, int64_t now, short revents);

/* As http_unix; idle again. */
enum pbay_err http_call_end(struct http_call *call, struct http_reply *reply);

#endif
