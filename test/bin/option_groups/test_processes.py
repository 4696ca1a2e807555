"""The options of the processes of a training."""

import argparse

import pytest

from moeasr.bin.option_groups.processes import add_process_options


def parse(*words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_process_options(parser)
    return parser.parse_args(words)


def test_processes_wait_half_an_hour_on_the_cpu_unless_told_otherwise():
    args = parse()
    assert (args.device, args.num_threads, args.timeout_sec) == ("cpu", None, 1800)
    args = parse("--device", "cuda", "--num-threads", "3", "--timeout-sec", "60")
    assert (args.device, args.num_threads, args.timeout_sec) == ("cuda", 3, 60)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "9999999"])
def test_a_time_limit_is_a_whole_number_of_seconds(value):
    with pytest.raises(argparse.ArgumentError, match="--timeout-sec: must be"):
        parse(f"--timeout-sec={value}")
