#include "connections/vcx/vcx_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connections/vcx/vcx_core.h"
#include "pbay_pubid.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define AT(member)   offsetof(struct vcx_config, member)
#define NO_OTHERS    077 /* of a file's mode */

static const struct pbay_config_number numbers[] = {
    {"port", AT(port), 0, 0, 65535},
    {"expires_in", AT(expires_in), (uint32_t)VCX_EXPIRES_IN, 1, (uint32_t)VCX_MAX_EXPIRES_IN},
    {"retry_first", AT(retry_first), 1000, 10, 3600000},
    {"retry_most", AT(retry_most), 300000, 10, 86400000},
    {"max_attempts", AT(max_attempts), 1000, 1, 1000000},
    {"message_ttl", AT(message_ttl), 3 * 86400, 1, 31622400},
    {"max_outbox", AT(max_outbox), 10000, 1, 100000},
    {"max_outbox_per_connection", AT(max_outbox_per_connection), 1000, 1, 100000},
    {"max_events", AT(max_events), 10000, 1, 100000},
    {"max_commands", AT(max_commands), 256, 1, 1024}, /* as many as the runtime keeps */
    {"keep_replies", AT(keep_replies), 86400, 1, 31622400},
    {"max_replies", AT(max_replies), 10000, 1, 1000000},
    {"max_body_bytes", AT(max_body_bytes), VCX_MAX_ENVELOPE, 1024, VCX_MAX_ENVELOPE},
    {"max_body_total", AT(max_body_total), 64U << 20, 1024, 1U << 30},
};

/* ---- files ---- */

/* The whole file, which nobody else may read. */
static enum pbay_err read_secret(struct vcx_secret *secret, struct pbay_link *link, const char *name, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum pbay_err err = PBAY_OK;
    struct stat st;
    ssize_t got = 0;

    if (fd < 0 || fstat(fd, &st)) {
        err = pbay_link_fail(link, PBAY_IO, "config.%s: open %s: %s", name, path, strerror(errno));
    } else if (st.st_mode & NO_OTHERS) {
        err = pbay_link_expected(link, name, "a file that nobody but its owner may read (chmod 600)",
                                 "one that others may");
    } else {
        got = read(fd, secret->text, VCX_MAX_PHRASE);
        if (got < 0)
            err = pbay_link_fail(link, PBAY_IO, "config.%s: read %s: %s", name, path, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    secret->n = got > 0 ? (size_t)got : 0;
    return err;
}

/* The newline that an editor leaves is not part of a passphrase. */
static void strip_newline(struct vcx_secret *secret)
{
    if (secret->n && secret->text[secret->n - 1] == '\n')
        secret->n--;
    if (secret->n && secret->text[secret->n - 1] == '\r')
        secret->n--;
}

enum pbay_err vcx_config_secret(struct vcx_secret *secret, struct pbay_link *link)
{
    const char *phrase = pbay_link_config(link, "passphrase_file", NULL),
               *raw = pbay_link_config(link, "key_file", NULL);
    const char *name = raw ? "key_file" : "passphrase_file";
    enum pbay_err err;
    char *path;

    *secret = (struct vcx_secret){.is_raw = raw != NULL};
    if (phrase && raw)
        return pbay_link_expected(link, "key_file", "nothing beside passphrase_file", raw);
    if (!phrase && !raw)
        return pbay_link_expected(link, "passphrase_file", "a file with the wallet's passphrase, or key_file", NULL);
    path = pbay_link_path(link, name, raw ? raw : phrase);
    if (!path)
        return PBAY_CONFIG;
    secret->text = pb_alloc(VCX_MAX_PHRASE);
    err = read_secret(secret, link, name, path);
    free(path);
    if (err)
        return err;
    if (!raw)
        strip_newline(secret);
    if (raw ? secret->n != VCX_KEY : secret->n == 0)
        return pbay_link_expected(link, name, raw ? "a file of 32 bytes" : "a file with a passphrase",
                                  secret->n ? "another length" : "an empty file");
    return PBAY_OK;
}

void vcx_secret_fini(struct vcx_secret *secret)
{
    if (secret->text)
        sodium_memzero(secret->text, VCX_MAX_PHRASE);
    free(secret->text);
    secret->text = NULL;
}

/* ---- what is checked ---- */

static bool is_url(const char *text)
{
    char why[VCX_WHY];
    CURLU *url = vcx_guard_url(pbay_str(text), why);

    curl_url_cleanup(url);
    return url != NULL;
}

static bool is_invitation(const char *text)
{
    struct vcx_invite invite = {.json = NULL};
    char why[VCX_WHY];
    bool good = vcx_invite_read(&invite, pbay_str(text), why) == VCX_OK && invite.kind != VCX_INVITE_DETAILS;

    vcx_invite_fini(&invite);
    return good;
}

/* How others reach us: an address of our own, or a mediator's. */
static enum pbay_err load_address(struct vcx_config *c, struct pbay_link *link)
{
    c->host = pbay_link_config(link, "host", "127.0.0.1");
    c->path = pbay_link_config(link, "path", "/");
    c->endpoint = pbay_link_config(link, "endpoint", NULL);
    c->mediator = pbay_link_config(link, "mediator", NULL);
    c->listens = pbay_link_config(link, "port", NULL) != NULL;
    if (!c->listens && !c->mediator)
        return pbay_link_expected(link, "port", "0 to 65535, or a mediator instead", NULL);
    if (c->listens && c->mediator)
        return pbay_link_expected(link, "mediator", "nothing beside port: one of the two", c->mediator);
    if (c->mediator && !is_invitation(c->mediator))
        return pbay_link_expected(link, "mediator", "an invitation, or a URL with one", c->mediator);
    if (!*c->host)
        return pbay_link_expected(link, "host", "an address or a name", "an empty text");
    if (!web_is_path(c->path))
        return pbay_link_expected(link, "path", "a path such as /didcomm", c->path);
    if (c->endpoint && (strlen(c->endpoint) > VCX_MAX_URL || !is_url(c->endpoint)))
        return pbay_link_expected(link, "endpoint", "a URL of http or https", c->endpoint);
    return PBAY_OK;
}

/* The keys stand apart by blanks or commas. */
static enum pbay_err load_known(struct vcx_config *c, struct pbay_link *link)
{
    const char *at = pbay_link_config(link, "known_keys", "");
    size_t n;

    for (; *at; at += n) {
        n = strspn(at, " ,\n");
        if (n)
            continue;
        n = strcspn(at, " ,\n");
        if (c->known_n == VCX_MAX_KNOWN)
            return pbay_link_expected(link, "known_keys", "at most 64 keys", "more");
        if (!vcx_key_parse((struct pbay_str){at, n}, c->known[c->known_n++]))
            return pbay_link_expected(link, "known_keys", "verkeys or did:keys", at);
    }
    return PBAY_OK;
}

static enum pbay_err load_accept(struct vcx_config *c, struct pbay_link *link)
{
    static const struct {
        const char *text;
        enum vcx_accept accept;
    } rows[] = {{"never", VCX_ACCEPT_NEVER}, {"known", VCX_ACCEPT_KNOWN}, {"all", VCX_ACCEPT_ALL}};
    const char *text = pbay_link_config(link, "auto_accept", "never");

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(text, rows[i].text) == 0) {
            c->accept = rows[i].accept;
            return load_known(c, link);
        }
    }
    return pbay_link_expected(link, "auto_accept", "never, known or all", text);
}

