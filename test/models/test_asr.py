"""The whole recogniser and its loss."""

import dataclasses

import pytest
import torch
from systems import (
    BATCH,
    LABELS,
    SYSTEMS,
    assert_gradient,
    encoder,
    make_system,
    moe,
    pieces,
    system_config,
)

from moeasr.errors import InputError
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.attention_head import add_sos_eos, reverse_tokens
from moeasr.models.heads.ctc_head import CtcConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import DrawnExperts, MoeConfig
from moeasr.moe.losses import ROUTING_LOSSES, sparsity_l1_loss

MOE = MoeConfig(hidden_units=16, num_experts=4, experts_per_frame=2)


def make_model(**settings):
    config = ModelConfig(
        encoder=ConformerConfig(
            num_blocks=2,
            d_model=16,
            num_heads=2,
            dropout=0.0,
            attention_dropout=0.0,
            feed_forward=MOE,
            macaron_feed_forward=MOE,
        ),
        decoder=DecoderConfig(
            num_blocks=1,
            num_reverse_blocks=settings.pop("num_reverse_blocks", 1),
            num_heads=2,
            dropout=0.0,
            feed_forward=MOE,
        ),
        **settings,
    )
    return build_model(config, num_mel_bins=20, vocab_size=9).double()


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_loss_of_a_batch_is_the_sum_over_its_utterances(system):
    model = make_system(system).eval()
    whole = model(*BATCH, LABELS)
    alone = [model(*piece, LABELS[b : b + 1]) for b, piece in enumerate(pieces(BATCH))]
    torch.testing.assert_close(whole.loss, sum(o.loss for o in alone), rtol=0, atol=1e-9)
    assert float(whole.weight) == 2 == sum(float(o.weight) for o in alone)
    assert not any(value.requires_grad for value in whole.stats.values())
    for name in whole.stats:
        total = sum(o.stats[name] for o in alone)
        torch.testing.assert_close(whole.stats[name], total, rtol=0, atol=1e-9)
    for name, load in whole.expert_loads.items():
        assert torch.equal(load, sum(o.expert_loads[name] for o in alone))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("lengths", [(0, 0), (0, 2)])
def test_empty_transcripts_train(system, lengths):
    feats, feats_lens, tokens, _ = BATCH
    batch = (feats, feats_lens, tokens[:, : max(lengths)], torch.tensor(lengths))
    model = make_system(system).eval()
    whole = model(*batch, LABELS)
    alone = [model(*piece, LABELS[b : b + 1]) for b, piece in enumerate(pieces(batch))]
    torch.testing.assert_close(whole.loss, sum(o.loss for o in alone), rtol=0, atol=1e-9)
    blanks = model.ctc_log_probs(model.encode(feats, feats_lens).enc)[0, :, 0].sum()
    torch.testing.assert_close(alone[0].stats["loss_ctc"], -blanks, rtol=0, atol=1e-9)
    model.train()(*batch, LABELS).loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_the_loss_is_the_papers_weighted_sum():
    model = make_model(ctc_weight=0.4, reverse_weight=0.2).eval()
    stats = model(*BATCH).stats
    attention = 0.8 * stats["loss_att"] + 0.2 * stats["loss_att_reverse"]
    expected = 0.4 * stats["loss_ctc"] + 0.6 * attention
    torch.testing.assert_close(stats["loss"], expected, rtol=0, atol=1e-10)


def test_the_second_decoder_learns_tokens_from_right_to_left():
    model = make_model().eval()
    model.reverse_decoder.load_state_dict(model.decoder.state_dict())
    feats, feats_lens, tokens, tokens_lens = BATCH
    backwards = model(feats, feats_lens, torch.tensor([[5, 4, 4, 3], [7, 6, 0, 0]]), tokens_lens)
    stats = model(*BATCH).stats
    torch.testing.assert_close(stats["loss_att_reverse"], backwards.stats["loss_att"])


def test_accuracy_is_the_share_of_right_tokens_of_each_utterance_and_its_end():
    """The decoder always predicts 4, which is correct for two of 5 tokens and for none of 3."""
    model = make_model().eval()
    torch.nn.init.zeros_(model.decoder.project.weight)
    with torch.no_grad():
        model.decoder.project.bias.copy_(torch.arange(9) == 4)
    torch.testing.assert_close(float(model(*BATCH).stats["acc"]), 2 / 5 + 0 / 3)


