"""Examples as pure functions of (seed, epoch, index), and the utterances that are left out."""

import logging
from pathlib import Path

import pytest
import torch

from moeasr.data import selection
from moeasr.data.dataset import AsrDataset
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.augment import SpecAugmentConfig

LIMITS = LengthLimits(min_frames=8, max_frames=100, max_tokens=12)
MASKS = SpecAugmentConfig(max_time_frames=10, max_freq_bins=2)


class Letters:
    """Lower-case letters are tokens from 3 on; anything else is unknown."""

    def encode(self, text: str) -> list[int]:
        return [ord(c) - 94 if c.islower() else 1 for c in text]

    def unknown(self, text: str) -> list[str]:
        return [c for c in text if not c.islower()]

    def state(self) -> dict[str, str]:
        return {"units": "letters"}


def quarter(num_frames: int) -> int:
    return num_frames // 4


def features(num_frames: int) -> torch.Tensor:
    return torch.randn(num_frames, 6, generator=torch.Generator().manual_seed(num_frames))


def make_dir(folder: Path, utterances: dict[str, tuple[int, str]], lengths: bool = True) -> Path:
    """A data directory with features of the given lengths and transcripts."""
    with open_archive(folder / "f.ark", folder / "feats.scp") as archive:
        for utt_id, (num_frames, _) in utterances.items():
            archive.write(utt_id, features(num_frames))
    text = "".join(f"{utt_id} {text}\n" for utt_id, (_, text) in utterances.items())
    (folder / "text").write_text(text)
    if lengths:
        table = "".join(f"{utt_id} {length}\n" for utt_id, (length, _) in utterances.items())
        (folder / "utt2num_frames").write_text(table)
    return folder


def dataset(folder: Path, **settings) -> AsrDataset:
    folder = make_dir(folder, {"a": (40, "abc"), "b": (60, "hello"), "c": (50, "xyz")})
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS)
    arguments = {"spec_augment": MASKS, "fill": torch.zeros(6), "seed": 3, **settings}
    return AsrDataset(utterances, Letters(), **arguments)


def test_without_augmentation_an_example_is_what_the_files_hold(tmp_path: Path) -> None:
    data = dataset(tmp_path, spec_augment=None)
    example = data[(5, 1)]
    assert len(data) == 3
    assert example.utt_id == "b"
    assert torch.equal(example.feats, features(60))
    assert example.tokens.tolist() == Letters().encode("hello")
    assert example.tokens.dtype == torch.int64


def test_an_example_depends_on_seed_epoch_and_index_alone(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    first = data[(2, 1)].feats
    for key in ((0, 0), (2, 0), (7, 2)):
        data[key]
    torch.manual_seed(99)
    assert torch.equal(data[(2, 1)].feats, first)
    assert torch.equal(dataset(tmp_path)[(2, 1)].feats, first)
    assert not torch.equal(data[(3, 1)].feats, first)
    assert not torch.equal(dataset(tmp_path, seed=4)[(2, 1)].feats, first)


def test_masks_differ_over_epochs_and_utterances_and_hold_the_fill(tmp_path: Path) -> None:
    fill = torch.arange(50.0, 56.0)
    data = dataset(tmp_path, fill=fill)
    masked = [data[(epoch, index)].feats == fill for epoch in range(4) for index in range(3)]
    # (of a mask's few widths and places two may coincide)
    assert len({tuple(cells[:40].flatten().tolist()) for cells in masked}) >= 10
    for index, num_frames in ((0, 40), (1, 60)):
        feats = data[(0, index)].feats
        assert torch.equal(feats[feats != fill], features(num_frames)[feats != fill])


def test_the_same_features_under_another_index_get_other_masks(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc")})
    utterances, _ = load_utterances(folder, None, quarter, LIMITS)
    data = AsrDataset([*utterances, *utterances], None, MASKS, torch.zeros(6), 0)
    assert not torch.equal(data[(0, 0)].feats, data[(0, 1)].feats)


def test_drawing_examples_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    data = dataset(tmp_path)
    before = torch.get_rng_state()
    data[(0, 0)]
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_fill_the_utterances_mean_stands_under_the_masks(tmp_path: Path) -> None:
    feats = dataset(tmp_path, fill=None)[(0, 1)].feats
    changed = feats != features(60)
    assert changed.any()
    assert torch.equal(feats[changed], features(60).mean(0).expand(60, 6)[changed])


def test_without_a_tokenizer_there_are_no_tokens_and_no_text_is_needed(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, ""), "b": (9, "")})
    (folder / "text").unlink()
    utterances, skipped = load_utterances(folder, None, quarter, LIMITS)
    assert [item.utt_id for item in utterances] == ["a", "b"]
    assert skipped == []
    example = AsrDataset(utterances, None, None, None, 0)[(0, 0)]
    assert example.tokens.shape == (0,)


