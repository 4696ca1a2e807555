#!/usr/bin/env bash
# Write reco2dur, the seconds of each recording. Replaces Kaldi's script of this name.
#
# Durations come from utt2dur if utterances are recordings, otherwise from the headers of the audio.
# Intended differences from Kaldi: as in get_utt2dur.sh.

# shellcheck disable=SC2034  # accepted for compatibility with old calls, without effect
frame_shift=0.01
# shellcheck disable=SC2034
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
Writes reco2dur, the duration of each recording in seconds.
Options:
  --nj <nj>                        # number of audio files read at a time (default: 4)
  --read-entire-file <true|false>  # durations from counting samples instead of from audio headers
                                   # (default: false)
EOM
  exit 1
fi

option=()
$read_entire_file && option=(--read-entire-file)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.get_reco2dur --script "$0" --nj "$nj" ${option[@]+"${option[@]}"} -- "$1"
