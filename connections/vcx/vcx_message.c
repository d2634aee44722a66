#include "connections/vcx/vcx_message.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "connections/vcx/vcx_sig.h"

#define DIDCOMM "https://didcomm.org/"

/* ---- parts ---- */

/* `object` with one more member, whose value is given away. NULL = one of the two was NULL, or out of memory. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
    if (object && value && json_object_set_new(object, key, value) == 0)
        return object;
    if (!object)
        json_decref(value);
    json_decref(object);
    return NULL;
}

static json_t *message_of(const char *type, const struct vcx_head *h)
{
    json_t *message = json_pack("{s:s+, s:s}", "@type", DIDCOMM, type, "@id", h->id);

    if (!h->thid && !h->pthid)
        return message;
    return with(message, "~thread", json_pack("{s:s*, s:s*}", "thid", h->thid, "pthid", h->pthid));
}

/* DID and document, as connections 1.0 has them. */
static json_t *connection_of(const struct vcx_address *address, char did[VCX_MAX_SHORT])
{
    vcx_sov_text(address->key, did);
    return with(json_pack("{s:s}", "DID", did), "DIDDoc", vcx_doc_make(address));
}

static json_t *peer4_of(const struct vcx_address *address, char did[VCX_MAX_SHORT])
{
    struct pb_buf text = {0};
    json_t *json = vcx_peer4_make(&text, did, address) ? json_stringn((char *)text.p, text.n) : NULL;

    pb_buf_fini(&text);
    return json;
}

/* ---- handshakes ---- */

json_t *vcx_message_request(enum vcx_protocol protocol, const struct vcx_head *head, const char *label,
                            const struct vcx_address *address, char did[VCX_MAX_SHORT])
{
    if (protocol == VCX_CONNECTIONS)
        return with(with(message_of("connections/1.0/request", head), "label", json_string(label)), "connection",
                    connection_of(address, did));
    return with(with(message_of("didexchange/1.1/request", head), "label", json_string(label)), "did",
                peer4_of(address, did));
}

/* The long DID, and the same signed. */
static json_t *rotated_response(const struct vcx_head *head, json_t *did, const struct vcx_signing *signing)
{
    struct pbay_str text = {json_string_value(did), json_string_length(did)};
    json_t *attachment = did ? vcx_attach_make(signing->attachment, "text/string", text, signing->secret) : NULL;

    return with(with(message_of("didexchange/1.1/response", head), "did", did), "did_rotate~attach", attachment);
}

json_t *vcx_message_response(enum vcx_protocol protocol, const struct vcx_head *head, const struct vcx_address *address,
                             const struct vcx_signing *signing, char did[VCX_MAX_SHORT])
{
    json_t *connection, *message;

    if (protocol == VCX_DIDEXCHANGE)
        return rotated_response(head, peer4_of(address, did), signing);
    connection = connection_of(address, did);
    message = with(message_of("connections/1.0/response", head), "connection~sig",
                   vcx_sig_make(connection, signing->seconds, signing->secret));
    json_decref(connection);
    return message;
}

json_t *vcx_message_complete(const struct vcx_head *head)
{
    return message_of("didexchange/1.1/complete", head);
}

json_t *vcx_message_ack(const struct vcx_head *head)
{
    return with(message_of("notification/1.0/ack", head), "status", json_string("OK"));
}

/* The code stands twice: where RFC 0160 and RFC 0023 have it, and where RFC 0035 has it. */
json_t *vcx_message_problem(enum vcx_protocol protocol, const struct vcx_head *head, const char *code,
                            const char *explain)
{
    static const char *const types[] = {[VCX_AUTO] = "report-problem/1.0/problem-report",
                                        [VCX_CONNECTIONS] = "connections/1.0/problem_report",
                                        [VCX_DIDEXCHANGE] = "didexchange/1.1/problem_report"};
    json_t *message = with(message_of(types[protocol], head), "problem-code", json_string(code));

    return with(with(message, "explain", json_string(explain)), "description",
                json_pack("{s:s, s:s}", "code", code, "en", explain));
}

/* ---- talk ---- */

json_t *vcx_message_ping(const struct vcx_head *head, const char *comment)
{
    json_t *message = with(message_of("trust_ping/1.0/ping", head), "response_requested", json_true());

    return comment ? with(message, "comment", json_string(comment)) : message;
}

json_t *vcx_message_pong(const struct vcx_head *head)
{
    return message_of("trust_ping/1.0/ping_response", head);
}

json_t *vcx_message_text(const struct vcx_head *head, struct pbay_str content, int64_t now)
{
    const time_t seconds = (time_t)(now / 1000);
    struct tm tm = {0};
    char day[32], sent[40];
    json_t *message = message_of("basicmessage/1.0/message", head);

    (void)gmtime_r(&seconds, &tm);
    (void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(sent, sizeof sent, "%s.%03dZ", day, (int)(now % 1000));
    message = with(with(message, "~l10n", json_pack("{s:s}", "locale", "en")), "sent_time", json_string(sent));
    return with(message, "content", json_stringn(content.n ? content.p : "", content.n));
}

/* ---- features ---- */

static const char *const protocols[] = {
    DIDCOMM "connections/1.0",  DIDCOMM "out-of-band/1.1",  DIDCOMM "didexchange/1.1",      DIDCOMM "trust_ping/1.0",
    DIDCOMM "basicmessage/1.0", DIDCOMM "notification/1.0", DIDCOMM "discover-features/1.0"};

json_t *vcx_message_query(const struct vcx_head *head, const char *query, const char *comment)
{
    json_t *message = with(message_of("discover-features/1.0/query", head), "query", json_string(query));

    return comment ? with(message, "comment", json_string(comment)) : message;
}

static bool is_about(struct pbay_str query, const char *protocol)
{
    struct pbay_str begin = {query.p, query.n && query.p[query.n - 1] == '*' ? query.n - 1 : query.n};

    if (begin.n == query.n)
        return pbay_str_eq(query, pbay_str(protocol));
    return begin.n <= strlen(protocol) && memcmp(begin.p, protocol, begin.n) == 0;
}

static void disclose(json_t *list, struct pbay_str query, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_about(query, names[i]))
            json_array_append_new(list, json_pack("{s:s}", "pid", names[i]));
    }
}

json_t *vcx_message_disclose(const struct vcx_head *head, struct pbay_str query, const char *const *more, size_t more_n)
{
    json_t *list = json_array();

    disclose(list, query, protocols, sizeof protocols / sizeof *protocols);
    disclose(list, query, more, more_n);
    return with(message_of("discover-features/1.0/disclose", head), "protocols", list);
}

json_t *vcx_message_protocols(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        json_array_append_new(list, json_string(protocols[i]));
    return list;
}
