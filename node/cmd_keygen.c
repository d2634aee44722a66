/* patchbay keygen: CURVE key pairs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "node/cmd.h"
#include "schema/harden.h"
#include "schema/key_file.h"

#define COMMAND  "keygen"
#define MAX_NAME 64

static bool is_name(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(text);

    return n && n <= MAX_NAME && strspn(text, letters) == n && *text != '.' && *text != '-';
}

static int generate(const char *dir, const char *name)
{
    struct pbay_conf_error error;
    struct pb_key_pair pair;
    char path[PATH_MAX];
    enum pbay_err err;

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= PATH_MAX - (int)sizeof PB_KEY_SUFFIX)
        return cmd_misused(COMMAND, "%s: the path is too long", dir);
    if (mkdir(dir, 0700) && errno != EEXIST) {
        fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", dir, strerror(errno));
        return CMD_FAILED;
    }
    if (zmq_curve_keypair(pair.public_key, pair.secret_key)) {
        fprintf(stderr, "patchbay " COMMAND ": this libzmq has no CURVE\n");
        return CMD_FAILED;
    }
    err = pb_key_write(path, name, &pair, &error);
    if (err)
        fprintf(stderr, "patchbay " COMMAND ": %s\n", error.text);
    else
        printf("%s\n%s" PB_KEY_SUFFIX "\n", path, path);
    pb_key_wipe(&pair);
    return err ? CMD_FAILED : CMD_OK;
}

int cmd_keygen(int argc, char **argv)
{
    const char *dir = "keys";
    int i = 1, status = CMD_OK;

    if (argc > 2 && strcmp(argv[1], "--out") == 0) {
        dir = argv[2];
        i = 3;
    }
    if (i >= argc)
        return cmd_misused(COMMAND, "expected a name");
    for (int j = i; j < argc; j++) {
        if (!is_name(argv[j]))
            return cmd_misused(COMMAND, "expected a name of letters, digits, _, . and -, found '%s'", argv[j]);
    }
    pb_harden_secrets();
    for (; i < argc && !status; i++)
        status = generate(dir, argv[i]);
    return status;
}
