#!/usr/bin/env bash
# vsyn-robust: list and apply, a run on a small store with a small model, interrupted, killed and
# resumed, refusals, reports.
. "$(dirname "$0")/tap.sh"
golden=$VSYN_ROOT/tests/golden/corrupt
toy=$VSYN_BUILD/tests/tools/toy_store
cd "$work" || exit 1

has() # WHAT TEXT FILE
{
    if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1" "$3 lacks \"$2\""; fi
}
rgb() { ffmpeg -v error -i "$1" -f rawvideo -pix_fmt rgb24 -; }

# ---- list --------------------------------------------------------------------------------
check "list" vsyn-robust list
listed=$(grep -cE '^  [a-z0-9_]+: .*\[' out)
check "list --json" vsyn-robust list --json
same "list names as many corruptions as its JSON" "$listed" "$(grep -o '"definition"' out | wc -l)"
has "the numbers of jpeg" '"arre":[[25.0],[18.0],[15.0],[10.0],[7.0]]' out

# ---- apply -------------------------------------------------------------------------------
check "apply to a picture" vsyn-robust apply static_rotate --severity 3 \
    "$golden/clean/plasma_00.png" turned.png
if command -v ffmpeg >/dev/null; then
    if cmp -s <(rgb turned.png) <(rgb "$golden/static_rotate/static_rotate_s3_plasma_f00.png") &&
        [ "$(rgb turned.png | wc -c)" = 150528 ]; then
        ok "it equals the reference"
    else
        not_ok "it equals the reference"
    fi
    check "motion_blur at an angle" vsyn-robust apply motion_blur --severity 2 --angle 30 \
        "$golden/clean/plasma_00.png" moved.png
    if cmp -s <(rgb moved.png) <(rgb "$golden/motion_blur/motion_blur_s2_plasma_f00_a30.png"); then
        ok "it equals the reference"
    else
        not_ok "it equals the reference"
    fi
else
    skip "apply equals the reference" "no ffmpeg to decode PNG files"
fi
mkdir clip
for i in 0 1 2 3 4; do cp "$golden/clean/plasma_00.png" clip/f$i.png; done
cp "$golden/clean/drift_08.png" clip/f2.png
check "apply to a folder" vsyn-robust apply gaussian_noise --severity 1 --seed 7 --jobs 1 clip noisy1
check "again on other threads" vsyn-robust apply gaussian_noise --severity 1 --seed 7 --jobs 3 \
    clip noisy2
check "the same bytes" diff -r noisy1 noisy2
check "another seed" vsyn-robust apply gaussian_noise --severity 1 --seed 8 clip noisy3
if cmp -s noisy1/f0.png noisy3/f0.png; then not_ok "other bytes"; else ok "other bytes"; fi
if cmp -s noisy1/f0.png noisy1/f1.png; then not_ok "frames differ"; else ok "frames differ"; fi
check "reverse_sampling" vsyn-robust apply reverse_sampling --severity 1 --json clip reversed
has "three frames are left" '"frames":3' out
check "the third of them is the first" cmp <(cat reversed/f0.png reversed/f2.png) \
    <(cat reversed/f0.png reversed/f0.png)
same "as many files" "$(ls reversed | wc -l)" 3

fails 2 "an unknown name" 'unknown corruption "gausian_noise", did you mean gaussian_noise?' \
    vsyn-robust apply gausian_noise --severity 1 clip x
fails 2 "a severity out of range" "--severity: 6 is out of range, expected 1..5" \
    vsyn-robust apply jpeg --severity 6 clip x
fails 2 "no severity" "--severity 1..5 is required" vsyn-robust apply jpeg clip x
fails 2 "an angle for what has none" "--angle: is for motion_blur, not jpeg" \
    vsyn-robust apply jpeg --severity 1 --angle 3 clip x
fails 2 "time needs a clip" "freeze changes the order of frames, expected a folder" \
    vsyn-robust apply freeze --severity 1 clip/f0.png x
fails 1 "nothing there" "nothing.png" vsyn-robust apply jpeg --severity 1 nothing.png x
head -c 300 clip/f0.png >damaged.png
fails 1 "a damaged picture" "damaged.png: not a readable PNG" \
    vsyn-robust apply jpeg --severity 1 damaged.png x
