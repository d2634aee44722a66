/* A mediator's client over a network that loses questions and answers, with restarts and changing keys, by a seed;
 * VCX_SEED=N for one of them. In the end, when nothing is lost any more, the mediator has exactly the keys that are
 * wanted, and every envelope has been given. */
#include "tests/unit/vcx_mediate_world.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS   150
#define STEPS   200
#define NUMBERS 40 /* of keys */

struct story {
    struct mediate_world w;
    bool wanted[NUMBERS];
    unsigned posted;
};

static void act_serve(struct story *s)
{
    size_t n = json_array_size(s->w.asked);

    if (n)
        mediate_serve(&s->w, world_dice(&s->w.w, (unsigned)n), world_dice(&s->w.w, 4) == 0);
}

static void act_lose(struct story *s)
{
    size_t n = json_array_size(s->w.asked);

    if (n)
        mediate_lose(&s->w, world_dice(&s->w.w, (unsigned)n));
}

static void act_wait(struct story *s)
{
    if (s->w.due != INT64_MAX && s->w.due > s->w.w.now)
        s->w.w.now = s->w.due;
    mediate_turn(&s->w);
}

static void act_want(struct story *s)
{
    unsigned number = world_dice(&s->w.w, NUMBERS);
    uint8_t key[VCX_KEY];

    s->wanted[number] = world_dice(&s->w.w, 3) > 0;
    mediate_key(key, number);
    assert_true(s->wanted[number] ? vcx_mediate_want(s->w.m, key) : vcx_mediate_drop(s->w.m, key));
    mediate_turn(&s->w);
}

static void act_post(struct story *s)
{
    char name[16];

    (void)snprintf(name, sizeof name, "e%u", s->posted++);
    mediate_post(&s->w, name);
}

static void act_restart(struct story *s)
{
    uint8_t key[VCX_KEY];

    if (world_dice(&s->w.w, 4))
        return;
    mediate_restart(&s->w);
    for (unsigned i = 0; i < NUMBERS; i++) {
        mediate_key(key, i);
        assert_true(s->wanted[i] ? vcx_mediate_want(s->w.m, key) : vcx_mediate_drop(s->w.m, key));
    }
    mediate_turn(&s->w);
}

static void (*const acts[])(struct story *) = {act_serve, act_serve, act_serve, act_lose,
                                               act_wait,  act_want,  act_post,  act_restart};

static void check_end(const struct story *s, uint64_t seed)
{
    size_t n = 0;

    for (unsigned i = 0; i < NUMBERS; i++) {
        uint8_t key[VCX_KEY];
        char text[VCX_MAX_DID_KEY];

        mediate_key(key, i);
        vcx_did_key_text(VCX_ED25519, key, text);
        n += s->wanted[i];
        if (s->wanted[i] != (json_object_get(s->w.keys, text) != NULL) || s->wanted[i] != vcx_mediate_has(s->w.m, key))
            fail_msg("seed=%llu: key %u", (unsigned long long)seed, i);
    }
    if (json_object_size(s->w.keys) != n || json_object_size(s->w.given) != s->posted || json_array_size(s->w.queue))
        fail_msg("seed=%llu: %zu of %zu keys, %zu of %u envelopes", (unsigned long long)seed,
                 json_object_size(s->w.keys), n, json_object_size(s->w.given), s->posted);
}

static void run(uint64_t seed)
{
    struct story *s = pb_alloc(sizeof *s);

    mediate_open(&s->w, &(struct vcx_mediate_conf){.wait_ms = seed % 2 ? 20000 : 0});
    s->w.w.seed = seed;
    s->w.denials = seed % 5 == 0;
    mediate_turn(&s->w);
    for (unsigned steps = world_dice(&s->w.w, STEPS); steps; steps--) {
        acts[world_dice(&s->w.w, COUNT(acts))](s);
        assert_true(json_array_size(s->w.asked) <= STEPS);
    }
    while (json_array_size(s->w.asked))
        mediate_lose(&s->w, 0);
    for (int i = 0; i < 20; i++) {
        act_wait(s);
        mediate_settle(&s->w);
    }
    check_end(s, seed);
    mediate_close(&s->w);
    free(s);
}

static void test_seeds(void **state)
{
    const char *one = getenv("VCX_SEED");

    (void)state;
    for (uint64_t seed = 0; !one && seed < SEEDS; seed++)
        run(seed);
    if (one)
        run(strtoull(one, NULL, 10));
}

static int setup(void **state)
{
    (void)state;
    return vcx_init() ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
