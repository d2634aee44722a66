#include "connections/http_server/http_route.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "connections/http_server/http_text.h"
#include "pbay_pubid.h"

#define MAX_KEY 48 /* bytes of "routes.63.skill" */

static bool is_skill(const char *text)
{
    struct pbay_pubid id;

    return text && pbay_pubid_parse(pbay_str(text), &id) && strlen(text) <= PBAY_MAX_ADDRESS;
}

/* Of the nth entry of the list: itself when field is NULL. */
static const char *value_of(struct pbay_link *link, size_t n, const char *field, char key[MAX_KEY])
{
    snprintf(key, MAX_KEY, "routes.%zu%s%s", n, field ? "." : "", field ? field : "");
    return pbay_link_config(link, key, NULL);
}

static bool is_there(struct pbay_link *link, size_t n)
{
    char key[MAX_KEY];

    return value_of(link, n, NULL, key) || value_of(link, n, "path", key) || value_of(link, n, "skill", key);
}

/* Visible ASCII; what would have to be escaped in a request can be, here it is written plainly. */
static bool is_path(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p > '~')
            return false;
    }
    return text[0] == '/' && !strpbrk(text, "?#%") && !strstr(text, "//");
}

static bool has(const struct http_routes *routes, struct pbay_str path)
{
    for (size_t i = 0; i < routes->n; i++) {
        if (pbay_str_eq(routes->list[i].path, path))
            return true;
    }
    return false;
}

static enum pbay_err add(struct http_routes *routes, struct pbay_link *link)
{
    char key[MAX_KEY];
    const char *path = value_of(link, routes->n, "path", key), *skill;
    struct pbay_str prefix;

    if (!path || !is_path(path))
        return pbay_link_expected(link, key, "a path such as /orders, without escapes", path);
    prefix = pbay_str(path);
    if (prefix.p[prefix.n - 1] == '/')
        prefix.n--;
    if (has(routes, prefix))
        return pbay_link_expected(link, key, "another path than those before it", path);
    skill = value_of(link, routes->n, "skill", key);
    if (!is_skill(skill))
        return pbay_link_expected(link, key, "a public id such as acme/skill:1.0.0", skill);
    routes->list[routes->n++] = (struct http_route){prefix, skill};
    return PBAY_OK;
}

enum pbay_err http_routes_load(struct http_routes *routes, struct pbay_link *link)
{
    size_t n = 0;

    routes->n = 0;
    for (size_t i = 0; i <= HTTP_MAX_ROUTES; i++) {
        if (is_there(link, i))
            n = i + 1;
    }
    if (n > HTTP_MAX_ROUTES)
        return pbay_link_expected(link, "routes", "at most 64 entries", "more");
    while (routes->n < n) {
        enum pbay_err err = add(routes, link);

        if (err)
            return err;
    }
    routes->fallback = pbay_link_config(link, "target_skill_id", NULL);
    if (is_skill(routes->fallback) || (!routes->fallback && has(routes, pbay_str(""))))
        return PBAY_OK;
    return pbay_link_expected(link, "target_skill_id", "a public id such as acme/skill:1.0.0", routes->fallback);
}

/* ---- finding one ---- */

/* Is it this path, or below it? */
static bool begins(struct pbay_str path, struct pbay_str prefix)
{
    for (size_t i = 0; i < prefix.n; i++) {
        bool escaped = false;

        if (path.n == 0 || http_next_byte(&path, &escaped) != prefix.p[i] || (escaped && prefix.p[i] == '/'))
            return false;
    }
    return path.n == 0 || path.p[0] == '/';
}

const char *http_routes_find(const struct http_routes *routes, struct pbay_str target)
{
    const char *query = memchr(target.p, '?', target.n);
    struct pbay_str path = {target.p, query ? (size_t)(query - target.p) : target.n};
    const struct http_route *best = NULL;

    if (pbay_str_eq(path, pbay_str("*")))
        path = pbay_str("/");
    for (size_t i = 0; i < routes->n; i++) {
        const struct http_route *route = &routes->list[i];

        if ((!best || route->path.n > best->path.n) && begins(path, route->path))
            best = route;
    }
    assert(best || routes->fallback);
    return best ? best->skill : routes->fallback;
}
