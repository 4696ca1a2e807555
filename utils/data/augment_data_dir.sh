#!/usr/bin/env bash
# Write a copy of a data directory with noise, babble, echo or other changes of its audio, for
# instance a noisy test set.
#
# Unlike Kaldi's steps/data/augment_data_dir.py, it writes audio files, keeps all ids, and can make
# its own noise. Training sets need no such copy: data.augment of a config changes them during
# training.

augment=
seed=0
sample_rate=

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 2 ] || [ -z "$augment" ]; then
  cat << EOM
Usage: $0 --augment <list> [options] <srcdir> <destdir>
e.g.:  $0 --augment "[{type: babble, snr_db: [10, 10]}]" data/test data/test_babble
Writes a copy of a data directory with augmented audio.
Options:
  --augment <list>    # augmentations as a YAML list, like data.augment of a config; each changes
                      # every utterance unless prob is given
  --seed <n>          # seed of all random numbers (default: 0)
  --sample-rate <hz>  # sample rate of the new audio (default: that of the first utterance)
EOM
  exit 1
fi

option=()
[ -n "$sample_rate" ] && option+=(--sample-rate="$sample_rate")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.augment_data_dir --script "$0" --augment="$augment" --seed="$seed" \
  ${option[@]+"${option[@]}"} -- "$@" || exit 1
exec "$root/utils/validate_data_dir.sh" --no-feats "$2"
