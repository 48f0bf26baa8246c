#!/usr/bin/env bash
# Train in stages, each from the best checkpoint of the one before:
#   tools/train_stages.sh CONFIG1 CONFIG2 CONFIG3 [GPUS] [ARGUMENTS OF train.py]
# Each stage trains in work_dirs/NAME_OF_CONFIG, where the next one looks for it (`stage_from`).
# Run again after a stop, it skips finished stages and goes on from the last checkpoint of the one
# that was stopped. The arguments go to every stage. PYTHON names the interpreter.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

configs=()
while [[ ${1:-} == *.py ]]; do
    configs+=("$1")
    shift
done
gpus=1
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    gpus=$1
    shift
fi
if [ ${#configs[@]} -eq 0 ] || [[ -n ${1:-} && $1 != -* ]]; then
    echo "usage: $0 CONFIG1 CONFIG2 CONFIG3 [GPUS] [ARGUMENTS OF train.py]" >&2
    exit 2
fi
for config in "${configs[@]}"; do
    if [ ! -f "$config" ]; then
        echo "error: no such config file: $config" >&2
        exit 2
    fi
done
for argument in "$@"; do
    # Also abbreviated, as argparse takes it, and as a setting.
    if [[ $argument == --w* || $argument == work_dir=* || $argument == --c*=work_dir=* ]]; then
        echo "error: the stages can't share one --work-dir; each has work_dirs/NAME_OF_CONFIG" >&2
        exit 2
    fi
done

for config in "${configs[@]}"; do
    echo "Stage $config"
    if [ "$gpus" -gt 1 ]; then
        bash "$here/dist_train.sh" "$config" "$gpus" --resume "$@"
    else
        "${PYTHON:-python}" "$here/train.py" "$config" --resume "$@"
    fi
done
