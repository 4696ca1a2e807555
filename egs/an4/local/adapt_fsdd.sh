#!/usr/bin/env bash
# Adapt a dense model of AN4 to the digits of FSDD in four ways, and print a table of the trained
# parameters and the error rates on both corpora. FSDD is resampled from 8 to 16 kHz, the rate of AN4.
#
#   local/adapt_fsdd.sh --download-dir D     # D holds FSDD or an archive of it
#
# After ./run.sh --train-config conf/dense.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

download_dir=downloads # directory of FSDD or its archive, which is downloaded if missing
checkpoint=exp/dense/averaged.pt
exp_root=exp/adapt_fsdd
mode=attention_rescoring
train_opts=
num_threads=1
# shellcheck source=utils/parse_options.sh
. utils/parse_options.sh
# shellcheck source=egs/an4/path.sh
. ./path.sh

data=data/fsdd
if [ ! -f $data/.done ]; then
  python3 ../mix/local/data_prep.py --corpora fsdd --download-dir "$download_dir" --data-dir $data
  for set in train dev test_fsdd; do
    utils/make_features.sh --nj 1 --fbank-config conf/fbank.yaml --fbank-dir $data/fbank $data/$set
  done
  touch $data/.done
fi

# evaluate <checkpoint> <experiment>: decode and score the test sets of both corpora
evaluate() {
  for set in $data/test_fsdd data/test; do
    python3 -m moeasr.bin.decode --checkpoint "$1" --data-dir "$set" --modes "$mode" \
      --out-dir "$2/decode_$(basename "$set")" --num-threads "$num_threads"
    python3 -m moeasr.bin.score --data-dir "$set" --decode-dir "$2/decode_$(basename "$set")"
  done
}

# adapt <name> <config> [<option of moeasr train>...]: train, average and evaluate one system
adapt() {
  local exp=$exp_root/$1
  # shellcheck disable=SC2086 # train_opts is a list
  python3 -m moeasr.bin.train --config "$2" --train-dir $data/train --dev-dir $data/dev \
    --dict-dir data/lang_char --cmvn data/train_sp/global_cmvn --exp-dir "$exp" \
    --num-threads "$num_threads" $train_opts "${@:3}"
  python3 -m moeasr.bin.average --exp-dir "$exp" --num 1
  evaluate "$exp/averaged.pt" "$exp"
}

evaluate "$checkpoint" "$exp_root/before"
from=(--set "init.model=$checkpoint")
adapt whole conf/adapt.yaml "${from[@]}"
adapt encoder_frozen conf/adapt.yaml "${from[@]}" --set "train.freeze=[{modules: [encoder]}]"
adapt lora conf/adapt.yaml "${from[@]}" --set adapter.type=lora --set train.optim.lr=2.0e-3
adapt experts conf/adapt_moe.yaml --set "init.dense=$checkpoint"

echo "| system | trained parameters | WER of FSDD % | WER of AN4 % |"
for name in before whole encoder_frozen lora experts; do
  trained='' wer=()
  if [ "$name" != before ]; then
    trained=$(sed -nE 's/.* parameters: ([0-9.]+ M).*/\1/p' "$exp_root/$name/train.log" | head -n 1)
    part=$(sed -nE 's/.* ([0-9.]+ M) of .* parameters are trained.*/\1/p' "$exp_root/$name/train.log" | head -n 1)
    trained=${part:-$trained}
  fi
  for set in test_fsdd test; do
    wer+=("$(sed -n 's/^%WER \([0-9.]*\) .*/\1/p' "$exp_root/$name/decode_$set/$mode/score/wer")")
  done
  echo "| $name | $trained | ${wer[0]} | ${wer[1]} |"
done
