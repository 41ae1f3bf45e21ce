# Shared by the scripts of this folder: source it with the words of the command line.
#
#     scripts/paper/NAME DATA OUT [--images DIR] [--print] [options of vsyn-train for pre-training ...]
#
# VSYN_FINETUNE in the environment: options for fine-tuning ("--batch 16 --accumulate 4"). Builds
# (unless VSYN_BUILD names a build), then runs each command once: what is finished under OUT is not
# done again, what was interrupted goes on. Scripts that are given the same OUT share stores and
# pre-trained models. Most end with OUT/NAME.md, a table of what came out beside the paper's figures.
# --images: a folder of pictures, for what is made of still images (default: DATA/images, where that
# is; without one those rows are left out). --print shows the commands and does nothing.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
name=$(basename "$0")
print=0 data='' out='' images='' more=()
while [ $# -gt 0 ]; do
    case $1 in
    --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    --print) print=1 ;;
    --images) [ $# -ge 2 ] || { echo "--images: a folder must follow" >&2; exit 2; }; images=$2; shift ;;
    *) if [ -z "$data" ]; then data=$1; elif [ -z "$out" ]; then out=$1; else more+=("$1"); fi ;;
    esac
    shift
done
[ -n "$out" ] || { echo "usage: $0 DATA OUT [--images DIR] [--print]; try --help" >&2; exit 2; }
[ $print = 1 ] || [ -d "$data" ] || { echo "$data: no such folder" >&2; exit 1; }
[ -n "$images" ] || [ ! -d "$data/images" ] || images=$data/images
build=${VSYN_BUILD:-$here/build}
[ $print = 1 ] || [ -n "${VSYN_BUILD:-}" ] || "$here/scripts/build" "$build"
[ $print = 1 ] || mkdir -p "$out"
PATH=$build/gen:$build/ingest:$build/train:$build/eval:$PATH
read -r -a tuning <<<"${VSYN_FINETUNE:-}"

run() { printf '%s\n' "$*"; [ $print = 1 ] || "$@"; }
# once FILE command ...: its result as FILE, unless that is there.
once()
{
    local file=$1
    shift
    [ ! -s "$file" ] || return 0
    printf '%s > %s\n' "$*" "$file"
    [ $print = 1 ] || { "$@" >"$file.part" && mv "$file.part" "$file"; }
}

# The progression; its last stage needs pictures.
stages="static-circles moving-circles moving-shapes transforming-shapes accelerating-shapes accelerating-textures accelerating-stylegan"
if [ -n "$images" ]; then
    stages="$stages accelerating-images"
else
    echo "no --images DIR: rows made of pictures are left out" >&2
fi
# pretrain STAGE: on its synthetic videos, drawn on the fly; the model is OUT/STAGE.
pretrain()
{
    local textures=()
    [ "$1" != accelerating-images ] || textures=(--textures "$images")
    run vsyn-train pretrain --preset "$1-pretrain" ${textures[@]+"${textures[@]}"} --out "$out/$1" ${more[@]+"${more[@]}"}
}
# pretrain_real DATASET: on its own training videos; the model is OUT/DATASET-real.
pretrain_real() { run vsyn-train pretrain --preset "$1-pretrain" --store "$out/$1.store" --split train --out "$out/$1-real" ${more[@]+"${more[@]}"}; }
# mixture NAME PARTS: as pretrain, on a mixture.
mixture() { run vsyn-train pretrain --preset ucf101-pretrain --source "$2" --out "$out/$1" ${more[@]+"${more[@]}"}; }

