#include "connections/webhook/webhook_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connections/http_server/http_text.h"
#include "pbay_pubid.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct webhook_config, member)

static const struct pbay_config_number numbers[] = {
    {"webhook_port", AT(port), 0, 0, 65535},
    {"timeout", AT(timeout), 30, 1, 3600},
    {"max_in_flight", AT(max_in_flight), 256, 1, 1024}, /* as many as the runtime keeps */
    {"max_body_bytes", AT(max_body_bytes), 1U << 20, 0, 64U << 20},
    {"max_body_total", AT(max_body_total), 64U << 20, 1, 1U << 30},
};

/* The two that are chosen from words. */
static enum pbay_err load_words(struct webhook_config *config, struct pbay_link *link)
{
    const char *answer = pbay_link_config(link, "answer", "settled");
    const char *encoding = pbay_link_config(link, "encoding", "protobuf");

    config->at_once = strcmp(answer, "at_once") == 0;
    if (!config->at_once && strcmp(answer, "settled") != 0)
        return pbay_link_expected(link, "answer", "settled or at_once", answer);
    config->encoding = strcmp(encoding, "msgpack") == 0 ? PBAY_MSGPACK : PBAY_PROTOBUF;
    if (config->encoding == PBAY_PROTOBUF && strcmp(encoding, "protobuf") != 0)
        return pbay_link_expected(link, "encoding", "protobuf or msgpack", encoding);
    return PBAY_OK;
}

/* What AEA requires. */
static enum pbay_err load_required(struct webhook_config *config, struct pbay_link *link)
{
    struct pbay_pubid id;

    config->address = pbay_link_config(link, "webhook_address", NULL);
    config->path = pbay_link_config(link, "webhook_url_path", NULL);
    config->target_skill_id = pbay_link_config(link, "target_skill_id", NULL);
    if (!config->address || !*config->address)
        return pbay_link_expected(link, "webhook_address", "an address or a name", config->address);
    if (!pbay_link_config(link, "webhook_port", NULL))
        return pbay_link_expected(link, "webhook_port", "0 to 65535", NULL);
    if (!config->path || !web_is_path(config->path))
        return pbay_link_expected(link, "webhook_url_path", "a path such as /hook", config->path);
    if (!config->target_skill_id || !pbay_pubid_parse(pbay_str(config->target_skill_id), &id) ||
        strlen(config->target_skill_id) > PBAY_MAX_ADDRESS)
        return pbay_link_expected(link, "target_skill_id", "a public id such as acme/skill:1.0.0",
                                  config->target_skill_id);
    return PBAY_OK;
}

/* ---- the key ---- */

/* The whole file into config->key; false with errno. */
static bool read_key(struct webhook_config *config, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
        return false;
    config->key = pb_alloc(WEBHOOK_MAX_KEY + 1);
    while (config->key_n <= WEBHOOK_MAX_KEY &&
           (got = read(fd, config->key + config->key_n, WEBHOOK_MAX_KEY + 1 - config->key_n)) > 0)
        config->key_n += (size_t)got;
    if (got > 0)
        errno = EFBIG;
    close(fd);
    return got == 0;
}

/* The newline that an editor leaves is not part of it. */
static void strip_newline(struct webhook_config *config)
{
    if (config->key_n && config->key[config->key_n - 1] == '\n')
        config->key_n--;
    if (config->key_n && config->key[config->key_n - 1] == '\r')
        config->key_n--;
}

static enum pbay_err load_key(struct webhook_config *config, struct pbay_link *link)
{
    const char *value = pbay_link_config(link, "hmac_key_file", NULL);
    enum pbay_err err = PBAY_OK;
    char *path;

    config->hmac_header = pbay_link_config(link, "hmac_header", "X-Hub-Signature-256");
    if (!http_is_token(pbay_str(config->hmac_header)))
        return pbay_link_expected(link, "hmac_header", "the name of a header", config->hmac_header);
    if (!value)
        return PBAY_OK;
    path = pbay_link_path(link, "hmac_key_file", value);
    if (!path)
        return PBAY_CONFIG;
    if (!read_key(config, path))
        err = pbay_link_fail(link, PBAY_IO, "config.hmac_key_file: read %s: %s", path, strerror(errno));
    free(path);
    strip_newline(config);
    if (!err && config->key_n == 0)
        err = pbay_link_expected(link, "hmac_key_file", "a file with a key", "an empty file");
    return err;
}

enum pbay_err webhook_config_load(struct webhook_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct webhook_config){0};
    if ((err = load_required(config, link)) || (err = load_words(config, link)) ||
        (err = pbay_link_config_numbers(link, numbers, COUNT(numbers), config)) ||
        (err = web_limits_load(&config->limits, link)))
        return err;
    return load_key(config, link);
}

void webhook_config_fini(struct webhook_config *config)
{
    if (config->key)
        sodium_memzero(config->key, config->key_n);
    free(config->key);
    config->key = NULL;
    config->key_n = 0;
}
