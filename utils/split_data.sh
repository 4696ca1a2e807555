#!/usr/bin/env bash
# Split a data directory for parallel jobs: Kaldi's script of this name, which makes the same split.
#
# Intended differences from Kaldi: each file appears only when it is complete; utt2uniq, utt2warp,
# reco2dur and frame_shift are divided or copied, too; no .split_lock file is left behind.

option=()
if [ "${1:-}" = --per-utt ]; then
  option=("$1")
  shift
fi

if [ $# != 2 ]; then
  echo "Usage: $0 [--per-utt] <data-dir> <num-to-split>"
  echo "E.g.: $0 data/train 50"
  echo "It creates its output in e.g. data/train/split50/{1,2,3,...50}, or if the "
  echo "--per-utt option was given, in e.g. data/train/split50utt/{1,2,3,...50}."
  echo ""
  echo "This script will not split the data-dir if it detects that the output is newer than the input."
  echo "By default it splits per speaker (so each speaker is in only one split dir),"
  echo "but with the --per-utt option it will ignore the speaker information while splitting."
  exit 1
fi
if [[ ! $2 =~ ^[0-9]+$ || $2 =~ ^0+$ ]]; then
  echo "$0: Invalid num-split argument $2" >&2
  exit 1
fi

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.split_data --script "$0" ${option[@]+"${option[@]}"} -- "$@"
