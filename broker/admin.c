#include "broker/admin.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/guard.h"
#include "schema/buf.h"

#define MAX_EVENTS      1024 /* kept for /v1/events */
#define MAX_CONNECTIONS 32
#define IDLE_SECONDS    10
#define MAX_BODY        1024
#define MAX_ROWS        1000 /* streams in one answer; ask again with offset */

struct pb_admin {
    struct MHD_Daemon *daemon;
    struct pb_core *core; /* while pb_admin_run runs */
    int64_t now;
    json_t *events[MAX_EVENTS]; /* event number n is at n % MAX_EVENTS */
    uint64_t n_events;
};

/* What a request has gathered until it can be answered. */
struct request {
    char body[MAX_BODY + 1];
    size_t n;
    bool too_big;
};

/* ---- JSON ---- */

static json_t *text(struct pbay_str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);

    return j ? j : json_string("(not UTF-8)");
}

static json_t *number(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static const char *state_name(enum pb_node_state state)
{
    static const char *const names[] = {"disconnected", "connecting", "connected", "disconnecting", "failed"};

    return names[state];
}

static json_t *node_json(const struct pb_node_view *v)
{
    json_t *j = json_object();

    json_object_set_new(j, "agent", text(v->agent));
    json_object_set_new(j, "name", text(v->name));
    json_object_set_new(j, "instance", text(v->instance));
    json_object_set_new(j, "role", json_string(v->role == PB_CONNECTION ? "connection" : "agent"));
    json_object_set_new(j, "public_id", text(v->public_id));
    json_object_set_new(j, "state", json_string(state_name(v->state)));
    json_object_set_new(j, "linked", json_boolean(v->linked));
    json_object_set_new(j, "draining", json_boolean(v->draining));
    json_object_set_new(j, "stuck", json_boolean(v->stuck));
    json_object_set_new(j, "code", json_string(pbay_err_name((enum pbay_err)v->code)));
    json_object_set_new(j, "reason", text(v->text));
    json_object_set_new(j, "retry_ms", number(v->retry_ms));
    json_object_set_new(j, "attached", number(v->attached));
    json_object_set_new(j, "in", number(v->in));
    json_object_set_new(j, "out", number(v->out));
    json_object_set_new(j, "settled", number(v->settled));
    json_object_set_new(j, "ended", number(v->ended));
    json_object_set_new(j, "streams_from", number(v->streams_from));
    json_object_set_new(j, "streams_to", number(v->streams_to));
    json_object_set_new(j, "given", number(v->given));
    return j;
}

static json_t *stream_json(const struct pb_stream_view *v)
{
    json_t *j = json_object();

    json_object_set_new(j, "agent", text(v->agent));
    json_object_set_new(j, "from", text(v->from));
    json_object_set_new(j, "from_instance", text(v->instance));
    json_object_set_new(j, "at", text(v->to_name));
    json_object_set_new(j, "at_instance", text(v->to_instance));
    json_object_set_new(j, "to", text(v->to));
    json_object_set_new(j, "sender", text(v->sender));
    json_object_set_new(j, "state", json_string(v->state));
    json_object_set_new(j, "base", number(v->base));
    json_object_set_new(j, "next", number(v->next));
    json_object_set_new(j, "watermark", number(v->watermark));
    json_object_set_new(j, "credit", number(v->credit));
    json_object_set_new(j, "used", number(v->used));
    json_object_set_new(j, "held", number(v->held));
    json_object_set_new(j, "parked", number(v->parked));
    json_object_set_new(j, "given", number(v->given));
    json_object_set_new(j, "ending", number(v->ending));
    json_object_set_new(j, "protocols", number(v->protocols));
    json_object_set_new(j, "lone", json_boolean(v->lone));
    return j;
}

/* ---- events ---- */

static const char *note_kind(enum pb_note_kind kind)
{
    static const char *const names[] = {"attached", "link_down", "dead", "fenced",
                                        "state",    "rejected",  "end",  "version"};

    return names[kind];
}

static json_t *note_json(const struct pb_note *note, uint64_t seq)
{
    json_t *j = json_object();

    json_object_set_new(j, "seq", number(seq));
    json_object_set_new(j, "at_ms", number((uint64_t)note->at));
    json_object_set_new(j, "kind", json_string(note_kind(note->kind)));
    json_object_set_new(j, "agent", text(note->agent));
    json_object_set_new(j, "name", text(note->name.n ? note->name : note->agent));
    json_object_set_new(j, "instance", text(note->instance));
    json_object_set_new(j, "state", json_string(state_name(note->state)));
    json_object_set_new(j, "code", json_string(pbay_err_name((enum pbay_err)note->code)));
    json_object_set_new(j, "cause", json_string(pbay_err_name((enum pbay_err)note->cause)));
    json_object_set_new(j, "text", text(pbay_str(note->text)));
    if (note->to[0])
        json_object_set_new(j, "to", text(pbay_str(note->to)));
    if (note->kind == PB_NOTE_END)
        json_object_set_new(j, "envelope", number(note->seq));
    return j;
}

char *pb_admin_note(struct pb_admin *a, const struct pb_note *note, char *topic, size_t n)
{
    json_t **slot = &a->events[a->n_events % MAX_EVENTS];

    json_decref(*slot);
    *slot = note_json(note, a->n_events++);
    snprintf(topic, n, "patchbay.event.%s", note_kind(note->kind));
    return json_dumps(*slot, JSON_COMPACT);
}

static json_t *get_events(struct pb_admin *a, struct MHD_Connection *c)
{
    const char *since = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "since");
    uint64_t first = since ? strtoull(since, NULL, 10) : 0,
             oldest = a->n_events > MAX_EVENTS ? a->n_events - MAX_EVENTS : 0;
    json_t *list = json_array();

    for (uint64_t i = first > oldest ? first : oldest; i < a->n_events; i++)
        json_array_append(list, a->events[i % MAX_EVENTS]);
    return json_pack("{s:o, s:I}", "events", list, "next", (json_int_t)a->n_events);
}

