#include "connections/vcx/vcx_sms.h"

#include <assert.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_client/client_text.h"
#include "connections/http_server/http_text.h"

#define COUNT(table)  (sizeof(table) / sizeof *(table))
#define PHONE         "{phone}"
#define LINK          "{url}"
#define MIN_DIGITS    7
#define MAX_DIGITS    15
#define ESCAPED       3 /* bytes that one may become */
#define EXAMPLE_PHONE "+15550100000"
#define EXAMPLE_LINK  "https://example.org/i/1"

/* ---- the body ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c);
}

/* Both are visible ASCII. `out` has the room, so that no part of it is left behind in memory. */
static void add_value(struct pb_buf *out, enum vcx_sms_form form, struct pbay_str s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escaped[] = {'%', digits[c >> 4], digits[c & 0xf]};

        if (form == VCX_SMS_FORM && !is_plain(s.p[i])) {
            pb_buf_add(out, escaped, sizeof escaped);
            continue;
        }
        if (form == VCX_SMS_JSON && (c == '"' || c == '\\'))
            pb_buf_add(out, "\\", 1);
        pb_buf_add(out, &c, 1);
    }
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    while ((text = strstr(text, what))) {
        text += strlen(what);
        n++;
    }
    return n;
}

/* One allocation, as large as it may become. */
static struct pb_buf fill(const struct vcx_sms *sms, struct pbay_str phone, struct pbay_str link)
{
    const char *p = sms->body_template;
    struct pb_buf out = {0};
    const uint8_t *memory;

    pb_buf_grow(&out, strlen(p) + ESCAPED * (count(p, PHONE) * phone.n + count(p, LINK) * link.n));
    memory = out.p;
    out.n = 0;
    while (*p) {
        bool is_phone = strncmp(p, PHONE, strlen(PHONE)) == 0, is_link = strncmp(p, LINK, strlen(LINK)) == 0;

        if (is_phone || is_link)
            add_value(&out, sms->form, is_phone ? phone : link);
        else
            pb_buf_add(&out, p, 1);
        p += is_phone ? strlen(PHONE) : is_link ? strlen(LINK) : 1;
    }
    assert(out.p == memory);
    return out;
}

/* ---- the configuration ---- */

static bool load_url(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY])
{
    char reason[VCX_WHY];
    CURLU *url = vcx_guard_url(pbay_str(config->url), reason);

    if (!url)
        return vcx_why(why, "url: %.200s", reason);
    curl_url_cleanup(url);
    sms->url = pb_strndup(pbay_str(config->url));
    return true;
}

static bool load_method(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY])
{
    const char *method = config->method ? config->method : "POST";

    if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)
        return vcx_why(why, "method: expected POST or PUT");
    sms->method = pb_strndup(pbay_str(method));
    return true;
}

/* The part before its parameters decides. */
static bool read_form(struct vcx_sms *sms, struct pbay_str type)
{
    static const char *const names[] = {
        [VCX_SMS_FORM] = "application/x-www-form-urlencoded",
        [VCX_SMS_JSON] = "application/json",
    };
    const char *end = memchr(type.p, ';', type.n);

    if (end)
        type.n = (size_t)(end - type.p);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (http_is_same(http_trim(type), names[i])) {
            sms->form = (enum vcx_sms_form)i;
            return true;
        }
    }
    return false;
}

static bool load_headers(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY])
{
    struct pbay_str text = pbay_str(config->headers), name, value;
    unsigned n = 0, n_types = 0;
    enum http_line line;

    while ((line = http_next_line(&text, &name, &value)) == HTTP_LINE) {
        if (++n > VCX_SMS_HEADERS)
            return vcx_why(why, "headers: expected at most %d lines", VCX_SMS_HEADERS);
        if (client_is_own_header(name))
            return vcx_why(why, "headers: line %u is the connection's own affair", n);
        if (value.n == 0)
            return vcx_why(why, "headers: line %u has no value", n);
        if (http_is_same(name, "Content-Type"))
            n_types += read_form(sms, value) ? 1 : VCX_SMS_HEADERS;
    }
    if (line == HTTP_BAD_LINE)
        return vcx_why(why, "headers: line %u is not `Name: value`", n + 1);
    if (n_types != 1)
        return vcx_why(why,
                       "headers: expected one Content-Type: application/x-www-form-urlencoded or application/json");
    sms->headers = pb_strndup(pbay_str(config->headers));
    return true;
}

