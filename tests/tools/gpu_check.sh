#!/usr/bin/env bash
# scripts/gpu-check and scripts/gpu-bundle: what they say without a GPU, with one that does not open,
# and with the emulated one (tests/cuda) in its place.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
gpu_check=$VSYN_ROOT/scripts/gpu-check
total=$("$gpu_check" --list | wc -l)
# A field of a report, by SQLite's JSON: value FOLDER PATH
value() { sqlite3 :memory: "SELECT json_extract(readfile('$1/report.json'), '$2')"; }
# value_of FOLDER CHECK FIELD
value_of()
{
    sqlite3 :memory: "SELECT json_extract(value, '\$.$3') FROM json_each(readfile('$1/report.json'),
        '\$.checks') WHERE json_extract(value, '\$.name') = '$2'"
}
stub() { mkdir -p "$1"; printf '#!/bin/sh\n%s\n' "$3" >"$1/$2"; chmod +x "$1/$2"; }

# ---- No GPU: whatever this machine has, there is no backend and nvidia-smi finds nothing -----------
stub none nvidia-smi 'echo "No devices were found"; exit 6'
check "without a GPU" env PATH="$work/none:$PATH" VSYN_CUDA_PLUGIN="$work/nowhere.so" \
    "$gpu_check" --out bare
same "every check is skipped" "$(value bare '$.skipped') $(value bare '$.failed')" "$total 0"
same "says so, each on its line" "$(grep -c '^skipped ' out)" "$total"
same "and why" "$(value_of bare verify-bf16 note | cut -c 1-44)" \
    "no GPU here: the CUDA backend does not load:"
same "nvidia-smi is believed" "$(value_of bare facts note)" \
    "nvidia-smi finds no GPU: No devices were found "
same "the summary is kept" "$(cmp bare/summary.txt out && echo same)" same

# ---- A GPU that does not open is a failure, once --------------------------------------------------
stub h200 nvidia-smi 'case "$*" in
    -L) echo "GPU 0: NVIDIA H200 (UUID: GPU-0)" ;;
    --query*) echo "NVIDIA H200, 580.159.04, 143771, 345, 1980, 3201, 3201, 700.00, 31, 5, Disabled, Enabled" ;;
    *) echo "| NVIDIA-SMI 580.159.04   Driver Version: 580.159.04   CUDA Version: 13.0 |" ;;
    esac'
env PATH="$work/h200:$PATH" VSYN_CUDA_PLUGIN="$work/nowhere.so" "$gpu_check" --out closed >out 2>err
same "a GPU that does not open" "$?" 1
same "fails once" "$(value closed '$.failed') $(value_of closed open status)" "1 failed"
same "the others are skipped" "$(value closed '$.passed') $(value closed '$.skipped')" \
    "1 $((total - 2))"
same "the device is described" "$(value_of closed facts 'figures.gpus[0].name'
    value_of closed facts 'figures.gpus[0].clocks_max_sm'
    value_of closed facts figures.cuda_of_driver)" "NVIDIA H200
1980
13.0"

