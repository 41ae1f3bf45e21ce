#!/usr/bin/env bash
# vsyn-robust export: a corrupted data set that vsyn-ingest takes back in the layout of the original;
# stopped, killed, in shards; damaged videos; refusals.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1

has() # WHAT TEXT FILE
{
    if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1" "$3 lacks \"$2\""; fi
}
# Every file below DIR with its checksum.
sums() { (cd "$1" && find . -type f ! -name .lock -exec sha256sum {} + | sort -k 2); }

# A small UCF101: 2 classes, 3 videos.
check "videos to work on" vsyn-gen motion --out made --videos 32 --size 66 --frames 20 --quiet
mkdir -p ucf/Circle ucf/Square ann
cp made/videos/0000000.mp4 ucf/Circle/v_Circle_g01_c01.avi
cp made/videos/0000001.mp4 ucf/Circle/v_Circle_g01_c02.avi
cp made/videos/0000002.mp4 ucf/Square/v_Square_g01_c01.avi
printf '1 Circle\n2 Square\n' >ann/classInd.txt
(cd ucf && printf '%s\n' */*) >ann/testlist01.txt
: >ann/trainlist01.txt
check "a store" vsyn-ingest add store --dataset ucf101 --root ucf --annotations ann --fold 1 \
    --encoding raw --quiet

# ---- What is written ---------------------------------------------------------------------
export=(vsyn-robust export --store store --split test --corruptions gaussian_noise,jpeg,sampling,mpeg2
    --severities 1,4)
check "export" "${export[@]}" --clean --json --out a
has "every video" '"videos":27,"made":27,"left_out":0' out
has "the estimate" "estimate: " err
same "as many files" "$(find a -name '*.avi' | wc -l)" 27
same "a list of each" "$(cat a/jpeg/4/list.csv)" "Circle/v_Circle_g01_c01.avi 0
Circle/v_Circle_g01_c02.avi 0
Square/v_Square_g01_c01.avi 1"
check "classInd of UCF101" cmp ann/classInd.txt a/annotations/classInd.txt
check "testlist of UCF101" cmp ann/testlist01.txt a/annotations/testlist01.txt
check "it becomes a store" vsyn-ingest add back --dataset ucf101 --root a/jpeg/4 \
    --annotations a/annotations --fold 1 --quiet
same "with the same clips and labels" \
    "$(sqlite3 back/index.db 'SELECT class, name, frames, width, height FROM clips ORDER BY name')" \
    "$(sqlite3 store/index.db 'SELECT class, name, frames, width, height FROM clips ORDER BY name')"
check "list.csv too" vsyn-ingest add listed --list a/sampling/1/list.csv --quiet
same "sampling halves them" "$(sqlite3 listed/index.db 'SELECT DISTINCT frames FROM clips')" 10
if command -v ffmpeg >/dev/null; then
    video=Square/v_Square_g01_c01.avi
    rgb() { ffmpeg -v error -i "$1" -f rawvideo -pix_fmt rgb24 -; }
    clip=$(sqlite3 store/index.db "SELECT id FROM clips WHERE name = '$video'")
    check "one corruption by itself" vsyn-robust apply jpeg --severity 4 "store:$clip" one.avi
    check "has the same pixels" cmp <(rgb one.avi) <(rgb "a/jpeg/4/$video")
    check "clean is clean" vsyn-robust apply frame_rate --variant ssv2 --severity 1 \
        --max-seconds 0 "store:$clip" same.avi
    same "clean frames" "$(rgb "a/clean/0/$video" | wc -c)" $((20 * 66 * 66 * 3))
    if cmp -s <(rgb "a/clean/0/$video") <(rgb "a/gaussian_noise/1/$video"); then
        not_ok "corrupted ones differ"
    else
        ok "corrupted ones differ"
    fi
else
    skip "pixels of what is written" "no ffmpeg"
fi

# ---- Again, stopped, killed, in parts ------------------------------------------------------
check "again" "${export[@]}" --clean --json --out a
has "nothing is made twice" '"videos":27,"made":0' out
check "on one thread" "${export[@]}" --clean --quiet --jobs 1 --out b
check "the same bytes" cmp <(sums a) <(sums b)
for i in 1 2 3; do
    check "part $i of 3" "${export[@]}" --clean --quiet --shard $i/3 --out c
done
check "together the same bytes and lists" cmp <(sums a) <(sums c)
SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_MAX=5 SLURM_ARRAY_TASK_COUNT=2 \
    check "a task of an array" "${export[@]}" --json --out d
has "makes its part" '"videos":16,"made":16' out
check "other severities later" "${export[@]}" --severities 1,2,4 --quiet --out d
check "are the same videos" cmp <(sums a/jpeg) <(sums d/jpeg | grep -v '\./2/')

stop() # SIGNAL DIR
{
    "${export[@]}" --clean --jobs 1 --out "$2" >out 2>err &
    local pid=$!
    until [ "$(find "$2" -name '*.avi' 2>/dev/null | wc -l)" -ge 3 ]; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    kill "-$1" $pid 2>/dev/null
    wait $pid 2>/dev/null
}
stop INT e
same "exit status 1 after SIGINT" $? 1
has "says how to go on" "the same command again makes the rest" err
[ "$(find e -name '*.avi' | wc -l)" -lt 27 ]; same "some are missing" $? 0
[ -s e/clean/0/list.csv ]; same "there are lists" $? 0
check "it goes on" "${export[@]}" --clean --quiet --out e
check "to the same bytes and lists" cmp <(sums a) <(sums e)
stop KILL f
: >"f/clean/0/Circle/v_Circle_g01_c01.avi.tmp-999999999"
check "a killed run goes on" "${export[@]}" --clean --quiet --out f
check "to the same bytes and lists" cmp <(sums a) <(sums f)

# ---- Folders, formats, layouts ---------------------------------------------------------------
: >ucf/Square/v_Square_g01_c02.avi
mkdir -p folder/kicking folder/waving
cp made/videos/0000003.mp4 folder/kicking/abc_-DEF1234_000010_000020.mp4
cp made/videos/0000004.mp4 folder/waving/-----------_000000_000010.webm
check "a folder of classes" vsyn-robust export --folder folder --corruptions contrast --severities 3 \
    --codec h264 --quality 30 --layout kinetics --short-side 32 --quiet --out k
has "a table of Kinetics" '"kicking",abc_-DEF1234,10,20,test' k/annotations/test.csv
has "another ending" "waving/-----------_000000_000010.mp4 1" k/contrast/3/list.csv
cp k/annotations/test.csv k.csv
mkdir hm
cp -r folder/kicking folder/waving hm
check "in the layout of HMDB51" vsyn-robust export --folder hm --corruptions contrast --severities 3 \
    --layout hmdb51 --container avi --quiet --out h
check "it becomes a store" vsyn-ingest add hstore --dataset hmdb51 --root h/contrast/3 \
    --annotations h/annotations --fold 1 --quiet
same "with its classes" "$(sqlite3 hstore/index.db 'SELECT class, name FROM clips ORDER BY name')" \
    "kicking|kicking/abc_-DEF1234_000010_000020.avi
waving|waving/-----------_000000_000010.avi"
mkdir -p "ss/Pulling something" "ss/Holding something"
cp made/videos/0000003.mp4 "ss/Pulling something/77.webm"
cp made/videos/0000004.mp4 "ss/Holding something/78.webm"
check "in the layout of SSv2" vsyn-robust export --folder ss --corruptions contrast --severities 3 \
    --layout ssv2 --quiet --out s
check "it becomes a store" vsyn-ingest add sstore --dataset ssv2 --root s/contrast/3 \
    --annotations s/annotations --quiet
same "with its classes" "$(sqlite3 sstore/index.db 'SELECT class, name FROM clips ORDER BY name')" \
    "Pulling something|77.webm
Holding something|78.webm"

# ---- What goes wrong ---------------------------------------------------------------------------
check "an empty video is left out" vsyn-robust export --folder ucf --corruptions jpeg --severities 3 \
    --json --out g
has "and counted" '"videos":3,"made":3,"left_out":1' out
has "and named" "left out: ucf/Square/v_Square_g01_c02.avi: empty file" err
same "it is in no list" "$(wc -l <g/jpeg/3/list.csv)" 3
fails 1 "another seed in the same folder" \
    'a/manifest.json: this set was made with seed 0, not 1' "${export[@]}" --seed 1 --out a
fails 1 "another codec in the same folder" '"lossless", not "h264"' "${export[@]}" --codec h264 --out a
fails 2 "no source" "give either --store STORE --split S, or --folder DIR" \
    vsyn-robust export --out x
fails 2 "two sources" "give either" "${export[@]}" --folder ucf --out x
fails 2 "no split" "--split S is required" vsyn-robust export --store store --out x
fails 1 "an unknown split" "nosplit" vsyn-robust export --store store --split nosplit --out x
fails 2 "an unknown corruption" "did you mean jpeg?" "${export[@]}" --corruptions jpg --out x
fails 2 "severities" "--severities: expected numbers of 1..5" "${export[@]}" --severities 6 --out x
fails 2 "an unknown layout" '--layout: expected auto, ucf101' "${export[@]}" --layout ucf --out x
fails 2 "a part that is none" "--shard: expected I/N" "${export[@]}" --shard 4/3 --out x
mkdir -p twice/a
cp made/videos/0000000.mp4 twice/a/1.mp4
cp made/videos/0000000.mp4 twice/a/1.webm
fails 1 "two videos of one name" "a/1.mp4 and a/1.webm would both be written as a/1.mp4" \
    vsyn-robust export --folder twice --out x
mkdir -p none/a
: >none/a/1.mp4
fails 1 "no video can be read" "empty file" vsyn-robust export --folder none --quiet --out n
full() { (trap '' XFSZ; ulimit -f "$1"; shift; exec "$@"); }
fails 1 "a full disk: one line" "o/gaussian_noise/1/" full 60 "${export[@]}" --quiet --out o
check "then there is room" "${export[@]}" --quiet --out o
check "the same videos" cmp <(sums a/jpeg) <(sums o/jpeg)
finish
