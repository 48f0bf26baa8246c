#!/usr/bin/env bash
# Train with several processes: tools/dist_train.sh CONFIG GPUS [ARGUMENTS OF train.py]
# Without a GPU, as many processes train on the CPU. Several machines: set NNODES, NODE_RANK,
# MASTER_ADDR and PORT on each. PYTHON names the interpreter.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [ARGUMENTS OF train.py]" >&2
    exit 2
fi
config=$1
gpus=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/torchrun.sh"
run_processes "$gpus" "$here/train.py" "$config" --launcher pytorch "${@:3}"
