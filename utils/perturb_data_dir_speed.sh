#!/usr/bin/env bash
# Copy a data directory with its audio at another speed. Replaces Kaldi's script of this name.
#
# Intended differences from Kaldi: no sox. The entries of wav.scp become
#   python3 -m moeasr.bin.perturb_speed <factor> '<path>' |
#   <old command> | python3 -m moeasr.bin.perturb_speed <factor> - |
# which moeasr computes in the process that reads them; durations need no Kaldi binary; paths with
# spaces work; a feats.scp left in <destdir> moves to its .backup.

include_spk_prefix=true

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 3 ]; then
  cat << EOM
Usage: perturb_data_dir_speed.sh [options] <factor> <srcdir> <destdir>
e.g.:  $0 0.9 data/train data/train_speed0.9
Copies a data directory with its audio at another speed, such as 0.9 times the original one.
Options:
  --include-spk-prefix <true|false>  # speed as a prefix of speaker and utterance ids (sp0.9-x), or
                                     # only as a suffix of utterance ids (x-sp0.9) (default: true)
EOM
  exit 1
fi

option=()
$include_spk_prefix || option=(--keep-speakers)
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
python3 -m moeasr.bin.perturb_data_dir_speed --script "$0" ${option[@]+"${option[@]}"} \
  -- "$@" || exit 1
"$root/utils/fix_data_dir.sh" "$3" || exit 1
exec "$root/utils/validate_data_dir.sh" --no-feats --no-text "$3"
