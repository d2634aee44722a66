/* patchbay/vcx_connection:1.0.0: its table.
 * Written by `patchbay generate protocol` from vcx_connection.yaml; a change here is lost. */
/* clang-format off */
#include "vcx_connection.h"


/* connect */
static const struct pbay_content contents_0[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "options", .field = 2, .type = PBAY_STR, .optional = true},
};

/* connected */
static const struct pbay_content contents_1[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "state", .field = 2, .type = PBAY_INT},
    {.name = "invite_details", .field = 3, .type = PBAY_STR},
    {.name = "invite_url", .field = 4, .type = PBAY_STR},
    {.name = "qr_png", .field = 5, .type = PBAY_BYTES},
    {.name = "qr_text", .field = 6, .type = PBAY_STR},
};

/* create */
static const struct pbay_content contents_2[] = {
    {.name = "source_id", .field = 1, .type = PBAY_STR},
    {.name = "handshake", .field = 2, .type = PBAY_STR, .optional = true},
    {.name = "ephemeral", .field = 4, .type = PBAY_BOOL, .optional = true},
};

/* create_with_invite */
static const struct pbay_content contents_3[] = {
    {.name = "source_id", .field = 1, .type = PBAY_STR},
    {.name = "invite", .field = 2, .type = PBAY_STR},
    {.name = "handshake", .field = 3, .type = PBAY_STR, .optional = true},
    {.name = "ephemeral", .field = 5, .type = PBAY_BOOL, .optional = true},
};

/* created */
static const struct pbay_content contents_4[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "state", .field = 2, .type = PBAY_INT},
    {.name = "pw_did", .field = 3, .type = PBAY_STR},
    {.name = "pw_verkey", .field = 4, .type = PBAY_STR},
};

/* delete */
static const struct pbay_content contents_5[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* deserialize */
static const struct pbay_content contents_6[] = {
    {.name = "json", .field = 1, .type = PBAY_STR},
};

/* details */
static const struct pbay_content contents_7[] = {
    {.name = "json", .field = 1, .type = PBAY_STR},
};

/* error */
static const struct pbay_content contents_8[] = {
    {.name = "code", .field = 1, .type = PBAY_INT},
    {.name = "description", .field = 2, .type = PBAY_STR},
};

/* get_state */
static const struct pbay_content contents_9[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* info */
static const struct pbay_content contents_10[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* invite_details */
static const struct pbay_content contents_11[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "abbreviated", .field = 2, .type = PBAY_BOOL},
};

/* message_received */
static const struct pbay_content contents_13[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "source_id", .field = 2, .type = PBAY_STR},
    {.name = "msg_uid", .field = 3, .type = PBAY_STR},
    {.name = "msg_type", .field = 4, .type = PBAY_STR},
    {.name = "json", .field = 5, .type = PBAY_STR},
};

/* release */
static const struct pbay_content contents_14[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* revoke */
static const struct pbay_content contents_15[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* send_discovery_features */
static const struct pbay_content contents_16[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "query", .field = 2, .type = PBAY_STR},
    {.name = "comment", .field = 3, .type = PBAY_STR, .optional = true},
};

/* send_message */
static const struct pbay_content contents_17[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "content", .field = 2, .type = PBAY_STR},
    {.name = "ref_msg_id", .field = 3, .type = PBAY_STR, .optional = true},
};

/* send_ping */
static const struct pbay_content contents_18[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "comment", .field = 2, .type = PBAY_STR, .optional = true},
};

/* sent */
static const struct pbay_content contents_19[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "msg_uid", .field = 2, .type = PBAY_STR},
};

/* serialize */
static const struct pbay_content contents_20[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* serialized */
static const struct pbay_content contents_21[] = {
    {.name = "json", .field = 1, .type = PBAY_STR},
};

/* sign */
static const struct pbay_content contents_22[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "data", .field = 2, .type = PBAY_BYTES},
};

/* signed */
static const struct pbay_content contents_23[] = {
    {.name = "signature", .field = 1, .type = PBAY_BYTES},
};

/* state */
static const struct pbay_content contents_24[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "state", .field = 2, .type = PBAY_INT},
};

/* state_changed */
static const struct pbay_content contents_25[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "source_id", .field = 2, .type = PBAY_STR},
    {.name = "from_state", .field = 3, .type = PBAY_INT},
    {.name = "to_state", .field = 4, .type = PBAY_INT},
    {.name = "reason", .field = 5, .type = PBAY_STR},
};

