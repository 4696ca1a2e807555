#!/usr/bin/env bash
# Decodes audio where the machine has no flac, sph2pipe or sox: the links beside this one are called
# by these names. path.sh puts this folder last on PATH, so that a program that is installed wins.
set -euo pipefail
root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.stand_in "$(basename "$0")" "$@"
