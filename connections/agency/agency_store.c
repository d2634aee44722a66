#include "connections/agency/agency_store.h"

#include <string.h>

#include "connections/vcx/vcx_store.h"

#define ON_DELETE " ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"

/* Counts are kept by triggers, so that none of them depends on somebody remembering it. */
static const char schema[] = VCX_STORE_SCHEMA
    "CREATE TABLE IF NOT EXISTS agency_meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS agency_client (id TEXT PRIMARY KEY REFERENCES connection (id)" ON_DELETE ","
    " granted INTEGER NOT NULL DEFAULT 0, seen_at INTEGER NOT NULL,"
    " messages INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE IF NOT EXISTS agency_route (key BLOB PRIMARY KEY,"
    " client TEXT NOT NULL REFERENCES agency_client (id)" ON_DELETE ") STRICT;"
    "CREATE INDEX IF NOT EXISTS agency_route_client ON agency_route (client);"
    "CREATE TABLE IF NOT EXISTS agency_queue (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " client TEXT NOT NULL REFERENCES agency_client (id)" ON_DELETE ","
    " key BLOB NOT NULL, at INTEGER NOT NULL, envelope BLOB NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS agency_queue_client ON agency_queue (client, number);"
    "CREATE INDEX IF NOT EXISTS agency_queue_at ON agency_queue (at);"
    "CREATE TRIGGER IF NOT EXISTS agency_queue_in AFTER INSERT ON agency_queue BEGIN"
    " UPDATE agency_client SET messages = messages + 1, bytes = bytes + length(new.envelope) WHERE id = new.client; "
    "END;"
    "CREATE TRIGGER IF NOT EXISTS agency_queue_out AFTER DELETE ON agency_queue BEGIN"
    " UPDATE agency_client SET messages = messages - 1, bytes = bytes - length(old.envelope) WHERE id = old.client; "
    "END;"
    "CREATE TABLE IF NOT EXISTS agency_link (uid TEXT PRIMARY KEY,"
    " client TEXT NOT NULL REFERENCES agency_client (id)" ON_DELETE ","
    " url TEXT NOT NULL, used INTEGER NOT NULL DEFAULT 0, expires_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS agency_link_client ON agency_link (client, used);";

struct vcx_db *store_open(const char *path, char why[VCX_WHY])
{
    return vcx_db_open(path, schema, 1, why);
}

static struct pbay_str key_bytes(const uint8_t key[VCX_KEY])
{
    return (struct pbay_str){(const char *)key, VCX_KEY};
}

static void copy_id(char id[VCX_UUID], struct pbay_str text)
{
    size_t n = text.n < VCX_UUID ? text.n : VCX_UUID - 1;

    memcpy(id, text.p, n);
    id[n] = 0;
}

/* Append a statement's first column, if it has a row. */
static bool take_value(struct vcx_stmt *row, struct pb_buf *value)
{
    bool found = vcx_db_row(row);

    if (found) {
        struct pbay_str text = vcx_db_text(row, 0);

        pb_buf_add(value, text.p, text.n);
    }
    vcx_db_end(&row);
    return found;
}

static bool take_id(struct vcx_stmt *row, char id[VCX_UUID])
{
    bool found = vcx_db_row(row);

    if (found)
        copy_id(id, vcx_db_text(row, 0));
    vcx_db_end(&row);
    return found;
}

bool store_meta(struct vcx_db *db, const char *name, struct pb_buf *value)
{
    return take_value(vcx_db_run(db, "SELECT value FROM agency_meta WHERE name = ?1", "s", name), value);
}

void store_set_meta(struct vcx_db *db, const char *name, const void *value, size_t n)
{
    (void)vcx_db_do(db, "INSERT OR REPLACE INTO agency_meta (name, value) VALUES (?1, ?2)", "sb", name,
                    (struct pbay_str){value, n});
}

/* ---- clients ---- */

