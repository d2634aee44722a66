/* Short links of the mediator (shorten-url 1.0): what they are for is said in vcx_mediate.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "connections/vcx/vcx_invite.h"
#include "connections/vcx/vcx_mediate_int.h"

#define DIDCOMM "https://didcomm.org/"
#define SHORTEN DIDCOMM "shorten-url/"

/* ---- the list ---- */

static struct mediate_link *add(struct vcx_mediate *m, enum mediate_link_state state,
                                const struct vcx_mediate_link *link)
{
    struct mediate_link *l = pb_alloc(sizeof *l);

    l->state = state;
    l->link = *link;
    DL_APPEND(m->links, l);
    m->link_n++;
    return l;
}

static void forget(struct vcx_mediate *m, struct mediate_link *l)
{
    DL_DELETE(m->links, l);
    m->link_n--;
    free(l->invite);
    free(l);
}

void mediate_links_fini(struct vcx_mediate *m)
{
    while (m->links)
        forget(m, m->links);
}

static struct mediate_link *find(const struct vcx_mediate *m, enum mediate_link_state state)
{
    struct mediate_link *l;

    DL_FOREACH (m->links, l) {
        if (l->state == state)
            return l;
    }
    return NULL;
}

static bool take(struct vcx_mediate *m, enum mediate_link_state state, struct vcx_mediate_link *link)
{
    struct mediate_link *l = find(m, state);

    if (!l)
        return false;
    *link = l->link;
    forget(m, l);
    return true;
}

static bool is_wanted(const struct mediate_link *l)
{
    return l->state == LINK_WANTED || l->state == LINK_ASKED;
}

/* ---- what the caller says ---- */

bool vcx_mediate_has_links(const struct vcx_mediate *m)
{
    return m->granted && m->offered;
}

bool vcx_mediate_shorten(struct vcx_mediate *m, const struct vcx_mediate_link *link, struct pbay_str url, int64_t now)
{
    struct mediate_link *l;

    if (!vcx_mediate_has_links(m) || m->link_n >= VCX_MEDIATE_LINKS || url.n > VCX_MAX_INVITE)
        return false;
    l = add(m, LINK_WANTED, link);
    l->link.url[0] = 0;
    l->invite = pb_strndup(url);
    l->until = now + VCX_MEDIATE_LINK_MS;
    return true;
}

bool vcx_mediate_is_shortening(const struct vcx_mediate *m, const char *invitation)
{
    const struct mediate_link *l;

    DL_FOREACH (m->links, l) {
        if (is_wanted(l) && strcmp(l->link.invitation, invitation) == 0)
            return true;
    }
    return false;
}

bool vcx_mediate_take_link(struct vcx_mediate *m, struct vcx_mediate_link *link)
{
    return take(m, LINK_COME, link);
}

void vcx_mediate_invalidate(struct vcx_mediate *m, const struct vcx_mediate_link *link)
{
    const struct mediate_link *l;

    DL_FOREACH (m->links, l) {
        if (!is_wanted(l) && strcmp(l->link.url, link->url) == 0)
            return;
    }
    if (m->link_n < VCX_MEDIATE_LINKS)
        (void)add(m, LINK_DEAD, link);
}

bool vcx_mediate_take_dead(struct vcx_mediate *m, struct vcx_mediate_link *link)
{
    return take(m, LINK_GONE, link);
}

/* ---- asking ---- */

void mediate_links_expire(struct vcx_mediate *m, int64_t now)
{
    struct mediate_link *l, *next;

    DL_FOREACH_SAFE (m->links, l, next) {
        if (l->state == LINK_WANTED && now >= l->until)
            forget(m, l);
        else if (l->state == LINK_DEAD && now >= l->link.expires_at)
            l->state = LINK_GONE;
    }
}

int64_t mediate_tidy_next(const struct vcx_mediate *m)
{
    bool due = m->granted && m->conf.links && (find(m, LINK_DEAD) || !m->answered);

    return due ? INT64_MIN : INT64_MAX;
}

void mediate_tidy_send(struct vcx_mediate *m, int64_t now)
{
    struct mediate_link *l = find(m, LINK_DEAD);

    if (!l)
        (void)mediate_send(
            m, &m->tidy, MEDIATE_QUERY,
            json_pack("{s:s, s:s}", "@type", DIDCOMM "discover-features/1.0/query", "query", SHORTEN "*"), now);
    else if (mediate_send(
                 m, &m->tidy, MEDIATE_INVALIDATE,
                 json_pack("{s:s, s:s}", "@type", SHORTEN "1.0/invalidate-shortened-url", "shortened_url", l->link.url),
                 now))
        l->state = LINK_TOLD;
}

int64_t mediate_shorten_next(const struct vcx_mediate *m)
{
    return vcx_mediate_has_links(m) && find(m, LINK_WANTED) ? INT64_MIN : INT64_MAX;
}

