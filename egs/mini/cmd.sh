# shellcheck shell=bash
# How jobs are started: by run.pl on this machine, ssh.pl on machines of a list, slurm.pl or queue.pl
# on a cluster (utils/README.md), e.g. export train_cmd="slurm.pl --mem 2G".
#   train_cmd   features and other work on one core
#   decode_cmd  decoding
#   cuda_cmd    training on one machine (given --gpu N when there are GPUs)
export train_cmd="run.pl"
export decode_cmd="run.pl"
export cuda_cmd="run.pl"
