"""The `report` command."""

import json

import pytest
from reported import make_reported

from moeasr.bin.report import main
from moeasr.errors import InputError


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    return make_reported(tmp_path_factory.mktemp("reported"))


@pytest.mark.slow
def test_the_page_and_its_numbers_are_written(reported, tmp_path, capsys):
    out = tmp_path / "new" / "page.html"
    more = ["--out", str(out), "--num-permutations", "2", "--utterance", "b1"]
    main([*reported.options, *more])
    assert capsys.readouterr().out == f"{out}: open it in a browser\n"
    assert sorted(path.name for path in out.parent.iterdir()) == ["page.html", "page.json"]
    content = json.loads(out.with_suffix(".json").read_text())
    assert content["facts"]["command"].startswith("python3 -m moeasr.bin.report --exp-dir")
    assert [view["utt_id"] for view in content["experiments"][0]["views"]] == ["b1"]
    page = out.read_bytes()
    assert page.startswith(b"<!DOCTYPE html>") and len(page) < 5_000_000
    main([*reported.options, *more])
    assert out.read_bytes() == page


@pytest.mark.slow
def test_the_first_experiment_holds_the_page_by_default(reported, tmp_path):
    one = reported.copy(tmp_path)
    main([*one.options, "--num-permutations", "2"])
    assert (one.exp_dir / "report.html").is_file() and (one.exp_dir / "report.json").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--out", "a.pdf"], r"^--out must end with \.html, but is a\.pdf$"),
        (["--lexicon", "no/such"], "^file no/such does not exist$"),
        (["--exp-dir", "EXP"], "^--exp-dir names the same experiment twice$"),
        (["--exp-dir", "EXP/"], "^--exp-dir names the same experiment twice$"),
        (["--exp-dir", "no/such"], "^experiment directory no/such does not exist$"),
        (
            ["--exp-dir", "x", "--exp-dir", "y", "--data-dir", "x"],
            "^--data-dir must be given once, or as many",
        ),
        (["--utterance", "z"], "^no data set of this report has a usable utterance z$"),
    ],
)
def test_bad_options_are_one_sentence_and_write_nothing(reported, tmp_path, more, message):
    more = [word.replace("EXP", str(reported.exp_dir)) for word in more]
    out = tmp_path / "out" / "page.html"
    with pytest.raises(InputError, match=message):
        main([*reported.options, "--out", str(out), "--num-permutations", "2", *more])
    assert not out.parent.exists()


@pytest.mark.parametrize("name", ["page.html", "page.json"])
def test_a_directory_in_the_place_of_a_page_is_refused_first(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"^--out: .*{name} is a directory$"):
        main(["--exp-dir", "no/such", "--out", str(tmp_path / "page.html")])