/* A body of JSON must be JSON once the values are in it. */
static bool check_json(const struct vcx_sms *sms)
{
    struct pb_buf body = fill(sms, pbay_str(EXAMPLE_PHONE), pbay_str(EXAMPLE_LINK));
    json_t *json = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json != NULL;

    json_decref(json);
    pb_buf_fini(&body);
    return ok;
}

static bool load_template(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY])
{
    struct pbay_str text = pbay_str(config->body_template);

    if (text.n == 0 || text.n > VCX_SMS_TEMPLATE)
        return vcx_why(why, "body_template: expected 1 to %d bytes", VCX_SMS_TEMPLATE);
    sms->body_template = pb_strndup(text);
    if (!count(sms->body_template, PHONE) || !count(sms->body_template, LINK))
        return vcx_why(why, "body_template: expected " PHONE " and " LINK " in it");
    if (sms->form == VCX_SMS_JSON && !check_json(sms))
        return vcx_why(why, "body_template: it is no JSON when " PHONE " and " LINK " are filled in within strings");
    return true;
}

bool vcx_sms_load(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY])
{
    *sms = (struct vcx_sms){.allow_private = config->allow_private};
    return load_url(sms, config, why) && load_method(sms, config, why) && load_headers(sms, config, why) &&
           load_template(sms, config, why);
}

/* The gateway's secret is in its headers. */
void vcx_sms_fini(struct vcx_sms *sms)
{
    if (sms->headers)
        sodium_memzero(sms->headers, strlen(sms->headers));
    free(sms->url);
    free(sms->method);
    free(sms->headers);
    free(sms->body_template);
    *sms = (struct vcx_sms){0};
}

/* ---- sending ---- */

bool vcx_sms_is_phone(struct pbay_str phone)
{
    if (phone.n < 1 + MIN_DIGITS || phone.n > 1 + MAX_DIGITS || phone.p[0] != '+' || phone.p[1] == '0')
        return false;
    for (size_t i = 1; i < phone.n; i++) {
        if (phone.p[i] < '0' || phone.p[i] > '9')
            return false;
    }
    return true;
}

enum vcx_error vcx_sms_send(const struct vcx_sms *sms, struct vcx_post *post, uint64_t tag, struct pbay_str phone,
                            struct pbay_str link, char why[VCX_WHY])
{
    struct vcx_post_request request = {.url = pbay_str(sms->url),
                                       .method = sms->method,
                                       .headers = pbay_str(sms->headers),
                                       .allow_private = sms->allow_private,
                                       .drop_body = true};

    if (!vcx_sms_is_phone(phone)) {
        vcx_why(why, "phone: expected an E.164 number, + and %d to %d digits", MIN_DIGITS, MAX_DIGITS);
        return VCX_E_OPTION;
    }
    if (link.n > VCX_SMS_LINK || !client_is_url(link)) {
        vcx_why(why, "expected a link of at most %d bytes, http:// or https://", VCX_SMS_LINK);
        return VCX_E_OPTION;
    }
    request.body = fill(sms, phone, link);
    return vcx_post_begin(post, tag, &request, why) == VCX_POST_OK ? VCX_OK : VCX_E_POST;
}

enum vcx_error vcx_sms_result(const struct vcx_post_reply *reply)
{
    return reply->result == VCX_POST_OK ? VCX_OK : VCX_E_POST;
}
