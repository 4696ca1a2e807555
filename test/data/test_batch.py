"""Padding of examples into batches."""

import torch

from moeasr.data.batch import Batch, Example, collate


def batch(languages: tuple[int | None, ...] = (None, None, None)) -> Batch:
    a, b, c = languages
    return collate(
        [
            Example("a", torch.full((2, 3), 1.0), torch.tensor([5, 6, 7]), a),
            Example("b", torch.full((4, 3), 2.0), torch.tensor([8]), b),
            Example("c", torch.full((1, 3), 3.0), torch.tensor([], dtype=torch.int64), c),
        ]
    )


def test_padding_follows_each_utterance() -> None:
    result = batch()
    assert result.utt_ids == ("a", "b", "c")
    assert result.feats_lens.tolist() == [2, 4, 1]
    assert result.feats[:, :, 0].tolist() == [[1, 1, 0, 0], [2, 2, 2, 2], [3, 0, 0, 0]]
    assert result.feats.shape == (3, 4, 3)
    assert result.tokens.tolist() == [[5, 6, 7], [8, 0, 0], [0, 0, 0]]
    assert result.tokens_lens.tolist() == [3, 1, 0]


def test_a_batch_describes_its_size_and_names_each_utterance_once() -> None:
    """Padded frames count, because they take memory."""
    size = "3 utterances, 12 frames with padding, 4 tokens"
    assert batch().describe_size() == size
    assert batch().describe() == f"{size}: a b c"
    second = Example("a", torch.ones(2, 3), torch.tensor([5]), None, torch.ones(2, 3))
    assert collate([second]).describe() == "1 utterance, 4 frames with padding, 1 token: a"


def test_types_are_those_the_network_expects() -> None:
    result = batch()
    assert result.feats.dtype == torch.float32
    assert {result.feats_lens.dtype, result.tokens.dtype, result.tokens_lens.dtype} == {torch.int64}


def test_without_transcripts_tokens_are_empty() -> None:
    empty = torch.tensor([], dtype=torch.int64)
    result = collate([Example(name, torch.ones(2, 3), empty) for name in "ab"])
    assert result.tokens.shape == (2, 0)
    assert result.tokens_lens.tolist() == [0, 0]


def test_to_moves_every_tensor() -> None:
    moved = batch(languages=(0, 2, 1)).to("meta")
    assert moved.utt_ids == ("a", "b", "c")
    tensors = (moved.feats, moved.feats_lens, moved.tokens, moved.tokens_lens, moved.languages)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_languages_are_numbers_in_the_order_of_the_utterances() -> None:
    result = batch(languages=(0, 2, 1))
    assert result.languages.tolist() == [0, 2, 1]  # 0 is a language, and not none
    assert result.languages.dtype == torch.int64


def test_without_languages_there_are_none() -> None:
    assert batch().languages is None
    assert batch().to("meta").languages is None


def test_second_views_follow_the_first_views_of_all_utterances():
    tokens = [torch.tensor([5, 6]), torch.tensor([7])]
    examples = [
        Example(name, torch.full((n, 3), n), tokens[n - 1], n, torch.full((n, 3), 10 * n))
        for n, name in ((1, "a"), (2, "b"))
    ]
    result = collate(examples).to("cpu")
    assert (result.num_views, collate([Example("a", torch.ones(2, 3), tokens[0])]).num_views) == (
        2,
        1,
    )
    assert result.utt_ids == ("a", "b", "a", "b")
    assert result.feats[:, :, 0].tolist() == [[1, 0], [2, 2], [10, 0], [20, 20]]
    assert result.feats_lens.tolist() == [1, 2, 1, 2]
    assert result.tokens.tolist() == [[5, 6], [7, 0], [5, 6], [7, 0]]
    assert result.languages.tolist() == [1, 2, 1, 2]
