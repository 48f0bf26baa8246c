#!/usr/bin/env bash
# Makes the sample pairs, trains a model on them, tests it and says where everything is.
# Usage: [PYTHON=python] tools/demo.sh [MODEL]    with a config configs/MODEL_sample.py
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python}
name=${1:-darnet}_sample
config=configs/$name.py
out=work_dirs/$name

if [ ! -f "$config" ]; then
    echo "error: there is no $config; there are:" configs/*_sample.py >&2
    exit 2
fi

# The newest of some files; they may be of several runs.
newest() { { ls -t "$@" 2>/dev/null || true; } | head -n 1; }

"$python" tools/dataset_converters/make_sample_pairs.py
"$python" tools/train.py "$config" --work-dir "$out"

checkpoint=$(newest "$out"/best_change_f1*.pth)
if [ -z "$checkpoint" ]; then
    echo "error: the training left no checkpoint $out/best_change_f1*.pth" >&2
    exit 1
fi
"$python" tools/test.py "$config" "$checkpoint" --work-dir "$out/test" \
    --out "$out/masks" --show-dir "$out/pictures"

cat <<END

The demo is done. In this folder:
  pictures    $out/pictures
  masks       $out/masks
  metrics     $(newest "$out"/test/*/*.json)
  checkpoint  $checkpoint
END
