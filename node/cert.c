#include "node/cert.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 32 /* bytes of a fact in a reason */

/* What a fact is called in its file, and what a certificate is that has another one. */
static const struct {
    const char *name, *differs;
} facts[PB_FACT_COUNT] = {
    [PB_FACT_LEDGER_ID] = {"ledger_id", "is for another ledger"},
    [PB_FACT_IDENTIFIER] = {"identifier", "is for another identifier"},
    [PB_FACT_NOT_BEFORE] = {"not_before", "is for other dates: from"},
    [PB_FACT_NOT_AFTER] = {"not_after", "is for other dates: until"},
    [PB_FACT_PUBLIC_KEY] = {"public_key", "is for another key"},
    [PB_FACT_SIGNER] = {"signer", "is signed with another key than the agent's"},
};

bool pb_cert_why(char why[PB_CERT_WHY], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, PB_CERT_WHY, format, args);
    va_end(args);
    return false;
}

void pb_cert_fini(struct pb_cert *cert)
{
    pb_buf_fini(&cert->message);
}

static const char *fact_of(const struct pbay_cert_request *request, const char *public_key, const char *signer,
                           enum pb_fact fact)
{
    const char *const values[PB_FACT_COUNT] = {
        [PB_FACT_LEDGER_ID] = request->ledger_id,   [PB_FACT_IDENTIFIER] = request->identifier,
        [PB_FACT_NOT_BEFORE] = request->not_before, [PB_FACT_NOT_AFTER] = request->not_after,
        [PB_FACT_PUBLIC_KEY] = public_key,          [PB_FACT_SIGNER] = signer,
    };

    return values[fact];
}

static void set_facts(const struct pbay_cert_request *request, const char *public_key, const char *signer,
                      struct pb_cert *cert)
{
    for (enum pb_fact i = 0; i < PB_FACT_COUNT; i++)
        snprintf(cert->facts[i], PB_MAX_FACT, "%s", fact_of(request, public_key, signer, i));
    cert->message.n = 0;
    pb_cert_message(request, public_key, &cert->message);
}

static struct pbay_str message_of(const struct pb_cert *cert)
{
    return (struct pbay_str){(const char *)cert->message.p, cert->message.n};
}

bool pb_cert_sign(const struct pbay_cert_request *request, const char *public_key, const struct pb_key *key,
                  struct pb_cert *cert)
{
    set_facts(request, public_key, key->public_key, cert);
    return pb_key_sign(key, message_of(cert), cert->signature);
}

/* ---- files ---- */

void pb_cert_put_text(const struct pb_cert *cert, struct pb_buf *out)
{
    char hex[2 * PB_MAX_SIGNATURE_TEXT];
    size_t n = strlen(cert->signature);

    sodium_bin2hex(hex, sizeof hex, (const uint8_t *)cert->signature, n);
    pb_buf_add(out, hex, 2 * n);
}

void pb_cert_put_about(const struct pb_cert *cert, struct pb_buf *out)
{
    for (enum pb_fact i = 0; i < PB_FACT_COUNT; i++) {
        pb_buf_add(out, facts[i].name, strlen(facts[i].name));
        pb_buf_add(out, ": ", 2);
        pb_buf_add(out, cert->facts[i], strlen(cert->facts[i]));
        pb_buf_add(out, "\n", 1);
    }
}

bool pb_cert_get_text(struct pb_cert *cert, struct pbay_str text)
{
    uint8_t bytes[PB_MAX_SIGNATURE_TEXT - 1];
    size_t n = 0;

    if (sodium_hex2bin(bytes, sizeof bytes, text.p, text.n, " \t\r\n", &n, NULL) != 0 || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~')
            return false;
    }
    memcpy(cert->signature, bytes, n);
    cert->signature[n] = 0;
    return true;
}

static void get_line(struct pb_cert *cert, struct pbay_str line)
{
    for (enum pb_fact i = 0; i < PB_FACT_COUNT; i++) {
        size_t n = strlen(facts[i].name);

        if (line.n > n + 2 && memcmp(line.p, facts[i].name, n) == 0 && memcmp(line.p + n, ": ", 2) == 0)
            snprintf(cert->facts[i], PB_MAX_FACT, "%.*s", (int)(line.n - n - 2), line.p + n + 2);
    }
}

void pb_cert_get_about(struct pb_cert *cert, struct pbay_str text)
{
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;

        get_line(cert, (struct pbay_str){text.p, n});
        n += end != NULL;
        text = (struct pbay_str){text.p + n, text.n - n};
    }
}

/* ---- judgement ---- */

bool pb_cert_in_time(const struct pbay_cert_request *request, int64_t now, char why[PB_CERT_WHY])
{
    if (now < request->valid_from)
        return pb_cert_why(why, "certificate %s is not valid before %s", request->identifier, request->not_before);
    if (now >= request->valid_to)
        return pb_cert_why(why, "certificate %s has expired: it was valid until %s", request->identifier,
                           request->not_after);
    return true;
}

/* Hexadecimal digits mean the same in either case. */
static bool same_fact(enum pb_fact fact, const char *a, const char *b)
{
    bool is_key = fact == PB_FACT_PUBLIC_KEY || fact == PB_FACT_SIGNER;

    return (is_key ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

bool pb_cert_judge(const struct pbay_cert_request *request, const char *public_key, const char *signer,
                   struct pb_cert *cert, char why[PB_CERT_WHY])
{
    int scheme = pb_ledger_scheme(request->ledger_id);

    for (enum pb_fact i = 0; i < PB_FACT_COUNT; i++) {
        const char *found = cert->facts[i];

        if (*found && !same_fact(i, found, fact_of(request, public_key, signer, i)))
            return pb_cert_why(why, "certificate %s %s (%.*s%s)", request->identifier, facts[i].differs, SHOWN, found,
                               strlen(found) > SHOWN ? "..." : "");
    }
    set_facts(request, public_key, signer, cert);
    if (scheme < 0 || !pb_key_is_signature((enum pb_scheme)scheme, cert->signature))
        return pb_cert_why(why, "certificate %s holds no signature of %s", request->identifier, request->ledger_id);
    if (!pb_key_verify((enum pb_scheme)scheme, signer, message_of(cert), cert->signature))
        return pb_cert_why(
            why, "certificate %s is not the agent's signature: it is for another key or identifier, or was changed",
            request->identifier);
    return true;
}
