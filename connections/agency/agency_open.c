#include "connections/agency/agency_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define MAX_PASSPHRASE 4096 /* bytes of the file */
#define OWNER          "patchbay-agency"

/* All of a small file. */
static bool read_secret(const char *path, char bytes[MAX_PASSPHRASE], size_t *n, char why[VCX_WHY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, MAX_PASSPHRASE);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (got < 0)
        return vcx_why(why, "%.180s cannot be read: %s", path, strerror(error));
    *n = (size_t)got;
    return true;
}

static bool open_wallet(struct agency_home *home, const struct agency_config *config, char why[VCX_WHY])
{
    struct vcx_wallet_conf wallet = {.path = config->wallet, .owner = OWNER, .create = true};
    const char *path = config->key_file ? config->key_file : config->passphrase_file;
    char bytes[MAX_PASSPHRASE];
    size_t n = 0;
    bool good = read_secret(path, bytes, &n, why);

    if (good && config->key_file) {
        good = n == VCX_KEY || vcx_why(why, "%.180s: expected 32 bytes, found %zu", path, n);
        wallet.raw_key = (const uint8_t *)bytes;
    } else if (good) {
        while (n && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r'))
            n--;
        good = n || vcx_why(why, "%.180s: expected a passphrase, found nothing", path);
        wallet.passphrase = (struct pbay_str){bytes, n};
    }
    good = good && vcx_wallet_open(&home->wallet, &wallet, why) == VCX_WALLET_OK;
    sodium_memzero(bytes, sizeof bytes);
    return good;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct agency_home *home = self;

    (void)ephemeral; /* none of ours is */
    return vcx_wallet_new_key(home->wallet, key, why) == VCX_WALLET_OK;
}

/* One that stays does no harm. */
static void drop_key(void *self, const uint8_t key[VCX_KEY])
{
    struct agency_home *home = self;
    char why[VCX_WHY];

    (void)vcx_wallet_drop_key(home->wallet, key, why);
}

bool agency_home_open(struct agency_home *home, const struct agency_config *config, int64_t now, char why[VCX_WHY])
{
    struct agency_conf conf = {.label = config->label,
                               .url = config->public_url,
                               .policy = config->mediation,
                               .known = (const uint8_t(*)[VCX_KEY])config->known,
                               .known_n = config->n_known,
                               .limits = config->limits,
                               .new_key = new_key,
                               .drop_key = drop_key,
                               .self = home};

    *home = (struct agency_home){.wallet = NULL};
    if (!open_wallet(home, config, why))
        return false;
    home->db = store_open(config->database, why);
    if (!home->db)
        return false;
    conf.keys = vcx_wallet_keys(home->wallet);
    conf.db = home->db;
    home->agency = agency_new(&conf, now, why);
    return home->agency != NULL;
}

void agency_home_close(struct agency_home *home)
{
    agency_destroy(&home->agency);
    vcx_db_close(&home->db);
    if (home->wallet)
        vcx_wallet_close(&home->wallet);
}
