#!/usr/bin/env bash
# Write utt2num_frames, the feature frames of each utterance. Replaces Kaldi's script of this name.
#
# The numbers come from the headers of the features, or from utt2dur if there are no features.
# Intended differences from Kaldi: as in get_utt2dur.sh.

# shellcheck disable=SC2034  # accepted for compatibility with old calls, without effect
cmd=run.pl
nj=4
frame_shift=0.01
frame_overlap=0.015

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  cat << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 data/train
Writes utt2num_frames, the number of feature frames of each utterance. The numbers come from the
features, or without features from utt2dur and the settings in conf/fbank.yaml of <data-dir>.
Options, which apply if there are neither features nor conf/fbank.yaml:
  --frame-shift <sec>    # frame shift (default: 0.01)
  --frame-overlap <sec>  # window length minus frame shift (default: 0.015)
Options for utt2dur:
  --nj <nj>              # number of audio files read at a time (default: 4)
EOM
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_utt2num_frames --script "$0" --nj "$nj" \
  --frame-shift "$frame_shift" --frame-overlap "$frame_overlap" -- "$1"
