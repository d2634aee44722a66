#include "tests/e2e/talk.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/pbay_err.h"

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "talk: %s: %s\n", what, text);
    exit(3);
}

/* ---- in ---- */

/* Everything that has come, without waiting for more. */
static void read_some(struct talk *t)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};

    while (!t->over && t->n < sizeof t->bytes && poll(&in, 1, 0) > 0) {
        ssize_t n = read(0, t->bytes + t->n, sizeof t->bytes - t->n);

        if (n < 0 && errno == EINTR)
            continue;
        t->over = n <= 0;
        t->n += n > 0 ? (size_t)n : 0;
    }
}

const json_t *talk_next(struct talk *t)
{
    char *end;

    json_decref(t->line);
    t->line = NULL;
    read_some(t);
    end = memchr(t->bytes, '\n', t->n);
    if (!end && t->n == sizeof t->bytes)
        fail("a command is too long", "");
    if (!end)
        return NULL;
    *end = 0;
    t->line = json_loads(t->bytes, 0, NULL);
    if (!json_is_object(t->line))
        fail("no command", t->bytes);
    t->n -= (size_t)(end + 1 - t->bytes);
    memmove(t->bytes, end + 1, t->n);
    return t->line;
}

const char *talk_text(const json_t *command, const char *name)
{
    const char *text = json_string_value(json_object_get(command, name));

    return text ? text : "";
}

static const struct {
    const char *name;
    size_t at;
} texts[] = {
    {"to", offsetof(struct pbay_envelope, to)},
    {"sender", offsetof(struct pbay_envelope, sender)},
    {"protocol", offsetof(struct pbay_envelope, protocol_id)},
    {"connection", offsetof(struct pbay_envelope, connection_id)},
    {"instance", offsetof(struct pbay_envelope, instance)},
    {"operation", offsetof(struct pbay_envelope, operation)},
    {"message", offsetof(struct pbay_envelope, message)},
};

static void fill(struct talk *t, struct pbay_envelope *e, size_t size)
{
    free(t->filler);
    t->filler = NULL;
    if (size <= e->message.n)
        return;
    if (size > TALK_MAX_SIZE || !(t->filler = malloc(size)))
        fail("size", "too much");
    memset(t->filler, '.', size);
    memcpy(t->filler, e->message.p, e->message.n);
    e->message = (struct pbay_str){t->filler, size};
}

void talk_envelope(struct talk *t, const json_t *command, struct pbay_envelope *e)
{
    *e = (struct pbay_envelope){0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *(struct pbay_str *)(void *)((char *)e + texts[i].at) = pbay_str(talk_text(command, texts[i].name));
    e->ttl_ms = (uint32_t)json_integer_value(json_object_get(command, "ttl"));
    e->replay = (enum pbay_replay)json_integer_value(json_object_get(command, "replay"));
    fill(t, e, (size_t)json_integer_value(json_object_get(command, "size")));
}

int talk_code(const char *name)
{
    int code = pbay_err_code(name);

    if (code < 0)
        fail("no code", name);
    return code;
}

/* ---- out ---- */

json_t *talk_json(struct pbay_str s)
{
    json_t *text = json_stringn(s.n ? s.p : "", s.n);

    return text ? text : json_string("");
}

json_t *talk_shown(struct pbay_str s)
{
    return talk_json((struct pbay_str){s.p, s.n < TALK_SHOWN ? s.n : TALK_SHOWN});
}

void talk_say(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);

    if (!text)
        fail("a line cannot be told", "");
    printf("%s\n", text); /* one call: lines of threads do not mix */
    fflush(stdout);
    free(text);
    json_decref(line);
}

void talk_fini(struct talk *t)
{
    json_decref(t->line);
    free(t->filler);
    t->line = NULL;
    t->filler = NULL;
}
