/* patchbay-broker: options, configuration, the lock on the run directory. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/guard.h"
#include "broker/loop.h"
#include "schema/buf.h"
#include "schema/harden.h"

#define MAX_AGENTS 64
#define EXIT_CONF  2

#define MAX_ENDPOINTS (PBAY_MAX_ENDPOINTS + 1) /* with the ipc that is there by itself */

#define GUARD_LEAST (UINT64_C(8) << 20) /* bytes of a peer, or of all, beside what envelopes need */

struct broker {
    char **files;
    size_t n;
    struct pbay_agent_conf *agents[MAX_AGENTS], *former[MAX_AGENTS];
    size_t n_former;
    bool self_test;
};

static const char usage[] =
    "usage: patchbay-broker [--self-test] AGENT.YAML...\n"
    "\n"
    "Routes envelopes between the agents of the given files and their connections. Endpoints, times and the memory\n"
    "budget come from the first file, and so does the run directory, which holds broker.lock, admin.sock, events.ipc\n"
    "and by default broker.ipc. PATCHBAY_PACKAGE_PATH: directories that hold NAME/connection.yaml.\n"
    "\n"
    "SIGTERM drains and ends; SIGHUP loads the files again (names, rules, routes; not endpoints).\n"
    "--self-test: say whether what guards it against floods works with this libzmq, and end.\n"
    "Exit: 0 ended as asked, 1 could not start, 2 bad configuration.\n"
    "\n"
    "example: patchbay-broker agent.yaml\n";

static void unload(struct pbay_agent_conf **agents, size_t n)
{
    for (size_t i = 0; i < n; i++)
        pbay_agent_conf_destroy(&agents[i]);
}

static enum pbay_err load(struct broker *b, struct pbay_agent_conf **agents, struct pbay_conf_error *error)
{
    for (size_t i = 0; i < b->n; i++) {
        enum pbay_err err = pbay_agent_conf_load(b->files[i], getenv("PATCHBAY_PACKAGE_PATH"), &agents[i], error);

        for (size_t j = 0; !err && j < i; j++) {
            if (strcmp(agents[i]->agent_name, agents[j]->agent_name) == 0) {
                snprintf(error->text, sizeof error->text,
                         "%s: agent_name: expected a name that no other file has, found \"%s\"", b->files[i],
                         agents[i]->agent_name);
                i++;
                err = PBAY_CONFIG;
            }
        }
        if (err) {
            unload(agents, i);
            return err;
        }
    }
    return PBAY_OK;
}

/* A failed reload keeps the old configuration. */
static bool reload(void *arg, const struct pbay_agent_conf *const **agents, size_t *n)
{
    struct broker *b = arg;
    struct pbay_agent_conf *fresh[MAX_AGENTS] = {NULL};
    struct pbay_conf_error error;

    if (load(b, fresh, &error)) {
        fprintf(stderr, "patchbay-broker: %s (kept the former configuration)\n", error.text);
        return false;
    }
    unload(b->former, b->n_former);
    memcpy(b->former, b->agents, sizeof b->former);
    b->n_former = b->n;
    memcpy(b->agents, fresh, sizeof b->agents);
    *agents = (const struct pbay_agent_conf *const *)b->agents;
    *n = b->n;
    fprintf(stderr, "patchbay-broker: configuration loaded again\n");
    return true;
}

