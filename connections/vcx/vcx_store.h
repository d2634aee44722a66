/* A core's connections in a database: table connection(id, json). */
#ifndef VCX_STORE_H
#define VCX_STORE_H

#include "connections/vcx/vcx_core.h"
#include "connections/vcx/vcx_db.h"

/* For vcx_db_open's schema; others may refer to connection(id). */
#define VCX_STORE_SCHEMA "CREATE TABLE IF NOT EXISTS connection (id TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;"

/* Put all that are stored into the core. VCX_E_SERIALIZE, VCX_E_WALLET (a private key is not there: the wallet belongs
 * to another database) = why, which names the connection; VCX_E_ACCESS = the database cannot be read. */
enum vcx_error vcx_store_load(struct vcx_db *db, struct vcx_core *core, char why[VCX_WHY]);

/* Write what has changed, within the caller's transaction, which says whether that went well. Ephemeral ones are not
 * written. When the transaction is not committed, what is in the core is lost: the caller ends. */
void vcx_store_save(struct vcx_db *db, struct vcx_core *core);

/* One that was deleted or released. */
void vcx_store_forget(struct vcx_db *db, const char *id);

#endif
