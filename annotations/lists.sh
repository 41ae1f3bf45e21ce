#!/usr/bin/env bash
# "path label" lists, as VideoMAE and mmaction2 read them, from the official files of a data set:
#
#     annotations/lists.sh ucf101|hmdb51 LISTS [PREFIX] [FOLD]      train.csv, test.csv
#     annotations/lists.sh kinetics400|kinetics600|kinetics700 LISTS [PREFIX]    train.csv, val.csv
#     annotations/lists.sh ssv2 LISTS [PREFIX]                      train.csv, val.csv
#
# Writes into the current folder; PREFIX goes before each path. Labels count from 0.
set -eu
export LC_ALL=C
if [ $# -lt 2 ]; then sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; fi
set_name=$1 lists=$2 prefix=${3:-} fold=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$lists" ] || { echo "$lists: no such folder" >&2; exit 1; }

plain() { sed 's/\r$//; 1s/^\xef\xbb\xbf//' "$@"; }

ucf101()
{
    for part in train test; do
        { plain "$lists/classInd.txt"; echo; plain "$lists/${part}list0$fold.txt"; } |
            awk -v p="$prefix" '!split_at && /^$/ { split_at = 1; next } !NF { next }
                !split_at { label[$2] = $1 - 1; next }
                { split($1, w, "/"); print p $1, label[w[1]] }' >$part.csv
    done
}

hmdb51()
{
    local label=0 class
    : >train.csv; : >test.csv
    for class in $(cd "$lists" && ls | sed -n "s/_test_split$fold\.txt\$//p" | sort); do
        plain "$lists/${class}_test_split$fold.txt" | awk -v p="$prefix$class/" -v l=$label '
            { kind = $NF; sub(/ +[0-9] *$/, ""); file = p $0 " " l }
            kind == 1 { print file >> "train.csv" } kind == 2 { print file >> "test.csv" }'
        label=$((label + 1))
    done
}

kinetics()
{
    : >train.csv; : >val.csv
    for table in "$lists"/*.csv; do
        plain "$table" | awk -v p="$prefix" -v names="$here/$set_name.txt" -v file="${table##*/}" '
            function key(t) { t = tolower(t); gsub(/[^a-z0-9]/, "", t); return t }
            function cut(line, out,   n, i, c, q) {          # fields with quotes
                n = 1; out[1] = ""; q = 0
                for (i = 1; i <= length(line); i++) {
                    c = substr(line, i, 1)
                    if (c == "\"") q = !q
                    else if (c == "," && !q) out[++n] = ""
                    else out[n] = out[n] c
                }
                return n
            }
            BEGIN { while ((getline t < names) > 0) label[key(t)] = n++ }
            NR == 1 { m = cut($0, f); for (i = 1; i <= m; i++) at[f[i]] = i; next }
            !("youtube_id" in at) || !("label" in at) || !NF { next }
            { cut($0, f); s = at["split"] ? f[at["split"]] : file
              to = s ~ /train/ ? "train.csv" : s ~ /val/ ? "val.csv" : ""
              if (to) printf "%s%s_%06d_%06d.mp4 %d\n", p, f[at["youtube_id"]],
                  f[at["time_start"]], f[at["time_end"]], label[key(f[at["label"]])] >> to }'
    done
}

ssv2()
{
    local part to
    for part in train validation; do
        to=$part.csv; [ $part = validation ] && to=val.csv
        [ -e "$lists/$part.json" ] || continue
        plain "$lists/$part.json" | tr '\n' ' ' | sed 's/}/}\n/g' | awk -v p="$prefix" -v names="$here/ssv2.txt" '
            BEGIN { while ((getline t < names) > 0) label[t] = n++ }
            match($0, /"id" *: *"?[0-9]+/) { id = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", id)
                match($0, /"template" *: *"[^"]*"/); t = substr($0, RSTART, RLENGTH)
                sub(/^"template" *: *"/, "", t); sub(/"$/, "", t); gsub(/[][]/, "", t)
                print p id ".webm", label[t] }' >$to
    done
}

case $set_name in
ucf101 | hmdb51 | ssv2) $set_name ;;
kinetics400 | kinetics600 | kinetics700) kinetics ;;
*) echo "$set_name: expected ucf101, hmdb51, kinetics400, kinetics600, kinetics700 or ssv2" >&2; exit 2 ;;
esac
