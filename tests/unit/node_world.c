#include "node_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void world_config(const struct world *w, const char *class_name, const char *config)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/connection.yaml", w->dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(
        f,
        "name: package\nauthor: tester\nversion: 0.1.0\ntype: connection\ndescription: a test\nlicense: Apache-2.0\n"
        "aea_version: '>=2.0.0, <3.0.0'\nfingerprint: {}\nfingerprint_ignore_patterns: []\nconnections: []\n"
        "protocols: []\nclass_name: %s\nconfig:\n  %s\nexcluded_protocols: []\nrestricted_to_protocols: []\n"
        "dependencies: {}\nis_abstract: false\n",
        class_name, config);
    fclose(f);
}

int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    fake_open(&w->broker);
    snprintf(w->root, sizeof w->root, "/tmp/pbay-package-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    snprintf(w->dir, sizeof w->dir, "%s/package", w->root);
    assert_int_equal(mkdir(w->dir, 0755), 0);
    world_config(w, "PackageConnection", "shy: false");
    return 0;
}

static void child(const struct world *w, int in, int out, int gate)
{
    dup2(in, 0);
    dup2(out, 1);
    dup2(gate, 10);
    dup2(10, WORLD_GATE);
    setenv("PATCHBAY_ENDPOINT", w->broker.endpoint, 1);
    setenv("PATCHBAY_CONNECTION_DIR", w->dir, 1);
    setenv("PATCHBAY_AGENT", "alice", 1);
    execl("/proc/self/exe", "node_conn", "connection", (char *)NULL);
    _exit(127);
}

void world_start(struct world *w)
{
    int in[2], out[2], gate[2];

    assert_int_equal(pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(gate, O_CLOEXEC), 0);
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0)
        child(w, in[0], out[1], gate[0]);
    close(in[0]);
    close(out[1]);
    close(gate[0]);
    w->in = in[1];
    w->gate = gate[1];
    w->out = fdopen(out[0], "r");
}

int world_end_status(struct world *w)
{
    int status = 0;

    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    w->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int world_teardown(void **state)
{
    struct world *w = *state;
    char path[128];

    if (w->pid > 0) {
        kill(w->pid, SIGKILL);
        waitpid(w->pid, NULL, 0);
    }
    if (w->out) {
        fclose(w->out);
        close(w->in);
        close(w->gate);
    }
    snprintf(path, sizeof path, "%s/connection.yaml", w->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/agent.yaml", w->root);
    unlink(path);
    rmdir(w->dir);
    rmdir(w->root);
    fake_close(&w->broker);
    free(w);
    return 0;
}

struct pb_frame world_state(struct world *w, enum pb_node_state state)
{
    struct pb_frame f;

    do {
        f = fake_expect(&w->broker, PB_STATE);
    } while (f.state != state);
    return f;
}

int world_setup_connected(void **state)
{
    struct world *w;

    world_setup(state);
    w = *state;
    world_start(w);
    fake_attach(&w->broker);
    world_state(w, PB_ST_CONNECTED);
    return 0;
}

void world_say(struct world *w, const char *line)
{
    assert_int_equal(write(w->in, line, strlen(line)), (ssize_t)strlen(line));
}

void world_assert_line(struct world *w, const char *line)
{
    char found[64];

    assert_non_null(fgets(found, sizeof found, w->out));
    assert_string_equal(found, line);
}

/* Start with an agent.yaml whose override says `config`. */
void world_start_with_agent(struct world *w, const char *config)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/agent.yaml", w->root);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "agent_name: alice\nconnections:\n- tester/package:0.1.0\n---\npublic_id: tester/package:0.1.0\n"
            "type: connection\nconfig:\n  %s\n",
            config);
    fclose(f);
    setenv("PATCHBAY_AGENT_FILE", path, 1);
    setenv("PATCHBAY_PACKAGE_PATH", w->root, 1);
    world_start(w);
    unsetenv("PATCHBAY_AGENT_FILE");
    unsetenv("PATCHBAY_PACKAGE_PATH");
}
