#include "connections/webhook/web_link.h"

#include <stddef.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct web_limits, member)

enum pbay_err web_limits_load(struct web_limits *limits, struct pbay_link *link)
{
    static const struct pbay_config_number numbers[] = {
        {"max_connections", AT(max_connections), 512, 1, 65536},
        {"max_connections_per_address", AT(max_connections_per_address), 32, 1, 65536},
        {"max_header_bytes", AT(max_header_bytes), 8192, 256, 65536},
        {"request_timeout", AT(request_timeout), 10, 1, 3600},
    };

    return pbay_link_config_numbers(link, numbers, COUNT(numbers), limits);
}

static void wake(void *link)
{
    pbay_link_timer(link, 0);
}

static void log_line(void *link, const char *line)
{
    pbay_link_log(link, "%s", line);
}

enum pbay_err web_link_start(struct web *w, struct pbay_link *link, const struct web_opt *opt)
{
    struct web_opt own = *opt;
    char why[WEB_WHY];
    enum pbay_err err;

    own.wake = wake;
    own.log = log_line;
    own.process = link;
    err = web_start(w, &own, why);
    return err ? pbay_link_fail(link, err, "%s", why) : PBAY_OK;
}

void web_set_timer(struct pbay_link *link, int64_t due)
{
    int64_t now = web_now(), left = due > now ? due - now : 1; /* never 0: the others have their turn first */

    if (left > INT32_MAX)
        left = INT32_MAX;
    pbay_link_timer(link, due == WEB_NEVER ? -1 : (int)left);
}
