/* fetchai/state_update:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from state_update.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_STATE_UPDATE_PROTOCOL_H
#define PBAY_STATE_UPDATE_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_STATE_UPDATE_ID "fetchai/state_update:1.0.0"

/* performatives */
#define PBAY_STATE_UPDATE_PERFORMATIVE_APPLY "apply"
#define PBAY_STATE_UPDATE_PERFORMATIVE_END "end"
#define PBAY_STATE_UPDATE_PERFORMATIVE_INITIALIZE "initialize"

/* contents */
#define PBAY_STATE_UPDATE_CONTENT_AMOUNT_BY_CURRENCY_ID "amount_by_currency_id"
#define PBAY_STATE_UPDATE_CONTENT_QUANTITIES_BY_GOOD_ID "quantities_by_good_id"
#define PBAY_STATE_UPDATE_CONTENT_EXCHANGE_PARAMS_BY_CURRENCY_ID "exchange_params_by_currency_id"
#define PBAY_STATE_UPDATE_CONTENT_UTILITY_PARAMS_BY_GOOD_ID "utility_params_by_good_id"

/* roles in a dialogue */
#define PBAY_STATE_UPDATE_ROLE_DECISION_MAKER "decision_maker"
#define PBAY_STATE_UPDATE_ROLE_SKILL "skill"

/* how a dialogue can end */
#define PBAY_STATE_UPDATE_END_STATE_SUCCESSFUL "successful"

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_state_update_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_state_update_apply_init(struct pbay_message *m, const struct pbay_protocols *protocols)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/state_update:1.0.0"), "apply");

    return err;
}

static inline enum pbay_err pbay_state_update_end_init(struct pbay_message *m, const struct pbay_protocols *protocols)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/state_update:1.0.0"), "end");

    return err;
}

static inline enum pbay_err pbay_state_update_initialize_init(struct pbay_message *m, const struct pbay_protocols *protocols)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/state_update:1.0.0"), "initialize");

    return err;
}

#ifdef __cplusplus
}
#endif
#endif
