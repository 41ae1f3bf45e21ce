#!/usr/bin/env bash
# Files that give nothing (vsyn-ingest add --timeout): given up where the decoder comes back; where
# it does not, the run ends with everything committed and the next one goes on past the file.
# libstuck.so makes such files of those whose names say so.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null; then
    skip "watch" "the ffmpeg program is not here to make test videos"
    finish
    exit 0
fi
cd "$work" || exit 1
stuck() { LD_PRELOAD=$VSYN_BUILD/tests/libstuck.so timeout 60 "$@"; }
names() { vsyn-ingest list "$1" | tail -n +2 | cut -f 8 | tr '\n' ' '; }
reasons() { vsyn-ingest list "$1" --failures | cut -f 2,3 | tr '\t\n' '=;'; }
list() { printf '%s.avi 0\n' "$@"; }
mkdir v
ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=160x120:rate=25" -frames:v 60 -c:v mpeg4 \
    -q:v 2 v/00.avi
for i in 01 02 03 04 05 06 07 08 09 10 11 stall hang hang2 deaf trial dull; do cp v/00.avi v/$i.avi; done
ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=160x120:rate=25" -frames:v 400 -c:v mpeg4 \
    -q:v 2 v/fades.avi

# ---- The decoder comes back ---------------------------------------------------------------------
list 00 stall 01 fades 02 >v/soft.csv
check "files that stall do not stop a run" stuck vsyn-ingest add soft --list v/soft.csv --timeout 1
same "they are named while they are waited for" \
    "$(grep -c 'v/\(stall\|fades\).avi: nothing from its decoder for 1 s' err | sed 's/[1-9]/some/')" some
same "the others are there, and what came of the one that faded" "$(names soft)" \
    "00.avi 01.avi fades.avi 02.avi "
same "the failure says why" "$(reasons soft)" "stall.avi=timed out after 1 s;"
same "the partial one says so" \
    "$(vsyn-ingest list soft | grep -c 'fades.avi.partial: .*given up when no more came')" 1
check "the next run" stuck vsyn-ingest add soft --list v/soft.csv --timeout 1 --quiet
same "does not wait for them again" \
    "$(head -1 out | grep -c '0 accepted .* 4 known already, 1 failed earlier')" 1
check "--retry, where the disk is well again" vsyn-ingest add soft --list v/soft.csv --retry --quiet
same "takes the file" "$(reasons soft)" ""

# ---- It does not ---------------------------------------------------------------------------------
# Estimates look at files 0, 2, 4, 7 and 9 of 12: the lost one is met by the run itself.
list 00 01 02 03 04 06 07 08 09 10 11 >v/calm.csv
check "an undisturbed run" vsyn-ingest add calm --list v/calm.csv --quiet
for file in hang deaf; do
    list 00 01 02 03 04 $file 06 07 08 09 10 11 >v/all.csv
    for jobs in 1 3; do
        s=$file$jobs
        fails 1 "$file, --jobs $jobs: the run ends with one line that names the file" \
            "v/$file.avi: its decoder did not come back within 1 s" \
            stuck vsyn-ingest add $s --list v/all.csv --name v --timeout 1 --jobs $jobs --quiet
        same "and its table" "$(grep -c ', 1 failed, 0 known already' out)" 1
        same "what came before it is committed" "$(names $s | cut -d' ' -f 1-5)" \
            "00.avi 01.avi 02.avi 03.avi 04.avi"
        same "the file is a failure" "$(reasons $s)" \
            "$file.avi=timed out after 1 s: its decoder did not come back;"
        same "the store is one plain file again" "$(ls $s | tr '\n' ' ')" "index.db lock packs "
        check "and sound" vsyn-ingest verify $s --quiet
        check "the same command goes on past it" \
            stuck vsyn-ingest add $s --list v/all.csv --name v --timeout 1 --jobs $jobs --quiet
        same "to the packs of an undisturbed run" "$(names $s; cat $s/packs/* | sha256sum)" \
            "$(names calm; cat calm/packs/* | sha256sum)"
    done
done
# ---- While copies of packets are tried from keyframes -------------------------------------------
list 00 trial 01 >v/trial.csv
fails 1 "the trial of a copy that does not come back" \
    "v/trial.avi: its decoder did not come back within 1 s" stuck vsyn-ingest add trial \
    --list v/trial.csv --encoding copy --timeout 1 --jobs 1 --quiet
same "is a failure" "$(reasons trial)" "trial.avi=timed out after 1 s: its decoder did not come back;"
check "and passed over" stuck vsyn-ingest add trial --list v/trial.csv --encoding copy --timeout 1 \
    --quiet
same "to the others" "$(names trial)" "00.avi 01.avi "
list 00 dull 01 >v/dull.csv
check "one that gives nothing" stuck vsyn-ingest add dull --list v/dull.csv --encoding copy \
    --timeout 1 --jobs 1 --quiet
same "is given up" "$(reasons dull)" "dull.avi=timed out after 1 s, decoded from a keyframe;"
same "alone" "$(names dull)" "00.avi 01.avi "

# ---- At once ------------------------------------------------------------------------------------
list hang 00 hang2 >v/two.csv
fails 1 "two of them, met by the estimate" "its decoder did not come back within 1 s" \
    stuck vsyn-ingest add first --list v/two.csv --timeout 1 --jobs 2 --quiet
same "are two failures at once" "$(reasons first | tr ';' '\n' | grep -c 'did not come back')" 2
check "and the rest comes in" stuck vsyn-ingest add first --list v/two.csv --timeout 1 --quiet
same "of them what there is" "$(names first)" "00.avi "
finish
