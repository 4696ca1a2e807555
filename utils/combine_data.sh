#!/usr/bin/env bash
# Merge data directories into one, the destination first: Kaldi's script of this name.
#
# Intended difference from Kaldi: the destination is emptied only when all sources have been read.

extra_files= # more files to merge, e.g. "file1 file2"
skip_fix=false # skip the fix_data_dir.sh at the end

[ "${MOEASR_QUIET:-0}" = 1 ] || echo "$0 $*" # Print the command line for logging.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# -lt 2 ]; then
  echo "Usage: combine_data.sh [--extra-files 'file1 file2'] [--skip-fix true] <dest-data-dir>" \
    "<src-data-dir1> <src-data-dir2> ..."
  echo "Note, files that don't appear in all source dirs will not be combined,"
  echo "with the exception of utt2uniq and segments, which are created where necessary."
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.combine_data --script "$0" --extra-files="$extra_files" -- "$@" || exit 1
if ! $skip_fix; then
  "$root/utils/fix_data_dir.sh" "$1" || exit 1
fi
