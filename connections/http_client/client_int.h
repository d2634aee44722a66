/* Between the files of the HTTP client:
 *
 *   http_client.c     the slots; messages in both directions
 *   client_request.c  requests: their table, what they hold, how they end
 *   client_easy.c     one request as libcurl sees it, and what libcurl tells of it
 *   client_multi.c    libcurl's transfers: descriptors, timers, a turn of their loop
 *   client_config.c, client_text.c
 *
 * One thread: the ops thread. libcurl is entered from client_multi_turn, client_multi_add and client_multi_remove only,
 * and waits for nothing; its descriptors are in one epoll descriptor, which is the connection's. */
#ifndef CLIENT_INT_H
#define CLIENT_INT_H

#include <curl/curl.h>
#include <uthash.h>

#include "connections/http_client/client_config.h"
#include "connections/http_client/client_text.h"
#include "connections/http_client/curl_loop.h"
#include "pbay_message.h"

#define CLIENT_PROTOCOL  "valory/http:1.0.0"
#define CLIENT_FAILED    600 /* status of an answer that no server gave, as in AEA */
#define CLIENT_NEVER     INT64_MAX
#define CLIENT_REFERENCE 32 /* hexadecimal digits of our part of a dialogue reference */

/* RUNNING -> READY -> GIVEN. RUNNING: libcurl has it. READY: its answer is known and waits for the runtime. GIVEN: the
 * runtime has the answer; when that is settled, the request is. */
enum client_state { CLIENT_RUNNING, CLIENT_READY, CLIENT_GIVEN };

struct client_request {
    struct client *client;
    enum client_state state;
    uint64_t tag;    /* of the request's envelope */
    uint64_t number; /* of the answer's envelope */
    size_t held;     /* bytes, of max_body_total */

    /* Of the answer: views into names. */
    struct pb_buf names;
    struct pbay_str to, sender, operation, starter, responder, origin_name, origin_instance;
    uint8_t incarnation[PBAY_ID_SIZE];
    enum pbay_encoding encoding;

    /* RUNNING */
    struct pbay_message asked; /* holds what libcurl sends */
    char method[CLIENT_MAX_METHOD + 1];
    CURL *easy;
    struct curl_slist *headers;
    int64_t deadline;
    unsigned n_asked, n_answered; /* requests that went out, up to the last one that was answered */
    uint32_t header_bytes;
    const char *stopped, *why;   /* a callback has stopped it: two static sentences; NULL = none has */
    char error[CURL_ERROR_SIZE]; /* libcurl's sentence */

    /* READY */
    int64_t status;
    struct pb_buf phrase, head, body;

    struct client_request *prev, *next; /* of running or ready */
    UT_hash_handle hh;                  /* of given */
};

struct client {
    struct pbay_link *link;
    struct client_config config;
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the answer that receive gave last */
    struct curl_loop loop;
    int64_t now, cancel_at;
    bool draining, full;                    /* full: `send` has answered AGAIN */
    struct client_request *running, *ready; /* both the oldest first: that is also by deadline */
    struct client_request *given;           /* by number */
    unsigned n;                             /* running and ready */
    uint64_t held, last_number;             /* numbers never begin anew: an end may come after the next connect */
};

/* Milliseconds of the monotonic clock. */
int64_t client_now(void);

/* ---- client_request.c ---- */

struct client_request *client_request_new(struct client *s, uint64_t tag);

/* Forget it, whatever it is doing. */
void client_request_destroy(struct client *s, struct client_request *r);

/* A request of which everything was filled in: it runs, or is READY when it could not be made. */
void client_request_start(struct client *s, struct client_request *r);

/* The transfer has ended. */
void client_request_finish(struct client *s, struct client_request *r, CURLcode code);

/* The answer's status is 600. Any state; it is READY then. text, detail: sentences. */
void client_request_fail(struct client *s, struct client_request *r, const char *text, const char *detail);

/* What it holds of max_body_total grows by so many bytes; false = there is no room. */
bool client_request_hold(struct client *s, struct client_request *r, size_t bytes);

/* The oldest READY one is GIVEN now; NULL = none. */
struct client_request *client_request_give(struct client *s);

/* The runtime has the GIVEN one's answer: forget what it held. */
void client_request_hand_over(struct client *s, struct client_request *r);

/* The GIVEN one with this number, or NULL. */
struct client_request *client_request_find(struct client *s, uint64_t number);

/* Fail what has taken too long; fail everything that runs. */
void client_request_expire(struct client *s);
void client_request_cancel(struct client *s);

/* Forget all of them. */
void client_request_clear(struct client *s);

/* ---- client_easy.c ---- */

/* r->easy from r->asked and r->method. false = libcurl does not take it. */
bool client_easy_new(struct client *s, struct client_request *r);
void client_easy_fini(struct client_request *r);

/* Status, phrase and headers of the last answer. */
void client_easy_read(struct client_request *r);

/* ---- client_multi.c ---- */

/* PBAY_OK; else pbay_link_fail has said why. stop takes a client that was never started; nothing may run. */
enum pbay_err client_multi_start(struct client *s);
void client_multi_stop(struct client *s);

/* false = libcurl does not take it. */
bool client_multi_add(struct client *s, struct client_request *r);
void client_multi_remove(struct client *s, struct client_request *r);

/* Read, write, keep the deadlines, and set the timer for the next one. */
void client_multi_turn(struct client *s);
void client_multi_set_timer(struct client *s);

#endif
