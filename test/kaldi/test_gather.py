"""Features of parallel jobs, gathered or rejected if too many utterances are missing."""

import json

import pytest

from moeasr.errors import InputError
from moeasr.kaldi.gather import gather_feats


@pytest.fixture
def jobs(tmp_path):
    """The files of two jobs, with features of the first `num_made` of `num_utts` utterances."""

    def write(num_utts, num_made):
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        (data / "utt2spk").write_text("".join(f"u{n:03d} s\n" for n in range(num_utts)))
        half = num_made // 2
        for job, numbers in ((1, range(half)), (2, range(half, num_made))):
            for suffix, value in (("scp", "x.ark:1"), ("utt2dur", "0.5")):
                path = tmp_path / f"raw.fbank.{job}.{suffix}"
                path.write_text("".join(f"u{n:03d} {value}\n" for n in numbers))
        return data, [tmp_path / f"raw.fbank.{job}.scp" for job in (1, 2)]

    return write


@pytest.mark.parametrize("num_made", [40, 38])
def test_up_to_one_in_twenty_may_be_missing(jobs, num_made):
    data, scps = jobs(40, num_made)
    said = []
    gather_feats(data, scps, ["utt2dur"], 16000, said.append)
    ids = [f"u{n:03d}" for n in range(num_made)]
    assert (data / "feats.scp").read_text() == "".join(f"{u} x.ark:1\n" for u in ids)
    assert (data / "utt2dur").read_text() == "".join(f"{u} 0.5\n" for u in ids)
    if num_made < 40:
        assert said[0].startswith("left out 2 of 40 utterances")
    else:
        assert said == []


def test_more_is_an_error_and_writes_nothing(jobs):
    data, scps = jobs(40, 37)
    said = []
    with pytest.raises(InputError, match="at least 95 % must have them"):
        gather_feats(data, scps, ["utt2dur"], 16000, said.append)
    assert said == []
    assert sorted(path.name for path in data.iterdir()) == ["left_out.txt", "utt2spk"]


def test_a_table_that_a_job_did_not_write_is_named_and_nothing_written(jobs):
    data, scps = jobs(40, 40)
    missing = scps[1].with_suffix(".utt2dur")
    missing.unlink()
    with pytest.raises(InputError, match=f"^no such file {missing}$"):
        gather_feats(data, scps, ["utt2dur"], 16000, print)
    assert [path.name for path in data.iterdir()] == ["utt2spk"]


def test_what_the_jobs_report_is_said_once(jobs):
    data, scps = jobs(40, 38)
    for scp, utt in zip(scps, ("u038", "u039")):
        report = {"skipped": {utt: "it is empty"}, "resampled": {"8000": 3}, "num_overshooting": 0}
        scp.with_suffix(".report.json").write_text(json.dumps(report))
    said = []
    gather_feats(data, scps, ["utt2dur"], 16000, said.append)
    assert said[0] == "6 utterances are resampled from 8000 Hz to 16000 Hz"
    assert len(said) == 2
    assert (data / "left_out.txt").read_text() == "u038 it is empty\nu039 it is empty\n"
