/* Which message is whose. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "connections/agency/agency_int.h"

#define DIDCOMM "https://didcomm.org/"

json_t *agency_message(struct agency *a, const char *type, const char *thid, json_t *members)
{
    char id[VCX_UUID], text[128];
    json_t *message;

    snprintf(text, sizeof text, DIDCOMM "%s", type);
    vcx_uuid(a->conf.random, id);
    message = json_pack("{s:s, s:s, s:{s:s}}", "@type", text, "@id", id, "~thread", "thid", thid);
    if (members)
        json_object_update(message, members);
    json_decref(members);
    return message;
}

void agency_problem(struct agency_talk *t, const char *code, const char *explain)
{
    t->answer = agency_message(
        t->a, "report-problem/1.0/problem-report", t->thid,
        json_pack("{s:{s:s, s:s}, s:s}", "description", "code", code, "en", explain, "explain", explain));
}

json_t *agency_time(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    char text[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

bool agency_read_key(const json_t *message, const char *member, uint8_t key[VCX_KEY], bool *has)
{
    const json_t *text = json_object_get(message, member);

    *has = vcx_json_has(message, member);
    if (!*has)
        return true;
    return json_is_string(text) &&
           vcx_key_parse((struct pbay_str){json_string_value(text), json_string_length(text)}, key);
}

struct row {
    const char *family, *name;
    unsigned major;
    bool granted; /* only for those who are */
    void (*handle)(struct agency_talk *t);
};

static const struct row rows[] = {
    {"coordinate-mediation", "mediate-request", 1, false, agency_on_mediate},
    {"coordinate-mediation", "keylist-update", 1, true, agency_on_keylist_update},
    {"coordinate-mediation", "keylist-query", 1, true, agency_on_keylist_query},
    {"messagepickup", "status-request", 2, false, agency_on_status},
    {"messagepickup", "delivery-request", 2, false, agency_on_delivery},
    {"messagepickup", "messages-received", 2, false, agency_on_received},
    {"messagepickup", "live-delivery-change", 2, false, agency_on_live},
    {"messagepickup", "status-request", 1, false, agency_on_old_status},
    {"messagepickup", "batch-pickup", 1, false, agency_on_batch},
    {"messagepickup", "noop", 1, false, agency_on_noop},
    {"shorten-url", "request-shortened-url", 1, true, agency_on_shorten},
    {"shorten-url", "invalidate-shortened-url", 1, true, agency_on_invalidate},
};

/* What is unknown and in a thread may be about something that we have said, a problem report even: two who answer each
 * other's reports would never end. */
void agency_talk(struct agency_talk *t)
{
    const json_t *type = json_object_get(t->message, "@type");

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!vcx_json_is_type(type, rows[i].family, rows[i].major, rows[i].name))
            continue;
        if (rows[i].granted && !t->client->granted)
            agency_problem(t, "not-granted", "mediation has to be asked for first, and granted");
        else
            rows[i].handle(t);
        return;
    }
    if (!vcx_json_has(t->message, "~thread"))
        agency_problem(t, "message-type-not-supported", "the agency does not know this kind of message");
}
