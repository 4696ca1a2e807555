#!/usr/bin/env bash
# Make a recipe for a corpus of your own, in this checkout or anywhere else: the recipe in new_recipe/,
# whose data preparation reads the common forms of corpora, with the configs of another recipe.
set -euo pipefail

from=an4 # whose conf/ is copied: its networks have the size for your corpus

utils=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(dirname "$utils")
# shellcheck disable=SC2034 # parse_options.sh prints it
help_message="Usage: utils/new_recipe.sh [--from <recipe>] <directory>
e.g.:  utils/new_recipe.sh egs/mycorpus
       utils/new_recipe.sh ~/work/mycorpus
Options:
  --from <recipe>   # whose conf/ is copied, default $from: choose one of a like size"

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
  fail "$name: letters, digits and _ . - make the name of a recipe"
parent=$(cd "$(dirname "$dir")" 2>/dev/null && pwd -P) ||
  fail "$dir: there is no directory $(dirname "$dir")"
link=$utils
if [[ $parent/ == "$root"/* ]]; then
  [ "$parent" = "$root/egs" ] ||
    fail "$dir: in this checkout a recipe is a directory $root/egs/<name>"
  link=../../utils # stays right when the checkout moves
fi
[ ! -e "$parent/$name" ] || fail "$dir is there already"
[ -f "$root/egs/$from/run.sh" ] || fail "--from $from: there is no recipe egs/$from"

unfinished=$parent/.$name.unfinished
rm -rf "$unfinished"
trap 'rm -rf "$unfinished"' EXIT
cp -r "$utils/new_recipe" "$unfinished"
mkdir "$unfinished/conf"
cp "$root/egs/$from"/conf/*.yaml "$unfinished/conf"
ln -s "$link" "$unfinished/utils"
sed -i "s/@name@/$name/g" "$unfinished"/{run.sh,README.md}
rm -rf "$unfinished/local/__pycache__"

mv "$unfinished" "$parent/$name"
trap - EXIT
echo "$dir is made. Next: ./run.sh --download-dir DIR --stop-stage 0 reads your corpus (its README.md"
echo "lists the forms); the choices at the top of run.sh, for example the units."
