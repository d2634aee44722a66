/* Certificates: signing, their files, and whether one is good.
 *
 * The file at save_path is AEA's: the text of the signature, in hexadecimal once more. It does not say what was signed,
 * so `patchbay issue-certificates` writes the facts beside it, into save_path with .about behind it, a line for each.
 * They make a sentence of what would otherwise only be a signature that does not fit, they tell certificates apart
 * whose message_format leaves something out, and a process that may not read the agent's private key learns from them
 * whose signature to expect. A certificate that AEA issued has no such file and is checked all the same.
 *
 * cert.c is pure; cert_file.c reads files.
 */
#ifndef PB_CERT_H
#define PB_CERT_H

#include <limits.h>

#include "node/cert_key.h"

#define PB_CERT_WHY      256 /* bytes of a reason, NUL included */
#define PB_CERT_ABOUT    ".about"
#define PB_MAX_CERT_FILE 4096 /* bytes of any of the files, keys too */
#define PB_MAX_FACT      (PBAY_MAX_PUBLIC_KEY + 1)

_Static_assert(PB_MAX_KEY_TEXT <= PB_MAX_FACT && PBAY_MAX_NAME < PB_MAX_FACT, "every fact has room");

/* What is said about a certificate; signer is the agent's public key. */
enum pb_fact {
    PB_FACT_LEDGER_ID,
    PB_FACT_IDENTIFIER,
    PB_FACT_NOT_BEFORE,
    PB_FACT_NOT_AFTER,
    PB_FACT_PUBLIC_KEY,
    PB_FACT_SIGNER,
    PB_FACT_COUNT
};

struct pb_cert {
    char facts[PB_FACT_COUNT][PB_MAX_FACT]; /* empty = not known */
    char signature[PB_MAX_SIGNATURE_TEXT];
    struct pb_buf message; /* what was signed */
};

void pb_cert_fini(struct pb_cert *cert);

/* ---- cert.c ---- */

/* Functions that return bool and have `why` fill it with a sentence when they return false. This one writes it, as much
 * as has room, and returns false. */
bool pb_cert_why(char why[PB_CERT_WHY], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sign what is asked for; public_key is request's, or that of its key_id. */
bool pb_cert_sign(const struct pbay_cert_request *request, const char *public_key, const struct pb_key *key,
                  struct pb_cert *cert);

/* The texts of its two files; and back, the facts in any order, unknown ones passed over. */
void pb_cert_put_text(const struct pb_cert *cert, struct pb_buf *out);
void pb_cert_put_about(const struct pb_cert *cert, struct pb_buf *out);
bool pb_cert_get_text(struct pb_cert *cert, struct pbay_str text);
void pb_cert_get_about(struct pb_cert *cert, struct pbay_str text);

/* Is now, in seconds since 1970, between the dates of the request? */
bool pb_cert_in_time(const struct pbay_cert_request *request, int64_t now, char why[PB_CERT_WHY]);

/* Is it the certificate that is asked for, and signed by signer? It has a signature, and those facts that were found;
 * on success all facts and the message are there. */
bool pb_cert_judge(const struct pbay_cert_request *request, const char *public_key, const char *signer,
                   struct pb_cert *cert, char why[PB_CERT_WHY]);

/* ---- cert_file.c ---- */

/* Where keys and certificates are. */
struct pb_cert_place {
    const struct pbay_agent_conf *agent; /* for the paths of keys; NULL = only the facts are known */
    const char *data_dir;                /* what save_path is relative to */
};

/* Where the certificate is; false = the path is too long. */
bool pb_cert_path(const struct pb_cert_place *place, const struct pbay_cert_request *request, char path[PATH_MAX]);

/* The path of the key that signs, and of the one that key_id names; NULL = there is none. */
const char *pb_cert_signing_key(const struct pb_cert_place *place, const struct pbay_cert_request *request);
const char *pb_cert_own_key(const struct pb_cert_place *place, const struct pbay_cert_request *request);

/* Read a private key. PBAY_OK = the caller wipes it with pb_key_fini; PBAY_IO = it cannot be read; PBAY_CONFIG = it is
 * none. */
enum pbay_err pb_cert_load_key(const char *path, enum pb_scheme scheme, struct pb_key *key, char why[PB_CERT_WHY]);

/* Read the keys and sign; nothing is written. */
bool pb_cert_issue(const struct pb_cert_place *place, const struct pbay_cert_request *request, struct pb_cert *cert,
                   char why[PB_CERT_WHY]);

/* Everything that can be asked of a certificate at the time `now`: it is there, in time, and pb_cert_judge likes it.
 * Whose signature is expected: the key's at private_key_paths, or, where this process may not read it, what the facts
 * say. On failure too, cert is to be ended with pb_cert_fini. */
bool pb_cert_check(const struct pb_cert_place *place, const struct pbay_cert_request *request, int64_t now,
                   struct pb_cert *cert, char why[PB_CERT_WHY]);

#endif
