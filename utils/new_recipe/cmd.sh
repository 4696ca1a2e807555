# shellcheck shell=bash
# How jobs are started. run.pl runs them on this machine; another runner with Kaldi's call form
# (queue.pl, slurm.pl) sends them to a cluster, e.g. export train_cmd="queue.pl --mem 2G".
#   train_cmd   features and other work on one core
#   decode_cmd  decoding
#   cuda_cmd    training (given --gpu N when there are GPUs)
export train_cmd="run.pl"
export decode_cmd="run.pl"
export cuda_cmd="run.pl"
