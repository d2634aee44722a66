#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "connections/http_client/client_int.h"

#define MAX_ROUNDS  16           /* of libcurl in one turn: the others have their turn, too */
#define SPARE_FDS   ((rlim_t)64) /* for the rest of the process */
#define FDS_OF_EACH ((rlim_t)4)  /* descriptors of one request: two addresses at a time, and a look-up */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- life ---- */

/* As many descriptors as requests may need; or, if the system says no, as it gives: then some fail. */
static void raise_limit(const struct client *s)
{
    rlim_t wanted = s->config.max_requests * FDS_OF_EACH + SPARE_FDS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

enum pbay_err client_multi_start(struct client *s)
{
    if (!curl_loop_open(&s->loop))
        return pbay_link_fail(s->link, PBAY_IO, "cannot start: %s",
                              errno ? strerror(errno) : "libcurl does not say why");
    raise_limit(s);
    curl_multi_setopt(s->loop.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)s->config.max_per_host);
    curl_multi_setopt(s->loop.multi, CURLMOPT_MAXCONNECTS, (long)s->config.max_requests);
    return PBAY_OK;
}

void client_multi_stop(struct client *s)
{
    assert(!s->running);
    curl_loop_close(&s->loop);
}

/* ---- transfers ---- */

bool client_multi_add(struct client *s, struct client_request *r)
{
    return curl_multi_add_handle(s->loop.multi, r->easy) == CURLM_OK;
}

void client_multi_remove(struct client *s, struct client_request *r)
{
    CURLMcode code = curl_multi_remove_handle(s->loop.multi, r->easy);

    assert(code == CURLM_OK);
}

static void collect(struct client *s)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(s->loop.multi, &left))) {
        struct client_request *r = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        client_request_finish(s, r, m->data.result);
    }
}

/* One round; false = there was nothing to do. */
static bool run(struct client *s)
{
    bool any = curl_loop_run(&s->loop);

    collect(s);
    return any;
}

void client_multi_set_timer(struct client *s)
{
    int64_t due = earlier(s->loop.due, s->running ? s->running->deadline : CLIENT_NEVER), left;

    if (s->draining && s->running)
        due = earlier(due, s->cancel_at);
    if (due == CLIENT_NEVER) {
        pbay_link_timer(s->link, -1);
        return;
    }
    left = due - s->now;
    pbay_link_timer(s->link, left < 0 ? 0 : (int)earlier(left, INT32_MAX));
}

void client_multi_turn(struct client *s)
{
    s->now = client_now();
    for (unsigned i = 0; i < MAX_ROUNDS && run(s); i++)
        s->now = client_now();
    client_request_expire(s);
    if (s->draining && s->cancel_at <= s->now)
        client_request_cancel(s);
    client_multi_set_timer(s);
}
