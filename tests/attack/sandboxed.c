/* What somebody might try who has taken a process over, in the sandbox or out of it. One line each: "NAME: ERRNO", "ok"
 * when it worked.
 *
 * usage: sandboxed {none|calls|files} INSIDE OUTSIDE    two folders; with `files` only INSIDE may be written in */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "schema/harden.h"

static const char *inside, *outside;

static int path(char *p, const char *folder, const char *name)
{
    return snprintf(p, 4096, "%s/%s", folder, name);
}

/* ---- what is refused ---- */

static long try_execve(void)
{
    char *const argv[] = {NULL};

    return execve("/no/such/program", argv, argv);
}

static long try_execveat(void)
{
    return syscall(SYS_execveat, -1, "/no/such/program", NULL, NULL, 0);
}

static long try_fork(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child > 0 ? waitpid(child, NULL, 0) : child;
}

static long try_namespace(void)
{
    return syscall(SYS_unshare, 0);
}

static long try_ptrace(void)
{
    return ptrace(PTRACE_PEEKDATA, getppid(), NULL, NULL);
}

static long try_read_memory(void)
{
    return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
}

static long try_signal(void)
{
    return kill(getppid(), 0);
}

static long try_mount(void)
{
    return mount("none", "/no/such/folder", "tmpfs", 0, NULL);
}

static long try_chroot(void)
{
    return chroot("/no/such/folder");
}

static long try_module(void)
{
    return syscall(SYS_finit_module, -1, "", 0x10000);
}

static long try_bpf(void)
{
    return syscall(SYS_bpf, 0x10000, NULL, 0);
}

static long try_io_uring(void)
{
    return syscall(SYS_io_uring_register, -1, 0, NULL, 0);
}

static long try_new_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                                  : 0;
}

static long try_changed_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long try_type(void)
{
    return ioctl(0, TIOCSTI, "x");
}

static long try_socket(void)
{
    return socket(AF_MAX, SOCK_STREAM, 0);
}

static long try_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1);
}

/* ---- what is refused when folders are named ---- */

static long try_create(const char *folder)
{
    char p[4096];
    int fd;

    path(p, folder, "created");
    fd = open(p, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

static long try_create_outside(void)
{
    return try_create(outside);
}

static long try_write_outside(void)
{
    char p[4096];

    path(p, outside, "file");
    return open(p, O_WRONLY | O_CLOEXEC);
}

static long try_truncate_outside(void)
{
    char p[4096];

    path(p, outside, "file");
    return open(p, O_RDONLY | O_TRUNC | O_CLOEXEC);
}

static long try_remove_outside(void)
{
    char p[4096];

    path(p, outside, "other");
    return unlink(p);
}

static long try_folder_outside(void)
{
    char p[4096];

    path(p, outside, "folder");
    return mkdir(p, 0700);
}

static long try_move_outside(void)
{
    char from[4096], to[4096];

    path(from, inside, "file");
    path(to, outside, "moved");
    return rename(from, to);
}

static long try_link_inside(void)
{
    char p[4096];

    path(p, inside, "link");
    return symlink(outside, p);
}

/* ---- what works ---- */

static long try_create_inside(void)
{
    return try_create(inside);
}

static long try_read_outside(void)
{
    char p[4096];

    path(p, outside, "file");
    return open(p, O_RDONLY | O_CLOEXEC);
}

static long try_write_null(void)
{
    return open("/dev/null", O_WRONLY | O_TRUNC | O_CLOEXEC);
}

static void *nothing(void *arg)
{
    return arg;
}

static long try_thread(void)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno ? -1 : pthread_join(thread, NULL);
}

static long try_later_call(void)
{
    return syscall(1 << 20);
}

static long try_raise(void)
{
    return raise(SIGCONT);
}

struct attempt {
    const char *name;
    long (*run)(void);
};

static const struct attempt attempts[] = {
    {"execve", try_execve},
    {"execveat", try_execveat},
    {"fork", try_fork},
    {"namespace", try_namespace},
    {"ptrace", try_ptrace},
    {"read_memory", try_read_memory},
    {"signal", try_signal},
    {"mount", try_mount},
    {"chroot", try_chroot},
    {"module", try_module},
    {"bpf", try_bpf},
    {"io_uring", try_io_uring},
    {"new_code", try_new_code},
    {"changed_code", try_changed_code},
    {"type", try_type},
    {"socket", try_socket},
    {"dumpable", try_dumpable},
    {"create_outside", try_create_outside},
    {"write_outside", try_write_outside},
    {"folder_outside", try_folder_outside},
    {"move_outside", try_move_outside},
    {"remove_outside", try_remove_outside},
    {"truncate_outside", try_truncate_outside},
    {"link_inside", try_link_inside},
    {"create_inside", try_create_inside},
    {"read_outside", try_read_outside},
    {"write_null", try_write_null},
    {"thread", try_thread},
    {"later_call", try_later_call},
    {"raise", try_raise},
};

int main(int argc, char **argv)
{
    struct pb_sandbox sandbox = {.who = "sandboxed"};

    if (argc != 4)
        return 2;
    inside = argv[2];
    outside = argv[3];
    if (strcmp(argv[1], "files") == 0)
        sandbox.folders[sandbox.n_folders++] = inside;
    if (strcmp(argv[1], "none") != 0)
        pb_harden_enter(&sandbox);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        errno = 0;
        printf("%s: %s\n", attempts[i].name, attempts[i].run() >= 0 ? "ok" : strerrorname_np(errno));
        (void)fflush(stdout);
    }
    return 0;
}
