/* schema/vectors/vcx.json for the tests of connections/vcx. */
#ifndef VCX_VECTORS_H
#define VCX_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "connections/vcx/vcx_key.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Read once for a group of tests: its setup and teardown. */
int vcx_vectors_setup(void **state);
int vcx_vectors_teardown(void **state);

/* A member that must be there: of an object, of the file, a string. */
const json_t *vcx_of(const json_t *object, const char *key);
const char *vcx_text(const json_t *object, const char *key);
struct pbay_str vcx_str(const json_t *object, const char *key);
struct pbay_str vcx_view(const struct pb_buf *b);

/* Hexadecimal digits; the caller frees. */
struct pb_buf vcx_hex(const char *digits);

/* A person of the vectors: alice, bob, carol, mediator. */
struct vcx_person {
    uint8_t key[VCX_KEY], secret[VCX_SECRET];
};
struct vcx_person vcx_person(const json_t *root, const char *name);

/* The ring of one person. */
struct vcx_keys vcx_ring(const struct vcx_person *person);

/* Random numbers that are known beforehand; running out of them fails the test. */
struct vcx_known {
    struct pb_buf bytes;
    size_t at;
    struct vcx_random random;
};
void vcx_known_init(struct vcx_known *k, const char *hex);
void vcx_known_fini(struct vcx_known *k);

/* Call it for every message of the transcripts; returns how many there are. */
size_t vcx_each_message(const json_t *root, void (*visit)(const json_t *message, void *arg), void *arg);

/* The reason must have these words in it. */
void vcx_expect(const char *name, bool refused, const char *why, const char *words);

/* At the end of a test over vectors: say how many there were, and fail when there was none. */
void vcx_ran(const char *what, size_t n);

#endif