mkdir mixed empty
cp clip/f0.png mixed/a.png
cp "$(ls "$VSYN_ROOT"/tests/golden/gen/*.png | head -n 1)" mixed/b.png
fails 1 "pictures of two sizes" "mixed/b.png: is 256 x 256, the first frame is 224 x 224" \
    vsyn-robust apply jpeg --severity 1 mixed x
fails 1 "an empty folder" "empty: no pictures (PNG, JPEG, WebP)" vsyn-robust apply jpeg --severity 1 empty x
echo text >clip.txt
fails 1 "not a picture" "clip.txt: " vsyn-robust apply jpeg --severity 1 clip.txt x.mp4
full() { (trap '' XFSZ; ulimit -f "$1"; shift; exec "$@"); }
fails 1 "a full disk: one line" "x" full 8 vsyn-robust apply jpeg --severity 1 clip/f0.png x
[ -e x ] && not_ok "a refusal writes nothing" || ok "a refusal writes nothing"

# ---- run ---------------------------------------------------------------------------------
check "a small store" "$toy" store 6
check "a small model" vsyn-train finetune --store store --init none --model micro --size 32 \
    --frames 4 --stride 2 --batch 9 --steps 24 --lr 1e-1 --drop-path 0 --head-drop 0 \
    --smoothing 0 --layer-decay 1 --warmup-epochs 0 --quiet --out model
robust=(vsyn-robust run --model model --store store --split test --views 10x3
    --corruptions gaussian_noise,jpeg,static_rotate,freeze --quiet)
check "run" "${robust[@]}" --out a
for f in results.json results.csv results.tex results.db report.html; do
    [ -s a/$f ]; same "a/$f is there" $? 0
done
same "rows of results.csv" "$(wc -l <a/results.csv)" $((1 + 1 + 20 + 4 + 5 + 4 + 2))
same "a row of results.db for each video and cell" \
    "$(sqlite3 a/results.db 'SELECT count(*) FROM result')" $((21 * 18))
same "accuracy of results.db and of results.csv" \
    "$(sqlite3 a/results.db "SELECT printf('%.6f', avg(rank = 0)) FROM result
       WHERE corruption = 'jpeg' AND severity = 2")" \
    "$(grep '^cell,jpeg,digital,2,' a/results.csv | cut -d, -f6)"
cp a/results.json first.json
check "again: nothing to do" "${robust[@]}" --out a
check "the same results" cmp first.json a/results.json

# Interrupt once some results are saved, wherever that is.
interrupt() # SIGNAL DIR
{
    local pid status
    "${robust[@]}" --out "$2" >"$work/out" 2>"$work/err" &
    pid=$!
    until [ "$(sqlite3 "$2/results.db" 'SELECT count(*) > 30 FROM result' 2>/dev/null)" = 1 ]; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.02
    done
    kill "-$1" $pid 2>/dev/null
    wait $pid 2>/dev/null
    status=$?
    same "stopped half-way by SIG$1" \
        "$(sqlite3 "$2/results.db" "SELECT count(*) > 30 AND count(*) < $((21 * 18)) FROM result")" 1
    return $status
}
interrupt INT b
same "exit status 1" $? 1
has "says how to go on" "the same command goes on" err
check "its results are written" grep -q '"unfinished_cells"' b/results.json
check "it goes on" "${robust[@]}" --out b
check "with the results of an unbroken run" cmp a/results.json b/results.json
interrupt KILL c
check "a killed run goes on" "${robust[@]}" --out c
check "with the results of an unbroken run" cmp a/results.json c/results.json
check "and the same report but for its name" cmp <(sed 's/--out a//' a/report.html) \
    <(sed 's/--out c//' c/report.html)

check "videos in blocks of one or two" "${robust[@]}" --memory 1 --out blocks
check "give the same results" cmp a/results.json blocks/results.json

# ---- parts -------------------------------------------------------------------------------
check "part 1 of 3" "${robust[@]}" --out parts --shard 1/3
check "part 2 of 3, in a job array" env SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3 \
    SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=2 "${robust[@]}" --out parts
same "a part has its results only" \
    "$(sqlite3 parts/shards/2-of-3/results.db 'SELECT count(*) FROM result')" $((21 * 6))
