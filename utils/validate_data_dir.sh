#!/usr/bin/env bash
# Check that a data directory is sorted, complete and consistent: Kaldi's script of this name.
#
# Intended differences from Kaldi: a malformed utt2spk exits 1 (there 0); text in any script validates
# whatever locales are installed, and must be UTF-8 unless --non-print; every error goes to stderr
# and names file and line; --no-spk-sort does what it says; --check-audio opens the audio, too.

show_help() {
  cat << EOM
Usage: $0 [--no-feats] [--no-text] [--non-print] [--no-wav] [--no-spk-sort]
       [--check-audio] [--no-commands] [--sample-rate <hz>] [--text-units char|bpe|word] <data-dir>
The --no-xxx options mean that the script does not require
xxx.scp to be present, but it will check it if it is present.
--no-spk-sort means that the script does not require the utt2spk to be
sorted by the speaker-id in addition to being sorted by utterance-id.
--non-print ignore the presence of non-printable characters.
--check-audio also opens the audio, and names each utterance that is missing, empty,
truncated, of another rate than the rest (or than --sample-rate), or too short for its text
(in characters, or in the --text-units given).
--no-commands refuses entries of wav.scp that are commands for the shell, which
--check-audio would run (MOEASR_NO_COMMANDS=1 in the environment does so everywhere).
By default, utt2spk is expected to be sorted by both, which can be
achieved by making the speaker-id prefixes of the utterance-ids
e.g.: $0 data/train
EOM
}

options=()
data=
while [ $# -gt 0 ]; do
  case $1 in
    --no-feats | --no-text | --non-print | --no-wav | --no-spk-sort | --check-audio | --no-commands)
      options+=("$1")
      ;;
    --sample-rate | --text-units)
      options+=("$1" "${2:-}")
      shift
      ;;
    --help | -h)
      show_help
      exit 0
      ;;
    *)
      if [ -n "$data" ] || [ -z "$1" ] || [[ $1 == --* ]]; then
        [[ $1 == --* ]] && echo "$0: invalid option $1" >&2
        show_help
        exit 1
      fi
      data=$1
      ;;
  esac
  shift
done
if [ -z "$data" ]; then
  show_help
  exit 1
fi

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.validate_data_dir --script "$0" ${options[@]+"${options[@]}"} -- "$data"
