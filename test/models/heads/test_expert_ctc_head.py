"""CTC heads of experts, and the labels that teach routers."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from rounding import NETWORK_STEPS, assert_close
from systems import BATCH, LABELS, encoder, make_system, moe, normed, pieces, vary

from moeasr.config import from_mapping
from moeasr.errors import InputError
from moeasr.models.build import count_params
from moeasr.models.config import ModelConfig
from moeasr.models.cost import model_cost
from moeasr.models.heads.expert_ctc_head import ExpertCtcConfig
from moeasr.moe.routers import ROUTERS
from moeasr.train.config import OptimConfig
from moeasr.train.optim import build_optimizer

TARGETS = BATCH[2:]
HEAD = {
    "type": "expert_ctc",
    "weight": 0.5,
    "blocks": [2],
    "labels": ["en", "zh"],
    "label_weight_schedule": [[0, 1.0], [10, 0.0]],
}


def make(step=None, **settings):
    """The system in training, at a step of its schedule, which falls from 1 to 0 in 4 steps."""
    model = vary(make_system("expert_ctc", **settings)).train()
    model.max_chunk_size = None
    if step is not None:
        model.start_step(step)
    return model


@pytest.mark.parametrize("step", [1, 4])
def test_the_loss_is_that_of_each_expert_alone_by_its_share_and_of_the_label(step):
    """The twin runs the projection of one expert of one utterance after the other."""
    model = make(step)
    (head,) = (model.all_heads[name] for name in model.config.heads)
    encoded = model.encode(*BATCH[:2], languages=LABELS)
    found = head.loss_of(encoded, *TARGETS)
    ctc, label_loss, num_correct = 0.0, 0.0, 0.0
    for block, heads in ((0, head.blocks["0"]), (1, head.blocks["1"])):
        routing = encoded.routings[f"encoder.blocks.{block}.feed_forward"]
        first = 0
        for b, num_frames in enumerate(encoded.enc_lens.tolist()):
            tokens = BATCH[2][b, : BATCH[3][b]]
            for k, expert in enumerate(routing.alone.expert_ids[b].tolist()):
                states = normed(heads.norm, routing.alone.states[b, k, :num_frames])
                logits = states @ heads.weight[expert].T + heads.bias[expert]
                lens = [num_frames], [len(tokens)]
                loss = F.ctc_loss(logits.log_softmax(-1), tokens, *lens, reduction="sum")
                ctc += routing.alone.shares[b, k] * loss / 2
            probs = routing.probs[first : first + num_frames]
            first += num_frames
            own = slice(2, 4) if LABELS[b] == 1 else slice(0, 2)
            label_loss -= probs[:, own].sum(dim=1).log().sum() / 2
            best = probs.argmax(dim=1)
            num_correct += ((best // 2 == LABELS[b]).sum() / num_frames) / 2
    torch.testing.assert_close(found.stats["loss_expert_ctc"], ctc, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.stats["loss_label"], label_loss, rtol=1e-12, atol=0)
    assert float(found.stats["acc_group"]) == pytest.approx(float(num_correct), rel=1e-6)
    weight = 0.75 if step == 1 else 0.0
    torch.testing.assert_close(found.loss, ctc + weight * label_loss, rtol=1e-12, atol=0)


def test_the_label_guides_routing_in_the_chosen_blocks_until_its_weight_is_0():
    config = make_system("expert_ctc").config
    (section,) = config.heads.values()
    late = dataclasses.replace(section, blocks=(2,), label_weight_schedule=((1, 1.0), (2, 0.0)))
    model = make(heads={"experts": late})
    owners = (LABELS[:, None] * 2).repeat_interleave(torch.tensor([16, 11]), dim=0)

    def is_of_label(block, labels=LABELS):
        encoded = model.encode(*BATCH[:2], languages=labels)
        ids = encoded.routings[f"encoder.blocks.{block}.feed_forward"].expert_ids
        return bool(((ids >= owners) & (ids < owners + 2)).all())

    model.start_step(1)
    assert is_of_label(1) and not is_of_label(0) and not is_of_label(1, labels=None)
    untold = model.encode(*BATCH[:2]).enc
    model.start_step(2)
    assert not is_of_label(1)
    assert torch.equal(model.encode(*BATCH[:2], languages=LABELS).enc, untold)


@pytest.mark.parametrize("step", [1, 3, 4])
def test_an_utterance_has_the_same_loss_alone_as_in_a_batch(step):
    model = make(step)
    whole = model(*BATCH, LABELS)
    parts = [model(*piece, LABELS[b : b + 1]) for b, piece in enumerate(pieces(BATCH))]
    for name in ("loss_expert_ctc", "loss_label", "acc_group", "loss"):
        total = sum(part.stats[name] for part in parts)
        tolerance = 1e-6 if name == "acc_group" else 1e-12  # accuracies are in float32
        assert float(whole.stats[name]) == pytest.approx(float(total), rel=tolerance)


def test_outside_training_the_model_is_the_one_without_the_head():
    model, plain = make(1).eval(), make_system("u2pp_moe", decoder=make().config.decoder)
    state = model.state_dict()
    plain.load_state_dict({key: state[key] for key in plain.state_dict()})
    told, untold = model(*BATCH, LABELS), plain.eval()(*BATCH)
    assert torch.equal(told.loss, untold.loss)
    assert told.stats.keys() - untold.stats.keys() == {"loss_label", "acc_group"}
    assert model(*BATCH).stats.keys() == untold.stats.keys()
    assert torch.equal(model.encode(*BATCH[:2], languages=LABELS).enc, plain.encode(*BATCH[:2]).enc)


def test_biases_are_not_decayed():
    model = make_system("expert_ctc")
    decayed, plain = build_optimizer(model, OptimConfig(weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    (head,) = (model.all_heads[name] for name in model.config.heads)
    for projections in head.blocks.values():
        assert any(projections.weight is p for p in decayed["params"])
        assert any(projections.bias is p for p in plain["params"])


def test_unknown_labels_are_not_taught():
    model = make(1)
    unknown = model(*BATCH, torch.tensor([-1, -1]))
    assert unknown.stats["loss_label"] == 0 and unknown.stats["acc_group"] == 0
    untold = model(*BATCH)
    assert_close(unknown.loss, untold.loss, NETWORK_STEPS, dtype=torch.float64)


def test_the_profile_counts_the_heads_as_parameters_that_no_frame_uses():
    model, plain = make(), make_system("u2pp_moe", decoder=make().config.decoder)
    extra = 2 * (4 * 9 * (16 + 1) + 2 * 16)  # blocks; experts, units, inputs and bias; norm
    ours, theirs = count_params(model), count_params(plain)
    assert (ours.total - theirs.total, ours.active - theirs.active) == (extra, 0)
    parts = {cost.part: cost for cost in model_cost(model)}
    own = parts.pop("other heads")
    assert (own.total_params, own.active_params, own.macs_per_sec) == (extra, 0, 0)
    assert not own.uncounted
    assert list(parts.values()) == model_cost(plain)


@pytest.mark.slow
def test_experts_learn_to_recognise_and_routers_to_know_the_label():
    """Without the label, the routers choose experts of the label after a few steps."""
    (section,) = make().config.heads.values()
    slow = dataclasses.replace(section, label_weight_schedule=((20, 1.0), (24, 0.0)))
    model = make(heads={"experts": slow})
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    losses = []
    for step in range(1, 25):
        model.start_step(step)
        optimizer.zero_grad()
        output = model(*BATCH, LABELS)
        output.loss.backward()
        losses.append(float(output.stats["loss_expert_ctc"]))
        optimizer.step()
    assert losses[-1] < losses[0] / 2
    assert float(model.eval()(*BATCH, LABELS).stats["acc_group"]) > 1.8


@pytest.mark.parametrize("name", ROUTERS)
def test_every_router_can_be_taught_or_is_refused(name):
    settings = {"experts_per_frame": 2, "expert_weights": "selected"}
    part = moe(router=name, **settings)
    heads = {"experts": from_mapping(ExpertCtcConfig, {**HEAD, "blocks": [1]}, "f")}
    if not part.router_class.can_be_taught:
        with pytest.raises(InputError, match="it needs an `enc|labels cannot teach a router while"):
            heads["experts"].check_encoder(encoder(part, dynamic_chunk=not part.sees_future))
        return
    model = make_system("u2pp_moe", encoder=encoder(part), heads=heads).train()
    model.start_step(1)
    output = model(*BATCH, LABELS)
    output.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("model", "head", "sentence"),
    [
        ({}, {"weight": 0.0}, "`weight` must be above 0, because the head is used in training"),
        ({}, {"blocks": []}, r"`blocks` must be ascending numbers .* but is \[\]"),
        ({}, {"blocks": [2, 1]}, r"`blocks` must be ascending numbers .* but is \[2, 1\]"),
        ({}, {"blocks": [0, 1]}, r"`blocks` must be ascending numbers of encoder blocks, from 1"),
        ({}, {"blocks": [2, 3]}, r"`blocks` must be numbers of blocks with experts, from 1 to 2"),
        ({"num_dense_blocks": 1}, {"blocks": [1]}, "with experts, from 2 to 2, but is"),
        ({}, {"labels": ["en"]}, "`labels` needs at least 2 names, as in utt2lang"),
        ({}, {"labels": ["en", "en"]}, "a name twice: en, en"),
        ({}, {"labels": list("abcdefghi")}, r"not be more than the experts .* \(8\), but are 9"),
        ({}, {"label_weight_schedule": []}, "needs pairs .* that end with the weight 0"),
        (
            {},
            {"label_weight_schedule": [[0, 1.0], [9, 0.5]]},
            "the last weight of `label_weight_schedule` must be 0, .* but is 0.5",
        ),
        ({}, {"label_weight_schedule": [[5, 1.0], [1, 0.0]]}, "must be 0 or more and ascend"),
        ({}, {"label_weight_schedule": [[0, 1.5], [9, 0.0]]}, "must be between 0 and 1"),
        ({}, {"routing_weight": -1.0}, "`routing_weight` must be 0 or more, but is -1.0"),
        ({"feed_forward": {"type": "dense"}}, {}, "`heads.own`: it needs an .* of `type: moe`"),
    ],
)
def test_settings_that_cannot_work_are_refused(model, head, sentence):
    experts = {"type": "moe", "router": "top_k"}
    section = {"num_blocks": 2, "feed_forward": experts, **model}
    mapping = {"encoder": section, "heads": {"own": {**HEAD, **head}}}
    with pytest.raises(InputError, match=sentence):
        from_mapping(ModelConfig, mapping, "f")


def test_blocks_without_experts_are_refused_by_the_built_model():
    """The config cannot know the blocks of a user's encoder."""
    head = from_mapping(ExpertCtcConfig, HEAD, "f").build(16, vocab_size=9)
    with pytest.raises(InputError, match="cannot use block 2, because its `feed_forward` has no"):
        head.attach(make_system("dense").encoder)


def test_only_one_head_may_have_labels():
    mapping = {"encoder": {"feed_forward": {"type": "moe"}}, "heads": {"a": HEAD, "b": HEAD}}
    with pytest.raises(InputError, match="only one head may have `labels`, but a and b do"):
        from_mapping(ModelConfig, mapping, "f")
