/* Any bytes as a protocol specification, through the whole loader: a protocol whose empty messages can be tried, or one
 * line of error that names the file. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/message.h"

static char path[] = "/dev/shm/pbay-fuzz-protocol-XXXXXX"; /* where the file is, from the first call on */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void forget(void)
{
    unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int fd = mkstemp(path);

    (void)argc, (void)argv;
    if (fd < 0)
        abort();
    close(fd);
    atexit(forget);
    return 0;
}

static void put(const uint8_t *data, size_t n)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert(fd >= 0);
    assert(write(fd, data, n) == (ssize_t)n);
    close(fd);
}

/* Each performative as nothing but its number is read or refused, and what is read can be written. */
static void use(const struct pbay_protocols *protocols, const struct pbay_protocol *p)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;

    for (size_t i = 0; i < p->n; i++) {
        char wire[] = "\x12\x07\x08\x01\x2a\x03\0\0\0";
        uint32_t tag = p->performatives[i].field << 3 | 2;

        wire[6] = (char)(tag | 0x80);
        wire[7] = (char)(tag >> 7);
        if (pbay_message_decode(&m, protocols, pbay_str(p->id), (struct pbay_str){wire, 9}) == PBAY_OK) {
            enum pbay_err err = pbay_message_encode(&m, &bytes);

            assert(!err && m.performative == p->performatives[i].name);
        }
    }
    pbay_message_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    const struct pbay_protocol *p = NULL;
    char error[PBAY_MAX_PROTOCOL_ERROR] = "";

    put(data, n);
    if (pbay_protocols_load(protocols, path, &p, error))
        assert(!p && strncmp(error, path, strlen(path)) == 0);
    else
        use(protocols, p);
    pbay_protocols_destroy(&protocols);
    return 0;
}
