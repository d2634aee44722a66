/* The calls that Patchbay's processes and their libraries make (libzmq, libmicrohttpd, libcurl, OpenSSL, glibc with its
 * resolver), as a filter of the kernel's: seccomp(2). A call that is missing fails with EPERM, and the audit log of
 * the kernel names it; one that is newer than this list fails with ENOSYS, after which glibc takes an older one.
 *
 * To add a call: to `plain`, or, when only some values of an argument are harmless, to `with_argument`. Those that an
 * architecture does not have are within #ifdef. */
#include "schema/harden.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#if defined(PATCHBAY_NO_SANDBOX)
#elif defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define LAST_KNOWN SYS_set_mempolicy_home_node
#define MAX_VALUES 4
#define ROOM       512 /* instructions */

#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(offset)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))

static const uint16_t plain[] = {
    /* memory, threads, time */
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mlock, SYS_munlock, SYS_futex, SYS_rseq, SYS_set_robust_list,
    SYS_membarrier, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_getcpu, SYS_exit,
    SYS_exit_group, SYS_restart_syscall, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres,
    SYS_gettimeofday, SYS_getrandom, SYS_uname, SYS_sysinfo, SYS_getrusage,
    /* signals to oneself */
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_signalfd4,
    /* descriptors */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_close, SYS_close_range,
    SYS_dup, SYS_dup3, SYS_fcntl, SYS_pipe2, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
    SYS_epoll_pwait2, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_inotify_init1, SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
    /* files */
    SYS_openat, SYS_newfstatat, SYS_fstat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getcwd,
    SYS_getdents64, SYS_statfs, SYS_fstatfs, SYS_umask, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
    SYS_fallocate, SYS_fadvise64, SYS_fchmod, SYS_fchown, SYS_fchmodat, SYS_mkdirat, SYS_unlinkat, SYS_linkat,
    SYS_renameat, SYS_renameat2, SYS_sendfile,
    /* sockets */
    SYS_socketpair, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_shutdown, SYS_getsockname,
    SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_recvfrom, SYS_recvmsg,
    SYS_recvmmsg,
#ifdef __x86_64__ /* the older forms of some of these */
    SYS_time, SYS_getrlimit, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd,
    SYS_inotify_init, SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_chmod, SYS_mkdir,
    SYS_rmdir, SYS_unlink, SYS_link, SYS_rename
#endif
};

/* Allowed when (argument & mask) is one of the values. */
struct checked {
    uint16_t call;
    uint8_t argument, n;
    uint32_t mask, values[MAX_VALUES];
};

static const struct checked with_argument[] = {
    {SYS_clone, 0, 1, CLONE_THREAD, {CLONE_THREAD}},
    {SYS_mmap, 2, 3, PROT_WRITE | PROT_EXEC, {0, PROT_WRITE, PROT_EXEC}},
    {SYS_mprotect, 2, 1, PROT_EXEC, {0}},
    {SYS_prctl, 0, 3, UINT32_MAX, {PR_SET_NAME, PR_SET_PDEATHSIG, PR_GET_DUMPABLE}},
    {SYS_prlimit64, 0, 1, UINT32_MAX, {0}},
    {SYS_sched_setscheduler, 1, 1, UINT32_MAX, {SCHED_OTHER}}, /* libzmq aborts without it */
    {SYS_socket, 0, 4, UINT32_MAX, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}},
    {SYS_ioctl, 1, 3, UINT32_MAX, {FIONREAD, FIONBIO, TCGETS}},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A filter that is being made. */
struct program {
    struct sock_filter code[ROOM];
    uint16_t n;
};

static void add(struct program *p, struct sock_filter instruction)
{
    p->code[p->n++] = instruction;
}

/* The next instruction is passed over when what was loaded is another value. */
static void unless(struct program *p, uint32_t value, uint8_t passed)
{
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, passed));
}

static void add_checked(struct program *p, const struct checked *c)
{
    unless(p, c->call, (uint8_t)(3 + 2 * c->n));
    add(p, (struct sock_filter)LOAD(offsetof(struct seccomp_data, args) + c->argument * sizeof(uint64_t)));
    add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c->mask));
    for (size_t i = 0; i < c->n; i++) {
        unless(p, c->values[i], 1);
        add(p, (struct sock_filter)ALLOW);
    }
    add(p, (struct sock_filter)REFUSE(EPERM));
}

static void begin(struct program *p)
{
    p->n = 0;
    add(p, (struct sock_filter)LOAD(offsetof(struct seccomp_data, arch)));
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    add(p, (struct sock_filter)LOAD(offsetof(struct seccomp_data, nr)));
}

/* Nothing is wrong with trying these: they are not logged. */
static void compose_unknown(struct program *p)
{
    begin(p);
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN, 1, 0));
    unless(p, SYS_clone3, 1); /* whose flags are in memory, where they cannot be looked at */
    add(p, (struct sock_filter)REFUSE(ENOSYS));
    add(p, (struct sock_filter)ALLOW);
}

static void compose_list(struct program *p)
{
    /* abort and raise */
    const struct checked own_signals = {SYS_tgkill, 0, 1, UINT32_MAX, {(uint32_t)getpid()}};

    begin(p);
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN, 0, 1)); /* left to the other filter */
    add(p, (struct sock_filter)ALLOW);
    unless(p, SYS_clone3, 1);
    add(p, (struct sock_filter)ALLOW);
    for (size_t i = 0; i < COUNT(plain); i++) {
        unless(p, plain[i], 1);
        add(p, (struct sock_filter)ALLOW);
    }
    for (size_t i = 0; i < COUNT(with_argument); i++)
        add_checked(p, &with_argument[i]);
    add_checked(p, &own_signals);
    add(p, (struct sock_filter)REFUSE(EPERM));
}

static bool install(struct program *p, unsigned flags)
{
    const struct sock_fprog filter = {.len = p->n, .filter = p->code};

    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter) == 0;
}

_Static_assert(2 * COUNT(plain) + (4 + 2 * MAX_VALUES) * (COUNT(with_argument) + 1) + 9 <= ROOM, "it has room");

/* Of what two filters say, the kernel takes the refusal. */
bool pb_harden_calls(void)
{
    struct program unknown, list;

    compose_unknown(&unknown);
    compose_list(&list);
    return install(&unknown, 0) && install(&list, SECCOMP_FILTER_FLAG_LOG);
}

#else

bool pb_harden_calls(void)
{
    errno = ENOSYS;
    return false;
}

#endif
