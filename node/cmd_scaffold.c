/* patchbay scaffold: the three files of a new connection, made of templates. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/cmd.h"
#include "schema/buf.h"

#define COMMAND       "scaffold"
#define TEMPLATES     "../share/patchbay/scaffold" /* seen from bin */
#define MAX_NAME      64
#define MAX_TEMPLATE  16384
#define CLASS_SUFFIX  "Connection"
#define DEFAULT_OWNER "me"

struct scaffold {
    const char *name, *author, *out;
    bool sync;
    char class_name[MAX_NAME + sizeof CLASS_SUFFIX];
    char templates[PATH_MAX], folder[PATH_MAX];
};

static int failed(const char *path)
{
    fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", path, strerror(errno));
    return CMD_FAILED;
}

/* Part of a public id and of names in C: a letter or _, then letters in lower case, digits and _. */
static bool is_name(const char *text)
{
    size_t n = strlen(text);

    return n > 0 && n <= MAX_NAME && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == n &&
           !isdigit((unsigned char)text[0]);
}

/* weather_report becomes WeatherReportConnection. */
static void make_class_name(struct scaffold *s)
{
    bool up = true;
    size_t n = 0;

    for (const char *p = s->name; *p; p++) {
        if (*p != '_')
            s->class_name[n++] = (char)(up ? toupper((unsigned char)*p) : *p);
        up = *p == '_';
    }
    memcpy(s->class_name + n, CLASS_SUFFIX, sizeof CLASS_SUFFIX);
}

/* The text with what stands between two @ filled in. */
static void fill(const struct scaffold *s, const char *text, FILE *to)
{
    const struct {
        const char *mark, *value;
    } marks[] = {{"@NAME@", s->name},
                 {"@CLASS@", s->class_name},
                 {"@AUTHOR@", s->author},
                 {"@WORKERS@", s->sync ? "\n  max_thread_workers: 1 # more of them, and the order is not kept" : ""}};
    size_t i;

    while (*text) {
        for (i = 0; i < sizeof marks / sizeof *marks; i++) {
            if (strncmp(text, marks[i].mark, strlen(marks[i].mark)) == 0)
                break;
        }
        if (i == sizeof marks / sizeof *marks) {
            fputc(*text++, to);
            continue;
        }
        fputs(marks[i].value, to);
        text += strlen(marks[i].mark);
    }
}

static bool read_template(const struct scaffold *s, const char *name, char text[MAX_TEMPLATE], char path[PATH_MAX])
{
    FILE *f = cmd_join(path, s->templates, name) ? fopen(path, "re") : NULL;
    size_t n;
    bool good;

    if (!f)
        return false;
    n = fread(text, 1, MAX_TEMPLATE - 1, f);
    text[n] = 0;
    good = !ferror(f) && n < MAX_TEMPLATE - 1;
    fclose(f);
    return good;
}

static int make_file(const struct scaffold *s, const char *template, const char *name)
{
    char text[MAX_TEMPLATE], path[PATH_MAX];
    FILE *f;
    bool bad;

    if (!read_template(s, template, text, path))
        return failed(path);
    f = cmd_join(path, s->folder, name) ? fopen(path, "wxe") : NULL;
    if (!f)
        return failed(path);
    fill(s, text, f);
    bad = ferror(f);
    if (fclose(f) != 0 || bad)
        return failed(path);
    printf("%s\n", path);
    return CMD_OK;
}

static int make_folder(struct scaffold *s)
{
    char bin[PATH_MAX];

    if (!cmd_bin_dir(bin) || !cmd_join(s->templates, bin, TEMPLATES) || !cmd_join(s->folder, s->out, s->name)) {
        errno = ENAMETOOLONG;
        return failed(s->out);
    }
    if (mkdir(s->out, 0777) != 0 && errno != EEXIST)
        return failed(s->out);
    if (mkdir(s->folder, 0777) != 0)
        return failed(s->folder); /* one that is there already is somebody's work */
    return CMD_OK;
}

static int make_all(struct scaffold *s)
{
    char source[MAX_NAME + 3];
    int status = make_folder(s);

    snprintf(source, sizeof source, "%s.c", s->name);
    if (!status)
        status = make_file(s, "connection.yaml", "connection.yaml");
    if (!status)
        status = make_file(s, s->sync ? "sync.c" : "async.c", source);
    if (!status)
        status = make_file(s, "CMakeLists.txt", "CMakeLists.txt");
    if (!status)
        printf("\nNext: `patchbay build %s`, and a line `- %s/%s:0.1.0` under `connections:` in agent.yaml.\n",
               s->folder, s->author, s->name);
    return status;
}

static int read_arguments(struct scaffold *s, int argc, char **argv)
{
    int i = 1;

    if (i == argc || strcmp(argv[i], "connection") != 0)
        return cmd_misused(COMMAND, "expected the word connection");
    for (i++; i < argc; i++) {
        if (strcmp(argv[i], "--sync") == 0)
            s->sync = true;
        else if (strcmp(argv[i], "--author") == 0 && i + 1 < argc)
            s->author = argv[++i];
        else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc)
            s->out = argv[++i];
        else if (argv[i][0] != '-' && !s->name)
            s->name = argv[i];
        else
            return cmd_misused(COMMAND, "unexpected '%s'", argv[i]);
    }
    if (!s->name)
        return cmd_misused(COMMAND, "which NAME?");
    if (!is_name(s->name) || !is_name(s->author))
        return cmd_misused(COMMAND, "a name is at most %d lower-case letters, digits and _, no digit first", MAX_NAME);
    return CMD_OK;
}

int cmd_scaffold(int argc, char **argv)
{
    struct scaffold s = {.author = DEFAULT_OWNER, .out = "connections"};
    int status = read_arguments(&s, argc, argv);

    if (status)
        return status;
    make_class_name(&s);
    return make_all(&s);
}
