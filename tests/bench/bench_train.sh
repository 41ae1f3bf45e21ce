#!/usr/bin/env bash
# Speeds of vsyn-train on this CPU, one JSON line a task: clips/s, peak memory, the share of packed
# products. With PYTHON, a python3 that has torch, the same model in PyTorch (pytorch_videomae.py,
# bf16, compiled; PEER='--no-compile' for eager mode) runs in turns with ours on as many threads.
# Usage: bench_train.sh [PYTHON]       VSYN_BUILD: the build folder; THREADS: 2
set -eu
here=$(cd "$(dirname "$0")" && pwd)
train=${VSYN_BUILD:-$here/../../build}/train/vsyn-train
threads=${THREADS:-2} turns=3
number() { sed -nE "s/.*\"$1\": ?([0-9.e+-]*).*/\1/p"; }
middle() { sort -g | sed -n "$(((turns + 1) / 2))p"; }
peer()
{
    echo turn >&"${COPROC[1]}"
    read -r line <&"${COPROC[0]}"
    echo "$line" | number clips_per_s
}
while read -r model task batch steps precision; do
    if [ $# -gt 0 ]; then
        # shellcheck disable=SC2086
        coproc OMP_NUM_THREADS=$threads "$1" "$here/pytorch_videomae.py" --model "$model" \
            --task "$task" --batch "$batch" --steps "$steps" --precision "$precision" \
            --device cpu --turns ${PEER:-} 2>/dev/null
    fi
    ours='' theirs=''
    for turn in $(seq $turns); do
        line=$("$train" bench --jobs "$threads" --model "$model" --task "$task" --batch "$batch" \
            --steps "$steps" --precision "$precision" --device cpu --json)
        ours+="$(echo "$line" | number clips_per_s)"$'\n'
        [ $# -eq 0 ] || theirs+="$(peer)"$'\n'
    done
    [ $# -eq 0 ] || { kill "$COPROC_PID"; wait "$COPROC_PID" || true; } 2>/dev/null
    speed=$(printf %s "$ours" | middle)
    printf '{"bench": "train", "model": "%s", "task": "%s", "batch": %d, "precision": "%s", ' \
        "$model" "$task" "$batch" "$precision"
    printf '"threads": %d, "kernel": "%s", "clips_per_s": %s, "peak_memory_bytes": %s, ' \
        "$threads" "$(echo "$line" | sed -nE 's/.*"kernel": ?"([^"]*)".*/\1/p')" "$speed" \
        "$(echo "$line" | number peak_memory_bytes)"
    [ $# -eq 0 ] || printf '"pytorch_clips_per_s": %s, "ratio": %.2f, ' \
        "$(printf %s "$theirs" | middle)" \
        "$(echo "$speed $(printf %s "$theirs" | middle)" | awk '{ print $1 / $2 }')"
    printf '"packed_gemm_share": %.2f}\n' "$(echo "$line" | number packed_gemm_share)"
done <<'TASKS'
base pretrain 2 6 bf16
small pretrain 2 12 bf16
micro pretrain 16 60 bf16
base finetune 1 4 bf16
base test 1 8 bf16
base pretrain 2 4 fp32
TASKS
