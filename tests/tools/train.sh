#!/usr/bin/env bash
# vsyn-train end to end on generated data: pre-training from scenes and from a store, kill and
# resume, fine-tuning, testing, wrong usage, damaged checkpoints, a full disk.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
train=vsyn-train
tiny="--model micro --size 32 --frames 4 --stride 2 --batch 4 --jobs 1 --loaders 2 --device cpu --quiet"
scene="--scene accelerating-shapes --scene-size 64 --virtual-size 16"

# Step, loss, rate and gradient of every line of a log: what must not change with a resume.
curve() { sed -nE 's/.*"step":([0-9]+).*"loss":([^,]*),"lr":([^,]*),"grad_norm":([^,]*),.*/\1 \2 \3 \4/p' "$1/log.jsonl"; }
lines() { if [ -f "$1/log.jsonl" ]; then grep -c . "$1/log.jsonl"; else echo 0; fi; }
wait_for_lines() { while [ "$(lines "$1")" -lt "$2" ] && kill -0 "$3" 2>/dev/null; do sleep 0.01; done; }
weights() { cksum <"$1/model.safetensors"; }

# ---- Pre-training, and the same run in pieces ---------------------------------------------------
long="pretrain $scene $tiny --steps 240 --log-every 1 --save-every 10"
check "pretrain from scenes" $train $long --out whole
same "a line per step in the log" "$(curve whole | wc -l)" 240
same "losses are finite and fall" \
    "$(curve whole | awk '{ if (NR <= 20) a += $2; if (NR > 220) b += $2 } END { print (b < a) }')" 1
check "report.html is there" grep -q "<polyline" whole/report.html
check "with a reconstruction" grep -q 'src="data:image/png;base64,' whole/report.html
check "TensorBoard has a file" test -s whole/events.out.tfevents.vsyn
check "config.json holds the settings as used" grep -q '"size": 32' whole/config.json

$train $long --out killed 2>killed.err & pid=$!
wait_for_lines killed 25 $pid
kill -9 $pid
wait $pid 2>/dev/null
same "the first process was killed" "$?" 137
check "a killed run goes on" $train pretrain --out killed --jobs 1 --device cpu --quiet
same "killed and resumed = uninterrupted: weights" "$(weights killed/checkpoints/last)" \
    "$(weights whole/checkpoints/last)"
same "killed and resumed = uninterrupted: log" "$(curve killed)" "$(curve whole)"

fails 1 "stops where it is told" "to go on: vsyn-train pretrain --out halves" \
    $train $long --out halves --stop-at 117
printf '{"step":118,"los' >>halves/log.jsonl
$train pretrain --out halves --jobs 1 --device cpu --quiet 2>interrupted & pid=$!
wait_for_lines halves 130 $pid
kill -INT $pid
wait $pid
same "SIGINT saves and exits 1" "$?" 1
check "the message says how to resume" grep -q "to go on: vsyn-train pretrain --out halves" interrupted
check "resumed with other loaders" $train pretrain --out halves --jobs 1 --loaders 1 --device cpu \
    --quiet
same "stopped twice = uninterrupted: weights" "$(weights halves/checkpoints/last)" \
    "$(weights whole/checkpoints/last)"
same "stopped twice = uninterrupted: log" "$(curve halves)" "$(curve whole)"
same "killed and resumed = uninterrupted: as many events" \
    "$(wc -c <killed/events.out.tfevents.vsyn)" "$(wc -c <whole/events.out.tfevents.vsyn)"
check "reports side by side" $train report whole halves/ --out both.html
same "with a curve of each" "$(grep -c '<polyline class="line s[01]"' both.html)" 10
check "a report anew" $train report whole --json
fails 2 "several runs need a name" "--out FILE.html is required" $train report whole halves
fails 1 "a report of no run" "not a run" $train report "$PWD"
check "a finished run has nothing to do" $train pretrain --out whole --device cpu --quiet
fails 2 "a setting that differs is refused by name" "--lr: the run in whole has 0.0003, not 1.0" \
    $train pretrain --out whole --lr 1
check "a harmless setting may differ" $train pretrain --out whole --log-every 7 --device cpu --quiet
fails 2 "--no-resume refuses a run" "a run is there already" $train pretrain --out whole --no-resume
fails 2 "another task's run is refused" "belongs to vsyn-train pretrain" \
    $train finetune --out whole

