/* The files around certificates. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/cert.h"

/* At most PB_MAX_CERT_FILE bytes of a regular file; -1 = errno. Unbuffered, so that no copy of a secret is left
 * behind. */
static ssize_t read_file(const char *path, char data[PB_MAX_CERT_FILE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), keep;
    size_t n = 0;
    struct stat st;
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    errno = EINVAL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        do {
            got = read(fd, data + n, PB_MAX_CERT_FILE - n);
            n += got > 0 ? (size_t)got : 0;
        } while (got > 0 && n < PB_MAX_CERT_FILE);
    }
    if (n == PB_MAX_CERT_FILE) {
        errno = EFBIG;
        got = -1;
    }
    keep = errno;
    close(fd);
    errno = keep;
    return got < 0 ? -1 : (ssize_t)n;
}

bool pb_cert_path(const struct pb_cert_place *place, const struct pbay_cert_request *request, char path[PATH_MAX])
{
    bool absolute = *request->save_path == '/';
    int n =
        snprintf(path, PATH_MAX, "%s%s%s", absolute ? "" : place->data_dir, absolute ? "" : "/", request->save_path);

    return n > 0 && (size_t)n + sizeof PB_CERT_ABOUT < PATH_MAX;
}

/* ---- keys ---- */

static const char *find_key(const struct pbay_key_path *keys, size_t n, const char *ledger_id)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].ledger_id, ledger_id) == 0)
            return keys[i].path;
    }
    return NULL;
}

const char *pb_cert_signing_key(const struct pb_cert_place *place, const struct pbay_cert_request *request)
{
    const struct pbay_agent_conf *agent = place->agent;

    return agent ? find_key(agent->private_keys, agent->n_private_keys, request->ledger_id) : NULL;
}

const char *pb_cert_own_key(const struct pb_cert_place *place, const struct pbay_cert_request *request)
{
    const struct pbay_agent_conf *agent = place->agent;

    return agent && request->key_id ? find_key(agent->connection_keys, agent->n_connection_keys, request->key_id)
                                    : NULL;
}

enum pbay_err pb_cert_load_key(const char *path, enum pb_scheme scheme, struct pb_key *key, char why[PB_CERT_WHY])
{
    char data[PB_MAX_CERT_FILE];
    ssize_t n = read_file(path, data);
    enum pbay_err err = PBAY_CONFIG;

    if (n < 0) {
        pb_cert_why(why, "the private key %s cannot be read: %s", path, strerror(errno));
        err = PBAY_IO;
    } else if (pb_key_parse(key, scheme, (struct pbay_str){data, (size_t)n})) {
        err = PBAY_OK;
    } else if (n > 0 && *data == '{') {
        pb_cert_why(why, "the private key %s is encrypted, which is not supported", path);
    } else {
        pb_cert_why(why, "%s is no private key: expected 64 hexadecimal digits in one line", path);
    }
    sodium_memzero(data, sizeof data);
    return err;
}

/* The public key that belongs to the private one at path into text. path NULL is a key that cannot be read. */
static enum pbay_err load_public(const char *path, const char *ledger_id, char *text, char why[PB_CERT_WHY])
{
    struct pb_key key;
    enum pbay_err err;

    pb_cert_why(why, "the key for %s is not known", ledger_id);
    if (!path)
        return PBAY_IO;
    err = pb_cert_load_key(path, (enum pb_scheme)pb_ledger_scheme(ledger_id), &key, why);
    if (err)
        return err;
    snprintf(text, PB_MAX_KEY_TEXT, "%s", key.public_key);
    pb_key_fini(&key);
    return PBAY_OK;
}

/* ---- issue ---- */

bool pb_cert_issue(const struct pb_cert_place *place, const struct pbay_cert_request *request, struct pb_cert *cert,
                   char why[PB_CERT_WHY])
{
    const char *path = pb_cert_signing_key(place, request), *public_key = request->public_key;
    char own[PB_MAX_KEY_TEXT];
    struct pb_key key;
    bool good;

    if (!public_key) {
        if (load_public(pb_cert_own_key(place, request), request->key_id, own, why))
            return false;
        public_key = own;
    }
    pb_cert_why(why, "the key for %s is not known", request->ledger_id);
    if (!path || pb_cert_load_key(path, (enum pb_scheme)pb_ledger_scheme(request->ledger_id), &key, why))
        return false;
    good = pb_cert_sign(request, public_key, &key, cert);
    pb_key_fini(&key);
    return good || pb_cert_why(why, "certificate %s cannot be signed", request->identifier);
}

/* ---- check ---- */

/* The signature, and the facts if there are any. */
static bool read_cert(const struct pb_cert_place *place, const struct pbay_cert_request *request, struct pb_cert *cert,
                      char why[PB_CERT_WHY])
{
    char path[PATH_MAX], data[PB_MAX_CERT_FILE];
    ssize_t n = -1;

    errno = ENAMETOOLONG;
    if (pb_cert_path(place, request, path))
        n = read_file(path, data);
    if (n < 0 && errno == ENOENT)
        return pb_cert_why(why, "certificate %s is missing: `patchbay issue-certificates` writes it to %s",
                           request->identifier, path);
    if (n < 0)
        return pb_cert_why(why, "certificate %s cannot be read: %s: %s", request->identifier, strerror(errno), path);
    if (!pb_cert_get_text(cert, (struct pbay_str){data, (size_t)n}))
        return pb_cert_why(why, "certificate %s is no certificate: expected hexadecimal digits in %s",
                           request->identifier, path);
    /* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.strcpy): pb_cert_path has left room */
    strcat(path, PB_CERT_ABOUT);
    n = read_file(path, data);
    if (n > 0)
        pb_cert_get_about(cert, (struct pbay_str){data, (size_t)n});
    return true;
}

/* What is expected as one of the keys: from the private key, or from the facts if that cannot be read. */
static bool expect_key(const char *path, const char *ledger_id, const char *fact, char *text, char why[PB_CERT_WHY])
{
    enum pbay_err err = load_public(path, ledger_id, text, why);

    if (err == PBAY_IO && *fact) {
        snprintf(text, PB_MAX_FACT, "%s", fact);
        return true;
    }
    return !err;
}

bool pb_cert_check(const struct pb_cert_place *place, const struct pbay_cert_request *request, int64_t now,
                   struct pb_cert *cert, char why[PB_CERT_WHY])
{
    char own[PB_MAX_FACT], signer[PB_MAX_FACT];
    const char *public_key = request->public_key;

    if (!pb_cert_in_time(request, now, why) || !read_cert(place, request, cert, why))
        return false;
    if (!public_key) {
        if (!expect_key(pb_cert_own_key(place, request), request->key_id, cert->facts[PB_FACT_PUBLIC_KEY], own, why))
            return false;
        public_key = own;
    }
    return expect_key(pb_cert_signing_key(place, request), request->ledger_id, cert->facts[PB_FACT_SIGNER], signer,
                      why) &&
           pb_cert_judge(request, public_key, signer, cert, why);
}
