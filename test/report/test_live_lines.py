"""Lines of live recognition."""

import numpy as np
from made_up_streams import FakeStream

from moeasr.report.live_lines import live_lines


def test_each_result_is_a_line_as_soon_as_it_exists():
    heard = []

    def blocks():
        for _ in range(3):
            heard.append("block")
            yield np.zeros(100, np.float32)

    lines = live_lines("a", blocks(), FakeStream(), 1000, packet_sec=0.1)
    first = next(lines).split("\t")
    assert (first[0], first[2:], len(heard)) == ("a", ["partial", "aa"], 2)
    rest = [line.split("\t") for line in lines]
    assert [line[2:] for line in rest] == [["partial", "aaa"], ["final", "aaaa"]]
    assert 0.2 <= float(first[1]) <= float(rest[0][1]) <= float(rest[1][1])
