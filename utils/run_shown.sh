#!/usr/bin/env bash
# Run a job with a job runner, and print its log while the job writes it, so that a training can be
# followed on any machine. The log of an earlier run is renamed with a number.
#
# Usage: utils/run_shown.sh <runner with options> <log-file> <command> [<argument>...]
# e.g.:  utils/run_shown.sh "$cuda_cmd --gpu 1" exp/a/log/train.log python3 -m moeasr.bin.train ...
# Exit status: that of the runner.
set -euo pipefail

if [ $# -lt 3 ]; then
  echo "Usage: $0 <runner with options> <log-file> <command> [<argument>...]" >&2
  exit 1
fi
runner=$1
log=$2
shift 2

mkdir -p "$(dirname "$log")"
"$(dirname "${BASH_SOURCE[0]}")/keep_log.sh" "$log"
: >"$log"
# --pid: it ends even if this script is killed; it complains when the runner begins the file anew
tail --pid=$$ -n +1 -f "$log" 2>/dev/null &
follower=$!
# the pause lets the last lines be shown
trap 'sleep 1; kill "$follower" 2>/dev/null || true' EXIT
# shellcheck disable=SC2086 # the runner has its options with it
$runner "$log" "$@"
