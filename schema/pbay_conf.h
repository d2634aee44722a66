/* agent.yaml and connection.yaml, loaded and checked. Every error is one line "file:line: field: what was expected".
 * All strings are NUL-ended, owned by the configuration and live until pbay_agent_conf_destroy /
 * pbay_conn_conf_destroy. */
#ifndef PBAY_CONF_H
#define PBAY_CONF_H

#include "schema/pbay_envelope.h"
#include "schema/pbay_err.h"
#include "schema/pbay_pubid.h"

#define PBAY_MAX_CONF_BYTES    262144 /* of one YAML file */
#define PBAY_MAX_CONF_DEPTH    16     /* nesting */
#define PBAY_MAX_CONF_NODES    10000  /* scalars, sequences and mappings in one file */
#define PBAY_MAX_CONNECTIONS   256    /* of one agent */
#define PBAY_MAX_CERT_REQUESTS 64     /* of one connection */
#define PBAY_MAX_CERT_FORMAT   1024   /* bytes in message_format */
#define PBAY_MAX_PUBLIC_KEY    256    /* bytes of a public key as text */
#define PBAY_MAX_KEY_PATHS     32     /* of one agent, of each kind */
#define PBAY_MAX_RULES         256    /* per restriction list, default_routing */
#define PBAY_MAX_INSTANCES     64     /* of one connection */
#define PBAY_MAX_ADDRESSES     64     /* further addresses of an agent */
#define PBAY_MAX_ENDPOINTS     8      /* of one broker */
#define PBAY_MAX_ARGUMENTS     64     /* in patchbay.command */
#define PBAY_MAX_IPC_PATH      100    /* bytes in the path of an ipc endpoint */

struct pb_yaml_node;

struct pbay_conf_error {
    char text[512]; /* "file:line: field: expected ..." */
};

/* Where a value was written; file is owned by the configuration. */
struct pbay_conf_pos {
    const char *file;
    int line;
};

/* One entry of restricted_to_protocols or excluded_protocols: author/name:version[#operation], operation may be "*". A
 * rule without version is one for "latest", as in AEA. */
struct pbay_rule {
    const char *text;      /* as written, without the operation */
    struct pbay_pubid id;  /* views into text */
    const char *operation; /* NULL = the whole protocol, also when "*" was written */
    struct pbay_conf_pos at;
};

/* A value of `config`: the dotted path of a scalar and its text. No key of config contains a dot itself; an empty list
 * or mapping has no scalar and so no value. */
struct pbay_conf_value {
    const char *path; /* "input_file", "tls.cert", "targets.0" */
    const char *text; /* after ${VAR:type:default} substitution; NULL for YAML null */
    struct pbay_conf_pos at;
};

/* One entry of cert_requests: AEA's request for a certificate. Its dates are signed as they are written. */
struct pbay_cert_request {
    const char *public_key; /* in hexadecimal, as written; NULL = that of key_id */
    const char *key_id;     /* ledger id of a key in connection_private_key_paths; NULL = public_key is given */
    const char *identifier;
    const char *ledger_id; /* whose key in private_key_paths signs */
    const char *not_before, *not_after;
    int64_t valid_from, valid_to; /* the same in seconds since 1970; valid_to is the first one after it */
    const char *message_format;   /* default "{public_key}" */
    const char *save_path;        /* as written; relative to the connection's data directory */
    struct pbay_conf_pos at;
};

/* One entry of `connections` that is not abstract: this connection is started after that one. */
struct pbay_need {
    size_t connection; /* index into the agent's connections */
    struct pbay_conf_pos at;
};

/* One entry of `dependencies`: a library as pkg-config names it, or a Debian package, and AEA's version clauses such as
 * ">=1.2,<2"; "" = any. `patchbay build` looks for it. */
struct pbay_dependency {
    const char *name, *version;
    struct pbay_conf_pos at;
};

/* What follows when `send` has failed; its sender is told in any case. */
enum pbay_policy {
    PBAY_POLICY_NONE,      /* not said: the agent's, else just_log */
    PBAY_POLICY_JUST_LOG,  /* nothing more */
    PBAY_POLICY_PROPAGATE, /* the connection ends with an error, and with it, under `patchbay up`, the agent */
    PBAY_POLICY_STOP       /* stop_and_exit: the same, in order and without an error */
};

/* What the watchdog does about a slot that has not returned for stuck_timeout. */
enum pbay_stuck {
    PBAY_STUCK_WAIT,    /* nothing: the state says it */
    PBAY_STUCK_RESTART, /* ends the process, to be started again */
    PBAY_STUCK_FAIL     /* ends the process, which then counts as failed */
};

