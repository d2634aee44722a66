/* What a connection package calls. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/conn_int.h"
#include "schema/visibility.h"

#define MAX_LINE 512 /* bytes of a log line */

enum pbay_err conn_settle(struct pbay_link *link, uint64_t tag, enum pbay_err err, const char *text)
{
    struct conn_pending *p;
    enum pbay_err result = PBAY_OK;

    pb_link_lock(&link->io);
    HASH_FIND(hh, link->pending, &tag, sizeof tag, p);
    if (p) {
        HASH_DELETE(hh, link->pending, p);
        conn_finish(link, p->held, err, text);
        free(p);
    } else if (tag && link->sending.tag == tag && !link->sending.settled) {
        link->sending.settled = true; /* another thread was faster than send's return */
        link->sending.err = err;
        snprintf(link->sending.text, sizeof link->sending.text, "%s", text);
    } else {
        result = PBAY_INVALID;
    }
    if (err && err != PBAY_MALFORMED && !result)
        conn_failed(link, text);
    pb_link_unlock(&link->io, true);
    return result;
}

PBAY_API enum pbay_err pbay_link_settle(struct pbay_link *link, uint64_t tag, enum pbay_err err)
{
    return conn_settle(link, tag, err, pbay_err_text(err));
}

PBAY_API enum pbay_err pbay_link_settle_why(struct pbay_link *link, uint64_t tag, enum pbay_err err, const char *format,
                                            ...)
{
    char why[CONN_WHY];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return conn_settle(link, tag, err, why);
}

PBAY_API void pbay_link_timer(struct pbay_link *link, int ms)
{
    link->timer_at = ms < 0 ? INT64_MAX : pb_now() + ms;
}

PBAY_API void pbay_link_wake(struct pbay_link *link)
{
    if (!atomic_exchange(&link->woken, true))
        pb_link_wake(&link->io);
}

static void put_line(const struct pbay_link *link, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* One write for one line, so that lines of several processes do not mix. */
static void put_line(const struct pbay_link *link, const char *format, va_list args)
{
    char text[MAX_LINE];

    vsnprintf(text, sizeof text, format, args);
    fprintf(stderr, "%s: %s\n", link->conf->name, text);
}

PBAY_API enum pbay_err pbay_link_fail(struct pbay_link *link, enum pbay_err code, const char *format, ...)
{
    char *workers = conn_sync_why(link), *why = workers ? workers : link->why;
    va_list args;

    va_start(args, format);
    vsnprintf(why, CONN_WHY, format, args);
    va_end(args);
    pbay_link_log(link, "%s", why);
    return code;
}

PBAY_API void pbay_link_log(struct pbay_link *link, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_line(link, format, args);
    va_end(args);
}

PBAY_API const char *pbay_link_config(struct pbay_link *link, const char *name, const char *fallback)
{
    const struct pbay_conf_value *v = pbay_conn_conf_find(link->conf, name);

    return v && v->text ? v->text : fallback;
}

PBAY_API int64_t pbay_link_config_int(struct pbay_link *link, const char *name, int64_t fallback)
{
    const char *text = pbay_link_config(link, name, NULL);
    char *end;
    long long v;

    if (!text)
        return fallback;
    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == 0)
        return v;
    pbay_link_log(link, "config.%s: expected an integer, found '%s'; %lld is used", name, text, (long long)fallback);
    return fallback;
}

PBAY_API bool pbay_link_config_bool(struct pbay_link *link, const char *name, bool fallback)
{
    const char *text = pbay_link_config(link, name, NULL);

    if (!text)
        return fallback;
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        return strcasecmp(text, "true") == 0;
    pbay_link_log(link, "config.%s: expected true or false, found '%s'; %s is used", name, text,
                  fallback ? "true" : "false");
    return fallback;
}

PBAY_API const char *pbay_link_data_dir(struct pbay_link *link)
{
    return link->data_dir;
}

PBAY_API const char *pbay_link_public_id(struct pbay_link *link)
{
    return link->conf->public_id_text;
}

PBAY_API const char *pbay_link_agent(struct pbay_link *link)
{
    return link->agent;
}

PBAY_API const char *pbay_link_instance(struct pbay_link *link)
{
    return link->instance;
}
