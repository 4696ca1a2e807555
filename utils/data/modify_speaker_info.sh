#!/usr/bin/env bash
# Copy a data directory and divide its speakers into smaller ones. Replaces Kaldi's script of this
# name and makes the same division.
#
# Intended differences from Kaldi: without a limit nothing is copied; utt2dur, utt2lang, utt2num_frames,
# utt2uniq, reco2dur and frame_shift are copied, too.

utts_per_spk_max=-1
seconds_per_spk_max=-1
respect_speaker_info=true

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 2 ]; then
  cat << EOM
Usage: $0 [options] <srcdir> <destdir>
e.g.:  $0 --utts-per-spk-max 2 data/train data/train-max2
Copies a data directory and divides its speakers into smaller ones. At least one of the two limits is
required.
Options:
  --utts-per-spk-max <n>       # maximum number of utterances of a speaker (default: -1, no limit)
  --seconds-per-spk-max <sec>  # maximum speech of a speaker (default: -1, no limit)
  --respect-speaker-info <true|false>  # new speakers with utterances of one old speaker only
                                       # (default: true)
EOM
  exit 1
fi

option=()
$respect_speaker_info || option=(--ignore-speakers)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.modify_speaker_info --script "$0" --utts-per-spk-max="$utts_per_spk_max" \
  --seconds-per-spk-max="$seconds_per_spk_max" ${option[@]+"${option[@]}"} -- "$@" || exit 1

validate=()
[ -f "$1/feats.scp" ] || validate+=(--no-feats)
[ -f "$1/text" ] || validate+=(--no-text)
[ -f "$1/wav.scp" ] || validate+=(--no-wav)
exec "$root/utils/validate_data_dir.sh" ${validate[@]+"${validate[@]}"} "$2"
