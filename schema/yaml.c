#include "schema/yaml_tree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

/* A collection whose end has not been seen yet. */
struct open_node {
    struct pb_yaml_node *node, *last;
    const char *key; /* mapping: a key that waits for its value */
    int key_line;
    size_t key_from, key_to;
};

struct builder {
    const char *name;
    struct pb_arena *arena;
    struct pbay_conf_error *error;
    struct pb_yaml_node *docs, *last_doc;
    struct open_node open[PBAY_MAX_CONF_DEPTH];
    size_t depth, nodes;
};

static int line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

static bool plain_only(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        return pb_conf_error(b->error, b->name, line_of(event), "anchors are not allowed here");
    if (tag)
        return pb_conf_error(b->error, b->name, line_of(event), "tags are not allowed here");
    return true;
}

static bool count_node(struct builder *b, const yaml_event_t *event)
{
    if (++b->nodes > PBAY_MAX_CONF_NODES)
        return pb_conf_error(b->error, b->name, line_of(event), "expected at most %d values in one file",
                             PBAY_MAX_CONF_NODES);
    return true;
}

static struct open_node *top(struct builder *b)
{
    return b->depth ? &b->open[b->depth - 1] : NULL;
}

/* Does the next node stand where a mapping has a key? */
static bool key_is_next(struct builder *b)
{
    return b->depth && top(b)->node->kind == PB_YAML_MAPPING && !top(b)->key;
}

static bool take_key(struct builder *b, const yaml_event_t *event, const char *text)
{
    struct open_node *map = top(b);
    struct pb_yaml_node *other = pb_yaml_get(map->node, text);
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;

    if (!*text)
        return pb_conf_error(b->error, b->name, line_of(event), "expected a key before the colon");
    if (!quoted && strcmp(text, "<<") == 0)
        return pb_conf_error(b->error, b->name, line_of(event), "merge keys are not allowed here");
    if (other)
        return pb_conf_error(b->error, b->name, line_of(event), "%.64s: this key is on line %d already", text,
                             other->at.line);
    map->key = text;
    map->key_line = line_of(event);
    map->key_from = event->start_mark.index;
    map->key_to = event->end_mark.index;
    return true;
}

static struct pb_yaml_node *add_node(struct builder *b, const yaml_event_t *event, enum pb_yaml_kind kind)
{
    struct pb_yaml_node *node = pb_arena_alloc(b->arena, sizeof *node);
    struct open_node *in = top(b);
    struct pb_yaml_node **last = in ? &in->last : &b->last_doc;

    node->kind = kind;
    node->at = (struct pbay_conf_pos){b->name, line_of(event)};
    node->from = event->start_mark.index;
    node->to = event->end_mark.index;
    if (in) {
        node->parent = in->node;
        node->index = in->node->n++;
        node->key = in->key;
        if (in->key) {
            node->at.line = in->key_line;
            node->key_from = in->key_from;
            node->key_to = in->key_to;
        }
        in->key = NULL;
    }
    if (*last)
        (*last)->next = node;
    else if (in)
        in->node->child = node;
    else
        b->docs = node;
    *last = node;
    return node;
}

static bool on_scalar(struct builder *b, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;
    struct pb_yaml_node *node;
    const char *text;

    if (!plain_only(b, event, event->data.scalar.anchor, event->data.scalar.tag) || !count_node(b, event))
        return false;
    if (memchr(value, 0, n))
        return pb_conf_error(b->error, b->name, line_of(event), "a NUL is not allowed here");
    text = pb_arena_str(b->arena, (struct pbay_str){value, n});
    if (key_is_next(b))
        return take_key(b, event, text);
    node = add_node(b, event, PB_YAML_SCALAR);
    node->text = text;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return true;
}

static bool open_collection(struct builder *b, const yaml_event_t *event, enum pb_yaml_kind kind, bool flow)
{
    struct pb_yaml_node *node;

    if (!count_node(b, event))
        return false;
    if (key_is_next(b))
        return pb_conf_error(b->error, b->name, line_of(event), "a key may not be a list or a mapping");
    if (b->depth == PBAY_MAX_CONF_DEPTH)
        return pb_conf_error(b->error, b->name, line_of(event), "nested deeper than %d", PBAY_MAX_CONF_DEPTH);
    node = add_node(b, event, kind);
    node->flow = flow;
    b->open[b->depth++] = (struct open_node){.node = node};
    return true;
}

