/* First document of agent.yaml: AEA's keys and Patchbay's mapping `patchbay`. */
#include <string.h>

#include "schema/conf.h"

#define COUNT(table)  (sizeof(table) / sizeof *(table))
#define DOC(member)   offsetof(struct pb_agent_doc, member)
#define AGENT(member) offsetof(struct pbay_agent_conf, member)

const char *const pb_policy_words[] = {[PBAY_POLICY_NONE] = "",
                                       [PBAY_POLICY_JUST_LOG] = "just_log",
                                       [PBAY_POLICY_PROPAGATE] = "propagate",
                                       [PBAY_POLICY_STOP] = "stop_and_exit",
                                       NULL};
static const char *const runtime_words[] = {"async", "threaded", NULL};
static const char *const loop_words[] = {"async", "sync", NULL};
static const char *const task_words[] = {"threaded", "multiprocess", NULL};

static const struct pb_field document_fields[] = {
    {.key = "agent_name", .read = pb_read_name, .offset = DOC(agent_name), .required = true},
    {.key = "connections", .read = pb_read_list, .offset = DOC(connections), .max = PBAY_MAX_CONNECTIONS},
    {.key = "default_connection", .read = pb_read_node, .offset = DOC(default_connection)},
    {.key = "default_routing", .read = pb_read_mapping, .offset = DOC(default_routing)},
    {.key = "data_dir", .read = pb_read_path, .offset = DOC(data_dir)},
    {.key = "private_key_paths", .read = pb_read_mapping, .offset = DOC(private_keys)},
    {.key = "connection_private_key_paths", .read = pb_read_mapping, .offset = DOC(connection_keys)},
    {.key = "connection_exception_policy", .read = pb_read_word, .words = pb_policy_words, .offset = DOC(policy)},
    {.key = "build_entrypoint", .read = pb_read_path, .offset = DOC(build_entrypoint)},
    {.key = "build_directory", .read = pb_read_path, .offset = DOC(build_directory)},
    {.key = "patchbay", .read = pb_read_mapping, .offset = DOC(patchbay)},
    /* Keys that AEA's files carry and that mean nothing to a multiplexer: accepted when well-typed. */
    {.key = "author", .read = pb_check_text},
    {.key = "version", .read = pb_check_text},
    {.key = "license", .read = pb_check_text},
    {.key = "description", .read = pb_check_text},
    {.key = "aea_version", .read = pb_check_text},
    {.key = "fingerprint", .read = pb_check_text_mapping},
    {.key = "fingerprint_ignore_patterns", .read = pb_check_texts, .max = PBAY_MAX_RULES},
    {.key = "contracts", .read = pb_check_ids, .max = PBAY_MAX_RULES},
    {.key = "protocols", .read = pb_check_ids, .max = PBAY_MAX_RULES},
    {.key = "skills", .read = pb_check_ids, .max = PBAY_MAX_RULES},
    {.key = "registry_path", .read = pb_check_text},
    {.key = "dependencies", .read = pb_check_mapping_mapping},
    /* Of the agent's own process, which reads them itself: checked as AEA does. */
    {.key = "skill_exception_policy", .read = pb_check_word, .words = pb_policy_words},
    {.key = "runtime_mode", .read = pb_check_word, .words = runtime_words},
    {.key = "loop_mode", .read = pb_check_word, .words = loop_words},
    {.key = "task_manager_mode", .read = pb_check_word, .words = task_words},
    {.key = "period", .read = pb_check_number},
    {.key = "execution_timeout", .read = pb_check_number},
    {.key = "max_reactions", .read = pb_check_number},
    {.key = "default_ledger", .read = pb_check_text_or_null},
    {.key = "required_ledgers", .read = pb_check_texts, .max = PBAY_MAX_RULES},
    {.key = "currency_denominations", .read = pb_check_text_mapping},
    {.key = "logging_config", .read = pb_check_mapping},
    {.key = "storage_uri", .read = pb_check_text_or_null},
    {.key = "error_handler", .read = pb_check_mapping},
    {.key = "decision_maker_handler", .read = pb_check_mapping},
};

