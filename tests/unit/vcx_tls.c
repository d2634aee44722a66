/* https: whose certificate is believed. The server is that of the openssl command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/vcx_http.h"

struct tls {
    char dir[32], key[64], cert[64];
    pid_t pid;
    FILE *said;
    unsigned port;
};

/* The port is in its first line: "ACCEPT 127.0.0.1:PORT". */
static void start(struct tls *s, const char *version)
{
    int ends[2];
    char line[128];

    assert_int_equal(pipe(ends), 0);
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key", s->key, "-cert", s->cert,
               version, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    s->said = fdopen(ends[0], "r");
    s->port = 0;
    while (!s->port && fgets(line, sizeof line, s->said))
        (void)sscanf(line, "ACCEPT 127.0.0.1:%u", &s->port);
    assert_true(s->port > 0);
}

static void stop(struct tls *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    fclose(s->said);
}

static int set_up(void **state)
{
    static struct tls s;
    char command[512];

    strcpy(s.dir, "/tmp/pbay-tls-XXXXXX");
    if (!mkdtemp(s.dir))
        return -1;
    snprintf(s.key, sizeof s.key, "%s/key", s.dir);
    snprintf(s.cert, sizeof s.cert, "%s/cert", s.dir);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=good.test "
             "-addext subjectAltName=DNS:good.test -keyout %s -out %s 2>%s/log",
             s.key, s.cert, s.dir);
    *state = &s;
    return system(command);
}

static int tear_down(void **state)
{
    const struct tls *s = *state;
    char command[128];

    snprintf(command, sizeof command, "rm -r %s", s->dir);
    return system(command);
}

static void check(struct tls *s, const char *host, const char *ca_file, enum vcx_post_result result, unsigned status)
{
    const struct http_name names[] = {{"good.test", "127.0.0.1", s->port}, {"other.test", "127.0.0.1", s->port}, {0}};
    struct vcx_post_options options = {.allow_private = true, .ca_file = ca_file};
    char url[HTTP_URL], why[VCX_WHY];
    struct http_world w;

    http_world_init(&w, &options, names);
    snprintf(url, sizeof url, "https://%s:%u/", host, s->port);
    assert_int_equal(vcx_post_fetch(w.post, 1, pbay_str(url), why), VCX_POST_OK);
    http_world_run(&w, 1);
    if (w.got[0].result != result || w.got[0].status != status)
        fail_msg("%s: %d, %u, %s", host, (int)w.got[0].result, w.got[0].status, w.got[0].why);
    http_world_fini(&w);
}

static void test_certificates(void **state)
{
    struct tls *s = *state;

    signal(SIGPIPE, SIG_IGN);
    start(s, "-tls1_2");
    check(s, "good.test", s->cert, VCX_POST_OK, 200);
    check(s, "other.test", s->cert, VCX_POST_AGAIN, 0);
    check(s, "good.test", NULL, VCX_POST_AGAIN, 0);
    stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
