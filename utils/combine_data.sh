#!/usr/bin/env bash
# Merge data directories into one, the destination first. Replaces Kaldi's script of this name.
#
# Intended difference from Kaldi: the destination is emptied only when all sources have been read.

extra_files=
skip_fix=false

[ "${MOEASR_QUIET:-0}" = 1 ] || echo "$0 $*" # Print the command line for logging.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# -lt 2 ]; then
  cat << 'EOM'
Usage: combine_data.sh [options] <dest-data-dir> <src-data-dir1> <src-data-dir2> ...
e.g.:  combine_data.sh data/train_all data/train_a data/train_b
Merges data directories. A table is merged if all source directories have it; utt2uniq and segments
are merged if any source directory has them, with the missing lines generated.
Options:
  --extra-files "<file1> <file2>"  # further tables to merge (default: none)
  --skip-fix <true|false>          # no call of fix_data_dir.sh at the end (default: false)
EOM
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.combine_data --script "$0" --extra-files="$extra_files" -- "$@" || exit 1
if ! $skip_fix; then
  "$root/utils/fix_data_dir.sh" "$1" || exit 1
fi