static bool make_dirs(const char *path)
{
    char part[4096];
    size_t n = strlen(path);

    if (n >= sizeof part)
        return false;
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

/* One broker for a run directory. The lock goes with the process, however it ends. */
static bool lock(const char *run_dir)
{
    char path[4200];
    int fd;

    if (!make_dirs(run_dir)) {
        fprintf(stderr, "patchbay-broker: cannot make %s: %s\n", run_dir, strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "%s/broker.lock", run_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    fprintf(stderr, "patchbay-broker: %s: %s\n", path, fd < 0 ? strerror(errno) : "another broker runs here");
    return false;
}

static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Credit keeps a peer that obeys far below (SPEC 6.6). */
static void start_guard(const struct pbay_agent_conf *conf)
{
    const struct pb_guard_limits limits = {.each = GUARD_LEAST + 2 * (uint64_t)conf->max_envelope,
                                           .all = GUARD_LEAST + conf->memory_budget};

    pb_guard_start(&limits);
}

/* It writes in its run directory, where its endpoints are, and a capture. It may read whatever its user may: a policy
 * or a package that SIGHUP brings can be anywhere. */
static void enter_sandbox(const struct pbay_agent_conf *conf)
{
    struct pb_sandbox sandbox = {.who = "patchbay-broker", .folders = {conf->run_dir}, .n_folders = 1};
    const char *capture = getenv("PATCHBAY_CAPTURE");
    char paths[MAX_ENDPOINTS][PBAY_MAX_IPC_PATH + 1];

    if (conf->key)
        pb_harden_secrets();
    if (!conf->sandbox)
        return;
    if (capture && *capture)
        sandbox.folders[sandbox.n_folders++] = capture;
    assert(conf->n_endpoints <= MAX_ENDPOINTS);
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (strncmp(conf->endpoints[i], "ipc://", 6) != 0)
            continue;
        (void)snprintf(paths[i], sizeof paths[i], "%s", conf->endpoints[i] + 6);
        sandbox.folders[sandbox.n_folders++] = dirname(paths[i]);
    }
    pb_harden_enter(&sandbox);
}

_Static_assert(MAX_ENDPOINTS + 2 <= PB_HARDEN_FOLDERS, "a folder for each, the run directory, the capture's");

static int self_test(const char *run_dir)
{
    void *context = zmq_ctx_new();
    char why[200];
    bool good = pb_guard_self_test(context, run_dir, why);

    zmq_ctx_term(context);
    printf("accept4 and recv are guarded: %s\n", good ? "yes" : why);
    return good ? 0 : 1;
}

static int serve(struct broker *b)
{
    const struct pbay_agent_conf *const *agents = (const struct pbay_agent_conf *const *)b->agents;
    struct pb_loop_hooks hooks = {b, reload};
    struct pbay_conf_error error;
    struct pb_admin *admin = NULL;
    struct pb_core *core = NULL;
    struct pb_loop *loop = NULL;
    uint32_t left;
    int rc = 1;

    if (pb_loop_open(b->agents[0], &loop, &error) || pb_admin_open(b->agents[0]->run_dir, &admin, &error)) {
        fprintf(stderr, "patchbay-broker: %s\n", error.text);
        goto out;
    }
    core = pb_core_new(pb_loop_now(), pb_loop_random(), agents, b->n);
    fprintf(stderr, "patchbay-broker: ready at %s\n", b->agents[0]->endpoints[0]);
    left = pb_loop_run(loop, core, admin, &hooks);
    fprintf(stderr, "patchbay-broker: drained, %u envelopes left\n", left);
    rc = 0;
out:
    pb_core_destroy(&core);
    pb_admin_close(&admin);
    pb_loop_close(&loop);
    return rc;
}

/* false = *rc is the exit status */
static bool parse(struct broker *b, int argc, char **argv, int *rc)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"self-test", no_argument, NULL, 't'},
                                            {0}};
    int c;

    *rc = 0;
    while ((c = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return false;
        } else if (c == 'V') {
            puts("patchbay-broker " PATCHBAY_VERSION);
            return false;
        } else if (c == 't') {
            b->self_test = true;
        } else {
            *rc = EXIT_CONF;
            return false;
        }
    }
    b->files = argv + optind;
    b->n = (size_t)(argc - optind);
    if (b->n > 0 && b->n <= MAX_AGENTS)
        return true;
    fputs(usage, stderr);
    *rc = EXIT_CONF;
    return false;
}

int main(int argc, char **argv)
{
    static struct broker b;
    struct pbay_conf_error error;
    int rc;

    if (!parse(&b, argc, argv, &rc))
        return rc;
    if (load(&b, b.agents, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_CONF;
    }
    if (lock(b.agents[0]->run_dir)) {
        block_signals();
        start_guard(b.agents[0]);
        enter_sandbox(b.agents[0]);
        rc = b.self_test ? self_test(b.agents[0]->run_dir) : serve(&b);
    } else {
        rc = 1;
    }
    unload(b.agents, b.n);
    unload(b.former, b.n_former);
    return rc;
}
