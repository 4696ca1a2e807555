#!/usr/bin/env bash
# Split a data directory by speaker into a training and a held-out set: Kaldi's script of this name,
# which samples the same speakers.

cv_spk_percent=10
cv_spk_list= # a file of held-out speakers, instead of random ones
seed=777
# shellcheck disable=SC2034  # accepted for the sake of old calls
cv_utt_percent=

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
utils=$root/utils
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# != 3 ]; then
  echo "Usage: $0 [opts] <src-data> <train-data> <cv-data>"
  echo "  --cv-spk-percent N (default 10)"
  echo "  --cv-spk-list <file> (a pre-defined list with cv speakers)"
  exit 1
fi
if [ ! -r "$1/spk2utt" ]; then
  echo "$0: Missing '$1/spk2utt'. Error!" >&2
  exit 1
fi
set -euo pipefail

lists=$(mktemp -d)
trap 'rm -r "$lists"' EXIT
if [ -z "$cv_spk_list" ]; then
  cv_spk_list=$lists/cv
  "$utils/shuffle_list.pl" --srand "$seed" "$1/spk2utt" >"$lists/all"
  num_cv=$((cv_spk_percent * $(wc -l <"$lists/all") / 100))
  head -n "$num_cv" "$lists/all" >"$cv_spk_list"
fi
"$utils/filter_scp.pl" --exclude "$cv_spk_list" "$1/spk2utt" >"$lists/train"
"$utils/filter_scp.pl" "$cv_spk_list" "$1/spk2utt" >"$lists/found"
if [ ! -s "$lists/found" ] || [ ! -s "$lists/train" ]; then
  echo "$0: one of the two sets would have no speakers ($(wc -l <"$1/spk2utt") in $1)" >&2
  exit 1
fi
echo "Speakers, src=$(wc -l <"$1/spk2utt"), trn=$(wc -l <"$lists/train"), cv=$(wc -l <"$lists/found")"
"$utils/subset_data_dir.sh" --spk-list "$lists/train" "$1" "$2"
"$utils/subset_data_dir.sh" --spk-list "$lists/found" "$1" "$3"
