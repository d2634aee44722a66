/* valory/http:1.0.0: its table.
 * Written by `patchbay generate protocol` from http.yaml; a change here is lost. */
/* clang-format off */
#include "http.h"


/* request */
static const struct pbay_content contents_0[] = {
    {.name = "method", .field = 1, .type = PBAY_STR},
    {.name = "url", .field = 2, .type = PBAY_STR},
    {.name = "version", .field = 3, .type = PBAY_STR},
    {.name = "headers", .field = 4, .type = PBAY_STR},
    {.name = "body", .field = 5, .type = PBAY_BYTES},
};

/* response */
static const struct pbay_content contents_1[] = {
    {.name = "version", .field = 1, .type = PBAY_STR},
    {.name = "status_code", .field = 2, .type = PBAY_INT},
    {.name = "status_text", .field = 3, .type = PBAY_STR},
    {.name = "headers", .field = 4, .type = PBAY_STR},
    {.name = "body", .field = 5, .type = PBAY_BYTES},
};

static const struct pbay_performative performatives[] = {
    {.name = "request", .field = 5, .n = 5, .contents = contents_0, .replies = 0x2, .initial = true},
    {.name = "response", .field = 6, .n = 5, .contents = contents_1, .terminal = true},
};
static const char *const roles[] = {"client", "server"};
static const char *const end_states[] = {"successful"};

const struct pbay_protocol pbay_http_protocol = {
    .name = "http",
    .id = "valory/http:1.0.0",
    .n = 2,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 1,
    .end_states = end_states,
};
