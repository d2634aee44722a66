/* The connection runtime: this program started again as a connection process, against a broker that the test plays.
 *
 * The package below does with an envelope what its message says: "ok", "early" (settled before send returns PENDING),
 * "never" (PENDING for ever), "pending" (settled by another thread), "again" (once), "fail", "block" (until the test
 * writes a byte to descriptor 3). Each line on standard input is an envelope to the agent; how it ended is a line on
 * standard output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/pbay_conn.h"
#include "node_fake.h"

#define GATE 3 /* the child's descriptor that "block" reads */

/* ---- the package ---- */

struct package {
    struct pbay_link *link;
    unsigned connects, agains;
    uint64_t pending;
    pthread_t thread;
    bool has_thread;
    char line[256];
    size_t n;
};

static enum pbay_err package_connect(void *self, struct pbay_link *link)
{
    struct package *p = self;

    p->link = link;
    if (pbay_link_config_bool(link, "shy", false) && p->connects++ == 0)
        return pbay_link_fail(link, PBAY_IO, "not at the first attempt");
    if (pbay_link_config_int(link, "tick", 0))
        pbay_link_timer(link, (int)pbay_link_config_int(link, "tick", 0));
    return PBAY_OK;
}

static void package_disconnect(void *self)
{
    struct package *p = self;

    if (p->has_thread)
        pthread_join(p->thread, NULL);
    p->has_thread = false;
}

static void *settle(void *self)
{
    struct package *p = self;

    while (pbay_link_settle(p->link, p->pending, PBAY_OK))
        ;
    return NULL;
}

static void wait_at_gate(void)
{
    struct pollfd gate = {.fd = GATE, .events = POLLIN};
    char c;

    while (poll(&gate, 1, -1) != 1) /* a signal ends the poll, not the wait */
        ;
    assert_int_equal(read(GATE, &c, 1), 1);
}

static enum pbay_err package_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct package *p = self;

    if (pbay_str_eq(e->message, pbay_str("pending"))) {
        p->pending = tag;
        p->has_thread = pthread_create(&p->thread, NULL, settle, p) == 0;
        return PBAY_PENDING;
    }
    if (pbay_str_eq(e->message, pbay_str("early")))
        assert_int_equal(pbay_link_settle(p->link, tag, PBAY_OK), PBAY_OK);
    if (pbay_str_eq(e->message, pbay_str("early")) || pbay_str_eq(e->message, pbay_str("never")))
        return PBAY_PENDING;
    if (pbay_str_eq(e->message, pbay_str("again")) && p->agains++ == 0)
        return PBAY_AGAIN;
    if (pbay_str_eq(e->message, pbay_str("block")))
        wait_at_gate();
    if (pbay_str_eq(e->message, pbay_str("fail")))
        return pbay_link_fail(p->link, PBAY_IO, "no such luck");
    return PBAY_OK;
}

static enum pbay_err package_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct package *p = self;
    struct pollfd in = {.fd = 0, .events = POLLIN};

    p->n = 0;
    while (poll(&in, 1, 0) == 1 && p->n < sizeof p->line && read(0, p->line + p->n, 1) == 1) {
        if (p->line[p->n++] == '\n')
            break;
    }
    if (p->n == 0)
        return PBAY_AGAIN;
    p->n--;
    if (p->n == 3 && memcmp(p->line, "die", 3) == 0)
        return pbay_link_fail(p->link, PBAY_IO, "the outside world is gone");
    *tag = (uint64_t)p->line[0];
    e->to = pbay_str(p->line[0] == '!' ? "" : pbay_link_agent(p->link));
    e->sender = pbay_str("outside");
    e->protocol_id = pbay_str("fetchai/default:1.0.0");
    e->message = (struct pbay_str){p->line, p->n};
    return PBAY_OK;
}

static void package_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    (void)self;
    printf("%c %s\n", (char)tag, pbay_err_name(err));
    fflush(stdout);
}

static int package_fd(void *self)
{
    (void)self;
    return 0;
}

static void package_timer(void *self)
{
    (void)self;
    printf("tick\n");
    fflush(stdout);
}

static const struct pbay_conn_ops ops = {.class_name = "PackageConnection",
                                         .state_size = sizeof(struct package),
                                         .connect = package_connect,
                                         .disconnect = package_disconnect,
                                         .send = package_send,
                                         .receive = package_receive,
                                         .outcome = package_outcome,
                                         .fd = package_fd,
                                         .timer = package_timer};

/* ---- the test's side ---- */

struct world {
    struct fake broker;
    char root[64], dir[80]; /* dir, the package's folder, is in root */
    pid_t pid;
    int in, gate;
    FILE *out;
};

static void write_config(const struct world *w, const char *class_name, const char *config)
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

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    fake_open(&w->broker);
    snprintf(w->root, sizeof w->root, "/tmp/pbay-package-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    snprintf(w->dir, sizeof w->dir, "%s/package", w->root);
    assert_int_equal(mkdir(w->dir, 0755), 0);
    write_config(w, "PackageConnection", "shy: false");
    return 0;
}

