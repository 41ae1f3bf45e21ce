#!/usr/bin/env bash
# `vsyn-ingest add --encoding copy`: packets are kept, and every frame that comes out is the one of
# --encoding raw, bit for bit, in order and across; damage, removal, kills, programs without FFmpeg.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null; then
    skip "the encoding copy" "the ffmpeg program is not here to make test videos"
    finish
    exit 0
fi
video()
{
    local file=$1 frames=$2 size=$3
    shift 3
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=$size:rate=25" -frames:v "$frames" "$@" \
        "$file" || echo "Bail out! ffmpeg cannot make $file"
}
cd "$work" && mkdir v || exit 1
compare() { "$VSYN_BUILD/tests/tools/compare_stores" "$@"; }
add() { vsyn-ingest add "$1" --list "$2" --quiet "${@:3}"; }

# ---- Equal to raw -----------------------------------------------------------------------------
video v/closed.mp4 70 160x120 -c:v libx264 -g 12 -bf 2
video v/open.mp4 70 160x120 -c:v libx264 -g 12 -bf 3 -x264-params open-gop=1:scenecut=0
video v/turned.mp4 20 160x120 -c:v mpeg4 -g 5
ffmpeg -nostdin -v error -y -i v/turned.mp4 -c copy -metadata:s:v rotate=90 v/turned2.mp4
video v/odd.mkv 9 121x81 -c:v ffv1 -pix_fmt yuv444p
video v/wide.avi 30 160x120 -c:v mpeg4 -bf 2 -g 10 -vf setsar=4/3
video v/one.mp4 1 64x48 -c:v mpeg4
video v/two.webm 2 64x48 -c:v libvpx
video v/damaged.avi 60 160x120 -c:v mpeg4 -g 10
printf '%2000s' x | dd of=v/damaged.avi bs=1 seek=60000 conv=notrunc 2>"$work/err"
ls v/* | sed 's/$/ 0/' >list.txt
clips=$VSYN_ROOT/../shared/clips
if [ -d "$clips" ]; then
    find -L "$clips/good" "$clips/odd" "$clips/bad" -type f -size -400k | sort | awk 'NR % 12 == 0' |
        sed 's/$/ 0/' >>list.txt
else
    skip "third-party clips" "../shared/clips is not here"
fi
check "add as raw" add raw list.txt --format path-label --encoding raw --short-side 0
check "add as packets" add copy list.txt --format path-label --encoding copy
same "both say the same of each clip" "$(vsyn-ingest list copy)" "$(vsyn-ingest list raw)"
check "every frame as in raw, in order and across" compare copy raw
made=$(ls v/* | xargs stat -c %s | awk '{ n += $1 } END { print n }')
check "and again at half the size" add small list.txt --format path-label --encoding copy --short-side 48
check "as raw" add small-raw list.txt --format path-label --encoding raw --short-side 48
check "every frame of it" compare small small-raw
kept=$(vsyn-ingest list copy --json | tr -d ' ' | grep -o '"bytes":[0-9]*' | head -9 | cut -d: -f2 |
    awk '{ n += $1 } END { print n }')
check "packets take what the files take, within a fifth" \
    awk -v a="$kept" -v b="$made" 'BEGIN { exit !(a < 1.2 * b) }'

# ---- Memory ------------------------------------------------------------------------------------
# 9 and 138 MB of packets: what does not fit into spill_bytes (32 MiB) lies in nameless files, once
# as packets, once as pieces. Readers need one piece at a time.
video short.avi 80 320x240 -c:v rawvideo -pix_fmt yuv420p
video long.avi 1200 320x240 -c:v rawvideo -pix_fmt yuv420p
for f in short long; do
    echo "$f.avi 0" >$f.txt
    for e in jpeg raw copy; do
        check "add a $f video, $e" "$VSYN_BUILD/tests/tools/peak" $f-$e vsyn-ingest add $f-$e.store \
            --list $f.txt --encoding $e --jobs 1 --quiet
        check "verify it" "$VSYN_BUILD/tests/tools/peak" $f-$e-read vsyn-ingest verify \
            $f-$e.store --quiet
    done
done
for e in jpeg raw copy; do
    check "memory of add stops growing with the video, $e: $(cat short-$e) and $(cat long-$e) KiB" \
        awk -v a="$(cat short-$e)" -v b="$(cat long-$e)" 'BEGIN { exit !(b - a < 96 * 1024) }'
    check "memory of verify: $(cat short-$e-read) and $(cat long-$e-read) KiB" \
        awk -v a="$(cat short-$e-read)" -v b="$(cat long-$e-read)" 'BEGIN { exit !(b - a < 4096) }'
done
check "every frame of the long one" compare long-copy.store long-raw.store
rm -r short* long*

# ---- Tidying, damage, kills -------------------------------------------------------------------
check "verify" vsyn-ingest verify copy --quiet
check "remove" vsyn-ingest remove copy --clip 1,3 --quiet
check "compact" vsyn-ingest compact copy --quiet
check "remove of raw" vsyn-ingest remove raw --clip 1,3 --quiet
check "every frame after compact" compare copy raw
check "verify after compact" vsyn-ingest verify copy --quiet
cp -r copy hurt
pack=$(ls hurt/packs/*.pack | head -1)
printf '\377\376\375' | dd of="$pack" bs=1 seek=20000 conv=notrunc 2>"$work/err"
fails 1 "verify finds a damaged packet" "clips are damaged" vsyn-ingest verify hurt --quiet

"$VSYN_BUILD/tests/tools/kill_at" 80 vsyn-ingest add killed --list list.txt --format path-label --encoding copy \
    --quiet >"$work/out" 2>"$work/err"
same "add is killed" $? 0
check "after kill -9 the same command" add killed list.txt --format path-label --encoding copy
check "ends as undisturbed" vsyn-ingest remove killed --clip 1,3 --quiet
check "every frame" compare killed raw

# ---- Programs and options ---------------------------------------------------------------------
fails 1 "vsyn-train names the clip and the way out" "vsyn-ingest convert copy --out NEW" \
    vsyn-train views copy:2 --out views.png
for option in "--fps 5" "--max-seconds 1" "--quality 50"; do
    # shellcheck disable=SC2086
    fails 2 "$option is refused" "does not go with --encoding copy" \
        vsyn-ingest add x --list list.txt --encoding copy $option
done
finish
