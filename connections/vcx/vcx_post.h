/* HTTP requests to wherever a stranger's invitation points: many at once, none of them trusted.
 *
 * Each request may open sockets to public addresses only (vcx_guard.h), unless private ones are allowed. It follows no
 * redirect, uses no proxy, sends no cookie and no user; its answer has at most VCX_POST_BODY bytes and comes within
 * VCX_POST_TIMEOUT. Certificates of https are verified.
 *
 * One thread, which never blocks: it calls vcx_post_turn when vcx_post_fd is readable, and vcx_post_wait milliseconds
 * after the last call of any function here. SIGPIPE is to be ignored, as the runtime does. Nothing is logged. */
#ifndef VCX_POST_H
#define VCX_POST_H

#include "connections/vcx/vcx_guard.h"
#include "schema/buf.h"

#define VCX_POST_BODY     (1U << 20)  /* bytes of an answer, and of a request */
#define VCX_POST_HEAD     (64U << 10) /* bytes of an answer's head */
#define VCX_POST_TIMEOUT  15000       /* milliseconds; peers hold an answer for 10 s */
#define VCX_POST_REQUESTS 64          /* at once */
#define VCX_POST_PER_HOST 8           /* at once, of the same host and port: a slow one shall not have them all */

enum vcx_post_result {
    VCX_POST_OK,
    VCX_POST_AGAIN, /* another attempt may succeed, later */
    VCX_POST_NEVER  /* the same request will not succeed */
};

/* How a request has ended. The views live as long as the call. */
struct vcx_post_reply {
    enum vcx_post_result result; /* OK: the status is 200 to 299 */
    unsigned status;             /* 0 = there is no answer, or not all of it */
    struct pbay_str body, type;  /* empty without a status; type = Content-Type */
    struct pbay_str location;    /* where a redirect points, absolute; it was not followed. Not checked */
    const char *why;             /* a static sentence; "" with a status */
};

/* Called by vcx_post_turn, once for each request that has begun. It may begin others. */
typedef void vcx_post_done(void *user, uint64_t tag, const struct vcx_post_reply *reply);

struct vcx_post_options {
    vcx_post_done *done;
    void *user;
    bool allow_private;               /* of every request; else each says it for itself */
    const char *ca_file;              /* certificates to trust; NULL = the system's. Borrowed, as is resolve */
    uint32_t timeout;                 /* milliseconds; 0 = VCX_POST_TIMEOUT */
    const struct curl_slist *resolve; /* addresses of names, as CURLOPT_RESOLVE has them; NULL = none */
};

struct vcx_post;

/* NULL = it cannot be had: no descriptor, or libcurl does not start. */
struct vcx_post *vcx_post_new(const struct vcx_post_options *options);

/* Requests that run end without a call of `done`. Not from within `done`. */
void vcx_post_destroy(struct vcx_post **post);

int vcx_post_fd(const struct vcx_post *post);

/* Milliseconds until the next turn is due; -1 = none before fd is readable. */
int vcx_post_wait(const struct vcx_post *post);
void vcx_post_turn(struct vcx_post *post);

/* The ways to begin a request: OK = `done` will be called with the tag. AGAIN = so many are running already (of this
 * host, or all in all); NEVER = it cannot be asked for; then why, and that was all. */

/* POST of an envelope, with its Content-Type. */
enum vcx_post_result vcx_post_envelope(struct vcx_post *post, uint64_t tag, struct pbay_str url,
                                       struct pbay_str envelope, char why[VCX_WHY]);

/* GET of a short link, for JSON. */
enum vcx_post_result vcx_post_fetch(struct vcx_post *post, uint64_t tag, struct pbay_str url, char why[VCX_WHY]);

struct vcx_post_request {
    struct pbay_str url;
    const char *method;      /* GET, POST, PUT */
    struct pbay_str headers; /* lines of "Name: value", checked by the caller */
    struct pb_buf body;      /* given away in any case, and overwritten with zeros before it is freed. Not for GET */
    bool allow_private;      /* where the others may not go: its connection is not kept for them */
    bool drop_body;          /* the answer's body is not kept */
};

/* Any request. Our copy of the body is overwritten when it has ended; what libcurl and TLS have had in their buffers is
 * freed as it is. */
enum vcx_post_result vcx_post_begin(struct vcx_post *post, uint64_t tag, struct vcx_post_request *request,
                                    char why[VCX_WHY]);

#endif
