# Which folder may include which: one line per folder, ground floor first.
# Run by scripts/check over every .c, .h, .cu and .cuh of the product.
BEGIN {
    may["base"]         = "base"
    may["gen/scene"]    = "base gen/scene"
    may["gen/texture"]  = "base gen/scene gen/texture"
    may["ingest/store"] = "base ingest/store"
    may["gen"]          = "base gen/scene gen/texture ingest/store gen"
    may["ingest"]       = "base ingest/store ingest"
    may["train/device"] = "base train/device"
    may["train/ops"]    = "base gen/scene train/device train/ops"
    may["train/model"]  = "base gen/scene train/device train/ops train/model"
    may["train/data"]   = "base gen/scene gen/texture ingest/store train/device train/ops train/data"
    may["train"]        = "base gen/scene gen/texture ingest/store train/device train/ops train/model train/data train"
    may["eval/sets"]    = "base gen/scene gen/texture ingest/store eval/sets"
    may["eval"]         = may["train"] " ingest gen eval eval/sets"
    # The rooms that may touch FFmpeg; the trainer never does.
    ffmpeg["gen"] = ffmpeg["ingest"] = ffmpeg["eval"] = 1
}
function folder(path) { return sub(/\/[^\/]*$/, "", path) ? path : "." }
FNR == 1 { sub(/^\.\//, "", FILENAME); from = folder(FILENAME) }
!(from in may) { next }
/^#include "/ {
    split($0, q, "\""); to = folder(q[2])
    if (to == ".") {
        print FILENAME ":" FNR ": write the include from the root: " q[2]; bad = 1
    } else if (!index(" " may[from] " ", " " to " ")) {
        print FILENAME ":" FNR ": " from " may not include " to; bad = 1
    }
}
/^#include <lib(av|sw)/ && !(from in ffmpeg) {
    print FILENAME ":" FNR ": " from " may not use FFmpeg"; bad = 1
}
END { exit bad }
