#!/usr/bin/env bash
# vsyn-train bench --roofline, and the numbers that train/ops/ROOFLINE.md quotes from it.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
page=$VSYN_ROOT/train/ops/ROOFLINE.md

# Every command of the page, and as many lines of its output as the page shows.
blocks=0
while IFS= read -r command; do
    blocks=$((blocks + 1))
    shown=$(awk -v want="    \$ $command" '
        $0 == want { on = 1; next } on && !/^    [^$]/ { exit } on { print substr($0, 5) }' "$page")
    $command 2>&1 >/dev/null | sed 's/ *$//' | head -n "$(echo "$shown" | wc -l)" >said
    same "$command: as on the page" "$(cat said)" "$shown"
done < <(sed -n 's/^    \$ //p' "$page")
same "the page has commands" "$((blocks >= 6))" 1

# The table of clips per second, from the same output.
rate() { vsyn-train bench --roofline "$@" --json | sed -E "s/.*\"$what\":\{[^}]*\"clips_per_s\":([0-9.]+).*/\1/" | xargs printf '%.0f'; }
row()
{
    local what got=
    for gpu in h200 h100; do
        for what in bound expected; do
            got="$got | $(rate $gpu "${@:2}")"
        done
    done
    same "$1: the table of the page" \
        "$(grep -F "| $1 |" "$page" | sed -E 's/^(\|[^|]*){2}//; s/ *\|$//; s/^/ /')" "$got"
}
row "pre-training, base" --model base --batch 256
row "pre-training, small" --model small --batch 512
row "fine-tuning, base" --task finetune --model base --batch 64

check "in one line of JSON" vsyn-train bench --roofline h100 --model micro --batch 4 --json
same "that is all" "$(wc -l <out) $(wc -c <err)" "1 0"
for field in flops_per_clip step_bytes memory_bytes rates bound expected operations; do
    grep -q "\"$field\":" out || not_ok "it tells $field"
done
same "shares add up to 1" \
    "$(grep -oE '"share":[0-9.e-]+' out | awk -F: '{ s += $2 } END { printf "%.6f", s }')" 1.000000
check "of a test, in fp32" vsyn-train bench --roofline h200 --task test --precision fp32 --json
same "without a gradient" "$(grep -c bwd out)" 0
fails 2 "a GPU that is not known" "h100|h200" vsyn-train bench --roofline a100
finish
