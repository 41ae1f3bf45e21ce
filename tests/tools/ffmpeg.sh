#!/usr/bin/env bash
# Every clip of ../shared/clips/good and odd as vsyn-ingest decodes it, against the ffmpeg program:
# the number of frames, each frame's planes and time, and what --fps makes of them. Differences:
# ffmpeg_differences.tsv.
. "$(dirname "$0")/tap.sh"
clips=$VSYN_ROOT/../shared/clips
if [ ! -d "$clips" ] || ! command -v ffmpeg >/dev/null; then
    skip "frames against ffmpeg" "../shared/clips or the ffmpeg program is not here"
    finish
    exit 0
fi
least=44
known=$VSYN_ROOT/tests/tools/ffmpeg_differences.tsv
# table NAME [OPTION...]: a line per clip of the list in $work/files
table()
{
    local name=$1
    shift
    tr '\n' '\0' <"$work/files" |
        xargs -0 -P 2 -n 4 "$VSYN_BUILD/tests/tools/compare_ffmpeg" "$@" | sort -t$'\t' -k5 >"$work/$name"
}
# listed FILE KIND: our frames where the difference is known
listed() { awk -F'\t' -v n="$1" -v k="$2" '$1 == n && $2 == k { print $3 }' "$known"; }
frames_of()
{
    local kind=$1 what=$2 good=0
    while IFS=$'\t' read -r ours theirs mean worst name; do
        expected=$(listed "$name" "$kind")
        if [ -n "$expected" ]; then
            same "$what of $name: differs as listed" "$ours" "$expected"
        elif [ "$ours" -gt 0 ] && [ "$ours" = "$theirs" ] &&
            awk -v w="$worst" -v l=$least 'BEGIN { exit !(w >= l) }'; then
            good=$((good + 1))
        else
            not_ok "$what of $name" "$ours frames, ffmpeg $theirs; $mean dB, worst $worst dB, expected $least"
        fi
    done <"$work/$kind"
    ok "$what: $good clips as by ffmpeg"
}
find "$clips/good" "$clips/odd" -type f | sort >"$work/files"
table decoded
frames_of decoded "frames"
table fps10 --fps 10
frames_of fps10 "frames at 10 a second"
table times --times
varying=0
while IFS=$'\t' read -r ours theirs most uneven name; do
    [ "$ours" = 0 ] && continue
    varying=$((varying + uneven))
    [ "$ours" = "$theirs" ] && [ "$most" -le 1 ] ||
        not_ok "times of $name" "$ours, ffprobe $theirs; largest difference $most us"
done <"$work/times"
same "clips whose frames are not evenly spaced, all with the times of ffprobe" "$varying" 8
cp "$work/files" "$work/all"
awk -F'\t' 'NR == FNR { uneven[$5] = $4; next } uneven[$NF]' "$work/times" FS=/ "$work/all" >"$work/files"
table fps29.97 --fps 29.97
frames_of fps29.97 "frames of those at 29.97 a second"
same "every clip was compared" "$(wc -l <"$work/decoded")" \
    "$(find "$clips/good" "$clips/odd" -type f | wc -l)"
finish
