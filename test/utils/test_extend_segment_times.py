"""extend_segment_times.py: segments with more silence at their ends."""

import pytest

SEGMENTS = "u1 r 6.3 9.8\nu2 r 0.2 6.2\nu3 q 1 1.5\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "u1 r 6.25 9.9\nu2 r 0.1 6.25\nu3 q 0.9 1.6\n"),
        (
            ["--start-padding=0.3", "--last-segment-end-padding", "0"],
            "u1 r 6.15 9.8\nu2 r 0 6.15\nu3 q 0.7 1.5\n",
        ),
        (
            ["--fix-overlapping-segments=false", "--end-padding=0.2"],
            "u1 r 6.2 9.9\nu2 r 0.1 6.4\nu3 q 0.9 1.6\n",
        ),
    ],
)
def test_segments_are_extended_as_in_kaldi(call, options, expected):
    done = call("data/extend_segment_times.py", *options, stdin=SEGMENTS)
    assert (done.returncode, done.stdout) == (0, expected)
    assert "extended 3 segments; fixed" in done.stderr


def test_faults_of_segments(call):
    done = call("data/extend_segment_times.py", stdin=f"{SEGMENTS}u4 r 2\n")
    assert done.returncode == 1 and done.stdout == ""
    rule = "must be `utterance recording start end`, but is 'u4 r 2'"
    assert done.stderr == f"extend_segment_times.py: line 4: {rule}\n"
    done = call("data/extend_segment_times.py", stdin="u1 r 3 2\nu2 r 5 6\n")
    assert done.stdout == "u2 r 4.9 6.1\n"
    assert "bad segment u1: it ends before it begins (ignoring)" in done.stderr
