"""The group head, and models whose experts it chooses."""

import dataclasses
import itertools
import math

import pytest
import torch
from systems import BATCH, LABELS, encoder, make_system, moe, pieces

from moeasr.models.heads.group_head import GroupHead
from moeasr.models.outputs import EncoderOutput
from moeasr.nn.feed_forward import DenseFeedForward

LEARNED = ["learned_group", "learned_blank"]
TOKENS, TOKENS_LENS = torch.tensor([[7, 7, 8], [9, 0, 0]]), torch.tensor([3, 1])


def encoded(scores, lens, labels):
    enc = torch.zeros(*scores.shape[:2], 4, dtype=scores.dtype)
    return EncoderOutput(enc, torch.tensor(lens), {}, group_scores=scores, labels=labels)


def test_the_loss_of_frames_is_their_cross_entropy():
    """Scores (0, log 3) give the probabilities 1/4 and 3/4; the second utterance has one frame."""
    head = GroupHead(4, 2, uses_ctc=False, has_blank_group=False)
    scores = torch.tensor([0.0, math.log(3)], dtype=torch.float64).expand(2, 2, 2)
    found = head.loss_of(encoded(scores, [2, 1], torch.tensor([0, 1])), TOKENS, TOKENS_LENS)
    expected = torch.tensor(2 * math.log(4) + math.log(4 / 3), dtype=torch.float64)
    torch.testing.assert_close(found.loss, expected, rtol=1e-14, atol=0)
    assert found.stats["acc_group"] == 1.0  # 0 of the first utterance, all of the second


def test_the_ctc_loss_is_that_of_all_alignments_of_the_repeated_label():
    """The twin sums the alignments; three tokens, but four frames allow the label only twice."""
    head = GroupHead(4, 2, uses_ctc=True, has_blank_group=True)
    scores = torch.randn(2, 4, 3, dtype=torch.float64)
    labels = torch.tensor([1, 0])
    found = head.loss_of(encoded(scores, [4, 3], labels), TOKENS, TOKENS_LENS).loss
    probs, total = scores.softmax(dim=-1), 0.0
    for b, (num_frames, times) in enumerate([(4, 2), (3, 1)]):
        own, likelihood = int(labels[b]) + 1, 0.0
        for path in itertools.product((0, own), repeat=num_frames):
            runs = [symbol for symbol, _ in itertools.groupby(path) if symbol]
            if len(runs) == times:
                likelihood += math.prod(float(probs[b, t, s]) for t, s in enumerate(path))
        total -= math.log(likelihood)
    assert float(found) == pytest.approx(total, rel=1e-12)


def test_an_odd_number_of_frames_has_room_for_one_label_more_than_its_half():
    """Three frames of three tokens hold the label twice, with a blank in between."""
    head = GroupHead(4, 2, uses_ctc=True, has_blank_group=False)
    scores = torch.randn(1, 3, 3, dtype=torch.float64)
    given = encoded(scores, [3], torch.tensor([1])), torch.tensor([[7, 8, 9]]), torch.tensor([3])
    log_probs = scores.log_softmax(dim=-1)[0]
    expected = -(log_probs[0, 2] + log_probs[1, 0] + log_probs[2, 2])
    torch.testing.assert_close(head.loss_of(*given).loss, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("uses_ctc", [False, True])
def test_unknown_labels_count_neither_in_the_loss_nor_in_the_accuracy(uses_ctc):
    head = GroupHead(4, 2, uses_ctc, has_blank_group=False)
    scores = torch.randn(2, 4, 2 + uses_ctc, dtype=torch.float64)
    both = encoded(scores, [4, 3], torch.tensor([1, -1]))
    alone = encoded(scores[:1], [4], torch.tensor([1]))
    found = head.loss_of(both, TOKENS, TOKENS_LENS)
    expected = head.loss_of(alone, TOKENS[:1], TOKENS_LENS[:1])
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-14, atol=0)
    assert found.stats["acc_group"] == expected.stats["acc_group"]
    assert head.count_correct(both)[1].tolist() == [4, 0]
    unlabelled = both._replace(labels=None)
    assert head.loss_of(unlabelled, TOKENS, TOKENS_LENS).loss == 0
    assert head.count_correct(unlabelled)[1].tolist() == [0, 0]


