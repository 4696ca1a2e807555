"""Examples as pure functions of (seed, epoch, index)."""

from pathlib import Path

import pytest
import torch
from letter_sets import LIMITS, Letters, features, make_dir, quarter

from moeasr.data.dataset import AsrDataset
from moeasr.data.selection import load_utterances
from moeasr.datadir.utterances import Utterance
from moeasr.errors import InputError
from moeasr.features.augment import SpecAugmentConfig
from moeasr.labels import Labels

MASKS = SpecAugmentConfig(max_time_frames=10, max_freq_bins=2)


def dataset(folder: Path, **settings) -> AsrDataset:
    folder = make_dir(folder, {"a": (40, "abc"), "b": (60, "hello"), "c": (50, "xyz")})
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS)
    arguments = {"spec_augment": MASKS, "fill": torch.zeros(6), "seed": 3, **settings}
    return AsrDataset(utterances, Letters(), **arguments)


def test_without_augmentation_an_example_equals_the_files(tmp_path: Path) -> None:
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


def test_a_second_view_has_other_masks_and_leaves_the_first_view_as_it_is(tmp_path: Path) -> None:
    one, two = dataset(tmp_path / "one"), dataset(tmp_path / "two", num_views=2)
    assert one[(1, 1)].second_view is None
    example = two[(1, 1)]
    assert torch.equal(example.feats, one[(1, 1)].feats)
    assert not torch.equal(example.feats, example.second_view)
    assert torch.equal(example.second_view, two[(1, 1)].second_view)
    unmasked = dataset(tmp_path / "three", num_views=2, spec_augment=None)[(1, 1)]
    assert torch.equal(unmasked.feats, unmasked.second_view)


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


def test_without_a_fill_masks_have_the_mean_of_the_utterance(tmp_path: Path) -> None:
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


def test_an_empty_transcript_is_an_example_without_tokens(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, ""), "b": (40, "abc")})
    utterances, skipped = load_utterances(folder, Letters(), quarter, LIMITS)
    assert (len(utterances), skipped) == (2, [])
    example = AsrDataset(utterances, Letters(), None, None, 0)[(0, 0)]
    assert (example.utt_id, example.tokens.shape) == ("a", (0,))


def test_features_of_another_length_than_the_table_says_are_named(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc")})
    entry = (folder / "feats.scp").read_text().split()[1]
    utterance = Utterance("a", None, "abc", entry, num_frames=41)
    data = AsrDataset([utterance], Letters(), None, None, 0)
    with pytest.raises(InputError, match="utterance a have 40 frames, but utt2num_frames says 41"):
        data[(0, 0)]


def test_masks_begin_at_their_first_epoch(tmp_path: Path) -> None:
    late = SpecAugmentConfig(max_time_frames=10, max_freq_bins=2, first_epoch=3)
    data = dataset(tmp_path, spec_augment=late)
    assert torch.equal(data[(2, 1)].feats, features(60))
    assert torch.equal(data[(3, 1)].feats, dataset(tmp_path)[(3, 1)].feats)
    assert not torch.equal(data[(3, 1)].feats, features(60))


def test_examples_carry_the_index_of_their_language(tmp_path: Path) -> None:
    folder = make_dir(tmp_path, {"a": (40, "abc"), "b": (60, "abc"), "short": (5, "a")})
    (folder / "utt2lang").write_text("short zh\nb en\nz fr\na zh\n")  # z has no features
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS, Labels(("en", "zh")))
    data = AsrDataset(utterances, Letters(), None, None, 0)
    assert {e.utt_id: e.language for e in (data[0, 0], data[0, 1])} == {"a": 1, "b": 0}
    utterances, _ = load_utterances(folder, Letters(), quarter, LIMITS, Labels(("zh", "fr", "en")))
    assert [utterance.language for utterance in utterances] == [0, 2]


def test_an_unexpected_error_names_the_utterance(tmp_path: Path) -> None:
    class Broken:
        def read(self, utterance: Utterance) -> torch.Tensor:
            raise MemoryError(f"no room for {utterance.entry[-3:]}")

    examples = dataset(tmp_path, reader=Broken())
    with pytest.raises(InputError, match=r"^utterance b: MemoryError: no room for \S+ \(test_data"):
        examples[0, 1]
