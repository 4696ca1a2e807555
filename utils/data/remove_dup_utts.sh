#!/usr/bin/env bash
# Copy a data directory with a maximum number of utterances per transcript. Replaces Kaldi's script
# of this name and keeps the same utterances.
#
# Intended differences from Kaldi: only the known files of a data directory are copied; the .backup of
# fix_data_dir.sh stays.

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")

if [ $# != 3 ]; then
  cat << 'EOM'
Usage: remove_dup_utts.sh <max-count> <src-data-dir> <dest-data-dir>
e.g.:  remove_dup_utts.sh 10 data/train data/train_nodup
Copies a data directory with about <max-count> utterances per transcript at most. This removes most
utterances of over-represented transcripts, such as "uh-huh".
EOM
  exit 1
fi
if [[ ! $1 =~ ^[0-9]+$ ]]; then
  echo "$0: <max-count> must be a whole number, but is '$1'" >&2
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.remove_dup_utts --script "$0" -- "$@" || exit 1
exec "$root/utils/fix_data_dir.sh" "$3"