#define LIST(name, bound) \
    .key = #name, .read = pb_read_texts, .offset = AGENT(name), .count = AGENT(n_##name), .max = (bound)
#define TIME(name, low, high) \
    .key = #name, .read = pb_read_duration, .offset = AGENT(name##_ms), .min = (low), .max = (high)

static const struct pb_field patchbay_fields[] = {
    {LIST(addresses, PBAY_MAX_ADDRESSES)},
    {LIST(command, PBAY_MAX_ARGUMENTS)},
    {.key = "instances", .read = pb_read_count, .offset = AGENT(instances), .min = 1, .max = PBAY_MAX_INSTANCES},
    {LIST(endpoints, PBAY_MAX_ENDPOINTS)},
    {.key = "run_dir", .read = pb_read_path, .offset = AGENT(run_dir)},
    {.key = "insecure", .read = pb_read_bool, .offset = AGENT(insecure)},
    {.key = "key", .read = pb_read_path, .offset = AGENT(key)},
    {.key = "policy", .read = pb_read_policy},
    {.key = "sandbox", .read = pb_read_bool, .offset = AGENT(sandbox)},
    {.key = "local_delivery", .read = pb_read_bool, .offset = AGENT(local_delivery)},
    {.key = "memory_budget",
     .read = pb_read_size,
     .offset = AGENT(memory_budget),
     .min = UINT64_C(1) << 20,
     .max = UINT64_C(1) << 40},
    {.key = "max_envelope", .read = pb_read_size32, .offset = AGENT(max_envelope), .min = 1 << 10, .max = 64 << 20},
    {TIME(heartbeat, 50, 60000)},
    {TIME(timeout, 100, 600000)},
    {TIME(gone, 200, 3600000)},
    {TIME(hold, 0, 86400000)},
    {TIME(grace, 0, 3600000)},
    {.key = "max_attempts", .read = pb_read_count, .offset = AGENT(max_attempts), .min = 1, .max = 100},
};

/* The first of these keys that is written down: where to blame a contradiction between them. */
static const struct pb_yaml_node *blame(const struct pb_yaml_node *map, const char *first, const char *second)
{
    const struct pb_yaml_node *node = pb_yaml_get(map, first);

    if (!node)
        node = pb_yaml_get(map, second);
    return node ? node : map;
}

static bool check_sizes(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *map,
                        const struct pbay_agent_conf *conf)
{
    if ((uint64_t)conf->max_envelope * 5 <= conf->memory_budget * 2)
        return true;
    return pb_yaml_error(ctx->error, blame(map, "max_envelope", "memory_budget"),
                         "expected max_envelope (%lu bytes) to be at most 0.4 of memory_budget (%llu bytes)",
                         (unsigned long)conf->max_envelope, (unsigned long long)conf->memory_budget);
}

static bool check_times(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *map, struct pbay_agent_conf *conf)
{
    if (conf->timeout_ms < 2 * conf->heartbeat_ms)
        return pb_yaml_error(ctx->error, blame(map, "timeout", "heartbeat"),
                             "expected timeout (%lu ms) to be at least 2 heartbeats (of %lu ms)",
                             (unsigned long)conf->timeout_ms, (unsigned long)conf->heartbeat_ms);
    if (!pb_yaml_get(map, "gone"))
        conf->gone_ms = conf->timeout_ms * 5 / 2;
    if (conf->gone_ms <= 2 * conf->timeout_ms)
        return pb_yaml_error(ctx->error, blame(map, "gone", "timeout"),
                             "expected gone (%lu ms) to be more than 2 timeouts (of %lu ms)",
                             (unsigned long)conf->gone_ms, (unsigned long)conf->timeout_ms);
    return true;
}

