/* patchbay generate protocol: C of an AEA protocol specification. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "node/cmd.h"
#include "node/generate.h"

#define COMMAND "generate"

struct job {
    const char *file, *out;
    struct pb_generate g;
};

static int failed(const char *path)
{
    fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", path, strerror(errno));
    return CMD_FAILED;
}

/* One of the two files. */
static int write_file(const struct job *j, const char *suffix, void (*put)(const struct pb_generate *g, FILE *f))
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s%s", j->out, j->g.protocol->name, suffix);
    FILE *f;
    bool bad;

    if (n < 0 || n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return failed(j->out);
    }
    f = fopen(path, "we");
    if (!f)
        return failed(path);
    put(&j->g, f);
    bad = ferror(f);
    if (fclose(f) != 0 || bad)
        return failed(path);
    printf("%s\n", path);
    return CMD_OK;
}

static int generate(struct job *j)
{
    const char *slash = strrchr(j->file, '/'), *a, *b;
    int status;

    j->g.source = slash ? slash + 1 : j->file;
    if (!pb_generate_check(&j->g, &a, &b)) {
        fprintf(stderr, "%s: the names %s and %s are one constant in C\n", j->file, a, b);
        return CMD_USAGE;
    }
    if (mkdir(j->out, 0777) != 0 && errno != EEXIST)
        return failed(j->out);
    status = write_file(j, ".h", pb_generate_header);
    return status ? status : write_file(j, ".c", pb_generate_tables);
}

/* Letters in lower case, digits and _, not a digit first: it begins names in C. */
static bool is_prefix(const char *text)
{
    return strlen(text) <= PB_MAX_PREFIX && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text) &&
           !(*text >= '0' && *text <= '9');
}

static int read_arguments(struct job *j, int argc, char **argv)
{
    int i = 1;

    if (i == argc || strcmp(argv[i], "protocol") != 0)
        return cmd_misused(COMMAND, "expected the word protocol");
    for (i++; i < argc; i++) {
        if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
            j->out = argv[++i];
        else if (strcmp(argv[i], "--prefix") == 0 && i + 1 < argc)
            j->g.prefix = argv[++i];
        else if (argv[i][0] != '-' && !j->file)
            j->file = argv[i];
        else
            return cmd_misused(COMMAND, "%s: not understood", argv[i]);
    }
    if (!j->file)
        return cmd_misused(COMMAND, "expected a file");
    if (!is_prefix(j->g.prefix))
        return cmd_misused(COMMAND, "%s: expected a prefix such as acme_", j->g.prefix);
    return CMD_OK;
}

int cmd_generate(int argc, char **argv)
{
    struct job j = {.out = ".", .g.prefix = ""};
    char error[PBAY_MAX_PROTOCOL_ERROR];
    struct pbay_protocols *protocols;
    int status = read_arguments(&j, argc, argv);

    if (status)
        return status;
    protocols = pbay_protocols_new();
    if (pbay_protocols_load(protocols, j.file, &j.g.protocol, error)) {
        fprintf(stderr, "%s\n", error);
        status = CMD_USAGE;
    } else {
        status = generate(&j);
    }
    pbay_protocols_destroy(&protocols);
    return status;
}
