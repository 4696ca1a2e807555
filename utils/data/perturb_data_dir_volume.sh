#!/usr/bin/env bash
# Change the volume of the recordings in a data directory: Kaldi's script of this name, which samples
# the same factors.
#
# Intended differences from Kaldi: no sox. The entries of wav.scp become
#   python3 -m moeasr.bin.perturb_volume <factor> '<path>' |
#   <old command> | python3 -m moeasr.bin.perturb_volume <factor> - |
# which moeasr computes in the process that reads them.

reco2vol=       # a file of `recording factor` lines, instead of random factors
write_reco2vol= # where to write such a file
scale_low=0.125
scale_high=2

root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
# shellcheck source=utils/parse_options.sh
. "$root/utils/parse_options.sh"

if [ $# != 1 ]; then
  echo "Usage: $0 [--scale-low 0.125] [--scale-high 2] [--reco2vol <file>] \\"
  echo "       [--write-reco2vol <file>] <datadir>"
  echo "e.g.:"
  echo " $0 data/train"
  exit 1
fi

option=()
[ -n "$reco2vol" ] && option+=(--reco2vol "$reco2vol")
[ -n "$write_reco2vol" ] && option+=(--write-reco2vol "$write_reco2vol")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.perturb_data_dir_volume --script "$0" --scale-low="$scale_low" \
  --scale-high="$scale_high" ${option[@]+"${option[@]}"} -- "$1"