def reason(folder: Path, num_frames: int, text: str) -> str | None:
    """Why one utterance is left out; None if it is not."""
    folder = make_dir(folder, {"u": (num_frames, text)})
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert len(utterances) + len(skipped) == 1
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
        (12, "abb", "too short for CTC: 3 frames after subsampling for 3 tokens and 1 repeats"),
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
    _, skipped = load_utterances(tmp_path, None, quarter, limits)
    assert skipped[0].reason == "its 3 frames leave none after subsampling"


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


def test_an_empty_transcript_is_an_example_without_tokens(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, ""), "b": (40, "abc")})
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert (len(utterances), skipped) == (2, [])
    example = AsrDataset(utterances, Letters(), None, None, 0)[(0, 0)]
    assert (example.utt_id, example.tokens.shape) == ("a", (0,))


def test_unknown_units_are_kept_and_counted_in_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_dir(tmp_path, {"a": (80, "aQbQ"), "b": (80, "cRd")})
    with caplog.at_level(logging.WARNING):
        utterances, skipped = load_utterances(tmp_path, Letters(), quarter, LIMITS)
    assert len(utterances) == 2
    assert skipped == []
    assert "3 units are not in the dictionary" in caplog.text
    assert "Q (2 times), R (1 times)" in caplog.text


def test_however_many_utterances_and_units_there_are_a_line_tells_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "MAX_LISTED_UNITS", 2)
    make_dir(tmp_path, {**{f"s{n}": (4, "a") for n in range(5)}, "u": (80, "ZYXWXYX")})
    listed = tmp_path / "exp" / "left_out.txt"
    with caplog.at_level(logging.WARNING):
        load_utterances(tmp_path, Letters(), quarter, LIMITS, list_path=listed)
    reason = "it has 4 frames, fewer than min_frames = 8"
    assert caplog.messages == [
        f"{tmp_path}: left out 5 utterances, e.g. s0: {reason} ({listed} lists all)",
        f"{tmp_path}: 7 units are not in the dictionary and become <unk>: "
        "X (3 times), Y (2 times), ...",
    ]
    assert listed.read_text() == "".join(f"s{n} {reason}\n" for n in range(5))


def test_an_old_list_goes_when_nothing_is_left_out(tmp_path: Path) -> None:
    make_dir(tmp_path, {"a": (40, "abc")})
    (tmp_path / "left_out.txt").touch()
    listed = tmp_path / "left_out.txt"
    load_utterances(tmp_path, Letters(), quarter, LIMITS, list_path=listed)
    assert not listed.exists()


def test_nothing_is_reported_when_all_is_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        dataset(tmp_path)
    assert caplog.text == ""


def test_lengths_come_from_the_archives_where_the_table_lacks_them(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "abc")}, lengths=False)
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [item.num_frames for item in utterances] == [40, 60]


def test_features_of_another_length_than_the_table_says_are_named(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc")})
    entry = (folder / "feats.scp").read_text().split()[1]
    utterance = Utterance("a", None, "abc", entry, num_frames=41)
    data = AsrDataset([utterance], Letters(), None, None, 0)
    with pytest.raises(InputError, match="utterance a have 40 frames, but utt2num_frames says 41"):
        data[(0, 0)]


def test_limits_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="`min_frames` 20 .*`max_frames` 10 not below"):
        LengthLimits(min_frames=20, max_frames=10)
    with pytest.raises(InputError, match="`max_tokens` must be 1 or more"):
        LengthLimits(max_tokens=0)


