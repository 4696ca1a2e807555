#!/usr/bin/env bash
#SBATCH --job-name=moeasr
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@90
# Train a recipe with Slurm on one or more machines. In the directory of the recipe:
#
#   sbatch --nodes 2 --gpus-per-node 8 utils/slurm_train.sh --ngpu 8 --train-config conf/u2pp_moe.yaml
#
# Options before slurm_train.sh are those of sbatch, options after it are those of run.sh. Stages 0 to
# 2 must have run. Each machine runs stage 3, and the processes of all machines train together. When
# the job is pre-empted, or 90 s before its time limit, the training saves its state. Slurm then starts
# the job again, and the training resumes. scancel ends the job.
set -euo pipefail

if [ -z "${SLURM_JOB_ID:-}" ]; then
  echo "$0: this script is a Slurm job; submit it in the directory of a recipe: sbatch utils/slurm_train.sh [options of run.sh]" >&2
  exit 1
fi
if [ ! -x run.sh ]; then
  echo "$0: there is no run.sh in $PWD; call sbatch in the directory of a recipe" >&2
  exit 1
fi

host=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(scontrol show node "$host" | sed -n 's/.*NodeAddr=\([^ ]*\).*/\1/p')
export MOEASR_ENDPOINT=${address:-$host}:$((20000 + SLURM_JOB_ID % 20000))

# Slurm sends SIGTERM to every process. This shell must wait for the end of the training.
trap : TERM
status=0
# shellcheck disable=SC2016 # the shell of each task expands the variables
srun --kill-on-bad-exit=0 bash -c '
  exec ./run.sh --stage 3 --stop-stage 3 --nnodes "$SLURM_NTASKS" --node-rank "$SLURM_PROCID" \
    --rdzv-endpoint "$MOEASR_ENDPOINT" "$@"' run.sh "$@" || status=$?

state=$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %T || true)
echo "$0: the training ended with status $status, job $SLURM_JOB_ID is $state"
if [ "$status" -eq 143 ] && [ "$state" = RUNNING ]; then # stopped by Slurm, but not cancelled
  echo "$0: starting the job again, which resumes the training"
  scontrol requeue "$SLURM_JOB_ID"
  sleep 60 & # Slurm ends this script
  wait
fi
exit "$status"