/* undelivered */
static const struct pbay_content contents_26[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "source_id", .field = 2, .type = PBAY_STR},
    {.name = "msg_uid", .field = 3, .type = PBAY_STR},
    {.name = "reason", .field = 4, .type = PBAY_STR},
};

/* update_state */
static const struct pbay_content contents_27[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
};

/* verified */
static const struct pbay_content contents_28[] = {
    {.name = "valid", .field = 1, .type = PBAY_BOOL},
};

/* verify */
static const struct pbay_content contents_29[] = {
    {.name = "connection_id", .field = 1, .type = PBAY_STR},
    {.name = "data", .field = 2, .type = PBAY_BYTES},
    {.name = "signature", .field = 3, .type = PBAY_BYTES},
};

static const struct pbay_performative performatives[] = {
    {.name = "connect", .field = 5, .n = 2, .contents = contents_0, .replies = 0x102, .initial = true},
    {.name = "connected", .field = 6, .n = 6, .contents = contents_1, .terminal = true},
    {.name = "create", .field = 7, .n = 3, .contents = contents_2, .replies = 0x110, .initial = true},
    {.name = "create_with_invite", .field = 8, .n = 4, .contents = contents_3, .replies = 0x110, .initial = true},
    {.name = "created", .field = 9, .n = 4, .contents = contents_4, .terminal = true},
    {.name = "delete", .field = 10, .n = 1, .contents = contents_5, .replies = 0x1000100, .initial = true},
    {.name = "deserialize", .field = 11, .n = 1, .contents = contents_6, .replies = 0x110, .initial = true},
    {.name = "details", .field = 12, .n = 1, .contents = contents_7, .terminal = true},
    {.name = "error", .field = 13, .n = 2, .contents = contents_8, .terminal = true},
    {.name = "get_state", .field = 14, .n = 1, .contents = contents_9, .replies = 0x1000100, .initial = true},
    {.name = "info", .field = 15, .n = 1, .contents = contents_10, .replies = 0x180, .initial = true},
    {.name = "invite_details", .field = 16, .n = 2, .contents = contents_11, .replies = 0x180, .initial = true},
    {.name = "list_connections", .field = 17, .replies = 0x180, .initial = true},
    {.name = "message_received", .field = 18, .n = 5, .contents = contents_13, .initial = true, .terminal = true},
    {.name = "release", .field = 19, .n = 1, .contents = contents_14, .replies = 0x1000100, .initial = true},
    {.name = "revoke", .field = 20, .n = 1, .contents = contents_15, .replies = 0x1000100, .initial = true},
    {.name = "send_discovery_features", .field = 21, .n = 3, .contents = contents_16, .replies = 0x80100, .initial = true},
    {.name = "send_message", .field = 22, .n = 3, .contents = contents_17, .replies = 0x80100, .initial = true},
    {.name = "send_ping", .field = 23, .n = 2, .contents = contents_18, .replies = 0x80100, .initial = true},
    {.name = "sent", .field = 24, .n = 2, .contents = contents_19, .terminal = true},
    {.name = "serialize", .field = 25, .n = 1, .contents = contents_20, .replies = 0x200100, .initial = true},
    {.name = "serialized", .field = 26, .n = 1, .contents = contents_21, .terminal = true},
    {.name = "sign", .field = 27, .n = 2, .contents = contents_22, .replies = 0x800100, .initial = true},
    {.name = "signed", .field = 28, .n = 1, .contents = contents_23, .terminal = true},
    {.name = "state", .field = 29, .n = 2, .contents = contents_24, .terminal = true},
    {.name = "state_changed", .field = 30, .n = 5, .contents = contents_25, .initial = true, .terminal = true},
    {.name = "undelivered", .field = 31, .n = 4, .contents = contents_26, .initial = true, .terminal = true},
    {.name = "update_state", .field = 32, .n = 1, .contents = contents_27, .replies = 0x1000100, .initial = true},
    {.name = "verified", .field = 33, .n = 1, .contents = contents_28, .terminal = true},
    {.name = "verify", .field = 34, .n = 3, .contents = contents_29, .replies = 0x10000100, .initial = true},
};
static const char *const roles[] = {"agent", "connection"};
static const char *const end_states[] = {"successful", "failed"};

const struct pbay_protocol pbay_vcx_connection_protocol = {
    .name = "vcx_connection",
    .id = "patchbay/vcx_connection:1.0.0",
    .n = 30,
    .performatives = performatives,
    .n_roles = 2,
    .roles = roles,
    .n_end_states = 2,
    .end_states = end_states,
};
