#include "schema/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of later kernels than the headers. */
#define TRUNCATE        (UINT64_C(1) << 14)
#define ABI_OF_TRUNCATE 3

#define WRITING                                                                                       \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define NEVER                                                                                    \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)

#ifdef PATCHBAY_NO_SANDBOX

void pb_harden_secrets(void)
{
}

void pb_harden_enter(const struct pb_sandbox *sandbox)
{
    (void)sandbox;
}

#else

void pb_harden_secrets(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    if (prctl(PR_GET_DUMPABLE) != 0) /* in the sandbox it cannot be set any more */
        (void)prctl(PR_SET_DUMPABLE, 0);
}

static bool allow(int rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    bool good;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT;
    good = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return good;
}

static bool restrict_files(const struct pb_sandbox *s)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    uint64_t writing = WRITING | (abi >= ABI_OF_TRUNCATE ? TRUNCATE : 0);
    struct landlock_ruleset_attr attr = {.handled_access_fs = writing | NEVER};
    bool good;
    int rules;

    if (abi < 0)
        return false;
    rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (rules < 0)
        return false;
    good = allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
    for (size_t i = 0; good && i < s->n_folders; i++)
        good = allow(rules, s->folders[i], writing);
    good = good && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    close(rules);
    return good;
}

static void say(const struct pb_sandbox *s, const char *what)
{
    fprintf(stderr, "%s: sandbox: %s: %s\n", s->who, what, strerror(errno));
}

void pb_harden_enter(const struct pb_sandbox *sandbox)
{
    pb_harden_secrets();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        say(sandbox, "without the rest, as privileges can be gained");
    else if (sandbox->n_folders && !restrict_files(sandbox))
        say(sandbox, "files are written wherever the user may");
    if (!pb_harden_calls())
        say(sandbox, "every call of the kernel is allowed");
}

#endif
