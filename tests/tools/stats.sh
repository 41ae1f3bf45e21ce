#!/usr/bin/env bash
# vsyn-robust stats: stores and folders, a model's features, correlations, resuming, refusals.
. "$(dirname "$0")/tap.sh"
toy=$VSYN_BUILD/tests/tools/toy_store
golden=$VSYN_ROOT/tests/golden/corrupt/clean
cd "$work" || exit 1

has() # WHAT TEXT FILE
{
    if grep -qF -- "$2" "$3"; then ok "$1"; else not_ok "$1" "$3 lacks \"$2\""; fi
}
column() # FILE NAME SET: a value of a CSV
{
    awk -F, -v name="$2" -v set="\"$3\"" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i }
        $1 == set { print $c }' "$1"
}

check "a small store" "$toy" one.store 6
check "another of other pictures" "$toy" two.store 4 96
mkdir -p pictures/clip
cp "$golden"/*.png pictures/clip/
cp "$golden"/plasma_00.png pictures/
stats=(vsyn-robust stats one=one.store:train two.store pictures --reference one)

# ---- results -----------------------------------------------------------------------------
check "stores and a folder" "${stats[@]}" --out a
for f in stats.html stats.csv stats.json sets/one.safetensors sets/pictures.safetensors; do
    [ -s "a/$f" ]; same "a/$f is there" $? 0
done
has "the table on stdout" "reference" out
[ -e a/correlations.csv ]; same "no correlations without accuracies" $? 1
same "videos of the split" "$(column a/stats.csv videos one)" 18
same "videos of the whole store" "$(column a/stats.csv videos two.store)" 24
same "a folder is a video, a picture in the root another" "$(column a/stats.csv videos pictures)" 2
same "no distance of the reference from itself" "$(column a/stats.csv frame_frechet one)" ""
case $(column a/stats.csv frame_frechet two.store) in
[0-9]*) ok "a distance of the other" ;;
*) not_ok "a distance of the other" "$(cat a/stats.csv)" ;;
esac
if grep -qE 'src="?http|href="?http|<script' a/stats.html; then
    not_ok "the page needs nothing else"
else
    ok "the page needs nothing else"
fi
same "pictures of three sets on the page" "$(grep -o 'data:image/png' a/stats.html | wc -l)" 3
check "another number of threads" "${stats[@]}" --jobs 3 --quiet --out b
check "the same results" cmp a/stats.json b/stats.json
check "the same measurements" cmp a/sets/two.store.safetensors b/sets/two.store.safetensors
check "a set against itself" vsyn-robust stats --a again=one.store:train --b one=one.store:train \
    --quiet --out self
same "has no colour distance" "$(column self/stats.csv colour_kl again | cut -c1-1)" 0
awk -v d="$(column self/stats.csv frame_frechet again)" -v o="$(column a/stats.csv \
    frame_frechet two.store)" 'BEGIN { exit !(d < 1e-5 * o) }'
same "nor one of frames" $? 0
check "another seed, few videos" vsyn-robust stats one.store --videos 5 --seed 3 --json --quiet
has "five of them" '"videos":5' out
cp out five
check "once more" vsyn-robust stats one.store --videos 5 --seed 3 --json --quiet
cp out again
check "the same" cmp five again

# ---- resuming ----------------------------------------------------------------------------
rm a/sets/two.store.safetensors a/stats.json
check "one set is missing" "${stats[@]}" --out a
has "only that is measured" "24/24 videos" err
check "to the same results" cmp a/stats.json b/stats.json
head -c 2000 b/sets/one.safetensors >a/sets/one.safetensors
check "a damaged one is measured again" "${stats[@]}" --out a
check "to the same results" cmp a/stats.json b/stats.json
check "other frames are measured anew" "${stats[@]}" --stride 2 --out a
if cmp -s a/stats.json b/stats.json; then not_ok "to others"; else ok "to others"; fi
"$toy" many.store 80
stopped=(vsyn-robust stats one=one.store:train many.store --quiet --jobs 1 --out stop)
"${stopped[@]}" >out 2>err &
pid=$!
until [ -e stop/sets/one.safetensors ] || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
kill -INT $pid 2>/dev/null
wait $pid
same "stopped by SIGINT" $? 1
has "says how to go on" "the same command goes on" err
[ -e stop/stats.json ]; same "no results yet" $? 1
check "goes on" vsyn-robust stats one=one.store:train many.store --out stop
has "with what was missing" "480/480 videos" err

# ---- videos ------------------------------------------------------------------------------
if [ -x "$VSYN_BUILD/gen/vsyn-gen" ]; then
    check "videos" vsyn-gen moving-shapes --out gen --videos 4 --size 96 --quiet --codec lossless \
        --store gen.store
    mkdir -p films/sub && cp gen/videos/*.mp4 films/sub/ && echo text >films/broken.mp4
    check "a folder of videos" vsyn-robust stats films gen.store --reference gen.store --out v
    same "all but the broken one" "$(column v/stats.csv videos films)" 4
    has "which is named" "films/broken.mp4" err
    same "as many frames as in the store" "$(column v/stats.csv frames films)" \
        "$(column v/stats.csv frames gen.store)"
    check "a store of the planes themselves" vsyn-ingest add raw.store --folder films --encoding raw \
        --quiet
    check "beside the folder" vsyn-robust stats films raw.store --out r
    for property in spectrum_exponent frame_diversity mean_L mean_a mean_b; do
        same "the same $property" "$(column r/stats.csv $property films)" \
            "$(column r/stats.csv $property raw.store)"
    done
    awk -v a="$(column v/stats.csv spectrum_exponent films)" -v b="$(column v/stats.csv \
        spectrum_exponent gen.store)" 'BEGIN { exit !(a - b < 0.01 && b - a < 0.01) }'
    same "and the same spectrum, but for JPEG" $? 0
else
    skip "a folder of videos" "built without FFmpeg"
fi

# ---- damage ------------------------------------------------------------------------------
cp -r one.store damaged.store
size=$(stat -c %s damaged.store/packs/*.pack)
printf 'damage' | dd of="$(ls damaged.store/packs/*.pack)" bs=1 seek=$((size / 2)) conv=notrunc \
    status=none
check "a damaged clip" vsyn-robust stats damaged.store --frames 24 --stride 1 --out d
same "is skipped and counted" "$(column d/stats.csv skipped damaged.store)" 1
has "with a reason" "1 of 36 videos skipped; the first:" err
has "on the page too" "1 skipped" d/stats.html
full() { (trap '' XFSZ; ulimit -f "$1"; shift; exec "$@"); }
fails 1 "a full disk: one line" "f/" full 8 "${stats[@]}" --quiet --out f
check "goes on when there is room" "${stats[@]}" --quiet --out f
check "to the same results" cmp b/stats.json f/stats.json

# ---- a model -----------------------------------------------------------------------------
check "a small model" vsyn-train pretrain --store one.store --model micro --size 32 --frames 4 \
    --stride 2 --batch 6 --steps 2 --warmup-epochs 0 --quiet --out model
check "its features" vsyn-robust stats one=one.store:train two.store --reference one \
    --model model --stills 2 --quiet --out m
has "are told" '"videomae ' m/stats.json
has "on the page" "a frame is shown as a clip that stands still" m/stats.html
check "on one thread" vsyn-robust stats one=one.store:train two.store --reference one \
    --model model --stills 2 --quiet --jobs 1 --batch 8 --out m1
check "the same results" cmp m/stats.json m1/stats.json

# ---- accuracies --------------------------------------------------------------------------
for k in 1 2 3 4; do "$toy" s$k.store $k $((48 + 16 * k)); done
printf 'set,top-1,half\ns1.store,10,1\ns2.store,20,\n"s3.store",30,3\ns4.store,45.5,2\nx,1,1\n' >acc.csv
check "accuracies" vsyn-robust stats s1.store s2.store s3.store s4.store --accuracies acc.csv --out c
has "what is left out is told" "acc.csv: x is none of the sets here, left out" err
same "rows of correlations.csv" "$(wc -l <c/correlations.csv)" $((1 + 2 * 6))
same "sets with both" "$(grep '^frame_diversity,"half"' c/correlations.csv | cut -d, -f3)" 3
cat >pearson.awk <<'AWK'
NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
{ n++; x[n] = $at["spectrum_exponent"]; y[n] = $at["\"top-1\""] }
END {
    for (i = 1; i <= n; i++) { mx += x[i] / n; my += y[i] / n }
    for (i = 1; i <= n; i++) {
        xy += (x[i] - mx) * (y[i] - my); xx += (x[i] - mx) ^ 2; yy += (y[i] - my) ^ 2
    }
    printf "%.5f", xy / sqrt(xx * yy)
}
AWK
r=$(awk -F, -f pearson.awk c/stats.csv)
same "Pearson of the exponents, computed here" \
    "$(printf '%.5f' "$(grep '^spectrum_exponent,"top-1"' c/correlations.csv | cut -d, -f4)")" "$r"
has "drawn" "Properties and top-1" c/stats.html
bad() # WHAT TEXT CONTENT
{
    printf "$3" >bad.csv
    fails 1 "$1" "$2" vsyn-robust stats one.store --accuracies bad.csv
}
bad "accuracies without a header" "bad.csv:1: expected a header" 'set\none.store,1\n'
bad "no number" 'bad.csv:2: "high" is not a number' 'set,a\none.store,high\n'
bad "a column too few" "bad.csv:2: has 2 columns, expected 3" 'set,a,b\none.store,1\n'
bad "a column too many" "bad.csv:2: has more than the 2 columns" 'set,a\none.store,1,2\n'
bad "twice" "bad.csv:3: one.store is there twice" 'set,a\none.store,1\none.store,1\n'
bad "of other sets" 'bad.csv: names none of the sets; it begins with "x"' 'set,a\nx,1\n'
bad "nothing" "bad.csv: no accuracies in it" 'set,a\n'

# ---- refusals ----------------------------------------------------------------------------
fails 2 "no sets" "expected data sets" vsyn-robust stats
fails 1 "nothing there" "nothing.store: no such store or folder" vsyn-robust stats nothing.store
fails 2 "one name twice" "two sets are named one.store" vsyn-robust stats one.store ./one.store
fails 2 "two references" "--b and --reference mean the same" \
    vsyn-robust stats one.store --b two.store --reference two.store
fails 1 "an unknown split" "nothing" vsyn-robust stats one.store:nothing
fails 1 "an unknown reference" "thre: no such store" vsyn-robust stats one.store --reference thre
mkdir empty videos && echo text >videos/a.mp4
fails 1 "an empty folder" "neither a store nor a folder with videos" vsyn-robust stats empty
fails 1 "a folder of videos that are none" "videos" vsyn-robust stats videos --quiet
fails 1 "no model" "nomodel" vsyn-robust stats one.store --model nomodel
fails 2 "frames of a model" "--frames: with --model it is what the model sees" \
    vsyn-robust stats one.store --model model --frames 3
mkdir tiny && cp "$VSYN_ROOT/eval/pictures/report.png" tiny/ && printf 'junk' >tiny/report.png
fails 1 "nothing but damage" "none of 1 videos could be read; the first: tiny/report.png" \
    vsyn-robust stats tiny --quiet --out x
[ -e x ] && not_ok "a refusal writes nothing" || ok "a refusal writes nothing"
finish
