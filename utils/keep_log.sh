#!/usr/bin/env bash
# Rename an existing log before a job writes a new one, so that a failed run does not overwrite the
# log of an earlier run. train.log becomes train.1.log, the next one train.2.log.
#
# Usage: utils/keep_log.sh <log-file>
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "Usage: $0 <log-file>" >&2
  exit 1
fi
[ -s "$1" ] || exit 0
number=1
while [ -e "${1%.log}.$number.log" ]; do
  number=$((number + 1))
done
mv "$1" "${1%.log}.$number.log"