# ---- The emulated device --------------------------------------------------------------------------
plugin=$VSYN_BUILD/tests/cuda/vsyn-cuda.so
if [ -f "$plugin" ]; then
    export VSYN_CUDA_PLUGIN=$plugin
    some=open,products,parity-bf16,verify-bf16,train,repeat,graphs,curves,bench-pretrain-small
    check "the emulated device" "$gpu_check" --tiny --only $some --out emulated
    same "passes" "$(value emulated '$.passed') $(value emulated '$.failed')" "9 0"
    same "compares every operation" "$(value_of emulated parity-bf16 figures.passed)" 31
    same "compares every tensor" "$(value_of emulated verify-bf16 figures.within)" 267
    same "keeps the lines of bench" \
        "$(value_of emulated bench-pretrain-small 'figures.runs[1].batch')" 4
    same "and the best of them" "$(value_of emulated bench-pretrain-small 'figures.clips_per_s')" \
        "$(for i in 0 1; do
            value_of emulated bench-pretrain-small "figures.runs[$i].clips_per_s"
        done | sort -g | tail -n 1)"
    same "with the operations' shares by the device's clock, which leave a rest" "$(sqlite3 :memory: "
        SELECT abs(sum(share) - 1) < 1e-6, min(share) >= 0, count(*) > 10 FROM
            (SELECT json_extract(value, '$.share') AS share FROM json_each('$(
                value_of emulated bench-pretrain-small 'figures.runs[0].operations')'))")" "1|1|1"
    check "the loss falls" test "$(value_of emulated train figures.loss_last_quarter | cut -c 1-4)" \
        \< "$(value_of emulated train figures.loss_first_quarter)"

    # A folder laid out as a bundle, with one wrong number in the reference and a program that hangs.
    mkdir -p bundle/bin && cp -r "$VSYN_ROOT/tests/golden/model" bundle/golden
    chmod -R u+w bundle && cp "$gpu_check" bundle/ && ln -s "$VSYN_BUILD/train/vsyn-train" bundle/bin/
    size=$(stat -c %s bundle/golden/tiny_pretrain_grads.safetensors)
    printf '\0\0\200\077' | dd of=bundle/golden/tiny_pretrain_grads.safetensors bs=1 \
        seek=$((size - 4)) conv=notrunc 2>/dev/null
    stub bundle/bin parity 'echo "ok 1 - one of many"; sleep 60'
    bundle/gpu-check --tiny --only verify-fp32,sdpa --out wrong >wrong.txt 2>err
    same "a wrong result" "$?" 1
    same "is a failure" "$(value_of wrong verify-fp32 status) $(value_of wrong verify-fp32 figures.within)" \
        "failed 266"
    check "in the words of the program" grep -q '^failed .*1 of 267 beyond their bounds, first tiny' wrong.txt
    same "a program that was not built is skipped" "$(value_of wrong sdpa note)" \
        "plain_cuda_sdpa is not in this build"
    bundle/gpu-check --tiny --only parity-fp32 --limit 2 --out hangs >hangs.txt 2>err
    same "a check that hangs is ended" "$(value_of hangs parity-fp32 note)" \
        "not done after 2 s: ok 1 - one of many"
    unset VSYN_CUDA_PLUGIN
else
    skip "gpu-check on the emulated device" "no C++ compiler"
fi

fails 2 "an unknown check" 'no check is called "speed"' "$gpu_check" --only speed
fails 2 "an unknown option" "unknown option --fast" "$gpu_check" --fast
fails 2 "minutes that are none" 'got "soon"' "$gpu_check" --minutes soon

# ---- The bundle -----------------------------------------------------------------------------------
mkdir full && touch full/file
fails 1 "a folder that is something else is kept" "full: is there, and is no bundle" \
    "$VSYN_ROOT/scripts/gpu-bundle" "$work/full" --build "$VSYN_BUILD"
if [ -f "$VSYN_BUILD/train/vsyn-cuda.so" ]; then
    check "a bundle" "$VSYN_ROOT/scripts/gpu-bundle" "$work/made" --build "$VSYN_BUILD"
    check "of less than 60 MB" test "$(du -sb made | cut -f1)" -lt 60000000
    same "has no debugging information" \
        "$(readelf -S made/bin/vsyn-train made/bin/vsyn-cuda.so | grep -c '\.debug_')" 0
    check "whose programs find their libraries in it" test \
        "$(ldd made/bin/vsyn-train | grep -c "$work/made/bin/lib/")" -ge 10
    check "and run" made/bin/vsyn-train bench --model micro --size 32 --batch 1 --steps 1 --device cpu
    check "gpu-check in it" env PATH="$work/none:$PATH" VSYN_CUDA_PLUGIN="$work/nowhere.so" \
        made/gpu-check --out again
    same "skips as it does here" "$(value again '$.skipped')" "$total"
else
    skip "a bundle" "no CUDA backend in this build (nvcc, cublasLt)"
fi
finish