def test_masks_begin_at_their_first_epoch(tmp_path: Path) -> None:
    late = SpecAugmentConfig(max_time_frames=10, max_freq_bins=2, first_epoch=3)
    data = dataset(tmp_path, spec_augment=late)
    assert torch.equal(data[(2, 1)].feats, features(60))
    assert torch.equal(data[(3, 1)].feats, dataset(tmp_path)[(3, 1)].feats)
    assert not torch.equal(data[(3, 1)].feats, features(60))


def test_a_control_character_is_named_with_its_utterance(tmp_path: Path) -> None:
    class Strict(Letters):
        def encode(self, text: str) -> list[int]:
            raise InputError("control character U+0001")

    make_dir(tmp_path, {"a": (40, "abc")})
    with pytest.raises(InputError, match=r"text: a: control character U\+0001"):
        load_utterances(tmp_path, Strict(), quarter, LIMITS)


def test_examples_carry_the_index_of_their_language(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "abc"), "short": (5, "a")})
    (folder / "utt2lang").write_text("short zh\nb en\nz fr\na zh\n")  # z has no features
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS, ("en", "zh"))
    data = AsrDataset(utterances, Letters(), None, None, 0)
    assert {e.utt_id: e.language for e in (data[0, 0], data[0, 1])} == {"a": 1, "b": 0}
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS, ("zh", "fr", "en"))
    assert [utterance.language for utterance in utterances] == [0, 2]


def test_the_digest_of_a_set_tells_names_lengths_and_languages(tmp_path: Path) -> None:
    def digest(utterances: dict[str, int], languages: str, model: tuple[str, ...]) -> str:
        folder = make_dir(tmp_path, {utt: (num, "abc") for utt, num in utterances.items()})
        (folder / "utt2lang").write_text(languages)
        return load_utterances(folder, Letters(), quarter, LIMITS, model)[0].digest()

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
        (None, ": no such file; a model that routes by language needs it"),
        ("a en\n", ": utterance b has no language"),
        ("a en\nb\n", ": utterance b has no language"),
        ("a en\nb de\n", ": language 'de' of utterance b is not among the model's"),
        ("a en\nb en zh\n", ": language 'en zh' of utterance b is not among the model's"),
    ],
)
def test_an_utterance_without_a_language_of_the_model_is_refused(
    tmp_path: Path, table: str | None, fault: str
) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (40, "abc")})
    if table is not None:
        (folder / "utt2lang").write_text(table)
    with pytest.raises(InputError) as error:
        load_utterances(folder, Letters(), quarter, LIMITS, ("en", "zh"))
    assert str(error.value) == f"{folder / 'utt2lang'}{fault} (the model knows en, zh)"


def test_an_error_that_nobody_foresaw_names_the_utterance(tmp_path: Path) -> None:
    class Broken:
        def read(self, utterance: Utterance) -> torch.Tensor:
            raise MemoryError(f"no room for {utterance.entry[-3:]}")

    examples = dataset(tmp_path, reader=Broken())
    with pytest.raises(InputError, match=r"^utterance b: MemoryError: no room for \S+ \(test_data"):
        examples[0, 1]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("-1", "utt2num_frames: utterance b has -1 frames; make it again"),
        ("1" + "0" * 20, "utt2num_frames: '10+' of utterance b is not a number, or too large"),
    ],
)
def test_absurd_lengths_are_named(tmp_path: Path, value: str, fault: str) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "hello")})
    (folder / "utt2num_frames").write_text(f"a 40\nb {value}\n")
    with pytest.raises(InputError, match=fault):
        load_utterances(folder, Letters(), quarter, LIMITS)


def test_an_utterance_that_is_said_to_be_endless_is_left_out(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "hello")})
    (folder / "utt2num_frames").write_text(f"a 40\nb {2**63 - 1}\n")
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert [utterance.utt_id for utterance in utterances] == ["a"]
    assert skipped[0].utt_id == "b" and "more than max_frames" in skipped[0].reason
