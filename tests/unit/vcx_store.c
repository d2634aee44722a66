/* The database: what is committed is there after a crash, what is not is not, and what fails is told. */
#include "tests/unit/vcx_vectors.h"

#include "connections/vcx/vcx_store.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCHEMA VCX_STORE_SCHEMA "CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, text TEXT, bytes BLOB) STRICT;"

struct place {
    char dir[64], path[96];
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    (void)snprintf(p->dir, sizeof p->dir, "/tmp/pbay-vcx-store-XXXXXX");
    if (!mkdtemp(p->dir) || !vcx_init())
        return -1;
    (void)snprintf(p->path, sizeof p->path, "%s/db", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char path[128];

    for (size_t i = 0; i < COUNT(tails); i++) {
        (void)snprintf(path, sizeof path, "%s%s", p->path, tails[i]);
        (void)unlink(path);
    }
    (void)rmdir(p->dir);
    free(p);
    return 0;
}

static struct vcx_db *open_db(const struct place *p)
{
    char why[VCX_WHY];
    struct vcx_db *db = vcx_db_open(p->path, SCHEMA, 1, why);

    if (!db)
        fail_msg("%s", why);
    return db;
}

static int64_t rows(struct vcx_db *db)
{
    return vcx_db_ask(db, -1, "SELECT count(*) FROM t", "");
}

static void insert(struct vcx_db *db, int64_t n)
{
    (void)vcx_db_do(db, "INSERT INTO t (n) VALUES (?1)", "i", n);
}

static void test_values(void **state)
{
    const struct place *p = *state;
    struct vcx_db *db = open_db(p);
    struct vcx_stmt *row;
    struct stat st;
    char why[VCX_WHY];

    vcx_db_begin(db);
    (void)vcx_db_do(db, "INSERT INTO t (n, text, bytes) VALUES (?1, ?2, ?3)", "itb", INT64_C(-5), pbay_str("ä"),
                    (struct pbay_str){"\0\1", 2});
    assert_int_equal(vcx_db_last(db), -5);
    (void)vcx_db_do(db, "INSERT INTO t (n, text) VALUES (?1, ?2)", "is", INT64_C(7), (const char *)NULL);
    assert_true(vcx_db_commit(db, why));
    vcx_db_close(&db);
    db = open_db(p);
    row = vcx_db_run(db, "SELECT n, text, bytes FROM t ORDER BY n", "");
    assert_true(vcx_db_row(row));
    assert_int_equal(vcx_db_int(row, 0), -5);
    assert_true(pbay_str_eq(vcx_db_text(row, 1), pbay_str("ä")));
    assert_true(pbay_str_eq(vcx_db_text(row, 2), (struct pbay_str){"\0\1", 2}));
    assert_true(vcx_db_row(row));
    assert_int_equal(vcx_db_text(row, 1).n, 0);
    assert_false(vcx_db_row(row));
    vcx_db_end(&row);
    assert_int_equal(vcx_db_do(db, "DELETE FROM t WHERE n < ?1", "i", INT64_C(100)), 2);
    assert_int_equal(vcx_db_ask(db, -3, "SELECT n FROM t", ""), -3);
    vcx_db_close(&db);
    assert_null(db);
    vcx_db_close(&db);
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* A child that dies in the middle. */
static void die_within(const struct place *p, bool commit)
{
    pid_t pid = fork();
    char why[VCX_WHY];
    int status;

    if (pid == 0) {
        struct vcx_db *db = vcx_db_open(p->path, SCHEMA, 1, why);

        vcx_db_begin(db);
        insert(db, commit);
        _exit(!commit || vcx_db_commit(db, why) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_crash(void **state)
{
    const struct place *p = *state;
    struct vcx_db *db;

    die_within(p, false);
    db = open_db(p);
    assert_int_equal(rows(db), 0);
    vcx_db_close(&db);
    die_within(p, true);
    db = open_db(p);
    assert_int_equal(rows(db), 1);
    vcx_db_close(&db);
}

/* One failure within a transaction, and nothing of it is done; the next transaction is a new one. */
static void test_failure(void **state)
{
    struct vcx_db *db = open_db(*state);
    char why[VCX_WHY] = "";

    vcx_db_begin(db);
    insert(db, 1);
    insert(db, 1);
    insert(db, 2);
    assert_int_equal(rows(db), -1); /* it has failed before */
    assert_false(vcx_db_commit(db, why));
    assert_non_null(strstr(why, "UNIQUE"));
    assert_int_equal(rows(db), 0);
    vcx_db_begin(db);
    insert(db, 1);
    vcx_db_rollback(db);
    vcx_db_begin(db);
    insert(db, 3);
    assert_true(vcx_db_commit(db, why));
    assert_int_equal(rows(db), 1);
    vcx_db_close(&db);
}

static void test_refused(void **state)
{
    const struct place *p = *state;
    struct vcx_db *db = open_db(p);
    char why[VCX_WHY] = "";
    FILE *f;

    assert_null(vcx_db_open(p->path, SCHEMA, 1, why)); /* one at a time */
    assert_non_null(strstr(why, "locked"));
    vcx_db_close(&db);
    assert_null(vcx_db_open(p->path, SCHEMA, 2, why));
    assert_non_null(strstr(why, "form 1, not 2"));
    assert_null(vcx_db_open(p->path, "nonsense", 1, why));
    assert_null(vcx_db_open("/tmp/no/such/folder/db", SCHEMA, 1, why));
    assert_string_equal(why, "the database cannot be opened");
    f = fopen(p->path, "w");
    assert_non_null(f);
    for (int i = 0; i < 4096; i++)
        (void)fputs("no database ", f);
    assert_int_equal(fclose(f), 0);
    assert_null(vcx_db_open(p->path, SCHEMA, 1, why));
    assert_non_null(strstr(why, "not a database"));
}

/* ---- connections ---- */

struct ring {
    size_t n;
    uint8_t secrets[8][VCX_SECRET];
};

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct ring *r = self;

    for (size_t i = 0; i < r->n; i++) {
        if (memcmp(r->secrets[i] + VCX_KEY, key, VCX_KEY) == 0)
            return r->secrets[i];
    }
    return NULL;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct ring *r = self;

    (void)ephemeral;
    (void)why;
    return crypto_sign_keypair(key, r->secrets[r->n++]) == 0;
}

static struct vcx_core *open_core(struct ring *r)
{
    return vcx_core_new(&(struct vcx_core_conf){
        .label = "x", .endpoint = "http://x/", .keys = {secret_of, r}, .new_key = new_key, .self = r});
}

static void create(struct vcx_core *core, bool ephemeral, char id[VCX_UUID])
{
    const struct vcx_create how = {.source_id = pbay_str("x"), .ephemeral = ephemeral};
    struct vcx_action a;
    char why[VCX_WHY];

    assert_int_equal(vcx_core_create(core, &how, id, why), VCX_OK);
    while (vcx_core_take(core, &a))
        vcx_action_fini(&a);
}

static void test_connections(void **state)
{
    struct vcx_db *db = open_db(*state);
    struct ring ring = {0}, other = {0};
    struct vcx_core *core = open_core(&ring);
    char kept[VCX_UUID], gone[VCX_UUID], forgotten[VCX_UUID], why[VCX_WHY] = "";

    create(core, false, kept);
    create(core, true, gone);
    create(core, false, forgotten);
    vcx_db_begin(db);
    vcx_store_save(db, core);
    vcx_store_save(db, core);
    vcx_store_forget(db, forgotten);
    assert_true(vcx_db_commit(db, why));
    assert_null(vcx_core_dirty(core));
    vcx_core_destroy(&core);
    core = open_core(&ring);
    assert_int_equal(vcx_store_load(db, core, why), VCX_OK);
    assert_non_null(vcx_core_find(core, kept));
    assert_null(vcx_core_find(core, gone));
    assert_null(vcx_core_find(core, forgotten));
    assert_int_equal(vcx_store_load(db, core, why), VCX_E_SERIALIZE); /* twice */
    vcx_core_destroy(&core);
    core = open_core(&other);
    assert_int_equal(vcx_store_load(db, core, why), VCX_E_WALLET);
    assert_non_null(strstr(why, kept));
    vcx_core_destroy(&core);
    vcx_db_close(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_connections, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
