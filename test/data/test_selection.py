"""Utterances on which a model can be trained, and the reasons for leaving out others."""

import logging
from pathlib import Path

import pytest
from letter_sets import LIMITS, Letters, make_dir, quarter

from moeasr.data import selection
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.errors import InputError
from moeasr.labels import Labels


def reason(folder: Path, num_frames: int, text: str) -> str | None:
    """Return the reason why one utterance is left out; None if it is kept."""
    folder = make_dir(folder, {"kept": (40, "a"), "u": (num_frames, text)})
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert len(utterances) + len(skipped) == 2
    return skipped[0].reason if skipped else None


@pytest.mark.parametrize(
    ("num_frames", "text", "expected"),
    [
        (8, "a", None),
        (7, "a", "it has 7 frames, fewer than min_frames = 8"),
        (100, "a", None),
        (101, "a", "it has 101 frames, more than max_frames = 100"),
        (48, "abcdefghijkl", None),
        (100, "abcdefghijklm", "it has 13 tokens, more than max_tokens = 12"),
        (40, "", None),  # a recording without speech
        (12, "abc", None),
        (11, "abc", "too short for CTC: 2 frames after subsampling for 3 tokens and 0 repeats"),
        (16, "abb", None),
        (12, "abb", "too short for CTC: 3 frames after subsampling for 3 tokens and 1 repeat"),
        (12, "aba", None),
        (15, "XYZ", "for 3 tokens and 2 repeats"),  # three times <unk>
    ],
)
def test_why_an_utterance_is_left_out(
    tmp_path: Path, num_frames: int, text: str, expected: str | None
) -> None:
    found = reason(tmp_path, num_frames, text)
    assert found is None if expected is None else expected in found


def test_nothing_left_after_subsampling_is_a_reason_of_its_own(tmp_path: Path) -> None:
    make_dir(tmp_path, {"u": (3, "")})
    limits = LengthLimits(min_frames=0)
    reason = "its 3 frames leave no frame after subsampling"
    with pytest.raises(InputError, match=f"contains no usable utterance: u: {reason}$"):
        load_utterances(tmp_path, None, quarter, limits)


def test_text_without_features_and_features_without_text_are_listed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (40, "abc")})
    (folder / "text").write_text("a abc\nz abc\n")
    with caplog.at_level(logging.WARNING):
        utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [item.utt_id for item in utterances] == ["a"]
    assert {item.utt_id: item.reason for item in skipped} == {
        "b": "it has no transcript",
        "z": "it has no features",
    }
    assert f"{folder}: left out 2 utterances, e.g. b: it has no transcript" in caplog.text


def test_transcripts_go_by_the_names_of_utterances_not_by_lines(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, ""), "b": (40, ""), "c": (40, "")})
    (folder / "text").write_text("z none\nc cab\nb bad\na ace\n")
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [(item.utt_id, item.text) for item in utterances] == [
        *[("a", "ace"), ("b", "bad"), ("c", "cab")]
    ]


def test_unknown_units_are_kept_and_counted_in_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_dir(tmp_path, {"a": (80, "aQbQ"), "b": (80, "cRd")})
    with caplog.at_level(logging.WARNING):
        utterances, skipped = load_utterances(tmp_path, Letters(), quarter, LIMITS)
    assert len(utterances) == 2
    assert skipped == []
    assert "3 units are not in the dictionary" in caplog.text
    assert "Q (2 times), R (1 time)" in caplog.text


def test_however_many_utterances_and_units_there_are_a_line_tells_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MAX_LISTED_UNITS", 2)
    make_dir(tmp_path, {**{f"s{n}": (4, "a") for n in range(5)}, "u": (80, "ZYXWXYX")})
    listed = tmp_path / "exp" / "left_out.txt"
    with caplog.at_level(logging.WARNING):
        load_utterances(tmp_path, Letters(), quarter, LIMITS, list_path=listed)
    fault = "it has 4 frames, fewer than min_frames = 8"
    assert caplog.messages == [
        f"{tmp_path}: left out 5 utterances, e.g. s0: {fault} ({listed} lists all)",
        f"{tmp_path}: 7 units are not in the dictionary (read as <unk>): "
        "X (3 times), Y (2 times), ...",
    ]
    assert listed.read_text() == "".join(f"s{n} {fault}\n" for n in range(5))


