/* Any bytes as a message, in both directions: what is read once is written and read again with the same meaning. */
#include <assert.h>
#include <string.h>

#include "schema/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void round_trip(const struct pb_frame *f, enum pb_dir dir)
{
    struct pb_buf b = {0};
    struct pb_frame again;
    struct pb_rd r;

    if (f->verb == PB_NOP)
        return;
    pb_frame_write(&b, dir, f);
    r = (struct pb_rd){b.p, b.p + b.n};
    assert(pb_frame_read(&r, dir, &again) && r.p == r.end);
    assert(again.verb == f->verb && again.seq == f->seq && again.stream == f->stream);
    if (f->verb == PB_PUB) /* a verb fills its own fields only */
        assert(pbay_str_eq(again.payload, f->payload) && pbay_str_eq(again.meta, f->meta));
    if (f->verb == PB_OPEN)
        assert(pbay_str_eq(again.to, f->to) && pbay_str_eq(again.sender, f->sender));
    pb_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    for (int dir = PB_UP; dir <= PB_DOWN; dir++) {
        struct pb_rd r = {data, data + n};
        struct pb_frame f;
        struct pb_meta m;

        while (r.p < r.end && pb_frame_read(&r, (enum pb_dir)dir, &f)) {
            round_trip(&f, (enum pb_dir)dir);
            if (f.verb == PB_PUB && f.meta.n)
                pb_meta_read(f.meta, &m);
        }
    }
    return 0;
}
