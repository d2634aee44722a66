#include "schema/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_PATH 4200 /* more than open takes */

static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

static enum pbay_err refuse(struct pbay_conf_error *error, const char *path, const char *what)
{
    snprintf(error->text, sizeof error->text, "%.*s: %s", PB_KEY_SHOWN, path, what);
    return PBAY_CONFIG;
}

bool pb_key_is_text(const char *text)
{
    return strlen(text) == PB_KEY_TEXT - 1 && strspn(text, z85) == PB_KEY_TEXT - 1;
}

void pb_key_wipe(struct pb_key_pair *pair)
{
    explicit_bzero(pair, sizeof *pair);
}

/* ---- reading ---- */

/* `    NAME = "VALUE"` of a line of ZPL, in the section `curve`. */
static bool read_value(const char *line, const char *name, char key[PB_KEY_TEXT])
{
    size_t n = strlen(name);
    char text[PB_KEY_TEXT] = "";

    line += strspn(line, " \t");
    if (strncmp(line, name, n) != 0)
        return false;
    line += n;
    line += strspn(line, " \t");
    if (*line++ != '=')
        return false;
    line += strspn(line, " \t");
    if (*line != '"' || strcspn(line + 1, "\"") != PB_KEY_TEXT - 1)
        return false;
    memcpy(text, line + 1, PB_KEY_TEXT - 1);
    if (pb_key_is_text(text))
        memcpy(key, text, PB_KEY_TEXT);
    explicit_bzero(text, sizeof text);
    return *key != 0;
}

/* Both keys; what is not there stays empty. `text` is changed. */
static void parse(char *text, struct pb_key_pair *pair)
{
    bool in_curve = false;
    char *rest = text;

    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        if (*line && !strchr(" \t#\r", *line))
            in_curve = strncmp(line, "curve", 5) == 0 && line[5 + strspn(line + 5, " \t\r")] == 0;
        else if (in_curve && !read_value(line, "public-key", pair->public_key))
            (void)read_value(line, "secret-key", pair->secret_key);
    }
}

/* The file's bytes, NUL behind them, overwritten and freed by the caller; NULL = errno. */
static char *read_all(int fd)
{
    char *text = calloc(1, PB_KEY_FILE_SIZE + 1);
    size_t n = 0;
    ssize_t got = 1;

    while (text && n < PB_KEY_FILE_SIZE && (got = read(fd, text + n, PB_KEY_FILE_SIZE - n)) > 0)
        n += (size_t)got;
    if (text && got >= 0)
        return text;
    free(text);
    return NULL;
}

static enum pbay_err read_pair(int fd, const char *path, struct pb_key_pair *pair, struct pbay_conf_error *error)
{
    char *text = read_all(fd);

    if (!text)
        return refuse(error, path, strerror(errno));
    parse(text, pair);
    explicit_bzero(text, PB_KEY_FILE_SIZE);
    free(text);
    return pair->public_key[0]
               ? PBAY_OK
               : refuse(error, path, "expected a CURVE certificate, with a public-key of 40 characters");
}

enum pbay_err pb_key_read_public(const char *path, char key[PB_KEY_TEXT], struct pbay_conf_error *error)
{
    struct pb_key_pair pair = {.public_key = ""};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum pbay_err err;

    if (fd < 0)
        return refuse(error, path, strerror(errno));
    err = read_pair(fd, path, &pair, error);
    close(fd);
    if (!err)
        memcpy(key, pair.public_key, PB_KEY_TEXT);
    pb_key_wipe(&pair);
    return err;
}

/* Could somebody else have written it, or put another one in its place? */
static const char *objection(int fd, const char *path)
{
    char folder[MAX_PATH];
    const char *slash = strrchr(path, '/');
    struct stat file, dir;
    int n = slash ? (int)(slash - path) : 0;

    snprintf(folder, sizeof folder, "%.*s", n ? n : 1, slash ? path : ".");
    if (fstat(fd, &file) || stat(folder, &dir))
        return strerror(errno);
    if (!S_ISREG(file.st_mode))
        return "expected a regular file";
    if (file.st_uid != geteuid())
        return "expected a file of this user, found another user's";
    if (file.st_mode & 077)
        return "expected a file that nobody else can read or write: chmod 600";
    if ((dir.st_mode & 022) && !(dir.st_mode & S_ISVTX))
        return "expected a folder in which nobody else can write";
    return NULL;
}

enum pbay_err pb_key_read_secret(const char *path, struct pb_key_pair *pair, struct pbay_conf_error *error)
{
    size_t n = strlen(path), suffix = strlen(PB_KEY_SUFFIX);
    bool named = n >= suffix && strcmp(path + n - suffix, PB_KEY_SUFFIX) == 0;
    char name[MAX_PATH];
    const char *why;
    enum pbay_err err;
    int fd;

    *pair = (struct pb_key_pair){.public_key = ""};
    if (snprintf(name, sizeof name, "%s%s", path, named ? "" : PB_KEY_SUFFIX) >= MAX_PATH)
        return refuse(error, path, "expected a shorter path");
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return refuse(error, name, errno == ELOOP ? "expected a regular file, found a symbolic link" : strerror(errno));
    why = objection(fd, name);
    err = why ? refuse(error, name, why) : read_pair(fd, name, pair, error);
    close(fd);
    if (!err && !pair->secret_key[0])
        err = refuse(error, name, "expected a CURVE certificate with a secret-key of 40 characters");
    if (err)
        pb_key_wipe(pair);
    return err;
}

/* ---- writing ---- */

static bool put(FILE *f, const char *name, const struct pb_key_pair *pair, bool secret)
{
    char date[32];
    time_t now = time(NULL);
    struct tm tm;

    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    fprintf(f, "#   ****  Generated on %s by Patchbay  ****\n", date);
    fprintf(f, secret ? "#   ZeroMQ CURVE **Secret** Certificate\n"
                        "#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\n"
                      : "#   ZeroMQ CURVE Public Certificate\n"
                        "#   Exchange securely, or use a secure mechanism to verify the contents.\n\n");
    fprintf(f, "metadata\n    name = \"%s\"\ncurve\n    public-key = \"%s\"\n", name, pair->public_key);
    if (secret)
        fprintf(f, "    secret-key = \"%s\"\n", pair->secret_key);
    return fflush(f) == 0 && fsync(fileno(f)) == 0;
}

static bool write_one(const char *path, const char *name, const struct pb_key_pair *pair, bool secret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, secret ? 0600 : 0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good;

    if (!f) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    setvbuf(f, NULL, secret ? _IONBF : _IOFBF, 0); /* no copy of a secret in a buffer */
    good = put(f, name, pair, secret);
    good &= fclose(f) == 0;
    if (!good)
        unlink(path);
    return good;
}

enum pbay_err pb_key_write(const char *path, const char *name, const struct pb_key_pair *pair,
                           struct pbay_conf_error *error)
{
    char secret[MAX_PATH];

    snprintf(secret, sizeof secret, "%s" PB_KEY_SUFFIX, path); /* one that is cut is too long for open, too */
    if (!write_one(secret, name, pair, true)) {
        (void)refuse(error, secret, strerror(errno));
        return PBAY_IO;
    }
    if (write_one(path, name, pair, false))
        return PBAY_OK;
    (void)refuse(error, path, strerror(errno));
    unlink(secret);
    return PBAY_IO;
}