def test_features_are_normalised_by_mean_and_inverse_deviation():
    mean, istd = torch.randn(20, dtype=torch.float64), torch.rand(20, dtype=torch.float64) + 0.5
    plain = make_model().eval()
    model = build_model(plain.config, 20, 9, (mean, istd)).double().eval()
    weights = {n: w for n, w in plain.state_dict().items() if not n.startswith("cmvn.")}
    model.load_state_dict(weights, strict=False)
    expected = plain.encode((BATCH[0] - mean) * istd, BATCH[1]).enc
    torch.testing.assert_close(model.encode(*BATCH[:2]).enc, expected, rtol=0, atol=1e-10)


def test_chunk_sizes_are_drawn_by_encoder_frames_in_training_only():
    model = make_system("dense", encoder=encoder(max_chunk_size=3))
    assert {model.draw_chunk_size(400) for _ in range(100)} == {-1, 1, 2, 3}
    assert {model.draw_chunk_size(7) for _ in range(20)} == {-1}  # a single encoder frame
    assert {model.eval().draw_chunk_size(400) for _ in range(20)} == {-1}
    fixed = make_system("dense", encoder=encoder(dynamic_chunk=False))
    assert {fixed.draw_chunk_size(400) for _ in range(20)} == {-1}


def test_label_smoothing_mixes_in_the_uniform_distribution():
    model = make_model(label_smoothing=0.3, ctc_weight=0.0, reverse_weight=0.0).eval()
    feats, feats_lens, tokens, tokens_lens = next(pieces(BATCH))
    got = model(feats, feats_lens, tokens, tokens_lens).loss
    encoded = model.encode(feats, feats_lens)
    tokens_in, targets = add_sos_eos(tokens, tokens_lens, 2)
    logits = model.decoder(tokens_in, tokens_lens + 1, encoded.enc, encoded.enc_lens).logits
    log_probs = logits[0].log_softmax(dim=-1)
    right = log_probs[range(5), targets[0]]
    expected = -(0.7 * right + 0.3 * log_probs.mean(dim=-1)).sum()
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)


def test_routing_losses_are_added_once_per_utterance_and_summed_over_layers():
    """Layers of the encoder and of both decoders count; each loss has its own weight."""
    weights = {"sparsity_l1": 0.5, "mean_importance": 0.25, "switch_balance": 0.125, "z": 2.0}
    plain, trained = make_model(), make_model(routing_losses=weights)
    trained.load_state_dict(plain.state_dict())
    without, found = plain.eval()(*BATCH), trained.eval()(*BATCH)
    encoded, (tokens, lens) = plain.encode(*BATCH[:2]), BATCH[2:]
    routings = list(encoded.routings.values())
    for decoder, order in (
        (plain.decoder, tokens),
        (plain.reverse_decoder, reverse_tokens(tokens, lens)),
    ):
        tokens_in, _ = add_sos_eos(order, lens, 2)
        output = decoder(tokens_in, lens + 1, encoded.enc, encoded.enc_lens)
        routings += output.routings.values()
    assert len(routings) == 6
    for load, routing in zip(found.expert_loads.values(), routings, strict=True):
        assert torch.equal(load, routing.expert_ids.flatten().bincount(minlength=4).float())
    extra = 0.0
    for name, weight in weights.items():
        expected = 2 * weight * sum(ROUTING_LOSSES[name](routing) for routing in routings)
        torch.testing.assert_close(found.stats[f"loss_{name}"], expected, rtol=0, atol=1e-10)
        assert f"loss_{name}" not in without.stats
        extra = extra + expected
    torch.testing.assert_close(found.loss, without.loss + extra, rtol=0, atol=1e-10)


