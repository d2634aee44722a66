#include "connections/http_client/client_config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/buf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct client_config, member)
#define MAX_SECONDS  86400

static const struct number {
    const char *key;
    size_t offset;
    uint32_t fallback, min, max;
} numbers[] = {
    {"timeout", AT(timeout), 300, 1, MAX_SECONDS},
    {"connect_timeout", AT(connect_timeout), 30, 1, MAX_SECONDS},
    {"drain_timeout", AT(drain_timeout), 5, 0, MAX_SECONDS},
    {"max_redirects", AT(max_redirects), 10, 0, 100},
    {"max_requests", AT(max_requests), 256, 1, 1024}, /* as many answers as the runtime keeps */
    {"max_per_host", AT(max_per_host), 64, 1, 1024},
    {"max_response", AT(max_response), 1U << 20, 0, CLIENT_MAX_RESPONSE},
    {"max_header_bytes", AT(max_header_bytes), 65536, 256, 262144},
    {"max_body_total", AT(max_body_total), 64U << 20, 1, 1U << 30},
};

static enum pbay_err expected(struct pbay_link *link, const char *key, const char *what, const char *found)
{
    return pbay_link_fail(link, PBAY_CONFIG, "config.%s: expected %s, found %s", key, what, found);
}

static enum pbay_err load_number(struct client_config *config, struct pbay_link *link, const struct number *number)
{
    const char *text = pbay_link_config(link, number->key, NULL);
    uint32_t *out = (uint32_t *)(void *)((char *)config + number->offset);
    char what[48], *end;
    long long v;

    *out = number->fallback;
    if (!text)
        return PBAY_OK;
    errno = 0;
    v = strtoll(text, &end, 10);
    snprintf(what, sizeof what, "%u to %u", number->min, number->max);
    if (errno || end == text || *end || v < number->min || v > number->max)
        return expected(link, number->key, what, text);
    *out = (uint32_t)v;
    return PBAY_OK;
}

/* Looked at now: libcurl would only say at the first request that it is not there. */
static enum pbay_err load_ca_file(struct client_config *config, struct pbay_link *link)
{
    const char *value = pbay_link_config(link, "ca_file", NULL);
    char path[PATH_MAX];
    int fd, n;

    if (!value)
        return PBAY_OK;
    n = value[0] == '/' ? snprintf(path, sizeof path, "%s", value)
                        : snprintf(path, sizeof path, "%s/%s", pbay_link_data_dir(link), value);
    if (!*value || n < 0 || (size_t)n >= sizeof path)
        return expected(link, "ca_file", "the path of a file", *value ? value : "an empty text");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pbay_link_fail(link, PBAY_IO, "config.ca_file: read %s: %s", path, strerror(errno));
    close(fd);
    config->ca_file = pb_strndup(pbay_str(path));
    return PBAY_OK;
}

enum pbay_err client_config_load(struct client_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct client_config){0};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        err = load_number(config, link, &numbers[i]);
        if (err)
            return err;
    }
    config->verify_tls = pbay_link_config_bool(link, "verify_tls", true);
    return load_ca_file(config, link);
}

void client_config_fini(struct client_config *config)
{
    free(config->ca_file);
    config->ca_file = NULL;
}
