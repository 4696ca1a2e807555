#!/usr/bin/env bash
# Write a subset of a data directory. Replaces Kaldi's script of this name and chooses the same
# utterances.
#
# Intended differences from Kaldi: --shortest goes by utt2num_frames or, failing that, by utt2dur;
# files of an earlier run that do not belong to the subset move to <destdir>/.backup.

option=()
num_args=3
case ${1:-} in
  --first | --last | --per-spk | --shortest | --speakers)
    option=("$1")
    shift
    ;;
  --spk-list | --utt-list)
    option=("$1=${2:-}")
    shift $(($# < 2 ? $# : 2))
    num_args=2
    ;;
  --help | -h)
    set --
    ;;
  --*)
    echo "$0: unknown option $1" >&2
    exit 1
    ;;
esac

if [ $# != $num_args ]; then
  cat << 'EOM'
Usage:
  subset_data_dir.sh [--speakers|--shortest|--first|--last|--per-spk] <srcdir> <num-utt> <destdir>
  subset_data_dir.sh --spk-list <file> <srcdir> <destdir>
  subset_data_dir.sh --utt-list <file> <srcdir> <destdir>
Writes a subset of a data directory: by default <num-utt> utterances evenly spread over it.
Options:
  --speakers              # random speakers with at least <num-utt> utterances in total
  --per-spk               # <num-utt> utterances of each speaker, or all if there are fewer
  --first                 # first <num-utt> utterances
  --last                  # last <num-utt> utterances
  --shortest              # shortest <num-utt> utterances
  --spk-list <file>       # all utterances of the speakers in a file
  --utt-list <file>       # the utterances in a file
EOM
  exit 1
fi
if [ $num_args = 3 ] && [[ ! $2 =~ ^[0-9]+$ ]]; then
  echo "$0: <num-utt> must be a whole number, but is '$2'" >&2
  exit 1
fi

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.subset_data_dir --script "$0" ${option[@]+"${option[@]}"} -- "$@"
