#!/usr/bin/env bash
# Change the sample rate of the audio in a data directory. Replaces Kaldi's script of this name.
#
# Intended differences from Kaldi: no sox. The entries of wav.scp become
#   python3 -m moeasr.bin.resample <frequency> '<path>' |
#   <old command> | python3 -m moeasr.bin.resample <frequency> - |
# which moeasr computes in the process that reads them; channels are mixed there.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

if [ $# != 2 ]; then
  cat << EOM
Usage: $0 <frequency> <data-dir>
e.g.:  $0 8000 data/dev
Changes the sample rate of the audio of a data directory to <frequency> Hz. It only rewrites wav.scp.
EOM
  exit 1
fi
if [[ ! $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "$0: <frequency> must be a whole number in Hz, but is '$1'" >&2
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.resample_data_dir --script "$0" -- "$@"
