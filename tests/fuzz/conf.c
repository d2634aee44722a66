/* Any bytes as agent.yaml and as connection.yaml, through the whole loader: a configuration, or one line of error that
 * names a file. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/pbay_conf.h"

static struct place {
    char dir[64], agent[96], package[96], connection[128];
} at; /* where the files are, from the first call on */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert(fd >= 0);
    assert(write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static const char package[] = "name: c\nauthor: t\nversion: 1.0.0\ntype: connection\nclass_name: C\nprotocols: []\n"
                              "connections: []\nconfig: {a: 1, b: {c: x}}\nexcluded_protocols: []\n"
                              "restricted_to_protocols: []\nis_abstract: false\n";

static void forget(void)
{
    unlink(at.connection);
    unlink(at.agent);
    rmdir(at.package);
    rmdir(at.dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    snprintf(at.dir, sizeof at.dir, "/dev/shm/pbay-fuzz-XXXXXX");
    if (!mkdtemp(at.dir))
        abort();
    snprintf(at.agent, sizeof at.agent, "%s/agent.yaml", at.dir);
    snprintf(at.package, sizeof at.package, "%s/c", at.dir);
    snprintf(at.connection, sizeof at.connection, "%s/connection.yaml", at.package);
    if (mkdir(at.package, 0700))
        abort();
    atexit(forget);
    return 0;
}

static void check(enum pbay_err err, const void *conf, const struct pbay_conf_error *error)
{
    assert(!err == (conf != NULL));
    assert(!err || error->text[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pbay_agent_conf *agent = NULL;
    struct pbay_conn_conf *conn = NULL;
    struct pbay_conf_error error = {{0}};

    put(at.connection, data, n);
    check(pbay_conn_conf_load(at.package, NULL, &conn, &error), conn, &error);
    put(at.connection, package, sizeof package - 1);
    put(at.agent, data, n);
    check(pbay_agent_conf_load(at.agent, at.dir, &agent, &error), agent, &error);
    pbay_agent_conf_destroy(&agent);
    pbay_conn_conf_destroy(&conn);
    return 0;
}
