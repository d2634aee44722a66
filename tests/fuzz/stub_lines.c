/* Any bytes as a stub file: every byte belongs to exactly one item, and the parser never stands still. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "connections/stub/stub_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct stub_lines lines = {0};
    struct stub_item item;
    char *copy = malloc(n + 1), *p = copy;
    size_t left = n;

    if (n)
        memcpy(copy, data, n);
    while (left) {
        stub_lines_next(&lines, p, left, &item);
        if (item.kind == STUB_MORE)
            break;
        assert(item.used > 0 && item.used <= left);
        if (item.kind == STUB_ENVELOPE)
            assert(item.e.to.n && item.e.message.p >= p && item.e.message.p + item.e.message.n <= p + left);
        p += item.used;
        left -= item.used;
    }
    free(copy);
    return 0;
}
