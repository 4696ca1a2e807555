"""filter_scps.pl, subset_scp.pl and subset_data_dir_tr_cv.sh: parts of tables and directories."""

import pytest

TABLE = "a 1\nb  2 \nc 3\nd 4\n"


@pytest.fixture
def lists(call):
    for name, text in {"table": TABLE, "l1": "a x\nb\n", "l2": "b\nc\n", "l3": "\n"}.items():
        (call.cwd / name).write_text(text)


@pytest.mark.usefixtures("lists")
def test_one_pass_fills_all_outputs(call):
    done = call("filter_scps.pl", "J=1:2", "lJ", "table", "oJ")
    assert done.returncode == 0
    assert (call.cwd / "o1").read_text() == "a 1\nb  2 \n"
    assert (call.cwd / "o2").read_text() == "b  2 \nc 3\n"
    assert "some input lines did not get output" in done.stderr
    assert "some input lines were output to multiple files" in done.stderr
    done = call("filter_scps.pl", "-f", "2", "--no-warn", "J=2:2", "lJ", "table", "o3")
    assert (done.returncode, (call.cwd / "o3").read_text()) == (0, "")
    assert done.stderr == "filter_scps.pl: warning: output to o3 is empty\n"


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["J=2:1", "lJ", "table", "oJ"], "invalid job range J=2:1"),
        (["1:2", "lJ", "table", "oJ"], "bad job-range specifier 1:2: expected e.g. JOB=1:10"),
        (["J=1:2", "l1", "table", "oJ"], "there are 2 jobs, but just one filter file (l1)"),
        (["J=1:2", "lJ", "table", "o"], "there are 2 jobs, but just one output file (o)"),
        (["J=1:3", "lJ", "table", "oJ"], "l3, line 1: is empty"),
        (["J=1:4", "lJ", "table", "oJ"], "l3, line 1: is empty"),
        (["J=1:2", "lJ", "nowhere", "oJ"], "no such file nowhere"),
        (["-f", "3", "J=1:2", "lJ", "table", "oJ"], "table, line 1: has no field 3: 'a 1'"),
        (["-f", "J=1:2", "lJ", "table", "oJ"], "-f requires a field number of at least 1"),
        (["J=1:2"], "Usage: filter_scps.pl"),
    ],
)
def test_errors_write_nothing(call, arguments, message):
    done = call("filter_scps.pl", *arguments)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not list(call.cwd.glob("o*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["3"], "b c d"),
        (["--first", "3"], "a b c"),
        (["--last", "3"], "b c d"),
        (["--quiet", "9"], "a b c d"),
        (["--quiet", "--last", "1"], "d"),
    ],
)
@pytest.mark.usefixtures("lists")
def test_subset_scp(call, arguments, expected):
    for name, stdin in (("table", ""), ("-", TABLE)):
        done = call("subset_scp.pl", *arguments, name, stdin=stdin)
        assert " ".join(line.split()[0] for line in done.stdout.splitlines()) == expected


@pytest.mark.usefixtures("lists")
def test_errors_of_subset_scp(call):
    done = call("subset_scp.pl", 5, "table")
    assert "table has only 4 lines, but 5 were requested" in done.stderr
    assert (
        "must be a whole number of at least 1, but is '0'"
        in call("subset_scp.pl", 0, "table").stderr
    )
    assert "Usage: subset_scp.pl" in call("subset_scp.pl", 2).stderr
    assert "subset_scp.pl: nowhere: No such file" in call("subset_scp.pl", 2, "nowhere").stderr


def test_speakers_are_held_out(call, data):
    path = data()
    done = call("subset_data_dir_tr_cv.sh", "--cv-spk-percent", 40, "my data", "tr", "cv")
    assert done.returncode == 0, done.stderr
    assert "of 3 speakers, 2 are in the training set and 1 in the held-out set\n" in done.stdout
    parts = [(call.cwd / name / "spk2utt").read_text() for name in ("tr", "cv")]
    assert sorted("".join(parts).splitlines()) == (path / "spk2utt").read_text().splitlines()
    assert parts[1] == "b b-1 b-2 b-3\n"  # first in Kaldi's shuffle with seed 777
    options = ["--cv-spk-percent", 40, "--seed", 1]
    assert call("subset_data_dir_tr_cv.sh", *options, "my data", "tr", "cv").returncode == 0
    shuffled = call("shuffle_list.pl", "--srand", 1, path / "spk2utt").stdout
    assert (call.cwd / "cv/spk2utt").read_text() == shuffled.splitlines(keepends=True)[0]
    assert not shuffled.startswith("b ")  # another speaker than with seed 777
    for percent, size in (("66.7", 2), ("50.0", 1)):  # Kaldi rounds down
        done = call("subset_data_dir_tr_cv.sh", "--cv-spk-percent", percent, "my data", "tr", "cv")
        assert (call.cwd / "cv/spk2utt").read_text().count("\n") == size, done.stderr
    done = call("subset_data_dir_tr_cv.sh", "--cv-spk-percent", "ten", "my data", "tr", "cv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--cv-spk-percent must be a number, but is 'ten'\n" in done.stderr
    (call.cwd / "list").write_text("a\n")
    call("subset_data_dir_tr_cv.sh", "--cv-spk-list", "list", "my data", "tr", "cv")
    assert (call.cwd / "cv/spk2utt").read_text() == "a a-1 a-2\n"
    done = call("subset_data_dir_tr_cv.sh", "--cv-spk-percent", 10, "my data", "tr2", "cv2")
    assert done.returncode == 1 and "one of the two sets would be empty" in done.stderr
