#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cmd.h"
#include "schema/buf.h"

#define PACKAGES "share/patchbay/connections" /* beside bin */

static int say_commands(FILE *to, int status)
{
    const struct cmd_entry *c;

    fputs("Usage: patchbay COMMAND [ARGUMENTS]\n\n", to);
    for (size_t i = 0; (c = cmd_at(i)); i++)
        fprintf(to, "  %-18s  %s\n", c->name, c->summary);
    fputs("\n`patchbay COMMAND --help` says more.\n", to);
    return status;
}

static const struct cmd_entry *find(const char *name)
{
    const struct cmd_entry *c;

    for (size_t i = 0; (c = cmd_at(i)); i++) {
        if (strcmp(name, c->name) == 0)
            break;
    }
    return c;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Everything after `--` is meant literally. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i]))
            return true;
    }
    return false;
}

static int say_help(const struct cmd_entry *c)
{
    printf("Usage: patchbay %s\n\n%c%s.\n\n%s", c->usage, c->summary[0] - 'a' + 'A', c->summary + 1, c->help);
    return CMD_OK;
}

/* Output that cannot be written is a failure, also of a command that went well. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "patchbay: standard output: %s\n", strerror(errno));
    return status ? status : CMD_FAILED;
}

int main(int argc, char **argv)
{
    const struct cmd_entry *c;

    if (argc < 2)
        return say_commands(stderr, CMD_USAGE);
    if (argc == 3 && strcmp(argv[1], "help") == 0 && strcmp(argv[2], "--man") == 0)
        return finish(cmd_man());
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return finish(say_commands(stdout, CMD_OK));
    c = find(argv[1]);
    if (!c) {
        fprintf(stderr, "patchbay: there is no command '%s'\n", argv[1]);
        return say_commands(stderr, CMD_USAGE);
    }
    if (wants_help(argc - 1, argv + 1))
        return finish(say_help(c));
    return finish(c->run(argc - 1, argv + 1));
}

/* ---- shared ---- */

int cmd_misused(const char *name, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "patchbay %s: ", name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; `patchbay %s --help` says more\n", name);
    return CMD_USAGE;
}

bool cmd_bin_dir(char dir[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    dir[n] = 0;
    slash = strrchr(dir, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

bool cmd_join(char path[PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < PATH_MAX;
}

char *cmd_package_path(const char *given)
{
    const char *first = given ? given : getenv("PATCHBAY_PACKAGE_PATH");
    char bin[PATH_MAX], *path = NULL, *up;
    int n;

    if (!cmd_bin_dir(bin))
        return pb_strndup(pbay_str(first));
    up = strrchr(bin, '/');
    if (up)
        *up = 0;
    n = asprintf(&path, "%s%s%s/%s", first ? first : "", first && *first ? ":" : "", bin, PACKAGES);
    return n < 0 ? pb_strndup(pbay_str(first)) : path;
}

enum pbay_err cmd_load(const char *file, const char *package_path, struct pbay_agent_conf **conf)
{
    struct pbay_conf_error error = {""};
    enum pbay_err err = pbay_agent_conf_load(file, package_path, conf, &error);

    if (err)
        fprintf(stderr, "%s\n", error.text);
    return err;
}

const char *cmd_endpoint(const struct pbay_agent_conf *conf)
{
    const char *given = getenv("PATCHBAY_ENDPOINT");

    if (given && *given)
        return given; /* nodes may reach the broker by another way than it binds: a proxy, a service name */
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (strncmp(conf->endpoints[i], "ipc://", 6) == 0)
            return conf->endpoints[i];
    }
    return conf->n_endpoints ? conf->endpoints[0] : NULL;
}

bool cmd_number(const char *text, long min, long max, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    return !errno && end != text && !*end && *value >= min && *value <= max;
}
