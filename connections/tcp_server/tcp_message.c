#include "connections/tcp_server/tcp_message.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buf.h"
#include "schema/pbay_pubid.h"
#include "schema/utf8.h"

#define DEFAULT  "fetchai/default:1.0.0"
#define MAX_TEXT (PBAY_MAX_WHY + 32)

/* The default protocol's error codes. */
enum { UNSUPPORTED_PROTOCOL = 0, DECODING_ERROR = 1, INVALID_DIALOGUE = 4 };

static bool is_public_id(struct pbay_str text)
{
    struct pbay_pubid id;

    return pbay_pubid_parse(text, &id);
}

bool tcp_is_address(struct pbay_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((uint8_t)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    }
    return text.n > 0 && text.n <= PBAY_MAX_ADDRESS && pb_is_utf8(text) && !is_public_id(text);
}

/* ---- frames ---- */

/* As AEA says it. */
enum pbay_err tcp_check_parties(const struct pbay_envelope *e, char why[PBAY_MAX_WHY])
{
    if (!is_public_id(e->to) && !is_public_id(e->sender))
        return PBAY_OK;
    snprintf(why, PBAY_MAX_WHY,
             "Sender and to field of envelope is public id, needs to be address. Found: sender=%.*s, to=%.*s",
             (int)e->sender.n, e->sender.p, (int)e->to.n, e->to.p);
    return PBAY_FAILED;
}

enum pbay_err tcp_frame_make(const struct pbay_protocols *protocols, const struct pbay_envelope *e, size_t max_frame,
                             struct tcp_frame *frame, char why[PBAY_MAX_WHY])
{
    struct pbay_str bytes;
    char *memory;

    if (tcp_check_parties(e, why) || pbay_envelope_encode(protocols, e, &bytes, &memory, why))
        return PBAY_FAILED;
    if (bytes.n > max_frame) {
        snprintf(why, PBAY_MAX_WHY, "its frame has %zu bytes, more than max_frame (%zu)", bytes.n, max_frame);
        free(memory);
        return PBAY_FAILED;
    }
    *frame = tcp_frame_of(&memory, bytes.n, 0);
    return PBAY_OK;
}

static enum pbay_err check_read(const struct pbay_envelope *e, char why[PBAY_MAX_WHY])
{
    if (e->to.n && e->sender.n)
        return tcp_check_parties(e, why);
    snprintf(why, PBAY_MAX_WHY, "envelope: to and sender: expected addresses, found %s",
             e->to.n ? "an empty sender" : "an empty to");
    return PBAY_FAILED;
}

enum pbay_err tcp_frame_read(const struct pbay_protocols *protocols, struct pbay_str bytes, struct pbay_envelope *e,
                             char **memory, char why[PBAY_MAX_WHY])
{
    enum pbay_err err = pbay_envelope_decode(protocols, bytes, e, memory, why);

    if (!err)
        err = check_read(e, why);
    if (err) {
        free(*memory);
        *memory = NULL;
    }
    return err;
}

/* ---- errors ---- */

static bool is_error(const struct pbay_protocols *protocols, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};
    bool error = pbay_str_eq(e->protocol_id, pbay_str(DEFAULT)) &&
                 pbay_message_decode(&m, protocols, e->protocol_id, e->message) == PBAY_OK &&
                 pbay_message_is(&m, "error");

    pbay_message_fini(&m);
    return error;
}

static struct pbay_str keep(char **to, struct pbay_str from)
{
    struct pbay_str kept = {*to, from.n};

    if (from.n)
        memcpy(*to, from.p, from.n);
    *to += from.n;
    return kept;
}

void tcp_given_add(struct tcp_given **table, const struct pbay_protocols *protocols, uint64_t tag,
                   const struct pbay_envelope *e, struct pbay_str from)
{
    struct tcp_given *g;
    char *to;

    if (is_error(protocols, e))
        return;
    g = pb_alloc(sizeof *g + from.n + e->to.n + e->sender.n + e->protocol_id.n);
    to = g->bytes;
    g->tag = tag;
    g->from = keep(&to, from);
    g->to = keep(&to, e->to);
    g->sender = keep(&to, e->sender);
    g->protocol = keep(&to, e->protocol_id);
    HASH_ADD(hh, *table, tag, sizeof g->tag, g);
}

struct tcp_given *tcp_given_take(struct tcp_given **table, uint64_t tag)
{
    struct tcp_given *g;

    HASH_FIND(hh, *table, &tag, sizeof tag, g);
    if (g)
        HASH_DELETE(hh, *table, g);
    return g;
}

void tcp_given_clear(struct tcp_given **table)
{
    struct tcp_given *g = *table, *next;

    HASH_CLEAR(hh, *table);
    for (; g; g = next) {
        next = g->hh.next;
        free(g);
    }
}

/* The message's contents but for error_data. */
static void begin_error(struct pbay_message *m, const struct pbay_protocols *protocols, int code, const char *text)
{
    enum pbay_err err = pbay_message_init(m, protocols, pbay_str(DEFAULT), "error");

    assert(!err); /* built in */
    pbay_message_set_int(m, "error_code", code);
    pbay_message_set_str(m, "error_msg", pbay_str(text));
}

static struct tcp_frame end_error(struct pbay_message *m, const struct pbay_protocols *protocols, struct pbay_str to,
                                  struct pbay_str sender)
{
    struct pbay_envelope e = {.to = to, .sender = sender, .protocol_id = pbay_str(DEFAULT)};
    char why[PBAY_MAX_WHY], *memory;
    struct pbay_str bytes;
    enum pbay_err err = pbay_message_encode(m, &e.message);

    assert(!err);
    err = pbay_envelope_encode(protocols, &e, &bytes, &memory, why);
    assert(!err);
    pbay_message_fini(m);
    return tcp_frame_of(&memory, bytes.n, 0);
}

struct tcp_frame tcp_error_of(const struct pbay_protocols *protocols, const struct tcp_given *given, enum pbay_err err)
{
    int code = err == PBAY_REFUSED ? UNSUPPORTED_PROTOCOL : INVALID_DIALOGUE;
    struct pbay_message m = {0};

    begin_error(&m, protocols, code, pbay_err_text(err));
    pbay_message_set_item(&m, "error_data", pbay_str("code"), pbay_str(pbay_err_name(err)));
    pbay_message_set_item(&m, "error_data", pbay_str("to"), given->to);
    pbay_message_set_item(&m, "error_data", pbay_str("protocol"), given->protocol);
    return end_error(&m, protocols, given->sender, given->to);
}

struct tcp_frame tcp_error_unread(const struct pbay_protocols *protocols, struct pbay_str to, struct pbay_str sender,
                                  const char *why)
{
    struct pbay_message m = {0};
    char text[MAX_TEXT];

    snprintf(text, sizeof text, "Decoding error. %s", why);
    if (!pb_is_utf8(pbay_str(text))) /* what it names was cut */
        snprintf(text, sizeof text, "Decoding error.");
    begin_error(&m, protocols, DECODING_ERROR, text);
    pbay_message_set_item(&m, "error_data", pbay_str("code"), pbay_str(pbay_err_name(PBAY_FAILED)));
    return end_error(&m, protocols, to, sender);
}