/* Rounded down: a link does not live longer than its invitation. */
void mediate_shorten_send(struct vcx_mediate *m, int64_t now)
{
    struct mediate_link *l = find(m, LINK_WANTED);
    json_int_t seconds = (l->link.expires_at - now) / 1000;

    if (!mediate_send(m, &m->shorten, MEDIATE_SHORTEN,
                      json_pack("{s:s, s:s, s:I, s:s}", "@type", SHORTEN "1.0/request-shortened-url", "url", l->invite,
                                "requested_validity_seconds", seconds > 0 ? seconds : 1, "goal_code", "shorten.invite"),
                      now))
        return;
    l->state = LINK_ASKED;
    m->shorten.until = l->until;
}

/* ---- answers ---- */

/* Of a URL's scheme, host and port. 0 = it has none of them, or is not for HTTP. */
static size_t origin_of(const char *url)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t host = strcspn(url + scheme, "/?#");

    return scheme && host ? scheme + host : 0;
}

/* Somebody else's host would be somebody else's word. What is shown and sent by SMS has no blanks and no controls. */
static bool is_link_of(const char *grant, struct pbay_str url)
{
    size_t n = origin_of(grant);

    for (size_t i = 0; i < url.n; i++) {
        if (url.p[i] <= ' ' || url.p[i] > '~')
            return false;
    }
    return n && url.n > n + 1 && url.p[n] == '/' && strncasecmp(url.p, grant, n) == 0;
}

static bool read_link(const struct vcx_mediate *m, const json_t *message, char url[VCX_MEDIATE_LINK + 1])
{
    char why[VCX_WHY];
    struct pbay_str text = vcx_json_str(message, "shortened_url", VCX_MEDIATE_LINK, why);

    if (!text.p || !is_link_of(m->grant.endpoint, text))
        return false;
    memcpy(url, text.p, text.n);
    url[text.n] = 0;
    return true;
}

/* Which invitation it is for, only its thread says. */
static bool on_shortened(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    struct vcx_mediate_link late = {.expires_at = now + VCX_MEDIATE_LINK_LATE};
    struct mediate_link *l = find(m, LINK_ASKED);
    bool good = read_link(m, message, late.url);

    if (m->shorten.ask != MEDIATE_SHORTEN || !mediate_is_thread(&m->shorten, message, "thid")) {
        if (good)
            vcx_mediate_invalidate(m, &late);
        return true;
    }
    mediate_free(&m->shorten, now);
    if (good) {
        memcpy(l->link.url, late.url, sizeof l->link.url);
        l->state = LINK_COME;
    } else {
        forget(m, l);
    }
    return true;
}

static bool on_features(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    const json_t *list = json_object_get(message, "protocols"), *protocol;
    size_t i;

    if (m->tidy.ask != MEDIATE_QUERY || !mediate_is_thread(&m->tidy, message, "thid"))
        return false;
    m->answered = true;
    json_array_foreach(list, i, protocol)
    {
        m->offered |= vcx_json_is_type(json_object_get(protocol, "pid"), "shorten-url", 1, NULL);
    }
    mediate_free(&m->tidy, now);
    return true;
}

static void end_told(struct vcx_mediate *m, int64_t now)
{
    find(m, LINK_TOLD)->state = LINK_GONE;
    mediate_free(&m->tidy, now);
}

static bool on_ack(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    if (m->tidy.ask != MEDIATE_INVALIDATE || !mediate_is_thread(&m->tidy, message, "thid"))
        return false;
    end_told(m, now);
    return true;
}

bool mediate_links_receive(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    static const struct {
        const char *family, *name;
        bool (*handle)(struct vcx_mediate *, const json_t *, int64_t);
    } rows[] = {{"discover-features", "disclose", on_features},
                {"shorten-url", "shortened-url", on_shortened},
                {"notification", "ack", on_ack}};

    for (size_t i = 0; m->conf.links && i < sizeof rows / sizeof *rows; i++) {
        if (vcx_json_is_type(json_object_get(message, "@type"), rows[i].family, 1, rows[i].name))
            return rows[i].handle(m, message, now);
    }
    return false;
}

/* It knows nothing of features, and so makes no links; or it does not have this one. */
void mediate_tidy_problem(struct vcx_mediate *m, int64_t now)
{
    if (m->tidy.ask == MEDIATE_INVALIDATE) {
        end_told(m, now);
    } else {
        m->answered = true;
        mediate_free(&m->tidy, now);
    }
}

void mediate_tidy_lost(struct vcx_mediate *m, int64_t now)
{
    struct mediate_link *l = find(m, LINK_TOLD);

    if (l)
        l->state = LINK_DEAD;
    mediate_back_off(m, &m->tidy, now, VCX_MEDIATE_FIRST_MS, l ? VCX_MEDIATE_LAST_MS : VCX_MEDIATE_QUERY_MS);
}

void mediate_shorten_lost(struct vcx_mediate *m, int64_t now)
{
    forget(m, find(m, LINK_ASKED));
    mediate_free(&m->shorten, now);
}
