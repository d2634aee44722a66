/* Faults that the simulator's build plants on purpose, to prove that its checker would see them. In the product PB_MUT
 * is 0 and nothing of this exists. tests/sim/README.md says what each one breaks. */
#ifndef PB_MUTATION_H
#define PB_MUTATION_H

#define PB_MUTATION_LIST(X)                                                   \
    X(SETTLE_EARLY)    /* receiver settles what it has only been given */     \
    X(FORGET_HELD)     /* receiver forgets, at a new round, what it holds */  \
    X(NO_ROUND)        /* broker takes a PUB of any round */                  \
    X(NO_PREV)         /* nobody looks at prev */                             \
    X(NO_CONFIRM)      /* HELLO takes effect at once */                       \
    X(NO_FENCE)        /* the older process is not told */                    \
    X(LEAK_CREDIT)     /* settled bytes never return to the pool */           \
    X(NO_RECHECK)      /* restrictions are not looked at again at dispatch */ \
    X(NO_BARRIER)      /* dispatch goes on while an END is pending */         \
    X(TRUST_RECONNECT) /* frame counts are not compared */                    \
    X(LONE_PER_STREAM) /* a suspect shares its receiver with other streams */ \
    X(NO_LEASE)        /* a receiver starts envelopes without a fresh PONG */ \
    X(NO_RELEASE)      /* a stream leaves a living receiver without asking */ \
    X(NO_STAMP)        /* the sender does not end `never` envelopes when the receiver changed */

#ifdef PB_MUTATIONS
enum pb_mutation {
    PB_MUT_NONE,
#define PB_MUT_ENUM(name) PB_MUT_##name,
    PB_MUTATION_LIST(PB_MUT_ENUM)
#undef PB_MUT_ENUM
        PB_MUT_COUNT
};
extern int pb_mutation;
#define PB_MUT(name) (pb_mutation == PB_MUT_##name)
#else
#define PB_MUT(name) 0
#endif

/* The benchmark's build without settlement and credit, to know what they cost: an envelope has ended when it is sent.
 */
#ifdef PB_BENCH_UNSETTLED
#define PB_UNSETTLED 1
#else
#define PB_UNSETTLED 0
#endif

#endif
