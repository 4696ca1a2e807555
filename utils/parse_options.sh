#!/usr/bin/env bash
# Parse command-line options into shell variables. Scripts source this file:
#
#   nj=4                          # an option is a variable with a default value
#   . utils/parse_options.sh      # --nj 8 sets nj; --some-name x sets some_name
#
# As in Kaldi's script of this name:
#   --config FILE     is sourced before all other options, which take precedence
#   --foo-bar V       sets foo_bar=V if foo_bar is defined, and is an error otherwise
#   --foo=V           is refused
#   --help, -h        prints $help_message to stderr and exits 0
# A variable that is `true` or `false` accepts only these words. `--flag` at the end or before another
# option means `--flag true`. Parsing stops at the first argument that is empty or not an option. The
# remaining arguments stay in "$@".
#
# Intended differences from Kaldi: `--flag` without a value is allowed; any other option without a
# value at the end is an error (Kaldi's script loops forever); all errors go to stderr; the path of a
# config file may contain spaces.

for ((_po_at = 1; _po_at < $#; _po_at++)); do
  if [ "${!_po_at}" = --config ]; then
    _po_next=$((_po_at + 1))
    config=${!_po_next}
    if [ ! -r "$config" ]; then
      echo "$0: the config '$config' cannot be read" >&2
      exit 1
    fi
    # `.` searches PATH for a name without a slash.
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
        echo "$0: this script has no help" >&2
      fi
      exit 0
      ;;
    --*=*)
      echo "$0: options must have the form --name value, but one is '$1'" >&2
      exit 1
      ;;
    --*)
      _po_name=${1#--}
      _po_name=${_po_name//-/_}
      if [[ ! $_po_name =~ ^[A-Za-z_][A-Za-z0-9_]*$ || -z ${!_po_name+defined} ]]; then
        echo "$0: unknown option $1${help_message:+ (--help lists all options)}" >&2
        exit 1
      fi
      if [[ ${!_po_name} =~ ^(true|false)$ && ${2--} == -* ]]; then
        set -- "$1" true "${@:2}"
      fi
      if [ $# -lt 2 ]; then
        echo "$0: option $1 requires a value" >&2
        exit 1
      fi
      case ${!_po_name} in
        true | false)
          if [ "$2" != true ] && [ "$2" != false ]; then
            echo "$0: $1 must be true or false, but is '$2'" >&2
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

# Without a runner, for example after an error in cmd.sh, the job would run as a plain command.
if [ -n "${cmd+defined}" ] && [ -z "$cmd" ]; then
  echo "$0: --cmd must not be empty" >&2
  exit 1
fi

true # so that sourcing this file ends with status 0
