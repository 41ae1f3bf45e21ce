#!/usr/bin/env bash
# vsyn-ingest add against the ffmpeg program that decodes, scales and encodes the same files as
# MJPEG, as many at once as there are jobs: turn by turn, medians of seconds, one JSON line.
# Usage: VSYN_BUILD=build tests/bench/bench_add.sh DIR [JOBS [TURNS]]
set -eu
dir=$1 jobs=${2:-$(nproc)} turns=${3:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/vsyn-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
find "$dir" -type f | sort >"$work/files"
sed 's/$/ 0/' "$work/files" >"$work/list.csv"
now() { date +%s.%N; }
ours()
{
    rm -rf "$work/store"
    "$VSYN_BUILD/ingest/vsyn-ingest" add "$work/store" --list "$work/list.csv" --jobs "$jobs" \
        --quiet >"$work/out"
}
theirs()
{
    tr '\n' '\0' <"$work/files" | xargs -0 -P "$jobs" -I{} sh -c 'ffmpeg -nostdin -v quiet -y \
        -threads 1 -filter_threads 1 -i "$1" -an -vsync passthrough -threads 1 -c:v mjpeg -q:v 2 \
        -vf "scale=if(gt(iw\,ih)\,-2\,min(256\,iw)):if(gt(iw\,ih)\,min(256\,ih)\,-2)" \
        "$2/$(basename "$1").avi"' _ {} "$work"
}
for i in $(seq "$turns"); do
    for who in ours theirs; do
        begun=$(now); $who; awk -v a="$begun" -v b="$(now)" 'BEGIN { print b - a }' >>"$work/$who"
    done
done
median() { sort -n "$work/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
awk -v a="$(median ours)" -v b="$(median theirs)" -v n="$(wc -l <"$work/files")" -v j="$jobs" 'BEGIN {
    printf "{\"bench\": \"add\", \"files\": %d, \"jobs\": %d, \"seconds\": %.2f, ", n, j, a
    printf "\"ffmpeg_seconds\": %.2f, \"ratio\": %.2f}\n", b, a / b }'
