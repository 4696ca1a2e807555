#!/usr/bin/env bash
# Run a job with a job runner, and print its log while the job writes it, with a progress bar on a
# terminal, so that a training can be followed on any machine. The log of an earlier run is renamed
# with a number; a log that another run still writes is refused.
#
# Usage: utils/run_shown.sh <runner with options> <log-file> <command> [<argument>...]
# e.g.:  utils/run_shown.sh "$cuda_cmd --gpu 1" exp/a/log/train.log python3 -m moeasr.bin.train ...
# The exit status is that of the runner.
set -euo pipefail

if [ $# -lt 3 ]; then
  echo "Usage: $0 <runner with options> <log-file> <command> [<argument>...]" >&2
  exit 1
fi
runner=$1
log=$2
shift 2

utils=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
export PYTHONUTF8=1 PYTHONPATH=${utils%/*}${PYTHONPATH:+:$PYTHONPATH}
# shellcheck disable=SC2086 # runner contains its options
exec python3 -m moeasr.bin.watch --log "$log" -- $runner "$log" "$@"