static bool on_sequence(struct builder *b, const yaml_event_t *event)
{
    return plain_only(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag) &&
           open_collection(b, event, PB_YAML_SEQUENCE, event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
}

static bool on_mapping(struct builder *b, const yaml_event_t *event)
{
    return plain_only(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag) &&
           open_collection(b, event, PB_YAML_MAPPING, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
}

static bool on_end(struct builder *b, const yaml_event_t *event)
{
    assert(b->depth > 0 && !top(b)->key);
    top(b)->node->to = event->end_mark.index;
    b->depth--;
    return true;
}

static bool on_alias(struct builder *b, const yaml_event_t *event)
{
    return pb_conf_error(b->error, b->name, line_of(event), "aliases are not allowed here");
}

static bool on_document(struct builder *b, const yaml_event_t *event)
{
    if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        return pb_conf_error(b->error, b->name, line_of(event), "tags are not allowed here");
    return true;
}

static bool on_nothing(struct builder *b, const yaml_event_t *event)
{
    (void)b;
    (void)event;
    return true;
}

static bool (*const handlers[])(struct builder *, const yaml_event_t *) = {
    [YAML_NO_EVENT] = on_nothing,           [YAML_STREAM_START_EVENT] = on_nothing,
    [YAML_STREAM_END_EVENT] = on_nothing,   [YAML_DOCUMENT_START_EVENT] = on_document,
    [YAML_DOCUMENT_END_EVENT] = on_nothing, [YAML_ALIAS_EVENT] = on_alias,
    [YAML_SCALAR_EVENT] = on_scalar,        [YAML_SEQUENCE_START_EVENT] = on_sequence,
    [YAML_SEQUENCE_END_EVENT] = on_end,     [YAML_MAPPING_START_EVENT] = on_mapping,
    [YAML_MAPPING_END_EVENT] = on_end,
};

/* What libyaml has against the text. Its reader knows an offset only. */
static bool parser_error(const struct builder *b, const yaml_parser_t *parser, const char *data, size_t n)
{
    const char *problem = parser->problem ? parser->problem : "unknown problem";

    if (parser->error == YAML_READER_ERROR) {
        int line = 1;

        for (size_t i = 0; i < n && i < parser->problem_offset; i++)
            line += data[i] == '\n';
        return pb_conf_error(b->error, b->name, line, "expected UTF-8 text: %s", problem);
    }
    return pb_conf_error(b->error, b->name, (int)parser->problem_mark.line + 1, "expected YAML: %s", problem);
}

static bool build(struct builder *b, yaml_parser_t *parser, const char *data, size_t n)
{
    yaml_event_type_t type = YAML_NO_EVENT;
    bool ok = true;

    while (ok && type != YAML_STREAM_END_EVENT) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return parser_error(b, parser, data, n);
        type = event.type;
        assert(type < sizeof handlers / sizeof *handlers);
        ok = handlers[type](b, &event);
        yaml_event_delete(&event);
    }
    return ok;
}

enum pbay_err pb_yaml_parse(const char *name, const char *data, size_t n, struct pb_arena *arena,
                            struct pb_yaml_node **docs, struct pbay_conf_error *error)
{
    struct builder b = {.name = pb_arena_str(arena, pbay_str(name)), .arena = arena, .error = error};
    enum pbay_err err = PBAY_OK;
    yaml_parser_t parser;

    *docs = NULL;
    if (n > PBAY_MAX_CONF_BYTES) {
        pb_conf_error(error, name, 0, "expected at most %d bytes", PBAY_MAX_CONF_BYTES);
        return PBAY_CONFIG;
    }
    if (!yaml_parser_initialize(&parser)) {
        pb_conf_error(error, name, 0, "out of memory");
        return PBAY_NOMEM;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, n);
    if (build(&b, &parser, data, n))
        *docs = b.docs;
    else
        err = parser.error == YAML_MEMORY_ERROR ? PBAY_NOMEM : PBAY_CONFIG;
    yaml_parser_delete(&parser);
    return err;
}

/* The whole file, or one byte more than is allowed. */
static bool read_all(int fd, struct pb_buf *data)
{
    while (data->n <= PBAY_MAX_CONF_BYTES) {
        size_t before = data->n;
        uint8_t *p = pb_buf_grow(data, PBAY_MAX_CONF_BYTES + 1 - before);
        ssize_t n = read(fd, p, PBAY_MAX_CONF_BYTES + 1 - before);

        data->n = before + (n > 0 ? (size_t)n : 0);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
    return true;
}

enum pbay_err pb_yaml_load(const char *path, struct pb_arena *arena, struct pb_yaml_node **docs,
                           struct pbay_conf_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum pbay_err err = PBAY_CONFIG;
    struct pb_buf data = {0};

    *docs = NULL;
    if (fd < 0 || !read_all(fd, &data))
        pb_conf_error(error, path, 0, "cannot be read: %s", strerror(errno));
    else
        err = pb_yaml_parse(path, data.p ? (const char *)data.p : "", data.n, arena, docs, error);
    if (fd >= 0)
        close(fd);
    pb_buf_fini(&data);
    return err;
}
