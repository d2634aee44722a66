/* A small HTTP server and the loop of requests under test, turn about in one thread. */
#ifndef TESTS_VCX_HTTP_H
#define TESTS_VCX_HTTP_H

#include "connections/vcx/vcx_post.h"

#define HTTP_MAX_PEERS   96
#define HTTP_MAX_REPLIES 96
#define HTTP_URL         128 /* bytes */

struct http_peer {
    int fd;
    struct pb_buf in, out;
    const char *endless; /* sent again and again */
    bool ends;           /* close when `out` has been written */
};

/* A reply as `done` had it; the texts are copies. */
struct http_got {
    uint64_t tag;
    enum vcx_post_result result;
    unsigned status;
    size_t body_n;
    char body[32], type[64], location[HTTP_URL], why[VCX_WHY];
};

struct http_world {
    struct vcx_post *post;
    int listen_fd;
    unsigned port, n_accepted, n_requests, n_got;
    size_t n_written;
    struct http_peer peers[HTTP_MAX_PEERS];
    struct pb_buf last; /* the last request, NUL-ended */
    struct http_got got[HTTP_MAX_REPLIES];
    unsigned repeats; /* `done` begins so many requests more, one after the other, of /ok */
    struct curl_slist *resolve;
};

/* A name of the test's own and its addresses, with commas. */
struct http_name {
    const char *name, *addresses;
    unsigned port; /* 0 = the server's */
};

/* The server listens on 127.0.0.1. options: done, user and resolve are set here. names: ended by one without a name;
 * NULL = none. */
void http_world_init(struct http_world *w, const struct vcx_post_options *options, const struct http_name *names);
void http_world_fini(struct http_world *w);

/* "http://127.0.0.1:PORT/PATH"; host may be another name. */
const char *http_world_url(const struct http_world *w, char url[HTTP_URL], const char *host, const char *path);

/* Wait for something to happen, and let it. */
void http_world_turn(struct http_world *w);

/* Until there have been so many replies; n_requests as well. */
void http_world_run(struct http_world *w, unsigned n_got);
void http_world_run_requests(struct http_world *w, unsigned n_requests);

/* The one reply of the tag. */
const struct http_got *http_world_got(const struct http_world *w, uint64_t tag);

#endif
