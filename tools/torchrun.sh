# Sourced by dist_train.sh and dist_test.sh: run_processes NUMBER SCRIPT [ARGUMENTS]
run_processes() {
    local number=$1
    shift
    local where=(--standalone) # one machine: any free port, so that two jobs don't meet
    if [ "${NNODES:-1}" -gt 1 ] || [ -n "${PORT:-}" ]; then
        where=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
            --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}")
    fi
    # torchrun by its module, so that it is the one of this interpreter.
    exec "${PYTHON:-python}" -m torch.distributed.run "${where[@]}" --nproc_per_node "$number" "$@"
}
