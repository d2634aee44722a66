/* Between the files of `patchbay vcx`. */
#ifndef PB_CMD_VCX_H
#define PB_CMD_VCX_H

#include <jansson.h>

#include "node/cmd.h"
#include "node/pbay_vcx.h"
#include "schema/buf.h"

#define VCX_COMMAND  "vcx"
#define VCX_MAX_FILE (1 << 20) /* bytes of an invitation, a message, a serialized connection */

struct cmd_vcx {
    const char *verb;
    const char *config, *connection, *timeout, *type, *out, *name; /* as they were given */
    bool json;
    long timeout_ms;
    const char *arguments[2];
    int argument_n;

    struct pbay_agent_conf *conf;
    const char *public_id; /* of the connection that does it */
    pbay_t agent;
    bool attached;
    struct pbay_vcx *vcx;

    /* how the last call has ended */
    bool done;
    uint32_t err, handle;
    int state;
    char text[512];
    struct pb_buf value, invite_url, qr_png, qr_text;
};

/* One line on standard error, "patchbay vcx VERB: ..."; returns CMD_FAILED. */
int vcx_cli_failed(const struct cmd_vcx *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For calls: */
struct pbay_vcx_call vcx_cli_call(struct cmd_vcx *c);

/* Wait for the end of a call that was begun with that result. CMD_OK; CMD_FAILED = said why. */
int vcx_cli_wait(struct cmd_vcx *c, uint32_t begun);

/* The connection with this id, or this source_id. CMD_OK and its handle, and its row of the list (NULL = not wanted),
 * which the caller ends with json_decref. CMD_FAILED = said why: there is none, or there are several. */
int vcx_cli_find(struct cmd_vcx *c, const char *name, uint32_t *handle, json_t **row);

/* Ask for the state until it is accepted, or will not be any more, or the time is over. CMD_OK = accepted. */
int vcx_cli_poll(struct cmd_vcx *c, uint32_t handle, const char *name);

/* A whole new file in place of what is there. */
int vcx_cli_write(const struct cmd_vcx *c, const char *path, unsigned mode, const struct pb_buf *bytes);

/* All of a file, or with "-" of standard input. */
int vcx_cli_read(const struct cmd_vcx *c, const char *path, struct pb_buf *bytes);

/* Text of others does nothing to the terminal. */
void vcx_cli_print(const char *text);

/* ---- verbs that need more than a call: cmd_vcx_connect.c ---- */

int vcx_cli_check_connect(const struct cmd_vcx *c); /* CMD_USAGE = said why */
int vcx_cli_connect(struct cmd_vcx *c);
int vcx_cli_accept(struct cmd_vcx *c);

#endif
