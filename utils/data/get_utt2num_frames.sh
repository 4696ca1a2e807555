#!/usr/bin/env bash
# Write utt2num_frames, the feature frames of each utterance: Kaldi's script of this name.
#
# From the headers of the features, or without features from utt2dur.
# Wanted departures from Kaldi: as in get_utt2dur.sh.

# shellcheck disable=SC2034  # accepted for the sake of old calls; starts nothing
cmd=run.pl
nj=4
frame_shift=0.01
frame_overlap=0.015

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  echo "This script writes a file utt2num_frames with the "
  echo "number of frames in each utterance as measured based on the "
  echo "duration of the utterances (in utt2dur) and the specified "
  echo "frame_shift and frame_overlap, or on the features if there are any."
  echo "Where moeasr's conf/fbank.yaml is there, its settings count instead."
  echo "Usage: $0 [--nj 4] [--frame-shift 0.01] [--frame-overlap 0.015] <data>"
  exit 1
fi

export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_utt2num_frames --script "$0" --nj "$nj" \
  --frame-shift "$frame_shift" --frame-overlap "$frame_overlap" -- "$1"
