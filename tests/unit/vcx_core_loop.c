/* Handshakes over a bad network and in processes that die: a seed decides what is dropped, doubled, delayed, reordered,
 * and who crashes when. Afterwards the network is good, or cut off for ever, or one side has revoked; nobody may be
 * left waiting, and nothing may have happened twice. VCX_SEED=N runs that seed alone and tells its story. */
#include "tests/unit/vcx_core_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS      2000
#define STEPS      40
#define CHAOS_MS   600000  /* at most, in all: well within the hour that the connections have */
#define LIFETIME   3600000 /* of connect, in milliseconds */
#define MAX_ROUNDS 200

enum ending { GOOD, CUT, REVOKED };

struct story {
    struct core_world w;
    struct core_pair pair;
    enum ending ending;
    unsigned said[SIDES]; /* messages, by the side that said them */
};

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

static const char *id_of(const struct story *s, int side)
{
    return side == s->pair.inviter ? s->pair.inviter_id : s->pair.invitee_id;
}

/* ---- what may happen ---- */

static void act_deliver(struct story *s)
{
    char why[VCX_WHY];

    if (s->w.mail_n)
        (void)world_deliver(&s->w, world_dice(&s->w, (unsigned)s->w.mail_n), world_dice(&s->w, 4) == 0, why);
}

static void act_drop(struct story *s)
{
    if (s->w.mail_n)
        world_drop(&s->w, world_dice(&s->w, (unsigned)s->w.mail_n));
}

static void act_wait(struct story *s)
{
    s->w.now += world_dice(&s->w, CHAOS_MS / STEPS);
    (void)world_tick(&s->w);
}

static void act_restart(struct story *s)
{
    world_restart(&s->w, (int)world_dice(&s->w, SIDES));
}

/* Dies while it handles an envelope: before it has stored what came of it, or after that and before sending it. */
static void act_crash(struct story *s)
{
    size_t at;
    int to;
    char why[VCX_WHY];

    if (!s->w.mail_n)
        return;
    at = world_dice(&s->w, (unsigned)s->w.mail_n);
    to = s->w.mail[at].to;
    (void)vcx_core_receive(s->w.sides[to].core, vcx_view(&s->w.mail[at].envelope), s->w.now, why);
    if (world_dice(&s->w, 2))
        world_store(&s->w, to);
    world_drop(&s->w, at);
    world_restart(&s->w, to);
}

static void act_talk(struct story *s)
{
    int side = (int)world_dice(&s->w, SIDES);
    struct vcx_core *core = s->w.sides[side].core;
    char why[VCX_WHY];

    if (world_dice(&s->w, 2))
        (void)vcx_core_ping(core, id_of(s, side), NULL, NULL, why);
    else
        s->said[side] += vcx_core_send(core, id_of(s, side), pbay_str("hello"), NULL, s->w.now, NULL, why) == VCX_OK;
    world_turn(&s->w, side);
}

static void (*const acts[])(struct story *) = {act_deliver, act_deliver, act_deliver, act_drop,
                                               act_wait,    act_restart, act_crash,   act_talk};

/* ---- what must be so ---- */

static unsigned count(const char *trace, const char *word)
{
    unsigned n = 0;

    for (const char *p = trace; (p = strstr(p, word)); p++)
        n++;
    return n;
}

static void check_always(const struct story *s, uint64_t seed)
{
    for (int i = 0; i < SIDES; i++) {
        const char *trace = s->w.sides[i].trace;

        if (count(trace, "2>3") > 1 || count(trace, "3>4") > 1 || count(trace, "message") > s->said[1 - i] ||
            (s->ending != REVOKED && strstr(trace, "4>")))
            fail_msg("seed=%llu: side %d: %s", (unsigned long long)seed, i, trace);
    }
}

static void check_end(const struct story *s, uint64_t seed)
{
    const struct vcx_conn *conns[SIDES];
    bool good = true;

    for (int i = 0; i < SIDES; i++) {
        conns[i] = vcx_core_find(s->w.sides[i].core, id_of(s, i));
        good = good && (s->ending == GOOD ? conns[i]->state == VCX_ACCEPTED
                                          : conns[i]->state != VCX_OFFERED && conns[i]->state != VCX_REQUESTED);
    }
    if (good && s->ending == GOOD)
        good = vcx_conn_knows(conns[0], conns[1]->own) && vcx_conn_knows(conns[1], conns[0]->own) &&
               conns[0]->handshake == conns[1]->handshake;
    if (!good)
        fail_msg("seed=%llu: ends in %d and %d; alice %s; bob %s", (unsigned long long)seed, (int)conns[0]->state,
                 (int)conns[1]->state, s->w.sides[0].trace, s->w.sides[1].trace);
}

/* ---- a story ---- */

static void begin(struct story *s, uint64_t seed)
{
    static const enum vcx_protocol wishes[][2] = {
        {VCX_CONNECTIONS, VCX_AUTO}, {VCX_AUTO, VCX_CONNECTIONS}, {VCX_AUTO, VCX_AUTO}};
    unsigned wish;

    *s = (struct story){.ending = GOOD};
    world_open(&s->w, seed);
    s->pair.inviter = (int)world_dice(&s->w, SIDES);
    wish = world_dice(&s->w, COUNT(wishes));
    s->ending = (enum ending[]){GOOD, GOOD, CUT, REVOKED}[world_dice(&s->w, 4)];
    world_offer(&s->w, &s->pair, wishes[wish][0]);
    world_follow(&s->w, &s->pair, wishes[wish][1]);
}

/* The rest of the time: nothing happens but what is due. */
static void finish(struct story *s, uint64_t seed)
{
    char why[VCX_WHY];

    for (int i = 0; i < MAX_ROUNDS; i++) {
        int64_t due;

        while (s->w.mail_n) {
            if (s->ending == CUT)
                world_drop(&s->w, 0);
            else
                (void)world_deliver(&s->w, 0, false, why);
            check_always(s, seed);
        }
        due = world_tick(&s->w);
        if (due == INT64_MAX && !s->w.mail_n)
            return;
        assert_true(due > START && (due == INT64_MAX || due <= START + LIFETIME));
        if (due != INT64_MAX && due > s->w.now)
            s->w.now = due;
    }
    fail_msg("seed=%llu: it does not come to an end", (unsigned long long)seed);
}

static void run(uint64_t seed, bool tell)
{
    struct story *s = pb_alloc(sizeof *s);
    char why[VCX_WHY];
    int revoker;

    begin(s, seed);
    for (unsigned steps = world_dice(&s->w, STEPS); steps; steps--) {
        acts[world_dice(&s->w, COUNT(acts))](s);
        check_always(s, seed);
    }
    if (s->ending == REVOKED) {
        revoker = (int)world_dice(&s->w, SIDES);
        (void)vcx_core_revoke(s->w.sides[revoker].core, id_of(s, revoker), why);
        world_turn(&s->w, revoker);
    }
    finish(s, seed);
    check_end(s, seed);
    if (tell)
        print_message("alice: %s\nbob: %s\n", s->w.sides[ALICE].trace, s->w.sides[BOB].trace);
    world_close(&s->w);
    free(s);
}

static void test_seeds(void **state)
{
    const char *one = getenv("VCX_SEED");

    (void)state;
    if (one) {
        run(strtoull(one, NULL, 10), true);
        return;
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        run(seed, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
