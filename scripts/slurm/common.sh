# Shared by the job scripts of this folder. Submit them from the root of the checkout, or set
# VSYN_SLURM to this folder; VSYN_BUILD names a build other than ./build.
set -eu
build=${VSYN_BUILD:-build}
PATH=$build/gen:$build/ingest:$build/train:$build/eval:$PATH
cpus=${SLURM_CPUS_PER_TASK:-$(nproc)}
words=$#
need()
{
    [ "$words" -ge "$1" ] || { echo "usage: sbatch $0 $2" >&2; exit 2; }
}
# again COMMAND ...: a command that goes on where it was stopped. When the time limit stops it
# (SIGTERM: exit 1 and "stopped"), the job queues itself again.
again()
{
    local log status=0
    log=$(mktemp)
    { srun --kill-on-bad-exit=1 "$@" 2>&1 >&3 3>&- | tee "$log" >&2 3>&-
      status=${PIPESTATUS[0]}; } 3>&1
    if [ $status -ne 0 ] && grep -q 'stopped' "$log" && [ -n "${SLURM_JOB_ID:-}" ]; then
        rm -f "$log"
        echo "out of time: queued again" >&2
        scontrol requeue "$SLURM_JOB_ID"
        exit 0
    fi
    rm -f "$log"
    return $status
}
# train TASK RUN ...: on all tasks of the job.
train()
{
    local task=$1 run=$2
    shift 2
    again vsyn-train "$task" --out "$run" --jobs "$cpus" "$@"
}
