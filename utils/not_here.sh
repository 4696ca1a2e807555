#!/usr/bin/env bash
# Kaldi scripts without a counterpart in moeasr. Their names are links to this script, which prints
# in one sentence what to do instead.

case $(basename "$0") in
  make_mfcc.sh)
    instead="moeasr uses filter banks; call steps/make_fbank.sh instead"
    ;;
  compute_cmvn_stats.sh)
    instead="moeasr computes mean and variance of the whole training set in stage 1 of run.sh;"
    instead="$instead remove this call"
    ;;
  *)
    instead="moeasr needs no lexicon, lang directory or grammar, and makes its units from text in"
    instead="$instead stage 2 of run.sh; remove this call"
    ;;
esac
echo "$0: $instead" >&2
exit 1