/* ---- resources ---- */

static void add_node(void *list, const struct pb_node_view *v)
{
    json_array_append_new(list, node_json(v));
}

static void add_connection(void *list, const struct pb_node_view *v)
{
    if (v->role == PB_CONNECTION)
        json_array_append_new(list, node_json(v));
}

static json_t *get_nodes(struct pb_admin *a, struct MHD_Connection *c)
{
    json_t *list = json_array();

    (void)c;
    pb_core_each_node(a->core, add_node, list);
    return json_pack("{s:o}", "nodes", list);
}

static json_t *get_connections(struct pb_admin *a, struct MHD_Connection *c)
{
    json_t *list = json_array();

    (void)c;
    pb_core_each_node(a->core, add_connection, list);
    return json_pack("{s:o}", "connections", list);
}

struct page {
    json_t *list;
    uint64_t skip;
};

static void add_stream(void *arg, const struct pb_stream_view *v)
{
    struct page *page = arg;

    if (page->skip)
        page->skip--;
    else if (json_array_size(page->list) < MAX_ROWS)
        json_array_append_new(page->list, stream_json(v));
}

static json_t *get_streams(struct pb_admin *a, struct MHD_Connection *c)
{
    const char *offset = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "offset");
    struct page page = {json_array(), offset ? strtoull(offset, NULL, 10) : 0};
    struct pb_core_view v;

    pb_core_view(a->core, &v);
    pb_core_each_stream(a->core, add_stream, &page);
    return json_pack("{s:o, s:I}", "streams", page.list, "total", (json_int_t)v.streams);
}

static json_t *get_broker(struct pb_admin *a, struct MHD_Connection *c)
{
    struct pb_guard_counts guard = pb_guard_counts();
    struct pb_core_view v;

    (void)c;
    pb_core_view(a->core, &v);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:{s:I, s:I, s:I, s:I}}", "pool", (json_int_t)v.pool,
                     "pool_used", (json_int_t)v.pool_used, "nodes", (json_int_t)v.nodes, "streams",
                     (json_int_t)v.streams, "links", (json_int_t)v.links, "waiting", (json_int_t)v.waiting, "draining",
                     v.draining, "in_grace", v.in_grace, "guard", "accepted", (json_int_t)guard.accepted, "no_room",
                     (json_int_t)guard.no_room, "strangers", (json_int_t)guard.strangers, "cut", (json_int_t)guard.cut);
}

static const struct {
    const char *path;
    json_t *(*get)(struct pb_admin *, struct MHD_Connection *);
} resources[] = {
    {"/v1/nodes", get_nodes},   {"/v1/connections", get_connections}, {"/v1/streams", get_streams},
    {"/v1/events", get_events}, {"/v1/broker", get_broker},
};

