#include "tests/conformance/fake_link.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/buf.h"

int package_main(int argc, char **argv);

int64_t fake_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- life ---- */

void fake_link_init(struct pbay_link *link, const char *package_dir, const struct fake_option *options)
{
    struct pbay_conf_error error = {""};

    *link = (struct pbay_link){.options = options, .timer_at = INT64_MAX, .dir = "/tmp/pbay-conformance-XXXXXX"};
    if (pbay_conn_conf_load(package_dir, NULL, &link->conf, &error))
        fail_msg("%s", error.text);
    assert_non_null(mkdtemp(link->dir));
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_type == DT_REG)
            assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
    }
    closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

void fake_link_fini(struct pbay_link *link)
{
    fake_link_drop(link);
    pbay_conn_conf_destroy(&link->conf);
    remove_folder(link->dir);
}

/* The package's main calls pbay_conn_main below, which finds where to put the ops in argv[0]. */
const struct pbay_conn_ops *fake_package_ops(void)
{
    const struct pbay_conn_ops *ops = NULL;
    char *argv[] = {(char *)&ops, NULL};

    assert_int_equal(package_main(1, argv), 0);
    assert_non_null(ops);
    return ops;
}

int pbay_conn_main(int argc, char **argv, const struct pbay_conn_ops *ops)
{
    const struct pbay_conn_ops **out = (void *)argv[0];

    (void)argc;
    *out = ops;
    return 0;
}

/* ---- envelopes ---- */

static struct pbay_str own(struct pbay_str s)
{
    struct pbay_str copy = {s.n ? pb_alloc(s.n) : NULL, s.n};

    if (s.n)
        memcpy((char *)(uintptr_t)copy.p, s.p, s.n);
    return copy;
}

static void release(struct pbay_str s)
{
    free((void *)(uintptr_t)s.p);
}

struct fake_sent *fake_sent_new(const struct pbay_envelope *e, uint64_t tag)
{
    struct fake_sent *sent = pb_alloc(sizeof *sent);

    sent->tag = tag;
    sent->e = *e;
    sent->e.to = own(e->to);
    sent->e.sender = own(e->sender);
    sent->e.protocol_id = own(e->protocol_id);
    sent->e.message = own(e->message);
    sent->e.operation = own(e->operation);
    return sent;
}

void fake_sent_destroy(struct fake_sent **sent)
{
    if (!*sent)
        return;
    release((*sent)->e.to);
    release((*sent)->e.sender);
    release((*sent)->e.protocol_id);
    release((*sent)->e.message);
    release((*sent)->e.operation);
    free(*sent);
    *sent = NULL;
}

void fake_link_drop(struct pbay_link *link)
{
    for (size_t i = 0; i < link->n_pending; i++)
        fake_sent_destroy(&link->pending[i]);
    link->n_pending = 0;
}

static bool settle_pending(struct pbay_link *link, uint64_t tag)
{
    for (size_t i = 0; i < link->n_pending; i++) {
        if (link->pending[i]->tag != tag)
            continue;
        fake_sent_destroy(&link->pending[i]);
        link->n_pending--;
        memmove(&link->pending[i], &link->pending[i + 1], (link->n_pending - i) * sizeof link->pending[0]);
        return true;
    }
    return false;
}

/* ---- what a package calls ---- */

enum pbay_err pbay_link_settle(struct pbay_link *link, uint64_t tag, enum pbay_err err)
{
    if (settle_pending(link, tag)) {
        link->settled++;
        return PBAY_OK;
    }
    if (!link->sending || link->sending->tag != tag || link->sending->settled)
        return PBAY_INVALID;
    link->sending->settled = true;
    link->sending->err = err;
    link->settled++;
    return PBAY_OK;
}

enum pbay_err pbay_link_settle_why(struct pbay_link *link, uint64_t tag, enum pbay_err err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(link->why, sizeof link->why, format, args);
    va_end(args);
    return pbay_link_settle(link, tag, err);
}

void pbay_link_timer(struct pbay_link *link, int ms)
{
    link->timer_at = ms < 0 ? INT64_MAX : fake_now() + ms;
}

void pbay_link_wake(struct pbay_link *link)
{
    link->woken = true;
}

enum pbay_err pbay_link_fail(struct pbay_link *link, enum pbay_err code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(link->why, sizeof link->why, format, args);
    va_end(args);
    return code;
}

void pbay_link_log(struct pbay_link *link, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(link->log, sizeof link->log, format, args);
    va_end(args);
    link->logged++;
}

static const struct fake_option *option(const struct pbay_link *link, const char *name)
{
    if (link->spoilt && strcmp(link->spoilt->name, name) == 0)
        return link->spoilt;
    for (const struct fake_option *o = link->options; o->name; o++) {
        if (strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

const char *pbay_link_config(struct pbay_link *link, const char *name, const char *fallback)
{
    const struct fake_option *o = option(link, name);
    const struct pbay_conf_value *v = o ? NULL : pbay_conn_conf_find(link->conf, name);
    const char *text = o ? o->text : v ? v->text : NULL;

    return text ? text : fallback;
}

int64_t pbay_link_config_int(struct pbay_link *link, const char *name, int64_t fallback)
{
    const char *text = pbay_link_config(link, name, NULL);

    return text ? strtoll(text, NULL, 10) : fallback;
}

bool pbay_link_config_bool(struct pbay_link *link, const char *name, bool fallback)
{
    const char *text = pbay_link_config(link, name, NULL);

    return text ? strcasecmp(text, "true") == 0 : fallback;
}

const char *pbay_link_data_dir(struct pbay_link *link)
{
    return link->dir;
}

const char *pbay_link_public_id(struct pbay_link *link)
{
    return link->conf->public_id_text;
}

const char *pbay_link_agent(struct pbay_link *link)
{
    (void)link;
    return "conformance";
}

const char *pbay_link_instance(struct pbay_link *link)
{
    (void)link;
    return "0";
}