def test_an_old_list_is_removed_when_nothing_is_left_out(tmp_path: Path) -> None:
    make_dir(tmp_path, {"a": (40, "abc")})
    (tmp_path / "left_out.txt").touch()
    load_utterances(tmp_path, Letters(), quarter, LIMITS, list_path=tmp_path / "left_out.txt")
    assert not (tmp_path / "left_out.txt").exists()


def test_nothing_is_reported_when_all_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        load_utterances(make_dir(tmp_path, {"a": (40, "abc")}), Letters(), quarter, LIMITS)
    assert caplog.text == ""


def test_lengths_come_from_the_archives_where_the_table_lacks_them(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "abc")}, lengths=False)
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [item.num_frames for item in utterances] == [40, 60]


def test_limits_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"`max_frames` \(10\) must not be less than"):
        LengthLimits(min_frames=20, max_frames=10)
    with pytest.raises(InputError, match="`max_tokens` must be 1 or more"):
        LengthLimits(max_tokens=0)


def test_a_control_character_is_named_with_its_utterance(tmp_path: Path) -> None:
    class Strict(Letters):
        def encode(self, text: str) -> list[int]:
            raise InputError("control character U+0001")

    make_dir(tmp_path, {"a": (40, "abc")})
    with pytest.raises(InputError, match=r"text: a: control character U\+0001"):
        load_utterances(tmp_path, Strict(), quarter, LIMITS)


def test_the_digest_of_a_set_depends_on_ids_lengths_and_languages(tmp_path: Path) -> None:
    def digest(utterances: dict[str, int], languages: str, model: tuple[str, ...]) -> str:
        folder = make_dir(tmp_path, {utt: (num, "abc") for utt, num in utterances.items()})
        (folder / "utt2lang").write_text(languages)
        return load_utterances(folder, Letters(), quarter, LIMITS, Labels(model))[0].digest()

    both = ("en", "zh")
    digests = [
        digest({"a": 40, "b": 60}, "a en\nb zh\n", both),
        digest({"a": 40, "c": 60}, "a en\nc zh\n", both),
        digest({"a": 41, "b": 60}, "a en\nb zh\n", both),
        digest({"a": 40, "b": 60}, "a en\nb en\n", both),
        digest({"a": 40, "b": 60}, "", ()),
    ]
    assert len(set(digests)) == len(digests)
    assert digest({"a": 40, "b": 60}, "a en\nb zh\n", both) == digests[0]


def test_without_languages_utt2lang_is_not_read(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc")})
    (folder / "utt2lang").write_bytes(b"\n\xff\r\n")
    (utterance,), _ = load_utterances(folder, Letters(), quarter, LIMITS)
    assert utterance.language is None


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (None, " does not exist, but a model that routes by language requires it"),
        ("a en\n", " names no language for utterance b; its line must be `b LANGUAGE`"),
        ("a en\nb\n", " names no language for utterance b; its line must be `b LANGUAGE`"),
        ("a en\nb de\n", ": language 'de' of utterance b is unknown to the model"),
        ("a en\nb en zh\n", ": language 'en zh' of utterance b is unknown to the model"),
    ],
)
def test_an_utterance_without_a_language_of_the_model_is_refused(
    tmp_path: Path, table: str | None, fault: str
) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (40, "abc")})
    if table is not None:
        (folder / "utt2lang").write_text(table)
    with pytest.raises(InputError) as error:
        load_utterances(folder, Letters(), quarter, LIMITS, Labels(("en", "zh")))
    assert str(error.value) == f"{folder / 'utt2lang'}{fault} (the model knows en, zh)"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("-1", "utt2num_frames: utterance b has -1 frames; make this table again"),
        ("1" + "0" * 20, "utt2num_frames: '10+' of utterance b is not a number or is too large"),
    ],
)
def test_absurd_lengths_are_named(tmp_path: Path, value: str, fault: str) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "hello")})
    (folder / "utt2num_frames").write_text(f"a 40\nb {value}\n")
    with pytest.raises(InputError, match=fault):
        load_utterances(folder, Letters(), quarter, LIMITS)


def test_an_utterance_with_an_absurd_length_is_left_out(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "hello")})
    (folder / "utt2num_frames").write_text(f"a 40\nb {2**63 - 1}\n")
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [utterance.utt_id for utterance in utterances] == ["a"]
    assert skipped[0].utt_id == "b" and "more than max_frames" in skipped[0].reason
