#!/usr/bin/env bash
# Copy a data directory with a maximum number of utterances per transcript: Kaldi's script of this
# name, which keeps the same utterances.
#
# Intended differences from Kaldi: only the known files of a data directory are copied; the .backup of
# fix_data_dir.sh stays.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

if [ $# != 3 ]; then
  echo "Usage: remove_dup_utts.sh max-count <src-data-dir> <dest-data-dir>"
  echo "e.g.: remove_dup_utts.sh 10 data/train data/train_nodup"
  echo "This script is used to filter out utterances that have from over-represented"
  echo "transcriptions (such as 'uh-huh'), by limiting the number of repetitions of"
  echo "any given word-sequence to a specified value.  It's often used to get"
  echo "subsets for early stages of training."
  exit 1
fi
if [[ ! $1 =~ ^[0-9]+$ ]]; then
  echo "$0: invalid max-count '$1'" >&2
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.remove_dup_utts --script "$0" -- "$@" || exit 1
echo "Using fix_data_dir.sh to reconcile the other files."
exec "$root/utils/fix_data_dir.sh" "$3"
