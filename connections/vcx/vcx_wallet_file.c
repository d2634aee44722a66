#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connections/vcx/vcx_wallet_int.h"

#define STREAM(what) crypto_secretstream_xchacha20poly1305_##what
#define SEALED(n)    ((n) + STREAM(ABYTES))
#define OWNER        (VCX_MAX_OWNER + 1)          /* bytes of its record */
#define HEAD         sizeof(struct wallet_header) /* authenticated with the first record */
#define FIXED        (HEAD + STREAM(HEADERBYTES) + SEALED(OWNER) + SEALED(0))
#define MAX_FILE     (FIXED + (size_t)VCX_MAX_KEYS * SEALED(VCX_KEY))
#define MAX_OPS      16 /* a file that asks for more than these would only stop us */
#define MAX_MEMORY   (UINT64_C(1) << 30)

static enum vcx_wallet_err system_error(char why[VCX_WHY], const char *what)
{
    vcx_why(why, "wallet: %s: %s", what, strerror(errno));
    return VCX_WALLET_ACCESS;
}

static enum vcx_wallet_err no_access(char why[VCX_WHY], const char *sentence)
{
    vcx_why(why, "wallet: %s", sentence);
    return VCX_WALLET_ACCESS;
}

enum vcx_wallet_err wallet_lock(struct vcx_wallet *w, char why[VCX_WHY])
{
    w->lock_fd = open(w->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (w->lock_fd < 0)
        return system_error(why, "its lock cannot be opened");
    if (flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return VCX_WALLET_OK;
    return errno == EWOULDBLOCK ? no_access(why, "another process has it open")
                                : system_error(why, "it cannot be locked");
}

/* ---- numbers, and the file's key ---- */

static void put_number(uint8_t bytes[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_number(const uint8_t bytes[8])
{
    uint64_t number = 0;

    for (int i = 8; i--;)
        number = number << 8 | bytes[i];
    return number;
}

static void new_header(struct wallet_header *h, const struct vcx_wallet_conf *conf)
{
    memcpy(h->magic, WALLET_MAGIC, sizeof h->magic);
    h->kdf = conf->raw_key ? WALLET_RAW : WALLET_ARGON2ID;
    if (conf->raw_key)
        return;
    put_number(h->ops, conf->ops ? conf->ops : crypto_pwhash_OPSLIMIT_MODERATE);
    put_number(h->memory, conf->memory ? conf->memory : crypto_pwhash_MEMLIMIT_MODERATE);
    randombytes_buf(h->salt, sizeof h->salt);
}

static enum vcx_wallet_err check_header(const struct wallet_header *h, const struct vcx_wallet_conf *conf,
                                        char why[VCX_WHY])
{
    if (memcmp(h->magic, WALLET_MAGIC, sizeof h->magic) != 0 || h->kdf > WALLET_ARGON2ID)
        return no_access(why, "not a wallet, or one of a later version");
    if (h->kdf == WALLET_RAW)
        return conf->raw_key ? VCX_WALLET_OK : no_access(why, "it was made with a key file, not with a passphrase");
    if (conf->raw_key)
        return no_access(why, "it was made with a passphrase, not with a key file");
    if (get_number(h->ops) > MAX_OPS || get_number(h->memory) > MAX_MEMORY)
        return no_access(why, "it asks for more work than a passphrase may cost");
    return VCX_WALLET_OK;
}

static enum vcx_wallet_err make_key(struct vcx_wallet *w, const struct vcx_wallet_conf *conf, char why[VCX_WHY])
{
    const struct wallet_header *h = &w->header;

    if (h->kdf == WALLET_RAW)
        memcpy(w->key, conf->raw_key, VCX_KEY);
    else if (crypto_pwhash(w->key, STREAM(KEYBYTES), conf->passphrase.p, conf->passphrase.n, h->salt,
                           get_number(h->ops), (size_t)get_number(h->memory), crypto_pwhash_ALG_ARGON2ID13) != 0)
        return no_access(why, "there is not enough memory for its passphrase");
    return VCX_WALLET_OK;
}

/* ---- writing ---- */

static void seal(struct pb_buf *out, STREAM(state) * stream, const void *bytes, size_t n, uint8_t tag)
{
    size_t before = out->n, with = before == HEAD + STREAM(HEADERBYTES) ? HEAD : 0;

    (void)pb_buf_grow(out, SEALED(n));
    STREAM(push)(stream, out->p + before, NULL, bytes, n, out->p, with, tag);
}

static void make_file(const struct vcx_wallet *w, struct pb_buf *out)
{
    STREAM(state) stream;
    char owner[OWNER] = {0};

    memcpy(owner, w->owner, strlen(w->owner));
    pb_buf_add(out, &w->header, sizeof w->header);
    STREAM(init_push)(&stream, pb_buf_grow(out, STREAM(HEADERBYTES)), w->key);
    seal(out, &stream, owner, sizeof owner, STREAM(TAG_MESSAGE));
    for (size_t i = 0; i < w->n; i++)
        seal(out, &stream, w->secrets[i], VCX_KEY, STREAM(TAG_MESSAGE));
    seal(out, &stream, "", 0, STREAM(TAG_FINAL));
    sodium_memzero(&stream, sizeof stream);
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR)
            return false;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* A new file's name is only there after a crash if its directory was synced. */
static bool sync_directory(const char *path)
{
    char *copy = pb_strndup(pbay_str(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    free(copy);
    return good;
}

static bool write_next(const struct vcx_wallet *w, const struct pb_buf *bytes)
{
    int fd, keep;
    bool good;

    if (unlink(w->next) != 0 && errno != ENOENT) /* of a crash */
        return false;
    fd = open(w->next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    good = write_all(fd, bytes->p, bytes->n) && fsync(fd) == 0 && rename(w->next, w->path) == 0;
    keep = errno;
    close(fd);
    if (!good)
        unlink(w->next);
    errno = keep;
    return good;
}

enum vcx_wallet_err wallet_store(const struct vcx_wallet *w, char why[VCX_WHY])
{
    struct pb_buf bytes = {0};
    bool good;

    make_file(w, &bytes);
    good = write_next(w, &bytes);
    pb_buf_fini(&bytes);
    if (!good)
        return system_error(why, "it cannot be written");
    return sync_directory(w->path) ? VCX_WALLET_OK : system_error(why, "its directory cannot be synced");
}

/* ---- reading ---- */

/* PATH's bytes; *found = false: there is none. */
static enum vcx_wallet_err read_file(const char *path, struct pb_buf *out, bool *found, char why[VCX_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = 0;
    struct stat st;

    *found = fd >= 0 || errno != ENOENT;
    if (fd < 0)
        return *found ? system_error(why, "it cannot be opened") : VCX_WALLET_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)FIXED || st.st_size > (off_t)MAX_FILE) {
        close(fd);
        return no_access(why, "not a wallet");
    }
    pb_buf_grow(out, (size_t)st.st_size);
    for (out->n = 0; out->n < (size_t)st.st_size; out->n += (size_t)got) {
        got = read(fd, out->p + out->n, (size_t)st.st_size - out->n);
        if (got <= 0)
            break;
    }
    close(fd);
    return got > 0 ? VCX_WALLET_OK : no_access(why, "it cannot be read");
}

/* Where a reader of the stream is. */
struct unsealing {
    STREAM(state) stream;
    const uint8_t *p, *begin, *end;
};

static bool unseal(struct unsealing *u, void *bytes, size_t n, uint8_t tag)
{
    size_t with = u->p == u->begin + HEAD + STREAM(HEADERBYTES) ? HEAD : 0;
    uint8_t found = 0;

    if ((size_t)(u->end - u->p) < SEALED(n) ||
        STREAM(pull)(&u->stream, bytes, NULL, &found, u->p, SEALED(n), u->begin, with) != 0)
        return false;
    u->p += SEALED(n);
    return found == tag;
}

static enum vcx_wallet_err read_keys(struct vcx_wallet *w, struct unsealing *u, char why[VCX_WHY])
{
    uint8_t seed[VCX_KEY], key[VCX_KEY], nothing[1];
    bool good = true;

    while (good && (size_t)(u->end - u->p) > SEALED(0)) {
        good = unseal(u, seed, sizeof seed, STREAM(TAG_MESSAGE));
        if (good)
            wallet_insert(w, seed, key);
    }
    sodium_memzero(seed, sizeof seed);
    good = good && unseal(u, nothing, 0, STREAM(TAG_FINAL));
    return good ? VCX_WALLET_OK : no_access(why, "it was changed or cut off");
}

static enum vcx_wallet_err read_records(struct vcx_wallet *w, const struct pb_buf *file, char why[VCX_WHY])
{
    struct unsealing u = {.begin = file->p, .p = file->p + HEAD, .end = file->p + file->n};
    char owner[OWNER];
    enum vcx_wallet_err err;

    if (STREAM(init_pull)(&u.stream, u.p, w->key) != 0)
        return no_access(why, "it was changed");
    u.p += STREAM(HEADERBYTES);
    if (!unseal(&u, owner, sizeof owner, STREAM(TAG_MESSAGE))) {
        err = no_access(why, "the passphrase or key is wrong, or it was changed");
    } else if (owner[OWNER - 1] || strcmp(owner, w->owner) != 0) {
        vcx_why(why, "wallet: it is not that of '%s': wallet and configuration do not belong together", w->owner);
        err = VCX_WALLET_SETUP;
    } else {
        err = read_keys(w, &u, why);
    }
    sodium_memzero(&u, sizeof u);
    return err;
}

static enum vcx_wallet_err load(struct vcx_wallet *w, const struct vcx_wallet_conf *conf, const struct pb_buf *file,
                                char why[VCX_WHY])
{
    enum vcx_wallet_err err;

    memcpy(&w->header, file->p, sizeof w->header);
    err = check_header(&w->header, conf, why);
    if (!err)
        err = make_key(w, conf, why);
    return err ? err : read_records(w, file, why);
}

static enum vcx_wallet_err create(struct vcx_wallet *w, const struct vcx_wallet_conf *conf, char why[VCX_WHY])
{
    enum vcx_wallet_err err;

    new_header(&w->header, conf);
    err = make_key(w, conf, why);
    return err ? err : wallet_store(w, why);
}

enum vcx_wallet_err wallet_load(struct vcx_wallet *w, const struct vcx_wallet_conf *conf, char why[VCX_WHY])
{
    struct pb_buf file = {0};
    bool found = false;
    enum vcx_wallet_err err = read_file(w->path, &file, &found, why);

    if (!err && found)
        err = load(w, conf, &file, why);
    else if (!err)
        err = conf->create ? create(w, conf, why) : no_access(why, "there is none");
    pb_buf_fini(&file);
    return err;
}
