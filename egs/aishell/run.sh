#!/usr/bin/env bash
# AISHELL-1: 178 hours of Mandarin, read news, 400 speakers, 16 kHz; units are characters.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Settings for this corpus. Each is also an option: ./run.sh --units word
download_dir=downloads              # directory of the corpus or its archive (15.6 GB, downloaded if missing)
units=char                          # type of units: char, bpe or word
dict_opts=                          # further options of moeasr.bin.make_dict, such as "--vocab-size 500"
test_sets="test"                    # sets to decode and score
average_num=30                      # number of best checkpoints to average
beam_size=10                        # number of hypotheses that the beam searches keep
. utils/recipe.sh                   # all other options (./run.sh --help), checks, environment

if run_stage 0 "data preparation"; then
  run python3 local/data_prep.py --download-dir "$download_dir" --data-dir data "${corpus_options[@]}"
  run set="train $eval_sets" utils/validate_data_dir.sh --no-feats --check-audio --text-units "$units" "data/{set}"
fi

if run_stage 1 "features, of the training set at three speeds"; then
  run rm -rf data/train_sp # from an earlier run
  run utils/data/perturb_data_dir_speed_3way.sh data/train data/train_sp
  run set="train_sp $eval_sets" utils/make_features.sh --fbank-config conf/fbank.yaml "${feature_options[@]}" "data/{set}"
  run python3 -m moeasr.bin.compute_cmvn --data-dir data/train_sp --out data/train_sp/global_cmvn "${cmvn_options[@]}"
fi

if run_stage 2 "dictionary, units: $units"; then
  run python3 -m moeasr.bin.make_dict --text data/train/text --out-dir "data/lang_$units" "${dict_options[@]}"
fi

if run_stage 3 "training of $train_config in $exp_dir"; then # resumes from the last checkpoint
  run utils/run_shown.sh "$cuda_cmd --gpu $ngpu" "$train_log" "${launch[@]}" moeasr.bin.train \
    --config "$train_config" --train-dir data/train_sp --dev-dir data/dev --dict-dir "data/lang_$units" \
    --cmvn data/train_sp/global_cmvn --exp-dir "$exp_dir" "${train_options[@]}"
fi

if run_stage 4 "average of checkpoints, decoding"; then
  run python3 -m moeasr.bin.average --exp-dir "$exp_dir" --num "$average_num" --out "$exp_dir/averaged.pt"
  run set="$test_sets" chunk="$decoding_chunk_size" \
    utils/run_shown.sh "$decode_cmd --gpu $((ngpu > 0))" "$exp_dir/log/decode_{set}_chunk{chunk}.log" \
    python3 -m moeasr.bin.decode --checkpoint "$exp_dir/averaged.pt" --data-dir "data/{set}" \
    --out-dir "$exp_dir/decode_{set}" --chunk-size "{chunk}" "${decode_options[@]}"
fi

if run_stage 5 "scoring"; then
  run set="$test_sets" python3 -m moeasr.bin.score --data-dir "data/{set}" --decode-dir "$exp_dir/decode_{set}"
  run python3 -m moeasr.bin.results --exp-dir "$exp_dir"
fi

if run_stage 6 "export"; then run python3 -m moeasr.bin.export --checkpoint "$exp_dir" --data-dir data/dev --out "$exp_dir/export" "${export_options[@]}"; fi
