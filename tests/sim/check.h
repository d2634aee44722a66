/* The checker of the simulation. It knows nothing of the code under test: it is told what processes did and sees the
 * bytes that travelled. Numbers I1 to I8 are those of schema/SPEC.md section 1.3. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHK_PROTOCOLS 3
#define CHK_CONNS     4

enum chk_class { CHK_SAFE = 1, CHK_KEYED = 2, CHK_NEVER = 3 };

/* What the application gave to its session. `flow` numbers the ordered flows (one sending process and one key). */
struct chk_put {
    int process, agent, flow;
    int conn;     /* >= 0: the sender is that connection */
    int protocol; /* index */
    bool keyed, never, poison;
};

void chk_start(void (*fail)(const char *text));
void chk_allow(int conn, int protocol, bool allowed);  /* the broker's configuration from now on */
void chk_put(uint32_t uid, const struct chk_put *put); /* accepted */
void chk_outcome(uint32_t uid, int code);              /* the sender's code was told */
/* What the world knows of the two processes; the first two excuse what SPEC 3.9 calls the known residue, and nothing
 * else. */
enum {
    CHK_FENCED = 1,   /* the receiver: another process has its name, and it has not heard that yet */
    CHK_RETURNED = 2, /* the sender: fenced by a broker that crashed before it could hear that, so it is back */
    CHK_DEAD = 4
}; /* the receiver: declared dead by the broker */
void chk_shown(uint32_t uid, int process, int agent, int conn, unsigned about);
void chk_finished(uint32_t uid, bool ok);                        /* it has finished with it, well or not */
void chk_given(const uint8_t *p, size_t n, int agent, int conn); /* bytes that left the broker for such a node */
void chk_pool(uint64_t pool, uint64_t used);                     /* credit: granted or held, of what there is */
void chk_sum(uint64_t used, uint64_t sum);                       /* the same as told and as added up */
int chk_open(bool (*alive)(int process));                        /* I8: uid without an end whose sender lives, or -1 */
void chk_totals(uint64_t *shown, uint64_t *again, uint64_t by_code[64]);

#endif
