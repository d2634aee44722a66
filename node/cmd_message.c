/* patchbay decode, patchbay encode: a message between its bytes and JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cmd.h"
#include "node/message_json.h"

#define MAX_BYTES (64U << 20) /* as in max_envelope */
#define READ_SIZE 65536
#define ENVELOPE  "envelope" /* instead of a protocol */

#define OWN_PROTOCOLS "protocols" /* the agent's own specifications, beside ./agent.yaml */

struct job {
    const char *command; /* "decode" or "encode" */
    struct pbay_protocols *protocols;
    bool looked; /* into OWN_PROTOCOLS */
    bool needs_protocol;
    const char *protocol; /* NULL: none was given */
    bool has_encoding;    /* an option was */
    enum pbay_encoding encoding;
    struct pb_buf input;
};

static int failed(struct job *j, const char *why)
{
    fprintf(stderr, "patchbay %s: %s\n", j->command, why);
    return CMD_FAILED;
}

/* A protocol that is known, or that the agent has. */
static const struct pb_known *find(struct job *j, struct pbay_str id)
{
    const struct pb_known *known = pb_protocols_find(j->protocols, id);
    bool first = !j->looked;

    if (known)
        return known;
    j->looked = true;
    return first && cmd_protocols_in(j->protocols, OWN_PROTOCOLS) ? pb_protocols_find(j->protocols, id) : NULL;
}

static int unknown_protocol(struct job *j, const char *id)
{
    fprintf(stderr, "patchbay %s: %.200s: no such protocol; there are", j->command, id);
    for (size_t i = 0; i < j->protocols->n; i++)
        fprintf(stderr, " %s", j->protocols->known[i]->protocol->id);
    fprintf(stderr, " and " ENVELOPE "\n");
    return CMD_USAGE;
}

static struct pbay_str input_of(struct job *j)
{
    return (struct pbay_str){(const char *)j->input.p, j->input.n};
}

static int write_out(struct pbay_str bytes)
{
    if (bytes.n)
        fwrite(bytes.p, 1, bytes.n, stdout); /* what fails is seen by the caller of all commands */
    return CMD_OK;
}

static int print(json_t *root)
{
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
    return CMD_OK;
}

/* ---- decode ---- */

static int decode_message(struct job *j)
{
    struct pbay_message m = {0};
    enum pbay_err err;
    int status;

    if (!find(j, pbay_str(j->protocol)))
        return unknown_protocol(j, j->protocol);
    if (j->has_encoding && pb_message_encoding(input_of(j)) != j->encoding)
        return failed(j, j->encoding == PBAY_MSGPACK ? "not msgpack: expected an array of 6"
                                                     : "not protobuf: it begins as msgpack does");
    err = pbay_message_decode(&m, j->protocols, pbay_str(j->protocol), input_of(j));
    status = err ? failed(j, m.why) : print(message_to_json(&m));
    pbay_message_fini(&m);
    return status;
}

/* The message inside an envelope: NULL = malformed, and said so. */
static json_t *inner_to_json(struct job *j, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};
    json_t *root = NULL;
    enum pbay_err err;

    (void)find(j, e->protocol_id);
    err = pbay_message_decode(&m, j->protocols, e->protocol_id, e->message);
    if (err == PBAY_INVALID)
        root = bytes_to_json(e->message);
    else if (err)
        failed(j, m.why);
    else
        root = message_to_json(&m);
    pbay_message_fini(&m);
    return root;
}

static int decode_envelope(struct job *j)
{
    char why[PBAY_MAX_WHY], *memory;
    struct pbay_envelope e;
    json_t *inner, *root;
    int status = CMD_FAILED;

    if (pbay_envelope_decode(j->protocols, input_of(j), &e, &memory, why))
        return failed(j, why);
    inner = inner_to_json(j, &e);
    if (!inner)
        goto out;
    root =
        json_pack("{s:s, s:o, s:o, s:o}", "protocol", ENVELOPE, "to", json_stringn(e.to.p, e.to.n), "sender",
                  json_stringn(e.sender.p, e.sender.n), "protocol_id", json_stringn(e.protocol_id.p, e.protocol_id.n));
    if (e.uri.n)
        json_object_set_new(root, "uri", json_stringn(e.uri.p, e.uri.n));
    json_object_set_new(root, "message", inner);
    status = print(root);
out:
    free(memory);
    return status;
}

/* ---- encode ---- */

/* root as a message of the protocol, or of the one that it names itself if that is NULL. Its status is CMD_OK when m
 * can be encoded. */
static int read_json(struct job *j, json_t *root, const char *protocol, struct pbay_message *m)
{
    const char *own = json_string_value(json_object_get(root, "protocol"));
    const char *performative = json_string_value(json_object_get(root, "performative"));

    if (!json_is_object(root))
        return failed(j, "expected a JSON object");
    if (!own && (!protocol || json_object_get(root, "protocol")))
        return failed(j, "protocol: expected a string");
    if (protocol && own && find(j, pbay_str(protocol)) != find(j, pbay_str(own)))
        return failed(j, "protocol: not the one that is expected here");
    protocol = protocol ? protocol : own;
    if (!find(j, pbay_str(protocol)))
        return unknown_protocol(j, protocol);
    if (!performative)
        return failed(j, "performative: expected a string");
    if (pbay_message_init(m, j->protocols, pbay_str(protocol), performative) || !message_from_json(m, root))
        return failed(j, m->why);
    if (j->has_encoding)
        m->encoding = j->encoding;
    return CMD_OK;
}

