#!/usr/bin/env bash
# Print the lowest of many error rates, with its file at the end. Replaces Kaldi's script of this
# name.
#
#   grep WER exp/tri1/decode/wer_* | utils/best_wer.sh
#
# Reads `file:%WER ...` lines, or sclite's `file:| Sum/Avg ... |`. Intended difference from Kaldi: a
# line with %SER is treated like one with %WER.

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
export PYTHONUTF8=1 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec python3 -m moeasr.bin.best_wer
