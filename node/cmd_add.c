/* patchbay add, patchbay remove: the list of connections in agent.yaml. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/agent_file.h"
#include "node/packages.h"

#define DEFAULT_FILE "agent.yaml"

struct job {
    const char *command, *config, *packages, *what;
    char *package_path;
    struct agent_file file;
    struct pb_arena arena;
};

static int say(const struct job *j, const struct pb_yaml_node *at, const char *text, const char *what)
{
    fprintf(stderr, "%s:%d: %s%s\n", j->config, at->at.line, text, what);
    return CMD_USAGE;
}

static const struct pb_yaml_node *root_of(const struct job *j)
{
    return j->file.edit.docs;
}

static bool id_of(const struct pb_yaml_node *node, struct pbay_pubid *id)
{
    return node && node->text && pbay_pubid_parse(pbay_str(node->text), id);
}

static int save(struct job *j, bool good, const char *package_path, const char *done, const char *what)
{
    int status;

    if (!good) {
        fprintf(stderr, "%s\n", j->file.edit.error.text);
        return CMD_USAGE;
    }
    status = agent_file_save(&j->file, package_path);
    if (status)
        return status;
    printf("%s %s %s\n", done, what, j->config);
    return cmd_tell_running(j->config, j->package_path);
}

static int read_arguments(struct job *j, int argc, char **argv, bool adding)
{
    int i = 1;

    if (i == argc || strcmp(argv[i], "connection") != 0)
        return cmd_misused(j->command, "expected the word connection");
    for (i++; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            j->config = argv[++i];
        else if (adding && strcmp(argv[i], "--package-path") == 0 && i + 1 < argc)
            j->packages = argv[++i];
        else if (argv[i][0] != '-' && !j->what)
            j->what = argv[i];
        else
            return cmd_misused(j->command, "%s: not understood", argv[i]);
    }
    return j->what ? CMD_OK : cmd_misused(j->command, adding ? "which PUBLIC_ID?" : "which NAME or PUBLIC_ID?");
}

static int begin(struct job *j, int argc, char **argv, bool adding)
{
    int status = read_arguments(j, argc, argv, adding);

    if (status)
        return status;
    j->package_path = cmd_package_path(j->packages);
    return agent_file_open(&j->file, j->config);
}

static void end(struct job *j)
{
    agent_file_close(&j->file);
    pb_arena_fini(&j->arena);
    free(j->package_path);
}

/* ---- add ---- */

/* Two connections of one name cannot be, whoever their authors are: it is the node's name. */
static int check_twice(const struct job *j, const struct pb_yaml_node *list, const struct pbay_pubid *id)
{
    for (const struct pb_yaml_node *item = list ? list->child : NULL; item; item = item->next) {
        struct pbay_pubid other;

        if (!id_of(item, &other) || !pbay_str_eq(other.name, id->name))
            continue;
        if (pbay_pubid_same_prefix(&other, id))
            return say(j, item, "this connection is there already: ", item->text);
        return say(j, item, "a connection of this name is there already: ", item->text);
    }
    return CMD_OK;
}

/* The id as it shall be written; NULL = said why not. */
static const char *find(struct job *j, const struct pbay_pubid *wish)
{
    const char *dir = package_find(&j->arena, j->config, j->package_path, wish);
    const struct package *p;

    if (!dir) {
        fprintf(stderr, "patchbay add: there is no package %.*s beside %s or in the package path\n", (int)wish->name.n,
                wish->name.p, j->config);
        return NULL;
    }
    p = package_read(&j->arena, dir);
    if (p->error.text[0]) {
        fprintf(stderr, "%s\n", p->error.text);
        return NULL;
    }
    if (!pb_conf_accepts(wish, &p->conf.public_id)) {
        fprintf(stderr, "patchbay add: found %s in %s, not %s\n", p->conf.public_id_text, dir, j->what);
        return NULL;
    }
    return p->conf.public_id_text;
}

