#!/usr/bin/env bash
# Print segments in which every utterance is its whole recording. Replaces Kaldi's script of this
# name.
#
# The times come from utt2dur, which is written first if it is missing.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

if [ $# != 1 ]; then
  cat << EOM
Usage: $0 <data-dir>
e.g.:  $0 data/train > data/train/segments
Prints segments in which each utterance is a whole recording.
EOM
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_segments_for_data --script "$0" -- "$1"
