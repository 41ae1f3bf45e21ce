#!/usr/bin/env bash
# vsyn-train import and export: models of others in, ours out, the same weights on every way.
. "$(dirname "$0")/tap.sh"
golden=$VSYN_ROOT/tests/golden/interop
cd "$work" || exit 1
shape="--size 8 --frames 4 --heads 2"
sum() { cksum <"$1/model.safetensors"; }

check "import a folder of Hugging Face" vsyn-train import "$golden/hf_classifier" --out hf
same "and say what it is" "$(cat out)" \
    "hf: classifier, custom, 2547 parameters, 4 frames of 8x8, 3 classes"
same "with its class names" "$(grep -c '"1": "right"' hf/config.json)" 1
same "and its epsilons" "$(grep -cE '"layer_norm_eps(_head)?": (9.9999999999999998e-13|1e-12|1e-05|1.0000000000000001e-5)' hf/config.json)" 2
for name in original_classifier strided legacy; do
    check "import $name.pth" vsyn-train import "$golden/$name.pth" --out $name $shape
    same "which holds the same weights" "$(sum $name)" "$(sum hf)"
done
printf 'left\nright\nup\n' >classes.txt
check "import with class names" vsyn-train import "$golden/strided.pth" --out named $shape \
    --classes classes.txt
same "which are kept" "$(grep -c '"1": "right"' named/config.json)" 1
check "import with a configuration" vsyn-train import "$golden/legacy.pth" --out configured \
    --config "$golden/hf_classifier/config.json"
same "which is that of the folder" "$(cat configured/config.json)" "$(cat hf/config.json)"

check "export in original names" vsyn-train export --model hf --format original --out original
check "and back" vsyn-train import original --out back
same "the same weights" "$(sum back)" "$(sum hf)"
check "export for transformers" vsyn-train export --model original --out huggingface
same "the same weights again" "$(sum huggingface)" "$(sum hf)"
same "three files" "$(ls huggingface | tr '\n' ' ')" \
    "config.json model.safetensors preprocessor_config.json "
check "an autoencoder" vsyn-train import "$golden/original_pretrain.pth" --out mae $shape \
    --decoder-heads 2
check "as JSON" vsyn-train export --model mae --out mae-hf --json
same "with its task" "$(grep -c '"task": *"pretrain"' out)" 1

# ---- --init takes the file as it is -------------------------------------------------------------
"$VSYN_BUILD/tests/tools/toy_store" store 4 32
cp "$golden/original_pretrain.pth" start.pth && cp mae/config.json config.json
check "fine-tune from a .pth" vsyn-train finetune --store store --init start.pth --out run \
    --batch 4 --steps 2 --device cpu --quiet
check "export a run" vsyn-train export --model run --out run-hf
same "with the classes of its store" "$(grep -c '"2": "up"' run-hf/config.json)" 1

# ---- Reconstructions ------------------------------------------------------------------------------
for mode in honest paper; do
    check "reconstruct, $mode" vsyn-train reconstruct --model mae store:1 --mode $mode --out $mode.png \
        --device cpu --quiet
done
same "the two ways differ" "$(cmp -s honest.png paper.png; echo $?)" 1
if command -v ffmpeg >out; then
    check "as a video" vsyn-train reconstruct --model mae store:1 --mask random --out made.mp4 --json
    check "which is one" grep -q ftyp made.mp4
else
    skip "as a video" "no ffmpeg here"
fi
mkdir empty-path && ln -s "$(command -v vsyn-train)" empty-path/vsyn-train
fails 1 "a video without ffmpeg" "needs the program ffmpeg" \
    env PATH="$work/empty-path" vsyn-train reconstruct --model mae store:1 --out y.mp4
fails 1 "a classifier does not reconstruct" "is a classifier" \
    vsyn-train reconstruct --model hf store:1 --out y.png
fails 1 "no such clip" "99" vsyn-train reconstruct --model mae store:99 --out y.png
fails 2 "another kind of file" "ends in .png or .mp4" \
    vsyn-train reconstruct --model mae store:1 --out y.gif
fails 2 "a mask that hides nothing" "expected 1..3" \
    vsyn-train reconstruct --model mae store:1 --out y.png --mask-ratio 0.1
same "no picture was left" "$(ls y.* 2>/dev/null)" ""

# ---- Refusals -------------------------------------------------------------------------------------
fails 1 "a pickle that asks for a function" "asks for posix.system" \
    vsyn-train import "$golden/system_call.pth" --out x $shape
fails 2 "sizes that no file tells" "--heads or --config FILE must tell" \
    vsyn-train import "$golden/strided.pth" --out x
fails 2 "sizes that a file tells" "leave them out" \
    vsyn-train import "$golden/hf_classifier" --out x --heads 2
fails 2 "heads that do not divide the width" "heads 3" \
    vsyn-train import "$golden/strided.pth" --out x --size 8 --frames 4 --heads 3
fails 1 "another model's configuration" "tensors videomae.layernorm.weight, videomae.layernorm.bias" \
    vsyn-train import "$golden/hf_classifier" --out x --config "$golden/hf_pretrain/config.json"
printf 'left\n' >few.txt
fails 1 "too few class names" "has 1 names, the model 3 classes" \
    vsyn-train import "$golden/strided.pth" --out x $shape --classes few.txt
fails 2 "class names of an autoencoder" "is not a classifier" vsyn-train import \
    "$golden/original_pretrain.pth" --out x $shape --decoder-heads 2 --classes few.txt
mkdir cut && head -c 9000 "$golden/strided.pth" >cut/cut.pth
fails 1 "a file that is cut off" "damaged or cut off" vsyn-train import cut/cut.pth --out x $shape
fails 1 "no file" "no such file or folder" vsyn-train import nowhere.pth --out x
fails 2 "a folder that is not empty" "is not empty" vsyn-train export --model hf --out mae
same "nothing was left by what failed" "$(ls -d x 2>/dev/null)" ""
finish
