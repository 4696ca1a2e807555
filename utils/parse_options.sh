#!/usr/bin/env bash
# Parse command-line options into shell variables. To be sourced, not run:
#
#   nj=4                          # every option is a variable that has its default already
#   . utils/parse_options.sh      # --nj 8 (or --some-name x for some_name) then sets it
#
# Same contract as Kaldi's script of this name:
#   --config FILE     is sourced before all other options, which therefore win over it
#   --foo-bar V       sets foo_bar=V if foo_bar is defined, and is an error otherwise
#   --foo=V           is refused
#   --help, -h        prints $help_message to stderr and exits 0
# A variable that is `true` or `false` accepts only these words; `--flag` at the end or before another
# option means `--flag true`. Parsing stops at the first
# argument that is empty or not an option; those that remain stay in "$@".
#
# Intended differences from Kaldi: `--flag` without a value; any other option at the very end without its
# value is an error (there it loops for ever); all errors go to stderr; a config file's path may hold spaces.

for ((_po_at = 1; _po_at < $#; _po_at++)); do
  if [ "${!_po_at}" = --config ]; then
    _po_next=$((_po_at + 1))
    config=${!_po_next}
    if [ ! -r "$config" ]; then
      echo "$0: missing config '$config'" >&2
      exit 1
    fi
    # `.` looks a name without a slash up in PATH before it looks here.
    case $config in
      */*) _po_file=$config ;;
      *) _po_file=./$config ;;
    esac
    # shellcheck disable=SC1090  # the user's own file
    . "$_po_file"
  fi
done

while [ -n "${1:-}" ]; do
  case $1 in
    --help | -h)
      if [ -n "${help_message:-}" ]; then
        printf '%b\n' "$help_message" >&2
      else
        echo "No help found." >&2
      fi
      exit 0
      ;;
    --*=*)
      echo "$0: options to scripts must be of the form --name value, got '$1'" >&2
      exit 1
      ;;
    --*)
      _po_name=${1#--}
      _po_name=${_po_name//-/_}
      if [[ ! $_po_name =~ ^[A-Za-z_][A-Za-z0-9_]*$ || -z ${!_po_name+defined} ]]; then
        echo "$0: invalid option $1${help_message:+ (--help lists them)}" >&2
        exit 1
      fi
      if [[ ${!_po_name} =~ ^(true|false)$ && ${2--} == -* ]]; then
        set -- "$1" true "${@:2}"
      fi
      if [ $# -lt 2 ]; then
        echo "$0: option $1 needs a value" >&2
        exit 1
      fi
      case ${!_po_name} in
        true | false)
          if [ "$2" != true ] && [ "$2" != false ]; then
            echo "$0: expected \"true\" or \"false\": $1 $2" >&2
            exit 1
          fi
          ;;
      esac
      printf -v "$_po_name" '%s' "$2"
      shift 2
      ;;
    *)
      break
      ;;
  esac
done
unset _po_at _po_next _po_file _po_name

# A slip in cmd.sh easily leaves the runner empty; the job would then run as a plain command.
if [ -n "${cmd+defined}" ] && [ -z "$cmd" ]; then
  echo "$0: empty argument to --cmd option" >&2
  exit 1
fi

true # so that sourcing this ends with status 0
