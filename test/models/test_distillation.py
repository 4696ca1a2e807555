"""Distillation."""

import dataclasses

import pytest
import torch
from rounding import assert_close
from systems import BATCH, assert_gradient, encoder, make_system, pieces

from moeasr.errors import InputError
from moeasr.models.distillation import (
    Distillation,
    DistillationConfig,
    posterior_divergence,
    state_distance,
)
from moeasr.nn.mask import make_valid_mask

CONFIG = DistillationConfig(teacher="teacher.pt", ctc_weight=0.5, encoder_weight=0.2)


def make_pair(student="shared_consecutive", full_context=True, **settings):
    model = make_system(student, **settings)
    if full_context:  # chunk sizes are drawn in training: leave them out of comparisons
        model.max_chunk_size = None
    return model, make_system("dense")


def test_divergence_is_the_kullback_leibler_sum_of_valid_frames():
    logits, teacher = torch.randn(2, 2, 3, 5, dtype=torch.float64)
    valid = torch.tensor([[True, True, False], [True, False, False]])
    expected = 0.0
    for b, t in valid.nonzero():
        p = (teacher[b, t] / 2.0).softmax(-1)
        q = (logits[b, t] / 2.0).softmax(-1)
        expected += 4.0 * float((p * (p.log() - q.log())).sum())
    got = posterior_divergence(logits, teacher, valid, 2.0)
    assert float(got) == pytest.approx(expected, abs=1e-12)
    assert float(posterior_divergence(teacher, teacher, valid, 1.0)) == pytest.approx(0, abs=1e-12)


def test_state_distance_is_a_mean_over_dimensions_and_a_sum_over_valid_frames():
    enc, teacher = torch.zeros(1, 3, 4), torch.full((1, 3, 4), 2.0)
    valid = torch.tensor([[True, True, False]])
    assert float(state_distance(enc, teacher, valid)) == 8.0


def test_the_loss_adds_both_distances_to_the_students_own():
    student, teacher = make_pair()
    config = dataclasses.replace(CONFIG, temperature=2.0)
    output = Distillation(student, teacher, config).loss(*BATCH)
    encoded, teacher_enc = student.encode(*BATCH[:2]), teacher.encode(*BATCH[:2]).enc
    valid = make_valid_mask(encoded.enc_lens, encoded.enc.size(1))
    logits, teacher_logits = student.ctc.project(encoded.enc), teacher.ctc.project(teacher_enc)
    ctc = posterior_divergence(logits, teacher_logits, valid, 2.0)
    states = state_distance(encoded.enc, teacher_enc, valid)
    torch.testing.assert_close(output.stats["loss_distill_ctc"], ctc.detach())
    torch.testing.assert_close(output.stats["loss_distill_encoder"], states.detach())
    expected = student(*BATCH).loss + 0.5 * ctc + 0.2 * states
    torch.testing.assert_close(output.loss, expected, rtol=0, atol=1e-9)


def test_defaults_weigh_posteriors_by_a_half_and_states_by_a_tenth():
    default = DistillationConfig()
    assert (default.ctc_weight, default.encoder_weight, default.temperature) == (0.5, 0.1, 1.0)


def test_the_student_learns_by_the_gradient_of_the_whole_loss():
    student, teacher = make_pair()
    config = dataclasses.replace(CONFIG, temperature=2.0)
    distillation = Distillation(student, teacher, config)
    assert_gradient(lambda: distillation.loss(*BATCH).loss, list(student.parameters()))


def test_the_loss_of_a_batch_is_the_sum_over_its_utterances():
    student, teacher = make_pair()
    loss_of = Distillation(student, teacher, CONFIG).loss
    alone = sum(loss_of(*piece).loss for piece in pieces(BATCH))
    torch.testing.assert_close(loss_of(*BATCH).loss, alone, rtol=0, atol=1e-9)


def test_a_student_that_is_its_teacher_has_nothing_to_learn():
    model, _ = make_pair("dense")
    output = Distillation(model, make_system("dense").requires_grad_(False), CONFIG)
    output._teacher.load_state_dict(model.state_dict())
    stats = output.loss(*BATCH).stats
    assert float(stats["loss_distill_ctc"]) == pytest.approx(0, abs=1e-9)
    assert float(stats["loss_distill_encoder"]) == pytest.approx(0, abs=1e-9)


