"""Configs of cluster runners, in Kaldi's format."""

import pytest

from moeasr.errors import InputError
from moeasr.jobs.queue_config import parse_config
from moeasr.jobs.queues import GridEngine, Slurm

TEXT = """
# comment
command qsub -v PATH  # another comment
option mem=* -l mem_free=$0,ram_free=$0
option mem=0     # nothing
option max-time=* -l 'h_rt=$0 s'
default gpu=0
option gpu=0
option gpu=* -l gpu=$0 -q g.q
"""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"mem": "4G"}, ["-l", "mem_free=4G,ram_free=4G"]),
        ({"mem": "0"}, []),
        ({"gpu": "2"}, ["-l", "gpu=2", "-q", "g.q"]),
        ({"max_time": "9"}, ["-l", "h_rt=9 s"]),
    ],
)
def test_an_option_becomes_the_text_of_its_value(given, words):
    command = parse_config(TEXT, "conf/queue.conf").submit_command(given)
    assert command == ["qsub", "-v", "PATH", *words]


def test_an_option_that_the_config_does_not_describe_is_refused():
    with pytest.raises(InputError) as caught:
        parse_config(TEXT, "conf/queue.conf").submit_command({"num_threads": "2"})
    assert str(caught.value) == (
        "conf/queue.conf does not describe the option --num-threads 2; add a line such as "
        "`option num_threads=* <options of qsub with $0>`"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("command a\noptions mem=1 x", "^c, line 2: a line must be .* but is `options mem=1 x`"),
        ("command a\noption mem x", "^c, line 2: "),
        ("command a\ndefault", "^c, line 2: "),
        ("command a\noption mem=* 'x", "^c, line 2: No closing quotation"),
        ("option mem=* x", "^c has no line `command"),
    ],
)
def test_a_wrong_line_is_named(text, message):
    with pytest.raises(InputError, match=message):
        parse_config(text, "c")


@pytest.mark.parametrize("queue", [Slurm, GridEngine])
def test_default_configs_describe_the_options_of_recipes(queue):
    config = parse_config(queue.default_config, "default")
    given = {"gpu": "1", "mem": "4G", "num_threads": "2"}
    words = " ".join(config.submit_command(given))
    assert words.startswith(" ".join(config.command)) and "gpu" in words and "4G" in words
    nothing = {"gpu": "0", "mem": "0", "num_threads": "1"}
    assert set(config.submit_command(nothing)) - set(config.command) <= {"--cpus-per-task=1"}
