#!/usr/bin/env bash
# vsyn-train verify and bench: the table, its verdict, refusals.
. "$(dirname "$0")/tap.sh"
golden=$VSYN_ROOT/tests/golden/model
cd "$work" || exit 1

# ---- verify --------------------------------------------------------------------------------
check "the tiny reference is recomputed" vsyn-train verify "$golden" --models tiny
same "every row is within its bound" "$(tail -n 1 out)" "267 of 267 within their bounds"
same "what is not covered is said" "$(grep -c '^not covered: linear_probe_head' out)" 1
same "a gradient has its row" "$(grep -c 'encoder.blocks.2.attn.q_bias .* ok$' out)" 2
check "on one thread, too" vsyn-train verify "$golden" --models tiny --device cpu --jobs 1
check "as JSON" vsyn-train verify "$golden" --models tiny --json
same "one object on one line" "$(wc -l <out)" 1
same "with its counts" "$(grep -o '"checked":267,"failed":0' out)" '"checked":267,"failed":0'

# One wrong value in the reference: the row is named and the exit status tells.
mkdir wrong && cp "$golden"/tiny_* wrong/ && chmod u+w wrong/*
size=$(stat -c %s wrong/tiny_pretrain_grads.safetensors)
printf '\0\0\200\077' |
    dd of=wrong/tiny_pretrain_grads.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
fails 1 "a difference fails" "1 of 267 beyond their bounds, first tiny pretrain gradients: " \
    vsyn-train verify wrong --models tiny --failed-only
same "and is in the table" "$(grep -c FAIL out)" 1

head -c 5000 "$golden/tiny_pretrain_io.safetensors" >wrong/tiny_pretrain_io.safetensors
fails 1 "a damaged reference is named" "wrong/tiny_pretrain_io.safetensors" \
    vsyn-train verify wrong --models tiny
fails 1 "a missing folder is named" "nowhere: not a folder" vsyn-train verify nowhere
check "bf16 within its derived bounds" vsyn-train verify "$golden" \
    --models tiny --precision bf16 --json
same "bf16 compares as much" "$(grep -o '"checked":267,"failed":0' out)" '"checked":267,"failed":0'
fails 2 "a folder is needed" "expected GOLDEN_DIR" vsyn-train verify
fails 2 "an unknown device is refused" 'got "gpu"' vsyn-train verify "$golden" --device gpu

# ---- bench ---------------------------------------------------------------------------------
for task in pretrain finetune test; do
    check "bench $task" vsyn-train bench --model micro --task $task --batch 2 --steps 3
    for field in clips_per_s step_ms median min max flops_per_clip mfu peak_memory_bytes device \
        precision step_flops_per_s packed_gemm_flops_per_s packed_gemm_share operations; do
        grep -q "\"$field\":" out || not_ok "bench $task tells $field"
    done
    same "bench $task prints one line" "$(wc -l <out)" 1
    same "bench $task tells people where the time goes" \
        "$(grep -Ec '^matmul_gelu_fwd +[0-9]+ +[0-9.]+ +[0-9.]+ % +[0-9.]+ +[0-9]+ %$' err)" 1
    same "bench $task: the shares of its operations add up to 1" \
        "$(grep -oE '"share":-?[0-9.e-]+' out | awk -F: '{ s += $2 } END { printf "%.6f", s }')" \
        1.000000
done
vsyn-train bench --model micro --size 32 --batch 1 --steps 1 --json >out 2>err
same "with --json nothing but the line" "$(wc -l <out) $(wc -c <err)" "1 0"
check "another size of picture" vsyn-train bench --model micro --size 32 --batch 1 --steps 1
fails 2 "an unknown model is refused" "micro, tiny, small" vsyn-train bench --model medium
fails 2 "a size that patches do not fill is refused" "frame height 60" \
    vsyn-train bench --model micro --size 60
fails 2 "no clips is refused" "--batch: 0 is out of range" vsyn-train bench --batch 0
finish
