/* fetchai/prometheus:1.0.0: names, and functions that begin a message.
 * Written by `patchbay generate protocol` from prometheus.yaml; a change here is lost. */
/* clang-format off */
#ifndef PBAY_PROMETHEUS_PROTOCOL_H
#define PBAY_PROMETHEUS_PROTOCOL_H

#include <pbay_message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* the protocol specification id, as envelopes have it */
#define PBAY_PROMETHEUS_ID "fetchai/prometheus:1.0.0"

/* performatives */
#define PBAY_PROMETHEUS_PERFORMATIVE_ADD_METRIC "add_metric"
#define PBAY_PROMETHEUS_PERFORMATIVE_RESPONSE "response"
#define PBAY_PROMETHEUS_PERFORMATIVE_UPDATE_METRIC "update_metric"

/* contents */
#define PBAY_PROMETHEUS_CONTENT_TYPE "type"
#define PBAY_PROMETHEUS_CONTENT_TITLE "title"
#define PBAY_PROMETHEUS_CONTENT_DESCRIPTION "description"
#define PBAY_PROMETHEUS_CONTENT_LABELS "labels"
#define PBAY_PROMETHEUS_CONTENT_CODE "code"
#define PBAY_PROMETHEUS_CONTENT_MESSAGE "message"
#define PBAY_PROMETHEUS_CONTENT_CALLABLE "callable"
#define PBAY_PROMETHEUS_CONTENT_VALUE "value"

/* roles in a dialogue */
#define PBAY_PROMETHEUS_ROLE_AGENT "agent"
#define PBAY_PROMETHEUS_ROLE_SERVER "server"

/* how a dialogue can end */
#define PBAY_PROMETHEUS_END_STATE_SUCCESSFUL "successful"

/* for pbay_protocols_add */
extern const struct pbay_protocol pbay_prometheus_protocol;

/* Begin a message with those of its contents that are one value and not optional; the others are set behind it.
 *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */

static inline enum pbay_err pbay_prometheus_add_metric_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str type,
    struct pbay_str title,
    struct pbay_str description)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/prometheus:1.0.0"), "add_metric");

    if (!err)
        err = pbay_message_set_str(m, "type", type);
    if (!err)
        err = pbay_message_set_str(m, "title", title);
    if (!err)
        err = pbay_message_set_str(m, "description", description);
    return err;
}

static inline enum pbay_err pbay_prometheus_response_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    int32_t code)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/prometheus:1.0.0"), "response");

    if (!err)
        err = pbay_message_set_int(m, "code", code);
    return err;
}

static inline enum pbay_err pbay_prometheus_update_metric_init(struct pbay_message *m, const struct pbay_protocols *protocols,
    struct pbay_str title,
    struct pbay_str callable,
    double value)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str("fetchai/prometheus:1.0.0"), "update_metric");

    if (!err)
        err = pbay_message_set_str(m, "title", title);
    if (!err)
        err = pbay_message_set_str(m, "callable", callable);
    if (!err)
        err = pbay_message_set_float(m, "value", value);
    return err;
}

#ifdef __cplusplus
}
#endif
#endif
