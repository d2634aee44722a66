/* The echo of node/examples/echo.c on libmicrohttpd alone: what http_server, the broker and an agent stand beside.
 * `http_bare PORT` */
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINE 256

static enum MHD_Result respond(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                               const char *version, const char *body, size_t *size, void **state)
{
    char line[MAX_LINE];
    struct MHD_Response *r;
    enum MHD_Result done;
    int n;

    (void)arg;
    (void)version;
    (void)body;
    if (!*state) { /* only the head has come */
        *state = c;
        return MHD_YES;
    }
    *size = 0;
    n = snprintf(line, sizeof line, "%s %s\n", method, url);
    r = MHD_create_response_from_buffer(n < MAX_LINE ? (size_t)n : MAX_LINE - 1, line, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    done = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return done;
}

int main(int argc, char **argv)
{
    struct MHD_Daemon *daemon;

    if (argc != 2) {
        fprintf(stderr, "usage: http_bare PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)atoi(argv[1]), NULL, NULL, respond, NULL,
                              MHD_OPTION_END);
    if (!daemon)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;) /* until SIGTERM */
        pause();
}
