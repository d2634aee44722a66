/* patchbay config: one value of agent.yaml, or of what it says over a connection's package. */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "node/agent_file.h"
#include "schema/conf.h"

#define COMMAND     "config"
#define MAX_KEYS    PBAY_MAX_CONF_DEPTH
#define VALUE_IS_AT "agent.KEY, connections.NAME.config.KEY or vendor.AUTHOR.connections.NAME.config.KEY"

enum type { STR, INT, FLOAT, BOOL, LIST, DICT, NONE, UNKNOWN };

struct job {
    const char *config, *path, *value;
    enum type type;
    bool setting;
    char *package_path, *words; /* words: the path, taken apart */
    const char *keys[MAX_KEYS]; /* below the first document, or below the connection's config */
    size_t n_keys;
    const char *author, *name;          /* of the connection; NULL = the agent itself; author NULL = any */
    const struct pbay_conn_conf *conn;  /* the same */
    const struct pb_yaml_node *current; /* the value that counts now; NULL = there is none */
    struct pbay_agent_conf *conf;       /* only for a connection */
    struct agent_file file;
    struct pb_arena arena;
    struct pbay_conf_error error;
};

/* ---- arguments ---- */

static const char *const type_names[] = {"str", "int", "float", "bool", "list", "dict", "none"};

static bool read_type(struct job *j, const char *name)
{
    for (enum type t = STR; t <= NONE; t++) {
        if (strcmp(type_names[t], name) == 0)
            j->type = t;
    }
    return j->type != UNKNOWN;
}

/* false = the word is not understood */
static bool read_word(struct job *j, const char *word)
{
    if (!j->path)
        j->path = word;
    else if (j->setting && !j->value)
        j->value = word;
    else
        return false;
    return true;
}

