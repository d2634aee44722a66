/* valory/ledger_api:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from ledger_api.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_LEDGER_API_PROTOCOL_H
#define PBAY_LEDGER_API_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_LEDGER_API_ID "valory/ledger_api:1.0.0"

/* performatives */
#define PBAY_LEDGER_API_PERFORMATIVE_BALANCE "balance"
#define PBAY_LEDGER_API_PERFORMATIVE_ERROR "error"
#define PBAY_LEDGER_API_PERFORMATIVE_GET_BALANCE "get_balance"
#define PBAY_LEDGER_API_PERFORMATIVE_GET_RAW_TRANSACTION "get_raw_transaction"
#define PBAY_LEDGER_API_PERFORMATIVE_GET_STATE "get_state"
#define PBAY_LEDGER_API_PERFORMATIVE_GET_TRANSACTION_RECEIPT "get_transaction_receipt"
#define PBAY_LEDGER_API_PERFORMATIVE_RAW_TRANSACTION "raw_transaction"
#define PBAY_LEDGER_API_PERFORMATIVE_SEND_SIGNED_TRANSACTION "send_signed_transaction"
#define PBAY_LEDGER_API_PERFORMATIVE_SEND_SIGNED_TRANSACTIONS "send_signed_transactions"
#define PBAY_LEDGER_API_PERFORMATIVE_STATE "state"
#define PBAY_LEDGER_API_PERFORMATIVE_TRANSACTION_DIGEST "transaction_digest"
#define PBAY_LEDGER_API_PERFORMATIVE_TRANSACTION_DIGESTS "transaction_digests"
#define PBAY_LEDGER_API_PERFORMATIVE_TRANSACTION_RECEIPT "transaction_receipt"

/* contents */
#define PBAY_LEDGER_API_CONTENT_LEDGER_ID "ledger_id"
#define PBAY_LEDGER_API_CONTENT_BALANCE "balance"
#define PBAY_LEDGER_API_CONTENT_CODE "code"
#define PBAY_LEDGER_API_CONTENT_MESSAGE "message"
#define PBAY_LEDGER_API_CONTENT_DATA "data"
#define PBAY_LEDGER_API_CONTENT_ADDRESS "address"
#define PBAY_LEDGER_API_CONTENT_TERMS "terms"
#define PBAY_LEDGER_API_CONTENT_CALLABLE "callable"
#define PBAY_LEDGER_API_CONTENT_ARGS "args"
#define PBAY_LEDGER_API_CONTENT_KWARGS "kwargs"
#define PBAY_LEDGER_API_CONTENT_TRANSACTION_DIGEST "transaction_digest"
#define PBAY_LEDGER_API_CONTENT_RETRY_TIMEOUT "retry_timeout"
#define PBAY_LEDGER_API_CONTENT_RETRY_ATTEMPTS "retry_attempts"
#define PBAY_LEDGER_API_CONTENT_RAW_TRANSACTION "raw_transaction"
#define PBAY_LEDGER_API_CONTENT_SIGNED_TRANSACTION "signed_transaction"
#define PBAY_LEDGER_API_CONTENT_SIGNED_TRANSACTIONS "signed_transactions"
#define PBAY_LEDGER_API_CONTENT_STATE "state"
#define PBAY_LEDGER_API_CONTENT_TRANSACTION_DIGESTS "transaction_digests"
#define PBAY_LEDGER_API_CONTENT_TRANSACTION_RECEIPT "transaction_receipt"

/* roles in a dialogue */
#define PBAY_LEDGER_API_ROLE_AGENT "agent"
#define PBAY_LEDGER_API_ROLE_LEDGER "ledger"

/* how a dialogue can end */
#define PBAY_LEDGER_API_END_STATE_SUCCESSFUL "successful"

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_ledger_api_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_ledger_api_balance_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str ledger_id,
    int32_t balance)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "balance");

    if (!err)
        err = pbay_message_set_str(m, "ledger_id", ledger_id);
    if (!err)
        err = pbay_message_set_int(m, "balance", balance);
    return err;
}

static inline enum pbay_err pbay_ledger_api_error_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    int32_t code)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "error");

    if (!err)
        err = pbay_message_set_int(m, "code", code);
    return err;
}

static inline enum pbay_err pbay_ledger_api_get_balance_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str ledger_id,
    struct pbay_str address)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "get_balance");

    if (!err)
        err = pbay_message_set_str(m, "ledger_id", ledger_id);
    if (!err)
        err = pbay_message_set_str(m, "address", address);
    return err;
}

static inline enum pbay_err pbay_ledger_api_get_raw_transaction_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str terms)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "get_raw_transaction");

    if (!err)
        err = pbay_message_set_bytes(m, "terms", terms);
    return err;
}

static inline enum pbay_err pbay_ledger_api_get_state_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str ledger_id,
    struct pbay_str callable,
    struct pbay_str kwargs)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "get_state");

    if (!err)
        err = pbay_message_set_str(m, "ledger_id", ledger_id);
    if (!err)
        err = pbay_message_set_str(m, "callable", callable);
    if (!err)
        err = pbay_message_set_bytes(m, "kwargs", kwargs);
    return err;
}

static inline enum pbay_err pbay_ledger_api_get_transaction_receipt_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str transaction_digest)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "get_transaction_receipt");

    if (!err)
        err = pbay_message_set_bytes(m, "transaction_digest", transaction_digest);
    return err;
}

static inline enum pbay_err pbay_ledger_api_raw_transaction_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str raw_transaction)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "raw_transaction");

    if (!err)
        err = pbay_message_set_bytes(m, "raw_transaction", raw_transaction);
    return err;
}

static inline enum pbay_err pbay_ledger_api_send_signed_transaction_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str signed_transaction,
    struct pbay_str kwargs)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "send_signed_transaction");

    if (!err)
        err = pbay_message_set_bytes(m, "signed_transaction", signed_transaction);
    if (!err)
        err = pbay_message_set_bytes(m, "kwargs", kwargs);
    return err;
}

static inline enum pbay_err pbay_ledger_api_send_signed_transactions_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str signed_transactions,
    struct pbay_str kwargs)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "send_signed_transactions");

    if (!err)
        err = pbay_message_set_bytes(m, "signed_transactions", signed_transactions);
    if (!err)
        err = pbay_message_set_bytes(m, "kwargs", kwargs);
    return err;
}

static inline enum pbay_err pbay_ledger_api_state_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str ledger_id,
    struct pbay_str state)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "state");

    if (!err)
        err = pbay_message_set_str(m, "ledger_id", ledger_id);
    if (!err)
        err = pbay_message_set_bytes(m, "state", state);
    return err;
}

static inline enum pbay_err pbay_ledger_api_transaction_digest_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str transaction_digest)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "transaction_digest");

    if (!err)
        err = pbay_message_set_bytes(m, "transaction_digest", transaction_digest);
    return err;
}

static inline enum pbay_err pbay_ledger_api_transaction_digests_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str transaction_digests)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "transaction_digests");

    if (!err)
        err = pbay_message_set_bytes(m, "transaction_digests", transaction_digests);
    return err;
}

static inline enum pbay_err pbay_ledger_api_transaction_receipt_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str transaction_receipt)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("valory/ledger_api:1.0.0"), "transaction_receipt");

    if (!err)
        err = pbay_message_set_bytes(m, "transaction_receipt", transaction_receipt);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
