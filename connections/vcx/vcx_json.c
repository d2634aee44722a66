#include "connections/vcx/vcx_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Count what is outside of strings. Text that is not JSON may be miscounted; it is refused by the parser. */
static bool check_shape(struct pbay_str text, const char *what, char why[VCX_WHY])
{
    size_t depth = 0, values = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        depth += c == '{' || c == '[';
        depth -= depth && (c == '}' || c == ']');
        values += c == '{' || c == '[' || c == ',' || c == ':';
        if (depth > VCX_MAX_DEPTH)
            return vcx_why(why, "%s: JSON deeper than %d", what, VCX_MAX_DEPTH);
        if (values > VCX_MAX_VALUES)
            return vcx_why(why, "%s: JSON with more than %d values", what, VCX_MAX_VALUES);
    }
    return true;
}

/* Not the parser's own sentence: it has the stranger's text in it. */
static const char *sentence_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "a key is there twice";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL in a string";
    case json_error_numeric_overflow:
        return "a number out of range";
    default:
        return "not JSON";
    }
}

json_t *vcx_json_read(struct pbay_str text, const char *what, char why[VCX_WHY])
{
    json_error_t error;
    json_t *json;

    if (text.n > VCX_MAX_JSON) {
        vcx_why(why, "%s: more than %d bytes", what, VCX_MAX_JSON);
        return NULL;
    }
    if (!check_shape(text, what, why))
        return NULL;
    json = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        vcx_why(why, "%s: %s, near byte %d", what, sentence_of(&error), error.position);
    } else if (!json_is_object(json)) {
        vcx_why(why, "%s: expected an object", what);
        json_decref(json);
        json = NULL;
    }
    return json;
}

/* ---- values ---- */

struct pbay_str vcx_json_str(const json_t *object, const char *key, size_t max, char why[VCX_WHY])
{
    const json_t *value = json_object_get(object, key);
    struct pbay_str text = {json_string_value(value), json_string_length(value)};

    if (text.p && text.n > 0 && text.n <= max)
        return text;
    if (!vcx_json_has(object, key))
        vcx_why(why, "%s is missing", key);
    else if (!text.p)
        vcx_why(why, "%s is not a string", key);
    else
        vcx_why(why, "%s: expected 1 to %zu bytes, found %zu", key, max, text.n);
    return (struct pbay_str){0};
}

bool vcx_json_has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return value && !json_is_null(value);
}

/* ---- types ---- */

/* Take the prefix away. */
static bool skip(const char **text, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*text, prefix, n) != 0)
        return false;
    *text += n;
    return true;
}

bool vcx_json_is_type(const json_t *type, const char *family, unsigned major, const char *name)
{
    const char *text = json_string_value(type);
    char version[16];

    (void)snprintf(version, sizeof version, "/%u.", major);
    if (!text || !(skip(&text, "https://didcomm.org/") || skip(&text, "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/")) ||
        !skip(&text, family) || !skip(&text, version) || !(*text >= '0' && *text <= '9'))
        return false;
    text += strspn(text, "0123456789");
    return name ? *text == '/' && strcmp(text + 1, name) == 0 : !*text;
}

/* ---- writing ---- */

static int add_piece(const char *piece, size_t n, void *out)
{
    pb_buf_add(out, piece, n);
    return 0;
}

bool vcx_json_write(struct pb_buf *out, const json_t *json)
{
    return json_dump_callback(json, add_piece, out, JSON_COMPACT) == 0;
}
