"""utils/parse_options.sh: what Kaldi's scripts and their users rely on."""

import subprocess

import pytest

SCRIPT = """
set -u
nj=4
some_name=old
flag=false
opts=
{extra}
help_message="Usage: x\\n100% of it"
. '{utils}/parse_options.sh'
status=$?
echo "status=$status nj=$nj some_name=$some_name flag=$flag opts=$opts rest=$*"
"""


@pytest.fixture
def parse(utils, tmp_path):
    def run(*arguments, extra=""):
        script = tmp_path / "my script.sh"
        script.write_text(SCRIPT.format(utils=utils, extra=extra))
        return subprocess.run(
            ["bash", script, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120
        )

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "nj=4 some_name=old flag=false opts= rest="),
        (["--nj", "8", "a", "b"], "nj=8 some_name=old flag=false opts= rest=a b"),
        (["--some-name", "x y"], "nj=4 some_name=x y flag=false opts= rest="),
        (["--some_name", '$HOME `id` "q"'], 'nj=4 some_name=$HOME `id` "q" flag=false opts= rest='),
        (["--opts", "--non-print"], "nj=4 some_name=old flag=false opts=--non-print rest="),
        (["--flag", "true", "--nj", ""], "nj= some_name=old flag=true opts= rest="),
        (["--flag"], "nj=4 some_name=old flag=true opts= rest="),
        (["--flag", "--nj", "2", "a"], "nj=2 some_name=old flag=true opts= rest=a"),
        (["--flag", "false", "--flag", "-x"], "nj=4 some_name=old flag=true opts= rest=-x"),
        (["--nj", "1", "", "--nj", "2"], "nj=1 some_name=old flag=false opts= rest= --nj 2"),
        (["a", "--nj", "2"], "nj=4 some_name=old flag=false opts= rest=a --nj 2"),
        (["-x"], "nj=4 some_name=old flag=false opts= rest=-x"),
    ],
)
def test_options_set_their_variables(parse, arguments, expected):
    done = parse(*arguments)
    assert (done.stdout, done.stderr) == (f"status=0 {expected}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such", "x"], "unknown option --no-such (--help lists all options)"),
        (["--a;id", "x"], "unknown option --a;id (--help lists all options)"),
        (["--nj=8"], "options must have the form --name value, but one is '--nj=8'"),
        (["--flag", ""], "--flag must be true or false, but is ''"),
        (["--flag", "yes"], "--flag must be true or false, but is 'yes'"),
        (["--nj"], "option --nj requires a value"),
        (["--config", "no such.conf"], "the config 'no such.conf' cannot be read"),
    ],
)
def test_errors_name_the_script_and_the_option(parse, arguments, message):
    done = parse(*arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.endswith(f"my script.sh: {message}\n")


def test_an_empty_cmd_is_an_error(parse):
    done = parse("--cmd", "", extra="cmd=run.pl")
    assert done.returncode == 1 and "--cmd must not be empty" in done.stderr


def test_help_goes_to_stderr_and_exits_0(parse):
    done = parse("--nj", "3", "--help")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Usage: x\n100% of it\n")


def test_the_command_line_wins_over_a_config_wherever_that_stands(parse, tmp_path):
    (tmp_path / "my opts.conf").write_text("nj=10\nsome_name=conf\n")
    done = parse("--nj", "8", "--config", "my opts.conf", extra="config=")
    assert done.stdout == "status=0 nj=8 some_name=conf flag=false opts= rest=\n"
