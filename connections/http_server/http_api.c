#include <stdlib.h>

#include "connections/http_server/http_int.h"
#include "schema/buf.h"

static bool tell(struct http_request *r, const struct api_fault *fault)
{
    free(r->complaint);
    r->complaint = pb_strndup(pbay_str(fault->why));
    r->fault = (struct http_fault){.status = fault->status, .why = r->complaint, .allow = fault->allow};
    return false;
}

bool http_api_head(struct http_server *s, struct http_request *r)
{
    struct api_request request = {r->method, pbay_str(r->target), r->headers, r->has_body};
    struct api_fault fault;

    if (!s->config.api || api_check_head(s->config.api, &request, &r->match, &fault))
        return true;
    return tell(r, &fault);
}

bool http_api_body(struct http_request *r)
{
    struct api_fault fault;

    return api_check_body(&r->match, (struct pbay_str){r->body, r->body_n}, &fault) || tell(r, &fault);
}