/* ---- HTTP ---- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, json_t *body)
{
    char *dumped = json_dumps(body, JSON_COMPACT);
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(dumped), dumped, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    json_decref(body);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *why)
{
    return answer(c, status, json_pack("{s:s}", "error", why));
}

static enum MHD_Result get(struct pb_admin *a, struct MHD_Connection *c, const char *url)
{
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        if (strcmp(resources[i].path, url) == 0)
            return answer(c, MHD_HTTP_OK, resources[i].get(a, c));
    }
    return refuse(c, MHD_HTTP_NOT_FOUND, "no such resource");
}

/* POST /v1/connections/NAME/failed?agent=A: the supervisor has given it up, or with an empty body takes that back. */
static enum MHD_Result post(struct pb_admin *a, struct MHD_Connection *c, const char *url,
                            const struct request *request)
{
    static const char before[] = "/v1/connections/", after[] = "/failed";
    const char *agent = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "agent");
    size_t n = strlen(url);
    struct pb_event ev = {.kind = PB_EV_FAILED, .now = a->now, .agent = pbay_str(agent ? agent : "")};

    if (n <= sizeof before + sizeof after - 2 || strncmp(url, before, sizeof before - 1) != 0 ||
        strcmp(url + n - (sizeof after - 1), after) != 0)
        return refuse(c, MHD_HTTP_NOT_FOUND, "no such resource");
    if (request->too_big)
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the reason is too long");
    ev.name = (struct pbay_str){url + sizeof before - 1, n - (sizeof before - 1) - (sizeof after - 1)};
    ev.text = (struct pbay_str){request->body, request->n};
    pb_core_step(a->core, &ev);
    return answer(c, MHD_HTTP_OK, json_pack("{s:b}", "ok", 1));
}

static void gather(struct request *request, const char *data, size_t *n)
{
    if (request->n + *n > MAX_BODY)
        request->too_big = true;
    else
        memcpy(request->body + request->n, data, *n);
    if (!request->too_big)
        request->n += *n;
    *n = 0;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *n, void **state)
{
    struct request *request = *state;

    (void)version;
    if (!request) {
        *state = pb_alloc(sizeof *request);
        return MHD_YES;
    }
    if (*n) {
        gather(request, data, n);
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
        return get(cls, c, url);
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return post(cls, c, url, request);
    return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or POST");
}

static void completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)c;
    (void)code;
    free(*state);
    *state = NULL;
}

/* ---- life ---- */

static int listen_on(const char *run_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n;
    mode_t before;

    n = snprintf(address.sun_path, sizeof address.sun_path, "%s/admin.sock", run_dir);
    if (n < 0 || (size_t)n >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        goto failed;
    }
    unlink(address.sun_path); /* left by a broker that was killed; the lock on the run directory says that it is gone */
    before = umask(0177);
    n = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(before);
    if (n == 0 && listen(fd, MAX_CONNECTIONS) == 0)
        return fd;
failed:
    if (fd >= 0)
        close(fd);
    return -1;
}

enum pbay_err pb_admin_open(const char *run_dir, struct pb_admin **admin, struct pbay_conf_error *error)
{
    int fd = listen_on(run_dir);
    struct pb_admin *a;

    *admin = NULL;
    if (fd < 0) {
        snprintf(error->text, sizeof error->text, "cannot listen on %s/admin.sock: %s", run_dir, strerror(errno));
        return PBAY_IO;
    }
    a = pb_alloc(sizeof *a);
    a->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, a, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (!a->daemon) {
        snprintf(error->text, sizeof error->text, "cannot start the admin server");
        close(fd);
        free(a);
        return PBAY_IO;
    }
    *admin = a;
    return PBAY_OK;
}

void pb_admin_close(struct pb_admin **admin)
{
    struct pb_admin *a = *admin;

    if (!a)
        return;
    MHD_stop_daemon(a->daemon);
    for (size_t i = 0; i < MAX_EVENTS; i++)
        json_decref(a->events[i]);
    free(a);
    *admin = NULL;
}

int pb_admin_fd(const struct pb_admin *a)
{
    return MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int64_t pb_admin_timeout(const struct pb_admin *a)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(a->daemon, &ms) == MHD_YES ? (int64_t)ms : -1;
}

void pb_admin_run(struct pb_admin *a, struct pb_core *core, int64_t now)
{
    a->core = core;
    a->now = now;
    MHD_run(a->daemon);
}
