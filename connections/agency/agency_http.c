#include "connections/agency/agency_http.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "connections/agency/agency_page.h"
#include "connections/http_server/http_text.h"
#include "connections/vcx/vcx_invite.h"

#define ENVELOPE "application/ssi-agent-wire"
#define JSON     "application/json"

int64_t agency_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *const json_fields[] = {
    "X-Content-Type-Options", "nosniff", "Cache-Control", "no-store", "Vary", "Accept", NULL};

static void answer_json(struct web_request *r, const json_t *value)
{
    struct pb_buf text = {0};

    if (value && vcx_json_write(&text, value)) {
        r->fields = json_fields;
        web_answer(r, MHD_HTTP_OK, JSON, &text);
    } else {
        web_say(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "it cannot be written");
    }
}

/* Does a header with a list say it? */
static bool says(const struct web_request *r, const char *header, const char *text)
{
    struct pbay_str value = web_header(r, header);

    return value.n && memmem(value.p, value.n, text, strlen(text)) != NULL;
}

/* JSON for agents, a page for browsers. */
static void answer_invitation(struct agency_http *h, struct web_request *r, const char *link, const json_t *invitation)
{
    struct pb_buf page = {0};

    if (!says(r, "Accept", "text/html") || says(r, "Accept", JSON)) {
        answer_json(r, invitation);
        return;
    }
    if (!agency_page(&page, h->config->public_url, link, invitation)) {
        pb_buf_fini(&page);
        web_say(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "it is no invitation");
        return;
    }
    r->fields = agency_page_fields;
    web_answer(r, MHD_HTTP_OK, AGENCY_PAGE_TYPE, &page);
}

/* ---- envelopes ---- */

static bool is_envelope(const struct web_request *r)
{
    static const char *const types[] = {ENVELOPE, "application/didcomm-envelope-enc"};
    struct pbay_str type = web_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *end = type.n ? memchr(type.p, ';', type.n) : NULL;

    if (end)
        type.n = (size_t)(end - type.p);
    type = http_trim(type);
    return http_is_same(type, types[0]) || http_is_same(type, types[1]);
}

static void on_post(struct agency_http *h, struct web_request *r, const char *rest)
{
    (void)rest;
    if (is_envelope(r))
        agency_receive(h->agency, r, (struct pbay_str){r->body ? r->body : "", r->body_n}, agency_now());
    else
        web_say(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "expected " ENVELOPE);
}

/* ---- what can be looked at ---- */

static void on_identity(struct agency_http *h, struct web_request *r, const char *rest)
{
    char did[VCX_MAX_SOV], verkey[VCX_MAX_VERKEY];
    json_t *identity;

    (void)rest;
    vcx_sov_text(agency_key(h->agency), did);
    vcx_verkey_text(agency_key(h->agency), verkey);
    identity = json_pack("{s:s, s:s}", "DID", did, "verKey", verkey);
    answer_json(r, identity);
    json_decref(identity);
}

static void show_own(struct agency_http *h, struct web_request *r, enum agency_invitation which)
{
    struct pb_buf url = {0};

    agency_invitation_url(h->agency, which, &url);
    pb_buf_add(&url, "", 1);
    answer_invitation(h, r, (char *)url.p, agency_invitation(h->agency, which));
    pb_buf_fini(&url);
}

static void on_oob(struct agency_http *h, struct web_request *r, const char *rest)
{
    (void)rest;
    show_own(h, r, AGENCY_OOB);
}

static void on_connections(struct agency_http *h, struct web_request *r, const char *rest)
{
    (void)rest;
    show_own(h, r, AGENCY_CONNECTIONS);
}

static void show_link(struct agency_http *h, struct web_request *r, const char *uid)
{
    struct vcx_invite invite = {.json = NULL};
    struct pb_buf url = {0};
    char why[VCX_WHY], link[VCX_MAX_URL + AGENCY_UID + 8];
    unsigned status = agency_open_link(h->agency, uid, agency_now(), &url);

    snprintf(link, sizeof link, "%s/i/%s", h->config->public_url, uid);
    if (status == MHD_HTTP_GONE)
        web_say(r, status, "the invitation was used, or is too old");
    else if (status == MHD_HTTP_OK && vcx_invite_read(&invite, (struct pbay_str){(char *)url.p, url.n}, why) == VCX_OK)
        answer_invitation(h, r, link, invite.json);
    else
        web_say(r, status == MHD_HTTP_OK ? MHD_HTTP_NOT_FOUND : status, "there is no such invitation");
    vcx_invite_fini(&invite);
    pb_buf_fini(&url);
}

static bool copy_uid(char uid[AGENCY_UID], const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");

    if (n != AGENCY_UID - 1 || text[n])
        return false;
    memcpy(uid, text, AGENCY_UID);
    return true;
}

