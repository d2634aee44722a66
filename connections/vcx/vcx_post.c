/* libcurl is entered from vcx_post_begin, vcx_post_turn and vcx_post_destroy only, and waits for nothing; its
 * descriptors are in one epoll descriptor.
 *
 * Connections are kept for the next request, so a socket that was opened for one that may go to private addresses would
 * serve one that may not. The connection of such a request is therefore closed behind it; HTTP/2, where several share
 * one while they run, is not spoken. */
#include "connections/vcx/vcx_post.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <utlist.h>

#include "connections/http_client/curl_loop.h"
#include "connections/vcx/vcx_transfer.h"

#define MAX_ROUNDS 16 /* of libcurl in one turn: the caller has other things to do */
#define ENVELOPE   "Content-Type: application/ssi-agent-wire\n"
#define JSON       "Accept: application/json\n"

struct vcx_post {
    struct vcx_post_options options;
    struct curl_loop loop;
    bool turning;
    struct vcx_transfer *running;
    unsigned n;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- how it begins ---- */

static bool has_room(const struct vcx_post *post, const char *host)
{
    unsigned n = 0;
    struct vcx_transfer *t;

    DL_FOREACH (post->running, t)
        n += strcasecmp(t->host, host) == 0;
    return post->n < VCX_POST_REQUESTS && n < VCX_POST_PER_HOST;
}

enum vcx_post_result vcx_post_begin(struct vcx_post *post, uint64_t tag, struct vcx_post_request *request,
                                    char why[VCX_WHY])
{
    struct vcx_transfer *t = vcx_transfer_new(&post->options, tag, request, why);

    if (!t)
        return VCX_POST_NEVER;
    if (!has_room(post, t->host)) {
        vcx_why(why, "too many requests are running");
        vcx_transfer_destroy(&t);
        return VCX_POST_AGAIN;
    }
    if (curl_multi_add_handle(post->loop.multi, t->easy)) {
        vcx_why(why, "libcurl does not take the request");
        vcx_transfer_destroy(&t);
        return VCX_POST_AGAIN;
    }
    DL_APPEND(post->running, t);
    post->n++;
    return VCX_POST_OK;
}

enum vcx_post_result vcx_post_envelope(struct vcx_post *post, uint64_t tag, struct pbay_str url,
                                       struct pbay_str envelope, char why[VCX_WHY])
{
    struct vcx_post_request request = {.url = url, .method = "POST", .headers = pbay_str(ENVELOPE)};

    pb_buf_add(&request.body, envelope.p, envelope.n);
    return vcx_post_begin(post, tag, &request, why);
}

enum vcx_post_result vcx_post_fetch(struct vcx_post *post, uint64_t tag, struct pbay_str url, char why[VCX_WHY])
{
    struct vcx_post_request request = {.url = url, .method = "GET", .headers = pbay_str(JSON)};

    return vcx_post_begin(post, tag, &request, why);
}

/* ---- how it ends ---- */

static void leave(struct vcx_post *post, struct vcx_transfer *t)
{
    CURLMcode code = curl_multi_remove_handle(post->loop.multi, t->easy);

    assert(code == CURLM_OK);
    DL_DELETE(post->running, t);
    post->n--;
}

static void finish(struct vcx_post *post, struct vcx_transfer *t, CURLcode code)
{
    struct vcx_post_reply reply;

    leave(post, t);
    reply = vcx_transfer_reply(t, code);
    post->options.done(post->options.user, t->tag, &reply);
    vcx_transfer_destroy(&t);
}

/* ---- turns ---- */

static void collect(struct vcx_post *post)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(post->loop.multi, &left))) {
        CURLcode code = m->data.result;
        struct vcx_transfer *t = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        finish(post, t, code);
    }
}

/* One round; false = there was nothing to do. */
static bool run(struct vcx_post *post)
{
    bool any = curl_loop_run(&post->loop);

    collect(post);
    return any;
}

void vcx_post_turn(struct vcx_post *post)
{
    assert(!post->turning);
    post->turning = true;
    for (unsigned i = 0; i < MAX_ROUNDS && run(post); i++)
        ;
    post->turning = false;
}

int vcx_post_fd(const struct vcx_post *post)
{
    return post->loop.fd;
}

int vcx_post_wait(const struct vcx_post *post)
{
    int64_t left;

    if (post->loop.due == CURL_LOOP_NEVER)
        return -1;
    left = post->loop.due - now_ms();
    if (left < 0)
        return 0;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* ---- life ---- */

struct vcx_post *vcx_post_new(const struct vcx_post_options *options)
{
    struct vcx_post *post = pb_alloc(sizeof *post);

    assert(options->done);
    post->options = *options;
    if (curl_loop_open(&post->loop)) {
        curl_multi_setopt(post->loop.multi, CURLMOPT_MAXCONNECTS, (long)VCX_POST_REQUESTS);
        return post;
    }
    vcx_post_destroy(&post);
    return NULL;
}

void vcx_post_destroy(struct vcx_post **post)
{
    struct vcx_post *p = *post;
    struct vcx_transfer *t;

    if (!p)
        return;
    assert(!p->turning);
    while ((t = p->running)) {
        leave(p, t);
        vcx_transfer_destroy(&t);
    }
    curl_loop_close(&p->loop);
    free(p);
    *post = NULL;
}
