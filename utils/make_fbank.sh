#!/usr/bin/env bash
# Compute log mel filter banks of a data directory in parallel jobs; replaces Kaldi's
# steps/make_fbank.sh.
#
# Writes feats.scp, utt2num_frames, utt2dur, frame_shift and conf/fbank.yaml (all settings, with the
# defaults filled in) to <data-dir>. Utterances that cannot be read are listed and left out; the
# script fails if they are more than 5 %.
# Intended differences from Kaldi: the config is YAML (Kaldi's own is taken if its name ends in .conf);
# archives are not compressed unless asked; on failure no feats.scp is left.

nj=4
cmd=run.pl
fbank_config=conf/fbank.yaml
compress=false
write_utt2num_frames=true
write_utt2dur=true
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

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
  cat >&2 << EOM
Usage: $0 [options] <data-dir> [<log-dir> [<fbank-dir>] ]
e.g.:  $0 data/train
Computes the filter banks of a data directory. Logs go to <log-dir> (default: <data-dir>/log), and
archives of features to <fbank-dir> (default: <data-dir>/data).
Options:
  --fbank-config <config-file>         # filter-bank settings as YAML, or Kaldi's fbank.conf
                                       # (default: conf/fbank.yaml)
  --nj <nj>                            # parallel jobs, at most one per utterance (default: 4)
  --cmd <run.pl|queue.pl <queue opts>> # job runner with its options (default: run.pl)
  --compress <true|false>              # Kaldi's compression to one byte per value
                                       # (default: false)
  --write-utt2num-frames <true|false>  # output of utt2num_frames (default: true)
  --write-utt2dur <true|false>         # output of utt2dur (default: true)
  --no-commands <true|false>           # error if wav.scp contains shell commands, as with
                                       # MOEASR_NO_COMMANDS=1 (default: false)
EOM
  exit 1
fi

quiet=false
[ "${MOEASR_QUIET:-0}" = 1 ] && quiet=true
data=${1%/}
logdir=${2:-$data/log}
fbankdir=${3:-$data/data}
name=$(basename "$data")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export PATH=$utils:$PATH # for the default --cmd

for file in "$data/wav.scp" "$fbank_config"; do
  if [ ! -f "$file" ]; then
    echo "$0: the file $file does not exist" >&2
    exit 1
  fi
done
if [[ ! $nj =~ ^[1-9][0-9]{0,4}$ ]]; then
  echo "$0: --nj must be a whole number from 1 to 99999, but is '$nj'" >&2
  exit 1
fi

mkdir -p "$logdir" "$fbankdir" || exit 1
fbankdir=$(cd "$fbankdir" && pwd) || exit 1 # feats.scp contains absolute paths

if [ -f "$data/feats.scp" ]; then
  $quiet || echo "$0: moving $data/feats.scp to $data/.backup"
  mkdir -p "$data/.backup"
  mv "$data/feats.scp" "$data/.backup" || exit 1
fi

"$utils/validate_data_dir.sh" --no-text --no-feats "$data" || exit 1

options=(--fbank-config "$fbank_config")
if $compress; then options+=(--compress); fi
# It is an option, because a job runner may not pass the environment on.
if $no_commands || [[ ! ${MOEASR_NO_COMMANDS:-0} = 0 ]]; then options+=(--no-commands); fi

if [ -f "$data/segments" ]; then
  $quiet || echo "$0 [info]: segments file exists: using that."
  table=$data/segments
  options+=(--wav-scp "$data/wav.scp" --segments "$logdir/fbank_$name.JOB.list")
else
  $quiet || echo "$0 [info]: no segments file exists: assuming wav.scp indexed by utterance."
  table=$data/wav.scp
  options+=(--wav-scp "$logdir/fbank_$name.JOB.list")
fi
num_lines=$(wc -l <"$table")
if ((nj > num_lines)); then
  $quiet || echo "$0 [info]: --nj $num_lines instead of $nj, because $table has no more lines"
  nj=$num_lines
fi
$quiet || echo "$0: the jobs write their logs to $logdir/make_fbank_$name.*.log"
lists=()
scps=()
for ((n = 1; n <= nj; n++)); do
  lists+=("$logdir/fbank_$name.$n.list")
  scps+=("$fbankdir/raw_fbank_$name.$n.scp")
done
"$utils/split_scp.pl" "$table" "${lists[@]}" || exit 1

# shellcheck disable=SC2086  # cmd contains the runner and its options
python3 -m moeasr.bin.watch --dir "$logdir" --total "$num_lines" -- \
  $cmd JOB=1:"$nj" "$logdir/make_fbank_$name.JOB.log" \
  python3 -m moeasr.bin.make_fbank "${options[@]}" \
  --ark "$fbankdir/raw_fbank_$name.JOB.ark" --scp "$fbankdir/raw_fbank_$name.JOB.scp" || exit 1

options=(--fbank-config "$fbank_config")
$write_utt2num_frames || options+=(--no-num-frames)
$write_utt2dur || options+=(--no-dur)
python3 -m moeasr.bin.gather_fbank --script "$0" "${options[@]}" -- "$data" "${scps[@]}" || exit 1
rm "${lists[@]}"
