#!/usr/bin/env bash
# Write reco2dur, the seconds of each recording: Kaldi's script of this name.
#
# Durations come from utt2dur if utterances are recordings, otherwise from the headers of the audio.
# Intended differences from Kaldi: as in get_utt2dur.sh.

# shellcheck disable=SC2034  # accepted for the sake of old calls; of no use here
frame_shift=0.01
# shellcheck disable=SC2034
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
  echo " --nj               # audio files opened at the same time (default: 4)"
  echo " --read-entire-file # true: count samples instead of trusting headers (default: false)"
  exit 1
fi

option=()
$read_entire_file && option=(--read-entire-file)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_reco2dur --script "$0" --nj "$nj" ${option[@]+"${option[@]}"} -- "$1"