static int read_arguments(struct job *j, int argc, char **argv)
{
    bool literal = false; /* behind -- */

    if (argc < 2 || (strcmp(argv[1], "get") != 0 && strcmp(argv[1], "set") != 0))
        return cmd_misused(COMMAND, "expected the word get or set");
    j->setting = strcmp(argv[1], "set") == 0;
    for (int i = 2; i < argc; i++) {
        bool option = !literal && strncmp(argv[i], "--", 2) == 0;

        if (option && !argv[i][2])
            literal = true;
        else if (option && strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            j->config = argv[++i];
        else if (option && j->setting && strcmp(argv[i], "--type") == 0 && i + 1 < argc && read_type(j, argv[i + 1]))
            i++;
        else if (option || !read_word(j, argv[i]))
            return cmd_misused(COMMAND, "%s: not understood", argv[i]);
    }
    if (!j->path)
        return cmd_misused(COMMAND, "which PATH?");
    return j->setting && !j->value ? cmd_misused(COMMAND, "which VALUE?") : CMD_OK;
}

static size_t split(char *words, const char *keys[], size_t max)
{
    size_t n = 0;

    for (char *rest = words, *word; (word = strsep(&rest, ".")); n++) {
        if (n == max || !*word)
            return 0;
        keys[n] = word;
    }
    return n;
}

/* connections.NAME.config..., of the n words at w */
static bool is_connection(const char *const *w, size_t n)
{
    return n > 3 && strcmp(w[0], "connections") == 0 && strcmp(w[2], "config") == 0;
}

static bool read_path(struct job *j)
{
    const char *words[MAX_KEYS + 5];
    size_t n, from = 0;

    j->words = pb_strndup(pbay_str(j->path));
    n = split(j->words, words, sizeof words / sizeof *words);
    if (n > 1 && strcmp(words[0], "agent") == 0) {
        from = 1;
    } else if (is_connection(words, n)) {
        j->name = words[1];
        from = 3;
    } else if (n > 2 && strcmp(words[0], "vendor") == 0 && is_connection(words + 2, n - 2)) {
        j->author = words[1];
        j->name = words[3];
        from = 5;
    }
    j->n_keys = n - from;
    if (!from || j->n_keys > MAX_KEYS)
        return false;
    memcpy(j->keys, words + from, j->n_keys * sizeof *j->keys);
    return true;
}

/* ---- the current value ---- */

static const struct pbay_conn_conf *find_connection(const struct job *j)
{
    for (size_t i = 0; i < j->conf->n_connections; i++) {
        const struct pbay_conn_conf *conn = &j->conf->connections[i];

        if (strcmp(conn->name, j->name) == 0 &&
            (!j->author || pbay_str_eq(conn->public_id.author, pbay_str(j->author))))
            return conn;
    }
    return NULL;
}

static int find_current(struct job *j)
{
    const struct pb_yaml_node *node = j->file.edit.docs;

    if (j->name) {
        if (cmd_load(j->config, j->package_path, &j->conf))
            return CMD_USAGE;
        j->conn = find_connection(j);
        if (!j->conn) {
            fprintf(stderr, "%s: there is no connection %s%s%s\n", j->config, j->author ? j->author : "",
                    j->author ? "/" : "", j->name);
            return CMD_USAGE;
        }
        node = j->conn->config_tree;
    }
    for (size_t i = 0; i < j->n_keys && node; i++)
        node = pb_yaml_get(node, j->keys[i]);
    j->current = node;
    return CMD_OK;
}

/* ---- types ---- */

static bool is_int(const char *text)
{
    const char *digits = text + (*text == '-');

    return *digits && digits[strspn(digits, "0123456789")] == 0;
}

static bool is_float(const char *text)
{
    char *end;

    return *text && text[strspn(text, "+-.0123456789eE")] == 0 && isfinite(strtod(text, &end)) && !*end;
}

static bool is_bool(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
}

static enum type looks_like(const char *text)
{
    if (is_bool(text))
        return BOOL;
    if (is_int(text))
        return INT;
    return is_float(text) ? FLOAT : STR;
}

static enum type type_of(const struct pb_yaml_node *node)
{
    if (node->kind != PB_YAML_SCALAR)
        return node->kind == PB_YAML_SEQUENCE ? LIST : DICT;
    if (pb_yaml_is_null(node))
        return NONE;
    return node->plain ? looks_like(node->text) : STR;
}

/* One line of YAML for a list or dict, which JSON is; NULL = it is none. */
static const char *collection(struct job *j, enum type type)
{
    struct pb_yaml_node *docs = NULL;
    const char *v = j->value;
    char open = type == LIST ? '[' : '{';

    if (v[0] != open || strchr(v, '\n') || pb_yaml_parse("VALUE", v, strlen(v), &j->arena, &docs, &j->error))
        return NULL;
    return docs && docs->flow && !docs->next && docs->to == strlen(v) ? v : NULL;
}

/* VALUE as YAML; NULL = it is not of the type. */
static const char *format(struct job *j, enum type type)
{
    const char *v = j->value;

    switch (type) {
    case INT:
        return is_int(v) ? v : NULL;
    case FLOAT:
        return is_float(v) ? v : NULL;
    case BOOL:
        return !is_bool(v) ? NULL : tolower((unsigned char)*v) == 't' ? "true" : "false";
    case LIST:
    case DICT:
        return collection(j, type);
    case NONE:
        return "null";
    default:
        return yaml_edit_quote(&j->arena, v);
    }
}

/* ---- get ---- */

static json_t *to_json(const struct pb_yaml_node *node)
{
    enum type type = type_of(node);
    json_t *made;

    if (type == NONE)
        return json_null();
    if (type == BOOL)
        return json_boolean(strcasecmp(node->text, "true") == 0);
    if (type == INT || type == FLOAT) {
        made = json_loads(node->text, JSON_DECODE_ANY, NULL); /* what JSON has no number for stays a text */
        return made ? made : json_string(node->text);
    }
    if (type == STR)
        return json_string(node->text);
    made = type == LIST ? json_array() : json_object();
    for (const struct pb_yaml_node *child = node->child; child; child = child->next) {
        if (type == LIST)
            json_array_append_new(made, to_json(child)); /* as deep as PBAY_MAX_CONF_DEPTH */
        else
            json_object_set_new(made, child->key, to_json(child));
    }
    return made;
}

static int get(const struct job *j)
{
    enum type type = j->current ? type_of(j->current) : UNKNOWN;
    json_t *root;

    if (type == UNKNOWN) {
        fprintf(stderr, "%s: %s is not set\n", j->config, j->path);
        return CMD_FAILED;
    }
    if (type != LIST && type != DICT) {
        puts(type == NONE ? "null" : j->current->text);
        return CMD_OK;
    }
    root = to_json(j->current);
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
    return CMD_OK;
}

/* ---- set ---- */

/* A document behind the others, for a connection that has none. */
static bool add_document(struct job *j, const char *text)
{
    const char *lines = pb_arena_printf(&j->arena, "public_id: %s\ntype: connection\nconfig:", j->conn->public_id_text);

    for (size_t i = 0; i < j->n_keys; i++)
        lines = pb_arena_printf(&j->arena, "%s\n%*s%s:", lines, (int)(2 * (i + 1)), "",
                                yaml_edit_quote(&j->arena, j->keys[i]));
    return yaml_edit_document(&j->file.edit, pb_arena_printf(&j->arena, "%s %s\n", lines, text));
}

static bool write_value(struct job *j, const char *text)
{
    const char *keys[MAX_KEYS + 1] = {"config"};
    const struct pb_yaml_node *over;

    if (!j->conn)
        return yaml_edit_set(&j->file.edit, j->file.edit.docs, j->keys, j->n_keys, text);
    over = agent_file_override(j->file.edit.docs, &j->conn->public_id);
    if (!over)
        return add_document(j, text);
    memcpy(keys + 1, j->keys, j->n_keys * sizeof *keys);
    return yaml_edit_set(&j->file.edit, over, keys, j->n_keys + 1, text);
}

static int set(struct job *j)
{
    enum type type = j->type;
    const char *text;
    int status;

    if (type == UNKNOWN)
        type = j->current ? type_of(j->current) : NONE;
    if (j->type == UNKNOWN && type == NONE)
        type = looks_like(j->value);
    text = format(j, type);
    if (!text)
        return cmd_misused(COMMAND, "%s: expected a value of type %s, found '%s'", j->path, type_names[type], j->value);
    if (!write_value(j, text)) {
        fprintf(stderr, "%s\n", j->file.edit.error.text);
        return CMD_USAGE;
    }
    status = agent_file_save(&j->file, j->package_path);
    return status ? status : cmd_tell_running(j->config, j->package_path);
}

static int run(struct job *j)
{
    int status;

    if (!read_path(j))
        return cmd_misused(COMMAND, "%s: expected " VALUE_IS_AT, j->path);
    j->package_path = cmd_package_path(NULL);
    status = agent_file_open(&j->file, j->config);
    if (!status)
        status = find_current(j);
    if (status)
        return status;
    return j->setting ? set(j) : get(j);
}

int cmd_config(int argc, char **argv)
{
    struct job j = {.config = "agent.yaml", .type = UNKNOWN, .file = {.folder = -1}};
    int status = read_arguments(&j, argc, argv);

    if (!status)
        status = run(&j);
    agent_file_close(&j.file);
    pbay_agent_conf_destroy(&j.conf);
    pb_arena_fini(&j.arena);
    free(j.package_path);
    free(j.words);
    return status;
}
