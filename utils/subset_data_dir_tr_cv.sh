#!/usr/bin/env bash
# Split a data directory by speaker into a training and a held-out set. Replaces Kaldi's script of
# this name and samples the same speakers.

cv_spk_percent=10
cv_spk_list=
seed=777
# shellcheck disable=SC2034  # accepted for compatibility with old calls
cv_utt_percent=

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
utils=$root/utils
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# != 3 ]; then
  cat << EOM
Usage: $0 [options] <src-data> <train-data> <cv-data>
e.g.:  $0 data/all data/train data/dev
Splits a data directory into a training set and a held-out set of other speakers.
Options:
  --cv-spk-percent <n>  # speakers in the held-out set, in percent (default: 10)
  --cv-spk-list <file>  # list of the held-out speakers, instead of random ones (default: none)
  --seed <n>            # seed of the random speakers (default: 777)
EOM
  exit 1
fi
if [ ! -r "$1/spk2utt" ]; then
  echo "$0: the file $1/spk2utt does not exist" >&2
  exit 1
fi
if [[ ! $cv_spk_percent =~ ^[0-9]+(\.[0-9]*)?$ ]]; then
  echo "$0: --cv-spk-percent must be a number, but is '$cv_spk_percent'" >&2
  exit 1
fi
set -euo pipefail

lists=$(mktemp -d)
trap 'rm -r "$lists"' EXIT
if [ -z "$cv_spk_list" ]; then
  cv_spk_list=$lists/cv
  "$utils/shuffle_list.pl" --srand "$seed" "$1/spk2utt" >"$lists/all"
  num_cv=$(awk -v percent="$cv_spk_percent" 'END { print int(percent * NR / 100) }' "$lists/all")
  head -n "$num_cv" "$lists/all" >"$cv_spk_list"
fi
"$utils/filter_scp.pl" --exclude "$cv_spk_list" "$1/spk2utt" >"$lists/train"
"$utils/filter_scp.pl" "$cv_spk_list" "$1/spk2utt" >"$lists/found"
if [ ! -s "$lists/found" ] || [ ! -s "$lists/train" ]; then
  echo "$0: one of the two sets would be empty, because the number of speakers of $1 is only $(wc -l <"$1/spk2utt")" >&2
  exit 1
fi
echo "$0: of $(wc -l <"$1/spk2utt") speakers, $(wc -l <"$lists/train") are in the training set and" \
  "$(wc -l <"$lists/found") in the held-out set"
"$utils/subset_data_dir.sh" --spk-list "$lists/train" "$1" "$2"
"$utils/subset_data_dir.sh" --spk-list "$lists/found" "$1" "$3"
