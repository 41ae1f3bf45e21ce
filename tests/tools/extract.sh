#!/usr/bin/env bash
# `vsyn-ingest extract --all`: a store turned back into files and lists, and these into a store again.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null; then
    skip "extract --all" "the ffmpeg program is not here to make test videos"
    finish
    exit 0
fi
video()
{
    local file=$1 frames=$2
    shift 2
    mkdir -p "$(dirname "$file")"
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=64x48:rate=25" -frames:v "$frames" -c:v mpeg4 \
        -q:v 2 "$@" "$file" || echo "Bail out! ffmpeg cannot make $file"
}
cd "$work" || exit 1
extract() { vsyn-ingest extract "$1" --all --out "$2" --quiet "${@:3}"; }
rows() { vsyn-ingest list "$1" | tail -n +2 | cut -f 2-7 | sort; }

video v/run/a.mp4 10
video "v/run fast/b c.avi" 12
video "v/run fast/b c.mp4" 9
video v/jump/gaps.mkv 17 -vf 'select=not(eq(n\,3)+eq(n\,9))' -vsync vfr
for i in 1 2 3; do cp v/run/a.mp4 v/run/$i.mp4; cp v/run/a.mp4 "v/run fast/$i.mp4"; cp v/run/a.mp4 v/jump/$i.mp4; done
check "a store" vsyn-ingest add s --folder v --test-share 0.25 --quiet

# ---- As videos -------------------------------------------------------------------------------
check "extract as lossless MP4" extract s o --format lossless
same "every clip under its name; the second of two by number" "$(cd o && find . -type f | sort | tr '\n' ' ')" \
    "./classes.txt ./jump/1.mp4 ./jump/2.mp4 ./jump/3.mp4 ./jump/gaps.mp4 ./run fast/1.mp4 ./run fast/2.mp4 \
./run fast/3.mp4 ./run fast/b c-13.mp4 ./run fast/b c.mp4 ./run/1.mp4 ./run/2.mp4 ./run/3.mp4 ./run/a.mp4 \
./test.csv ./train.csv "
same "names of classes" "$(tr '\n' ' ' <o/classes.txt)" "jump run run fast "
same "lists" "$(sort o/test.csv o/train.csv | head -5 | tail -2 | tr '\n' ' ')" "jump/gaps.mp4 0 run fast/1.mp4 2 "
for l in train test; do
    check "the list $l makes a store" vsyn-ingest add again --list o/$l.csv --classes o/classes.txt --name v \
        --encoding raw --quiet
done
same "of the same clips, splits, labels, classes and rates" "$(rows again)" "$(rows s)"
check "and as a folder per class" vsyn-ingest add folder --folder o --encoding raw --quiet
check "extract raw as lossless MP4" extract folder o2 --format lossless
check "and back" vsyn-ingest add folder2 --folder o2 --encoding raw --quiet
check "every frame is the same" "$VSYN_BUILD/tests/tools/compare_stores" folder folder2
gaps() { vsyn-ingest info "$1" --clip "$(vsyn-ingest list "$1" | grep gaps | cut -f 1)" | tail -n 2; }
same "times too" "$(gaps again)" "$(gaps s)"
check "extract as MP4" extract s h264
same "a list of them" "$(cat h264/test.csv)" "$(cat o/test.csv)"
check "the same again" extract s h264
same "does nothing" "$(cat out)" "h264: 0 clips extracted (0 frames), 13 were there, 0 cannot be read"

# ---- As pictures -----------------------------------------------------------------------------
check "extract as JPEG" extract s j --format jpeg
same "a folder per clip" "$(cd j/jump/gaps && ls | tr '\n' ' ' | cut -c 1-40)" "img_00001.jpg img_00002.jpg img_00003.jp"
same "with its times" "$(head -4 j/jump/gaps/times.txt | tr '\n' ' ')" "0.000000 0.040000 0.080000 0.160000 "
same "lists with lengths" "$(grep gaps j/t*.csv | cut -d: -f 2)" "jump/gaps 17 0"
check "extract as PNG, one split" extract s p --format png --split test
same "only this one" "$(ls p | tr '\n' ' ')$(cat p/test.csv | wc -l)" "classes.txt jump run run fast test.csv 3"
vsyn-ingest extract s --clip 4 --frames 5 --out one --quiet >/dev/null
same "its frames are those of extract --clip" "$(cmp one/f005.png "$(grep -q gaps p/test.csv && echo p/jump/gaps/img_00006.png ||
    { extract s p2 --format png --split train && echo p2/jump/gaps/img_00006.png; } | tail -1)" && echo same)" same
fails 1 "a folder with other pictures" "holds other things" vsyn-ingest extract s --all --out j --format png --quiet

# ---- Several sets, odd names, damage, kills, full disk -------------------------------------------
mkdir x && cp v/run/a.mp4 x/a.mp4 && printf '../../../a.mp4\n%s/x/a.mp4\na.mp4\n' "$PWD" >x/l.csv
mkdir -p x/1/2/3 && mv x/l.csv x/1/2/3/ && cp x/a.mp4 x/1/2/3/
check "a second set, of odd names" vsyn-ingest add s --list x/1/2/3/l.csv --name 'x/y' --quiet
check "extract of two sets" extract s two --format jpeg
same "a folder each, nothing outside" "$(ls two | tr '\n' ' ')$(find two/x_y -name img_00001.jpg | sed "s|$PWD||" | sort | tr '\n' ' ')" \
    "v x_y two/x_y/__/__/__/a/img_00001.jpg two/x_y/a/img_00001.jpg two/x_y/x/a/img_00001.jpg "
same "a list without labels" "$(wc -l <two/x_y/all.csv) $(cut -d' ' -f 2- two/x_y/all.csv | sort -u)" "3 10 -1"
cp -r s hurt
printf '\x55' | dd of=hurt/packs/1.pack bs=1 seek=20000 conv=notrunc status=none
vsyn-ingest extract hurt --all --out h --quiet >out 2>err
same "a damaged clip is named and left out" "$? $(grep -c 'checksum differs' err) $(cat h/v/t*.csv | wc -l)" "1 1 12"
"$VSYN_BUILD/tests/tools/kill_at" 150 vsyn-ingest extract s --all --out killed --format png --quiet >out 2>err
same "extract is killed" $? 0
check "the same command" extract s killed --format png
check "all of it, undisturbed" extract s calm --format png
check "is the same" diff -r killed calm
for f in png mp4; do
    fails 1 "a full disk, $f" "the same command goes on" bash -c \
        "trap '' XFSZ; ulimit -f 1; exec vsyn-ingest extract s --all --out full-$f --format $f --quiet"
    same "leaves nothing half-written" "$(find full-$f -name '*.part' | wc -l)" 0
    check "and goes on" extract s full-$f --format $f
done
fails 2 "neither clip nor all" "none of --clip and --all" vsyn-ingest extract s --out z
fails 2 "frames of all" "--frames does not go with --all" vsyn-ingest extract s --all --frames 3 --out z
fails 2 "a format of one" "--format goes with --all" vsyn-ingest extract s --clip 1 --format png --out z
finish
