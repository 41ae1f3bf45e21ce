#!/usr/bin/env bash
# The scripts of scripts/paper: every command line is one that the tools take; the small
# progression runs, and goes on, at its quickest size.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
paper=$VSYN_ROOT/scripts/paper

# Settings of every vsyn-train line, checked by the tool: with data that are not there, whatever is
# wrong usage (exit 2) is wrong in the script.
for script in "$paper"/*; do
    name=$(basename "$script")
    [ "$name" != common.sh ] && [ "$name" != progression-small ] || continue
    bad=''
    while read -r -a words; do
        [ "${words[0]}" = vsyn-train ] || [ "${words[0]}" = vsyn-robust ] || continue
        [ "${words[1]}" = report ] && continue
        for i in "${!words[@]}"; do [ "${words[i]}" = ">" ] && words=("${words[@]:0:i}") && break; done
        [[ " ${words[*]} " == *" synthetic-pretrain "* ]] && words+=(--model none-such)
        "${words[@]}" >out 2>err </dev/null
        status=$?
        if [[ " ${words[*]} " == *" none-such "* ]]; then
            grep -q 'none-such' err || bad="$bad; ${words[*]}: $(head -1 err)"
        elif [ $status -eq 2 ]; then
            bad="$bad; ${words[*]}: $(head -1 err)"
        fi
    done < <("$script" "$work/data" "$work/paper" --print)
    same "$name: settings that the tools take" "$bad" ""
    same "$name: it does something" "$([ "$("$script" /data /out --print | grep -c '^vsyn-')" -gt 1 ] && echo yes)" yes
done

check "progression-small --quick" "$paper/progression-small" small --quick
same "a row for scratch and each stage" "$(grep -c '^| [a-z]' small/table.md)" 7
same "shares in every field" "$(awk -F, 'NR > 1 && $3 >= 0 && $3 <= 1 && $4 >= 0 && $4 <= 1 && $3 != "" && $4 != ""' \
    small/table.csv | wc -l)" 6
check "the plot is drawn" grep -q '</svg>' small/plot.svg
cp small/table.csv first
rm small/moving-shapes-1-tuned.json
check "and goes on" "$paper/progression-small" small --quick
same "the same table" "$(cat small/table.csv)" "$(cat first)"
finish
