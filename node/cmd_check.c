/* patchbay check */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cmd.h"

#define CONNECTION_YAML "connection.yaml"

/* What a file is. An agent.yaml may hold override documents of other types: only the first document says it. */
enum kind { AGENT, CONNECTION, PROTOCOL };

/* `type: connection`, or `speech_acts:`, at the left edge; quotes and a comment may be there. */
static enum kind kind_of_line(const char *line)
{
    static const char key[] = "type:", value[] = "connection", acts[] = "speech_acts:";
    const char *p = line + strlen(key);

    if (strncmp(line, acts, strlen(acts)) == 0)
        return PROTOCOL;
    if (strncmp(line, key, strlen(key)) != 0)
        return AGENT;
    p += strspn(p, " \t'\"");
    return strncmp(p, value, strlen(value)) == 0 && strchr(" \t'\"#\r\n", p[strlen(value)]) ? CONNECTION : AGENT;
}

static const char *base_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? slash + 1 : file;
}

static enum kind kind_of(const char *file)
{
    enum kind kind = strcmp(base_of(file), CONNECTION_YAML) == 0 ? CONNECTION : AGENT;
    FILE *f = kind == AGENT ? fopen(file, "re") : NULL;
    size_t size = 0, seen = 0, lines = 0;
    char *line = NULL;
    bool more = true;
    ssize_t n;

    while (f && kind == AGENT && more && (n = getline(&line, &size, f)) > 0) {
        seen += (size_t)n;
        more = seen <= PBAY_MAX_CONF_BYTES && (lines++ == 0 || strncmp(line, "---", 3) != 0);
        if (more)
            kind = kind_of_line(line);
    }
    free(line);
    if (f)
        fclose(f);
    return kind;
}

static bool check_connection(const char *file, const char *package_path, struct pbay_conf_error *error)
{
    struct pbay_conn_conf *conf = NULL;
    const char *base = base_of(file);
    char dir[PATH_MAX];
    int n = snprintf(dir, sizeof dir, "%.*s", base == file ? 1 : (int)(base - file), base == file ? "." : file);
    enum pbay_err err;

    if (strcmp(base, CONNECTION_YAML) != 0 || n >= PATH_MAX) {
        snprintf(error->text, sizeof error->text, "%s:1: type: expected the name %s for a connection's file", file,
                 CONNECTION_YAML);
        return false;
    }
    err = pbay_conn_conf_load(dir, package_path, &conf, error);
    pbay_conn_conf_destroy(&conf);
    return !err;
}

static bool check_agent(const char *file, const char *package_path, struct pbay_conf_error *error)
{
    struct pbay_agent_conf *conf = NULL;
    enum pbay_err err = pbay_agent_conf_load(file, package_path, &conf, error);

    pbay_agent_conf_destroy(&conf);
    return !err;
}

static bool check_protocol(const char *file, struct pbay_conf_error *error)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    enum pbay_err err = pbay_protocols_load(protocols, file, NULL, error->text);

    pbay_protocols_destroy(&protocols);
    return !err;
}

static bool check(const char *file, const char *package_path)
{
    struct pbay_conf_error error = {""};
    enum kind kind = kind_of(file);
    bool good = kind == CONNECTION ? check_connection(file, package_path, &error)
                : kind == PROTOCOL ? check_protocol(file, &error)
                                   : check_agent(file, package_path, &error);

    if (good)
        printf("%s: ok\n", file);
    else
        fprintf(stderr, "%s\n", error.text);
    return good;
}

int cmd_check(int argc, char **argv)
{
    const char *given = NULL;
    char *package_path;
    bool good = true;
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--package-path") != 0 || i + 1 == argc)
            return cmd_misused("check", "%s: not understood", argv[i]);
        given = argv[++i];
    }
    if (i == argc)
        return cmd_misused("check", "expected a file");
    package_path = cmd_package_path(given);
    for (; i < argc; i++)
        good = check(argv[i], package_path) && good;
    free(package_path);
    return good ? CMD_OK : CMD_USAGE;
}
