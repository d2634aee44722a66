#include "connections/agency/agency_config.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "connections/vcx/vcx_guard.h"
#include "schema/conf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define CONF(member) offsetof(struct agency_config, member)
#define AT(member)   offsetof(struct agency_config, limits.member)
#define WEB(member)  offsetof(struct agency_config, web.member)
#define MAX_PUBLIC   1024 /* bytes of public_url */

static const char *const policies[] = {"all", "known", NULL};

PB_FIELD_READER(read_listen);
PB_FIELD_READER(read_limits);
PB_FIELD_READER(read_known);
PB_FIELD_READER(read_url);
PB_FIELD_READER(read_label);

static const struct pb_field listen_fields[] = {
    {.key = "host", .read = pb_read_text, .offset = CONF(host)},
    {.key = "port", .read = pb_read_count, .offset = CONF(port), .min = 0, .max = 65535},
};

static const struct pb_field limit_fields[] = {
    {.key = "clients", .read = pb_read_count, .offset = AT(clients), .min = 1, .max = VCX_MAX_CONNECTIONS - 96},
    {.key = "keys", .read = pb_read_count, .offset = AT(keys), .min = 1, .max = 100000},
    {.key = "messages", .read = pb_read_count, .offset = AT(messages), .min = 1, .max = 1000000},
    {.key = "bytes", .read = pb_read_size, .offset = AT(bytes), .min = 1024, .max = UINT64_C(1) << 40},
    {.key = "total_bytes", .read = pb_read_size, .offset = AT(total_bytes), .min = 1024, .max = UINT64_C(1) << 40},
    {.key = "envelope", .read = pb_read_size32, .offset = AT(envelope), .min = 1024, .max = AGENCY_MAX_ENVELOPE},
    {.key = "ttl_hours", .read = pb_read_count, .offset = AT(ttl_hours), .min = 1, .max = 8784},
    {.key = "links", .read = pb_read_count, .offset = AT(links), .min = 0, .max = 10000},
    {.key = "link_hours", .read = pb_read_count, .offset = AT(link_hours), .min = 1, .max = 8784},
    {.key = "ungranted_hours", .read = pb_read_count, .offset = AT(ungranted_hours), .min = 1, .max = 8784},
    {.key = "idle_days", .read = pb_read_count, .offset = AT(idle_days), .min = 1, .max = 3660},
    {.key = "poll", .read = pb_read_duration, .offset = AT(poll), .min = 0, .max = AGENCY_MAX_POLL},
    {.key = "connections", .read = pb_read_count, .offset = WEB(max_connections), .min = 1, .max = 65536},
    {.key = "connections_per_address",
     .read = pb_read_count,
     .offset = WEB(max_connections_per_address),
     .min = 1,
     .max = 65536},
    {.key = "request_seconds", .read = pb_read_count, .offset = WEB(request_timeout), .min = 1, .max = 3600},
    {.key = "memory", .read = pb_read_size, .offset = CONF(max_body_total), .min = 4 << 20, .max = UINT64_C(64) << 30},
};

static const struct pb_field fields[] = {
    {.key = "listen", .read = read_listen},
    {.key = "public_url", .read = read_url, .offset = CONF(public_url), .required = true},
    {.key = "label", .read = read_label, .offset = CONF(label)},
    {.key = "database", .read = pb_read_path, .offset = CONF(database), .required = true},
    {.key = "wallet", .read = pb_read_path, .offset = CONF(wallet), .required = true},
    {.key = "passphrase_file", .read = pb_read_path, .offset = CONF(passphrase_file)},
    {.key = "key_file", .read = pb_read_path, .offset = CONF(key_file)},
    {.key = "mediation", .read = pb_read_word, .words = policies, .offset = CONF(mediation)},
    {.key = "known_keys", .read = read_known, .max = AGENCY_MAX_KNOWN},
    {.key = "allow_private_endpoints", .read = pb_read_bool, .offset = CONF(allow_private_endpoints)},
    {.key = "limits", .read = read_limits},
    {.key = "sandbox", .read = pb_read_bool, .offset = CONF(sandbox)},
};

PB_FIELD_READER(read_listen)
{
    const struct agency_config *config = base;

    (void)field;
    if (!pb_conf_fields(ctx, value, listen_fields, COUNT(listen_fields), base))
        return false;
    return *config->host || pb_yaml_error(ctx->error, value, "expected an address or a name as the host");
}

