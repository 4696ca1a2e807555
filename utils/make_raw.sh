#!/usr/bin/env bash
# Prepare a data directory for training on its audio (--data-type raw): features are not stored but
# computed whenever an utterance is read.
#
# Writes utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml (all settings, with the defaults
# filled in) to <data-dir>. Durations come from the headers of audio files and from the output of
# commands. Utterances that cannot be read are listed and left out; the script fails if they are more
# than 5 %.

nj=4
cmd=run.pl
fbank_config=conf/fbank.yaml
no_commands=false

[ "${MOEASR_QUIET:-0}" = 1 ] || echo "$0 $*" # Print the command line for logging.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
utils=$root/utils
if [ -f path.sh ]; then
  # shellcheck disable=SC1091  # the recipe has this file
  . ./path.sh || exit 1
fi
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  cat >&2 << EOM
Usage: $0 [options] <data-dir> [<log-dir>]
e.g.:  $0 data/train
Prepares a data directory for training on its audio, without stored features. The log goes to
<log-dir> (default: <data-dir>/log).
Options:
  --fbank-config <config-file>         # filter-bank settings as YAML, or Kaldi's fbank.conf
                                       # (default: conf/fbank.yaml)
  --nj <nj>                            # number of parallel processes (default: 4)
  --cmd <run.pl|queue.pl <queue opts>> # job runner with its options (default: run.pl)
  --no-commands <true|false>           # error if wav.scp contains shell commands, as with
                                       # MOEASR_NO_COMMANDS=1 (default: false)
EOM
  exit 1
fi

data=${1%/}
logdir=${2:-$data/log}
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export PATH=$utils:$PATH # for the default --cmd

if [[ ! $nj =~ ^[1-9][0-9]*$ ]]; then
  echo "$0: --nj must be a whole number of at least 1, but is '$nj'" >&2
  exit 1
fi
options=()
# It is an option, because a job runner may not pass the environment on.
if $no_commands || [[ ! ${MOEASR_NO_COMMANDS:-0} = 0 ]]; then options+=(--no-commands); fi
"$utils/validate_data_dir.sh" --no-text --no-feats "$data" || exit 1
exec "$utils/run_shown.sh" "$cmd" "$logdir/make_raw_$(basename "$data").log" \
  python3 -m moeasr.bin.make_raw --script "$0" --nj "$nj" --fbank-config "$fbank_config" \
  ${options[@]+"${options[@]}"} "$data"
