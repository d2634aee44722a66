/* fetchai/state_update:1.0.0: its table.
 * Written by `patchbay generate protocol` from state_update.yaml; a change here is lost. */
/* clang-format off */
#include "state_update.h"


/* apply */
static const struct pbay_content contents_0[] = {
    {.name = "amount_by_currency_id", .field = 1, .type = PBAY_INT, .form = PBAY_DICT, .key = PBAY_STR},
    {.name = "quantities_by_good_id", .field = 2, .type = PBAY_INT, .form = PBAY_DICT, .key = PBAY_STR},
};

/* initialize */
static const struct pbay_content contents_2[] = {
    {.name = "exchange_params_by_currency_id", .field = 1, .type = PBAY_FLOAT, .form = PBAY_DICT, .key = PBAY_STR},
    {.name = "utility_params_by_good_id", .field = 2, .type = PBAY_FLOAT, .form = PBAY_DICT, .key = PBAY_STR},
    {.name = "amount_by_currency_id", .field = 3, .type = PBAY_INT, .form = PBAY_DICT, .key = PBAY_STR},
    {.name = "quantities_by_good_id", .field = 4, .type = PBAY_INT, .form = PBAY_DICT, .key = PBAY_STR},
};

static const struct pbay_performative performatives[] = {
    {.name = "apply", .field = 5, .n = 2, .contents = contents_0, .replies = 0x3},
    {.name = "end", .field = 6, .terminal = true},
    {.name = "initialize", .field = 7, .n = 4, .contents = contents_2, .replies = 0x1, .initial = true},
};
static const char *const roles[] = {"decision_maker", "skill"};
static const char *const end_states[] = {"successful"};

const struct pbay_protocol pbay_state_update_protocol = {
    .name = "state_update",
    .id = "fetchai/state_update:1.0.0",
    .n = 3,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 1,
    .end_states = end_states,
};