static void on_link(struct agency_http *h, struct web_request *r, const char *rest)
{
    char uid[AGENCY_UID];

    if (copy_uid(uid, rest))
        show_link(h, r, uid);
    else
        web_say(r, MHD_HTTP_NOT_FOUND, "there is no such invitation");
}

/* libvcx's form of the same: DID?uid=UID, with the DID of the agency. */
static void on_invite(struct agency_http *h, struct web_request *r, const char *rest)
{
    char did[VCX_MAX_SOV], uid[AGENCY_UID];
    size_t n;

    vcx_sov_text(agency_key(h->agency), did);
    n = strlen(did);
    if (strncmp(rest, did, n) == 0 && strncmp(rest + n, "?uid=", 5) == 0 && copy_uid(uid, rest + n + 5))
        show_link(h, r, uid);
    else
        web_say(r, MHD_HTTP_NOT_FOUND, "there is no such invitation");
}

/* ---- which is where ---- */

static const char *const get[] = {"GET", "HEAD", NULL};
static const char *const get_and_post[] = {"GET", "HEAD", "POST", NULL};
static const char *const post[] = {"POST", NULL};

/* `on_get` is told what follows the path; only a path that ends with a slash, but not "/" itself, may have more. */
static const struct route {
    const char *path;
    const char *const *methods;
    void (*on_get)(struct agency_http *h, struct web_request *r, const char *rest);
} routes[] = {
    {"/", get_and_post, on_oob},
    {"/agency", get, on_identity},
    {"/agency/msg", post, NULL},
    {"/agency/invitation", get, on_oob},
    {"/agency/invitation/connections", get, on_connections},
    {"/agency/invite/", get, on_invite},
    {"/i/", get, on_link},
};

static const struct route *find_route(const char *target)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        size_t n = strlen(routes[i].path);

        if (strncmp(target, routes[i].path, n) != 0)
            continue;
        if (target[n] == '\0' || target[n] == '?' || (n > 1 && routes[i].path[n - 1] == '/'))
            return &routes[i];
    }
    return NULL;
}

static const char *const *methods_at(void *self, const char *target)
{
    const struct route *route = find_route(target);

    (void)self;
    return route ? route->methods : NULL;
}

static void on_complete(void *self, struct web_request *r)
{
    const struct route *route = find_route(r->target); /* it is there: it had methods */

    if (strcmp(r->method, "POST") == 0)
        on_post(self, r, "");
    else
        route->on_get(self, r, r->target + strlen(route->path));
    agency_http_flush(self);
}

static void wake(void *self)
{
    struct agency_http *h = self;

    h->woken = true;
}

static void log_line(void *self, const char *line)
{
    const struct agency_http *h = self;

    h->log(line);
}

enum pbay_err agency_http_start(struct agency_http *h, char why[WEB_WHY])
{
    return web_start(&h->web,
                     &(struct web_opt){.host_key = "listen.host",
                                       .host = h->config->host,
                                       .port = h->config->port,
                                       .methods_at = methods_at,
                                       .limits = h->config->web,
                                       .max_body_bytes = VCX_MAX_ENVELOPE,
                                       .max_body_total = h->config->max_body_total,
                                       .complete = on_complete,
                                       .wake = wake,
                                       .log = log_line,
                                       .process = h,
                                       .owner = h},
                     why);
}

/* ---- what comes out of the agency ---- */

static void answer(struct agency_out *out)
{
    struct web_request *r = out->tag;

    if (out->envelope.n)
        web_answer(r, out->status, ENVELOPE, &out->envelope);
    else if (out->status == MHD_HTTP_ACCEPTED)
        web_answer(r, out->status, WEB_TEXT, &out->envelope);
    else
        web_say(r, out->status, out->why);
}

/* What cannot be sent now is not kept: the core says again what matters, the client asks again for the rest. */
static void send_out(struct agency_http *h, const struct agency_out *out)
{
    char why[VCX_WHY], line[VCX_WHY + 64];

    if (vcx_post_envelope(h->post, 0, pbay_str(out->endpoint),
                          (struct pbay_str){(char *)out->envelope.p, out->envelope.n}, why) == VCX_POST_OK)
        return;
    snprintf(line, sizeof line, "an envelope for a client was not sent: %s", why);
    h->log(line);
}

void agency_http_flush(struct agency_http *h)
{
    struct agency_out *out;

    while ((out = agency_take(h->agency))) {
        if (out->kind == AGENCY_REPLY)
            answer(out);
        else if (out->kind == AGENCY_POST)
            send_out(h, out);
        else
            h->log(out->why);
        agency_out_destroy(&out);
    }
}
