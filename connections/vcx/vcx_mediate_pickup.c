/* What the mediator has for us. */
#include "connections/vcx/vcx_mediate_int.h"

#include <string.h>

#define PICKUP "https://didcomm.org/messagepickup/"

static void drop_items(struct vcx_mediate *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pb_buf_fini(&m->items[i].envelope);
        m->items[i].id[0] = 0;
    }
    memmove(m->items, m->items + n, (m->item_n - n) * sizeof m->items[0]);
    memset(m->items + (m->item_n - n), 0, n * sizeof m->items[0]);
    m->item_n -= n;
}

void mediate_pickup_fini(struct vcx_mediate *m)
{
    drop_items(m, m->item_n);
}

bool vcx_mediate_take(struct vcx_mediate *m, struct pb_buf *envelope)
{
    if (m->taken_n == m->item_n)
        return false;
    *envelope = m->items[m->taken_n].envelope;
    m->items[m->taken_n++].envelope = (struct pb_buf){0};
    m->item_bytes -= envelope->n;
    return true;
}

void vcx_mediate_done(struct vcx_mediate *m)
{
    for (size_t i = 0; i < m->taken_n; i++) {
        if (m->items[i].id[0])
            json_array_append_new(m->stored, json_string(m->items[i].id));
    }
    drop_items(m, m->taken_n);
    m->taken_n = 0;
}

bool vcx_mediate_poll(struct vcx_mediate *m)
{
    if (vcx_mediate_state(m) != VCX_MEDIATE_GRANTED || (m->pickup.ask == MEDIATE_DELIVERY && m->pickup.wait))
        return false;
    m->urgent = true;
    m->pickup.not_before = INT64_MIN;
    return true;
}

uint64_t vcx_mediate_rounds(const struct vcx_mediate *m)
{
    return m->rounds;
}

/* ---- asking ---- */

int64_t mediate_pickup_next(const struct vcx_mediate *m)
{
    return m->granted && (json_array_size(m->stored) > 0 || m->item_n == 0) ? INT64_MIN : INT64_MAX;
}

static json_t *delivery_request(const struct vcx_mediate *m)
{
    json_t *message = json_pack("{s:s, s:i}", "@type", PICKUP "2.0/delivery-request", "limit", VCX_MEDIATE_LIMIT);

    if (m->pickup.wait)
        json_object_set_new(message, "wait_ms", json_integer(m->pickup.wait));
    return message;
}

void mediate_pickup_send(struct vcx_mediate *m, int64_t now)
{
    m->pickup.wait = 0;
    if (json_array_size(m->stored) > 0) {
        m->sent_n = json_array_size(m->stored);
        (void)mediate_send(
            m, &m->pickup, MEDIATE_RECEIVED,
            json_pack("{s:s, s:O}", "@type", PICKUP "2.0/messages-received", "message_id_list", m->stored), now);
    } else if (m->old_pickup) {
        (void)mediate_send(m, &m->pickup, MEDIATE_BATCH,
                           json_pack("{s:s, s:i}", "@type", PICKUP "1.0/batch-pickup", "batch_size", VCX_MEDIATE_LIMIT),
                           now);
    } else {
        m->pickup.wait = m->urgent ? 0 : m->conf.wait_ms;
        (void)mediate_send(m, &m->pickup, MEDIATE_DELIVERY, delivery_request(m), now);
    }
}

/* ---- answers ---- */

/* There is nothing, or nothing more. A mediator that has held the answer is asked again at once. */
static void end_round(struct vcx_mediate *m, int64_t now)
{
    const struct mediate_slot *p = &m->pickup;
    bool held = p->wait && now - p->sent_at >= (p->wait < VCX_MEDIATE_HELD_MS ? p->wait : VCX_MEDIATE_HELD_MS);
    bool may_hold = m->conf.wait_ms && !m->old_pickup && (!p->wait || held);

    m->rounds++;
    m->urgent = false;
    if (may_hold)
        mediate_free(&m->pickup, now);
    else
        mediate_back_off(m, &m->pickup, now, VCX_MEDIATE_FIRST_MS, VCX_MEDIATE_LAST_MS);
}

/* There may be more: ask at once. */
static void go_on(struct vcx_mediate *m, int64_t now)
{
    m->urgent = true;
    mediate_free(&m->pickup, now);
}

static void forget_told(struct vcx_mediate *m)
{
    for (; m->sent_n > 0; m->sent_n--)
        json_array_remove(m->stored, 0);
}

