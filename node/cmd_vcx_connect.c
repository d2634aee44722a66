/* patchbay vcx connect and accept: create, connect, and ask for the state until the other side has accepted. */
#include "node/cmd_vcx.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/link.h"

#define POLL_MS  1000
#define MAX_NAME 200 /* bytes: it is in the names of files */
#define INVITED  "invited"
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- waiting for the other side ---- */

struct progress {
    const char *name;
    int64_t began;
    int state; /* that was told; -1 = none */
    bool terminal;
};

static void tell(struct progress *p, int state)
{
    if (p->terminal)
        fprintf(stderr, "\r\033[K%s: %s, %d s", p->name, pbay_vcx_state_text(state),
                (int)((pb_now() - p->began) / 1000));
    else if (state != p->state)
        fprintf(stderr, "%s: %s\n", p->name, pbay_vcx_state_text(state));
    p->state = state;
}

static bool may_change(int state)
{
    return state == PBAY_VCX_INITIALIZED || state == PBAY_VCX_OFFERED || state == PBAY_VCX_REQUESTED;
}

static int say_end(struct cmd_vcx *c, const struct progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", stderr);
    if (c->state == PBAY_VCX_ACCEPTED) {
        printf("%s: %s\n", p->name, pbay_vcx_state_text(c->state));
        return CMD_OK;
    }
    if (may_change(c->state))
        return vcx_cli_failed(c, "%s: not accepted within %ld ms; its state is %d, %s", p->name, c->timeout_ms,
                              c->state, pbay_vcx_state_text(c->state));
    return vcx_cli_failed(c, "%s: it will not be accepted; its state is %d, %s", p->name, c->state,
                          pbay_vcx_state_text(c->state));
}

int vcx_cli_poll(struct cmd_vcx *c, uint32_t handle, const char *name)
{
    struct progress p = {.name = name, .began = pb_now(), .state = -1, .terminal = isatty(STDERR_FILENO) != 0};

    for (;;) {
        int64_t left = p.began + c->timeout_ms - pb_now();
        int status = vcx_cli_wait(c, pbay_vcx_update_state(c->vcx, vcx_cli_call(c), handle));

        if (status)
            return status;
        tell(&p, c->state);
        if (!may_change(c->state) || left <= 0)
            return say_end(c, &p);
        (void)poll(NULL, 0, left < POLL_MS ? (int)left : POLL_MS);
    }
}

/* ---- connect ---- */

static const struct type {
    const char *name;
    const char *argument, *what; /* that comes behind NAME, in the options and to a human; NULL = nothing */
} types[] = {{"QR", NULL, NULL}, {"SMS", "phone", "PHONE"}, {"LINK", NULL, NULL}, {"AGENT", "agent", "URL"}};

static const struct type *type_of(const struct cmd_vcx *c)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        if (!c->type || strcmp(types[i].name, c->type) == 0)
            return &types[i];
    }
    return NULL;
}

int vcx_cli_check_connect(const struct cmd_vcx *c)
{
    const struct type *type = type_of(c);
    const char *name = c->arguments[0];

    if (!type)
        return cmd_misused(VCX_COMMAND, "--type %s: expected QR, SMS, LINK or AGENT", c->type);
    if (type->argument && c->argument_n < 2)
        return cmd_misused(VCX_COMMAND, "--type %s: expected NAME and %s", type->name, type->what);
    if (!type->argument && c->argument_n > 1)
        return cmd_misused(VCX_COMMAND, "%s: not understood with --type %s", c->arguments[1], type->name);
    if (!*name || strlen(name) > MAX_NAME || strchr(name, '/') || name[0] == '.')
        return cmd_misused(VCX_COMMAND, "%s: expected a NAME that files can have, of at most %d bytes", name, MAX_NAME);
    return CMD_OK;
}

