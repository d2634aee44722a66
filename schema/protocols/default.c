/* fetchai/default:1.0.0: its table.
 * Written by `patchbay generate protocol` from default.yaml; a change here is lost. */
/* clang-format off */
#include "default.h"

static const char *const values_0[] = {"UNSUPPORTED_PROTOCOL", "DECODING_ERROR", "INVALID_MESSAGE", "UNSUPPORTED_SKILL", "INVALID_DIALOGUE"};
static const struct pbay_custom custom_0 = {"ErrorCode", 5, values_0};

/* bytes */
static const struct pbay_content contents_0[] = {
    {.name = "content", .field = 1, .type = PBAY_BYTES},
};

/* error */
static const struct pbay_content contents_2[] = {
    {.name = "error_code", .field = 1, .type = PBAY_ENUM, .custom = &custom_0},
    {.name = "error_msg", .field = 2, .type = PBAY_STR},
    {.name = "error_data", .field = 3, .type = PBAY_BYTES, .form = PBAY_DICT, .key = PBAY_STR},
};

static const struct pbay_performative performatives[] = {
    {.name = "bytes", .field = 5, .n = 1, .contents = contents_0, .replies = 0x7, .initial = true},
    {.name = "end", .field = 6, .terminal = true},
    {.name = "error", .field = 7, .n = 3, .contents = contents_2, .initial = true, .terminal = true},
};
static const char *const roles[] = {"agent"};
static const char *const end_states[] = {"successful", "failed"};

const struct pbay_protocol pbay_default_protocol = {
    .name = "default",
    .id = "fetchai/default:1.0.0",
    .n = 3,
    .performatives = performatives,
    .n_roles = 1,
    .roles = roles,
    .n_end_states = 2,
    .end_states = end_states,
    .keep_terminal = true,
};