PB_FIELD_READER(read_limits)
{
    (void)field;
    return pb_conf_fields(ctx, value, limit_fields, COUNT(limit_fields), base);
}

/* Without a query; its last slash is not kept. */
PB_FIELD_READER(read_url)
{
    static const char what[] = "an http or https URL without a query, such as https://agency.example.org";
    const char *text = pb_conf_text(ctx, value, what);
    char why[VCX_WHY], **out = pb_field_at(base, field);
    CURLU *url = NULL;
    size_t n;

    if (!text)
        return false;
    n = strlen(text);
    if (n <= MAX_PUBLIC && !strpbrk(text, "?#"))
        url = vcx_guard_url(pbay_str(text), why);
    if (!url)
        return pb_yaml_expected(ctx->error, value, what);
    curl_url_cleanup(url);
    while (n && text[n - 1] == '/')
        n--;
    *out = pb_arena_str(ctx->arena, (struct pbay_str){text, n});
    return true;
}

PB_FIELD_READER(read_label)
{
    return pb_read_text(ctx, value, field, base) &&
           (strlen(value->text) <= VCX_MAX_LABEL || pb_yaml_expected(ctx->error, value, "a shorter text"));
}

PB_FIELD_READER(read_known)
{
    struct agency_config *config = base;

    if (value->kind != PB_YAML_SEQUENCE || value->n > field->max)
        return pb_yaml_expected(ctx->error, value, "a list of at most 1024 keys");
    config->known = pb_arena_alloc(ctx->arena, value->n * VCX_KEY);
    for (const struct pb_yaml_node *item = value->child; item; item = item->next) {
        const char *text = pb_conf_text(ctx, item, "a verkey or a did:key");

        if (!text)
            return false;
        if (!vcx_key_parse(pbay_str(text), config->known[config->n_known]))
            return pb_yaml_expected(ctx->error, item, "a verkey or a did:key");
        config->n_known++;
    }
    return true;
}

static const struct agency_config defaults = {
    .host = "127.0.0.1",
    .port = 8030,
    .sandbox = true,
    .label = "Patchbay agency",
    .limits = {.clients = 1000,
               .keys = 1000,
               .messages = 1000,
               .links = 100,
               .envelope = AGENCY_MAX_ENVELOPE,
               .bytes = UINT64_C(16) << 20,
               .total_bytes = UINT64_C(1) << 30,
               .ttl_hours = 168,
               .link_hours = 168,
               .ungranted_hours = 1,
               .idle_days = 90,
               .poll = AGENCY_MAX_POLL},
    .web = {.max_connections = 1024,
            .max_connections_per_address = 64,
            .max_header_bytes = 8192,
            .request_timeout = 10},
    .max_body_total = UINT64_C(64) << 20,
};

static bool check(const struct agency_config *config, const struct pb_conf_ctx *ctx, const struct pb_yaml_node *root)
{
    if (!config->passphrase_file == !config->key_file)
        return pb_yaml_error(ctx->error, root, "expected either passphrase_file or key_file");
    if (config->n_known && config->mediation != AGENCY_KNOWN)
        return pb_yaml_error(ctx->error, pb_yaml_get(root, "known_keys"), "expected `mediation: known` beside it");
    return true;
}

bool agency_config_load(struct agency_config *config, const char *file, struct pbay_conf_error *error)
{
    struct pb_conf_ctx ctx = {.error = error, .dir = "."};
    struct pb_yaml_node *docs;
    char *path = realpath(file, NULL), *slash = path ? strrchr(path, '/') : NULL;
    bool good;

    *config = defaults;
    ctx.arena = &config->arena;
    if (slash) {
        *(slash == path ? slash + 1 : slash) = 0;
        ctx.dir = path;
    }
    good = pb_yaml_load(file, &config->arena, &docs, error) == PBAY_OK;
    if (good && (!docs || docs->next))
        good = pb_conf_error(error, file, 1, "expected one document");
    good = good && pb_conf_fields(&ctx, docs, fields, COUNT(fields), config) && check(config, &ctx, docs);
    free(path);
    return good;
}

void agency_config_fini(struct agency_config *config)
{
    pb_arena_fini(&config->arena);
    *config = (struct agency_config){.host = NULL};
}
