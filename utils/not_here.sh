#!/usr/bin/env bash
# What moeasr has no part for, under the names by which Kaldi's recipes call it: the links to this
# script. Each says in one sentence what to do instead.

case $(basename "$0") in
  make_mfcc.sh)
    instead="moeasr works on filter banks: call steps/make_fbank.sh instead"
    ;;
  compute_cmvn_stats.sh)
    instead="mean and variance are of the whole training set, made in stage 1 of run.sh"
    instead="$instead: leave this call out"
    ;;
  *)
    instead="moeasr needs no lexicon, lang directory or grammar; its units are made from text in"
    instead="$instead stage 2 of run.sh: leave this call out"
    ;;
esac
echo "$0: $instead" >&2
exit 1
