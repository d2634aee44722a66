/* sim [-n SEEDS] [-s FIRST] [-k FAULTS] [-h HITS] [-m MUTATION] [-f FAULT,...] [-v]
 * sim golden DIRECTORY [--bless]
 * Runs seeds and prints what broke; exit 1 if anything did. With -m exit 0 when the planted fault was caught. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/mutation.h"
#include "world.h"

#define FAULTS_USUAL 72 /* of each seed: then every fault meets every state of a stream often enough, see -h */

int pb_mutation;

static const char *const mutations[] = {"NONE",
#define NAME(name) #name,
                                        PB_MUTATION_LIST(NAME)
#undef NAME
};
static const char *const faults[] = {
#define NAME(name, function) #name,
    FAULTS(NAME)
#undef NAME
};

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    fprintf(stderr, "sim: unknown name %s\n", name);
    exit(2);
}

static int fault_mask(char *list)
{
    int mask = 0;

    for (char *name = strtok(list, ","); name; name = strtok(NULL, ","))
        mask |= 1 << find(faults, N_FAULTS, name);
    return mask;
}

static void print_hits(void)
{
    printf("%-16s %9s %9s %9s %9s   (faults while a stream was so)\n", "", "waiting", "asking", "open", "releasing");
    for (int f = 0; f < N_FAULTS; f++)
        printf("%-16s %9llu %9llu %9llu %9llu\n", faults[f], (unsigned long long)fault_hits[f][0],
               (unsigned long long)fault_hits[f][1], (unsigned long long)fault_hits[f][2],
               (unsigned long long)fault_hits[f][3]);
}

static void print_totals(void)
{
    uint64_t shown, again, by_code[64];

    chk_totals(&shown, &again, by_code);
    printf("shown %llu, again %llu; ends:", (unsigned long long)shown, (unsigned long long)again);
    for (int i = 0; i < 64; i++) {
        if (by_code[i])
            printf(" %s %llu", pbay_err_name((enum pbay_err)i), (unsigned long long)by_code[i]);
    }
    putchar('\n');
}

/* Every fault in every state often enough, or the run has proven less than it says. */
static bool hits_reach(uint64_t least)
{
    for (int f = 0; f < N_FAULTS; f++) {
        for (int s = 0; s < 4; s++) {
            if (fault_hits[f][s] < least)
                return false;
        }
    }
    return true;
}

static bool replays(struct world *w, uint64_t seed, int n_faults, int mask)
{
    uint64_t first;

    world_run(w, seed, n_faults, mask, NULL);
    first = w->trace_hash;
    world_run(w, seed, n_faults, mask, NULL);
    return w->trace_hash == first;
}

/* A planted fault may also trip an assertion of the code itself. */
static void aborted(int signal_number)
{
    static const char text[] = "caught by an assertion\n";

    (void)signal_number;
    _exit(pb_mutation && write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 0 : 1);
}

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t n = 1000, first = 1, bad = 0, least = 0;
    int n_faults = FAULTS_USUAL, mask = (1 << N_FAULTS) - 1;
    bool verbose = false;

    if (argc >= 3 && strcmp(argv[1], "golden") == 0)
        return golden(argv[2], argc > 3 && strcmp(argv[3], "--bless") == 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else if (i + 1 == argc)
            return 2;
        else if (strcmp(argv[i], "-n") == 0)
            n = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-s") == 0)
            first = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-k") == 0)
            n_faults = atoi(argv[++i]);
        else if (strcmp(argv[i], "-h") == 0)
            least = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-m") == 0)
            pb_mutation = find(mutations, PB_MUT_COUNT, argv[++i]);
        else if (strcmp(argv[i], "-f") == 0)
            mask = fault_mask(argv[++i]);
        else
            return 2;
    }
    if (pb_mutation)
        signal(SIGABRT, aborted);
    for (uint64_t seed = first; seed < first + n; seed++) {
        if (world_run(&w, seed, n_faults, mask, verbose ? stdout : NULL))
            continue;
        printf("seed=%llu %s\n", (unsigned long long)seed, w.why);
        if (pb_mutation) {
            printf("%s caught after %llu seeds\n", mutations[pb_mutation], (unsigned long long)(seed - first + 1));
            return 0;
        }
        if (++bad >= 10)
            break;
    }
    if (pb_mutation) {
        printf("%s not caught in %llu seeds\n", mutations[pb_mutation], (unsigned long long)n);
        return 1;
    }
    print_hits();
    print_totals();
    if (!replays(&w, first, n_faults, mask) && ++bad)
        printf("the same seed gave another trace\n");
    if (!hits_reach(least) && ++bad)
        printf("a fault met a state less than %llu times\n", (unsigned long long)least);
    printf("%llu seeds, %llu bad\n", (unsigned long long)n, (unsigned long long)bad);
    return bad != 0;
}
