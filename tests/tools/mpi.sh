#!/usr/bin/env bash
# vsyn-train on several processes: the same training as on one, repeatable, resumable, and an
# error in one ends all. VSYN_MPI: whether this build has MPI (-Dmpi=enabled).
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
if [ "${VSYN_MPI:-0}" != 1 ] || ! command -v mpirun >/dev/null; then
    skip "training on several processes" \
        "no MPI: install libopenmpi-dev openmpi-bin, then ./scripts/build build"
    finish
    exit 0
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export HWLOC_HIDE_ERRORS=2           # lines of its own where /sys is not there (containers)
train=vsyn-train
tiny="--model micro --size 32 --frames 4 --stride 2 --jobs 1 --loaders 1 --device cpu --quiet"
scene="--scene accelerating-shapes --scene-size 64 --virtual-size 40"
run="pretrain $scene $tiny --batch 4 --steps 10 --log-every 1 --lr 0.03 --warmup-epochs 0"
# -q: mpirun's own remarks on a process that failed are not what is tested here.
# When one process ends with an error mpirun signals the others: what their handlers say does not
# count either.
launch()
{
    local status
    timeout 30 mpirun -q --oversubscribe --bind-to none "$@" 2>"$work/launch.err"
    status=$?
    grep -vE '^(stopping after the current item.*)?$' "$work/launch.err" >&2
    return $status
}
two() { launch -n 2 "$@"; }
curve() { sed -nE 's/.*"step":([0-9]+).*"loss":([^,]*),"lr":([^,]*),"grad_norm":([^,]*),.*/\1 \2 \3 \4/p' "$1/log.jsonl"; }
weights() { cksum <"$1/checkpoints/last/model.safetensors"; }

# Not bit-equal: with --accumulate the second pass is added to the gradient within the sums of the
# matrix products, two processes add whole gradients. Same clips, masks, rates: else far apart.
check "one process, two passes" $train $run --accumulate 2 --out one
check "two processes, one pass" two $train $run --out two
same "same losses to 1e-5, rates exactly, norms to 1e-4" \
    "$(paste -d' ' <(curve one) <(curve two) | awk '
        function off(a, b) { return a > b ? (a - b) / a : (b - a) / a }
        off($2, $6) < 1e-5 && $3 == $7 && off($4, $8) < 1e-4 { n++ } END { print n + 0 }')" 10
check "one process says what it printed" test "$(two $train $run --out two 2>err | grep -c steps)" = 1
$train $run --accumulate 4 --out four >out 2>err && two $train $run --accumulate 2 --out mixed >out 2>err
same "two processes with two passes = one with four, to 1e-5" \
    "$(paste -d' ' <(curve four) <(curve mixed) | awk '
        function off(a, b) { return a > b ? (a - b) / a : (b - a) / a }
        off($2, $6) < 1e-5 && $3 == $7 { n++ } END { print n + 0 }')" 10

# Twice the batch: the same clips in one pass. Weights after ten steps, not only losses.
$train $run --batch 8 --precision fp32 --lr 0.003 --out twice >out 2>err &&
    two $train $run --precision fp32 --lr 0.003 --out pair >out 2>err
same "two processes = one with twice the batch: losses to 1e-6" \
    "$(paste -d' ' <(curve twice) <(curve pair) | awk '
        function off(a, b) { return a > b ? (a - b) / a : (b - a) / a }
        off($2, $6) < 1e-6 && $3 == $7 { n++ } END { print n + 0 }')" 10
check "and weights to 1e-6" "$VSYN_BUILD/tests/tools/compare_weights" 1e-6 \
    twice/checkpoints/last pair/checkpoints/last

check "two processes again" two $train $run --out again
same "again: the same weights" "$(weights again)" "$(weights two)"
same "again: the same log" "$(curve again)" "$(curve two)"

fails 1 "stops where it is told" "to go on: mpirun -n 2 vsyn-train pretrain --out halves" \
    two $train $run --out halves --stop-at 5
fails 2 "another number of processes is refused" "the run has 2 processes, not 1: mpirun -n 2" \
    $train pretrain --out halves --jobs 1 --device cpu --quiet
cp -r halves late && touch late/checkpoints/last.tmp
check "resumed by two processes" two $train pretrain --out halves --jobs 1 --device cpu --quiet
same "stopped and resumed = uninterrupted: weights" "$(weights halves)" "$(weights two)"
same "stopped and resumed = uninterrupted: log" "$(curve halves)" "$(curve two)"

