#include "connections/http_client/client_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct client_config, member)
#define MAX_SECONDS  86400

static const struct pbay_config_number numbers[] = {
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

/* Looked at now: libcurl would only say at the first request that it is not there. */
static enum pbay_err load_ca_file(struct client_config *config, struct pbay_link *link)
{
    const char *value = pbay_link_config(link, "ca_file", NULL);
    int fd;

    if (!value)
        return PBAY_OK;
    config->ca_file = pbay_link_path(link, "ca_file", value);
    if (!config->ca_file)
        return PBAY_CONFIG;
    fd = open(config->ca_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pbay_link_fail(link, PBAY_IO, "config.ca_file: read %s: %s", config->ca_file, strerror(errno));
    close(fd);
    return PBAY_OK;
}

enum pbay_err client_config_load(struct client_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct client_config){0};
    err = pbay_link_config_numbers(link, numbers, COUNT(numbers), config);
    if (err)
        return err;
    config->verify_tls = pbay_link_config_bool(link, "verify_tls", true);
    return load_ca_file(config, link);
}

void client_config_fini(struct client_config *config)
{
    free(config->ca_file);
    config->ca_file = NULL;
}
