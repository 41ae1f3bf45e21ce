#!/usr/bin/env bash
# vsyn-gen killed as by kill -9 and started again: every file is as if nothing had happened.
#
# The kills fall on exact moments (kill_at: before the N-th system call that changes a file, for
# N from one end of a run to the other) and on seeded random times with several threads.
. "$(dirname "$0")/tap.sh"
kill_at=$VSYN_BUILD/tests/tools/kill_at
cd "$work" || exit 1
small=(--size 32 --frames 3:5 --objects 40 --preview --dump-scenes --truth masks,flow,tracks
    --quiet)

# Everything in the folder, except what only a lock or an unfinished file leaves.
sums() { (cd "$1" && find . -type f ! -name .lock | sort | xargs sha256sum); }
# A store filled by one thread: its packs byte for byte, and that the index agrees with them.
store_sums() { vsyn-ingest verify "$1" >/dev/null 2>&1 && (cd "$1/packs" && sha256sum -- *); }

run() { vsyn-gen moving-shapes --videos 4 "${small[@]}" "$@"; }
check "an undisturbed run" run --out whole --store whole.store --jobs 1
whole=$(sums whole)
whole_store=$(store_sums whole.store)
same "makes videos, scenes, truth, lists, a preview and a store" "$(wc -l <<<"$whole") $(wc -l <<<"$whole_store")" \
    "27 1"

# ---- at exact moments: one killed run, one that goes on ----------------------------------------
killed=0 different=0 moment=1 step=${VSYN_KILL_STEP:-9}
while :; do
    rm -rf k k.store
    "$kill_at" $moment vsyn-gen moving-shapes --videos 4 "${small[@]}" --out k --store k.store \
        --jobs 1 >/dev/null 2>&1
    status=$?
    [ $status = 0 ] || break
    killed=$((killed + 1))
    if ! run --out k --store k.store --jobs 1 >out 2>err || [ "$(sums k)" != "$whole" ] ||
        [ "$(store_sums k.store)" != "$whole_store" ]; then
        different=$((different + 1))
        not_ok "killed before change $moment of a file, then resumed"
    fi
    moment=$((moment + step))
done
if [ $status = 77 ]; then
    skip "killed at exact moments" "no permission to trace a program"
else
    same "the last run was not killed and ended well" $status 3
    same "at least 20 moments" "$((killed >= 20))" 1
    same "after $killed kills at exact moments: the same bytes" $different 0
fi

# ---- at random times, several threads, one run after the other until all is there --------------
RANDOM=7
kills=0
for _ in $(seq 40); do
    run --out r --videos 24 --jobs 3 >/dev/null 2>&1 &
    pid=$!
    sleep "0.0$((RANDOM % 90 + 10))"
    kill -9 $pid 2>/dev/null && kills=$((kills + 1))
    wait $pid 2>/dev/null
done
check "a last run after $kills kills at random times" run --out r --videos 24 --jobs 3
check "an undisturbed run of as many" run --out r2 --videos 24 --jobs 3
same "gives the same bytes" "$(sums r)" "$(sums r2)"
same "some of them fell into the work" "$((kills >= 3))" 1
finish
