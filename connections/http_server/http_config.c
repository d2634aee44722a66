#include "connections/http_server/http_config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/buf.h"

#define COUNT(table)    (sizeof(table) / sizeof *(table))
#define AT(member)      offsetof(struct http_config, member)
#define DEFAULT_TIMEOUT 10.0
#define MAX_TIMEOUT     86400.0
#define MAX_SECONDS     86400

static const struct pbay_config_number numbers[] = {
    {"port", AT(port), 8000, 0, 65535},
    {"max_connections", AT(max_connections), 4096, 1, 65536},
    {"max_connections_per_address", AT(max_connections_per_address), 32, 1, 65536},
    {"max_in_flight", AT(max_in_flight), 256, 1, 1024}, /* as many as the runtime keeps */
    {"max_request_line", AT(max_request_line), 4096, 64, 65536},
    {"max_header_bytes", AT(max_header_bytes), 8192, 256, 65536},
    {"max_headers", AT(max_headers), 64, 1, 1000},
    {"max_body_bytes", AT(max_body_bytes), 1U << 20, 0, 64U << 20},
    {"max_body_total", AT(max_body_total), 64U << 20, 1, 1U << 30},
    {"header_timeout", AT(header_timeout), 5, 1, MAX_SECONDS},
    {"idle_timeout", AT(idle_timeout), 15, 1, MAX_SECONDS},
    {"min_body_rate", AT(min_body_rate), 1024, 1, 1U << 30},
};

static enum pbay_err load_timeout(struct http_config *config, struct pbay_link *link)
{
    const char *text = pbay_link_config(link, "timeout", NULL);
    double v = DEFAULT_TIMEOUT;
    char *end;

    if (text) {
        v = strtod(text, &end);
        if (end == text || *end || !isfinite(v) || v <= 0 || v > MAX_TIMEOUT)
            return pbay_link_expected(link, "timeout", "seconds above 0, at most 86400", text);
    }
    config->timeout_ms = (uint32_t)ceil(v * 1000);
    return PBAY_OK;
}

static enum pbay_err load_encoding(struct http_config *config, struct pbay_link *link)
{
    const char *text = pbay_link_config(link, "encoding", "protobuf");

    config->encoding = strcmp(text, "msgpack") == 0 ? PBAY_MSGPACK : PBAY_PROTOBUF;
    if (config->encoding == PBAY_PROTOBUF && strcmp(text, "protobuf") != 0)
        return pbay_link_expected(link, "encoding", "protobuf or msgpack", text);
    return PBAY_OK;
}

static enum pbay_err load_texts(struct http_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    config->host = pbay_link_config(link, "host", "127.0.0.1");
    config->reuse_port = pbay_link_config_bool(link, "reuse_port", false);
    if (!*config->host)
        return pbay_link_expected(link, "host", "an address or a name", "an empty text");
    if ((err = load_timeout(config, link)) || (err = http_routes_load(&config->routes, link)))
        return err;
    return load_encoding(config, link);
}

/* ---- TLS ---- */

/* The whole file as a text; NULL with errno. */
static char *read_file(const char *path)
{
    char *text = pb_alloc(HTTP_MAX_PEM + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;
    size_t n = 0;

    while (fd >= 0 && n < HTTP_MAX_PEM && (got = read(fd, text + n, HTTP_MAX_PEM - n)) > 0)
        n += (size_t)got;
    if (fd >= 0 && got > 0)
        errno = EFBIG;
    if (fd < 0 || got != 0) {
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static enum pbay_err load_pem(struct pbay_link *link, const char *key, const char *value, char **text)
{
    char *path = pbay_link_path(link, key, value);
    enum pbay_err err = PBAY_OK;

    if (!path)
        return PBAY_CONFIG;
    *text = read_file(path);
    if (!*text)
        err = pbay_link_fail(link, PBAY_IO, "config.%s: read %s: %s", key, path, strerror(errno));
    free(path);
    return err;
}

static enum pbay_err load_tls(struct http_config *config, struct pbay_link *link)
{
    const char *cert = pbay_link_config(link, "ssl_cert", NULL), *key = pbay_link_config(link, "ssl_key", NULL);
    enum pbay_err err;

    if (!cert != !key)
        return pbay_link_fail(link, PBAY_CONFIG, "Please specify both ssl_cert and ssl_key or neither.");
    if (!cert)
        return PBAY_OK;
    err = load_pem(link, "ssl_cert", cert, &config->ssl_cert);
    return err ? err : load_pem(link, "ssl_key", key, &config->ssl_key);
}

/* ---- other files ---- */

static enum pbay_err load_api(struct http_config *config, struct pbay_link *link)
{
    const char *value = pbay_link_config(link, "api_spec_path", NULL);
    struct pbay_conf_error error = {""};
    char *path;

    if (!value)
        return PBAY_OK;
    path = pbay_link_path(link, "api_spec_path", value);
    if (!path)
        return PBAY_CONFIG;
    config->api = api_spec_load(path, &error);
    free(path);
    return config->api ? PBAY_OK : pbay_link_fail(link, PBAY_CONFIG, "config.api_spec_path: %s", error.text);
}

static enum pbay_err load_log(struct http_config *config, struct pbay_link *link)
{
    const char *value = pbay_link_config(link, "access_log", NULL);

    if (value)
        config->access_log =
            strcmp(value, "-") == 0 ? pb_strndup(pbay_str(value)) : pbay_link_path(link, "access_log", value);
    return value && !config->access_log ? PBAY_CONFIG : PBAY_OK;
}

enum pbay_err http_config_load(struct http_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct http_config){0};
    err = pbay_link_config_numbers(link, numbers, COUNT(numbers), config);
    if (!err)
        err = load_texts(config, link);
    if (!err)
        err = load_tls(config, link);
    if (!err)
        err = load_api(config, link);
    return err ? err : load_log(config, link);
}

void http_config_fini(struct http_config *config)
{
    if (config->ssl_key)
        explicit_bzero(config->ssl_key, strlen(config->ssl_key));
    free(config->ssl_cert);
    free(config->ssl_key);
    free(config->access_log);
    config->ssl_cert = config->ssl_key = config->access_log = NULL;
    api_spec_destroy(&config->api);
}