static bool check_address(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *list,
                          const struct pb_yaml_node *item, const struct pbay_agent_conf *conf)
{
    struct pbay_pubid id;

    if (strlen(item->text) > PBAY_MAX_ADDRESS)
        return pb_yaml_error(ctx->error, item, "expected at most %d bytes, found %zu", PBAY_MAX_ADDRESS,
                             strlen(item->text));
    if (pbay_pubid_parse(pbay_str(item->text), &id))
        return pb_yaml_expected(ctx->error, item, "an address that is not a public id");
    if (strcmp(item->text, conf->agent_name) == 0)
        return pb_yaml_expected(ctx->error, item, "an address besides agent_name");
    for (const struct pb_yaml_node *other = list->child; other != item; other = other->next) {
        if (strcmp(item->text, other->text) == 0)
            return pb_yaml_error(ctx->error, item, "the same address is on line %d already", other->at.line);
    }
    return true;
}

static bool check_addresses(const struct pb_conf_ctx *ctx, const struct pb_yaml_node *map,
                            const struct pbay_agent_conf *conf)
{
    const struct pb_yaml_node *list = pb_yaml_get(map, "addresses");

    for (const struct pb_yaml_node *item = list ? list->child : NULL; item; item = item->next) {
        if (!check_address(ctx, list, item, conf))
            return false;
    }
    return true;
}

/* A word without a slash is found by PATH, as a shell does it. */
static void complete_command(const struct pb_conf_ctx *ctx, struct pbay_agent_conf *conf)
{
    if (conf->n_command && strchr(conf->command[0], '/'))
        conf->command[0] = pb_conf_path(ctx, conf->command[0]);
}

static void set_defaults(struct pbay_agent_conf *conf)
{
    conf->memory_budget = UINT64_C(256) << 20;
    conf->max_envelope = 1 << 20;
    conf->heartbeat_ms = 1000;
    conf->timeout_ms = 5000;
    conf->hold_ms = 30000;
    conf->grace_ms = 15000;
    conf->max_attempts = 5;
    conf->default_connection = -1;
    conf->instances = 1;
    conf->sandbox = true;
    conf->exception_policy = PBAY_POLICY_JUST_LOG;
}

bool pb_agent_doc_read(const struct pb_conf_ctx *ctx, struct pb_yaml_node *root, struct pb_agent_doc *doc,
                       struct pbay_agent_conf *conf)
{
    const struct pb_yaml_node *map, *at;

    set_defaults(conf);
    if (!pb_conf_fields(ctx, root, document_fields, COUNT(document_fields), doc))
        return false;
    map = doc->patchbay ? doc->patchbay : root;
    conf->agent_name = doc->agent_name;
    conf->build_entrypoint = doc->build_entrypoint;
    conf->build_directory = doc->build_directory;
    if (doc->policy)
        conf->exception_policy = doc->policy;
    conf->data_dir = doc->data_dir ? doc->data_dir : ctx->dir;
    if (!pb_conf_key_paths(ctx, doc->private_keys, &conf->private_keys, &conf->n_private_keys) ||
        !pb_conf_key_paths(ctx, doc->connection_keys, &conf->connection_keys, &conf->n_connection_keys))
        return false;
    if (!pb_conf_substitute(ctx, doc->patchbay))
        return false;
    if (doc->patchbay && !pb_conf_fields(ctx, doc->patchbay, patchbay_fields, COUNT(patchbay_fields), conf))
        return false;
    if (!conf->run_dir)
        conf->run_dir = pb_arena_printf(ctx->arena, "%s/run", strcmp(conf->data_dir, "/") == 0 ? "" : conf->data_dir);
    complete_command(ctx, conf);
    if (!check_sizes(ctx, map, conf) || !check_times(ctx, map, conf) || !check_addresses(ctx, doc->patchbay, conf))
        return false;
    at = pb_yaml_get(doc->patchbay, "run_dir");
    return pb_conf_endpoints(ctx, pb_yaml_get(doc->patchbay, "endpoints"),
                             at ? at : blame(root, "data_dir", "patchbay"), conf);
}