def test_tokens_may_be_padded_with_anything():
    model = make_model().eval()
    feats, feats_lens, tokens, tokens_lens = BATCH
    spoilt = tokens.masked_fill(torch.arange(4) >= tokens_lens[:, None], -1)
    assert torch.equal(model(*BATCH).loss, model(feats, feats_lens, spoilt, tokens_lens).loss)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_parameter_gets_the_gradient_of_the_loss(system):
    """The embedding network is excepted: it learns only from its own loss (see the next test)."""
    learns = system not in ("dense", "random", "hash")
    weights = dict.fromkeys(ROUTING_LOSSES, 0.5 if learns else 0.0)
    model = make_system(system, routing_losses=weights)

    def loss():
        torch.manual_seed(1)  # chunk size, noise and random experts are the same each time
        return model(*BATCH, LABELS).loss

    assert_gradient(loss, [p for n, p in model.named_parameters() if "embedding.encoder" not in n])
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_only_its_own_loss_trains_the_embedding_network():
    model = make_system("speechmoe")
    encoded = model.encode(*BATCH[:2])
    grads = torch.autograd.grad(
        encoded.enc.sum(), list(model.embedding.parameters()), allow_unused=True
    )
    assert all(grad is None for grad in grads)
    stats = model(*BATCH).stats
    attention = 0.7 * stats["loss_att"] + 0.3 * stats["loss_att_reverse"]
    expected = 0.3 * stats["loss_ctc"] + 0.7 * attention + 0.01 * stats["loss_embedding"]
    torch.testing.assert_close(stats["loss"], expected, rtol=0, atol=1e-10)


def test_the_embeddings_of_a_frame_decide_over_its_expert():
    model = make_system("speechmoe").eval()
    name = "encoder.blocks.0.feed_forward"
    before = model.encode(*BATCH[:2]).routings[name].logits
    with torch.no_grad():
        model.embedding.encoder.blocks[-1].final_norm.bias += 5.0
    assert (model.encode(*BATCH[:2]).routings[name].logits - before).abs().min() > 1e-3


def test_an_embedding_network_without_a_loss_is_frozen():
    config = EmbeddingConfig(encoder=encoder(d_model=8, num_blocks=1), loss_weight=0.0)
    model = make_system("speechmoe", embedding=config)
    model(*BATCH).loss.backward()
    assert all(p.grad is None for p in model.embedding.parameters())


def test_routing_losses_omit_routers_that_do_not_learn():
    weights = {"sparsity_l1": 1.0}
    mixed = encoder(moe(), moe(router="hash"))
    model = make_system("dense", encoder=mixed, routing_losses=weights).eval().requires_grad_(False)
    learned = [r for r in model.encode(*BATCH[:2]).routings.values() if r.logits.any()]
    assert len(learned) == 2  # of four layers
    expected = 2 * sum(sparsity_l1_loss(routing) for routing in learned)  # of two utterances
    torch.testing.assert_close(model(*BATCH).stats["loss_sparsity_l1"], expected)


def test_a_model_of_ctc_alone_has_no_attention_loss():
    model = make_system("speechmoe_transformer").eval()
    assert list(model.heads) == ["ctc"]
    assert not {"loss_att", "acc"} & model(*BATCH).stats.keys()


def test_routers_balanced_by_bias_move_against_their_layers_load():
    model = make_system("balanced")
    loads = model(*BATCH).expert_loads
    model.react(loads)
    assert loads.keys() == model.moe_layers().keys()
    for name, layer in model.moe_layers().items():
        load = loads[name]
        expected = 1e-3 * torch.sign(load.mean() - load).double()
        torch.testing.assert_close(layer.router.bias, expected, rtol=0, atol=1e-9)
    assert model.has_reacting_routers and not make_system("u2pp_moe").has_reacting_routers
    mixed = encoder(moe(router="balanced"), moe())
    assert make_system("dense", encoder=mixed).has_reacting_routers


@pytest.mark.parametrize("system", SYSTEMS)
def test_routings_are_named_by_their_layers_in_the_order_of_the_model(system):
    model = make_system(system).eval()
    assert list(model(*BATCH).expert_loads) == list(model.moe_layers())


def test_balanced_routers_of_a_decoder_without_loss_stay_as_they_are():
    decoder = DecoderConfig(
        num_blocks=1, num_reverse_blocks=0, num_heads=2, feed_forward=moe(router="balanced")
    )
    model = make_system("dense", decoder=decoder, ctc_weight=1.0, reverse_weight=0.0)
    model.react(model(*BATCH).expert_loads)
    assert not model.decoder.blocks[0].feed_forward.router.bias.any()