check "part 3 is missing: made while the others are gathered" "${robust[@]}" --out parts
check "the results of one run" cmp a/results.json parts/results.json
check "processes of a launcher share" bash -c 'for r in 0 1; do
    OMPI_COMM_WORLD_RANK=$r OMPI_COMM_WORLD_SIZE=2 "$@" --out ranks || exit 1; done' - "${robust[@]}"
check "gathered" "${robust[@]}" --out ranks
check "the same results" cmp a/results.json ranks/results.json
fails 1 "a part of other settings is refused" "made with seed 0, not 5" \
    "${robust[@]}" --seed 5 --shard 1/3 --out parts

# ---- a video that cannot be read ---------------------------------------------------------
cp -r store hurt
read -r pack at < <(sqlite3 -separator ' ' hurt/index.db "SELECT pack, offset + 16 * frames + 40
    FROM clip JOIN member USING(dataset, name) WHERE split = 'test' ORDER BY member.id LIMIT 1 OFFSET 3")
printf 'XXXXXXXX' | dd of="$(printf 'hurt/packs/%s' "$(ls hurt/packs | grep -E "^0*$pack\.")")" \
    bs=1 seek="$at" conv=notrunc 2>"$work/err"
damaged=("${robust[@]}")
damaged[5]=hurt
check "a damaged video is left out" "${damaged[@]}" --out hurt.out
same "of every cell" "$(sqlite3 hurt.out/results.db 'SELECT count(*) FROM result')" $((21 * 17))
same "with its reason" "$(sqlite3 hurt.out/results.db 'SELECT count(*) FROM skip')" 1
has "the results say so" '"skipped"' hurt.out/results.json
has "and the page" "could not be read" hurt.out/report.html

check "two severities, then the others" "${robust[@]}" --severities 5,2 --out d
check "others later" "${robust[@]}" --out d
check "give the same results" cmp a/results.json d/results.json
check "other threads" "${robust[@]}" --jobs 1 --out e
same "see the same videos" \
    "$(sqlite3 e/results.db 'SELECT corruption, severity, uri FROM thumb' | sha256sum)" \
    "$(sqlite3 a/results.db 'SELECT corruption, severity, uri FROM thumb' | sha256sum)"

fails 1 "results of another seed" "a holds results made with seed 0, not 1; choose another --out" \
    "${robust[@]}" --seed 1 --out a
fails 2 "an unknown corruption" "did you mean jpeg?" vsyn-robust run --model model --store store \
    --split test --corruptions jpg --out x
fails 2 "severities" '--severities: expected numbers of 1..5 such as 1,3,5, got "1,6"' \
    "${robust[@]}" --severities 1,6 --out x
fails 2 "views" "--views: expected SEGMENTSxCROPS" "${robust[@]}" --views 5 --out x
fails 1 "no such split" "nosplit" "${robust[@]}" --split nosplit --out x
fails 1 "no such store" "nostore" "${robust[@]}" --store nostore --out x
fails 1 "no such model" "nomodel" "${robust[@]}" --model nomodel --out x
cp -r model broken
find broken -name model.safetensors -exec truncate -s 5000 {} +
fails 1 "a damaged model" "model.safetensors" "${robust[@]}" --model broken --out x
[ -e x ] && not_ok "a refusal writes nothing" || ok "a refusal writes nothing"

for size in 8 64; do
    fails 1 "a full disk ($size blocks): one line" "f$size/" full $size "${robust[@]}" --out f$size
    check "goes on when there is room" "${robust[@]}" --out f$size
    check "to the same results" cmp a/results.json f$size/results.json
done

# ---- report ------------------------------------------------------------------------------
check "report of two" vsyn-robust report a d --quiet --out both.html
has "they are compared" "Model against model" both.html
has "with differences of the same videos" "+0.0 <small>[+0.0, +0.0]</small>" both.html
fails 1 "a report of nothing" "nothing/results.db: no results here" \
    vsyn-robust report nothing --out x.html
echo junk >junk.db && mkdir junk && cp junk.db junk/results.db
fails 1 "a report of junk" "junk/results.db" vsyn-robust report junk --out x.html
[ -e x.html ] && not_ok "a refusal writes nothing" || ok "a refusal writes nothing"
finish
