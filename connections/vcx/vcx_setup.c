#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "connections/vcx/vcx_proc.h"

#define FORM 1 /* of the tables */

/* An event's id names it to the agent, however often it is given. Rows that are ephemeral are of this process. */
static const char schema[] = VCX_STORE_SCHEMA
    "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, connection TEXT NOT NULL,"
    " source_id TEXT NOT NULL, message_id TEXT NOT NULL, endpoint TEXT NOT NULL, envelope BLOB NOT NULL,"
    " attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ephemeral INTEGER NOT NULL)"
    " STRICT;"
    "CREATE INDEX IF NOT EXISTS outbox_lane ON outbox (connection, endpoint, seq);"
    "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY AUTOINCREMENT, connection TEXT NOT NULL, id BLOB NOT "
    "NULL,"
    " kind TEXT NOT NULL, message BLOB NOT NULL, ephemeral INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS done (seq INTEGER PRIMARY KEY AUTOINCREMENT, cause BLOB NOT NULL UNIQUE,"
    " reply BLOB NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS done_at ON done (at);"
    "CREATE TABLE IF NOT EXISTS link (url TEXT PRIMARY KEY, connection TEXT NOT NULL, invitation TEXT NOT NULL,"
    " expires_at INTEGER NOT NULL, ephemeral INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;";

/* ---- the parts ---- */

static enum pbay_err fail(struct vcx_proc *s, enum vcx_error code, const char *why)
{
    return pbay_link_fail(s->link, code == VCX_E_ACCESS ? PBAY_IO : PBAY_CONFIG, "%d (%s): %s", (int)code,
                          vcx_error_text(code), why);
}

static enum pbay_err open_wallet(struct vcx_proc *s)
{
    struct vcx_wallet_conf conf = {.path = s->config.wallet, .owner = pbay_link_agent(s->link), .create = true};
    struct vcx_secret secret;
    enum pbay_err err = vcx_config_secret(&secret, s->link);
    enum vcx_wallet_err code = VCX_WALLET_OK;
    char why[VCX_WHY];

    if (!err && secret.is_raw)
        conf.raw_key = (const uint8_t *)secret.text;
    else if (!err)
        conf.passphrase = (struct pbay_str){secret.text, secret.n};
    if (!err)
        code = vcx_wallet_open(&s->wallet, &conf, why);
    vcx_secret_fini(&secret);
    s->ring.wallet = s->wallet;
    return code ? fail(s, (enum vcx_error)code, why) : err;
}

static enum pbay_err open_database(struct vcx_proc *s)
{
    char why[VCX_WHY];

    s->db = vcx_db_open(s->config.database, schema, FORM, why);
    if (!s->db)
        return pbay_link_fail(s->link, PBAY_IO, "%s: %s", s->config.database, why);
    return PBAY_OK;
}

static void on_reply(void *self, uint64_t tag, const struct vcx_post_reply *reply)
{
    struct vcx_proc *s = self;
    struct vcx_job *job;

    DL_FOREACH (s->jobs, job) {
        if (job->tag == tag)
            break;
    }
    if (!job || s->broken[0])
        return; /* nobody waits for it any more, or nothing is done any more */
    vcx_job_remove(s, job);
    job->done(s, job, reply);
}

void vcx_job_add(struct vcx_proc *s, struct vcx_job *job)
{
    DL_APPEND(s->jobs, job);
    pbay_link_wake(s->link); /* for the turn that begins it */
}

void vcx_job_remove(struct vcx_proc *s, struct vcx_job *job)
{
    if (job->tag)
        DL_DELETE(s->jobs, job);
    job->tag = 0;
}

static enum pbay_err open_post(struct vcx_proc *s)
{
    s->post = vcx_post_new(&(struct vcx_post_options){
        .done = on_reply, .user = s, .allow_private = s->config.allow_private, .ca_file = s->config.ca_file});
    return s->post ? PBAY_OK : pbay_link_fail(s->link, PBAY_IO, "libcurl cannot be started");
}

static enum pbay_err open_listener(struct vcx_proc *s)
{
    const struct vcx_config *c = &s->config;
    enum pbay_err err = c->listens ? vcx_listen_open(s) : PBAY_OK;

    if (err)
        return err;
    if (c->endpoint || !c->listens)
        (void)snprintf(s->endpoint, sizeof s->endpoint, "%s", c->endpoint ? c->endpoint : "");
    else
        (void)snprintf(s->endpoint, sizeof s->endpoint, "http://%s%s", vcx_listen_authority(&s->listen), c->path);
    return PBAY_OK;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct vcx_proc *s = self;

