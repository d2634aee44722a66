/* CURVE keys in files: czmq's form, read and written; and every way in which a secret one is not to be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/key_file.h"

#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

struct place {
    char dir[64], path[96], secret[96];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    (void)snprintf(p->dir, sizeof p->dir, "/tmp/pbay-key-file-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    (void)snprintf(p->path, sizeof p->path, "%s/web", p->dir);
    (void)snprintf(p->secret, sizeof p->secret, "%s/web_secret", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    (void)chmod(p->dir, 0700);
    (void)unlink(p->path);
    (void)unlink(p->secret);
    (void)rmdir(p->dir);
    free(p);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void test_round_trip(void **state)
{
    const struct place *p = *state;
    struct pb_key_pair pair = {PUBLIC, SECRET}, read;
    struct pbay_conf_error error;
    char key[PB_KEY_TEXT];
    struct stat st;

    assert_int_equal(pb_key_write(p->path, "web", &pair, &error), PBAY_OK);
    assert_int_equal(stat(p->secret, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(pb_key_read_public(p->path, key, &error), PBAY_OK);
    assert_string_equal(key, PUBLIC);
    assert_int_equal(pb_key_read_public(p->secret, key, &error), PBAY_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pb_key_read_secret(i ? p->path : p->secret, &read, &error), PBAY_OK);
        assert_memory_equal(&read, &pair, sizeof pair);
    }
    assert_int_equal(pb_key_write(p->path, "web", &pair, &error), PBAY_IO); /* nothing is written over */
    assert_non_null(strstr(error.text, "File exists"));
    assert_int_equal(unlink(p->secret), 0);
    assert_int_equal(pb_key_write(p->path, "web", &pair, &error), PBAY_IO);
    assert_int_equal(access(p->secret, F_OK), -1); /* nor half of it left */
    pb_key_wipe(&read);
    assert_int_equal(read.secret_key[0], 0);
}

/* As czmq 4.2 writes it. */
static void test_czmq(void **state)
{
    const struct place *p = *state;
    struct pb_key_pair pair;
    struct pbay_conf_error error;

    write_text(p->secret, "#   ****  Generated on 2026-11-21 12:00:00 by CZMQ  ****\n"
                          "#   ZeroMQ CURVE **Secret** Certificate\n\n"
                          "metadata\n    public-key = \"no\"\n    email = \"a@b\"\ncurve\n"
                          "    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n");
    assert_int_equal(pb_key_read_secret(p->path, &pair, &error), PBAY_OK);
    assert_string_equal(pair.public_key, PUBLIC);
    assert_string_equal(pair.secret_key, SECRET);
}

static void test_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        "curve\n",
        "curve\n    public-key = \"" PUBLIC "\"\n",                                     /* half of it */
        "metadata\n    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n", /* elsewhere */
        "curve\n    public-key = " PUBLIC "\n    secret-key = " SECRET "\n",            /* no quotes */
        "curve\n    public-key = \"" PUBLIC "x\"\n    secret-key = \"" SECRET "\"\n",   /* 41 */
        "curve\n    public-key = \"\\ne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n    secret-key = \"" SECRET "\"\n",
    };
    const struct place *p = *state;
    struct pb_key_pair pair;
    struct pbay_conf_error error;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(p->secret, texts[i]);
        assert_int_equal(pb_key_read_secret(p->path, &pair, &error), PBAY_CONFIG);
        assert_non_null(strstr(error.text, "expected a CURVE certificate"));
        assert_null(strstr(error.text, SECRET));
        assert_int_equal(pair.public_key[0], 0);
    }
}

static void refused(const char *path, const char *words)
{
    struct pb_key_pair pair;
    struct pbay_conf_error error = {.text = ""};

    assert_int_equal(pb_key_read_secret(path, &pair, &error), PBAY_CONFIG);
    if (!strstr(error.text, words))
        fail_msg("expected %s, found %s", words, error.text);
}

/* Whatever lets somebody else read it, or put another one there. */
static void test_untrusted(void **state)
{
    const struct place *p = *state;
    struct pb_key_pair pair = {PUBLIC, SECRET};
    struct pbay_conf_error error;

    assert_int_equal(pb_key_write(p->path, "web", &pair, &error), PBAY_OK);
    for (mode_t mode = 0604; mode <= 0660; mode += 034) {
        assert_int_equal(chmod(p->secret, mode), 0);
        refused(p->path, "chmod 600");
    }
    assert_int_equal(chmod(p->secret, 0600), 0);
    assert_int_equal(chmod(p->dir, 0777), 0);
    refused(p->path, "a folder in which nobody else can write");
    assert_int_equal(chmod(p->dir, 01777), 0); /* as /tmp: others cannot put another one there */
    assert_int_equal(pb_key_read_secret(p->path, &pair, &error), PBAY_OK);
    assert_int_equal(unlink(p->secret), 0);
    assert_int_equal(symlink(p->path, p->secret), 0);
    refused(p->path, "found a symbolic link");
    assert_int_equal(unlink(p->secret), 0);
    assert_int_equal(mkdir(p->secret, 0700), 0);
    refused(p->path, "expected a regular file");
    assert_int_equal(rmdir(p->secret), 0);
    assert_int_equal(mkfifo(p->secret, 0600), 0);
    refused(p->path, "expected a regular file");
    assert_int_equal(unlink(p->secret), 0);
    refused(p->path, "No such file");
    if (geteuid() == 0) { /* else there is no way to give a file away */
        assert_int_equal(pb_key_write(p->secret, "web", &pair, &error), PBAY_OK);
        assert_int_equal(unlink(p->secret), 0);
        assert_int_equal(unlink(p->path), 0);
        (void)snprintf(error.text, sizeof error.text, "%s_secret", p->secret);
        assert_int_equal(rename(error.text, p->secret), 0);
        assert_int_equal(chown(p->secret, 65534, 65534), 0);
        refused(p->path, "found another user's");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_czmq, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untrusted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
