#!/usr/bin/env bash
# Print a path as an absolute one without links. Replaces Kaldi's script of this name.
#
# Intended differences from Kaldi: paths with spaces work; a directory that does not exist is an error.

if [ $# != 1 ] || [ -z "$1" ]; then
  echo "Usage: $0 <path>" >&2
  exit 1
fi
if ! path=$(readlink -f -- "$1"); then
  echo "$0: the directory $(dirname -- "$1") does not exist" >&2
  exit 1
fi
echo "$path"
