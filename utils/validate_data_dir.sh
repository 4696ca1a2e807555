#!/usr/bin/env bash
# Check that a data directory is sorted, complete and consistent. Replaces Kaldi's script of this
# name.
#
# Intended differences from Kaldi: a malformed utt2spk gives exit status 1 instead of 0; text in any
# script is valid under every locale, and must be UTF-8 unless --non-print is given; errors go to
# stderr and name file and line; --no-spk-sort works; --check-audio opens the audio.

show_help() {
  cat << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 --no-feats --check-audio data/train
Checks that a data directory is sorted, complete and consistent. The table utt2spk must be sorted by
utterance and by speaker, which holds if each utterance id begins with its speaker id.
Options:
  --no-feats        # no error if feats.scp is missing
  --no-text         # no error if text is missing
  --no-wav          # no error if wav.scp is missing
  --no-spk-sort     # no error if utt2spk is not sorted by speaker
  --non-print       # no error for non-printable characters in text
  --check-audio     # additional check of the audio; reports each utterance whose audio is missing,
                    # empty or truncated, has another sample rate, or is too short for its text
  --sample-rate <hz>             # required sample rate (default: that of most recordings)
  --text-units <char|bpe|word>   # units of transcripts for --check-audio (default: char)
  --no-commands     # error if wav.scp contains shell commands, as with MOEASR_NO_COMMANDS=1
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
        [[ $1 == --* ]] && echo "$0: unknown option $1" >&2
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
