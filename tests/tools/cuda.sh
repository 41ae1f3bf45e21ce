#!/usr/bin/env bash
# vsyn-train --device cuda without a GPU: our kernels and products run on the CPU through the
# emulated backend (tests/cuda); in bf16 attention is cuDNN's graph, worked out there, or the plain one.
. "$(dirname "$0")/tap.sh"
golden=$VSYN_ROOT/tests/golden/model
export VSYN_CUDA_PLUGIN=$VSYN_BUILD/tests/cuda/vsyn-cuda.so
cd "$work" || exit 1
if [ ! -e "$VSYN_CUDA_PLUGIN" ]; then
    skip "the CUDA backend on the CPU" "it is built only where there is a C++ compiler"
    finish
    exit 0
fi

# ---- verify --------------------------------------------------------------------------------
for precision in fp32 bf16; do
    check "verify in $precision" vsyn-train verify "$golden" --models tiny --device cuda \
        --precision $precision
    same "every row is within its bound in $precision" "$(tail -n 1 out)" \
        "267 of 267 within their bounds"
done

VSYN_CUDNN=off check "verify in bf16 with our own attention" vsyn-train verify "$golden" \
    --models tiny --device cuda --precision bf16
same "every row is within its bound there, too" "$(tail -n 1 out)" "267 of 267 within their bounds"
check "bench" vsyn-train bench --model micro --size 32 --batch 1 --steps 1 --device cuda --json
same "tells the device" "$(grep -c '"device":"cuda:0, emulated on the CPU' out)" 1

# ---- Training ------------------------------------------------------------------------------
# Loss and gradient of every step beside those of the CPU in fp32: equal to a relative bound.
losses() { sed -nE 's/.*"step":([0-9]+).*"loss":([^,]*),.*"grad_norm":([^,]*),.*/\2 \3/p' "$1/log.jsonl"; }
furthest()
{
    paste -d ' ' <(losses "$1") <(losses "$2") | awk -v bound="$3" '
        function far(a, b) { return (a > b ? a - b : b - a) / b }
        { n++; for (i = 1; i <= 2; i++) if (far($i, $(i + 2)) > most) most = far($i, $(i + 2)) }
        END { if (n == 6 && most <= bound) print "within"; else print n " lines, " most }'
}

run="pretrain --scene accelerating-shapes --scene-size 64 --virtual-size 16 --model micro --size 32
     --frames 4 --stride 2 --batch 4 --jobs 1 --steps 6 --warmup-epochs 0 --log-every 1 --quiet"
check "six steps on the CPU" vsyn-train $run --device cpu --precision fp32 --out cpu
check "six steps in fp32" vsyn-train $run --device cuda --precision fp32 --out fp32
check "six steps in bf16" vsyn-train $run --device cuda --precision bf16 --out bf16
same "losses and gradients in fp32 are the CPU's to 1e-6" "$(furthest fp32 cpu 1e-6)" within
same "in bf16 to 1e-3" "$(furthest bf16 cpu 1e-3)" within
VSYN_GRAPHS=off check "six steps in bf16, every operation launched" vsyn-train $run --device cuda \
    --precision bf16 --out launched
same "give the same losses to the bit" "$(losses launched)" "$(losses bf16)"
check "and weights" "$VSYN_BUILD/tests/tools/compare_weights" 0 launched/checkpoints/last \
    bf16/checkpoints/last
check "and weights when nobody reads a step before the end" vsyn-train $run --device cuda \
    --precision bf16 --out ahead --log-every 6
check "the same" "$VSYN_BUILD/tests/tools/compare_weights" 0 ahead/checkpoints/last \
    bf16/checkpoints/last
check "and so are the weights in fp32" "$VSYN_BUILD/tests/tools/compare_weights" 1e-6 \
    fp32/checkpoints/last cpu/checkpoints/last
check "in bf16" "$VSYN_BUILD/tests/tools/compare_weights" 1e-4 bf16/checkpoints/last \
    cpu/checkpoints/last

# Clips drawn on the device (the default there) are those of the loader, on either device.
check "clips of the loader" vsyn-train $run --device cuda --precision bf16 --draw loader --out loader
same "give the same losses to the bit" "$(losses loader)" "$(losses bf16)"
check "clips that the CPU draws as a device" vsyn-train $run --device cpu --precision fp32 \
    --draw device --out drawn
same "give those of the loader's" "$(losses drawn)" "$(losses cpu)"
textured="--scene accelerating-textures --texture-count 5"
check "textured clips of the loader" vsyn-train $run $textured --device cuda --draw loader \
    --precision fp32 --out tex_loader
check "and of the device" vsyn-train $run $textured --device cuda --precision fp32 --out tex_device
same "give the same losses" "$(losses tex_device)" "$(losses tex_loader)"
check "bench with drawn clips" vsyn-train bench --model micro --size 32 --batch 2 --steps 1 \
    --scene accelerating-shapes --device cuda --json
same "tells how long drawing takes" "$(grep -c '"name":"draw_clips"' out)" 1
fails 2 "a device draws no mixtures" "a device draws one stage of scenes" vsyn-train pretrain \
    --model micro --draw device --source scene:moving-circles=1 --out no

# Blocks and threads in the other order, and products whose epilogues the library refuses.
export VSYN_EMULATED_ORDER=reverse
check "the same steps in another order" vsyn-train $run --device cuda --precision bf16 --out order
same "give the same bits" "$(losses order)" "$(losses bf16)"
unset VSYN_EMULATED_ORDER
VSYN_EMULATED_LT=plain VSYN_CUDNN=off check "without epilogues and cuDNN" vsyn-train $run \
    --device cuda --precision bf16 --out plain
same "in bf16 to 1e-3, too" "$(furthest plain cpu 1e-3)" within
finish
