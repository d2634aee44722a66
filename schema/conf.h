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
    const char *dir;                 /* absolute: relative paths begin here */
    const struct pbay_variable *env; /* for ${...}: after the environment; NULL = none */
};

struct pb_field {
    const char *key;
    bool (*read)(const struct pb_conf_ctx *ctx, struct pb_yaml_node *value, const struct pb_field *field, void *base);
    size_t offset; /* where the value goes, from base */
    size_t count;  /* lists: where the number of entries goes */
    uint64_t min, max;
    const char *const *words; /* pb_read_word, pb_check_word: by their number; ends with NULL */
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
PB_FIELD_READER(pb_read_word);             /* an enum: the number of one of words */
PB_FIELD_READER(pb_read_ids);              /* struct pb_yaml_node *, a list of different public ids */
PB_FIELD_READER(pb_read_policy);           /* a file: the principals of struct pbay_agent_conf (conf_policy.c) */
PB_FIELD_READER(pb_check_word);            /* checked */
PB_FIELD_READER(pb_check_number);          /* checked: a number that is not negative */
PB_FIELD_READER(pb_check_mapping);         /* checked */
PB_FIELD_READER(pb_check_text);            /* checked */
PB_FIELD_READER(pb_check_text_or_null);    /* checked */
PB_FIELD_READER(pb_check_texts);           /* checked: a list of different texts */
PB_FIELD_READER(pb_check_ids);             /* checked: a list of different public ids */
PB_FIELD_READER(pb_check_text_mapping);    /* checked: texts by name */
PB_FIELD_READER(pb_check_mapping_mapping); /* checked: mappings by name */

/* Words of enum pbay_policy, from 1 on. */
extern const char *const pb_policy_words[];

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

/* Read the file .env in dir ("" or with its slash), if there is one, or that which PATCHBAY_ENV_FILE names, into
 * ctx->env (conf_dotenv.c). */
bool pb_conf_dotenv(struct pb_conf_ctx *ctx, const char *dir);

/* What .env says of a variable; NULL = nothing. */
const char *pb_dotenv_get(const struct pbay_variable *env, const char *name);

/* ---- where things are (conf_find.c) ---- */

struct pb_conf_places {
    const char *agent_dir;    /* as it shall stand in errors, with its slash, or ""; NULL = there is no agent */
    const char *package_dir;  /* of the package that names something; without an agent its neighbours are looked at */
    const char *package_path; /* may be NULL */
};

/* The folder of a package, or NULL with an error that says where it was looked for. */
const char *pb_conf_find_package(const struct pb_conf_ctx *ctx, const struct pb_conf_places *places,
                                 const struct pb_yaml_node *item, const struct pbay_pubid *id);

/* Is the protocol that item names shipped, or in a file? */
bool pb_conf_find_protocol(const struct pb_conf_ctx *ctx, const struct pb_conf_places *places,
                           const struct pb_yaml_node *item);

/* ---- config of a connection (conf_config.c) ---- */

/* Add the values of base that map does not have. */
bool pb_conf_inherit(const struct pb_conf_ctx *ctx, struct pb_yaml_node *map, const struct pb_yaml_node *base);

/* Values of over take the place of those of base. The path of both is the same, so that errors name the right field. */
bool pb_conf_lay_over(const struct pb_conf_ctx *ctx, struct pb_yaml_node *base, const struct pb_yaml_node *over);

/* Substitute, then make conf->config of it. */
bool pb_conf_config(const struct pb_conf_ctx *ctx, struct pb_yaml_node *config, struct pbay_conn_conf *conf);

/* ---- connection.yaml (conf_conn.c) ---- */

/* One connection while it is being loaded. */
struct pb_conn_doc {
    struct pb_conf_ctx ctx; /* dir: of the package */
    struct pbay_conn_conf *conf;
    const char *given_dir; /* the same as the caller wrote it */
    const char *name, *author, *version, *description, *class_name, *build_entrypoint, *build_directory;
    struct pb_yaml_node *config, *patchbay, *restricted, *excluded, *cert_requests, *connections, *protocols;
    struct pbay_conf_pos version_at;
    const struct pb_yaml_node *override; /* the document that was laid over it */
    bool is_abstract;                    /* as the package says; an override may change conf->is_abstract */
    bool is_base;                        /* another builds on it */
    bool resolved;                       /* its bases and needs are known */
};

/* Read dir/connection.yaml into *conf, dir as it shall stand in errors. `config` waits for pb_conn_doc_finish. */
enum pbay_err pb_conn_doc_load(struct pb_conn_doc *doc, const struct pb_conf_ctx *ctx, const char *dir,
                               struct pbay_conn_conf *conf);

/* Lay an override document over it. */
bool pb_conn_doc_override(struct pb_conn_doc *doc, struct pb_yaml_node *override);

/* Look for its protocols; substitute and read `config` and `cert_requests`. */
bool pb_conn_doc_finish(struct pb_conn_doc *doc, const struct pb_conf_places *places);

/* ---- bases and needs (conf_base.c) ---- */

struct pb_bases {
    const struct pb_conf_ctx *ctx;
    const struct pb_conf_places *places;
    struct pb_conn_doc *packages; /* of the agent; NULL = there is no agent */
    size_t n;
};

/* Inherit from those of doc->connections that are abstract; the others become conf->needs, numbered as in packages. */
bool pb_conn_doc_bases(struct pb_conn_doc *doc, const struct pb_bases *bases);

/* Is the package one that item asks for? */
bool pb_conn_doc_check_wish(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *item,
                            const struct pbay_pubid *wish, const struct pb_conn_doc *package);

/* No connection needs itself, however far round. */
bool pb_conf_check_needs(const struct pb_conf_ctx *ctx, const struct pbay_agent_conf *conf);

/* ---- first document of agent.yaml (conf_agent.c) ---- */

struct pb_agent_doc {
    const char *agent_name, *data_dir, *build_entrypoint, *build_directory;
    enum pbay_policy policy;
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
