#include "connections/vcx/vcx_store.h"

static enum vcx_error load_one(struct vcx_core *core, struct vcx_stmt *row, char why[VCX_WHY])
{
    struct pbay_str id = vcx_db_text(row, 0);
    char reason[VCX_WHY];
    json_t *json = vcx_json_read(vcx_db_text(row, 1), "what is stored", reason);
    enum vcx_error code = json ? vcx_core_load(core, json, reason) : VCX_E_SERIALIZE;

    json_decref(json);
    if (code)
        (void)vcx_why(why, "the stored connection %.*s: %.180s", (int)(id.n < VCX_UUID ? id.n : VCX_UUID), id.p,
                      reason);
    return code;
}

enum vcx_error vcx_store_load(struct vcx_db *db, struct vcx_core *core, char why[VCX_WHY])
{
    enum vcx_error code = VCX_OK;
    struct vcx_stmt *rows;

    vcx_db_begin(db);
    rows = vcx_db_run(db, "SELECT id, json FROM connection", "");
    while (!code && vcx_db_row(rows))
        code = load_one(core, rows, why);
    vcx_db_end(&rows);
    if (code)
        vcx_db_rollback(db);
    else if (!vcx_db_commit(db, why))
        code = VCX_E_ACCESS;
    return code;
}

void vcx_store_save(struct vcx_db *db, struct vcx_core *core)
{
    const struct vcx_conn *conn;

    while ((conn = vcx_core_dirty(core))) {
        json_t *json = conn->ephemeral ? NULL : vcx_conn_save(conn);
        struct pb_buf text = {0};

        if (json && vcx_json_write(&text, json))
            (void)vcx_db_do(db,
                            "INSERT INTO connection (id, json) VALUES (?1, ?2)"
                            " ON CONFLICT (id) DO UPDATE SET json = excluded.json",
                            "st", conn->id, (struct pbay_str){(char *)text.p, text.n});
        json_decref(json);
        pb_buf_fini(&text);
        vcx_core_stored(core, conn->id);
    }
}

void vcx_store_forget(struct vcx_db *db, const char *id)
{
    (void)vcx_db_do(db, "DELETE FROM connection WHERE id = ?1", "s", id);
}