# ---- Settings: recipe < preset < file < command line ----------------------------------------------
echo '{ "batch": 2, "lr": 0.5, "virtual-size": 4 }' >settings.json
check "preset, file and command line together" $train pretrain --preset synthetic-pretrain \
    --config settings.json --lr 0.25 --model micro --size 32 --frames 4 --scene-size 32 --steps 1 \
    --device cpu --quiet --out layers
setting() { sed -nE "s/^ *\"$2\": (.*[^,]),?$/\1/p" "$1/config.json"; }
same "each from its place" "$(for name in scene virtual-size batch lr weight-decay; do setting layers $name
    done | tr '\n' ' ')" '"accelerating-shapes" 4 2 0.25 0.050000000000000003 '

$train pretrain $scene $tiny --steps 1 --log-every 1 --out plain >out 2>err
check "circles that scale" $train pretrain $scene $tiny --steps 1 --log-every 1 --circles-scale --out ellipses
same "give another loss" "$([ -n "$(curve ellipses)" ] && cmp -s <(curve plain) <(curve ellipses); echo $?)" 1

# ---- Accumulation ----------------------------------------------------------------------------------
short="pretrain $scene ${tiny/--batch 4/} --steps 3 --log-every 1"
$train $short --batch 8 --out one >out 2>err && $train $short --batch 4 --accumulate 2 --out two >out 2>err
same "8 clips at once = 2 x 4 accumulated, to 1e-4" \
    "$(paste -d' ' <(curve one) <(curve two) | awk '{ d = ($2 - $6) / $2; e = ($4 - $8) / $4
        if (d < 1e-4 && d > -1e-4 && e < 1e-3 && e > -1e-3) n++ } END { print n + 0 }')" 3

# ---- What goes wrong ---------------------------------------------------------------------------------
fails 1 "a loss that is not finite stops the run" "last good checkpoint: none yet" \
    $train pretrain $scene $tiny --steps 40 --out nan --lr 1000 --warmup-epochs 0 --weight-decay 10 \
    --beta1 0 --beta2 0
fails 1 "with its step and tensor" ": the loss is not finite, first in the " \
    $train pretrain $scene $tiny --steps 40 --out late --lr 1000 --warmup-epochs 0 --weight-decay 10 \
    --beta1 0 --beta2 0 --save-every 1 --log-every 1
blame='.*: step ([0-9]+): the loss is not finite, first in the (gradient|weights) of [a-z_0-9.]+; .*: '
same "and the checkpoint of the step before" "$(sed -nE "s/$blame(.*)/\1 \3/p" err)" \
    "$(($(curve late | wc -l) + 1)) late/checkpoints/last"
same "which is there" "$(grep -aoE '"step\\":[0-9]+' late/checkpoints/last/train_state.safetensors)" \
    "\"step\\\":$(curve late | wc -l)"
cp -r killed poisoned
sed -i 's/"steps": 240/"steps": 480/' poisoned/config.json
printf '\0\0\300\177' | dd of=poisoned/checkpoints/last/model.safetensors bs=1 conv=notrunc 2>/dev/null \
    seek=$(($(stat -c %s poisoned/checkpoints/last/model.safetensors) - 4))
fails 1 "a checkpoint with a NaN is refused by file and tensor" \
    "poisoned/checkpoints/last: the weight of decoder.blocks.1.mlp.fc2.bias is not finite" \
    $train pretrain --out poisoned --jobs 1 --device cpu --quiet
cp -r killed full
sed -i 's/"steps": 240/"steps": 480/' full/config.json
before=$(weights full/checkpoints/last)
# A limit on the size of files stands for a full disk.
limited() { (trap '' XFSZ; ulimit -f 512; exec "$@"); }
fails 1 "a full disk is told" "an earlier one stays" \
    limited $train pretrain --out full --jobs 1 --device cpu --quiet
same "and the checkpoint before stays" "$(weights full/checkpoints/last)" "$before"
cp -r killed damaged
sed -i 's/"steps": 240/"steps": 480/' damaged/config.json
truncate -s -100 damaged/checkpoints/last/model.safetensors
fails 1 "a damaged checkpoint is named" "checkpoints/last" \
    $train pretrain --out damaged --device cpu --quiet