void mediate_on_status(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    bool more = json_integer_value(json_object_get(message, "message_count")) > 0;

    if (mediate_answers(&m->pickup, MEDIATE_RECEIVED, message)) {
        forget_told(m);
        if (more)
            go_on(m, now);
        else
            end_round(m, now);
    } else if (mediate_answers(&m->pickup, MEDIATE_DELIVERY, message)) {
        m->settled = true;
        end_round(m, now);
    }
}

/* A mediator that never answered the new pickup may know the old one; or neither, for now. */
void mediate_pickup_problem(struct vcx_mediate *m, int64_t now)
{
    if (m->pickup.ask == MEDIATE_RECEIVED)
        forget_told(m);
    else if (!m->settled && !m->conf.pickup_1)
        m->old_pickup = !m->old_pickup;
    mediate_back_off(m, &m->pickup, now, VCX_MEDIATE_FIRST_MS, VCX_MEDIATE_LAST_MS);
}

/* ---- envelopes ---- */

static bool is_there(const struct vcx_mediate *m, struct pbay_str id)
{
    for (size_t i = 0; i < m->item_n; i++) {
        if (pbay_str_eq(id, pbay_str(m->items[i].id)))
            return true;
    }
    return false;
}

/* Append what an attachment has in it; false = nothing that an envelope could be. */
static bool read_data(struct pb_buf *envelope, const json_t *data)
{
    const json_t *json = json_object_get(data, "json"), *text = json_object_get(data, "base64");

    if (json_is_object(json))
        return vcx_json_write(envelope, json);
    return json_is_string(text) &&
           vcx_b64_decode(envelope, (struct pbay_str){json_string_value(text), json_string_length(text)},
                          VCX_B64_ANY) &&
           envelope->n > 0;
}

static bool has_room(const struct vcx_mediate *m)
{
    return m->item_n + json_array_size(m->stored) < VCX_MEDIATE_ITEMS && m->item_bytes < VCX_MEDIATE_BYTES;
}

/* The envelope is given away. `id`: empty = it need not be told. */
static void add_item(struct vcx_mediate *m, struct pb_buf *envelope, struct pbay_str id)
{
    struct mediate_item *item = &m->items[m->item_n++];

    item->envelope = *envelope;
    m->item_bytes += envelope->n;
    if (id.n)
        memcpy(item->id, id.p, id.n);
    item->id[id.n] = 0;
    *envelope = (struct pb_buf){0};
}

/* One of those of pickup 2.0. What is no envelope is told as stored, or the mediator would give it out for ever. */
static void take_attachment(struct vcx_mediate *m, const json_t *attachment)
{
    char why[VCX_WHY];
    struct pbay_str id = vcx_json_str(attachment, "@id", VCX_MAX_ID, why);
    struct pb_buf envelope = {0};

    if (!id.p || is_there(m, id))
        return;
    if (read_data(&envelope, json_object_get(attachment, "data")))
        add_item(m, &envelope, id);
    else
        json_array_append_new(m->stored, json_stringn(id.p, id.n));
    pb_buf_fini(&envelope);
}

static void take_message(struct vcx_mediate *m, const json_t *entry)
{
    const json_t *message = json_object_get(entry, "message");
    struct pb_buf envelope = {0};

    if (json_is_object(message) && vcx_json_write(&envelope, message))
        add_item(m, &envelope, (struct pbay_str){0});
    pb_buf_fini(&envelope);
}

static void take_all(struct vcx_mediate *m, const json_t *list, void (*take)(struct vcx_mediate *, const json_t *))
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        if (has_room(m))
            take(m, entry);
    }
}

/* Also one that nobody waits for: it is from our mediator. */
void mediate_on_delivery(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    take_all(m, json_object_get(message, "~attach"), take_attachment);
    if (!mediate_answers(&m->pickup, MEDIATE_DELIVERY, message))
        return;
    m->settled = true;
    if (m->item_n > 0 || json_array_size(m->stored) > 0)
        go_on(m, now);
    else
        end_round(m, now);
}

void mediate_on_batch(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    const json_t *list = json_object_get(message, "messages~attach");

    take_all(m, list, take_message);
    if (!mediate_answers(&m->pickup, MEDIATE_BATCH, message))
        return;
    if (json_array_size(list) > 0)
        go_on(m, now);
    else
        end_round(m, now);
}
