/* In place of streams.c where the build has no FFmpeg: the names, and why they cannot be had. */
#include "eval/kinds.h"

static const char *missing(void)
{
    return "this vsyn-robust was built without FFmpeg (-Dffmpeg=enabled has it)";
}

const vs_kind vs_kind_mpeg1 = { .missing = missing };
const vs_kind vs_kind_mpeg2 = { .missing = missing };
const vs_kind vs_kind_h264_crf = { .missing = missing };
const vs_kind vs_kind_h265_crf = { .missing = missing };
const vs_kind vs_kind_h264_abr = { .missing = missing };
const vs_kind vs_kind_bit_error = { .missing = missing };
const vs_kind vs_kind_packet_loss = { .missing = missing };