def test_the_teacher_hears_the_students_chunks():
    """The teacher must use the chunk size of the student; otherwise equal models would differ."""
    model, _ = make_pair("dense", full_context=False)
    distillation = Distillation(model, make_system("dense"), CONFIG)
    distillation._teacher.load_state_dict(model.state_dict())
    drawn = set()
    draw = model.draw_chunk_size
    model.draw_chunk_size = lambda n: drawn.add(size := draw(n)) or size
    for _ in range(8):
        stats = distillation.loss(*BATCH).stats
        assert float(stats["loss_distill_encoder"]) == pytest.approx(0, abs=1e-9)
    assert len(drawn) > 1


def test_the_teacher_stays_as_it_is():
    student, teacher = make_pair()
    distillation = Distillation(student, teacher, CONFIG)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    distillation.loss(*BATCH).loss.backward()
    assert not teacher.training and all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(before[n], t) for n, t in teacher.state_dict().items())
    assert all(p.grad is not None for p in student.parameters())


def test_development_loss_is_of_the_transcripts_alone():
    student, teacher = make_pair()
    student.eval()
    output = Distillation(student, teacher, CONFIG).loss(*BATCH)
    assert torch.equal(output.loss, student(*BATCH).loss)
    assert "loss_distill_ctc" not in output.stats


@pytest.mark.parametrize(
    ("teacher", "student", "reason"),
    [
        ({"vocab_size": 11}, {}, "it has 11 units, but this model has 9"),
        ({"encoder": encoder(d_model=24)}, {}, "width 24, but this model's has width 16"),
        (
            {"encoder": encoder(causal_conv=False, dynamic_chunk=False)},
            {},
            "the teacher sees future frames",
        ),
        (
            {"encoder": encoder(dynamic_chunk=False)},
            {},
            "trains in chunks, but the teacher was trained without",
        ),
        ({"ctc_weight": 0}, {}, "the teacher has `model.ctc_weight: 0`"),
        ({}, {"ctc_weight": 0}, "this model has `model.ctc_weight: 0`"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(teacher, student, reason):
    model, other = make_system("dense", **student), make_system("dense", **teacher)
    with pytest.raises(InputError, match=f"teacher.pt cannot teach this model: .*{reason}"):
        Distillation(model, other, CONFIG)


def test_without_posteriors_models_that_never_trained_them_learn_from_states():
    config = DistillationConfig(teacher="teacher.pt", ctc_weight=0, encoder_weight=0.1)
    student, teacher = (make_system("dense", ctc_weight=0) for _ in range(2))
    output = Distillation(student, teacher, config).loss(*BATCH)
    output.loss.backward()
    assert "loss_distill_ctc" not in output.stats and output.stats["loss_distill_encoder"] > 0
    assert all(parameter.grad is None for parameter in student.ctc.parameters())


def test_another_subsampling_is_refused():
    model, teacher = make_system("dense"), make_system("dense")
    teacher.encoder.subsampling_rate = 6
    with pytest.raises(InputError, match="subsampling rate is 6, but this model's is 4"):
        Distillation(model, teacher, CONFIG)


def test_states_are_compared_in_float32_at_least():
    enc, teacher = torch.randn(2, 1, 30, 16).bfloat16()
    valid = torch.ones(1, 30, dtype=torch.bool)
    got = state_distance(enc, teacher, valid)
    expected = state_distance(enc.double(), teacher.double(), valid)
    assert got.dtype == torch.float32
    assert_close(got, expected, 30)  # a mean of 30 frames


def test_a_wider_teacher_may_teach_its_posteriors():
    wide = make_system("dense", encoder=encoder(d_model=24))
    config = dataclasses.replace(CONFIG, encoder_weight=0.0)
    loss = Distillation(make_system("dense"), wide, config).loss(*BATCH).loss
    assert torch.isfinite(loss)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ctc_weight": -1.0},
        {"encoder_weight": float("inf")},
        {"temperature": 0.0},
        {"teacher": "a.pt", "ctc_weight": 0.0, "encoder_weight": 0.0},
    ],
)
def test_weights_outside_their_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        DistillationConfig(**wrong)


def test_both_views_are_distilled_and_must_agree():
    student, teacher = make_pair("u2pp_moe", consistency_weight=0.2)
    feats = torch.cat((BATCH[0], BATCH[0].roll(1, dims=1)))
    views = (feats, *(torch.cat((x, x)) for x in BATCH[1:]), None, 2)
    output = Distillation(student, teacher, CONFIG).loss(*views)
    ctc, states = (output.stats[f"loss_distill_{name}"] for name in ("ctc", "encoder"))
    own = student(*views)
    expected = own.loss.detach() + CONFIG.ctc_weight * ctc + CONFIG.encoder_weight * states
    torch.testing.assert_close(output.loss.detach(), expected, rtol=0, atol=1e-9)
    assert torch.equal(output.stats["loss_consistency"], own.stats["loss_consistency"])
