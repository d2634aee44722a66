#include "connections/vcx/vcx_db.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/buf.h"

#define MAX_STATEMENTS 64 /* of a program */

struct vcx_stmt {
    struct vcx_db *db;
    const char *sql; /* NULL = not used yet */
    sqlite3_stmt *handle;
    bool runs;
};

struct vcx_db {
    sqlite3 *handle;
    char failed[VCX_WHY]; /* empty = nothing has */
    struct vcx_stmt statements[MAX_STATEMENTS];
};

static void fail(struct vcx_db *db)
{
    if (!db->failed[0])
        (void)vcx_why(db->failed, "the database: %s", sqlite3_errmsg(db->handle));
}

static void execute(struct vcx_db *db, const char *sql)
{
    if (!db->failed[0] && sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(db);
}

/* ---- opening ---- */

/* SQLite would make it readable for others. */
static bool make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* The lock is the file's own: a second process is told at once. */
static void set_up(struct vcx_db *db, const char *schema, int version)
{
    char text[64];
    int64_t found;

    execute(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; BEGIN IMMEDIATE;");
    found = vcx_db_ask(db, 0, "PRAGMA user_version", "");
    if (found && found != version && !db->failed[0])
        (void)vcx_why(db->failed, "the database has tables of form %lld, not %d", (long long)found, version);
    execute(db, schema);
    (void)snprintf(text, sizeof text, "PRAGMA user_version = %d; COMMIT;", version);
    execute(db, text);
}

struct vcx_db *vcx_db_open(const char *path, const char *schema, int version, char why[VCX_WHY])
{
    struct vcx_db *db = pb_alloc(sizeof *db);

    assert(version > 0);
    if (!make_file(path) || sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        (void)vcx_why(db->failed, "the database cannot be opened");
    else
        set_up(db, schema, version);
    if (!db->failed[0])
        return db;
    memcpy(why, db->failed, VCX_WHY);
    vcx_db_close(&db);
    return NULL;
}

void vcx_db_close(struct vcx_db **db)
{
    if (!*db)
        return;
    for (size_t i = 0; i < MAX_STATEMENTS; i++)
        sqlite3_finalize((*db)->statements[i].handle);
    sqlite3_close((*db)->handle);
    free(*db);
    *db = NULL;
}

/* ---- transactions ---- */

void vcx_db_begin(struct vcx_db *db)
{
    db->failed[0] = 0;
    execute(db, "BEGIN IMMEDIATE");
}

void vcx_db_rollback(struct vcx_db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->failed[0] = 0;
}

bool vcx_db_commit(struct vcx_db *db, char why[VCX_WHY])
{
    execute(db, "COMMIT");
    if (!db->failed[0])
        return true;
    memcpy(why, db->failed, VCX_WHY);
    vcx_db_rollback(db);
    return false;
}

/* ---- statements ---- */

static struct vcx_stmt *find(struct vcx_db *db, const char *sql)
{
    struct vcx_stmt *s = db->statements;

    while (s->sql && strcmp(s->sql, sql) != 0) {
        s++;
        assert(s < db->statements + MAX_STATEMENTS);
    }
    if (!s->sql) {
        s->db = db;
        s->sql = sql;
    }
    return s;
}

static void bind(struct vcx_stmt *s, const char *types, va_list values)
{
    int err = SQLITE_OK;

    for (int i = 1; types[i - 1] && !err; i++) {
        struct pbay_str text;

        switch (types[i - 1]) {
        case 'i':
            err = sqlite3_bind_int64(s->handle, i, va_arg(values, int64_t));
            break;
        case 's':
            err = sqlite3_bind_text(s->handle, i, va_arg(values, const char *), -1, SQLITE_STATIC);
            break;
        case 't':
            text = va_arg(values, struct pbay_str);
            err = sqlite3_bind_text64(s->handle, i, text.n ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case 'b':
            text = va_arg(values, struct pbay_str);
            err = sqlite3_bind_blob64(s->handle, i, text.n ? text.p : "", text.n, SQLITE_STATIC);
            break;
        default:
            assert(false); /* no letter of a type */
        }
    }
    if (err)
        fail(s->db);
}

static struct vcx_stmt *run(struct vcx_db *db, const char *sql, const char *types, va_list values)
{
    struct vcx_stmt *s = find(db, sql);

    assert(!s->runs);
    s->runs = true;
    if (!s->handle && !db->failed[0] &&
        sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL) != SQLITE_OK)
        fail(db);
    if (s->handle && !db->failed[0])
        bind(s, types, values);
    return s;
}

struct vcx_stmt *vcx_db_run(struct vcx_db *db, const char *sql, const char *types, ...)
{
    struct vcx_stmt *s;
    va_list values;

    va_start(values, types);
    s = run(db, sql, types, values);
    va_end(values);
    return s;
}

bool vcx_db_row(struct vcx_stmt *s)
{
    int result;

    if (s->db->failed[0])
        return false;
    result = sqlite3_step(s->handle);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fail(s->db);
    return result == SQLITE_ROW;
}

int64_t vcx_db_int(struct vcx_stmt *s, int column)
{
    return sqlite3_column_int64(s->handle, column);
}

struct pbay_str vcx_db_text(struct vcx_stmt *s, int column)
{
    const char *p = sqlite3_column_blob(s->handle, column);

    return (struct pbay_str){p ? p : "", p ? (size_t)sqlite3_column_bytes(s->handle, column) : 0};
}

void vcx_db_end(struct vcx_stmt **stmt)
{
    struct vcx_stmt *s = *stmt;

    *stmt = NULL;
    if (s->handle) {
        sqlite3_reset(s->handle);
        sqlite3_clear_bindings(s->handle);
    }
    s->runs = false;
}

int64_t vcx_db_do(struct vcx_db *db, const char *sql, const char *types, ...)
{
    struct vcx_stmt *s;
    va_list values;
    int64_t changed;

    va_start(values, types);
    s = run(db, sql, types, values);
    va_end(values);
    (void)vcx_db_row(s);
    changed = db->failed[0] ? 0 : sqlite3_changes64(db->handle);
    vcx_db_end(&s);
    return changed;
}

int64_t vcx_db_ask(struct vcx_db *db, int64_t otherwise, const char *sql, const char *types, ...)
{
    struct vcx_stmt *s;
    va_list values;
    int64_t number = otherwise;

    va_start(values, types);
    s = run(db, sql, types, values);
    va_end(values);
    if (vcx_db_row(s))
        number = vcx_db_int(s, 0);
    vcx_db_end(&s);
    return number;
}

int64_t vcx_db_last(const struct vcx_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}
