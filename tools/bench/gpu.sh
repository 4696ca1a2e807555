#!/usr/bin/env bash
# All checks that need a GPU: the tests marked `gpu`, the speed of kernels and training steps, and a
# whole training of AN4 with its error rate and its time.
#
# Usage: tools/bench/gpu.sh --download-dir D [--wenet W] [--out DIR]
#   --download-dir D   the AN4 corpus or its archive, see egs/an4/README.md
#   --wenet W          a checkout of WeNet, to measure its loop over experts too
#   --out DIR          directory for the logs (default: exp_gpu)
set -euo pipefail

fail() { # fail <sentence>: say what is wrong and end
  echo "$0: $1" >&2
  exit 1
}

download_dir='' wenet=() out=exp_gpu
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case $1 in # paths are relative to the caller's directory
    --download-dir) download_dir=$2 ;;
    --wenet) wenet=(--wenet "$(realpath -- "$2")") ;;
    --out) out=$2 ;;
    *) fail "unknown option $1" ;;
  esac
  shift 2
done
[ -n "$download_dir" ] || fail "--download-dir is missing"
[ -d "$download_dir" ] || fail "--download-dir $download_dir is no directory"
download_dir=$(realpath -- "$download_dir")
mkdir -p "$out"
out=$(realpath -- "$out")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v nvidia-smi >/dev/null ||
  fail "this machine has no nvidia-smi; the checks need an NVIDIA GPU and its driver"
# shellcheck source=../activate.sh
. tools/activate.sh

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
start=$SECONDS
python3 -m pytest -q -m gpu test/test_gpu.py 2>&1 | tee "$out/tests.log" | tail -3
echo "tests: $((SECONDS - start)) s"
start=$SECONDS
python3 tools/bench/measure_gpu.py --num-rounds 2 "${wenet[@]}" | tee "$out/speed.log"
echo "speed: $((SECONDS - start)) s"

cd egs/an4
start=$SECONDS
./run.sh --stop-stage 2 --nj "$(nproc)" --download-dir "$download_dir" >"$out/an4_data.log" 2>&1
echo "AN4, data and features: $((SECONDS - start)) s"
start=$SECONDS
./run.sh --stage 3 --ngpu 1 --num-threads 2 --exp-dir "$out/an4" --train-config conf/u2pp_moe_gpu.yaml \
  --decode-modes "ctc_greedy_search ctc_prefix_beam_search attention_rescoring" >"$out/an4_train.log" 2>&1
echo "AN4, training, decoding and scoring: $((SECONDS - start)) s"
grep WER "$out/an4_train.log" | tail -4