fails 2 "store and scene exclude each other" "only one of them" \
    $train pretrain --store s --scene moving-shapes --out x
fails 2 "only scenes have circles that scale" "--circles-scale" \
    $train pretrain --store s --circles-scale --out x
fails 2 "neither store nor scene" "is required" $train pretrain --out x
fails 2 "unknown stage" "did you mean moving-shapes" $train pretrain --scene moving-shape --out x
fails 2 "unknown preset" "did you mean ucf101-pretrain" $train pretrain --preset ucf11-pretrain --out x
fails 2 "a preset of another task" "is for vsyn-train finetune" \
    $train pretrain --preset ucf101-finetune --out x
fails 2 "a size that the patches do not fill" "40" $train pretrain $scene $tiny --size 40 --out x
fails 2 "fewer clips than a step" "there are 16 clips, fewer than one step of 20" \
    $train pretrain $scene $tiny --accumulate 5 --out x
fails 2 "a batch that no memory holds" "choose a smaller --batch and more --accumulate" \
    $train pretrain --scene moving-shapes --model huge --batch 60000 --out x
fails 2 "a rate that would rise" "--min-lr 0.5: is above --lr 0.25" \
    $train pretrain $scene $tiny --lr 0.25 --min-lr 0.5 --out x
fails 2 "a warm-up that would fall" "--warmup-lr 0.5: is above --lr 0.25" \
    $train pretrain $scene $tiny --lr 0.25 --warmup-lr 0.5 --out x
fails 2 "a mask that hides nothing" "expected 1..3" \
    $train pretrain $scene $tiny --mask-ratio 0.1 --out x
fails 2 "frames that slots do not fill" "number of frames 4 must be a multiple of tubelet 3" \
    $train pretrain $scene $tiny --tubelet 3 --out x
fails 2 "a precision that is not there" "fp8" $train pretrain $scene $tiny --precision fp8 --out x
fails 2 "no steps" "--epochs: 0 is out of range" $train pretrain $scene $tiny --epochs 0 --out x
check "an estimate comes first" $train pretrain $scene ${tiny/--quiet/} --steps 2 --out planned
same "of time, memory and disk, with batch, rate and epochs" \
    "$(grep -cE '^estimate  [0-9:]+: |of memory \(this machine: .*of disk a checkpoint \(free: |effective batch 4 = 4 x 1, .* epochs = 2 steps|^ +lr 4.69e-06 ' err)" 4
fails 2 "unknown model" "micro" $train pretrain $scene --model mikro --out x
fails 1 "no store there" "nowhere" $train pretrain --store nowhere --out x
fails 1 "no model there" "no such model or run" \
    $train test --model nowhere --store nowhere
same "nothing was left by runs that did not start" "$(ls -d x 2>/dev/null)" ""
mkdir other && touch other/file
fails 2 "a folder with other things is not a run" "neither empty nor a run" \
    $train pretrain $scene --out other

# ---- From a store ---------------------------------------------------------------------------------------
vsyn-gen motion --out motion --videos 64 --size 48 --frames 20 --quiet >out 2>err &&
    vsyn-ingest add store --list motion/train.csv --root motion --split train --quiet >out 2>err &&
    vsyn-ingest add store --list motion/test.csv --root motion --split test --quiet >out 2>err
same "a labelled store was made" "$?" 0
check "pretrain from a store" $train pretrain --store store --split train $tiny --steps 6 --out mae
check "a mixture of scenes, stills and a store" $train pretrain --source \
    "scene:moving-shapes=0.7,still:store:store@train=0.1,store:store@test=0.2" --scene-size 64 \
    --virtual-size 20 ${tiny/--quiet/} --steps 10 --out mixed
same "each part its share" "$(grep -o "20 clips an epoch: 14 of moving-shapes, 2 stills of store, 4 of store" err)" \
    "20 clips an epoch: 14 of moving-shapes, 2 stills of store, 4 of store"
mkdir pictures && vsyn-ingest extract store --clip 1 --frames 0,5,10 --out pictures --quiet >out 2>err
cp pictures/f005.png pictures/cut.png && truncate -s 200 pictures/cut.png
check "pictures of a folder among scenes" $train pretrain --source \
    "scene:moving-shapes=0.5,still:images:pictures=0.5" --scene-size 64 --virtual-size 16 $tiny --steps 4 --out imaged
