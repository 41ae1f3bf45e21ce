/* vsyn-ingest: videos into a clip store. */
#include "ingest/add.h"
#include "ingest/convert.h"
#include "ingest/doctor.h"
#include "ingest/extract.h"
#include "ingest/ingest.h"
#include "ingest/look.h"
#include "ingest/tidy.h"

static const vs_command commands[] = {
    { "add", "STORE", 1, 1, "decode the videos of a list, folder or data set into the store",
      vs_add_opts, sizeof(vs_add_settings), vs_command_add },
    { "info", "STORE", 1, 1, "data sets, splits, clips, frames, bytes, failures", vs_info_opts,
      sizeof(vs_look_settings), vs_command_info },
    { "list", "STORE", 1, 1, "every clip, or every failure", vs_list_opts,
      sizeof(vs_look_settings), vs_command_list },
    { "verify", "STORE", 1, 1, "every checksum; exit 1 and a list when one is wrong",
      vs_verify_opts, sizeof(vs_look_settings), vs_command_verify },
    { "extract", "STORE", 1, 1, "frames of a clip as PNG, or the whole store as a data set",
      vs_extract_opts, sizeof(vs_extract_settings), vs_command_extract },
    { "convert", "STORE", 1, 1, "into a new store of another encoding or size, without the videos",
      vs_convert_opts, sizeof(vs_convert_settings), vs_command_convert },
    { "doctor", "", 0, 0, "a list against the disk and a store, before decoding", vs_doctor_opts,
      sizeof(vs_doctor_settings), vs_command_doctor },
    { "remove", "STORE", 1, 1, "forget clips, a split, a class, a data set, failures",
      vs_remove_opts, sizeof(vs_remove_settings), vs_command_remove },
    { "compact", "STORE", 1, 1, "give the bytes of removed clips back", vs_compact_opts,
      sizeof(vs_remove_settings), vs_command_compact },
    { 0 }
};

int main(int argc, char **argv)
{
    const vs_program program = { "vsyn-ingest", "videos into a clip store with random access",
                                 commands };
    return vs_cli_main(&program, argc, argv);
}
