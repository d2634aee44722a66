/* Where the broker listens: ipc://PATH and tcp://HOST:PORT. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"

#define MAX_HOST 255

/* 127.0.0.0/8, [::1] and the name that stands for them. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;

    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static bool is_port(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n <= 5 && strspn(text, "0123456789") == n && *text != '0' && strtol(text, NULL, 10) <= 65535;
}

static bool is_host(const char *host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    static const char v6[] = "0123456789abcdefABCDEF:.";
    size_t n = strlen(host);

    if (strcmp(host, "*") == 0)
        return true;
    if (*host == '[')
        return n > 3 && host[n - 1] == ']' && strspn(host + 1, v6) == n - 2;
    return n > 0 && strspn(host, name) == n;
}

static bool check_tcp(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item,
                      const struct pbay_agent_conf *conf, const char **out)
{
    const char *address = *out + strlen("tcp://"), *colon = strrchr(address, ':');
    char host[MAX_HOST + 1] = "";

    if (colon && colon - address <= MAX_HOST)
        memcpy(host, address, (size_t)(colon - address));
    if (!colon || !is_host(host) || !is_port(colon + 1))
        return pb_yaml_expected(ctx->error, item, "tcp://HOST:PORT with a port of 1 to 65535");
    if (!conf->key && !conf->insecure && !is_loopback(host))
        return pb_yaml_expected(ctx->error, item, "a loopback address, as there is no key and insecure is not true");
    return true;
}

/* Nodes run in other directories than the broker, so the path becomes absolute; `*` and `@` would be no file at all. */
static bool check_ipc(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item,
                      const struct pbay_agent_conf *conf, const char **out)
{
    const char *path = *out + strlen("ipc://");

    (void)conf;
    if (!*path || *path == '@' || strcmp(path, "*") == 0)
        return pb_yaml_expected(ctx->error, item, "ipc://PATH");
    path = pb_conf_path(ctx, path);
    if (strlen(path) > PBAY_MAX_IPC_PATH)
        return pb_yaml_error(ctx->error, item, "expected an ipc path of at most %d bytes, %s has %zu",
                             PBAY_MAX_IPC_PATH, path, strlen(path));
    *out = pb_arena_printf(ctx->arena, "ipc://%s", path);
    return true;
}

static const struct {
    const char *prefix;
    bool (*check)(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item, const struct pbay_agent_conf *conf,
                  const char **out);
} schemes[] = {{"ipc://", check_ipc}, {"tcp://", check_tcp}};

static bool check(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item, const struct pbay_agent_conf *conf,
                  const char **out)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(*out, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].check(ctx, item, conf, out);
    }
    return pb_yaml_expected(ctx->error, item, "ipc://PATH or tcp://HOST:PORT");
}

static bool has_ipc(const struct pbay_agent_conf *conf)
{
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (strncmp(conf->endpoints[i], "ipc://", 6) == 0)
            return true;
    }
    return false;
}

static bool add_ipc(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *at, struct pbay_agent_conf *conf)
{
    const char **longer = pb_arena_alloc(ctx->arena, (conf->n_endpoints + 1) * sizeof *longer);

    if (conf->n_endpoints)
        memcpy(longer, conf->endpoints, conf->n_endpoints * sizeof *longer);
    longer[conf->n_endpoints] = pb_arena_printf(ctx->arena, "ipc://%s/broker.ipc", conf->run_dir);
    conf->endpoints = longer;
    return check_ipc(ctx, at, conf, &longer[conf->n_endpoints++]);
}

/* Where there is a key, those who have none - the processes of this machine - come by ipc in any case. */
bool pb_conf_endpoints(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *list, const struct pb_yaml_node *at,
                       struct pbay_agent_conf *conf)
{
    const struct pb_yaml_node *item = list ? list->child : NULL;

    if (list && !item)
        return pb_yaml_error(ctx->error, list, "expected at least one endpoint");
    for (size_t i = 0; item; i++, item = item->next) {
        if (!check(ctx, item, conf, &conf->endpoints[i]))
            return false;
    }
    return (list && !(conf->key && !has_ipc(conf))) || add_ipc(ctx, at, conf);
}