static int encode_message(struct job *j, json_t *root)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;
    int status = read_json(j, root, j->protocol, &m);

    if (status == CMD_OK)
        status = pbay_message_encode(&m, &bytes) ? failed(j, m.why) : write_out(bytes);
    pbay_message_fini(&m);
    return status;
}

/* The bytes of an envelope's message: given as hex, or made from its JSON. They live in m or in *b. */
static int inner_from_json(struct job *j, json_t *root, const char *protocol, struct pbay_message *m, struct pb_buf *b,
                           struct pbay_str *bytes)
{
    int status;

    if (json_object_get(root, "hex")) {
        if (!bytes_from_json(root, b))
            return failed(j, "message: expected {\"hex\": \"...\"}");
        *bytes = (struct pbay_str){(const char *)b->p, b->n};
        return CMD_OK;
    }
    status = read_json(j, root, protocol, m);
    if (status == CMD_OK && pbay_message_encode(m, bytes))
        return failed(j, m->why);
    return status;
}

/* Its own fields; the message is looked at by inner_from_json. */
static bool envelope_from(struct pbay_envelope *e, json_t *root)
{
    struct {
        const char *name;
        struct pbay_str *to;
    } fields[] = {{"to", &e->to}, {"sender", &e->sender}, {"protocol_id", &e->protocol_id}, {"uri", &e->uri}};
    const size_t n = sizeof fields / sizeof *fields;

    for (void *at = json_object_iter(root); at; at = json_object_iter_next(root, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;

        while (i < n && strcmp(fields[i].name, key) != 0)
            i++;
        if (i == n && strcmp(key, "message") != 0 && strcmp(key, "protocol") != 0)
            return false;
        if (i < n && !json_is_string(json_object_iter_value(at)))
            return false;
        if (i < n)
            *fields[i].to = text_from_json(json_object_iter_value(at));
    }
    return e->protocol_id.n > 0;
}

static int encode_envelope(struct job *j, json_t *root)
{
    struct pbay_envelope e = {0};
    struct pbay_message m = {0};
    struct pb_buf b = {0};
    struct pbay_str bytes;
    char why[PBAY_MAX_WHY], *memory = NULL;
    int status;

    if (!envelope_from(&e, root))
        return failed(j, "envelope: expected strings to, sender, protocol_id, perhaps uri, and a message");
    status = inner_from_json(j, json_object_get(root, "message"), e.protocol_id.p, &m, &b, &e.message);
    if (status)
        goto out;
    if (pbay_envelope_encode(j->protocols, &e, &bytes, &memory, why))
        status = failed(j, why);
    else
        status = write_out(bytes);
out:
    free(memory);
    pb_buf_fini(&b);
    pbay_message_fini(&m);
    return status;
}

static bool is_envelope(const char *protocol)
{
    return protocol && strcmp(protocol, ENVELOPE) == 0;
}

static int encode(struct job *j)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)j->input.p, j->input.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const char *own = json_string_value(json_object_get(root, "protocol"));
    int status;

    if (!root) {
        fprintf(stderr, "patchbay encode: line %d: %s\n", error.line, error.text);
        return CMD_FAILED;
    }
    status = is_envelope(j->protocol ? j->protocol : own) ? encode_envelope(j, root) : encode_message(j, root);
    json_decref(root);
    return status;
}

static int decode(struct job *j)
{
    return is_envelope(j->protocol) ? decode_envelope(j) : decode_message(j);
}

/* ---- arguments and input ---- */

static bool read_option(struct job *j, const char *word)
{
    bool protobuf = strcmp(word, "--protobuf") == 0;

    if (!protobuf && strcmp(word, "--msgpack") != 0)
        return false;
    j->has_encoding = true;
    j->encoding = protobuf ? PBAY_PROTOBUF : PBAY_MSGPACK;
    return true;
}

static int read_arguments(struct job *j, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (strcmp(argv[i], "--protocol-file") == 0 && i + 1 < argc) {
            if (!cmd_protocol_file(j->protocols, argv[++i]))
                return CMD_USAGE;
        } else if (!read_option(j, argv[i]))
            return cmd_misused(j->command, "%s: not understood", argv[i]);
    }
    if (i < argc)
        j->protocol = argv[i++];
    if (i < argc)
        return cmd_misused(j->command, "%s: expected one protocol only", argv[i]);
    if (!j->protocol && j->needs_protocol)
        return cmd_misused(j->command, "expected a protocol");
    if (is_envelope(j->protocol) && j->has_encoding && j->encoding == PBAY_MSGPACK)
        return cmd_misused(j->command, "--msgpack: an envelope is always protobuf");
    return CMD_OK;
}

static int read_input(struct job *j)
{
    size_t got;

    do {
        uint8_t *to = pb_buf_grow(&j->input, READ_SIZE);

        got = fread(to, 1, READ_SIZE, stdin);
        j->input.n -= READ_SIZE - got;
        if (j->input.n > MAX_BYTES)
            return failed(j, "standard input: expected at most 64 MiB");
    } while (got);
    return ferror(stdin) ? failed(j, strerror(errno)) : CMD_OK;
}

static int run(struct job *j, int argc, char **argv, int (*work)(struct job *j))
{
    int status;

    j->protocols = pbay_protocols_new();
    status = read_arguments(j, argc, argv);
    if (status == CMD_OK)
        status = read_input(j);
    if (status == CMD_OK)
        status = work(j);
    pbay_protocols_destroy(&j->protocols);
    pb_buf_fini(&j->input);
    return status;
}

int cmd_decode(int argc, char **argv)
{
    struct job j = {.command = "decode", .needs_protocol = true};

    return run(&j, argc, argv, decode);
}

int cmd_encode(int argc, char **argv)
{
    struct job j = {.command = "encode"};

    return run(&j, argc, argv, encode);
}
