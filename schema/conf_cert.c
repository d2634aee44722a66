/* cert_requests of connection.yaml, and the paths of private keys in agent.yaml. */
#include <string.h>

#include "schema/cert_request.h"
#include "schema/conf.h"

#define DATE "a date such as 2024-01-31 or 2024-01-31T12:00:00+01:00"

/* A hexadecimal key, or else the name of one of our own; in this order a name comes first, as in AEA. */
static PB_FIELD_READER(read_public_key)
{
    static const char what[] = "a public key in hexadecimal, or the ledger id of a key in connection_private_key_paths";
    struct pbay_cert_request *request = base;
    const char *text = pb_conf_text(ctx, value, what);

    (void)field;
    if (!text)
        return false;
    if (pb_ledger_scheme(text) >= 0)
        request->key_id = text;
    else if (pb_conf_is_name(text) || !pb_cert_is_hex_key(text))
        return pb_yaml_expected(ctx->error, value, what);
    else
        request->public_key = text;
    return true;
}

static PB_FIELD_READER(read_ledger)
{
    const char **out = pb_field_at(base, field);

    *out = pb_conf_text(ctx, value, PB_LEDGERS);
    return *out && (pb_ledger_scheme(*out) >= 0 || pb_yaml_expected(ctx->error, value, PB_LEDGERS));
}

static PB_FIELD_READER(read_date)
{
    const char **out = pb_field_at(base, field);
    int64_t ignored;

    *out = pb_conf_text(ctx, value, DATE);
    return *out && (pb_cert_date(*out, &ignored) || pb_yaml_expected(ctx->error, value, DATE));
}

static PB_FIELD_READER(read_format)
{
    static const char what[] = "ASCII with {public_key}, {identifier}, {not_before}, {not_after} and no other braces";
    const char **out = pb_field_at(base, field);

    *out = pb_conf_text(ctx, value, what);
    if (!*out)
        return false;
    if (strlen(*out) > PBAY_MAX_CERT_FORMAT)
        return pb_yaml_error(ctx->error, value, "expected at most %d bytes, found %zu", PBAY_MAX_CERT_FORMAT,
                             strlen(*out));
    return pb_cert_format_ok(*out) || pb_yaml_expected(ctx->error, value, what);
}

/* As it is written: it is relative to a directory that may be another one in the connection's process. */
static PB_FIELD_READER(read_save_path)
{
    const char **out = pb_field_at(base, field);

    *out = pb_conf_text(ctx, value, "a path");
    return *out && (**out || pb_yaml_expected(ctx->error, value, "a path"));
}

#define REQUEST(member) offsetof(struct pbay_cert_request, member)

static const struct pb_field request_fields[] = {
    {.key = "public_key", .read = read_public_key, .required = true},
    {.key = "identifier", .read = pb_read_name, .offset = REQUEST(identifier), .required = true},
    {.key = "ledger_id", .read = read_ledger, .offset = REQUEST(ledger_id), .required = true},
    {.key = "not_before", .read = read_date, .offset = REQUEST(not_before), .required = true},
    {.key = "not_after", .read = read_date, .offset = REQUEST(not_after), .required = true},
    {.key = "message_format", .read = read_format, .offset = REQUEST(message_format)},
    {.key = "save_path", .read = read_save_path, .offset = REQUEST(save_path), .required = true},
};

static bool read_request(const struct pb_conf_ctx *ctx, struct pb_yaml_node *item, struct pbay_cert_request *request)
{
    request->at = item->at;
    request->message_format = "{public_key}";
    if (!pb_conf_fields(ctx, item, request_fields, sizeof request_fields / sizeof *request_fields, request))
        return false;
    (void)pb_cert_date(request->not_before, &request->valid_from); /* both were read before */
    (void)pb_cert_date(request->not_after, &request->valid_to);
    if (request->valid_from < request->valid_to)
        return true;
    return pb_yaml_error(ctx->error, pb_yaml_get(item, "not_after"), "expected a date after not_before (%s), found %s",
                         request->not_before, request->not_after);
}

bool pb_conf_cert_requests(const struct pb_conf_ctx *ctx, struct pb_yaml_node *list, struct pbay_conn_conf *conf)
{
    size_t *n = &conf->n_cert_requests;

    if (!list)
        return true;
    if (!pb_conf_substitute(ctx, list))
        return false;
    conf->cert_requests = pb_arena_alloc(ctx->arena, list->n * sizeof *conf->cert_requests);
    for (struct pb_yaml_node *item = list->child; item; item = item->next) {
        struct pbay_cert_request *request = &conf->cert_requests[*n];

        if (!read_request(ctx, item, request))
            return false;
        for (size_t i = 0; i < *n; i++) {
            if (strcmp(conf->cert_requests[i].save_path, request->save_path) == 0)
                return pb_yaml_error(ctx->error, pb_yaml_get(item, "save_path"),
                                     "the certificate of line %d has the same path", conf->cert_requests[i].at.line);
        }
        ++*n;
    }
    return true;
}

/* ---- keys ---- */

bool pb_conf_key_paths(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, struct pbay_key_path **keys, size_t *n)
{
    if (!map)
        return true;
    if (map->n > PBAY_MAX_KEY_PATHS)
        return pb_yaml_error(ctx->error, map, "expected at most %d entries, found %zu", PBAY_MAX_KEY_PATHS, map->n);
    if (!pb_conf_substitute(ctx, map))
        return false;
    *keys = pb_arena_alloc(ctx->arena, map->n * sizeof **keys);
    for (const struct pb_yaml_node *item = map->child; item; item = item->next) {
        const char *path = pb_conf_text(ctx, item, "the path of a private key");

        if (!path || !*path)
            return pb_yaml_expected(ctx->error, item, "the path of a private key");
        if (pb_cert_is_hex_key(path) && strlen(path) >= 64) /* not to be shown, here or as a file that is missing */
            return pb_yaml_error(ctx->error, item, "expected the path of a private key, not the key itself");
        if (!pb_conf_is_name(item->key))
            return pb_yaml_error(ctx->error, item, "expected a ledger id such as ethereum as the key");
        (*keys)[(*n)++] = (struct pbay_key_path){item->key, pb_conf_path(ctx, path), item->at};
    }
    return true;
}

static bool has_key(const struct pbay_key_path *keys, size_t n, const char *ledger_id)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].ledger_id, ledger_id) == 0)
            return true;
    }
    return false;
}

bool pb_conf_cert_keys(const struct pb_conf_ctx *ctx, const struct pbay_agent_conf *agent,
                       const struct pbay_conn_conf *conn)
{
    for (size_t i = 0; i < conn->n_cert_requests; i++) {
        const struct pbay_cert_request *request = &conn->cert_requests[i];
        struct pbay_conf_pos at = request->at;

        if (!has_key(agent->private_keys, agent->n_private_keys, request->ledger_id))
            return pb_conf_error(
                ctx->error, at.file, at.line,
                "cert_requests.%zu.ledger_id: expected a key for %s in private_key_paths of agent.yaml", i,
                request->ledger_id);
        if (request->key_id && !has_key(agent->connection_keys, agent->n_connection_keys, request->key_id))
            return pb_conf_error(
                ctx->error, at.file, at.line,
                "cert_requests.%zu.public_key: expected a key for %s in connection_private_key_paths of agent.yaml", i,
                request->key_id);
    }
    return true;
}
