#!/usr/bin/env bash
# Change the volume of the recordings in a data directory. Replaces Kaldi's script of this name and
# samples the same factors.
#
# Intended differences from Kaldi: no sox. The entries of wav.scp become
#   python3 -m moeasr.bin.perturb_volume <factor> '<path>' |
#   <old command> | python3 -m moeasr.bin.perturb_volume <factor> - |
# which moeasr computes in the process that reads them.

reco2vol=
write_reco2vol=
scale_low=0.125
scale_high=2

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  cat << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 data/train
Changes the volume of each recording of a data directory by a random factor.
Options:
  --scale-low <x>          # smallest factor (default: 0.125)
  --scale-high <x>         # largest factor (default: 2)
  --reco2vol <file>        # table of recordings and factors, instead of random ones (default: none)
  --write-reco2vol <file>  # table of recordings and factors to write (default: none)
EOM
  exit 1
fi

option=()
[ -n "$reco2vol" ] && option+=(--reco2vol "$reco2vol")
[ -n "$write_reco2vol" ] && option+=(--write-reco2vol "$write_reco2vol")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.perturb_data_dir_volume --script "$0" --scale-low="$scale_low" \
  --scale-high="$scale_high" ${option[@]+"${option[@]}"} -- "$1"
