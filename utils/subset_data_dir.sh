#!/usr/bin/env bash
# Write a subset of a data directory: Kaldi's script of this name, which chooses the same utterances.
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
    echo "$0: invalid option '$1'" >&2
    exit 1
    ;;
esac

if [ $# != $num_args ]; then
  cat << 'EOM'
Usage:
  subset_data_dir.sh [--speakers|--shortest|--first|--last|--per-spk] <srcdir> <num-utt> <destdir>
  subset_data_dir.sh [--spk-list <speaker-list-file>] <srcdir> <destdir>
  subset_data_dir.sh [--utt-list <utt-list-file>] <srcdir> <destdir>
By default, selects <num-utt> utterances evenly spread over the data directory.
With --speakers, randomly selects enough speakers that we have <num-utt> utterances
With --per-spk, selects <num-utt> utterances per speaker, if available.
With --first, selects the first <num-utt> utterances
With --last, selects the last <num-utt> utterances
With --shortest, selects the shortest <num-utt> utterances.
With --spk-list, reads the speakers to keep from <speaker-list-file>
With --utt-list, reads the utterances to keep from <utt-list-file>
EOM
  exit 1
fi
if [ $num_args = 3 ] && [[ ! $2 =~ ^[0-9]+$ ]]; then
  echo "$0: <num-utt> must be a number, got '$2'" >&2
  exit 1
fi

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.subset_data_dir --script "$0" ${option[@]+"${option[@]}"} -- "$@"
