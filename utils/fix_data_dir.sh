#!/usr/bin/env bash
# Sort the files of a data directory and keep the utterances that all files have. Replaces Kaldi's
# script of this name.
#
# Intended differences from Kaldi: if it fails, no file has been changed; .backup holds the files as
# they were before; empty lines are dropped; spk2warp and utt2warp are sorted and filtered, too.

utt_extra_files=
spk_extra_files=

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  cat << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 data/train
Sorts the tables of a data directory and removes utterances that some table lacks, for example those
without features if there is a feats.scp. The previous tables are kept in <data-dir>/.backup.
Options:
  --utt-extra-files "<file1> <file2>"  # further tables whose keys are utterances (default: none)
  --spk-extra-files "<file1> <file2>"  # further tables whose keys are speakers (default: none)
EOM
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
# As in Kaldi, the messages of this script begin with its name without a directory.
exec python3 -m moeasr.bin.fix_data_dir --script fix_data_dir.sh \
  --utt-extra-files="$utt_extra_files" --spk-extra-files="$spk_extra_files" -- "$1"
