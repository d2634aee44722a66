/* Where the packages and protocols are that a configuration names. */
#include <string.h>
#include <unistd.h>

#include "schema/conf.h"
#include "schema/protocol_load.h"

/* dir when it holds a package, else NULL; dir lives in the arena. */
static const char *if_package(const struct pb_conf_ctx *ctx, const char *dir)
{
    return access(pb_arena_printf(ctx->arena, "%s/connection.yaml", dir), F_OK) == 0 ? dir : NULL;
}

static const char *find_in_path(const struct pb_conf_ctx *ctx, const char *path, struct pbay_str name)
{
    const char *found = NULL;

    for (const char *p = path; p && *p && !found; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");

        if (n)
            found = if_package(ctx, pb_arena_printf(ctx->arena, "%.*s/%.*s", (int)n, p, (int)name.n, name.p));
        p += n;
    }
    return found;
}

const char *pb_conf_find_package(const struct pb_conf_ctx *ctx, const struct pb_conf_places *places,
                                 const struct pb_yaml_node *item, const struct pbay_pubid *id)
{
    struct pbay_str author = id->author, name = id->name;
    const char *tried[2] = {NULL, NULL}, *found = NULL;

    if (places->agent_dir) {
        tried[0] = pb_arena_printf(ctx->arena, "%sconnections/%.*s", places->agent_dir, (int)name.n, name.p);
        tried[1] = pb_arena_printf(ctx->arena, "%svendor/%.*s/connections/%.*s", places->agent_dir, (int)author.n,
                                   author.p, (int)name.n, name.p);
    } else {
        tried[0] = pb_arena_printf(ctx->arena, "%s/../%.*s", places->package_dir, (int)name.n, name.p);
    }
    for (size_t i = 0; i < 2 && tried[i] && !found; i++)
        found = if_package(ctx, tried[i]);
    if (!found)
        found = find_in_path(ctx, places->package_path, name);
    if (!found)
        pb_yaml_error(ctx->error, item, "expected a package in %s%s%s or in the package path", tried[0],
                      tried[1] ? ", in " : "", tried[1] ? tried[1] : "");
    return found;
}

/* ---- protocols ---- */

static const char *part(const struct pb_yaml_node *doc, const char *key)
{
    const struct pb_yaml_node *node = pb_yaml_get(doc, key);

    return node && node->text ? node->text : "";
}

/* A specification, or the protocol.yaml of AEA's package: both begin with its name, author and version. */
static bool is_protocol(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item, const struct pbay_pubid *wish,
                        const char *file)
{
    struct pb_yaml_node *docs;
    struct pbay_pubid have;
    const char *text;

    if (pb_yaml_load(file, ctx->arena, &docs, ctx->error))
        return false;
    text = pb_arena_printf(ctx->arena, "%s/%s:%s", part(docs, "author"), part(docs, "name"), part(docs, "version"));
    if (pbay_pubid_parse(pbay_str(text), &have) && pb_conf_accepts(wish, &have))
        return true;
    return pb_yaml_error(ctx->error, item, "expected %s as in %s, found %s", text, file, item->text);
}

bool pb_conf_find_protocol(const struct pb_conf_ctx *ctx, const struct pb_conf_places *places,
                           const struct pb_yaml_node *item)
{
    const char *agent =
        places->agent_dir ? places->agent_dir : pb_arena_printf(ctx->arena, "%s/../../", places->package_dir);
    const char *files[5];
    struct pbay_pubid id;
    int n;

    if (!pb_conf_pubid(ctx, item, &id))
        return false;
    if (pb_protocol_is_shipped(&id))
        return true;
    n = (int)id.name.n;
    files[0] = pb_arena_printf(ctx->arena, "%sprotocols/%.*s.yaml", agent, n, id.name.p);
    files[1] = pb_arena_printf(ctx->arena, "%sprotocols/%.*s/protocol.yaml", agent, n, id.name.p);
    files[2] = pb_arena_printf(ctx->arena, "%svendor/%.*s/protocols/%.*s/protocol.yaml", agent, (int)id.author.n,
                               id.author.p, n, id.name.p);
    files[3] = pb_arena_printf(ctx->arena, "%s/protocols/%.*s.yaml", places->package_dir, n, id.name.p);
    files[4] = NULL;
    for (size_t i = 0; files[i]; i++) {
        if (access(files[i], F_OK) == 0)
            return is_protocol(ctx, item, &id, files[i]);
    }
    return pb_yaml_error(ctx->error, item, "no such protocol is shipped, nor is it in %s, %s, %s or %s", files[0],
                         files[1], files[2], files[3]);
}