static char *options_of(const struct cmd_vcx *c, const struct type *type)
{
    json_t *json =
        json_pack("{s:s, s:s, s:b}", "id", c->arguments[0], "connection_type", type->name, "use_public_did", 0);
    char *text;

    if (json && type->argument)
        json_object_set_new(json, type->argument, json_string(c->arguments[1]));
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static int write_file(const struct cmd_vcx *c, const char *suffix, unsigned mode, const struct pb_buf *bytes,
                      char path[PATH_MAX])
{
    char name[MAX_NAME + 64];

    snprintf(name, sizeof name, "%s%s", c->arguments[0], suffix);
    if (!cmd_join(path, c->out ? c->out : ".", name))
        return vcx_cli_failed(c, "--out %s: too long", c->out);
    return vcx_cli_write(c, path, mode, bytes);
}

/* The code for whoever looks at the terminal, the picture and the link for everybody. */
static int show_invitation(const struct cmd_vcx *c)
{
    char path[PATH_MAX];
    int status;

    if (c->qr_text.n && isatty(STDOUT_FILENO))
        (void)fwrite(c->qr_text.p, 1, c->qr_text.n, stdout);
    if (c->invite_url.n)
        printf("%.*s\n", (int)c->invite_url.n, (const char *)c->invite_url.p);
    if (!c->qr_png.n)
        return fflush(stdout) ? CMD_FAILED : CMD_OK;
    status = write_file(c, "-connection-invite.png", 0644, &c->qr_png, path);
    if (!status)
        printf("scan %s\n", path);
    return fflush(stdout) ? CMD_FAILED : status;
}

static int save(struct cmd_vcx *c, uint32_t handle)
{
    char path[PATH_MAX];
    int status = vcx_cli_wait(c, pbay_vcx_serialize(c->vcx, vcx_cli_call(c), handle));

    if (status)
        return status;
    pb_buf_add(&c->value, "\n", 1);
    status = write_file(c, "-connection.json", 0600, &c->value, path);
    if (!status)
        printf("saved %s\n", path);
    return status;
}

/* `options` is freed. */
static int join(struct cmd_vcx *c, uint32_t handle, char *options)
{
    int status = vcx_cli_wait(c, pbay_vcx_connect(c->vcx, vcx_cli_call(c), handle, options));

    free(options);
    return status;
}

int vcx_cli_connect(struct cmd_vcx *c)
{
    const char *name = c->arguments[0];
    char *options = options_of(c, type_of(c));
    uint32_t handle;
    int status;

    if (!options)
        return cmd_misused(VCX_COMMAND, "expected arguments in UTF-8");
    status = vcx_cli_wait(c, pbay_vcx_create(c->vcx, vcx_cli_call(c), name, NULL));
    handle = c->handle;
    if (status) {
        free(options);
        return status;
    }
    status = join(c, handle, options);
    if (!status)
        status = show_invitation(c);
    if (!status)
        status = vcx_cli_poll(c, handle, name);
    return status ? status : save(c, handle);
}

/* ---- accept ---- */

/* A file if there is one of that name, else the invitation itself. */
static int read_invitation(const struct cmd_vcx *c, struct pb_buf *text)
{
    const char *given = c->arguments[0];
    int status = CMD_OK;

    if (strcmp(given, "-") == 0 || access(given, F_OK) == 0)
        status = vcx_cli_read(c, given, text);
    else
        pb_buf_add(text, given, strlen(given));
    while (text->n && strchr(" \t\r\n", text->p[text->n - 1]))
        text->n--;
    pb_buf_add(text, "", 1);
    return status;
}

int vcx_cli_accept(struct cmd_vcx *c)
{
    const char *name = c->name ? c->name : INVITED;
    struct pb_buf text = {0};
    uint32_t handle;
    int status = read_invitation(c, &text);

    if (!status)
        status =
            vcx_cli_wait(c, pbay_vcx_create_with_invite(c->vcx, vcx_cli_call(c), name, (const char *)text.p, NULL));
    handle = c->handle;
    pb_buf_fini(&text);
    if (!status)
        status = join(c, handle, NULL);
    return status ? status : vcx_cli_poll(c, handle, name);
}
