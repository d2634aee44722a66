/* What the verbs of `patchbay vcx` share: calls that are waited for, files, words. */
#include "node/cmd_vcx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int vcx_cli_failed(const struct cmd_vcx *c, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "patchbay " VCX_COMMAND " %s: ", c->verb);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return CMD_FAILED;
}

/* ---- calls ---- */

static void keep(struct pb_buf *b, struct pbay_str text)
{
    pb_buf_fini(b);
    pb_buf_add(b, text.n ? text.p : "", text.n);
}

static void on_end(void *user, uint32_t command, uint32_t err, const struct pbay_vcx_result *result)
{
    struct cmd_vcx *c = user;

    (void)command;
    c->done = true;
    c->err = err;
    c->handle = result->handle;
    c->state = result->state;
    snprintf(c->text, sizeof c->text, "%s", result->text);
    keep(&c->value, result->value);
    keep(&c->invite_url, result->invite_url);
    keep(&c->qr_png, result->qr_png);
    keep(&c->qr_text, result->qr_text);
}

struct pbay_vcx_call vcx_cli_call(struct cmd_vcx *c)
{
    c->done = false;
    return (struct pbay_vcx_call){0, on_end, c};
}

int vcx_cli_wait(struct cmd_vcx *c, uint32_t begun)
{
    enum pbay_err err = PBAY_OK;

    if (begun)
        return vcx_cli_failed(c, "%u: %s", begun, pbay_vcx_error_text(begun));
    while (!c->done && !err)
        err = pbay_vcx_wait(c->vcx, -1);
    if (err)
        return vcx_cli_failed(c, "%s", pbay_err_text(err));
    return c->err ? vcx_cli_failed(c, "%u: %s", c->err, c->text) : CMD_OK;
}

/* ---- files ---- */

static bool write_all(int fd, const struct pb_buf *bytes)
{
    size_t at = 0;

    while (at < bytes->n) {
        ssize_t n = write(fd, bytes->p + at, bytes->n - at);

        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0;
}

int vcx_cli_write(const struct cmd_vcx *c, const char *path, unsigned mode, const struct pb_buf *bytes)
{
    char *temporary = NULL;
    int fd, status = CMD_OK;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return vcx_cli_failed(c, "%s: %s", path, strerror(errno));
    fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
    if (fd < 0 || !write_all(fd, bytes) || fchmod(fd, mode) != 0 || rename(temporary, path) != 0) {
        status = vcx_cli_failed(c, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            unlink(temporary);
    }
    if (fd >= 0)
        close(fd);
    free(temporary);
    return status;
}

int vcx_cli_read(const struct cmd_vcx *c, const char *path, struct pb_buf *bytes)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char piece[4096];
    size_t n;
    int status = CMD_OK;

    if (!f)
        return vcx_cli_failed(c, "%s: %s", path, strerror(errno));
    while (bytes->n <= VCX_MAX_FILE && (n = fread(piece, 1, sizeof piece, f)) > 0)
        pb_buf_add(bytes, piece, n);
    if (ferror(f))
        status = vcx_cli_failed(c, "%s: %s", path, strerror(errno));
    else if (bytes->n > VCX_MAX_FILE)
        status = vcx_cli_failed(c, "%s: expected at most %d bytes", path, VCX_MAX_FILE);
    if (f != stdin)
        fclose(f);
    return status;
}

/* ---- words ---- */

void vcx_cli_print(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    for (; *p; p++) {
        if (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0) /* C1: a control character in two bytes */
            printf("\\x%02x", *++p);
        else if (*p < ' ' || *p == 0x7F)
            printf("\\x%02x", *p);
        else
            putchar(*p);
    }
}
