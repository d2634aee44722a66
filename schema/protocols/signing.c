/* open_aea/signing:1.0.0: its table.
 * Written by `patchbay generate protocol` from signing.yaml; a change here is lost. */
/* clang-format off */
#include "signing.h"

static const char *const values_0[] = {"UNSUCCESSFUL_MESSAGE_SIGNING", "UNSUCCESSFUL_TRANSACTION_SIGNING"};
static const struct pbay_custom custom_0 = {"ErrorCode", 2, values_0};
static const struct pbay_custom custom_1 = {"Terms", 0, NULL};
static const struct pbay_custom custom_2 = {"RawMessage", 0, NULL};
static const struct pbay_custom custom_3 = {"RawTransaction", 0, NULL};
static const struct pbay_custom custom_4 = {"SignedMessage", 0, NULL};
static const struct pbay_custom custom_5 = {"SignedTransaction", 0, NULL};

/* error */
static const struct pbay_content contents_0[] = {
    {.name = "error_code", .field = 1, .type = PBAY_ENUM, .custom = &custom_0},
};

/* sign_message */
static const struct pbay_content contents_1[] = {
    {.name = "terms", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_1},
    {.name = "raw_message", .field = 2, .type = PBAY_CUSTOM, .custom = &custom_2},
};

/* sign_transaction */
static const struct pbay_content contents_2[] = {
    {.name = "terms", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_1},
    {.name = "raw_transaction", .field = 2, .type = PBAY_CUSTOM, .custom = &custom_3},
};

/* signed_message */
static const struct pbay_content contents_3[] = {
    {.name = "signed_message", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_4},
};

/* signed_transaction */
static const struct pbay_content contents_4[] = {
    {.name = "signed_transaction", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_5},
};

static const struct pbay_performative performatives[] = {
    {.name = "error", .field = 5, .n = 1, .contents = contents_0, .terminal = true},
    {.name = "sign_message", .field = 6, .n = 2, .contents = contents_1, .replies = 0x9, .initial = true},
    {.name = "sign_transaction", .field = 7, .n = 2, .contents = contents_2, .replies = 0x11, .initial = true},
    {.name = "signed_message", .field = 8, .n = 1, .contents = contents_3, .terminal = true},
    {.name = "signed_transaction", .field = 9, .n = 1, .contents = contents_4, .terminal = true},
};
static const char *const roles[] = {"decision_maker", "skill"};
static const char *const end_states[] = {"successful", "failed"};

const struct pbay_protocol pbay_signing_protocol = {
    .name = "signing",
    .id = "open_aea/signing:1.0.0",
    .n = 5,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 2,
    .end_states = end_states,
};
