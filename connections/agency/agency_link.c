/* Short links (shorten-url 1.0): an invitation's URL behind one that can be typed. Only invitations are taken, and they
 * are shown, never redirected to: the agency is nobody's cover. */
#include <stdio.h>
#include <string.h>

#include "connections/agency/agency_int.h"
#include "connections/vcx/vcx_invite.h"

#define FAMILY "shorten-url/1.0/"
#define PATH   "/i/"

static void make_uid(struct agency *a, char uid[AGENCY_UID])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bits[(AGENCY_UID - 1) / 2];

    vcx_random_fill(a->conf.random, bits, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++) {
        uid[2 * i] = digits[bits[i] >> 4];
        uid[2 * i + 1] = digits[bits[i] & 15];
    }
    uid[AGENCY_UID - 1] = 0;
}

/* A URL with an invitation that others can follow? */
static bool is_invitation(struct pbay_str url)
{
    struct vcx_invite invite = {.json = NULL};
    char why[VCX_WHY];
    bool good = url.p && url.n <= AGENCY_MAX_LINK && url.p[0] != '{' && vcx_invite_read(&invite, url, why) == VCX_OK &&
                invite.kind != VCX_INVITE_DETAILS;

    vcx_invite_fini(&invite);
    return good;
}

static int64_t validity_of(const struct agency_talk *t)
{
    const json_t *wish = json_object_get(t->message, "requested_validity_seconds");
    int64_t most = INT64_C(3600) * t->a->conf.limits.link_hours;
    int64_t seconds = json_is_integer(wish) ? json_integer_value(wish) : 0;

    return seconds < 1 || seconds > most ? most : seconds;
}

void agency_on_shorten(struct agency_talk *t)
{
    const json_t *url = json_object_get(t->message, "url");
    struct pbay_str text = {json_string_value(url), json_string_length(url)};
    struct agency *a = t->a;
    int64_t expires_at = t->now + 1000 * validity_of(t);
    char uid[AGENCY_UID], link[VCX_MAX_URL + AGENCY_UID + sizeof PATH];

    if (!is_invitation(text)) {
        agency_problem(t, "invalid-url", "url has no invitation in it, or is too long");
        return;
    }
    if (t->client->links >= a->conf.limits.links) {
        agency_problem(t, "too-many-links", "there are as many short links as a client may have");
        return;
    }
    make_uid(a, uid);
    store_add_link(a->conf.db, uid, t->client->id, text, expires_at);
    snprintf(link, sizeof link, "%s" PATH "%s", a->conf.url, uid);
    t->answer = agency_message(a, FAMILY "shortened-url", t->thid,
                               json_pack("{s:s, s:o}", "shortened_url", link, "expires_time", agency_time(expires_at)));
}

/* NULL = it is none of ours. */
static const char *uid_of(const struct agency *a, const json_t *link)
{
    const char *text = json_string_value(link);
    size_t n = strlen(a->conf.url);

    if (!text || strncmp(text, a->conf.url, n) != 0 || strncmp(text + n, PATH, strlen(PATH)) != 0)
        return NULL;
    return text + n + strlen(PATH);
}

/* Another's link is as unknown as none. */
void agency_on_invalidate(struct agency_talk *t)
{
    const char *uid = uid_of(t->a, json_object_get(t->message, "shortened_url"));
    struct agency_link link = {.used = false};

    if (uid && store_link(t->a->conf.db, uid, &link) && strcmp(link.client, t->client->id) == 0) {
        store_use_link(t->a->conf.db, uid);
        store_trim_links(t->a->conf.db, t->client->id, t->a->conf.limits.links);
        t->answer = agency_message(t->a, "notification/1.0/ack", t->thid, json_pack("{s:s}", "status", "OK"));
    } else {
        agency_problem(t, "invalid-shortened-url", "there is no such short link of this client");
    }
    pb_buf_fini(&link.url);
}

unsigned agency_open_link(struct agency *a, const char *uid, int64_t now, struct pb_buf *url)
{
    struct agency_link link;
    unsigned status = 404;
    char why[VCX_WHY];

    vcx_db_begin(a->conf.db);
    if (store_link(a->conf.db, uid, &link))
        status = link.used || now >= link.expires_at ? 410 : 200;
    if (!vcx_db_commit(a->conf.db, why))
        status = 503;
    if (status == 200)
        pb_buf_add(url, link.url.p, link.url.n);
    pb_buf_fini(&link.url);
    return status;
}
