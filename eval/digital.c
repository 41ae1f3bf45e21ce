/* Corruptions of storage: JPEG, baseline 4:2:0 with the standard tables, as the reference
 * (Pillow over libjpeg-turbo) saves and loads it: accurate integer DCT both ways, and the
 * smooth ("fancy") enlargement of chroma when decoding.
 */
#include <stdio.h>
#include <turbojpeg.h>

#include "eval/kinds.h"

static vs_err frame_jpeg(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const int quality = (int)f->level[0];
    unsigned char *data = NULL;
    unsigned long size = 0;
    vs_err err = VS_OK;
    tjhandle encoder = tjInitCompress(), decoder = tjInitDecompress();
    if (!encoder || !decoder)
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for a JPEG encoder");
    else if (tjCompress2(encoder, src, f->W, 0, f->H, TJPF_RGB, &data, &size, TJSAMP_420, quality,
                         TJFLAG_ACCURATEDCT) != 0)
        err = VS_FAIL(VS_ERR_CODEC, "cannot encode a %d x %d picture as JPEG: %s", f->W, f->H,
                      tjGetErrorStr2(encoder));
    else if (tjDecompress2(decoder, data, size, dst, f->W, 0, f->H, TJPF_RGB,
                           TJFLAG_ACCURATEDCT) != 0)
        err = VS_FAIL(VS_ERR_CODEC, "cannot decode the JPEG of a %d x %d picture: %s", f->W, f->H,
                      tjGetErrorStr2(decoder));
    tjFree(data);
    if (encoder)
        tjDestroy(encoder);
    if (decoder)
        tjDestroy(decoder);
    return err;
}

const vs_kind vs_kind_jpeg = { .frame = frame_jpeg };
