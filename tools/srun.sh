# Sourced by slurm_train.sh and slurm_test.sh: run_job PARTITION JOB_NAME SCRIPT [ARGUMENTS]
run_job() {
    local partition=$1 job=$2 script=$3
    shift 3
    local gpus=${GPUS:-4}
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    # SRUN_ARGS is meant to be split into words.
    # shellcheck disable=SC2086
    exec srun --partition "$partition" --job-name "$job" --gres "gpu:$per_node" \
        --ntasks "$gpus" --ntasks-per-node "$per_node" --cpus-per-task "${CPUS_PER_TASK:-5}" \
        --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
        "${PYTHON:-python}" -u "$script" "$@" --launcher slurm
}
