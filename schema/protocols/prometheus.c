/* fetchai/prometheus:1.0.0: its table.
 * Written by `patchbay generate protocol` from prometheus.yaml; a change here is lost. */
/* clang-format off */
#include "prometheus.h"


/* add_metric */
static const struct pbay_content contents_0[] = {
    {.name = "type", .field = 1, .type = PBAY_STR},
    {.name = "title", .field = 2, .type = PBAY_STR},
    {.name = "description", .field = 3, .type = PBAY_STR},
    {.name = "labels", .field = 4, .type = PBAY_STR, .form = PBAY_DICT, .key = PBAY_STR},
};

/* response */
static const struct pbay_content contents_1[] = {
    {.name = "code", .field = 1, .type = PBAY_INT},
    {.name = "message", .field = 2, .type = PBAY_STR, .optional = true},
};

/* update_metric */
static const struct pbay_content contents_2[] = {
    {.name = "title", .field = 1, .type = PBAY_STR},
    {.name = "callable", .field = 2, .type = PBAY_STR},
    {.name = "value", .field = 3, .type = PBAY_FLOAT},
    {.name = "labels", .field = 4, .type = PBAY_STR, .form = PBAY_DICT, .key = PBAY_STR},
};

static const struct pbay_performative performatives[] = {
    {.name = "add_metric", .field = 5, .n = 4, .contents = contents_0, .replies = 0x2, .initial = true},
    {.name = "response", .field = 6, .n = 2, .contents = contents_1, .terminal = true},
    {.name = "update_metric", .field = 7, .n = 4, .contents = contents_2, .replies = 0x2, .initial = true},
};
static const char *const roles[] = {"agent", "server"};
static const char *const end_states[] = {"successful"};

const struct pbay_protocol pbay_prometheus_protocol = {
    .name = "prometheus",
    .id = "fetchai/prometheus:1.0.0",
    .n = 3,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 1,
    .end_states = end_states,
};
