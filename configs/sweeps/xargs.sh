#!/bin/sh
# A grid with several runs at once, by xargs. Run it again to do only what is missing.
#   sh configs/sweeps/xargs.sh [SPEC] [FOLDER] [PROCESSES]
set -eu
spec=${1:-configs/digits/mlp.yaml}
folder=${2:-sweeps/xargs}
processes=${3:-2}

mkdir -p "$folder"
deepcli sweep plan "$spec" optimizer.learning_rate='[1e-2, 3e-3, 1e-3]' model.hidden_units='[[32], [64]]' \
    training.threads=1 > "$folder/plan.jsonl"
# One line is one run. GNU parallel takes them as well: parallel -a plan.jsonl deepcli sweep trial --output FOLDER
tr '\n' '\0' < "$folder/plan.jsonl" | xargs -0 -n 1 -P "$processes" deepcli sweep trial --output "$folder" --quiet > "$folder/log"
deepcli sweep collect "$folder"