static bool insert(struct job *j, const struct pb_yaml_node *list, const char *id)
{
    static const char *const keys[] = {"connections"};
    const char *text = yaml_edit_quote(&j->arena, id);

    if (list && !pb_yaml_is_null(list))
        return yaml_edit_append(&j->file.edit, list, text);
    return yaml_edit_set(&j->file.edit, root_of(j), keys, 1, pb_arena_printf(&j->arena, "[%s]", text));
}

static int add(struct job *j)
{
    const struct pb_yaml_node *list = pb_yaml_get(root_of(j), "connections");
    struct pbay_pubid wish;
    const char *id;
    int status;

    if (!pbay_pubid_parse(pbay_str(j->what), &wish))
        return cmd_misused(j->command, "%s: expected a public id such as fetchai/stub:0.21.3", j->what);
    if (root_of(j)->kind != PB_YAML_MAPPING)
        return say(j, root_of(j), "expected a mapping", "");
    if (list && list->kind != PB_YAML_SEQUENCE && !pb_yaml_is_null(list))
        return say(j, list, "connections: expected a list", "");
    status = check_twice(j, list, &wish);
    if (status)
        return status;
    id = find(j, &wish);
    if (!id)
        return CMD_USAGE;
    return save(j, insert(j, list, id), j->package_path, pb_arena_printf(&j->arena, "added %s", id), "to");
}

int cmd_add(int argc, char **argv)
{
    struct job j = {.command = "add", .config = DEFAULT_FILE, .file = {.folder = -1}};
    int status = begin(&j, argc, argv, true);

    if (!status)
        status = add(&j);
    end(&j);
    return status;
}

/* ---- remove ---- */

/* By its name, or by author/name, with a version that then has to be the one that is written. */
static bool is_meant(const struct job *j, const struct pb_yaml_node *item)
{
    struct pbay_pubid id, wish;

    if (!id_of(item, &id))
        return false;
    if (!pbay_pubid_parse(pbay_str(j->what), &wish))
        return pbay_str_eq(pbay_str(j->what), id.name);
    return pbay_pubid_same_prefix(&wish, &id) && (!strchr(j->what, ':') || pbay_pubid_eq(&wish, &id));
}

/* Who else names it. */
static int check_unused(const struct job *j, const struct pbay_pubid *id)
{
    const struct pb_yaml_node *one = pb_yaml_get(root_of(j), "default_connection"), *over;
    const struct pb_yaml_node *routes = pb_yaml_get(root_of(j), "default_routing");
    struct pbay_pubid other;

    if (id_of(one, &other) && pbay_pubid_same_prefix(&other, id))
        return say(j, one, "default_connection still names it", "");
    for (one = routes ? routes->child : NULL; one; one = one->next) {
        if (id_of(one, &other) && pbay_pubid_same_prefix(&other, id))
            return say(j, one, "default_routing still names it for ", one->key ? one->key : "");
    }
    over = agent_file_override(root_of(j), id);
    return over ? say(j, over, "this document still overrides it", "") : CMD_OK;
}

static int take_out(struct job *j)
{
    const struct pb_yaml_node *list = pb_yaml_get(root_of(j), "connections"), *item = list ? list->child : NULL;
    struct pbay_pubid id;
    const char *text;
    int status;

    while (item && !is_meant(j, item))
        item = item->next;
    if (!item) {
        fprintf(stderr, "%s: there is no connection %s\n", j->config, j->what);
        return CMD_USAGE;
    }
    (void)id_of(item, &id);
    status = check_unused(j, &id);
    if (status)
        return status;
    text = pb_arena_printf(&j->arena, "removed %s", item->text);
    /* What is left need not load: it may be one of several packages that are not there. */
    return save(j, yaml_edit_remove(&j->file.edit, item), NULL, text, "from");
}

int cmd_remove(int argc, char **argv)
{
    struct job j = {.command = "remove", .config = DEFAULT_FILE, .file = {.folder = -1}};
    int status = begin(&j, argc, argv, false);

    if (!status)
        status = take_out(&j);
    end(&j);
    return status;
}
