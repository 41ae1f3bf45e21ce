#!/usr/bin/env bash
# Stores after the day of their making: the README's queries, remove, compact, and add killed
# at seeded points between its first and its last operation.
. "$(dirname "$0")/tap.sh"
if ! command -v ffmpeg >/dev/null || ! command -v sqlite3 >/dev/null; then
    skip "tidy" "the programs ffmpeg and sqlite3 are not here"
    finish
    exit 0
fi
cd "$work" || exit 1
mkdir -p videos/run videos/jump
for i in 1 2 3 4; do
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=64x48:rate=25" -frames:v $((5 + i)) \
        -c:v mpeg4 videos/run/$i.mp4
    cp videos/run/$i.mp4 videos/jump/$i.mp4
done
head -c 3000 videos/run/4.mp4 >videos/run/bad.mp4
echo "no video" >videos/jump/text.mp4
check "a store" vsyn-ingest add mine.store --folder videos --quiet

# ---- The README's queries, as they stand there -----------------------------------------------
awk '/^sqlite3 -box mine.store/ { on = 1; n++ } on { print > ("query" n) }
    on && /"( *#.*)?$/ { on = 0 }' "$VSYN_ROOT/README.md"
same "the README shows three queries" "$(ls query* | wc -l)" 3
for i in 1 2 3; do check "query $i of the README" bash query$i; cp out got$i; done
same "splits: listed, stored, failed" \
    "$(grep -c 'videos.*train.* 10 .* 8 .* 0 .* 2 .* 0 ' got1)" 1
same "classes: clips and the shortest" "$(grep -cE '(run|jump) .* 4 .* 6 ' got2)" 2
same "reasons: those of the two failures" "$(grep -c 'not a video' got3)" "$(grep -c mp4 got3)"
check "every view can be read" sqlite3 mine.store/index.db \
    'SELECT * FROM datasets, splits, classes, clips, files, failures, packs LIMIT 1'
same "and the schema explains itself" \
    "$(sqlite3 mine.store/index.db .schema | grep -c -- '-- one line per')" 2

# ---- remove, compact ---------------------------------------------------------------------------
check "remove --dry-run" vsyn-ingest remove mine.store --class run --dry-run
same "says what would go" "$(cat out)" "would be removed: 4 clips, 1 failures, 5 places in lists"
check "remove --class" vsyn-ingest remove mine.store --class run
same "removes it" "$(head -1 out)" "removed: 4 clips, 1 failures, 5 places in lists"
before=$(du -b mine.store/packs | cut -f 1)
check "compact" vsyn-ingest compact mine.store --quiet
same "half of the bytes are back" \
    "$(($(du -b mine.store/packs | cut -f 1) * 10 < before * 9))" 1
check "the rest is sound" vsyn-ingest verify mine.store --quiet
check "compact again, as JSON" vsyn-ingest compact mine.store --quiet --json
same "has nothing to do" "$(cat out)" '{"packs":0,"freed":0}'
check "the removed class comes back with its folder" vsyn-ingest add mine.store --folder videos --quiet
same "all clips" "$(vsyn-ingest list mine.store | tail -n +2 | wc -l)" 8
fails 2 "remove without a word" "say what: --clip" vsyn-ingest remove mine.store
fails 2 "remove --clip of nonsense" "expected numbers of clips" vsyn-ingest remove mine.store --clip 3,x
fails 1 "remove of a typing error" "nothing there is meant" vsyn-ingest remove mine.store --split tran
fails 1 "compact of no store" "no clip store here" vsyn-ingest compact videos

# ---- add, killed at seeded points ------------------------------------------------------------------
portrait() { sqlite3 "$1/index.db" 'SELECT * FROM clip; SELECT * FROM member; SELECT * FROM failure'
    cat "$1"/packs/*.pack | sha256sum; }
killed() { LD_PRELOAD=$VSYN_BUILD/tests/libfault.so "$@"; }
VSYN_COUNT=$work/count killed vsyn-ingest add calm --folder videos --quiet >/dev/null
n=$(cat count) want=$(portrait calm) bad="" points=0
for at in $(awk -v n="$n" -v k="${VSYN_KILLS:-12}" 'BEGIN { srand(7)
        if (k >= n) for (i = 1; i <= n; i++) print i
        else for (i = 0; i < k; i++) print int((i + rand()) * n / k) + 1 }'); do
    rm -rf hurt
    (VSYN_KILL_AT=$at killed vsyn-ingest add hurt --folder videos --quiet --jobs 2) >/dev/null 2>&1
    vsyn-ingest add hurt --folder videos --quiet >/dev/null 2>&1
    [ "$(portrait hurt)" = "$want" ] || bad="$bad $at"
    points=$((points + 1))
done
same "killed at $points of $n operations, then again: the same store" "$bad" ""

# ---- Two writers, and readers beside a writer ---------------------------------------------------------
rm -rf two
vsyn-ingest add two --folder videos --quiet >/dev/null 2>a.err & a=$!
vsyn-ingest add two --folder videos --quiet >/dev/null 2>b.err & b=$!
wrong=0
while kill -0 $a 2>/dev/null || kill -0 $b 2>/dev/null; do
    vsyn-ingest verify two --quiet >/dev/null 2>v.err ||
        grep -qE "no clip store here|no clips yet|not a clip store" v.err || { wrong=1; cat v.err >err; }
done
wait $a; sa=$?
wait $b; sb=$?
same "a second writer is told so, the first goes on" \
    "$((sa + sb <= 1)) $(cat a.err b.err | grep -cv 'another process is writing')" "1 0"
same "readers saw whole clips only" "$wrong" 0
same "the store of one writer" "$(portrait two)" "$want"
finish
