#!/usr/bin/env bash
# Every clip of ../shared/clips/good and odd as vsyn-ingest decodes it, against the ffmpeg program:
# the number of frames, and each frame's planes. Differences: ffmpeg_differences.tsv.
. "$(dirname "$0")/tap.sh"
clips=$VSYN_ROOT/../shared/clips
if [ ! -d "$clips" ] || ! command -v ffmpeg >/dev/null; then
    skip "frames against ffmpeg" "../shared/clips or the ffmpeg program is not here"
    finish
    exit 0
fi
least=44
known=$VSYN_ROOT/tests/tools/ffmpeg_differences.tsv
find "$clips/good" "$clips/odd" -type f -print0 | sort -z |
    xargs -0 -P 2 -n 4 "$VSYN_BUILD/tests/tools/compare_ffmpeg" | sort -t$'\t' -k5 >"$work/table"
while IFS=$'\t' read -r ours theirs mean worst name; do
    expected=$(awk -F'\t' -v n="$name" '$1 == n { print $2 }' "$known")
    if [ -n "$expected" ]; then
        same "$name: differs as listed" "$ours" "$expected"
    elif [ "$ours" -gt 0 ] && [ "$ours" = "$theirs" ] &&
        awk -v w="$worst" -v l=$least 'BEGIN { exit !(w >= l) }'; then
        ok "$name: $ours frames, $mean dB, worst $worst dB"
    else
        not_ok "$name" "$ours frames, ffmpeg $theirs; $mean dB, worst $worst dB, expected $least"
    fi
done <"$work/table"
same "every clip was compared" "$(wc -l <"$work/table")" \
    "$(find "$clips/good" "$clips/odd" -type f | wc -l)"
finish
