#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_proc.h"

/* ---- what the core has to say becomes rows ---- */

static struct pbay_str text_of(const json_t *message, const char *name)
{
    const json_t *text = json_object_get(message, name);

    return text ? (struct pbay_str){json_string_value(text), json_string_length(text)} : pbay_str("");
}

static void tell_state(struct vcx_proc *s, const struct vcx_action *a, const char *source_id, bool ephemeral)
{
    struct pbay_message m = {0};
    enum pbay_err err = pbay_vcx_connection_state_changed_init(&m, s->protocols, pbay_str(a->id), pbay_str(source_id),
                                                               (int32_t)a->from, (int32_t)a->to, pbay_str(a->reason));

    assert(!err);
    vcx_event_add(s, &m, ephemeral);
}

static void tell_message(struct vcx_proc *s, const struct vcx_action *a, const char *source_id, bool ephemeral)
{
    struct pbay_message m = {0};
    struct pb_buf text = {0};
    bool good = vcx_json_write(&text, a->message);
    enum pbay_err err = pbay_vcx_connection_message_received_init(
        &m, s->protocols, pbay_str(a->id), pbay_str(source_id), text_of(a->message, "@id"),
        text_of(a->message, "@type"), (struct pbay_str){(char *)text.p, text.n});

    assert(good && !err); /* it came as JSON */
    vcx_event_add(s, &m, ephemeral);
    pb_buf_fini(&text);
}

static void add_row(struct vcx_proc *s, struct vcx_action *a, bool quiet)
{
    const struct vcx_conn *conn = vcx_core_find(s->core, a->id);
    const char *source_id = conn ? conn->source_id : "";
    bool ephemeral = conn && conn->ephemeral;

    if (vcx_relay_is(s, a->id))
        vcx_relay_action(s, a);
    else if (a->kind == VCX_SEND)
        vcx_send_add(s, a, source_id, ephemeral);
    else if (a->kind != VCX_STATE)
        tell_message(s, a, source_id, ephemeral);
    else if (!quiet)
        tell_state(s, a, source_id, ephemeral);
}

/* ---- transactions ---- */

void vcx_begin(struct vcx_proc *s)
{
    vcx_db_begin(s->db);
    s->core_due = 0;
    s->drops = false;
    vcx_relay_changed(s);
}

void vcx_drop_later(struct vcx_proc *s, const uint8_t key[VCX_KEY])
{
    memcpy(s->dropped, key, VCX_KEY);
    s->drops = true;
}

/* One that stays is of no connection any more: nothing that comes for it is listened to. */
static void drop_key(struct vcx_proc *s)
{
    char why[VCX_WHY];

    if (s->drops)
        vcx_relay_forget(s, s->dropped);
    if (s->drops && !vcx_ring_drop(&s->ring, s->dropped, why))
        pbay_link_log(s->link, "a key of a deleted connection stays in the wallet: %s", why);
}

void vcx_abort(struct vcx_proc *s)
{
    vcx_db_rollback(s->db);
}

bool vcx_commit(struct vcx_proc *s, bool quiet)
{
    struct vcx_action action;
    char why[VCX_WHY];

    vcx_store_save(s->db, s->core);
    while (vcx_core_take(s->core, &action)) {
        add_row(s, &action, quiet);
        vcx_action_fini(&action);
    }
    if (vcx_db_commit(s->db, why)) {
        drop_key(s);
        return true;
    }
    memcpy(s->broken, why, sizeof s->broken);
    pbay_link_wake(s->link);
    return false;
}

/* ---- what was done once ---- */

void vcx_cause(uint8_t cause[VCX_CAUSE], const struct pbay_str *texts, size_t n)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, VCX_CAUSE);
    for (size_t i = 0; i < n; i++) {
        uint64_t length = texts[i].n;

        crypto_generichash_update(&state, (const uint8_t *)&length, sizeof length);
        crypto_generichash_update(&state, (const uint8_t *)texts[i].p, texts[i].n);
    }
    crypto_generichash_final(&state, cause, VCX_CAUSE);
}

bool vcx_done_find(struct vcx_proc *s, const uint8_t cause[VCX_CAUSE], struct pb_buf *reply)
{
    struct vcx_stmt *row = vcx_db_run(s->db, "SELECT reply FROM done WHERE cause = ?1", "b",
                                      (struct pbay_str){(const char *)cause, VCX_CAUSE});
    bool found = vcx_db_row(row);

    if (found && reply) {
        struct pbay_str text = vcx_db_text(row, 0);

        pb_buf_add(reply, text.p, text.n);
    }
    vcx_db_end(&row);
    return found;
}

/* What is too old, or one too many, goes. */
void vcx_done_add(struct vcx_proc *s, const uint8_t cause[VCX_CAUSE], struct pbay_str reply)
{
    int64_t now = vcx_wall();

    (void)vcx_db_do(s->db, "INSERT INTO done (cause, reply, at) VALUES (?1, ?2, ?3)", "bbi",
                    (struct pbay_str){(const char *)cause, VCX_CAUSE}, reply, now);
    (void)vcx_db_do(s->db, "DELETE FROM done WHERE seq <= ?1", "i",
                    vcx_db_last(s->db) - (int64_t)s->config.max_replies);
    (void)vcx_db_do(s->db, "DELETE FROM done WHERE at < ?1", "i", now - (int64_t)s->config.keep_replies * 1000);
}
