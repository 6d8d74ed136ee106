#!/bin/sh
#SBATCH --job-name=deepcli
#SBATCH --cpus-per-task=4
#SBATCH --signal=B:TERM@60
# A SLURM job array, one run per task. Make the plan first, on the login node; no GPU or TensorFlow is needed for it:
#   deepcli sweep plan configs/digits/mlp.yaml optimizer.learning_rate=log:1e-4:1e-1 --method random --max-trials 20 \
#       --metric val_accuracy > plan.jsonl
#   sbatch --array=1-$(wc -l < plan.jsonl) configs/sweeps/slurm.sh plan.jsonl sweeps/slurm
#   deepcli sweep collect sweeps/slurm        # when all have ended
# A requeued task resumes from its last checkpoint; submit the same array again to do only what is missing.
set -eu
plan=${1:-plan.jsonl}
folder=${2:-sweeps/slurm}

# exec, so that the signal before the time limit reaches deepcli, which writes a checkpoint and exits.
line=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$plan")
exec deepcli sweep trial "$line" --output "$folder"
