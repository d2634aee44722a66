/* valory/ledger_api:1.0.0: its table.
 * Written by `patchbay generate protocol` from ledger_api.yaml; a change here is lost. */
/* clang-format off */
#include "ledger_api.h"

static const struct pbay_custom custom_0 = {"Terms", 0, NULL};
static const struct pbay_custom custom_1 = {"Kwargs", 0, NULL};
static const struct pbay_custom custom_2 = {"TransactionDigest", 0, NULL};
static const struct pbay_custom custom_3 = {"RawTransaction", 0, NULL};
static const struct pbay_custom custom_4 = {"SignedTransaction", 0, NULL};
static const struct pbay_custom custom_5 = {"SignedTransactions", 0, NULL};
static const struct pbay_custom custom_6 = {"State", 0, NULL};
static const struct pbay_custom custom_7 = {"TransactionDigests", 0, NULL};
static const struct pbay_custom custom_8 = {"TransactionReceipt", 0, NULL};

/* balance */
static const struct pbay_content contents_0[] = {
    {.name = "ledger_id", .field = 1, .type = PBAY_STR},
    {.name = "balance", .field = 2, .type = PBAY_INT},
};

/* error */
static const struct pbay_content contents_1[] = {
    {.name = "code", .field = 1, .type = PBAY_INT},
    {.name = "message", .field = 2, .type = PBAY_STR, .optional = true},
    {.name = "data", .field = 4, .type = PBAY_BYTES, .optional = true},
};

/* get_balance */
static const struct pbay_content contents_2[] = {
    {.name = "ledger_id", .field = 1, .type = PBAY_STR},
    {.name = "address", .field = 2, .type = PBAY_STR},
};

/* get_raw_transaction */
static const struct pbay_content contents_3[] = {
    {.name = "terms", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_0},
};

/* get_state */
static const struct pbay_content contents_4[] = {
    {.name = "ledger_id", .field = 1, .type = PBAY_STR},
    {.name = "callable", .field = 2, .type = PBAY_STR},
    {.name = "args", .field = 3, .type = PBAY_STR, .form = PBAY_LIST},
    {.name = "kwargs", .field = 4, .type = PBAY_CUSTOM, .custom = &custom_1},
};

/* get_transaction_receipt */
static const struct pbay_content contents_5[] = {
    {.name = "transaction_digest", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_2},
    {.name = "retry_timeout", .field = 2, .type = PBAY_INT, .optional = true},
    {.name = "retry_attempts", .field = 4, .type = PBAY_INT, .optional = true},
};

/* raw_transaction */
static const struct pbay_content contents_6[] = {
    {.name = "raw_transaction", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_3},
};

/* send_signed_transaction */
static const struct pbay_content contents_7[] = {
    {.name = "signed_transaction", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_4},
    {.name = "kwargs", .field = 2, .type = PBAY_CUSTOM, .custom = &custom_1},
};

/* send_signed_transactions */
static const struct pbay_content contents_8[] = {
    {.name = "signed_transactions", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_5},
    {.name = "kwargs", .field = 2, .type = PBAY_CUSTOM, .custom = &custom_1},
};

/* state */
static const struct pbay_content contents_9[] = {
    {.name = "ledger_id", .field = 1, .type = PBAY_STR},
    {.name = "state", .field = 2, .type = PBAY_CUSTOM, .custom = &custom_6},
};

/* transaction_digest */
static const struct pbay_content contents_10[] = {
    {.name = "transaction_digest", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_2},
};

/* transaction_digests */
static const struct pbay_content contents_11[] = {
    {.name = "transaction_digests", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_7},
};

/* transaction_receipt */
static const struct pbay_content contents_12[] = {
    {.name = "transaction_receipt", .field = 1, .type = PBAY_CUSTOM, .custom = &custom_8},
};

static const struct pbay_performative performatives[] = {
    {.name = "balance", .field = 5, .n = 2, .contents = contents_0, .terminal = true},
    {.name = "error", .field = 6, .n = 3, .contents = contents_1, .terminal = true},
    {.name = "get_balance", .field = 7, .n = 2, .contents = contents_2, .replies = 0x3, .initial = true},
    {.name = "get_raw_transaction", .field = 8, .n = 1, .contents = contents_3, .replies = 0x42, .initial = true},
    {.name = "get_state", .field = 9, .n = 4, .contents = contents_4, .replies = 0x202, .initial = true},
    {.name = "get_transaction_receipt", .field = 10, .n = 3, .contents = contents_5, .replies = 0x1002, .initial = true},
    {.name = "raw_transaction", .field = 11, .n = 1, .contents = contents_6, .terminal = true},
    {.name = "send_signed_transaction", .field = 12, .n = 2, .contents = contents_7, .replies = 0x402, .initial = true},
    {.name = "send_signed_transactions", .field = 13, .n = 2, .contents = contents_8, .replies = 0x802, .initial = true},
    {.name = "state", .field = 14, .n = 2, .contents = contents_9, .terminal = true},
    {.name = "transaction_digest", .field = 15, .n = 1, .contents = contents_10, .terminal = true},
    {.name = "transaction_digests", .field = 16, .n = 1, .contents = contents_11, .terminal = true},
    {.name = "transaction_receipt", .field = 17, .n = 1, .contents = contents_12, .terminal = true},
};
static const char *const roles[] = {"agent", "ledger"};
static const char *const end_states[] = {"successful"};

const struct pbay_protocol pbay_ledger_api_protocol = {
    .name = "ledger_api",
    .id = "valory/ledger_api:1.0.0",
    .n = 13,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 1,
    .end_states = end_states,
};
