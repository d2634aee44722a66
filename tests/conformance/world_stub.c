/* The stub connection: its outside world is a file that somebody appends to. */
#include "tests/conformance/rig.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE "conformance,somebody,fetchai/default:1.0.0,a line,\n"

static bool feed(struct rig *rig)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof path, "%s/input_file", rig->link.dir);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    assert_int_equal(write(fd, LINE, strlen(LINE)), strlen(LINE));
    close(fd);
    return true;
}

/* What no reader of the file could take apart again. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    static const char *const parties[][2] = {{"acme/connection:1.0.0", "conformance"},
                                             {"somebody", "acme/skill:1.0.0"},
                                             {"some,body", "conformance"},
                                             {"somebody", "conform\nance"}};

    (void)rig;
    if (i >= sizeof parties / sizeof parties[0])
        return false;
    *e = (struct pbay_envelope){.to = pbay_str(parties[i][0]),
                                .sender = pbay_str(parties[i][1]),
                                .protocol_id = pbay_str("fetchai/default:1.0.0"),
                                .message = pbay_str("x")};
    return true;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)rig;
    *e = *received;
    e->to = received->sender;
    e->sender = received->to;
}

static const struct fake_option good[] = {{NULL, NULL}};
static const struct bad_option bad[] = {
    {{"input_file", ""}, "empty"}, {{"output_file", ""}, "empty"}, {{NULL, NULL}, NULL}};

const struct package conformance_package = {.good = good, .bad = bad, .feed = feed, .foreign = foreign, .own = own};
