# shellcheck shell=bash
# The environment of this recipe; sourced by run.sh, and by hand for single commands.
recipe_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../tools/activate.sh
. "$recipe_dir/../../tools/activate.sh"
export PATH="$recipe_dir/utils:$PATH"
