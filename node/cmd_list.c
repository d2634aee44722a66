/* patchbay list: what an agent is made of, and what it could have besides. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cmd.h"
#include "node/packages.h"

#define COMMAND   "list"
#define PROTOCOLS "protocols" /* a folder, as for decode and encode */
#define SHIPPED   "shipped"

struct list {
    const char *file;
    bool available, json;
    char *package_path;
    struct pbay_agent_conf *conf;
    struct pb_arena arena;
    json_t *rows; /* what is being collected */
    int status;
};

/* ---- collecting: a row is an object ---- */

/* As `patchbay up` finds it. */
static bool find_executable(const struct pbay_conn_conf *conn, char path[PATH_MAX])
{
    char bin[PATH_MAX], *slash;

    if (conn->executable) {
        snprintf(path, PATH_MAX, "%s", conn->executable);
    } else {
        if (!cmd_bin_dir(bin) || !(slash = strrchr(bin, '/')))
            return false;
        *slash = 0;
        if (snprintf(path, PATH_MAX, "%.*s/libexec/patchbay/%s", PATH_MAX - 1, bin, conn->name) >= PATH_MAX)
            return false;
    }
    return access(path, X_OK) == 0;
}

static void add_connections(struct list *l)
{
    for (size_t i = 0; i < l->conf->n_connections; i++) {
        const struct pbay_conn_conf *conn = &l->conf->connections[i];
        char path[PATH_MAX] = "", source[PATH_MAX];
        bool there = find_executable(conn, path);
        bool can_build = cmd_join(source, conn->dir, "CMakeLists.txt") && access(source, F_OK) == 0;

        json_array_append_new(l->rows, json_pack("{s:s, s:s, s:i, s:s, s:b, s:b}", "public_id", conn->public_id_text,
                                                 "dir", conn->dir, "instances", (int)conn->instances, "executable",
                                                 path, "there", there, "can_build", can_build));
    }
}

static bool is_named(const struct list *l, const struct pbay_pubid *id)
{
    for (size_t i = 0; i < l->conf->n_connections; i++) {
        if (pbay_pubid_same_prefix(id, &l->conf->connections[i].public_id))
            return true;
    }
    return false;
}

/* What `patchbay add` would take: not what another package hides, nor what cannot run. */
static void see_package(void *arg, const char *dir)
{
    struct list *l = arg;
    struct package *p = package_read(&l->arena, dir);
    const char *found;

    if (p->error.text[0]) {
        fprintf(stderr, "%s\n", p->error.text);
        l->status = CMD_USAGE; /* the others are shown all the same */
        return;
    }
    found = package_find(&l->arena, l->file, l->package_path, &p->conf.public_id);
    if (p->conf.is_abstract || is_named(l, &p->conf.public_id) || !found || strcmp(found, dir) != 0)
        return;
    json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s}", "public_id", p->conf.public_id_text, "dir", dir,
                                             "description", p->conf.description));
}

/* Those of ./protocols come after the shipped ones. */
static bool add_protocols(json_t *rows)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    const struct pbay_protocol *p;
    size_t shipped = 0;
    bool good;

    while (pbay_protocols_at(protocols, shipped))
        shipped++;
    good = cmd_protocols_in(protocols, PROTOCOLS);
    for (size_t i = 0; (p = pbay_protocols_at(protocols, i)); i++)
        json_array_append_new(rows, json_pack("{s:s, s:s}", "id", p->id, "from", i < shipped ? SHIPPED : PROTOCOLS));
    pbay_protocols_destroy(&protocols);
    return good;
}

/* ---- printing ---- */

static const char *text_at(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static int width_of(const json_t *rows, const char *key, const char *title)
{
    size_t n = strlen(title), i;
    const json_t *row;

    json_array_foreach(rows, i, row)
    {
        size_t k = strlen(text_at(row, key));

        n = k > n ? k : n;
    }
    return (int)n;
}

/* Two columns and what a function says behind them. */
static void print_table(const json_t *rows, const char *const keys[2], const char *const titles[3],
                        void (*rest)(const json_t *row))
{
    int first = width_of(rows, keys[0], titles[0]), second = rest ? width_of(rows, keys[1], titles[1]) : 0;
    const json_t *row;
    size_t i;

    printf("%-*s  %-*s%s\n", first, titles[0], second, titles[1], titles[2]);
    json_array_foreach(rows, i, row)
    {
        printf("%-*s  %-*s", first, text_at(row, keys[0]), second, text_at(row, keys[1]));
        if (rest)
            rest(row);
        putchar('\n');
    }
}

static void print_process(const json_t *row)
{
    printf("  %9lld  ", (long long)json_integer_value(json_object_get(row, "instances")));
    if (json_is_true(json_object_get(row, "there")))
        fputs(text_at(row, "executable"), stdout);
    else if (json_is_true(json_object_get(row, "can_build")))
        printf("missing; `patchbay build %s` makes it", text_at(row, "dir"));
    else
        printf("missing: %s", text_at(row, "executable"));
}

static void print_json(json_t *root)
{
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

/* ---- the two lists ---- */

static int list_agent(struct list *l)
{
    static const char *const keys[][2] = {{"public_id", "dir"}, {"id", "from"}};
    static const char *const titles[][3] = {{"CONNECTION", "FOLDER", "  INSTANCES  EXECUTABLE"},
                                            {"PROTOCOL", "FROM", ""}};
    json_t *protocols = json_array();

    add_connections(l);
    if (!add_protocols(protocols)) {
        l->status = CMD_USAGE;
    } else if (l->json) {
        print_json(
            json_pack("{s:s, s:O, s:O}", "agent", l->conf->agent_name, "connections", l->rows, "protocols", protocols));
    } else {
        print_table(l->rows, keys[0], titles[0], print_process);
        putchar('\n');
        print_table(protocols, keys[1], titles[1], NULL);
    }
    json_decref(protocols);
    return l->status;
}

static int list_available(struct list *l)
{
    static const char *const keys[] = {"public_id", "dir"}, *const titles[] = {"CONNECTION", "FOLDER", ""};

    package_each(&l->arena, l->file, l->package_path, see_package, l);
    if (l->json)
        print_json(json_pack("{s:O}", "available", l->rows));
    else
        print_table(l->rows, keys, titles, NULL);
    return l->status;
}

int cmd_list(int argc, char **argv)
{
    struct list l = {.rows = json_array()};
    const char *packages = NULL;
    int status = CMD_OK;

    for (int i = 1; i < argc && !status; i++) {
        if (strcmp(argv[i], "--json") == 0)
            l.json = true;
        else if (strcmp(argv[i], "--available") == 0)
            l.available = true;
        else if (strcmp(argv[i], "--package-path") == 0 && i + 1 < argc)
            packages = argv[++i];
        else if (argv[i][0] != '-' && !l.file)
            l.file = argv[i];
        else
            status = cmd_misused(COMMAND, "%s: not understood", argv[i]);
    }
    l.file = l.file ? l.file : "agent.yaml";
    l.package_path = cmd_package_path(packages);
    if (!status && cmd_load(l.file, l.package_path, &l.conf))
        status = CMD_USAGE;
    if (!status)
        status = l.available ? list_available(&l) : list_agent(&l);
    pbay_agent_conf_destroy(&l.conf);
    pb_arena_fini(&l.arena);
    json_decref(l.rows);
    free(l.package_path);
    return status;
}
