#include "connections/vcx/vcx_listen.h"

#include "connections/vcx/vcx_proc.h"

#define JSON_TYPE "application/json"

static void say_who(const struct vcx_proc *s, struct web_request *r)
{
    struct pb_buf body = {0};

    vcx_inbound_identity(s, &body);
    web_answer(r, MHD_HTTP_OK, JSON_TYPE, &body);
}

/* Strangers are told a number and no more. */
static void answer(struct web_request *r, unsigned status)
{
    struct pb_buf nothing = {0};

    web_answer(r, status, WEB_TEXT, &nothing);
}

static void on_complete(void *self, struct web_request *r)
{
    struct vcx_proc *s = self;

    if (s->refusing || s->broken[0])
        answer(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    else if (r->method[0] == 'G')
        say_who(s, r);
    else if (!vcx_inbound_is_envelope(web_header(r, MHD_HTTP_HEADER_CONTENT_TYPE)))
        answer(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE);
    else
        answer(r, vcx_inbound(s, (struct pbay_str){r->body ? r->body : "", r->body_n}));
}

enum pbay_err vcx_listen_open(struct vcx_proc *s)
{
    static const char *const methods[] = {"POST", "GET", NULL};
    const struct vcx_config *c = &s->config;
    enum pbay_err err = web_link_start(&s->listen.web, s->link,
                                       &(struct web_opt){.host_key = "config.host",
                                                         .host = c->host,
                                                         .port = c->port,
                                                         .path = c->path,
                                                         .methods = methods,
                                                         .limits = c->limits,
                                                         .max_body_bytes = c->max_body_bytes,
                                                         .max_body_total = c->max_body_total,
                                                         .complete = on_complete,
                                                         .owner = s});

    s->listen.open = !err;
    return err;
}

void vcx_listen_close(struct vcx_listen *listen)
{
    if (listen->open)
        web_stop(&listen->web);
    listen->open = false;
}

const char *vcx_listen_authority(const struct vcx_listen *listen)
{
    return listen->web.authority;
}

int vcx_listen_fd(const struct vcx_listen *listen)
{
    return web_fd(&listen->web);
}

int64_t vcx_listen_turn(struct vcx_listen *listen)
{
    int64_t due = listen->open ? web_turn(&listen->web) : WEB_NEVER, now = web_now();

    if (due == WEB_NEVER)
        return -1;
    return due > now ? due - now : 1; /* never 0: the others have their turn first */
}

void vcx_listen_quiesce(struct vcx_listen *listen)
{
    if (listen->open)
        web_quiesce(&listen->web);
}

bool vcx_listen_is_busy(const struct vcx_listen *listen)
{
    return listen->open && listen->web.n_answering > 0;
}
