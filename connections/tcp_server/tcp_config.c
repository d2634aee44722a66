#include "connections/tcp_server/tcp_config.h"

#include <stddef.h>
#include <stdio.h>

#include "connections/tcp_server/tcp_message.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct tcp_config, member)
#define MAX_SECONDS  86400
#define MAX_TOTAL    (1U << 30)

static const struct pbay_config_number numbers[] = {
    {"port", AT(port), 8082, 0, 65535},
    {"max_frame", AT(max_frame), (1U << 20) + TCP_NAMES, 64, (64U << 20) + TCP_NAMES}, /* as max_envelope */
    {"frame_timeout", AT(frame_timeout), 60, 1, MAX_SECONDS},
    {"idle_timeout", AT(idle_timeout), 0, 0, MAX_SECONDS},
    {"send_timeout", AT(send_timeout), 30, 1, MAX_SECONDS},
    {"peer_timeout", AT(peer_timeout), 60, 3, 3600},
    {"drain_timeout", AT(drain_timeout), 2, 0, MAX_SECONDS},
    {"max_clients", AT(max_clients), 1024, 1, 65536},
    {"max_input_total", AT(max_input_total), 64U << 20, 64, MAX_TOTAL},
    {"hello_timeout", AT(hello_timeout), 5, 1, MAX_SECONDS},
    {"client_grace", AT(client_grace), 5, 0, 3600},
    {"connect_timeout", AT(connect_timeout), 5, 1, 60},
};

/* The longest frame must fit, or nobody who sends one would ever get further. */
static enum pbay_err check_total(const struct tcp_config *config, struct pbay_link *link)
{
    char what[48], found[16];

    if (config->max_input_total >= config->max_frame)
        return PBAY_OK;
    snprintf(what, sizeof what, "at least max_frame (%u)", config->max_frame);
    snprintf(found, sizeof found, "%u", config->max_input_total);
    return pbay_link_expected(link, "max_input_total", what, found);
}

static enum pbay_err load_texts(struct tcp_config *config, struct pbay_link *link)
{
    config->error_envelopes = pbay_link_config_bool(link, "error_envelopes", true);
    config->address = pbay_link_config(link, "address", "127.0.0.1");
    config->own = pbay_str(pbay_link_config(link, "own_address", pbay_link_agent(link)));
    if (!*config->address)
        return pbay_link_expected(link, "address", "an address or a name", "");
    if (!tcp_is_address(config->own))
        return pbay_link_expected(link, "own_address", "an address that is not a public id", config->own.p);
    return PBAY_OK;
}

enum pbay_err tcp_config_load(struct tcp_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct tcp_config){0};
    err = pbay_link_config_numbers(link, numbers, COUNT(numbers), config);
    if (!err)
        err = load_texts(config, link);
    return err ? err : check_total(config, link);
}
