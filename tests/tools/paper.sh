#!/usr/bin/env bash
# The scripts of scripts/paper: every command line is one that the tools take; one runs from videos
# to its table; the small progression runs, and goes on, at its quickest size.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
paper=$VSYN_ROOT/scripts/paper
mkdir images

# Settings of every vsyn-train line, checked by the tool: with data that are not there, whatever is
# wrong usage (exit 2) is wrong in the script. Pre-training ends at a model that there is none of.
usage()
{
    local bad='' status i
    local -a words
    while read -r -a words; do
        [ "${words[0]}" = vsyn-train ] || [ "${words[0]}" = vsyn-robust ] || continue
        [ "${words[1]}" != report ] && [ "${words[1]}" != stats ] || continue
        for i in "${!words[@]}"; do [ "${words[i]}" = ">" ] && words=("${words[@]:0:i}") && break; done
        [ "${words[1]}" != pretrain ] || words+=(--model none-such)
        "${words[@]}" >out 2>err </dev/null
        status=$?
        if [ "${words[1]}" = pretrain ]; then
            grep -q 'none-such' err || bad="$bad; ${words[*]}: $(head -1 err)"
        elif [ $status -ne 1 ]; then
            bad="$bad; ${words[*]}: exit $status: $(head -1 err)"
        fi
    done
    echo "$bad"
}
for script in "$paper"/*; do
    name=$(basename "$script")
    [ "$name" != common.sh ] && [ "$name" != progression-small ] || continue
    "$script" "$work/data" "$work/paper" --images "$work/images" --print >lines 2>err
    same "$name: settings that the tools take" "$(usage <lines)" ""
    same "$name: it does something" "$([ "$(grep -c '^vsyn-' lines)" -gt 1 ] && echo yes)" yes
done
check "without pictures their rows are left out" "$paper/ucf101-progression" /data /out --print
same "seven stages" "$(grep -c '^vsyn-train pretrain' out) $(grep -c 'accelerating-images' out)" "7 0"
fails 2 "one path is not enough" "usage:" "$paper/ucf101-real" /data
fails 1 "no data there" "no such folder" "$paper/ucf101-real" "$work/nowhere" "$work/out"

# ---- One script, from videos as UCF101's to its table --------------------------------------------------
vsyn-gen motion --out motion --videos 32 --size 48 --frames 20 --quiet >out 2>err
mkdir -p ucf/ucfTrainTestlist
awk '{ print $2 + 1, "Class" $2 }' motion/train.csv | sort -un >ucf/ucfTrainTestlist/classInd.txt
for split in train test; do
    while read -r file label; do
        mkdir -p "ucf/Class$label"
        cp "motion/$file" "ucf/Class$label/v_$(basename "$file" .mp4).avi"
        echo "Class$label/v_$(basename "$file" .mp4).avi $((label + 1))"
    done <motion/$split.csv >ucf/ucfTrainTestlist/${split}list01.txt
done
real() { VSYN_FINETUNE="--batch 4 --steps 3" "$paper/ucf101-real" ucf out-real --model micro --size 32 --batch 4 --steps 3; }
check "ucf101-real, small" real
same "its table has three rows with the paper's figures beside" \
    "$(sed -nE 's/^\| (ucf101-real[a-z0-9-]*) \| [0-9.]+ \| [0-9.]+ \| ([0-9.]*) \|$/\1 \2/p' out-real/ucf101-real.md | tr '\n' ' ')" \
    "ucf101-real-ucf101 91.3 ucf101-real-ucf101-probe  ucf101-real-ucf101-paper-probe 48.0 "
cp out-real/ucf101-real.md first
check "and again: nothing is done twice" real
same "with the same table" "$(cat out-real/ucf101-real.md)" "$(cat first)"
check "hmdb51-finetune takes it up" "$paper/hmdb51-finetune" "$work/ucf" out-real --print
same "with the model of ucf101-real" "$(grep -c -- '--init out-real/ucf101-real ' out)" 1

check "progression-small --quick" "$paper/progression-small" small --quick
same "a row for scratch and each stage" "$(grep -c '^| [a-z]' small/table.md)" 9
same "shares in every field" "$(awk -F, 'NR > 1 && $3 >= 0 && $3 <= 1 && $4 >= 0 && $4 <= 1 && $3 != "" && $4 != ""' \
    small/table.csv | wc -l)" 8
check "the plot is drawn" grep -q '</svg>' small/plot.svg
cp small/table.csv first
rm small/moving-shapes-1-tuned.json
check "and goes on" "$paper/progression-small" small --quick
same "the same table" "$(cat small/table.csv)" "$(cat first)"
finish
