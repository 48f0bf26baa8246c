#!/usr/bin/env bash
# Test with several processes: tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]
# See dist_train.sh for its settings.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/torchrun.sh"
run_processes "$gpus" "$here/test.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
