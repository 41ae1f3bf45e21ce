# Shared by the scripts of this folder: source it with the words of the command line.
#
#     scripts/paper/NAME DATA OUT [--print] [options of vsyn-train for pre-training ...]
#
# Builds, then runs each command once: what is finished under OUT is not done again, what was
# interrupted goes on. --print shows the commands and does nothing.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
print=0 data='' out='' more=()
for word in "$@"; do
    case $word in
    --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    --print) print=1 ;;
    *) if [ -z "$data" ]; then data=$word; elif [ -z "$out" ]; then out=$word; else more+=("$word"); fi ;;
    esac
done
[ -n "$out" ] || { echo "usage: $0 DATA OUT [--print]; try --help" >&2; exit 2; }
[ $print = 1 ] || [ -d "$data" ] || { echo "$data: no such folder" >&2; exit 1; }
[ $print = 1 ] || { "$here/scripts/build" "$here/build"; mkdir -p "$out"; }
PATH=$here/build/gen:$here/build/ingest:$here/build/train:$here/build/eval:$PATH

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
# The stages whose videos need nothing but this program.
stages="static-circles moving-circles moving-shapes transforming-shapes accelerating-shapes"
pretrain() { run vsyn-train pretrain --preset synthetic-pretrain --scene "$1" --out "$out/$1" ${more[@]+"${more[@]}"}; }
# finetune_and_test DATASET INIT NAME VIEWS
finetune_and_test()
{
    run vsyn-train finetune --preset "$1-finetune" --store "$out/$1.store" --init "$2" --out "$out/$3-$1"
    once "$out/$3-$1.json" vsyn-train test --model "$out/$3-$1" --store "$out/$1.store" --split test --views "$4" --json
}
ucf101() { run vsyn-ingest add "$out/ucf101.store" --dataset ucf101 --root "$data" --annotations "$data/ucfTrainTestlist"; }
hmdb51() { run vsyn-ingest add "$out/hmdb51.store" --dataset hmdb51 --root "$data" --annotations "$data/testTrainMulti_7030_splits"; }
