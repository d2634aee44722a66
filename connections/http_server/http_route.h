/* Which skill a request is for: the one of the longest route that its path begins with, segment by segment. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "node/pbay_conn.h"

#define HTTP_MAX_ROUTES 64

struct http_route {
    struct pbay_str path; /* without a slash at its end; empty = all paths */
    const char *skill;
};

/* Its texts live as long as the link. */
struct http_routes {
    struct http_route list[HTTP_MAX_ROUTES];
    size_t n;
    const char *fallback; /* target_skill_id; NULL only with a route for all paths */
};

/* Read `routes` and `target_skill_id`. PBAY_OK; PBAY_CONFIG = pbay_link_fail has said what was expected. */
enum pbay_err http_routes_load(struct http_routes *routes, struct pbay_link *link);

/* The skill for a target, /path?query or *; escapes in it mean what they stand for, but %2F does not end a segment. */
const char *http_routes_find(const struct http_routes *routes, struct pbay_str target);

#endif
