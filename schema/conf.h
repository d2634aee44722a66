/* Between the files of the configuration loader. A table says, for each key of a mapping, which function reads it and
 * where the value goes; one engine walks it.
 *
 * To add a key: a row in the table of conf_conn.c or conf_agent.c, the member with its comment in pbay_conf.h, a line
 * in tests/config/good and a bad case.
 *
 * Every function that returns bool has filled *ctx->error when it returns false.
 */
#ifndef PB_CONF_H
#define PB_CONF_H

#include "schema/yaml_tree.h"

#define PB_MAX_CONF_PATH 256 /* bytes in the dotted path of a value of config */

struct pb_conf_ctx {
    struct pb_arena *arena; /* of the configuration that is being made */
    struct pbay_conf_error *error;
    const char *dir; /* absolute: relative paths begin here */
};

struct pb_field {
    const char *key;
    bool (*read)(const struct pb_conf_ctx *ctx, struct pb_yaml_node *value, const struct pb_field *field, void *base);
    size_t offset; /* where the value goes, from base */
    size_t count;  /* lists: where the number of entries goes */
    uint64_t min, max;
    bool required;
};

/* Where the value of a field goes. */
static inline void *pb_field_at(void *base, const struct pb_field *field)
{
    return (char *)base + field->offset;
}

/* Read a mapping. A key without a row, or a required one that is absent, is an error; members of absent keys stay as
 * they are. */
bool pb_conf_fields(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, const struct pb_field *fields, size_t n,
                    void *base);

/* Values of pb_field.read. The type of the member stands behind; "checked" functions store nothing. */
#define PB_FIELD_READER(name) \
    bool name(const struct pb_conf_ctx *ctx, struct pb_yaml_node *value, const struct pb_field *field, void *base)
PB_FIELD_READER(pb_read_node);             /* struct pb_yaml_node *, anything */
PB_FIELD_READER(pb_read_list);             /* struct pb_yaml_node *, a list of at most max entries */
PB_FIELD_READER(pb_read_mapping);          /* struct pb_yaml_node * */
PB_FIELD_READER(pb_read_text);             /* const char * */
PB_FIELD_READER(pb_read_name);             /* const char *, letters, digits and _ */
PB_FIELD_READER(pb_read_lower_name);       /* const char *, the same without upper case */
PB_FIELD_READER(pb_read_path);             /* const char *, made absolute */
PB_FIELD_READER(pb_read_bool);             /* bool */
PB_FIELD_READER(pb_read_count);            /* unsigned, min .. max */
PB_FIELD_READER(pb_read_duration);         /* uint32_t, milliseconds, min .. max */
PB_FIELD_READER(pb_read_size);             /* uint64_t, bytes, min .. max */
PB_FIELD_READER(pb_read_size32);           /* uint32_t, bytes, min .. max */
PB_FIELD_READER(pb_read_texts);            /* const char ** and size_t, at most max entries */
PB_FIELD_READER(pb_check_text);            /* checked */
PB_FIELD_READER(pb_check_texts);           /* checked: a list of different texts */
PB_FIELD_READER(pb_check_ids);             /* checked: a list of different public ids */
PB_FIELD_READER(pb_check_text_mapping);    /* checked: texts by name */
PB_FIELD_READER(pb_check_mapping_mapping); /* checked: mappings by name */
PB_FIELD_READER(pb_read_unsupported);      /* always an error: Patchbay has no such function */
PB_FIELD_READER(pb_read_unsupported_list); /* the same, unless it is an empty list */

/* A scalar that is not null, as text; NULL = error. what: "a public id such as acme/thing:1.0.0". */
const char *pb_conf_text(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, const char *what);

/* Letters, digits and _, no digit first? */
bool pb_conf_is_name(const char *text);

/* A public id. */
bool pb_conf_pubid(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *value, struct pbay_pubid *id);

/* path, or dir/path when it is relative; lives in the arena. */
const char *pb_conf_path(const struct pb_conf_ctx *ctx, const char *path);

/* The same, relative to the working directory; NULL = error. */
const char *pb_conf_absolute(const struct pb_conf_ctx *ctx, const char *path);

/* Replace every scalar of the form ${VAR:type:default} in the tree below node; node may be NULL. */
bool pb_conf_substitute(const struct pb_conf_ctx *ctx, struct pb_yaml_node *node);

/* Does a wish - exact version, `any`, `latest` - accept this version of the same package? */
bool pb_conf_accepts(const struct pbay_pubid *wish, const struct pbay_pubid *have);

/* ---- connection.yaml (conf_conn.c) ---- */

/* One connection while it is being loaded. */
struct pb_conn_doc {
    struct pb_conf_ctx ctx; /* dir: of the package */
    struct pbay_conn_conf *conf;
    const char *name, *author, *version, *description, *class_name;
    bool is_abstract;
    struct pb_yaml_node *config, *patchbay, *restricted, *excluded, *cert_requests;
    struct pbay_conf_pos version_at;
    const struct pb_yaml_node *override; /* the document that was laid over it */
};

/* Read dir/connection.yaml into *conf, dir as it shall stand in errors. `config` waits for pb_conn_doc_finish. */
enum pbay_err pb_conn_doc_load(struct pb_conn_doc *doc, const struct pb_conf_ctx *ctx, const char *dir,
                               struct pbay_conn_conf *conf);

/* Lay an override document over it. */
bool pb_conn_doc_override(struct pb_conn_doc *doc, struct pb_yaml_node *override);

/* Substitute and read `config` and `cert_requests`. */
bool pb_conn_doc_finish(struct pb_conn_doc *doc);

/* ---- first document of agent.yaml (conf_agent.c) ---- */

struct pb_agent_doc {
    const char *agent_name, *data_dir;
    struct pb_yaml_node *connections, *default_connection, *default_routing, *patchbay;
    struct pb_yaml_node *private_keys, *connection_keys;
};

/* Read it: what is free of connections goes into conf, the rest into doc. */
bool pb_agent_doc_read(const struct pb_conf_ctx *ctx, struct pb_yaml_node *root, struct pb_agent_doc *doc,
                       struct pbay_agent_conf *conf);

/* ---- certificates (conf_cert.c) ---- */

/* Substitute and read the list `cert_requests`; NULL = there is none. */
bool pb_conf_cert_requests(const struct pb_conf_ctx *ctx, struct pb_yaml_node *list, struct pbay_conn_conf *conf);

/* The same of a mapping from ledger ids to paths. */
bool pb_conf_key_paths(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, struct pbay_key_path **keys, size_t *n);

/* Does the agent have the keys that the requests of this connection need? */
bool pb_conf_cert_keys(const struct pb_conf_ctx *ctx, const struct pbay_agent_conf *agent,
                       const struct pbay_conn_conf *conn);

/* Check and complete conf->endpoints (conf_endpoint.c); at = where to blame when the default one does not fit. */
bool pb_conf_endpoints(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *list, const struct pb_yaml_node *at,
                       struct pbay_agent_conf *conf);

#endif