def test_the_best_score_chooses_the_group_and_the_blank_only_has_one_if_told():
    scores = torch.tensor([[[9.0, 1.0, 2.0], [0.0, 1.0, -1.0], [0.0, 1.0, 3.0]]])
    for has_blank_group, groups in [(True, [0, 1, 2]), (False, [1, 0, 1])]:
        head = GroupHead(3, 2, uses_ctc=True, has_blank_group=has_blank_group)
        head.norm, head.project = torch.nn.Identity(), torch.nn.Identity()
        found, context = head.identify(scores)
        assert torch.equal(found, scores)
        assert context.shape == (1, 3, 3 if has_blank_group else 2)
        assert context.argmax(dim=-1)[0].tolist() == groups and (context.sum(dim=-1) == 1).all()
        correct, counted = head.count_correct(encoded(found, [3], torch.tensor([1])))
        assert (correct.tolist(), counted.tolist()) == ([2], [3])  # the blank is ignored


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("chunk_size", [-1, 4])
def test_every_frame_meets_the_experts_of_the_group_that_the_head_chose(name, chunk_size):
    model = make_system(name)
    (head,) = (model.all_heads[name] for name in model.config.heads)
    size = 4 // 2 if name == "learned_group" else 6 // 3
    output = model.encode(*BATCH[:2], chunk_size)
    assert output.group_scores.size(2) == head.num_groups  # so that scores are in their order
    chosen = torch.cat(
        [
            scores[:num_frames].argmax(dim=-1)
            for scores, num_frames in zip(output.group_scores, output.enc_lens.tolist())
        ]
    )
    assert len(chosen.unique()) > 1
    assert output.routings and all(".1." in path for path in output.routings)
    for routing in output.routings.values():
        assert torch.equal(routing.expert_ids // size, chosen[:, None].expand(-1, 2))


@pytest.mark.parametrize("name", LEARNED)
def test_labels_change_only_the_loss_of_the_head(name):
    model = make_system(name).eval()
    told = model.encode(*BATCH[:2], languages=LABELS)
    untold = model.encode(*BATCH[:2])
    assert torch.equal(told.enc, untold.enc)
    with_loss, without = model(*BATCH, LABELS), model(*BATCH)
    weight = next(iter(model.config.heads.values())).weight
    expected = without.loss + weight * with_loss.stats["loss_group"]
    torch.testing.assert_close(with_loss.loss, expected, rtol=1e-14, atol=0)
    assert "acc_group" in with_loss.stats and "loss_group" not in without.stats


def test_a_head_of_weight_0_still_chooses_groups():
    trained = make_system("learned_group").eval()
    (name,) = trained.config.heads
    heads = {name: trained.config.heads[name].__class__(weight=0.0, labels=("north", "south"))}
    frozen = make_system("learned_group", heads=heads).eval()
    frozen.load_state_dict(trained.state_dict())
    assert torch.equal(frozen.encode(*BATCH[:2]).enc, trained.encode(*BATCH[:2]).enc)
    assert "loss_group" not in frozen(*BATCH, LABELS).stats


@pytest.mark.slow
def test_the_head_learns_the_labels_of_utterances():
    """After a few steps on two utterances, it identifies all of their frames."""
    model = make_system("learned_group")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    for _ in range(8):
        optimizer.zero_grad()
        model(*BATCH, LABELS).loss.backward()
        optimizer.step()
    model.eval()
    for b, piece in enumerate(pieces(BATCH)):
        assert model(*piece, LABELS[b : b + 1]).stats["acc_group"] == 1.0


@pytest.mark.parametrize("settings", [{}, {"num_groups": 2}, {"type": "transformer"}])
def test_dense_blocks_are_as_wide_as_an_expert_and_come_first(settings):
    """Blocks with experts of one group share them; the dense ones share among themselves."""
    config = encoder(moe(), num_blocks=4, num_dense_blocks=2, **settings)
    model = make_system("u2pp_moe", encoder=config)
    parts = [block.feed_forward for block in model.encoder.blocks]
    assert [isinstance(part, DenseFeedForward) for part in parts] == [True, True, False, False]
    assert parts[0].w1.out_features == parts[2].experts.w1.size(1)
    is_shared = "num_groups" in settings
    if "type" in settings:
        config = dataclasses.replace(config, dense_hidden_units=40)
        wide = make_system("u2pp_moe", encoder=config).encoder.blocks
        assert wide[1].feed_forward.w1.out_features == 40 != wide[2].feed_forward.experts.w1.size(1)
    assert (parts[0] is parts[1]) == (parts[2].experts is parts[3].experts) == is_shared
