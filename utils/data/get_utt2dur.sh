#!/usr/bin/env bash
# Write utt2dur, the seconds of each utterance. Replaces Kaldi's script of this name.
#
# Durations come from segments, otherwise from frame_shift and utt2num_frames, otherwise from the
# headers of the audio.
# Intended differences from Kaldi: no Kaldi binary is needed. This script itself reads the headers,
# $nj files at a time, and counts the samples of commands. The option --cmd has no effect.

frame_shift=0.01
# shellcheck disable=SC2034  # see above
cmd=run.pl
nj=4
read_entire_file=false

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  cat << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 data/train
Writes utt2dur, the duration of each utterance in seconds.
Options:
  --frame-shift <sec>              # frame shift for durations from utt2num_frames, used if the file
                                   # frame_shift does not exist (default: 0.01)
  --nj <nj>                        # number of audio files read at a time (default: 4)
  --read-entire-file <true|false>  # durations from counting samples instead of from audio headers
                                   # (default: false)
EOM
  exit 1
fi

option=()
$read_entire_file && option=(--read-entire-file)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_utt2dur --script "$0" --nj "$nj" --frame-shift "$frame_shift" \
  ${option[@]+"${option[@]}"} -- "$1"
