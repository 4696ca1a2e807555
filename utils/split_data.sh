#!/usr/bin/env bash
# Split a data directory for parallel jobs. Replaces Kaldi's script of this name and makes the same
# split.
#
# Intended differences from Kaldi: each file appears only when it is complete; utt2uniq, utt2warp,
# reco2dur and frame_shift are divided or copied, too; no .split_lock file is left behind.

option=()
if [ "${1:-}" = --per-utt ]; then
  option=("$1")
  shift
fi

if [ $# != 2 ]; then
  cat << EOM
Usage: $0 [--per-utt] <data-dir> <num-to-split>
e.g.:  $0 data/train 50
Splits a data directory into parts, here data/train/split50/{1,2,3,...50}. All utterances of a speaker
are in the same part. Nothing is done if the parts are newer than the data directory.
Options:
  --per-utt  # split that ignores speakers, here in data/train/split50utt/{1,2,3,...50}
EOM
  exit 1
fi
if [[ ! $2 =~ ^[0-9]+$ || $2 =~ ^0+$ ]]; then
  echo "$0: <num-to-split> must be a whole number of at least 1, but is '$2'" >&2
  exit 1
fi

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.split_data --script "$0" ${option[@]+"${option[@]}"} -- "$@"
