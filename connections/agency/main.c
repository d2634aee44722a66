/* patchbay-agency: a mediator for agents that cannot be reached. See README.md. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "connections/agency/agency_http.h"
#include "connections/agency/agency_open.h"
#include "schema/harden.h"

#define LEAVE_MS 5000 /* for answers and envelopes that are under way at the end */

enum { GOOD = 0, FAILED = 1, USAGE = 2 };

static const char usage[] =
    "Usage: patchbay-agency CONFIG.yaml\n"
    "       patchbay-agency --print-invitation CONFIG.yaml\n"
    "       patchbay-agency --help | --version\n"
    "\n"
    "An Aries mediator: its clients' messages are kept until they are picked up.\n"
    "--print-invitation prints the invitation's URL and ends; it needs the wallet, which a running\n"
    "agency has: that one shows it at GET /agency/invitation.\n";

static void log_line(const char *line)
{
    fprintf(stderr, "patchbay-agency: %s\n", line);
}

static void print_invitations(const struct agency *agency)
{
    static const char *const names[AGENCY_INVITATIONS] = {"invitation", "invitation 1.0"};

    for (int i = 0; i < AGENCY_INVITATIONS; i++) {
        struct pb_buf url = {0};

        agency_invitation_url(agency, (enum agency_invitation)i, &url);
        printf("%s: %.*s\n", names[i], (int)url.n, (char *)url.p);
        pb_buf_fini(&url);
    }
    fflush(stdout);
}

/* ---- the loop ---- */

/* What was posted to a client is the client's affair: it asks again for what it misses. */
static void on_posted(void *user, uint64_t tag, const struct vcx_post_reply *reply)
{
    (void)user;
    (void)tag;
    (void)reply;
}

static int earlier(int a, int b)
{
    return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int wait_for(int64_t due, int64_t now)
{
    if (due == INT64_MAX)
        return -1;
    return due <= now ? 0 : due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

/* One turn of everything. Returns the milliseconds until the next is due. */
static int turn(struct agency_http *h)
{
    int64_t web_due = WEB_NEVER, agency_due = INT64_MAX;

    vcx_post_turn(h->post);
    do {
        h->woken = false;
        web_due = web_turn(&h->web);
        agency_due = agency_tick(h->agency, agency_now());
        agency_http_flush(h);
    } while (h->woken);
    return earlier(earlier(wait_for(web_due, web_now()), wait_for(agency_due, agency_now())), vcx_post_wait(h->post));
}

/* false = a signal says that it is enough. */
static bool wait_turn(struct agency_http *h, int signals, int ms)
{
    struct pollfd fds[] = {{web_fd(&h->web), POLLIN, 0}, {vcx_post_fd(h->post), POLLIN, 0}, {signals, POLLIN, 0}};

    if (poll(fds, sizeof fds / sizeof *fds, ms) < 0 && errno != EINTR)
        return false;
    return !(fds[2].revents & POLLIN);
}

/* Nobody new; whoever waits is answered. */
static void leave(struct agency_http *h)
{
    int64_t until = web_now() + LEAVE_MS;

    web_quiesce(&h->web);
    (void)turn(h); /* what has come already */
    agency_end_waits(h->agency, agency_now());
    agency_http_flush(h);
    while (web_now() < until && !agency_failure(h->agency)) {
        int ms = turn(h);

        if (!h->web.requests)
            return;
        (void)wait_turn(h, -1, earlier(ms, (int)(until - web_now())));
    }
}

static int serve(struct agency_http *h, int signals)
{
    int ms = turn(h);

    while (!agency_failure(h->agency) && wait_turn(h, signals, ms))
        ms = turn(h);
    if (!agency_failure(h->agency))
        leave(h);
    agency_end_waits(h->agency, agency_now());
    agency_http_flush(h);
    if (!agency_failure(h->agency))
        return GOOD;
    log_line(agency_failure(h->agency));
    return FAILED;
}

/* ---- beginning ---- */

static int block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(struct agency_home *home, const struct agency_config *config)
{
    const struct vcx_post_options options = {.done = on_posted, .allow_private = config->allow_private_endpoints};
    struct agency_http http = {.agency = home->agency, .config = config, .log = log_line};
    int signals = block_signals(), status = FAILED;
    char why[WEB_WHY];

    http.post = signals < 0 ? NULL : vcx_post_new(&options);
    if (!http.post) {
        log_line("no descriptors, or libcurl does not start");
    } else if (agency_http_start(&http, why)) {
        log_line(why);
    } else {
        printf("listening: http://%s/\n", http.web.authority);
        print_invitations(home->agency);
        status = serve(&http, signals);
    }
    web_stop(&http.web);
    vcx_post_destroy(&http.post);
    if (signals >= 0)
        close(signals);
    return status;
}

static int open_and_run(const char *file, bool print_only)
{
    struct agency_home home = {.wallet = NULL};
    struct agency_config config;
    struct pbay_conf_error error;
    char why[VCX_WHY];
    int status = FAILED;

    pb_harden_secrets();
    if (!agency_config_load(&config, file, &error)) {
        fprintf(stderr, "%s\n", error.text);
        agency_config_fini(&config);
        return USAGE;
    }
    if (config.sandbox)
        pb_harden_enter(&(struct pb_sandbox){.who = "patchbay-agency"});
    if (!vcx_init()) {
        log_line("libsodium does not work here");
    } else if (!agency_home_open(&home, &config, agency_now(), why)) {
        log_line(why);
    } else if (print_only) {
        print_invitations(home.agency);
        status = GOOD;
    } else {
        status = run(&home, &config);
    }
    agency_home_close(&home);
    agency_config_fini(&config);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return GOOD;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("patchbay-agency " PATCHBAY_VERSION);
        return GOOD;
    }
    if (argc == 3 && strcmp(argv[1], "--print-invitation") == 0)
        return open_and_run(argv[2], true);
    if (argc == 2 && argv[1][0] != '-')
        return open_and_run(argv[1], false);
    fputs(usage, stderr);
    return USAGE;
}