bool store_client(struct vcx_db *db, const char *id, struct agency_client *client)
{
    struct vcx_stmt *row = vcx_db_run(db,
                                      "SELECT id, granted, seen_at, messages, bytes,"
                                      " (SELECT count(*) FROM agency_route WHERE client = ?1),"
                                      " (SELECT count(*) FROM agency_link WHERE client = ?1 AND NOT used)"
                                      " FROM agency_client WHERE id = ?1",
                                      "s", id);
    bool found = vcx_db_row(row);

    *client = (struct agency_client){.granted = false};
    if (found) {
        copy_id(client->id, vcx_db_text(row, 0));
        client->granted = vcx_db_int(row, 1);
        client->seen_at = vcx_db_int(row, 2);
        client->messages = vcx_db_int(row, 3);
        client->bytes = vcx_db_int(row, 4);
        client->keys = vcx_db_int(row, 5);
        client->links = vcx_db_int(row, 6);
    }
    vcx_db_end(&row);
    return found;
}

void store_add_client(struct vcx_db *db, const char *id, int64_t now)
{
    (void)vcx_db_do(db, "INSERT INTO agency_client (id, seen_at) VALUES (?1, ?2)", "si", id, now);
}

void store_grant(struct vcx_db *db, const char *id)
{
    (void)vcx_db_do(db, "UPDATE agency_client SET granted = 1 WHERE id = ?1", "s", id);
}

void store_see(struct vcx_db *db, const char *id, int64_t now)
{
    (void)vcx_db_do(db, "UPDATE agency_client SET seen_at = ?2 WHERE id = ?1", "si", id, now);
}

bool store_idle(struct vcx_db *db, bool granted, int64_t since, char id[VCX_UUID])
{
    return take_id(vcx_db_run(db, "SELECT id FROM agency_client WHERE granted = ?1 AND seen_at < ?2 LIMIT 1", "ii",
                              (int64_t)granted, since),
                   id);
}

void store_totals(struct vcx_db *db, struct agency_totals *totals)
{
    struct vcx_stmt *row =
        vcx_db_run(db, "SELECT count(*), coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM agency_client", "");

    *totals = (struct agency_totals){0};
    if (vcx_db_row(row))
        *totals = (struct agency_totals){vcx_db_int(row, 0), vcx_db_int(row, 1), vcx_db_int(row, 2)};
    vcx_db_end(&row);
}

/* ---- keys ---- */

bool store_route(struct vcx_db *db, const uint8_t key[VCX_KEY], char client[VCX_UUID])
{
    return take_id(vcx_db_run(db, "SELECT client FROM agency_route WHERE key = ?1", "b", key_bytes(key)), client);
}

void store_add_route(struct vcx_db *db, const uint8_t key[VCX_KEY], const char *client)
{
    (void)vcx_db_do(db, "INSERT INTO agency_route (key, client) VALUES (?1, ?2)", "bs", key_bytes(key), client);
}

void store_drop_route(struct vcx_db *db, const uint8_t key[VCX_KEY])
{
    (void)vcx_db_do(db, "DELETE FROM agency_route WHERE key = ?1", "b", key_bytes(key));
}

size_t store_routes(struct vcx_db *db, const char *client, int64_t at, uint8_t (*keys)[VCX_KEY], size_t n)
{
    struct vcx_stmt *row =
        vcx_db_run(db, "SELECT key FROM agency_route WHERE client = ?1 ORDER BY rowid LIMIT ?2 OFFSET ?3", "sii",
                   client, (int64_t)n, at);
    size_t found = 0;

    while (found < n && vcx_db_row(row)) {
        struct pbay_str key = vcx_db_text(row, 0);

        if (key.n == VCX_KEY)
            memcpy(keys[found++], key.p, VCX_KEY);
    }
    vcx_db_end(&row);
    return found;
}

/* ---- queue ---- */

void store_queue(struct vcx_db *db, const char *client, const uint8_t key[VCX_KEY], struct pbay_str envelope,
                 int64_t now)
{
    (void)vcx_db_do(db, "INSERT INTO agency_queue (client, key, at, envelope) VALUES (?1, ?2, ?3, ?4)", "sbib", client,
                    key_bytes(key), now, envelope);
}