same "damaged ones are counted" "$(grep -o "1 of 4 pictures could not be read" err)" "1 of 4 pictures could not be read"
fails 1 "a folder without pictures" "no pictures among" $train pretrain --source "images:store=1" $tiny --out x
check "static images" $train pretrain --store store --still $tiny --steps 2 --out stills
fails 2 "a part that is none is told" "expected [still:]scene:STAGE" $train pretrain --source "scenes:x=1" $tiny --out x
fails 2 "a part too small is told" "gets none" $train pretrain --virtual-size 8 $tiny --out x \
    --source "scene:moving-shapes=1,store:store=0.001"
fails 1 "unknown split lists the known ones" "train" $train pretrain --store store --split trian \
    $tiny --out x
check "finetune from a run" $train finetune --store store --init mae --batch 4 --epochs 2 --out tuned \
    --jobs 1 --device cpu --quiet
check "the model's sizes come from the run" grep -q '"size": 32' tuned/config.json
check "the watched split is found and logged" grep -q '"top1"' tuned/log.jsonl
check "the best checkpoint is kept" test -f tuned/checkpoints/best/model.safetensors
check "finetune from scratch" $train finetune --store store --init none $tiny --epochs 1 \
    --val-split none --out scratch

# The whole recipe: mixed clips, two views of each, RandAugment, erasing, averaged weights.
recipe="finetune --store store --init mae --batch 4 --epochs 4 --ema 0.9 --val-split none --jobs 1"
recipe="$recipe --mix-mode elem --device cpu --quiet --log-every 1"
check "finetune with the whole recipe" $train $recipe --loaders 1 --out recipe
fails 1 "it stops where it is told" "to go on" $train $recipe --out recipe2 --stop-at 7
check "and goes on with other loaders" $train finetune --out recipe2 --jobs 1 --loaders 3 --device cpu --quiet
same "stopped and resumed = uninterrupted: weights" "$(weights recipe2/checkpoints/last)" \
    "$(weights recipe/checkpoints/last)"
same "the same averaged weights, which differ from the last ones" \
    "$(weights recipe2/checkpoints/ema) $(cmp -s recipe/checkpoints/{ema,last}/model.safetensors; echo $?)" \
    "$(weights recipe/checkpoints/ema) 1"
fails 2 "a wrong --randaugment is told" 'at "n99"' $train $recipe --randaugment rand-m7-n99 --out x
check "test" $train test --model tuned --store store --views 2x3 --json --quiet
same "test counts the split and gives shares" \
    "$(sed -nE 's/.*"top1": ?([0-9.e-]+).*"n": ?([0-9]+).*/\1 \2/p' out | awk '{ print ($1 >= 0 && $1 <= 1), $2 }')" \
    "1 $(grep -c . motion/test.csv)"
cp out first
check "test again with other threads" $train test --model tuned --store store --views 2x3 --json \
    --quiet --jobs 2
same "test does not depend on the loaders" "$(cat out)" "$(cat first)"
id=$(vsyn-ingest list store --split test 2>err | sed -nE 's/^ *([0-9]+).*/\1/p' | head -1)
check "predict" $train predict --model tuned "store:$id" --top 3 --quiet
same "predict prints as many as asked for" "$(grep -c % out)" 3
fails 2 "predict wants STORE:ID" "expected STORE:ID" $train predict --model tuned store

# Clips that lie elsewhere: a folder of frames, a picture, a scene, and through the program ffmpeg a video.
video=motion/$(vsyn-ingest list store --split test 2>err | awk -v id="$id" '$1 == id { print $NF }')
vsyn-ingest extract store --clip "$id" --frames "$(seq -s, 0 19)" --out frames --quiet >out 2>err
check "reconstruct a clip of a store" $train reconstruct --model mae "store:$id" --out a.png --quiet --json
psnr() { sed -nE "s/.*\"psnr\": ?([0-9.]+).*/\1/p" "$1"; }
clip=$(psnr out)
near() { echo "$1 $2" | awk "{ print (\$1 > 5 && \$1 - \$2 < $3 && \$2 - \$1 < $3) }"; }
check "reconstruct the same frames in a folder" $train reconstruct --model mae frames --out b.png --quiet --json
same "as well as those of the clip" "$(near "$clip" "$(psnr out)" 0.1)" 1
check "reconstruct a picture" $train reconstruct --model mae frames/f003.png --out c.png --quiet
check "reconstruct a scene" $train reconstruct --model mae scene:moving-shapes:3 --scene-size 64 --out d.png --quiet
if command -v ffmpeg >/dev/null; then
    check "reconstruct a video" $train reconstruct --model mae "$video" --out e.png --quiet --json
    same "within 1 dB of its frames in the store" "$(near "$clip" "$(psnr out)" 1)" 1
    check "predict a video" $train predict --model tuned "$video" --quiet --json
    same "five classes" "$(grep -o probability out | wc -l)" 5
    fails 1 "what is no video is told" "motion/train.csv: cannot be decoded: ffmpeg says" \
        $train predict --model tuned motion/train.csv --quiet