/* connection.yaml, with agent.yaml's override document laid over it. */
struct pbay_conn_conf {
    const char *public_id_text; /* author/name:version */
    struct pbay_pubid public_id;
    const char *name; /* simple name; unique in an agent: the node's name */
    const char *class_name;
    const char *description;
    const char *dir; /* absolute: where connection.yaml is */
    bool is_abstract;
    struct pbay_rule *restricted; /* empty = no restriction */
    size_t n_restricted;
    struct pbay_rule *excluded; /* wins over restricted */
    size_t n_excluded;
    struct pbay_conf_value *config; /* in the order of the file; an overridden value takes the place of the original */
    size_t n_config;
    const struct pb_yaml_node *config_tree;  /* the same as it was written, with empty lists (schema/yaml_tree.h) */
    struct pbay_cert_request *cert_requests; /* those of an override document take the place of all of these */
    size_t n_cert_requests;
    struct pbay_need *needs;
    size_t n_needs;
    struct pbay_dependency *dependencies;
    size_t n_dependencies;
    const char *build_entrypoint; /* absolute: a program that `patchbay build` runs; NULL = none */
    const char *build_directory;  /* absolute; NULL = dir/build */
    /* Patchbay's own keys, in a mapping `patchbay` of connection.yaml or of the override document */
    enum pbay_replay replay; /* replay: safe|keyed|never; default safe */
    unsigned instances;      /* instances: 1..64; default 1 */
    const char *executable;  /* executable: a path relative to dir, made absolute; NULL = found by name */
    /* local_delivery: it stands for the delivery between agents of one broker: to be among an agent's connections turns
     * that agent's local_delivery on, and it is given what no such agent has the address for */
    bool local_delivery;
    bool required; /* required: the agent is not started before it is connected; default false */
    /* start_timeout: how long the agent (required) and the connections that need it wait; default 60000, 0 .. 3600000
     */
    uint32_t start_timeout_ms;
    enum pbay_policy exception_policy; /* exception_policy: just_log|propagate|stop_and_exit; default: the agent's */
    enum pbay_stuck on_stuck;          /* on_stuck: wait|restart|fail; default wait */
    uint32_t stuck_timeout_ms;         /* stuck_timeout: default 60000, 1000 .. 86400000 */
    bool sandbox;                      /* sandbox: none but Patchbay's own calls of the kernel; default false */
    struct pbay_conf_pos at;           /* where agent.yaml names it */
};

struct pbay_default_route {
    const char *protocol_text;
    struct pbay_pubid protocol;
    size_t connection; /* index into connections */
    struct pbay_conf_pos at;
};

/* A private key of the agent's: where it is, never what it is. */
struct pbay_key_path {
    const char *ledger_id;
    const char *path; /* absolute; relative ones are so to the directory of agent.yaml */
    struct pbay_conf_pos at;
};

/* A line of .env. */
struct pbay_variable {
    const char *name, *value;
    const struct pbay_variable *next;
};

#define PBAY_MAX_PRINCIPALS     1024 /* in a policy */
#define PBAY_MAX_PRINCIPAL_KEYS 2    /* of one: the old and the new while they change */
#define PBAY_KEY_TEXT           41   /* a CURVE key in Z85, with NUL */

/* One entry of the policy: who has which keys, and what they may be. */
struct pbay_principal {
    const char *name;
    const char *keys[PBAY_MAX_PRINCIPAL_KEYS]; /* public, in Z85 */
    size_t n_keys;
    int64_t expires;          /* seconds since 1970; 0 = never */
    const char *agent;        /* the agent that they belong to */
    bool is_agent;            /* they may be its own process */
    const char **connections; /* and connections of these names */
    size_t n_connections;
    unsigned instances; /* so many processes at once; 0 = as many as there are places */
    const char **to;    /* addresses and public ids that they may write to; none = all */
    size_t n_to;
    struct pbay_pubid *protocols; /* of what they send and receive; none = all */
    size_t n_protocols;
    uint32_t max_envelope; /* bytes of what they send; 0 = the broker's limit */
    struct pbay_conf_pos at;
};

