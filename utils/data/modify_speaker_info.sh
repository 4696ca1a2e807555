#!/usr/bin/env bash
# Copy a data directory and divide its speakers into smaller ones: Kaldi's script of this name, which
# makes the same division.
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
  echo "Usage: "
  echo "  $0 [options] <srcdir> <destdir>"
  echo "e.g.:"
  echo " $0 --utts-per-spk-max 2 data/train data/train-max2"
  echo "Options"
  echo "   --utts-per-spk-max <n>  # number of utterances per speaker maximum,"
  echo "                           # default -1 (meaning no maximum).  E.g. 2."
  echo "   --seconds-per-spk-max <n> # number of seconds per speaker maximum,"
  echo "                             # default -1 (meaning no maximum).  E.g. 60."
  echo "   --respect-speaker-info <true|false>  # If true, respect the"
  echo "                                        # existing speaker map (i.e. do not"
  echo "                                        # assign utterances from different"
  echo "                                        # speakers to the same generated speaker)."
  echo "                                        # Default: true."
  echo "Note: one or both of the --utts-per-spk-max or --seconds-per-spk-max"
  echo "options is required."
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
