#!/usr/bin/env bash
# Write utt2dur, the seconds of each utterance: Kaldi's script of this name.
#
# Durations come from segments, otherwise from frame_shift and utt2num_frames, otherwise from the
# headers of the audio.
# Intended differences from Kaldi: no Kaldi binary; the headers are read here, $nj files at a time, and
# pipes are run and counted; so --cmd is accepted for the sake of old calls, and starts nothing.

frame_shift=0.01
# shellcheck disable=SC2034  # see above
cmd=run.pl
nj=4
read_entire_file=false

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  echo "Usage: $0 [options] <datadir>"
  echo "e.g.:"
  echo " $0 data/train"
  echo " Options:"
  echo " --frame-shift      # frame shift in seconds. Only relevant when we are"
  echo "                    # getting duration from utt2num_frames, and only if the "
  echo "                    # file frame_shift does not exist (default: 0.01). "
  echo " --nj               # audio files opened at the same time (default: 4)"
  echo " --read-entire-file # true: count samples instead of trusting headers (default: false)"
  exit 1
fi

option=()
$read_entire_file && option=(--read-entire-file)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_utt2dur --script "$0" --nj "$nj" --frame-shift "$frame_shift" \
  ${option[@]+"${option[@]}"} -- "$1"
