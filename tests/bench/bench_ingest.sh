#!/usr/bin/env bash
# Frames per second of vsyn-ingest add over 16 clips of 250 frames, 320 x 240, MPEG-4 as UCF101:
# one JSON line per encoding. Usage: bench_ingest.sh [JOBS]      needs the ffmpeg program
set -eu
work=$(mktemp -d "${TMPDIR:-/tmp}/vsyn-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/v/one"
ffmpeg -nostdin -v error -f lavfi -i testsrc2=size=320x240:rate=25 -frames:v 250 -c:v mpeg4 \
    -q:v 3 "$work/v/one/0.avi"
for i in $(seq 1 15); do cp "$work/v/one/0.avi" "$work/v/one/$i.avi"; done
for encoding in jpeg raw; do
    "$VSYN_BUILD/ingest/vsyn-ingest" add "$work/$encoding" --folder "$work/v" --quiet --json \
        --encoding $encoding ${1:+--jobs "$1"} >"$work/out"
    frames=$(grep -o '"frames": *[0-9]*' "$work/out" | grep -o '[0-9]*$')
    seconds=$(grep -o '"seconds": *[0-9.e-]*' "$work/out" | grep -o '[0-9.e-]*$')
    awk -v e=$encoding -v f="$frames" -v s="$seconds" 'BEGIN { printf "{\"bench\": \"ingest\", " \
        "\"encoding\": \"%s\", \"frames\": %d, \"frames_per_s\": %.0f}\n", e, f, f / s }'
done
