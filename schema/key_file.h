/* CURVE keys in files, in czmq's format of certificates: NAME has the public key, NAME_secret has both.
 *
 * Keys are texts of Z85 (ZeroMQ RFC 32), 40 characters and NUL, as libzmq takes them. Thread-safe. */
#ifndef PB_KEY_FILE_H
#define PB_KEY_FILE_H

#include <stdbool.h>

#include "pbay_conf.h"

#define PB_KEY_TEXT      41
#define PB_KEY_SUFFIX    "_secret"
#define PB_KEY_SHOWN     400   /* bytes of a path in an error, before the colon */
#define PB_KEY_FILE_SIZE 65536 /* bytes at most */

struct pb_key_pair {
    char public_key[PB_KEY_TEXT], secret_key[PB_KEY_TEXT];
};

/* Are these 40 characters of Z85? */
bool pb_key_is_text(const char *text);

/* The public key of a certificate; one with a secret key too is taken. PBAY_OK; PBAY_CONFIG = *error says which file
 * and what was expected. */
enum pbay_err pb_key_read_public(const char *path, char key[PB_KEY_TEXT], struct pbay_conf_error *error);

/* Both keys of NAME_secret, where `path` is NAME or NAME_secret. The file must be a regular one, no symbolic link, ours
 * (the effective user's) and readable by nobody else; its folder not writable by others. PBAY_OK; PBAY_CONFIG = *error;
 * then nothing of it is in *pair. The caller wipes *pair with pb_key_wipe. */
enum pbay_err pb_key_read_secret(const char *path, struct pb_key_pair *pair, struct pbay_conf_error *error);

/* Write NAME (for everybody) and NAME_secret (mode 0600); neither may be there. `name` stands in both. PBAY_OK; PBAY_IO
 * = *error says why, and nothing was left. */
enum pbay_err pb_key_write(const char *path, const char *name, const struct pb_key_pair *pair,
                           struct pbay_conf_error *error);

void pb_key_wipe(struct pb_key_pair *pair);

#endif
