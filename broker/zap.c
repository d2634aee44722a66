#include "broker/zap.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>
#include <zmq.h>

#include "schema/buf.h"
#include "schema/key_file.h"

#define DOMAIN         "patchbay"
#define ENFORCE_DOMAIN 93 /* ZMQ_ZAP_ENFORCE_DOMAIN: a draft's name, but the option is in every build */
#define RAW_KEY        32
#define MAX_FRAMES     16
#define SELF_TEST_MS   5000

struct entry {
    uint8_t key[RAW_KEY];
    char text[PBAY_KEY_TEXT];
    int64_t expires;
    UT_hash_handle hh;
};

struct pb_zap {
    void *socket;
    pthread_t thread;
    pthread_mutex_t mutex; /* of the table */
    struct entry *entries;
};

/* ---- the table ---- */

static void add(struct entry **entries, const struct pbay_principal *p, const char *key)
{
    struct entry *e = pb_alloc(sizeof *e);

    memcpy(e->text, key, PBAY_KEY_TEXT);
    e->expires = p->expires;
    if (zmq_z85_decode(e->key, key))
        HASH_ADD(hh, *entries, key, sizeof e->key, e);
    else
        free(e); /* 40 characters that are no number of 32 bytes: nobody has it */
}

static void free_entries(struct entry **entries)
{
    struct entry *e, *next;

    HASH_ITER (hh, *entries, e, next) {
        HASH_DEL(*entries, e);
        free(e);
    }
}

void pb_zap_policy(struct pb_zap *zap, const struct pbay_agent_conf *conf)
{
    struct entry *fresh = NULL, *old;

    for (size_t i = 0; i < conf->n_principals; i++) {
        for (size_t j = 0; j < conf->principals[i].n_keys; j++)
            add(&fresh, &conf->principals[i], conf->principals[i].keys[j]);
    }
    pthread_mutex_lock(&zap->mutex);
    old = zap->entries;
    zap->entries = fresh;
    pthread_mutex_unlock(&zap->mutex);
    free_entries(&old);
}

/* Its text; empty = nobody's, or not any more. */
static void find(struct pb_zap *zap, const uint8_t key[RAW_KEY], char text[PBAY_KEY_TEXT])
{
    struct entry *e;

    text[0] = 0;
    pthread_mutex_lock(&zap->mutex);
    HASH_FIND(hh, zap->entries, key, RAW_KEY, e);
    if (e && (!e->expires || time(NULL) < e->expires))
        memcpy(text, e->text, PBAY_KEY_TEXT);
    pthread_mutex_unlock(&zap->mutex);
}

/* ---- the handler ---- */

struct request {
    size_t n;
    struct {
        uint8_t p[RAW_KEY];
        size_t n;
    } frames[MAX_FRAMES];
};