    return vcx_ring_new_key(&s->ring, ephemeral, key, why);
}

static enum pbay_err open_core(struct vcx_proc *s)
{
    char why[VCX_WHY] = "";
    enum vcx_error code;

    s->core = vcx_core_new(&(struct vcx_core_conf){.label = s->config.label,
                                                   .endpoint = s->endpoint,
                                                   .keys = vcx_ring_keys(&s->ring),
                                                   .new_key = new_key,
                                                   .self = s});
    code = vcx_store_load(s->db, s->core, why);
    return code ? fail(s, code, why) : PBAY_OK;
}

/* ---- who we are ---- */

static bool read_identity(struct vcx_proc *s)
{
    struct vcx_stmt *row = vcx_db_run(s->db, "SELECT value FROM setting WHERE name = 'identity'", "");
    bool found = vcx_db_row(row) && vcx_verkey_parse(vcx_db_text(row, 0), s->identity);

    vcx_db_end(&row);
    return found;
}

static enum pbay_err make_identity(struct vcx_proc *s)
{
    char text[VCX_MAX_VERKEY], why[VCX_WHY];

    if (!vcx_ring_new_key(&s->ring, false, s->identity, why))
        return fail(s, VCX_E_ACCESS, why);
    vcx_verkey_text(s->identity, text);
    vcx_begin(s);
    (void)vcx_db_do(s->db, "INSERT OR REPLACE INTO setting (name, value) VALUES ('identity', ?1)", "s", text);
    return vcx_commit(s, true) ? PBAY_OK : pbay_link_fail(s->link, PBAY_IO, "%s", s->broken);
}

static enum pbay_err load_identity(struct vcx_proc *s)
{
    if (!read_identity(s))
        return make_identity(s);
    if (!vcx_wallet_secret(s->wallet, s->identity))
        return fail(s, VCX_E_WALLET, "the identity of this database is not in the wallet");
    return PBAY_OK;
}

/* ---- all of it ---- */

/* What an earlier process has left behind, and how much there is. */
static enum pbay_err sweep(struct vcx_proc *s)
{
    vcx_begin(s);
    (void)vcx_db_do(s->db, "DELETE FROM outbox WHERE ephemeral = 1", "");
    (void)vcx_db_do(s->db, "DELETE FROM event WHERE ephemeral = 1", "");
    vcx_link_sweep(s);
    vcx_event_load(s);
    s->outbox_n = vcx_db_ask(s->db, 0, "SELECT count(*) FROM outbox", "");
    s->event_n = vcx_db_ask(s->db, 0, "SELECT count(*) FROM event", "");
    return vcx_commit(s, true) ? PBAY_OK : pbay_link_fail(s->link, PBAY_IO, "%s", s->broken);
}

static bool watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum pbay_err open_epoll(struct vcx_proc *s)
{
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0 || !watch(s->epoll, vcx_post_fd(s->post)) ||
        (s->listen.open && !watch(s->epoll, vcx_listen_fd(&s->listen))))
        return pbay_link_fail(s->link, PBAY_IO, "epoll: %s", strerror(errno));
    return PBAY_OK;
}

enum pbay_err vcx_setup_open(struct vcx_proc *s)
{
    enum pbay_err err;

    s->epoll = -1;
    s->broken[0] = 0;
    s->refusing = s->full = false;
    s->core_due = s->outbox_due = 0;
    if (!vcx_init())
        return pbay_link_fail(s->link, PBAY_IO, "libsodium does not work here");
    err = vcx_config_load(&s->config, s->link);
    if (err)
        return err;
    s->protocols = pbay_protocols_new();
    if ((err = open_wallet(s)) || (err = open_database(s)) || (err = open_post(s)) || (err = open_listener(s)) ||
        (err = open_core(s)) || (err = load_identity(s)) || (err = sweep(s)) || (err = vcx_relay_open(s)))
        return err;
    return open_epoll(s);
}

void vcx_setup_close(struct vcx_proc *s)
{
    vcx_listen_close(&s->listen);
    if (s->post && s->epoll >= 0)
        close(s->epoll);
    s->epoll = -1;
    vcx_post_destroy(&s->post);
    vcx_relay_close(s);
    vcx_core_destroy(&s->core);
    vcx_ring_fini(&s->ring);
    vcx_db_close(&s->db);
    vcx_wallet_close(&s->wallet);
    pb_buf_fini(&s->event);
    pbay_protocols_destroy(&s->protocols);
    vcx_config_fini(&s->config);
}
