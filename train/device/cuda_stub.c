/* Stands where the CUDA device is not part of the program. */
#include "train/device/device.h"

vs_err vs_device_open_cuda(vs_device **out, int index)
{
    *out = NULL;
    return VS_FAIL(VS_ERR_UNSUPPORTED,
                   "device cuda:%d: this vsyn was built without CUDA, use --device cpu", index);
}
