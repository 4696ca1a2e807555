#!/usr/bin/env bash
# Create a recipe for a corpus of your own, in this checkout or in any other directory. It consists of
# the files in new_recipe/, whose data preparation reads common forms of corpora, and of the configs
# of another recipe.
set -euo pipefail

from=an4

utils=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(dirname "$utils")
# shellcheck disable=SC2034 # parse_options.sh prints it
help_message="Usage: utils/new_recipe.sh [--from <recipe>] <directory>
e.g.:  utils/new_recipe.sh egs/mycorpus
       utils/new_recipe.sh ~/mycorpus
Creates a recipe for a corpus of your own.
Options:
  --from <recipe>   # recipe whose configs are copied; one with about as much speech fits best
                    # (default: $from)"

dir=
if [[ ${1:-} == [!-]* ]]; then # the directory may also stand before the options
  dir=$1
  shift
fi
# shellcheck source=parse_options.sh
. "$utils/parse_options.sh"
if [ -z "$dir" ] && [ $# -gt 0 ]; then
  dir=$1
  shift
fi
if [ -z "$dir" ] || [ $# -gt 0 ]; then
  echo "$help_message" >&2
  exit 1
fi

fail() {
  echo "$0: $1" >&2
  exit 1
}
name=$(basename "$dir")
[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] ||
  fail "the name of a recipe may only contain letters, digits and _ . -, but is $name"
parent=$(cd "$(dirname "$dir")" 2>/dev/null && pwd -P) ||
  fail "$dir: the directory $(dirname "$dir") does not exist"
link=$utils
if [[ $parent/ == "$root"/* ]]; then
  [ "$parent" = "$root/egs" ] ||
    fail "$dir: a recipe in this checkout must be a directory $root/egs/<name>"
  link=../../utils # remains valid if the checkout moves
fi
[ ! -e "$parent/$name" ] || fail "$dir already exists"
[ -f "$root/egs/$from/run.sh" ] || fail "--from $from: the recipe egs/$from does not exist"

unfinished=$parent/.$name.unfinished
rm -rf "$unfinished"
trap 'rm -rf "$unfinished"' EXIT
cp -r "$utils/new_recipe" "$unfinished"
mkdir "$unfinished/conf"
find "$root/egs/$from/conf" \( -name '*.yaml' -o -name '*.list' \) -exec cp {} "$unfinished/conf" \;
ln -s "$link" "$unfinished/utils"
sed -i "s/@name@/$name/g" "$unfinished"/{run.sh,README.md}
rm -rf "$unfinished/local/__pycache__"

mv "$unfinished" "$parent/$name"
trap - EXIT
cat << EOM
Created the recipe $dir. Next steps, in this directory:
  1. Check the choices at the top of run.sh, such as the units.
  2. Read your corpus (README.md lists the supported forms):
       ./run.sh --download-dir <corpus> --stop-stage 0
EOM