def test_a_model_without_a_reverse_decoder_trains():
    model = make_model(num_reverse_blocks=0, reverse_weight=0.0)
    assert not hasattr(model, "reverse_decoder") and torch.isfinite(model(*BATCH).loss)


def test_sos_and_eos_frame_each_utterance_at_its_own_length():
    tokens_in, targets = add_sos_eos(torch.tensor([[5, 6], [7, 0]]), torch.tensor([2, 1]), 2)
    assert tokens_in.tolist() == [[2, 5, 6], [2, 7, 0]]
    assert targets.tolist() == [[5, 6, 2], [7, 2, 2]]


def test_reversing_twice_is_identity():
    tokens, lens = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([3, 2])
    assert reverse_tokens(tokens, lens).tolist() == [[7, 6, 5], [9, 8, 0]]
    assert torch.equal(reverse_tokens(reverse_tokens(tokens, lens), lens), tokens)


@pytest.mark.parametrize("chunk_size", [0, -2])
def test_an_invalid_chunk_size_is_refused(chunk_size):
    with pytest.raises(InputError, match="chunk_size"):
        make_model().encode(*BATCH[:2], chunk_size=chunk_size)


def test_digital_silence_gives_finite_numbers():
    model = make_model().eval()
    silence = torch.full((1, 70, 20), -15.9424, dtype=torch.float64)
    assert torch.isfinite(model.encode(silence, torch.tensor([70])).enc).all()


def test_a_second_head_of_a_type_is_logged_beside_the_first():
    model = make_system("dense", heads={"twice": CtcConfig(weight=0.5)})
    stats = model(*BATCH).stats
    (enc, lens, *_) = model.eval().encode(*BATCH[:2])
    for name, head in (("loss_ctc", model.ctc), ("loss_ctc_twice", model.twice)):
        expected = head.loss(enc, lens, *BATCH[2:]).loss
        torch.testing.assert_close(model(*BATCH).stats[name], expected.detach())
    assert stats["loss_ctc"] != stats["loss_ctc_twice"]


def test_a_single_number_of_experts_in_training_may_differ_from_that_of_decoding():
    three = moe(experts_per_frame=DrawnExperts(train=(3,), decode=2))
    model = make_system("dense", encoder=encoder(three))
    num_frames = int(model.encode(*BATCH[:2]).enc_lens.sum())
    model.start_step(1)
    for is_training, per_frame in ((True, 3), (False, 2)):
        loads = model.train(is_training)(*BATCH).expert_loads.values()
        assert {int(load.sum()) for load in loads} == {per_frame * num_frames}


def test_the_order_of_the_numbers_does_not_change_what_is_drawn():
    one, other = (
        moe(experts_per_frame=DrawnExperts(train=numbers, decode=2)) for numbers in ((1, 2), (2, 1))
    )
    model = make_system("dense", encoder=encoder(one, other))
    for step in range(1, 9):
        model.start_step(step)
        assert len({int(load.sum()) for load in model(*BATCH).expert_loads.values()}) == 1


def test_every_step_draws_one_number_of_experts_for_all_layers():
    """Any number in the config trains, K = 1 too; recognition uses the number for decoding."""
    model = make_system("drawn_experts")
    sizes = set()
    for step in range(1, 13):
        model.start_step(step)
        output = model(*BATCH)
        found = {int(load.sum()) for load in output.expert_loads.values()}
        (num_assignments,) = found
        sizes.add(num_assignments / int(model.encode(*BATCH[:2]).enc_lens.sum()))
        assert output.loss.isfinite()
    assert sizes == {1, 2, 4}
    loads = model.eval()(*BATCH).expert_loads
    assert all(load.sum() == 2 * model.encode(*BATCH[:2]).enc_lens.sum() for load in loads.values())


@pytest.mark.parametrize("name", ["languages", "embedding", "encoder", "config", "forward"])
def test_a_head_cannot_take_the_name_of_another_part(name):
    """Its weights would be neither trained nor stored."""
    config = system_config("learned_group")
    (head,) = config.heads.values()
    with pytest.raises(InputError, match=f"cannot have two parts with the name '{name}'"):
        build_model(dataclasses.replace(config, heads={name: head}), 20, 9)
