#!/usr/bin/env bash
# Make a recipe for a corpus of your own: a copy of another one's scripts and configs, with a data
# preparation for a folder of audio and transcripts.
set -euo pipefail

from=an4 # whose conf/ is copied: its networks have the size for your corpus

template=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/new_recipe
# shellcheck disable=SC2034 # parse_options.sh prints it
help_message="Usage: utils/new_recipe.sh [--from <recipe>] egs/<name>
e.g.:  utils/new_recipe.sh egs/mycorpus
Options:
  --from <recipe>   # whose conf/ is copied, default $from: choose one of a like size"

dir=
if [[ ${1:-} == [!-]* ]]; then # the directory may also stand before the options
  dir=$1
  shift
fi
# shellcheck source=parse_options.sh
. "$template/../parse_options.sh"
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
egs=$(cd "$(dirname "$dir")" 2>/dev/null && pwd) || egs=
# The scripts of a recipe find the toolkit two levels up.
[[ $egs == */egs && $egs/../utils/new_recipe.sh -ef ${BASH_SOURCE[0]} ]] ||
  fail "$dir: a recipe is a directory egs/<name> of this checkout, $(readlink -f "$template/../../egs")/<name>"
[[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] ||
  fail "$name: letters, digits and _ . - make the name of a recipe"
[ ! -e "$egs/$name" ] || fail "$dir is there already"
[ -f "$egs/$from/run.sh" ] || fail "--from $from: there is no recipe egs/$from"

unfinished=$egs/.$name.unfinished
rm -rf "$unfinished"
trap 'rm -rf "$unfinished"' EXIT
mkdir -p "$unfinished/conf" "$unfinished/local"
cp "$egs/$from"/conf/*.yaml "$unfinished/conf"
cp "$egs/$from"/{cmd.sh,path.sh} "$unfinished"
cp "$template/data_prep.py" "$unfinished/local"
ln -s ../../utils "$unfinished/utils"
sed "s/@name@/$name/g" "$template/README.md" >"$unfinished/README.md"

# run.sh: the comment at its head and the two marked places are of the other corpus.
awk -v name="$name" -v template="$template" '
  function put(file,  line) {
    while ((getline line < file) > 0) { gsub("@name@", name, line); print line }
    close(file)
  }
  /^set -/ && !begun { begun = 1; put(template "/head.in") }
  $0 ~ /^ *# -- as in every recipe --$/ { inside = 0 }
  begun && !inside { print }
  $0 ~ /^ *# -- of this corpus --$/ {
    inside = 1
    put(template (++place == 1 ? "/options.in" : "/preparation.in"))
  }
' "$egs/$from/run.sh" >"$unfinished/run.sh"
chmod +x "$unfinished/run.sh"

mv "$unfinished" "$egs/$name"
trap - EXIT
echo "$dir is made. What is yours to write: local/data_prep.py, or nothing, if it can read your corpus"
echo "as it is; in run.sh the places marked '# -- of this corpus --', e.g. the units; README.md."