enum { VERSION, ID, ZAP_DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

/* false = the context has ended. Longer frames than any of ours are cut, and so are wrong. */
static bool receive(void *socket, struct request *r)
{
    int more = 1;
    size_t size = sizeof more;

    for (r->n = 0; more; r->n++) {
        size_t at = r->n < MAX_FRAMES ? r->n : MAX_FRAMES - 1;
        int n = zmq_recv(socket, r->frames[at].p, RAW_KEY, 0);

        if (n < 0)
            return errno == EINTR;
        r->frames[at].n = (size_t)n;
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    return true;
}

static bool is(const struct request *r, size_t i, const char *text)
{
    return r->frames[i].n == strlen(text) && memcmp(r->frames[i].p, text, r->frames[i].n) == 0;
}

static void answer(struct pb_zap *zap, const struct request *r)
{
    char user[PBAY_KEY_TEXT] = "";
    bool good;

    if (r->n == FRAMES && is(r, ZAP_DOMAIN, DOMAIN) && is(r, MECHANISM, "CURVE") && r->frames[CREDENTIALS].n == RAW_KEY)
        find(zap, r->frames[CREDENTIALS].p, user);
    good = *user != 0;
    zmq_send(zap->socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(zap->socket, r->frames[ID].p, r->n > ID ? r->frames[ID].n : 0, ZMQ_SNDMORE);
    zmq_send(zap->socket, good ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(zap->socket, good ? "OK" : "no such key", good ? 2 : 11, ZMQ_SNDMORE);
    zmq_send(zap->socket, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(zap->socket, "", 0, 0);
}

static void *serve(void *arg)
{
    struct pb_zap *zap = arg;
    struct request r;

    while (receive(zap->socket, &r))
        answer(zap, &r);
    zmq_close(zap->socket);
    return NULL;
}

struct pb_zap *pb_zap_open(void *context, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    struct pb_zap *zap = pb_alloc(sizeof *zap);
    int zero = 0;

    pthread_mutex_init(&zap->mutex, NULL);
    pb_zap_policy(zap, conf);
    zap->socket = zmq_socket(context, ZMQ_REP);
    zmq_setsockopt(zap->socket, ZMQ_LINGER, &zero, sizeof zero);
    if (zmq_bind(zap->socket, "inproc://zeromq.zap.01") == 0 && pthread_create(&zap->thread, NULL, serve, zap) == 0)
        return zap;
    snprintf(error->text, sizeof error->text, "cannot start the handler of keys: %s", strerror(errno));
    zmq_close(zap->socket);
    free_entries(&zap->entries);
    free(zap);
    return NULL;
}

void pb_zap_close(struct pb_zap **zap)
{
    if (!*zap)
        return;
    pthread_join((*zap)->thread, NULL);
    free_entries(&(*zap)->entries);
    pthread_mutex_destroy(&(*zap)->mutex);
    free(*zap);
    *zap = NULL;
}

/* ---- sockets ---- */

static bool set_server(void *socket, const char *secret)
{
    int one = 1;

    return zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, DOMAIN, strlen(DOMAIN)) == 0 &&
           zmq_setsockopt(socket, ENFORCE_DOMAIN, &one, sizeof one) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, PBAY_KEY_TEXT) == 0;
}

bool pb_zap_guard(void *socket, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    struct pb_key_pair pair;
    bool good;

    if (pb_key_read_secret(conf->key, &pair, error))
        return false;
    good = set_server(socket, pair.secret_key);
    pb_key_wipe(&pair);
    if (!good)
        snprintf(error->text, sizeof error->text, "%s: libzmq does not take the key: %s", conf->key,
                 zmq_strerror(errno));
    return good;
}

/* ---- the self-test ---- */

static void set_client(void *socket, const char *server)
{
    struct pb_key_pair mine;

    zmq_curve_keypair(mine.public_key, mine.secret_key);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, PBAY_KEY_TEXT);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, mine.public_key, PBAY_KEY_TEXT);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, mine.secret_key, PBAY_KEY_TEXT);
    pb_key_wipe(&mine);
}

/* The first event that says how the handshake went; 0 = none has come. */
static int outcome(void *monitor)
{
    uint8_t event[64];
    uint16_t kind = 0;

    if (zmq_recv(monitor, event, sizeof event, 0) >= (int)sizeof kind)
        memcpy(&kind, event, sizeof kind);
    return kind;
}

static int knock(void *context, const char *endpoint, const char *server)
{
    void *dealer = zmq_socket(context, ZMQ_DEALER), *monitor = zmq_socket(context, ZMQ_PAIR);
    int wait = SELF_TEST_MS, zero = 0, kind = 0;

    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(monitor, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(monitor, ZMQ_RCVTIMEO, &wait, sizeof wait);
    set_client(dealer, server);
    if (zmq_socket_monitor(dealer, "inproc://self-test",
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) == 0 &&
        zmq_connect(monitor, "inproc://self-test") == 0 && zmq_connect(dealer, endpoint) == 0)
        kind = outcome(monitor);
    zmq_socket_monitor(dealer, NULL, 0);
    zmq_close(dealer);
    zmq_close(monitor);
    return kind;
}

bool pb_zap_self_test(void *context, const struct pbay_agent_conf *conf, char why[200])
{
    void *router = zmq_socket(context, ZMQ_ROUTER);
    mode_t before = umask(0177);
    char endpoint[300], server[PBAY_KEY_TEXT];
    struct pbay_conf_error error;
    int zero = 0, kind = 0;

    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/self-test.ipc", conf->run_dir);
    zmq_setsockopt(router, ZMQ_LINGER, &zero, sizeof zero);
    if (pb_zap_guard(router, conf, &error) && !pb_key_read_public(conf->key, server, &error) &&
        zmq_bind(router, endpoint) == 0)
        kind = knock(context, endpoint, server);
    umask(before);
    zmq_close(router);
    if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return true;
    (void)snprintf(why, 200,
                   kind ? "a key that nobody knows was let in" : "a handshake with an unknown key has not ended");
    return false;
}
