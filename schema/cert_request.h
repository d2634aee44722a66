/* Proof of representation: a certificate says that an agent stands behind another key. A connection asks for it in
 * connection.yaml (`cert_requests`), `patchbay issue-certificates` signs it with the agent's key, the runtime checks
 * it.
 *
 * Here is what can be said about a request without any key: its dates, and the message that is signed. What is signed
 * is AEA's, byte for byte.
 */
#ifndef PB_CERT_REQUEST_H
#define PB_CERT_REQUEST_H

#include "schema/buf.h"
#include "schema/pbay_conf.h"

/* How a ledger signs. To add one: a row in cert_request.c, and one in node/cert_key.c. */
enum pb_scheme {
    PB_SCHEME_ETHEREUM, /* secp256k1 over the Keccak-256 of a personal message, recoverable: ethereum */
    PB_SCHEME_COSMOS,   /* secp256k1 over the SHA-256 of the message itself: cosmos, fetchai */
    PB_SCHEME_ED25519,  /* the message itself: ed25519, which is no ledger of AEA */
    PB_SCHEME_COUNT
};

/* The scheme of a ledger id, or -1. */
int pb_ledger_scheme(const char *ledger_id);

/* The ledger ids that have one, for messages: "ethereum, ... or ed25519". */
#define PB_LEDGERS "ethereum, ethereum_flashbots, fetchai, cosmos or ed25519"

/* Seconds since 1970 of YYYY-MM-DD, or of YYYY-MM-DDTHH:MM[:SS][Z|+HH:MM|-HH:MM] with T or a blank; without an offset
 * it is UTC. false = it is none, or has a fraction of a second, which AEA refuses as well. */
bool pb_cert_date(const char *text, int64_t *seconds);

/* ASCII, and in braces nothing but public_key, identifier, not_before and not_after? Doubled braces stand for
 * themselves. A conversion or a width, which Python allows, is refused. */
bool pb_cert_format_ok(const char *format);

/* Hexadecimal digits, with or without 0x, at most PBAY_MAX_PUBLIC_KEY bytes in all? */
bool pb_cert_is_hex_key(const char *text);

/* Add to out what is signed; public_key stands where the format says {public_key}. The format is good. */
void pb_cert_message(const struct pbay_cert_request *request, const char *public_key, struct pb_buf *out);

#endif
