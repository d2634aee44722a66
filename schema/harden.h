/* What a process gives up before it reads a stranger's first byte. Linux; what its kernel lacks is left out.
 *
 *   secrets  No core file; other processes of the same user can neither read its memory nor trace it.
 *   sandbox  No new privileges. Of the kernel's calls, those that Patchbay's own processes make (harden_calls.c): no
 *            programs, processes, namespaces, mounts, tracing, signals to others; the rest fails with EPERM, which the
 *            kernel's audit log tells of. And, where it is said which: files are written nowhere but in some folders.
 *
 * A build with sanitizers or for coverage has neither: they trace, and write files at the end. */
#ifndef PB_HARDEN_H
#define PB_HARDEN_H

#include <stdbool.h>
#include <stddef.h>

#define PB_HARDEN_FOLDERS 16

struct pb_sandbox {
    const char *who;                        /* begins the line on standard error that says what the kernel lacks */
    const char *folders[PB_HARDEN_FOLDERS]; /* to write in; those that do not exist are passed over */
    size_t n_folders;                       /* 0 = wherever the user may */
};

/* For a process that has a secret key, before it reads it. Again does no harm. */
void pb_harden_secrets(void);

/* Secrets, and the sandbox for this thread and those that it will start: to be called before the first of them. */
void pb_harden_enter(const struct pb_sandbox *sandbox);

/* harden_calls.c: from now on only these calls. false = errno: the kernel or the processor has no such thing. */
bool pb_harden_calls(void);

#endif