static void child(const struct world *w, int in, int out, int gate)
{
    dup2(in, 0);
    dup2(out, 1);
    dup2(gate, 10);
    dup2(10, GATE);
    setenv("PATCHBAY_ENDPOINT", w->broker.endpoint, 1);
    setenv("PATCHBAY_CONNECTION_DIR", w->dir, 1);
    setenv("PATCHBAY_AGENT", "alice", 1);
    execl("/proc/self/exe", "node_conn", "connection", (char *)NULL);
    _exit(127);
}

static void start(struct world *w)
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

static int end_status(struct world *w)
{
    int status = 0;

    assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
    w->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int teardown(void **state)
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

#define assert_str(s, text) assert_true(pbay_str_eq(s, pbay_str(text)))

static struct pb_frame state_of(struct world *w, enum pb_node_state state)
{
    struct pb_frame f;

    do {
        f = fake_expect(&w->broker, PB_STATE);
    } while (f.state != state);
    return f;
}

static int setup_connected(void **state)
{
    struct world *w;

    setup(state);
    w = *state;
    start(w);
    fake_attach(&w->broker);
    state_of(w, PB_ST_CONNECTED);
    return 0;
}

static void say_line(struct world *w, const char *line)
{
    assert_int_equal(write(w->in, line, strlen(line)), (ssize_t)strlen(line));
}

static void assert_line(struct world *w, const char *line)
{
    char found[64];

    assert_non_null(fgets(found, sizeof found, w->out));
    assert_string_equal(found, line);
}

/* ---- tests ---- */

static void test_hello(void **state)
{
    struct world *w = *state;
    struct pb_frame hello;

    start(w);
    hello = fake_expect(&w->broker, PB_HELLO);
    assert_int_equal(hello.role, PB_CONNECTION);
    assert_str(hello.agent, "alice");
    assert_str(hello.name, "package");
    assert_str(hello.instance, "0");
    assert_str(hello.public_id, "tester/package:0.1.0");
}

static void test_retry(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    write_config(w, "PackageConnection", "shy: true");
    start(w);
    fake_attach(&w->broker);
    do { /* the report before the first attempt may or may not be seen on the link */
        f = state_of(w, PB_ST_CONNECTING);
    } while (f.code == PBAY_OK);
    assert_int_equal(f.code, PBAY_IO);
    assert_str(f.text, "not at the first attempt");
    assert_in_range(f.retry_ms, 50, 100);
    assert_int_equal(state_of(w, PB_ST_CONNECTED).code, PBAY_OK);
}

static void test_send(void **state)
{
    static const char *const messages[] = {"ok", "pending", "again", "ok"};
    struct world *w = *state;
    uint64_t wm = 0;

    fake_open_to(&w->broker, 5, "outside", "alice");
    for (unsigned i = 0; i < 4; i++)
        fake_pub(&w->broker, 5, i + 1, messages[i]);
    while (wm < 4)
        wm = fake_expect(&w->broker, PB_SETTLE).wm;
    assert_int_equal(wm, 4);
}

static void test_pending(void **state)
{
    static const char *const messages[] = {"early", "never", "ok"};
    struct world *w = *state;
    struct pb_frame settle;

    fake_open_to(&w->broker, 5, "outside", "alice");
    for (unsigned i = 0; i < 3; i++)
        fake_pub(&w->broker, 5, i + 1, messages[i]);
    do {
        settle = fake_expect(&w->broker, PB_SETTLE);
    } while (settle.settled.n == 0);
    assert_int_equal(settle.wm, 1);
}

static void test_send_fails(void **state)
{
    struct world *w = *state;
    struct pb_frame end;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "fail");
    end = fake_expect(&w->broker, PB_END);
    assert_int_equal(end.code, PBAY_FAILED);
    assert_str(end.text, "no such luck");
}

/* A blocked slot is reported, the link lives on, and the report is taken back. */
static void test_stuck(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    f = state_of(w, PB_ST_CONNECTED);
    assert_int_equal(f.code, PBAY_TIMEOUT);
    assert_str(f.text, "stuck: send for 1 s");
    assert_int_equal(write(w->gate, "x", 1), 1);
    assert_int_equal(state_of(w, PB_ST_CONNECTED).code, PBAY_OK);
}

static void test_receive(void **state)
{
    struct world *w = *state;
    struct pb_frame open, pub;

    say_line(w, "a\nb\n!\n");
    assert_line(w, "! INVALID\n");
    open = fake_expect(&w->broker, PB_OPEN);
    assert_str(open.to, "alice");
    fake_opened(&w->broker, open.stream, 1, 10);
    pub = fake_expect(&w->broker, PB_PUB);
    assert_str(pub.payload, "a");
    fake_say(
        &w->broker,
        &(struct pb_frame){.verb = PB_END, .stream = pub.stream, .seq = 1, .code = PBAY_DENIED, .cause = PBAY_DENIED});
    assert_line(w, "a DENIED\n");
    fake_settle(&w->broker, pub.stream, 2);
    assert_line(w, "b OK\n");
}

