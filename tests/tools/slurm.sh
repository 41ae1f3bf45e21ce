#!/usr/bin/env bash
# The job scripts of scripts/slurm, with srun and scontrol replaced by programs that run the
# command here and write down what was asked.
. "$(dirname "$0")/tap.sh"
cd "$work" || exit 1
export VSYN_SLURM=$VSYN_ROOT/scripts/slurm
mkdir bin
cat >bin/srun <<'END'
#!/usr/bin/env bash
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
END
cat >bin/scontrol <<'END'
#!/usr/bin/env bash
echo "$*" >>"$WORK/scontrol"
END
chmod +x bin/*
export WORK=$work PATH=$work/bin:$PATH
job() { local name=$1; shift; SLURM_CPUS_PER_TASK=1 bash "$VSYN_SLURM/$name.sbatch" "$@"; }
sums() { (cd "$1" && find . -name '*.mp4' | sort | xargs cksum); }

fails 2 "generate without a folder" "usage: sbatch" job generate moving-circles
tasks="--videos 6 --size 32 --frames 4 --quiet"
check "one machine" vsyn-gen moving-circles --out whole $tasks
for id in 1 2 3; do
    SLURM_JOB_ID=$id SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 \
        SLURM_ARRAY_TASK_MAX=3 job generate moving-circles parts $tasks >out 2>err
done
same "three tasks of an array make the same videos" "$(sums parts)" "$(sums whole)"
same "of six" "$(sums whole | wc -l)" 6

check "ingest" job ingest whole.store --folder whole --quiet
same "has all videos" "$(sqlite3 whole.store/index.db 'SELECT count(*) FROM clip')" 6

tiny="--scene moving-circles --scene-size 64 --model micro --size 32 --frames 4 --stride 2 --batch 4
    --steps 6 --loaders 1 --device cpu --quiet"
SLURM_JOB_ID=77 check "pretrain stopped by the time limit" job pretrain run $tiny --stop-at 3
same "queues itself again" "$(cat scontrol)" "requeue 77"
SLURM_JOB_ID=77 check "and goes on" job pretrain run $tiny
same "to its end" "$(tail -n 1 run/log.jsonl | sed -nE 's/.*"step":([0-9]+).*/\1/p')" 6
same "without a third time" "$(wc -l <scontrol)" 1
SLURM_JOB_ID=78 fails 1 "an error is an error" "nowhere" job pretrain other --store nowhere
same "that does not queue again" "$(wc -l <scontrol)" 1

"$VSYN_BUILD/tests/tools/toy_store" store 8 32 >out 2>err
check "finetune and test" job finetune tuned store 1x1 --split train --val-split test --init run \
    --batch 4 --epochs 1 --warmup-epochs 0 --device cpu --quiet
check "leaves the result" grep -q top1 tuned/test.json

# ---- Robustness: parts, then the whole of them ------------------------------------------------
fails 2 "robustness without a split" "usage: sbatch" job robustness results tuned store
cells="--corruptions gaussian_noise,brightness --severities 1,3 --views 1x1 --device cpu --quiet"
SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=1 \
    check "robustness on one machine" job robustness one tuned store test $cells
for id in 1 2; do
    SLURM_JOB_ID=$id SLURM_ARRAY_TASK_ID=$id SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=1 \
        SLURM_ARRAY_TASK_MAX=2 job robustness many tuned store test $cells >out 2>err
done
same "two tasks make two parts" "$(ls many/shards | tr '\n' ' ')" "1-of-2 2-of-2 "
SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=1 \
    check "which an array of one gathers" job robustness many tuned store test $cells
same "the same table" "$(cat many/results.csv)" "$(cat one/results.csv)"
check "of every cell" test "$(grep -c . one/results.csv)" -ge 6
finish
