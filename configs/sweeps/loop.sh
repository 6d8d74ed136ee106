#!/bin/sh
# A loop: one training run after another. After an interruption, run it again to continue.
#   sh configs/sweeps/loop.sh [SPEC] [FOLDER]
set -u
spec=${1:-configs/digits/mlp.yaml}
folder=${2:-runs/loop}
mkdir -p "$folder"

for rate in 1e-2 3e-3 1e-3; do
    for units in 32 64; do
        deepcli train "$spec" optimizer.learning_rate="$rate" model.hidden_units="[$units]" \
            --output "$folder/rate-$rate-units-$units" --if-exists resume --quiet --json >> "$folder/results.jsonl"
        case $? in
            0) ;;
            1) echo "rate $rate, units $units: the run failed; continuing with the others" >&2 ;;
            *) exit 1 ;; # the spec or the command line is wrong (2), or a signal asked for the end (130, 143)
        esac
    done
done
deepcli runs "$folder" --sort val_loss
