/* One request as libcurl sees it, and what libcurl tells of it. Between vcx_post.c and vcx_transfer.c only. */
#ifndef VCX_TRANSFER_H
#define VCX_TRANSFER_H

#include "connections/vcx/vcx_post.h"

struct vcx_transfer {
    uint64_t tag;
    bool allow_private, drop_body;
    CURL *easy; /* its private pointer is the transfer */
    CURLU *url;
    char *host; /* and port */
    struct curl_slist *headers;
    struct pb_buf sent, body;
    size_t head_n, body_n; /* bytes of the answer */
    const char *stopped;   /* a callback has stopped it: a static sentence; NULL = none has */
    struct vcx_transfer *prev, *next;
};

/* Takes the request's body. NULL = why: the request is none. */
struct vcx_transfer *vcx_transfer_new(const struct vcx_post_options *options, uint64_t tag,
                                      struct vcx_post_request *request, char why[VCX_WHY]);

/* No multi handle has it any more. */
void vcx_transfer_destroy(struct vcx_transfer **transfer);

/* What has come of it; the views live as long as it does. */
struct vcx_post_reply vcx_transfer_reply(const struct vcx_transfer *transfer, CURLcode code);

#endif