static enum pbay_err load_sms(struct vcx_config *c, struct pbay_link *link)
{
    const struct vcx_sms_config sms = {.url = pbay_link_config(link, "sms_url", NULL),
                                       .method = pbay_link_config(link, "sms_method", NULL),
                                       .headers = pbay_link_config(link, "sms_headers", NULL),
                                       .body_template = pbay_link_config(link, "sms_body_template", NULL),
                                       .allow_private = pbay_link_config_bool(link, "sms_allow_private", false)};
    char why[VCX_WHY];

    c->has_sms = sms.url != NULL;
    if (c->has_sms && !vcx_sms_load(&c->sms, &sms, why))
        return pbay_link_fail(link, PBAY_CONFIG, "config.sms_%s", why);
    return PBAY_OK;
}

static enum pbay_err load_files(struct vcx_config *c, struct pbay_link *link)
{
    c->wallet = pbay_link_path(link, "wallet", pbay_link_config(link, "wallet", "vcx.wallet"));
    if (!c->wallet)
        return PBAY_CONFIG;
    c->database = pbay_link_path(link, "database", pbay_link_config(link, "database", "vcx.db"));
    return c->database ? PBAY_OK : PBAY_CONFIG;
}

static enum pbay_err load_texts(struct vcx_config *c, struct pbay_link *link)
{
    const char *encoding = pbay_link_config(link, "encoding", "protobuf");
    struct pbay_pubid id;

    c->encoding = strcmp(encoding, "msgpack") == 0 ? PBAY_MSGPACK : PBAY_PROTOBUF;
    if (c->encoding == PBAY_PROTOBUF && strcmp(encoding, "protobuf") != 0)
        return pbay_link_expected(link, "encoding", "protobuf or msgpack", encoding);
    c->label = pbay_link_config(link, "label", pbay_link_agent(link));
    c->to = pbay_link_config(link, "target_skill_id", NULL);
    c->ca_file = pbay_link_config(link, "ca_file", NULL);
    c->allow_private = pbay_link_config_bool(link, "allow_private_endpoints", false);
    if (strlen(c->label) > VCX_MAX_LABEL)
        return pbay_link_expected(link, "label", "at most 256 bytes", "more");
    if (c->to && (strlen(c->to) > PBAY_MAX_ADDRESS || !pbay_pubid_parse(pbay_str(c->to), &id)))
        return pbay_link_expected(link, "target_skill_id", "a public id such as acme/skill:1.0.0", c->to);
    if (c->ca_file && !*c->ca_file)
        return pbay_link_expected(link, "ca_file", "a file of certificates", "an empty text");
    return PBAY_OK;
}

enum pbay_err vcx_config_load(struct vcx_config *config, struct pbay_link *link)
{
    enum pbay_err err;

    *config = (struct vcx_config){.label = NULL};
    if ((err = pbay_link_config_numbers(link, numbers, COUNT(numbers), config)) ||
        (err = web_limits_load(&config->limits, link)) || (err = load_texts(config, link)) ||
        (err = load_address(config, link)) || (err = load_accept(config, link)) || (err = load_sms(config, link)))
        return err;
    return load_files(config, link);
}

void vcx_config_fini(struct vcx_config *config)
{
    vcx_sms_fini(&config->sms);
    free(config->wallet);
    free(config->database);
    config->wallet = config->database = NULL;
}