rows=()
# finetune_and_test DATASET INIT NAME VIEWS [FOLD]: the model is OUT/NAME-DATASET[FOLD].
finetune_and_test()
{
    local fold=${5:-} result=$out/$3-$1${5:-} test=test
    [ "$1" != k400 ] && [ "$1" != ssv2 ] || test=val
    run vsyn-train finetune --preset "$1-finetune" --store "$out/$1.store" --split "train$fold" --val-split "$test$fold" \
        --init "$2" --out "$result" ${tuning[@]+"${tuning[@]}"}
    once "$result.json" vsyn-train test --model "$result" --store "$out/$1.store" --split "$test$fold" --views "$4" --json
    rows+=("$3-$1${5:-}")
}
# probe DATASET INIT NAME: OUT/NAME-DATASET-probe (rates swept, batch norm), and as the paper does it.
probe()
{
    local recipe result test=test
    [ "$1" != k400 ] && [ "$1" != ssv2 ] || test=val
    for recipe in "$1" paper; do
        result=$3-$1-probe
        [ "$recipe" != paper ] || result=$3-$1-paper-probe
        once "$out/$result.json" vsyn-train probe --preset "$recipe-probe" --store "$out/$1.store" --val-split $test \
            --init "$2" --out "$out/$result" --json
        rows+=("$result")
    done
}

ucf101() { run vsyn-ingest add "$out/ucf101.store" --dataset ucf101 --root "$data" --annotations "$data/ucfTrainTestlist"; }
hmdb51() { run vsyn-ingest add "$out/hmdb51.store" --dataset hmdb51 --root "$data" --annotations "$data/testTrainMulti_7030_splits"; }
k400() { run vsyn-ingest add "$out/k400.store" --dataset kinetics400 --root "$data" --annotations "$data/lists"; }
ssv2() { run vsyn-ingest add "$out/ssv2.store" --dataset ssv2 --root "$data" --annotations "$data/labels"; }

# What the paper reports for a row, top-1 % (arXiv 2410.24213, ViT-B); nothing where it has none.
reported()
{
    case $1 in
    scratch-hmdb51) echo 18.2 ;; random-ucf101-paper-probe) echo 8.9 ;; scratch-ucf101) echo 51.4 ;;
    static-circles-hmdb51) echo 29.2 ;; static-circles-ucf101-paper-probe) echo 13.2 ;; static-circles-ucf101) echo 67.8 ;;
    moving-circles-hmdb51) echo 52.0 ;; moving-circles-ucf101-paper-probe) echo 15.5 ;; moving-circles-ucf101) echo 85.2 ;;
    moving-shapes-hmdb51) echo 56.1 ;; moving-shapes-ucf101-paper-probe) echo 20.4 ;; moving-shapes-ucf101) echo 86.9 ;;
    transforming-shapes-hmdb51) echo 57.6 ;; transforming-shapes-ucf101-paper-probe) echo 18.8 ;; transforming-shapes-ucf101) echo 87.7 ;;
    accelerating-shapes-hmdb51) echo 58.9 ;; accelerating-shapes-ucf101-paper-probe) echo 18.9 ;; accelerating-shapes-ucf101) echo 88.1 ;;
    accelerating-textures-hmdb51) echo 62.4 ;; accelerating-textures-ucf101-paper-probe) echo 20.9 ;; accelerating-textures-ucf101) echo 89.4 ;;
    accelerating-stylegan-hmdb51) echo 64.1 ;; accelerating-stylegan-ucf101-paper-probe) echo 25.2 ;; accelerating-stylegan-ucf101) echo 90.2 ;;
    accelerating-images-hmdb51) echo 64.1 ;; accelerating-images-ucf101-paper-probe) echo 24.8 ;; accelerating-images-ucf101) echo 91.3 ;;
    ucf101-real-hmdb51) echo 63.0 ;; ucf101-real-ucf101-paper-probe) echo 48.0 ;; ucf101-real-ucf101) echo 91.3 ;;
    esac
}
# The table of all rows, as OUT/NAME.md.
table()
{
    local row
    [ $print = 0 ] || return 0
    {
        echo "| $name | top-1 % | top-5 % | the paper's top-1 % |"
        echo "|---|---|---|---|"
        for row in "${rows[@]}"; do
            tr ',{' '\n\n' <"$out/$row.json" | awk -v row="$row" -v paper="$(reported "$row")" -F: '
                /^ *"top[15]"/ { gsub(/[" ]/, "", $1); v[$1] = sprintf("%.1f", 100 * $2) }
                END { print "| " row " | " v["top1"] " | " v["top5"] " | " paper " |" }'
        done
    } >"$out/$name.md.part"
    mv "$out/$name.md.part" "$out/$name.md"
    cat "$out/$name.md"
}