/* More than the OutBox holds waits in the outside world, and comes when there is room. */
static void test_receive_full(void **state)
{
    enum { N = 3000 };
    struct world *w = *state;
    uint64_t seq = 0;
    uint32_t stream;

    for (int i = 0; i < N; i++)
        say_line(w, "a\n");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, N);
    while (seq < N) {
        seq = fake_expect(&w->broker, PB_PUB).seq;
        if (seq % 1000 == 0)
            fake_settle(&w->broker, stream, seq);
    }
    for (int i = 0; i < N; i++)
        assert_line(w, "a OK\n");
}

static void test_reconnect(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    say_line(w, "die\n");
    f = state_of(w, PB_ST_CONNECTING);
    assert_int_equal(f.code, PBAY_IO);
    assert_str(f.text, "the outside world is gone");
    state_of(w, PB_ST_CONNECTED);
}

/* What has begun is finished and settled before the end. */
static void test_drain(void **state)
{
    struct world *w = *state;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    state_of(w, PB_ST_CONNECTED); /* stuck: it is inside */
    kill(w->pid, SIGTERM);
    assert_int_equal(write(w->gate, "x", 1), 1);
    state_of(w, PB_ST_DISCONNECTING);
    state_of(w, PB_ST_DISCONNECTED);
    fake_expect(&w->broker, PB_BYE);
    assert_int_equal(end_status(w), 0);
}

static void test_second_term(void **state)
{
    struct world *w = *state;

    say_line(w, "a\n");
    fake_expect(&w->broker, PB_OPEN);
    kill(w->pid, SIGTERM);
    state_of(w, PB_ST_DISCONNECTING); /* waits for the end of what it has put */
    kill(w->pid, SIGTERM);
    assert_int_equal(end_status(w), 1);
}

/* The deadline of the drain holds for a slot that never returns as well. */
static void test_stuck_drain(void **state)
{
    struct world *w = *state;

    setenv("PATCHBAY_DRAIN_MS", "10", 1);
    start(w);
    unsetenv("PATCHBAY_DRAIN_MS");
    fake_attach(&w->broker);
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    while (state_of(w, PB_ST_CONNECTED).code != PBAY_TIMEOUT)
        ;
    kill(w->pid, SIGTERM);
    assert_int_equal(end_status(w), 1);
}

static void test_fenced(void **state)
{
    struct world *w = *state;

    fake_say(&w->broker, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_FENCED});
    assert_int_equal(end_status(w), 76);
}

static void test_bad_class(void **state)
{
    struct world *w = *state;

    write_config(w, "OtherConnection", "shy: true");
    start(w);
    assert_int_equal(end_status(w), 2);
}

static void test_no_config(void **state)
{
    struct world *w = *state;
    char path[128];

    snprintf(path, sizeof path, "%s/connection.yaml", w->dir);
    unlink(path);
    start(w);
    assert_int_equal(end_status(w), 2);
}

/* Start with an agent.yaml whose override says `config`. */
static void start_with_agent(struct world *w, const char *config)
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
    start(w);
    unsetenv("PATCHBAY_AGENT_FILE");
    unsetenv("PATCHBAY_PACKAGE_PATH");
}

/* The package's own file says 0, which sets no timer; the agent's says otherwise. */
static void test_override_and_timer(void **state)
{
    struct world *w = *state;

    write_config(w, "PackageConnection", "tick: 0");
    start_with_agent(w, "tick: 1");
    assert_line(w, "tick\n");
}

static void test_override_kind(void **state)
{
    struct world *w = *state;

    write_config(w, "PackageConnection", "tick: 0");
    start_with_agent(w, "tick: soon");
    assert_int_equal(end_status(w), 2);
}

static void test_other_parent(void **state)
{
    struct world *w = *state;

    setenv("PATCHBAY_PARENT", "1", 1);
    start(w);
    unsetenv("PATCHBAY_PARENT");
    assert_int_equal(end_status(w), 1);
}

int main(int argc, char **argv)
{
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, teardown)
    const struct CMUnitTest tests[] = {T(test_hello, setup),
                                       T(test_retry, setup),
                                       T(test_send, setup_connected),
                                       T(test_pending, setup_connected),
                                       T(test_send_fails, setup_connected),
                                       T(test_stuck, setup_connected),
                                       T(test_receive, setup_connected),
                                       T(test_receive_full, setup_connected),
                                       T(test_reconnect, setup_connected),
                                       T(test_drain, setup_connected),
                                       T(test_second_term, setup_connected),
                                       T(test_stuck_drain, setup),
                                       T(test_fenced, setup_connected),
                                       T(test_bad_class, setup),
                                       T(test_no_config, setup),
                                       T(test_override_and_timer, setup),
                                       T(test_override_kind, setup),
                                       T(test_other_parent, setup)};

    if (argc > 1 && strcmp(argv[1], "connection") == 0)
        return pbay_conn_main(1, argv, &ops);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
