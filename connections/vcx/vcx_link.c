/* Short links of invitations, in table link. A row is there from the moment when the mediator has made the link until
 * it has heard that it is to lead nowhere, or the link has expired: so a crash forgets none. */
#include <string.h>

#include "connections/vcx/vcx_mediate.h"
#include "connections/vcx/vcx_proc.h"

/* ---- asking ---- */

static bool ask(struct vcx_proc *s, struct vcx_mediate *m, const char *id, const struct vcx_connect *how,
                const json_t *invitation)
{
    int64_t now = vcx_wall();
    struct vcx_mediate_link link = {.expires_at = now + how->expires_in * 1000};
    struct pb_buf url = {0};
    bool asked;

    memcpy(link.connection, id, sizeof link.connection);
    memcpy(link.invitation, how->invitation_id, sizeof link.invitation);
    asked = vcx_invite_url(&url, s->endpoint, invitation) &&
            vcx_mediate_shorten(m, &link, (struct pbay_str){(char *)url.p, url.n}, now);
    pb_buf_fini(&url);
    return asked;
}

bool vcx_link_ask(struct vcx_proc *s, const char *id, const struct vcx_connect *how)
{
    struct vcx_mediate *m = vcx_relay_client(s);
    json_t *invitation = NULL;
    char why[VCX_WHY];
    bool asked = m && vcx_core_draft(s->core, id, how, &invitation, why) == VCX_OK && ask(s, m, id, how, invitation);

    json_decref(invitation);
    return asked;
}

bool vcx_link_may_come(const struct vcx_proc *s, const char *invitation)
{
    const struct vcx_mediate *m = s->refusing ? NULL : vcx_relay_client(s);

    return m && vcx_mediate_is_shortening(m, invitation);
}

bool vcx_link_find(struct vcx_proc *s, const char *id, const char *invitation, struct pb_buf *url)
{
    struct vcx_stmt *row =
        vcx_db_run(s->db, "SELECT url FROM link WHERE connection = ?1 AND invitation = ?2 AND expires_at > ?3", "ssi",
                   id, invitation, vcx_wall());
    bool found = vcx_db_row(row);

    if (found) {
        struct pbay_str text = vcx_db_text(row, 0);

        pb_buf_add(url, text.p, text.n);
    }
    vcx_db_end(&row);
    return found;
}

/* ---- rows ---- */

static void store(struct vcx_proc *s, const struct vcx_mediate_link *link)
{
    const struct vcx_conn *conn = vcx_core_find(s->core, link->connection);

    (void)vcx_db_do(s->db,
                    "INSERT OR REPLACE INTO link (url, connection, invitation, expires_at, ephemeral)"
                    " VALUES (?1, ?2, ?3, ?4, ?5)",
                    "sssii", link->url, conn ? link->connection : "", link->invitation, link->expires_at,
                    (int64_t)(conn && conn->ephemeral));
}

void vcx_link_keep(struct vcx_proc *s, struct vcx_mediate *m)
{
    struct vcx_mediate_link link;

    while (vcx_mediate_take_link(m, &link))
        store(s, &link);
    while (vcx_mediate_take_dead(m, &link))
        (void)vcx_db_do(s->db, "DELETE FROM link WHERE url = ?1", "s", link.url);
}

void vcx_link_orphan(struct vcx_proc *s, const char *id)
{
    (void)vcx_db_do(s->db, "UPDATE link SET connection = '' WHERE connection = ?1", "s", id);
}

void vcx_link_sweep(struct vcx_proc *s)
{
    (void)vcx_db_do(s->db, "UPDATE link SET connection = '' WHERE ephemeral = 1", "");
}

/* ---- what leads nowhere any more ---- */

/* One of a connection in state 1 is for a command that may come again; one that was released may come back. */
static bool is_needed(const struct vcx_proc *s, const struct vcx_mediate_link *link)
{
    const struct vcx_conn *conn = vcx_core_find(s->core, link->connection);

    if (vcx_wall() >= link->expires_at || !link->connection[0])
        return false;
    if (!conn || conn->state == VCX_INITIALIZED)
        return true;
    return conn->state == VCX_OFFERED && strcmp(conn->invitation_id, link->invitation) == 0;
}

static void copy(char *to, size_t size, struct pbay_str text)
{
    size_t n = text.n < size ? text.n : size - 1;

    memcpy(to, text.p, n);
    to[n] = 0;
}

void vcx_link_check(struct vcx_proc *s, struct vcx_mediate *m)
{
    struct vcx_stmt *row = vcx_db_run(s->db, "SELECT url, connection, invitation, expires_at FROM link", "");
    struct vcx_mediate_link link;

    while (vcx_db_row(row)) {
        copy(link.url, sizeof link.url, vcx_db_text(row, 0));
        copy(link.connection, sizeof link.connection, vcx_db_text(row, 1));
        copy(link.invitation, sizeof link.invitation, vcx_db_text(row, 2));
        link.expires_at = vcx_db_int(row, 3);
        if (!is_needed(s, &link))
            vcx_mediate_invalidate(m, &link);
    }
    vcx_db_end(&row);
}