else
    skip "reconstruct and predict videos" "the program ffmpeg is not installed"
fi
mkdir -p empty-path
fails 1 "without ffmpeg that is told" "a video file needs the program ffmpeg" \
    env PATH="$work/empty-path" "$(command -v $train)" predict --model tuned "$video" --quiet

# ---- Probe and features ---------------------------------------------------------------------------------
probe="--views 2 --epochs 10 --batch 16 --device cpu --quiet --json"
check "probe of a run" $train probe --store store --init mae --out probe $probe --jobs 1
same "the sweep and one test" "$(grep -o holdout_top1 out | wc -l) $(sed -nE 's/.*"n": ?([0-9]+).*/\1/p' out)" \
    "7 $(grep -c . motion/test.csv)"
cp out first
check "probe again, from its features, with AdamW" $train probe --store store --init mae --out probe \
    $probe --optimizer adamw --no-norm --lrs 0.001,0.01
rm -r probe
check "probe on two threads" $train probe --store store --init mae --out probe $probe --jobs 2
same "the number of threads changes nothing" "$(cat out)" "$(cat first)"
top1() { sed -nE 's/.*"top1": ?([0-9.]+).*/\1/p' "$1"; }
probed=$(top1 first)
check "the probe is a model to test" $train test --model probe --store store --views 1x1 --json --quiet
same "and has the accuracy that was told" "$(top1 out)" "$probed"
check "probe of random weights" $train probe --store store --init none --model micro --size 32 \
    --out probe0 $probe
fails 2 "rates that are none" "--lrs" $train probe --store store --init mae --out x --lrs 0.1,,2
check "a sheet of augmentations" $train views "store:$id" --out sheet.png
same "17 rows, told by name" "$(grep -c '^row' out) $(od -An -tu1 -j 16 -N 8 sheet.png | tr -s ' ')" \
    "17  0 0 1 128 0 0 4 64"
check "features as safetensors" $train features --model tuned --store store --split test \
    --out f.safetensors --quiet
check "features as npy" $train features --model mae --store store --out f.npy --quiet
same "npy: magic, shape, all clips" "$(head -c 6 f.npy | tail -c 5) $(stat -c %s f.npy)" \
    "NUMPY $((128 + $(grep -c . motion/train.csv motion/test.csv | awk -F: '{ s += $2 } END { print s }') * 96 * 4))"
fails 2 "another kind of file" "safetensors or .npy" $train features --model mae --store store --out f.csv

fails 1 "a pre-trained model cannot classify" "without a classifier" \
    $train test --model mae --store store --quiet
fails 1 "--split of a test must exist" "train" $train test --model tuned --store store --split tset --quiet
grep ' 0$' motion/train.csv >zeros.csv
vsyn-ingest add zeros --list zeros.csv --root motion --split train --quiet >out 2>err
fails 1 "one class is nothing to learn" "one class only" \
    $train finetune --store zeros --init none $tiny --out x
fails 2 "--model against the checkpoint" "leave the option out" \
    $train finetune --store store --init mae --model tiny --out x
vsyn-gen motion --out other-set --videos 32 --size 48 --frames 20 --quiet >out 2>err
sed -i 's/ 15$/ 0/' other-set/train.csv
head -15 other-set/classes.txt >short && mv short other-set/classes.txt
vsyn-ingest add fewer --list other-set/train.csv --root other-set --split train --quiet >out 2>err
fails 1 "classes that differ are told" "classes" \
    $train test --model tuned --store fewer --split train --quiet
finish