# A signal to the process that does not write stops both at the same step.
ranks() { for p in /proc/[0-9]*; do
    [ "$(cat "$p/comm" 2>/dev/null)" = vsyn-train ] &&
        tr '\0' ' ' <"$p/cmdline" | grep -qF -- "--out $work/signal" && echo "${p#/proc/}"
done; }
two $train ${run/--steps 10/--steps 100000} --out "$work/signal" >out 2>signal.err & job=$!
lines() { cat signal/log.jsonl 2>/dev/null | grep -c .; }
while kill -0 $job 2>/dev/null && [ "$(lines)" -lt 5 ]; do sleep 0.05; done
same "mpirun started two processes" "$(ranks | wc -l)" 2
for p in $(ranks); do
    tr '\0' '\n' <"/proc/$p/environ" | grep -qx OMPI_COMM_WORLD_RANK=1 && kill -INT "$p"
done
wait $job
same "SIGINT to one process ends both with 1" "$?" 1
check "and saves" test -f signal/checkpoints/last/model.safetensors
check "at the step that was logged last" grep -q \
    "stopped at step $(sed -nE '$s/.*"step":([0-9]+).*/\1/p' signal/log.jsonl) of" signal.err

# ---- A process that dies ---------------------------------------------------------------
two $train ${run/--steps 10/--steps 100000} --save-every 100000 --out "$work/signal2" \
    >out 2>signal.err & job=$!
ranks() { for p in /proc/[0-9]*; do
    [ "$(cat "$p/comm" 2>/dev/null)" = vsyn-train ] &&
        tr '\0' ' ' <"$p/cmdline" | grep -qF -- "--out $work/signal2" && echo "${p#/proc/}"
done; }
lines() { cat signal2/log.jsonl 2>/dev/null | grep -c .; }
while kill -0 $job 2>/dev/null && [ "$(lines)" -lt 5 ]; do sleep 0.05; done
for p in $(ranks); do
    tr '\0' '\n' <"/proc/$p/environ" | grep -qx OMPI_COMM_WORLD_RANK=1 && kill -KILL "$p"
done
wait $job
check "kill -9 of one process ends the other, with an error" test $? -ne 0
check "which names the lost one and how to go on" grep -q \
    "process 1 of 2 (machine .*) was lost at step .*; to go on: mpirun -n 2 vsyn-train pretrain --out" \
    signal.err
lost=$(sed -nE 's/.* was lost at step ([0-9]+) of.*/\1/p' signal.err)
check "and has saved every step that was done" test "$lost" -ge 5
fails 1 "the run goes on" "stopped at step $((lost + 5)) of" two $train pretrain --out "$work/signal2" --jobs 1 --device cpu --quiet \
    --stop-at $((lost + 5))
same "its log has every step once" "$(curve signal2 | cut -d' ' -f1 | sort -nu | wc -l)" \
    "$((lost + 5))"
two $train ${run/--steps 10/--steps 100000} --out whole --stop-at $((lost + 5)) >out 2>err
same "and is that of a run in which nobody died" "$(curve signal2)" "$(curve whole)"
same "so are the weights" "$(weights signal2)" "$(weights whole)"

# ---- Errors ----------------------------------------------------------------------------
"$VSYN_BUILD/tests/tools/toy_store" store 8 32 >out 2>err
check "finetune" two $train finetune --store store --split train --val-split test --init none $tiny \
    --batch 4 --epochs 2 --log-every 1 --out tuned
same "steps of an epoch count both processes" "$(curve tuned | wc -l)" 6
same "one evaluation an epoch" "$(grep -c top1 tuned/log.jsonl)" 2
fails 1 "unknown split: both end" "trian" two $train pretrain --store store --split trian $tiny --out x
mpmd() { launch -n 1 $train "$@" --store store : -n 1 $train "$@" --store nowhere; }
fails 1 "an error in one process ends both, in one line" "process 1 of 2: nowhere" \
    mpmd pretrain $tiny --batch 4 --out x
same "nothing was left" "$(ls -d x 2>/dev/null)" ""
fails 1 "an error of the first alone, later" "could not be saved" \
    two $train pretrain --out late --jobs 1 --device cpu --quiet
finish
