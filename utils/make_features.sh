#!/usr/bin/env bash
# Prepare a data directory for training with a data type: stored features (make_fbank.sh), audio files
# (make_raw.sh) or shards (make_shards.sh). The results of earlier calls, of any type, are removed
# first. Utterances that cannot be read are removed from all tables.

data_type=feats
nj=4
cmd=run.pl
fbank_config=conf/fbank.yaml
fbank_dir=fbank
shard_dir=shards

utils=$(dirname "$0")
# shellcheck source=utils/parse_options.sh
. "$utils/parse_options.sh"

if [ $# -ne 1 ] || [[ ! $data_type =~ ^(feats|raw|shard)$ ]]; then
  cat >&2 << EOM
Usage: $0 [options] <data-dir>
e.g.:  $0 --data-type raw data/train
Prepares a data directory for training with one of three data types. Logs go to <data-dir>/log.
Options:
  --data-type <feats|raw|shard>        # stored features, audio files or shards (default: feats)
  --nj <nj>                            # number of parallel jobs (default: 4)
  --cmd <run.pl|queue.pl <queue opts>> # job runner with its options (default: run.pl)
  --fbank-config <config-file>         # filter-bank settings as YAML, or Kaldi's fbank.conf
                                       # (default: conf/fbank.yaml)
  --fbank-dir <dir>                    # directory of stored features (default: fbank)
  --shard-dir <dir>                    # directory of shards (default: shards)
Those of another directory than data/<name> go to a directory below, such as fbank/other for
other/<name>.
EOM
  exit 1
fi

data=${1%/}
# data/x and other/x, or data/a/x and data/b/x, must not overwrite each other's features.
parent=$(realpath -ms -- "$(dirname "$data")")
parent=${parent#"$(realpath -s .)/"}
if [ "$parent" != data ]; then
  fbank_dir=$fbank_dir/${parent#/}
  shard_dir=$shard_dir/${parent#/}
fi
shopt -s extglob # the features of data/x.1 are not those of data/x
rm -f "$data"/{feats,shards}.scp "$fbank_dir/raw_fbank_$(basename "$data")".+([0-9]).@(ark|scp)
make=(--nj "$nj" --cmd "$cmd" --fbank-config "$fbank_config" "$data" "$data/log")
case $data_type in
  feats) "$utils/make_fbank.sh" "${make[@]}" "$fbank_dir" ;;
  raw) "$utils/make_raw.sh" "${make[@]}" ;;
  shard) "$utils/make_shards.sh" "${make[@]}" "$shard_dir" ;;
esac || exit 1
exec "$utils/fix_data_dir.sh" "$data"
