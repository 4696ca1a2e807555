"""Intermediate CTC and self-conditioning."""

import pytest
import torch
from systems import BATCH, encoder, make_system, moe, vary

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.intermediate_ctc import IntermediateCtcConfig


def make_model(blocks=(1, 2), num_blocks=3, weight=0.25, **settings):
    torch.manual_seed(0)
    config = IntermediateCtcConfig(blocks=blocks, weight=weight, **settings)
    model = make_system(
        "u2pp_moe",
        encoder=encoder(moe(), num_blocks=num_blocks),
        intermediate_ctc=config,
        ctc_weight=0.4,
    )
    model.max_chunk_size = None
    return model


def states_after(model, number):
    """The output of block `number`, from the encoder cut after it."""
    blocks = model.encoder.blocks
    model.encoder.blocks = blocks[:number]
    try:
        return model.encode(*BATCH[:2]).enc
    finally:
        model.encoder.blocks = blocks


@pytest.mark.parametrize("conditioned", [(), (1,), (1, 2)])
def test_the_ctc_loss_is_shared_with_the_mean_over_the_blocks(conditioned):
    model = make_model(conditioned_blocks=conditioned)
    vary(model)
    output = model(*BATCH)
    encoded = model.encode(*BATCH[:2])
    targets = (encoded.enc_lens, *BATCH[2:])
    plain = make_model(conditioned_blocks=conditioned)  # without losses, but the same network
    plain.load_state_dict(model.state_dict())
    plain.encoder.intermediate_blocks = frozenset()
    without = plain(*BATCH)
    assert len(encoded.intermediate) == 2
    if not conditioned:  # otherwise the cut encoder has a conditioned last block
        for number, enc in enumerate(encoded.intermediate, start=1):
            torch.testing.assert_close(enc, states_after(model, number), rtol=0, atol=1e-12)
    own = model.ctc.losses(encoded.enc, *targets).sum()
    mean = sum(model.ctc.losses(enc, *targets).sum() for enc in encoded.intermediate) / 2
    expected = without.loss + 0.4 * 0.25 * (mean - own)
    torch.testing.assert_close(output.loss, expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(output.stats["loss_intermediate_ctc"], mean.detach())
    torch.testing.assert_close(output.stats["loss_ctc"], own.detach())


def test_nothing_is_left_of_it_outside_training():
    model, plain = make_model().eval(), make_model(blocks=()).eval()
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert model.encode(*BATCH[:2]).intermediate == ()
    assert torch.equal(model(*BATCH).loss, plain(*BATCH).loss)
    assert model(*BATCH).stats.keys() == plain(*BATCH).stats.keys()


def test_weight_0_is_the_plain_loss_bit_for_bit():
    assert torch.equal(make_model(weight=0.0)(*BATCH).loss, make_model(blocks=())(*BATCH).loss)


def test_conditioning_adds_the_projected_posteriors_to_the_input_of_the_next_block():
    model = make_model(blocks=(1,), num_blocks=2, conditioned_blocks=(1,)).eval()
    vary(model)
    first, second = model.encoder.blocks
    seen = []
    first.register_forward_hook(lambda module, inputs, output: seen.append(output[0]))
    second.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model.encode(*BATCH[:2])
    posteriors = model.ctc.project(seen[0]).softmax(-1)
    expected = seen[0] + model.encoder.conditioning.project(posteriors)
    torch.testing.assert_close(seen[1], expected, rtol=0, atol=1e-12)


def test_the_ctc_head_is_shared_and_its_weights_stay_one_tensor():
    model = make_model(conditioned_blocks=(2,))
    names = [name for name in model.state_dict() if name.endswith("ctc.project.weight")]
    assert names == ["encoder.conditioning.ctc.project.weight", "ctc.project.weight"]
    assert model.encoder.conditioning.ctc is model.ctc
    assert model.encoder.conditioning.macs_per_frame == 2 * 9 * 16


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"blocks": (2, 1)}, r"`blocks` must be ascending numbers .* but is \[2, 1\]"),
        ({"blocks": (0,)}, r"`blocks` must be ascending numbers of encoder blocks, from 1"),
        ({"blocks": (1,), "conditioned_blocks": (2,)}, "`conditioned_blocks` contains 2, but"),
        ({"blocks": (1,), "weight": 1.5}, "`weight` must be between 0 and 1, but is 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        IntermediateCtcConfig(**settings)


def test_a_model_without_these_blocks_or_without_ctc_is_refused():
    config = IntermediateCtcConfig(blocks=(2, 3))
    with pytest.raises(InputError, match=r"`intermediate_ctc.blocks` must be below .* \(3\)"):
        ModelConfig(encoder=encoder(num_blocks=3), intermediate_ctc=config)
    with pytest.raises(InputError, match="`intermediate_ctc` needs a CTC loss, but `ctc_weight`"):
        ModelConfig(ctc_weight=0.0, decoder=DecoderConfig(), intermediate_ctc=config)
