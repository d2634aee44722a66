/* Values of `config` that most packages read alike. Only calls of pbay_conn.h are used here. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/pbay_conn.h"
#include "schema/buf.h"
#include "schema/visibility.h"

PBAY_API enum pbay_err pbay_link_expected(struct pbay_link *link, const char *key, const char *what, const char *found)
{
    return pbay_link_fail(link, PBAY_CONFIG, "config.%s: expected %s, found %s", key, what,
                          !found   ? "nothing"
                          : *found ? found
                                   : "an empty text");
}

static enum pbay_err read_number(struct pbay_link *link, const struct pbay_config_number *number, uint32_t *out)
{
    const char *text = pbay_link_config(link, number->key, NULL);
    char what[48], *end;
    long long v;

    *out = number->fallback;
    if (!text)
        return PBAY_OK;
    errno = 0;
    v = strtoll(text, &end, 10);
    snprintf(what, sizeof what, "%u to %u", number->min, number->max);
    if (errno || end == text || *end || v < number->min || v > number->max)
        return pbay_link_expected(link, number->key, what, text);
    *out = (uint32_t)v;
    return PBAY_OK;
}

PBAY_API enum pbay_err pbay_link_config_numbers(struct pbay_link *link, const struct pbay_config_number *numbers,
                                                size_t n, void *base)
{
    enum pbay_err err = PBAY_OK;

    for (size_t i = 0; i < n && !err; i++)
        err = read_number(link, &numbers[i], (uint32_t *)(void *)((char *)base + numbers[i].offset));
    return err;
}

PBAY_API char *pbay_link_path(struct pbay_link *link, const char *key, const char *value)
{
    char path[PATH_MAX];
    int n = value[0] == '/' ? snprintf(path, sizeof path, "%s", value)
                            : snprintf(path, sizeof path, "%s/%s", pbay_link_data_dir(link), value);

    if (*value && n > 0 && (size_t)n < sizeof path)
        return pb_strndup(pbay_str(path));
    (void)pbay_link_expected(link, key, *value ? "a shorter path" : "the path of a file", value);
    return NULL;
}