/* An empty key means any. */
static struct pbay_str any_key(const uint8_t *key)
{
    return key ? key_bytes(key) : pbay_str("");
}

void store_waiting(struct vcx_db *db, const char *client, const uint8_t *key, struct agency_waiting *w)
{
    struct vcx_stmt *row = vcx_db_run(db,
                                      "SELECT count(*), coalesce(sum(length(envelope)), 0), coalesce(min(at), 0),"
                                      " coalesce(max(at), 0) FROM agency_queue"
                                      " WHERE client = ?1 AND (length(?2) = 0 OR key = ?2)",
                                      "sb", client, any_key(key));

    *w = (struct agency_waiting){0};
    if (vcx_db_row(row))
        *w = (struct agency_waiting){vcx_db_int(row, 0), vcx_db_int(row, 1), vcx_db_int(row, 2), vcx_db_int(row, 3)};
    vcx_db_end(&row);
}

void store_each(struct vcx_db *db, const char *client, const uint8_t *key,
                bool (*each)(void *self, const struct agency_queued *queued), void *self)
{
    struct vcx_stmt *row = vcx_db_run(db,
                                      "SELECT number, at, envelope FROM agency_queue"
                                      " WHERE client = ?1 AND (length(?2) = 0 OR key = ?2) ORDER BY number",
                                      "sb", client, any_key(key));
    bool more = true;

    while (more && vcx_db_row(row)) {
        const struct agency_queued queued = {vcx_db_int(row, 0), vcx_db_int(row, 1), vcx_db_text(row, 2)};

        more = each(self, &queued);
    }
    vcx_db_end(&row);
}

void store_remove(struct vcx_db *db, const char *client, int64_t number)
{
    (void)vcx_db_do(db, "DELETE FROM agency_queue WHERE number = ?1 AND client = ?2", "is", number, client);
}

void store_expire_queue(struct vcx_db *db, int64_t before)
{
    (void)vcx_db_do(db, "DELETE FROM agency_queue WHERE at < ?1", "i", before);
}

/* ---- short links ---- */

bool store_link(struct vcx_db *db, const char *uid, struct agency_link *link)
{
    struct vcx_stmt *row =
        vcx_db_run(db, "SELECT client, used, expires_at, url FROM agency_link WHERE uid = ?1", "s", uid);
    bool found = vcx_db_row(row);

    *link = (struct agency_link){.used = false};
    if (found) {
        struct pbay_str url = vcx_db_text(row, 3);

        copy_id(link->client, vcx_db_text(row, 0));
        link->used = vcx_db_int(row, 1);
        link->expires_at = vcx_db_int(row, 2);
        pb_buf_add(&link->url, url.p, url.n);
    }
    vcx_db_end(&row);
    return found;
}

void store_add_link(struct vcx_db *db, const char *uid, const char *client, struct pbay_str url, int64_t expires_at)
{
    (void)vcx_db_do(db, "INSERT INTO agency_link (uid, client, url, expires_at) VALUES (?1, ?2, ?3, ?4)", "ssti", uid,
                    client, url, expires_at);
}

void store_use_link(struct vcx_db *db, const char *uid)
{
    (void)vcx_db_do(db, "UPDATE agency_link SET used = 1, url = '' WHERE uid = ?1", "s", uid);
}

void store_trim_links(struct vcx_db *db, const char *client, int64_t keep)
{
    (void)vcx_db_do(db,
                    "DELETE FROM agency_link WHERE rowid IN (SELECT rowid FROM agency_link WHERE client = ?1 AND used"
                    " ORDER BY rowid DESC LIMIT -1 OFFSET ?2)",
                    "si", client, keep);
}

void store_expire_links(struct vcx_db *db, int64_t before)
{
    (void)vcx_db_do(db, "DELETE FROM agency_link WHERE expires_at < ?1", "i", before);
}
