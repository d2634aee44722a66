/* Test connection that does what it is told, in lines of JSON (talk.h), and what the first word of a message says:
 *
 *   fail    it cannot be handled            keep    it stays pending until "settle"
 *   die     the process ends as by abort    spin    the slot never returns
 *   slow    the slot takes two seconds      other   it is settled
 *
 * in:  {"do": "settle", "code": CODE} the oldest that is kept; {"do": "put", ENVELOPE}; {"do": "lose"} the outside
 * world out: {"got": MESSAGE, "again": BOOL}; {"put": N}; {"outcome": CODE, "tag": N}
 *
 * `connect` in its config names the codes that its first attempts to connect give. PUPPET in the environment: "mute"
 * has no send slot, "sync" is the same with blocking slots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay_conn.h"
#include "node/pbay_sync.h"
#include "tests/e2e/talk.h"

#define CLASS    "PuppetConnection"
#define MAX_KEPT 256
#define SLOW_US  2000000

struct puppet {
    struct pbay_link *link;
    struct talk talk;
    char codes[64];          /* of the attempts to connect that will fail */
    uint64_t kept[MAX_KEPT]; /* a ring: [first, next) wait to be settled */
    unsigned first, next;
    uint64_t put;
};

static enum pbay_err puppet_connect(void *self, struct pbay_link *link)
{
    struct puppet *p = self;
    char name[24];
    int n = 0;

    p->link = link;
    if (sscanf(p->codes, "%23s%n", name, &n) != 1)
        return PBAY_OK;
    memmove(p->codes, p->codes + n, strlen(p->codes + n) + 1);
    return pbay_link_fail(link, (enum pbay_err)talk_code(name), "connect gives %s", name);
}

static void puppet_disconnect(void *self)
{
    struct puppet *p = self;

    p->first = p->next = 0; /* what was kept, the runtime ends */
}

/* ---- send ---- */

static enum pbay_err act_fail(struct puppet *p, uint64_t tag)
{
    (void)tag;
    return pbay_link_fail(p->link, PBAY_IO, "no paper");
}

static enum pbay_err act_keep(struct puppet *p, uint64_t tag)
{
    if (p->next - p->first == MAX_KEPT)
        return PBAY_AGAIN;
    p->kept[p->next++ % MAX_KEPT] = tag;
    return PBAY_PENDING;
}

static enum pbay_err act_die(struct puppet *p, uint64_t tag)
{
    (void)p, (void)tag;
    _exit(134); /* as abort does, without a core file */
}

static enum pbay_err act_slow(struct puppet *p, uint64_t tag)
{
    (void)p, (void)tag;
    usleep(SLOW_US);
    return PBAY_OK;
}

static enum pbay_err act_spin(struct puppet *p, uint64_t tag)
{
    (void)p, (void)tag;
    while (pause() < 0)
        ;
    return PBAY_OK;
}

static const struct {
    const char *word;
    enum pbay_err (*act)(struct puppet *, uint64_t tag);
} acts[] = {{"fail", act_fail}, {"keep", act_keep}, {"die", act_die}, {"spin", act_spin}, {"slow", act_slow}};

static enum pbay_err puppet_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    talk_say(json_pack("{s:o, s:b}", "got", talk_shown(e->message), "again", e->redelivered));
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        size_t n = strlen(acts[i].word);

        if (e->message.n >= n && memcmp(e->message.p, acts[i].word, n) == 0)
            return acts[i].act(self, tag);
    }
    return PBAY_OK;
}

/* ---- what it is told ---- */

static void settle(struct puppet *p, const json_t *command)
{
    int code = talk_code(talk_text(command, "code"));

    if (p->first == p->next) {
        fprintf(stderr, "puppet: nothing is kept\n");
        exit(3);
    }
    pbay_link_settle(p->link, p->kept[p->first++ % MAX_KEPT], (enum pbay_err)code);
}

static enum pbay_err puppet_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct puppet *p = self;
    const json_t *command;

    while ((command = talk_next(&p->talk))) {
        const char *what = talk_text(command, "do");

        if (strcmp(what, "lose") == 0) {
            snprintf(p->codes, sizeof p->codes, "%s", talk_text(command, "codes"));
            return pbay_link_fail(p->link, PBAY_IO, "the line is dead");
        }
        if (strcmp(what, "put") == 0) {
            talk_envelope(&p->talk, command, e);
            *tag = ++p->put;
            talk_say(json_pack("{s:I}", "put", (json_int_t)*tag));
            return PBAY_OK;
        }
        settle(p, command);
    }
    return PBAY_AGAIN;
}

static void puppet_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    (void)self;
    talk_say(json_pack("{s:s, s:I}", "outcome", pbay_err_name(err), "tag", (json_int_t)tag));
}

static int puppet_fd(void *self)
{
    return ((struct puppet *)self)->talk.over ? -1 : 0;
}

/* ---- the same with blocking slots ---- */

static enum pbay_err worker_send(void *self, const struct pbay_envelope *e)
{
    return puppet_send(self, e, 0);
}

int main(int argc, char **argv)
{
    const char *kind = getenv("PUPPET");
    struct pbay_conn_ops ops = {.class_name = CLASS,
                                .state_size = sizeof(struct puppet),
                                .connect = puppet_connect,
                                .disconnect = puppet_disconnect,
                                .send = puppet_send,
                                .receive = puppet_receive,
                                .outcome = puppet_outcome,
                                .fd = puppet_fd};
    const struct pbay_sync_ops sync = {
        .class_name = CLASS, .state_size = sizeof(struct puppet), .on_connect = puppet_connect, .on_send = worker_send};

    if (kind && strcmp(kind, "sync") == 0)
        return pbay_sync_main(argc, argv, &sync);
    if (kind && strcmp(kind, "mute") == 0)
        ops.send = NULL;
    return pbay_conn_main(argc, argv, &ops);
}
