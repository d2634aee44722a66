/* How a test leads its programs: lines of JSON in on standard input, lines of JSON out on standard output. */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include <jansson.h>
#include <stdbool.h>

#include "schema/pbay_envelope.h"

#define TALK_MAX_LINE 4096  /* bytes of a command */
#define TALK_SHOWN    64    /* bytes of a message that are told */
#define TALK_MAX_SIZE 65536 /* bytes of a message that is made up */

struct talk {
    char bytes[TALK_MAX_LINE];
    size_t n;
    bool over; /* standard input has ended */
    json_t *line;
    char *filler; /* of the message of the last talk_envelope */
};

/* The next command that has come, NULL = none yet; it lives until the next call. A line that is no object, or longer
 * than TALK_MAX_LINE, ends the process. */
const json_t *talk_next(struct talk *t);

/* A text of the command; "" when it has none of that name. */
const char *talk_text(const json_t *command, const char *name);

/* The envelope of a command {to, sender, protocol, connection, instance, operation, message, size, ttl, replay}: its
 * views live as long as the command. `size` fills the message up. */
void talk_envelope(struct talk *t, const json_t *command, struct pbay_envelope *e);

/* The name of an enum pbay_err; what is none ends the process. */
int talk_code(const char *name);

/* One line; takes the value. Thread-safe. */
void talk_say(json_t *line);

/* A view as a JSON text; what is not UTF-8 becomes an empty one. */
json_t *talk_json(struct pbay_str s);
/* The same, cut after TALK_SHOWN bytes. */
json_t *talk_shown(struct pbay_str s);

void talk_fini(struct talk *t);

#endif
