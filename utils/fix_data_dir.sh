#!/usr/bin/env bash
# Sort the files of a data directory and keep the utterances that all files have: Kaldi's script of
# this name.
#
# Intended differences from Kaldi: if it fails, no file has been changed; .backup holds the files as
# they were before; empty lines are dropped; spk2warp and utt2warp are sorted and filtered, too.

utt_extra_files=
spk_extra_files=

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  echo "Usage: $0 [--utt-extra-files 'f g'] [--spk-extra-files 'h'] <data-dir>"
  echo "e.g.: $0 data/train"
  echo "This script helps ensure that the various files in a data directory"
  echo "are correctly sorted and filtered, for example removing utterances"
  echo "that have no features (if feats.scp is present)"
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
# As in Kaldi, the messages of this script begin with its name without a directory.
exec python3 -m moeasr.bin.fix_data_dir --script fix_data_dir.sh \
  --utt-extra-files="$utt_extra_files" --spk-extra-files="$spk_extra_files" -- "$1"
