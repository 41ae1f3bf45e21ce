#!/usr/bin/env bash
# `vsyn-ingest convert`: stores of every encoding into jpeg and raw, smaller, merged, killed, damaged.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null; then
    skip "convert" "the ffmpeg program is not here to make test videos"
    finish
    exit 0
fi
video()
{
    local file=$1 frames=$2
    shift 2
    mkdir -p "$(dirname "$file")"
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=160x120:rate=25" -frames:v "$frames" -c:v mpeg4 \
        -q:v 2 "$@" "$file" || echo "Bail out! ffmpeg cannot make $file"
}
cd "$work" || exit 1
compare() { "$VSYN_BUILD/tests/tools/compare_stores" "$@"; }
convert() { vsyn-ingest convert "$1" --out "$2" --quiet "${@:3}"; }
# All that a store says, without its encoding and bytes; frames and times of each clip.
rows() { vsyn-ingest list "$1" | cut -f 1-5,7-; vsyn-ingest list "$1" --failures; vsyn-ingest info "$1" | cut -d, -f 1-3; }
times() { for i in 1 2 3; do vsyn-ingest info "$1" --clip $i | tail -n +3; done; }

video v/a/gaps.mkv 17 -vf 'select=not(eq(n\,3)+eq(n\,9))' -vsync vfr
video v/a/2.mp4 12
video v/b/odd.mkv 9 -vf crop=121:81:0:0:exact=1,format=yuv444p -c:v ffv1
video v/b/4.avi 40
head -c 60000 v/b/4.avi >v/b/cut.avi; echo no >v/b/text.mp4
for e in jpeg raw copy; do
    check "a store, $e" vsyn-ingest add $e --folder v --encoding $e --test-share 0.4 --quiet
done
for e in copy raw; do
    check "$e to raw" convert $e $e-raw --encoding raw
    check "has the frames of raw" compare raw $e-raw
    check "$e to jpeg" convert $e $e-jpeg
    check "has the frames of jpeg" compare jpeg $e-jpeg
    same "its packs too, byte for byte" "$(cat $e-jpeg/packs/* | sha256sum)" "$(cat jpeg/packs/* | sha256sum)"
done
check "jpeg to jpeg" convert jpeg same
same "packs are taken over" "$(cat same/packs/* | sha256sum)" "$(cat jpeg/packs/* | sha256sum)"
check "jpeg to raw" convert jpeg jpeg-raw --encoding raw
check "has the frames of jpeg" compare jpeg jpeg-raw
for s in copy-raw copy-jpeg jpeg-raw same; do
    same "$s: names, lists, classes, notes, failures, rates" "$(rows $s)" "$(rows raw)"
    same "$s: times" "$(times $s)" "$(times raw)"
    check "$s: verify" vsyn-ingest verify $s --quiet
done
same "times were compared" "$(times raw | wc -w)" 17
check "the same again" convert copy copy-raw --encoding raw
same "does nothing" "$(cat out)" "copy-raw: 0 clips converted (0 frames), 5 known already, 0 cannot be read"
check "smaller" convert raw small --short-side 64
same "as add would make them" "$(vsyn-ingest list small | tail -n +2 | cut -f 6 | sort -u | tr '\n' ' ')" "86x64 96x64 "
check "of lower quality" convert jpeg worse --quality 30
same "is smaller" "$([ "$(du -sb worse/packs | cut -f 1)" -lt "$(du -sb jpeg/packs | cut -f 1)" ] && echo yes)" yes

# ---- Merged, killed, damaged, full ----------------------------------------------------------------
check "a second data set" vsyn-ingest add other --folder v/a --unlabelled --name more --quiet
check "comes to the first" convert other small
same "beside it" "$(vsyn-ingest info small | grep -c '^data set')" 2
for n in 30 60 90; do
    "$VSYN_BUILD/tests/tools/kill_at" $n vsyn-ingest convert copy --out killed-$n --jobs 2 --quiet >out 2>err
    same "killed at change $n" $? 0
    check "goes on" convert copy killed-$n
    same "to the same store" "$(cat killed-$n/packs/* | sha256sum; rows killed-$n; times killed-$n)" \
        "$(cat jpeg/packs/* | sha256sum; rows jpeg; times jpeg)"
done
cp -r jpeg hurt
printf '\x55' | dd of=hurt/packs/1.pack bs=1 seek=20000 conv=notrunc status=none
vsyn-ingest convert hurt --out healed --quiet >out 2>err
same "a damaged clip is named and becomes a failure" \
    "$? $(grep -c 'checksum differs' err) $(vsyn-ingest list healed --failures | grep -c checksum)" "1 1 1"
check "what is left is sound" vsyn-ingest verify healed --quiet
fails 1 "a full disk" "full/packs/1.pack: cannot write" bash -c \
    "trap '' XFSZ; ulimit -f 300; exec vsyn-ingest convert jpeg --out full --encoding raw --quiet"
check "goes on" convert jpeg full --encoding raw
check "to all frames" compare jpeg full
fails 2 "into itself" "is the store itself" vsyn-ingest convert jpeg --out ./jpeg
fails 1 "no store" "no clip store here" vsyn-ingest convert nowhere --out x
same "nothing was made" "$(ls -d x 2>&1 | grep -c 'No such')" 1
finish
