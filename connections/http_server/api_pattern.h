/* Patterns of an API's schemas: what ECMA 262 and POSIX extended expressions have in common, and \d \w \s. Matched by
 * walking all states at once, so that neither a pattern nor a text can make it slow, or take memory: work is at most
 * the length of the text times that of the pattern.
 *
 * Taken: characters of UTF-8, . ^ $ | ( ) [ ], ranges, * + ? {n} {n,} {n,m}, and behind a backslash d w s n t r and
 * marks. Not taken: back references, look-around, lazy and possessive repeats, \D \W \S \b \u \x, classes by name. */
#ifndef API_PATTERN_H
#define API_PATTERN_H

#include "schema/arena.h"

#define API_MAX_PATTERN 512 /* bytes of its text; and steps, once its repeats are written out */

struct api_pattern;

/* It lives in the arena. NULL: *why, a static text, says what is not supported. */
const struct api_pattern *api_pattern_new(struct pb_arena *arena, const char *text, const char **why);

enum api_matched { API_NO_MATCH, API_MATCH, API_TOO_MUCH };

/* Does any part of the text, which is UTF-8, match? Each step is taken from *budget; API_TOO_MUCH = it is used up. */
enum api_matched api_pattern_match(const struct api_pattern *p, struct pbay_str text, uint64_t *budget);

/* The next character of a text in UTF-8, which is not empty. */
uint32_t api_next_char(struct pbay_str *text);

#endif
