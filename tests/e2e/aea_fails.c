/* Test connection that fails as it is told. In its config: `refused`, how many of its first attempts to connect fail;
 * `deaf`: its receive fails, always and at once. As the first word of an envelope's message:
 *
 *   fail   it cannot be handled                 die   the process ends as by abort
 *   drop   the connection loses its outside     say   the rest comes back to the agent
 *   other  it is settled
 *
 * With FAILS=main in the environment it has blocking slots instead, and its main fails. Each call of a deaf receive, or
 * of main, is a line on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay_conn.h"
#include "node/pbay_sync.h"

#define CLASS "FailingConnection"

#define MAX_TEXT 64

struct fails {
    struct pbay_link *link;
    unsigned attempts;
    bool deaf, dropped, said;
    char text[MAX_TEXT]; /* to be said to the agent */
};

static enum pbay_err fails_connect(void *self, struct pbay_link *link)
{
    struct fails *f = self;

    f->link = link;
    f->deaf = pbay_link_config_bool(link, "deaf", false);
    f->dropped = false;
    if (f->attempts++ < pbay_link_config_int(link, "refused", 0))
        return pbay_link_fail(link, PBAY_IO, "nobody answers");
    return PBAY_OK;
}

static enum pbay_err act_fail(struct fails *f, struct pbay_str message)
{
    (void)message;
    return pbay_link_fail(f->link, PBAY_IO, "no paper");
}

static enum pbay_err act_die(struct fails *f, struct pbay_str message)
{
    (void)f, (void)message;
    _exit(134); /* as abort does, without a core file */
}

static enum pbay_err act_drop(struct fails *f, struct pbay_str message)
{
    (void)message;
    f->dropped = true;
    pbay_link_wake(f->link);
    return PBAY_OK;
}

static enum pbay_err act_say(struct fails *f, struct pbay_str message)
{
    if (f->text[0])
        return PBAY_AGAIN; /* the last one was not said yet */
    snprintf(f->text, sizeof f->text, "%.*s", (int)message.n, message.p);
    pbay_link_wake(f->link);
    return PBAY_OK;
}

static const struct act {
    const char *word;
    enum pbay_err (*act)(struct fails *, struct pbay_str message);
} acts[] = {{"fail", act_fail}, {"die", act_die}, {"drop", act_drop}, {"say", act_say}};

static enum pbay_err fails_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    (void)tag;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        size_t n = strlen(acts[i].word);

        if (e->message.n >= n && memcmp(e->message.p, acts[i].word, n) == 0)
            return acts[i].act(self, e->message);
    }
    return PBAY_OK;
}

static void say_tried(void)
{
    puts("tried");
    fflush(stdout);
}

static enum pbay_err fails_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct fails *f = self;

    if (f->deaf) {
        say_tried();
        return pbay_link_fail(f->link, PBAY_IO, "nobody listens");
    }
    if (f->dropped)
        return pbay_link_fail(f->link, PBAY_IO, "the line is dead");
    if (!f->text[0] || f->said)
        return PBAY_AGAIN;
    f->said = true;
    *e = (struct pbay_envelope){.to = pbay_str(pbay_link_agent(f->link)),
                                .sender = pbay_str("outside"),
                                .protocol_id = pbay_str("fetchai/default:1.0.0"),
                                .message = pbay_str(f->text)};
    *tag = 0;
    return PBAY_OK;
}

/* What was said has ended: there is room for the next. */
static void fails_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct fails *f = self;

    (void)tag, (void)err;
    f->text[0] = 0;
    f->said = false;
}

/* ---- with blocking slots ---- */

static enum pbay_err worker_send(void *self, const struct pbay_envelope *e)
{
    return fails_send(self, e, 0);
}

static enum pbay_err fails_main(void *self)
{
    say_tried();
    return pbay_link_fail(((struct fails *)self)->link, PBAY_IO, "nobody talks");
}

int main(int argc, char **argv)
{
    static const struct pbay_sync_ops sync = {.class_name = CLASS,
                                              .state_size = sizeof(struct fails),
                                              .on_connect = fails_connect,
                                              .on_send = worker_send,
                                              .main = fails_main};
    static const struct pbay_conn_ops ops = {.class_name = CLASS,
                                             .state_size = sizeof(struct fails),
                                             .connect = fails_connect,
                                             .send = fails_send,
                                             .receive = fails_receive,
                                             .outcome = fails_outcome};
    const char *which = getenv("FAILS");

    if (which && strcmp(which, "main") == 0)
        return pbay_sync_main(argc, argv, &sync);
    return pbay_conn_main(argc, argv, &ops);
}
