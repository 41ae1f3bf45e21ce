/* In place of videos.c where the build has no FFmpeg. */
#include "eval/export.h"
#include "eval/footage.h"

static vs_err refuse(const char *path)
{
    return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: a video needs FFmpeg, and this vsyn-robust was built "
                   "without (-Dffmpeg=enabled has it); pictures go", path);
}

vs_err vs_footage_read_video(vs_footage *out, const char *path, const vs_footage_limits *limits)
{
    return refuse(path);
}

vs_err vs_footage_check_video(const char *path, const vs_video_format *format)
{
    return refuse(path);
}

vs_err vs_footage_write_video(const char *path, const vs_video_format *format, const uint8_t *rgb,
                              int T, int H, int W, double fps, int64_t *bytes)
{
    return refuse(path);
}

void vs_footage_store(vs_store *store)
{
}

vs_err vs_export_list_folder(vs_export_set *out, const char *folder)
{
    return refuse(folder);
}