/* Settings of the broker, the mapping `patchbay` of agent.yaml. Times in milliseconds. */
struct pbay_agent_conf {
    const char *file;       /* agent.yaml, absolute */
    const char *agent_name; /* also the agent's address */
    const char **addresses; /* patchbay.addresses: further addresses of this agent */
    size_t n_addresses;
    const char *data_dir; /* data_dir: absolute; default: the directory of agent.yaml */
    const char *run_dir;  /* patchbay.run_dir: absolute; default data_dir/run */
    struct pbay_conn_conf *connections;
    size_t n_connections;
    long default_connection; /* index into connections, -1 = none */
    struct pbay_default_route *default_routing;
    size_t n_default_routing;
    enum pbay_policy exception_policy;     /* connection_exception_policy; default just_log */
    const char *build_entrypoint;          /* as of a connection; relative to the directory of agent.yaml */
    const char *build_directory;           /* default: build, there */
    const struct pbay_variable *variables; /* of .env, which the agent process finds in its environment; NULL = none */
    struct pbay_key_path *private_keys;    /* private_key_paths: they sign for the agent */
    size_t n_private_keys;
    struct pbay_key_path *connection_keys; /* connection_private_key_paths: the connections' own */
    size_t n_connection_keys;
    /* patchbay.command: argv of the agent process; may be empty. A relative [0] with a slash is made absolute from the
     * directory of agent.yaml; a word without one is left to PATH. */
    const char **command;
    size_t n_command;
    unsigned instances; /* patchbay.instances: so many agent processes share one InBox; default 1, 1 .. 64 */
    /* patchbay.endpoints: ipc://PATH, made absolute from the directory of agent.yaml, or tcp://HOST:PORT; default
     * ipc://RUN_DIR/broker.ipc, which is there too when there is a key and no other ipc */
    const char **endpoints;
    size_t n_endpoints;
    bool insecure;                     /* patchbay.insecure: allows tcp beyond loopback without a key; default false */
    const char *key;                   /* patchbay.key: the broker's own key pair, for tcp; absolute; NULL = none */
    struct pbay_principal *principals; /* patchbay.policy: whose keys may attach over tcp; none = nobody */
    size_t n_principals;
    bool sandbox;        /* patchbay.sandbox: of the broker (schema/harden.h); default true */
    bool local_delivery; /* patchbay.local_delivery: envelopes to another agent of this broker; default false */
    /* patchbay.memory_budget: bytes, suffix KiB MiB GiB allowed; default 256 MiB, 1 MiB .. 1 TiB */
    uint64_t memory_budget;
    /* patchbay.max_envelope: likewise; default 1 MiB, 1 KiB .. 64 MiB and at most 0.4 of memory_budget */
    uint32_t max_envelope;
    uint32_t heartbeat_ms; /* patchbay.heartbeat: PING after so much; default 1000, 50 .. 60000 */
    uint32_t timeout_ms;   /* patchbay.timeout: a silent link is down; default 5000, 2 heartbeats .. 600000 */
    /* patchbay.gone: a node without link is dead; default 2.5 timeouts, more than 2 timeouts .. 3600000 */
    uint32_t gone_ms;
    uint32_t hold_ms;      /* patchbay.hold: envelopes wait for an absent destination; default 30000, 0 .. 86400000 */
    uint32_t grace_ms;     /* patchbay.grace: after the broker's start; default 15000, 0 .. 3600000 */
    unsigned max_attempts; /* patchbay.max_attempts: poison; default 5, 1 .. 100 */
};

/* Load agent.yaml and the connection.yaml of every connection it names. ${NAME:type:default} is taken from the
 * environment, else from the file .env beside agent.yaml, or from that which PATCHBAY_ENV_FILE names. Packages are
 * looked for, in this order, in DIR/connections/NAME, DIR/vendor/AUTHOR/connections/NAME (DIR = the directory of
 * agent.yaml), then in each directory of package_path (colon-separated, each holds NAME/connection.yaml; may be NULL);
 * the first that exists must be the one that is meant.
 * On success *conf is to be destroyed by the caller; on failure it is NULL.
 *   PBAY_OK; PBAY_CONFIG, PBAY_NOMEM = *error says why */
enum pbay_err pbay_agent_conf_load(const char *file, const char *package_path, struct pbay_agent_conf **conf,
                                   struct pbay_conf_error *error);
void pbay_agent_conf_destroy(struct pbay_agent_conf **conf);

/* Load one connection.yaml alone, without an agent; abstract packages that it builds on are looked for beside it and in
 * package_path (may be NULL). Returns as above. */
enum pbay_err pbay_conn_conf_load(const char *dir, const char *package_path, struct pbay_conn_conf **conf,
                                  struct pbay_conf_error *error);
void pbay_conn_conf_destroy(struct pbay_conn_conf **conf);

/* The value at a path of config, or NULL. */
const struct pbay_conf_value *pbay_conn_conf_find(const struct pbay_conn_conf *conf, const char *path);

#endif
