"""Tables of labels, which a model may route by, stay consistent with the utterances."""

import pytest

LANGUAGES = {"a-1": "en", "a-2": "zh", "b-1": "zh", "b-2": "en", "b-3": "en", "c-1": "zh"}


def table(languages):
    return "".join(f"{utt} {language}\n" for utt, language in sorted(languages.items()))


@pytest.fixture(params=["utt2lang", "utt2accent"])
def labels(request):
    """The name of the table: one of Kaldi's, or one of the user's own."""
    return request.param


@pytest.fixture
def languages_of(call):
    """A table of labels of a directory as a mapping."""
    return lambda name, labels="utt2lang": dict(
        line.split() for line in (call.cwd / name / labels).read_text().splitlines()
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ["copy_data_dir.sh", "--utt-prefix", "p-", "--spk-prefix", "p-", "my data", "new"],
            {f"p-{utt}": language for utt, language in LANGUAGES.items()},
        ),
        (
            ["subset_data_dir.sh", "--last", "my data", "3", "new"],
            {utt: LANGUAGES[utt] for utt in ("b-2", "b-3", "c-1")},
        ),
        (["data/modify_speaker_info.sh", "--utts-per-spk-max", "1", "my data", "new"], LANGUAGES),
        (
            ["perturb_data_dir_speed.sh", "0.9", "my data", "new"],
            {f"sp0.9-{utt}": language for utt, language in LANGUAGES.items()},
        ),
        (
            ["data/perturb_data_dir_speed_3way.sh", "my data", "new"],
            {
                prefix + utt: language
                for prefix in ("", "sp0.9-", "sp1.1-")
                for utt, language in LANGUAGES.items()
            },
        ),
    ],
)
def test_labels_follow_into_a_derived_directory(
    call, data, languages_of, labels, command, expected
):
    seconds = "a-1 1\na-2 2.5\nb-1 0.9\nb-2 1.8\nb-3 0.5\nc-1 4\n"
    data(**{labels: table(LANGUAGES)}, reco2dur=seconds)
    data("new", without=["utt2spk"], **{labels: "a-1 left-from-an-earlier-run\n"})
    done = call(*command)
    assert done.returncode == 0, done.stderr
    assert languages_of("new", labels) == expected


def test_labels_left_from_an_earlier_run_do_not_stay(call, data):
    data()
    data("new", without=["utt2spk"], utt2accent="a-1 left-from-an-earlier-run\n")
    assert call("copy_data_dir.sh", "my data", "new").returncode == 0
    assert not (call.cwd / "new/utt2accent").exists()


def test_languages_follow_into_the_parts_of_a_split(call, data, languages_of, labels):
    data(**{labels: table(LANGUAGES)})
    assert call("split_data.sh", "my data", 3).returncode == 0
    assert languages_of("my data/split3/2", labels) == {"b-1": "zh", "b-2": "en", "b-3": "en"}


def test_labels_of_ones_own_are_combined_sorted_and_filtered(call, data, languages_of):
    """An utterance without one is kept, because other directories may not need the label."""
    accents = table({utt: name for utt, name in LANGUAGES.items() if utt != "b-2"})
    data(utt2accent="".join(reversed(accents.splitlines(keepends=True))) + "zz en\n")
    done = call("fix_data_dir.sh", "my data")
    assert done.returncode == 0 and "kept 5 utterances" not in done.stdout
    assert (call.cwd / "my data/utt2accent").read_text() == accents
    other = {"utt2spk": "d-1 d\n", "spk2utt": "d d-1\n", "text": "d-1 FOUR\n", "utt2dur": "d-1 1\n"}
    data("other", wav_DOT_scp="d-1 /x/d.wav\n", utt2accent="d-1 en\n", **other)
    assert call("combine_data.sh", "new", "other", "my data").returncode == 0
    assert (call.cwd / "new/utt2accent").read_text() == accents + "d-1 en\n"


def test_languages_are_combined_if_every_source_has_them(call, data, languages_of):
    other = {"utt2spk": "d-1 d\n", "spk2utt": "d d-1\n", "text": "d-1 FOUR\n", "utt2dur": "d-1 1\n"}
    data(utt2lang=table(LANGUAGES))
    path = data("other", wav_DOT_scp="d-1 /x/d.wav\n", utt2lang="d-1 en\n", **other)
    assert call("combine_data.sh", "new", "other", "my data").returncode == 0
    assert languages_of("new") == {**LANGUAGES, "d-1": "en"}
    (path / "utt2lang").unlink()
    done = call("combine_data.sh", "new", "other", "my data")
    assert "**not combining utt2lang as it does not exist everywhere**" in done.stdout
    assert not (call.cwd / "new/utt2lang").exists()


def test_an_utterance_without_language_is_invalid_and_taken_out_by_fixing(call, data, languages_of):
    without = {utt: language for utt, language in LANGUAGES.items() if utt != "b-2"}
    path = data(utt2lang="zz en\n" + table(without))
    done = call("validate_data_dir.sh", "--no-feats", "my data")
    assert done.returncode == 1 and "utt2lang" in done.stderr
    done = call("fix_data_dir.sh", "my data")
    assert done.returncode == 0 and "kept 5 utterances out of 6" in done.stdout
    assert languages_of("my data") == without
    assert [line.split()[0] for line in (path / "text").read_text().splitlines()] == list(without)
    assert call("validate_data_dir.sh", "--no-feats", "my data").returncode == 0
