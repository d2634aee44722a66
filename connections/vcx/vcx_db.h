/* A database in one file: SQLite, as the processes of VCX use it. What is committed is on the disk; one process at a
 * time has the file. It is made with mode 0600.
 *
 * A failure of the disk comes late and anywhere; so it is remembered: once a call has failed, every later one fails
 * with it, until vcx_db_begin begins anew, and vcx_db_commit says so. Callers may leave all but that one unchecked.
 *
 * Statements are texts that live as long as the program (literals); each is prepared once. Not for several threads at
 * once. */
#ifndef VCX_DB_H
#define VCX_DB_H

#include "connections/vcx/vcx_why.h"
#include "pbay_envelope.h"

struct vcx_db;   /* opaque */
struct vcx_stmt; /* of a statement that runs; opaque */

/* Open, or make, with its tables: `schema` is run in one transaction, each time; so IF NOT EXISTS. `version` is the
 * form of the tables: another one in the file is an error. NULL = why: it cannot be opened, is no database, another
 * process has it. */
struct vcx_db *vcx_db_open(const char *path, const char *schema, int version, char why[VCX_WHY]);
void vcx_db_close(struct vcx_db **db);

/* Everything from begin on is done together or not at all. commit: false = why, and nothing was done. */
void vcx_db_begin(struct vcx_db *db);
bool vcx_db_commit(struct vcx_db *db, char why[VCX_WHY]);
void vcx_db_rollback(struct vcx_db *db);

/* A statement with its ?1, ?2, ... bound by `types`, a letter for each: i int64_t, s const char * (NULL too), t struct
 * pbay_str as text, b struct pbay_str as bytes. Texts must live until vcx_db_end. Ended with vcx_db_end, also when
 * vcx_db_row has said false. One text, one statement: it cannot run within itself. */
struct vcx_stmt *vcx_db_run(struct vcx_db *db, const char *sql, const char *types, ...);

/* The next row. false = there is none, or it failed. Views of the columns live until the next call. */
bool vcx_db_row(struct vcx_stmt *stmt);
int64_t vcx_db_int(struct vcx_stmt *stmt, int column);
struct pbay_str vcx_db_text(struct vcx_stmt *stmt, int column); /* bytes too; p is never NULL, n = 0 for NULL */
void vcx_db_end(struct vcx_stmt **stmt);

/* One that gives no rows: how many it has changed. */
int64_t vcx_db_do(struct vcx_db *db, const char *sql, const char *types, ...);

/* One number; `otherwise` when there is no row. */
int64_t vcx_db_ask(struct vcx_db *db, int64_t otherwise, const char *sql, const char *types, ...);

/* The number of the row that was inserted last. */
int64_t vcx_db_last(const struct vcx_db *db);

#endif
