#!/usr/bin/env bash
# Decode audio in place of flac, sph2pipe or sox, whose names are links to this script. path.sh puts
# this directory last on PATH, so that installed programs take precedence.
set -euo pipefail
root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.stand_in "$(basename "$0")" "$@"
