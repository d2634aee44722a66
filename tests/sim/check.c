#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_UIDS      4096
#define MAX_FLOWS     512
#define MAX_PROCESSES 256
#define OUTCOME_OK    0
#define FAILED        24
#define UNKNOWN       22
#define POISON        23

struct uid {
    struct chk_put put;
    bool known, ended, finished, failed;
    int code;
    uint32_t order; /* of its put in its flow */
    uint32_t shown;
    uint8_t shown_to[MAX_PROCESSES / 8];
};

static struct {
    void (*fail)(const char *);
    struct uid uids[MAX_UIDS];
    uint32_t n;
    uint32_t puts[MAX_FLOWS], first[MAX_FLOWS];
    bool allow[CHK_CONNS][CHK_PROTOCOLS];
} k;
static uint64_t total_shown, total_again, total_code[64];

static void violation(const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    k.fail(text);
}

void chk_start(void (*fail)(const char *))
{
    memset(&k, 0, sizeof k);
    k.fail = fail;
    memset(k.allow, 1, sizeof k.allow);
}

void chk_allow(int conn, int protocol, bool allowed)
{
    k.allow[conn][protocol] = allowed;
}

static struct uid *at(uint32_t uid)
{
    static struct uid stranger;

    if (uid < MAX_UIDS && k.uids[uid].known)
        return &k.uids[uid];
    violation("an envelope that nobody put: %u", uid);
    memset(&stranger, 0, sizeof stranger);
    return &stranger;
}

void chk_put(uint32_t uid, const struct chk_put *put)
{
    k.uids[uid] = (struct uid){.put = *put, .known = true, .order = ++k.puts[put->flow]};
    if (uid >= k.n)
        k.n = uid + 1;
}

void chk_outcome(uint32_t uid, int code)
{
    struct uid *u = at(uid);

    total_code[code & 63]++;
    if (u->ended)
        violation("I7 two ends: #%u %d then %d", uid, u->code, code);
    u->ended = true;
    u->code = code;
    if (code == OUTCOME_OK && !u->finished)
        violation("I1 settled but never finished: #%u", uid);
    if (code == FAILED && !u->failed)
        violation("I7 FAILED, but no receiver said so: #%u", uid);
    if (code != OUTCOME_OK && code != UNKNOWN && code != POISON && code != FAILED && u->shown)
        violation("I7 end %d of an envelope that was shown: #%u", code, uid);
    if (code == POISON && !u->put.poison)
        violation("I7 an innocent envelope ended POISON: #%u", uid);
}

void chk_shown(uint32_t uid, int process, int agent, int conn, unsigned about)
{
    bool returned = about & CHK_RETURNED, fenced = about & CHK_FENCED;
    struct uid *u = at(uid);
    uint32_t *first = &k.first[u->put.flow];

    total_shown++;
    if (u->shown_to[process / 8] & 1U << process % 8 && !returned)
        violation("I2 shown twice to one process: #%u", uid);
    u->shown_to[process / 8] |= (uint8_t)(1U << process % 8);
    if (about & CHK_DEAD && !fenced)
        violation("I3 shown by a process that the broker has declared dead: #%u", uid);
    if (agent != u->put.agent || (conn >= 0) == (u->put.conn >= 0))
        violation("I5 shown to another agent's process: #%u", uid);
    if (u->shown && u->put.never && !returned)
        violation("I7 may not be repeated and was shown twice: #%u", uid);
    if (u->ended && !u->shown && u->code != OUTCOME_OK && u->code != UNKNOWN && u->code != POISON)
        violation("I7 shown after its end %d: #%u", u->code, uid);
    if (u->shown)
        total_again++;
    else if (u->order < *first && !returned && !fenced)
        violation("I3 #%u is number %u of its flow and was first shown after number %u", uid, u->order, *first);
    else if (u->order > *first)
        *first = u->order;
    u->shown++;
}

void chk_finished(uint32_t uid, bool ok)
{
    struct uid *u = at(uid);

    u->finished |= ok;
    u->failed |= !ok;
}

static bool read_hex(const uint8_t *p, uint32_t *v)
{
    *v = 0;
    for (int i = 0; i < 8; i++) {
        const char *digits = "0123456789abcdef", *d = memchr(digits, p[i], 16);

        if (!d)
            return false;
        *v = *v << 4 | (uint32_t)(d - digits);
    }
    return true;
}

/* Envelopes carry "uid=" and eight digits somewhere in their bytes: enough to know them without a decoder. */
void chk_given(const uint8_t *p, size_t n, int agent, int conn)
{
    for (size_t i = 0; i + 12 <= n; i++) {
        uint32_t uid;
        struct uid *u;
        int via;

        if (memcmp(p + i, "uid=", 4) != 0 || !read_hex(p + i + 4, &uid))
            continue;
        u = at(uid);
        via = conn >= 0 ? conn : u->put.conn;
        if (via >= 0 && !k.allow[via][u->put.protocol])
            violation("I4 given against a restriction: #%u", uid);
        if (agent != u->put.agent)
            violation("I5 given to another agent's node: #%u", uid);
    }
}

void chk_pool(uint64_t pool, uint64_t used)
{
    if (used > pool)
        violation("I6 granted and held: %llu of %llu", (unsigned long long)used, (unsigned long long)pool);
}

void chk_sum(uint64_t used, uint64_t sum)
{
    if (used != sum)
        violation("I6 credit is not conserved: %llu counted, %llu added up", (unsigned long long)used,
                  (unsigned long long)sum);
}

int chk_open(bool (*alive)(int))
{
    for (uint32_t i = 0; i < k.n; i++) {
        if (k.uids[i].known && !k.uids[i].ended && alive(k.uids[i].put.process))
            return (int)i;
    }
    return -1;
}

void chk_totals(uint64_t *shown, uint64_t *again, uint64_t by_code[64])
{
    *shown = total_shown;
    *again = total_again;
    memcpy(by_code, total_code, sizeof total_code);
}
