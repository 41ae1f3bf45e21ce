#!/usr/bin/env bash
# The example lists of annotations/: read by vsyn-ingest, and as annotations/lists.sh writes them.
. "$(dirname "$0")/tap.sh"
command -v ffmpeg >/dev/null || { skip "lists" "the ffmpeg program is not here"; finish; exit 0; }
cd "$work" || exit 1
ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=size=64x48:rate=25 -frames:v 4 -c:v mpeg4 a.mp4
examples=$VSYN_ROOT/annotations/examples
# put FOLDER FILE...: a video under each of these names
put() { local dir=$1 f; shift; for f in "$@"; do mkdir -p "$dir/$(dirname "$f")"; cp a.mp4 "$dir/$f"; done; }
rows() { vsyn-ingest list "$1" | tail -n +2 | awk -F'\t' '{ sub(/.*:/, "", $2); print $2, $8, $3 }' | sort; }
# both SET ANNOTATIONS: the same train and val or test rows from add and from lists.sh
both()
{
    local set=$1 dir=$examples/$2
    check "$set: add" vsyn-ingest add "$set.store" --dataset "$set" --root "$set" --annotations "$dir" --quiet
    rm -rf out.lists && mkdir out.lists
    (cd out.lists && bash "$VSYN_ROOT/annotations/lists.sh" "$set" "$dir") 2>err
    same "$set: the labels of annotations/lists.sh" \
        "$(cd out.lists && for f in *.csv; do sed "s/^/${f%.csv} /" "$f"; done | sort)" \
        "$(rows "$set.store" | grep -v "^test .*webm")"
}
put ucf101 x/v_ApplyEyeMakeup_g08_c01.mp4 ApplyLipstick/v_ApplyLipstick_g08_c01.avi v_ApplyEyeMakeup_g01_c01.avi
both ucf101 ucf101
same "found in other folders and with other endings" "$(rows ucf101.store | wc -l)" 3
put hmdb51 brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi brush_hair/Atheris_brush_hair.avi
both hmdb51 hmdb51
put kinetics400 train/testifying/---QUuC4vJs_000084_000094.mkv val_256/playing_guitar/--abc_XYZ01_000005_000015.mp4
both kinetics400 kinetics
put ssv2 78687.webm 20bn/1420.mp4
both ssv2 ssv2
same "the answers label the test part" "$(rows ssv2.store | grep -c '^test 1420.webm [0-9]')" 1
put . videos/a\ clip.mp4 videos/b.mp4 videos/a.mp4
for list in train.csv videomae_v2_pretrain.csv unlabelled.txt; do
    check "--list $list" vsyn-ingest add l.store --list "$examples/lists/$list" --root . --name $list --quiet
done
same "labels, and none" "$(vsyn-ingest list l.store | tail -n +2 | cut -f 2,3 | sort | tr '\t\n' ' ;')" \
    "train.csv:train 0;train.csv:train 3;unlabelled.txt:all -1;unlabelled.txt:all -1;videomae_v2_pretrain.csv:all -1;"
check "--folder --unlabelled" vsyn-ingest add t.store --folder kinetics400 --unlabelled --quiet
same "every video below it" "$(vsyn-ingest list t.store | tail -n +2 | cut -f 3 | tr '\n' ' ')" "-1 -1 "
# ---- doctor ----------------------------------------------------------------------------------
check "doctor: all is well" vsyn-ingest doctor --dataset ucf101 --root ucf101 \
    --annotations "$examples/ucf101" --store ucf101.store
same "and says so" "$(tail -1 out)" "no trouble"
put u Lipstick/v_ApplyEyeMakeup_g08_c01.avi ApplyEyeMakeup/more.avi ApplyEyeMakeup/v_ApplyLipstick_g08_c01.avi
cp -r u/Lipstick u/again
vsyn-ingest add u.store --dataset ucf101 --root u --annotations "$examples/ucf101" --quiet >/dev/null
: >u/ApplyEyeMakeup/v_ApplyLipstick_g08_c01.avi
fails 1 "doctor: trouble" "4 findings of trouble, 3 files are listed" vsyn-ingest doctor --dataset ucf101 \
    --root u --annotations "$examples/ucf101" --store u.store
same "each kind with its count" "$(grep -E '^(trouble|note)' out | tr -s ' ' | tr '\n' ';')" \
    "trouble 1 missing on disk;trouble 1 empty file;trouble 1 in the folder of another class;\
trouble 1 failed in the store;note 1 on disk more than once;note 1 on disk, not in the annotation;"
same "and its first names" "$(grep -c 'v_ApplyEyeMakeup_g01_c01.avi: no such file' out)" 1
vsyn-ingest doctor --dataset ucf101 --root u --annotations "$examples/ucf101" --json >out 2>err
same "doctor --json" "$? $(grep -o '"trouble":3,' out)" '1 "trouble":3,'
check "doctor of a list" vsyn-ingest doctor --list "$examples/lists/train.csv" --root .
fails 2 "doctor of nothing" "expected exactly one" vsyn-ingest doctor --root .
for k in 400 600 700; do same "kinetics$k.txt" "$(sort -u "$VSYN_ROOT/annotations/kinetics$k.txt" | wc -l)" $k; done
finish
