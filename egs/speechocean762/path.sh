# shellcheck shell=bash
# The environment of this recipe; sourced by run.sh, and by hand for single commands.
recipe_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
moeasr_dir=$(dirname "$(readlink -f "$recipe_dir/utils")") # the checkout that utils belongs to
# shellcheck source=../../tools/activate.sh
. "$moeasr_dir/tools/activate.sh"
export PATH="$recipe_dir/utils:$PATH"
