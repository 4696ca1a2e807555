#!/usr/bin/env bash
# Write the audio and transcripts of a data directory to shards (--data-type shard): uncompressed tar
# files of many utterances each, in WeNet's format. Features are computed when shards are read.
#
# Writes <shard-dir>/<name>_000000000.tar ..., a list of them in <shard-dir>/<name>.list, and
# shards.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml to <data-dir>. Audio files
# are copied unchanged. Segments, commands and changed speeds become WAV, in 16 bits where that is
# exact and otherwise in float. A repeated call after an interruption makes only the missing shards.
# Utterances that cannot be read are listed and left out; the script fails if they are more than 5 %.

nj=4
cmd=run.pl
fbank_config=conf/fbank.yaml
no_commands=false
num_utts_per_shard=1000
seed=0

[ "${MOEASR_QUIET:-0}" = 1 ] || echo "$0 $*" # Print the command line for logging.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
utils=$root/utils
if [ -f path.sh ]; then
  # shellcheck disable=SC1091  # the recipe has this file
  . ./path.sh || exit 1
fi
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
  cat >&2 << EOM
Usage: $0 [options] <data-dir> [<log-dir> [<shard-dir>] ]
e.g.:  $0 data/train
Writes the audio and transcripts of a data directory to shards. The log goes to <log-dir> (default:
<data-dir>/log), and shards go to <shard-dir> (default: <data-dir>/data).
Options:
  --num-utts-per-shard <number>        # utterances per shard (default: 1000)
  --seed <number>                      # seed of the random order of utterances (default: 0)
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

for number in nj num_utts_per_shard; do
  if [[ ! ${!number} =~ ^[1-9][0-9]*$ ]]; then
    echo "$0: --${number//_/-} must be a whole number of at least 1, but is '${!number}'" >&2
    exit 1
  fi
done
options=()
# It is an option, because a job runner may not pass the environment on.
if $no_commands || [[ ! ${MOEASR_NO_COMMANDS:-0} = 0 ]]; then options+=(--no-commands); fi
"$utils/validate_data_dir.sh" --no-feats "$data" || exit 1
exec "$utils/run_shown.sh" "$cmd" "$logdir/make_shards_$(basename "$data").log" \
  python3 -m moeasr.bin.make_shards --script "$0" --nj "$nj" --fbank-config "$fbank_config" \
  --num-utts-per-shard "$num_utts_per_shard" --seed "$seed" ${options[@]+"${options[@]}"} \
  "$data" "${3:-$data/data}"
