"""Dropout in each of its places: at the config's rate in training, and none in evaluation."""

import pytest
import torch
from dropped import RATES, assert_dropped
from systems import BATCH, SYSTEMS, decoders, encoder, make_system

from moeasr.models.encoders.block_encoder_config import ATTENTIONS
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.nn.valid_frames import all_frames_valid

PARTS = {
    "conformer": {
        "macaron_feed_forward": 0.5,
        "attention": 1.0,
        "convolution": 1.0,
        "feed_forward": 0.5,
    },
    "transformer": {"memory": 1.0, "attention": 1.0, "feed_forward": 1.0},
    "decoder": {"self_attention": 1.0, "cross_attention": 1.0, "feed_forward": 1.0},
}
"""Factor of each part of a block: its output is dropped, multiplied by this, and added."""
LAST = {"attention": "output", "convolution": "pointwise2", "memory": "project"}
"""The last linear layer of a part; of a feed-forward it is w2."""
NUM_FRAMES = 250


def make_block(kind, rate):
    """A block whose parts give 1, 10, 100 and 1000 in this order, whatever comes in."""
    rates = {"dropout": rate}
    if kind == "decoder":
        block = make_system("dense", rates=rates).decoder.blocks[0]
    else:
        settings = {"type": kind, **({"memory_kernel_size": 3} if kind == "transformer" else {})}
        block = make_system("dense", rates=rates, encoder=encoder(**settings)).encoder.blocks[0]
    with torch.no_grad():
        for place, name in enumerate(PARTS[kind]):
            part = getattr(block, name)
            layer = getattr(part, LAST.get(name.split("_")[-1], "w2"))
            layer.weight.zero_()
            layer.bias.fill_(10.0**place)
            if name == "memory":
                part.taps.weight.zero_()
    if kind == "conformer":
        block.final_norm = torch.nn.Identity()
    return block


def run_block(kind, block, x):
    """Return what the block adds to x (1, T, D)."""
    valid = all_frames_valid(1, NUM_FRAMES)
    mask = valid.mask[:, None]
    if kind == "decoder":
        memory = block.cross_attention.read(x)
        return block(x, None, mask, valid, memory, mask)[0] - x
    positions = torch.zeros(2 * NUM_FRAMES - 1, x.size(2), dtype=x.dtype)
    return block(x, positions, mask, valid)[0] - x


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", [*ENCODERS, "decoder"])
def test_each_part_of_a_block_is_dropped_at_the_rate_and_added_once(kind, rate):
    block = make_block(kind, rate)
    x = torch.randn(1, NUM_FRAMES, 16, dtype=torch.float64)
    sizes = [scale * 10**place for place, scale in enumerate(PARTS[kind].values())]
    evaluated = run_block(kind, block.eval(), x)
    torch.testing.assert_close(evaluated, torch.full_like(x, sum(sizes)), rtol=0, atol=1e-9)
    rest = run_block(kind, block.train(), x)
    gain = 1 / (1 - rate) if rate < 1 else 1.0
    for size in reversed(sizes):  # each is larger than all of those before it together
        added = (rest > 0.9 * size * gain).double() * size * gain
        assert_dropped(added, rate, size)
        rest = rest - added
    torch.testing.assert_close(rest, torch.zeros_like(x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_rate_of_1_drops_the_whole_utterance(system):
    """The front end, the tokens and all parts of all blocks are dropped; a norm of 0 is 0."""
    model = make_system(system, rates={"dropout": 1.0})
    model.encoder.conditioning = None  # self-conditioning has no dropout
    encoded = model.encode(*BATCH[:2])
    assert not encoded.enc.any()
    assert encoded.embedding is None or not encoded.embedding.any()
    for decoder in decoders(model).values():
        enc = torch.randn(2, 6, 16, dtype=torch.float64)
        logits = decoder(BATCH[2], BATCH[3], enc, torch.tensor([6, 4])).logits
        assert torch.equal(logits, decoder.project.bias.expand_as(logits))


@pytest.mark.parametrize("kind", FEED_FORWARDS)
def test_a_rate_of_1_drops_the_whole_hidden_layer(kind):
    """A feed-forward then gives its last bias, which is 3 for all experts."""
    model = make_system({"dense": "dense", "moe": "u2pp_moe"}[kind], rates={"dropout": 1.0})
    x, valid = (
        torch.randn(1, 5, 16, dtype=torch.float64),
        all_frames_valid(1, 5),
    )
    for stack in (model.encoder, *decoders(model).values()):
        for name in ("macaron_feed_forward", "feed_forward"):
            for module in [getattr(block, name, None) for block in stack.blocks]:
                if module is not None:
                    bias = module.w2.bias if kind == "dense" else module.experts.b2
                    torch.nn.init.constant_(bias, 3.0)
                    y = module(x, valid)[0]
                    torch.testing.assert_close(y, torch.full_like(x, 3.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_frame_without_attention_weights_is_alone(kind, attention):
    """Without a memory, and with a convolution of one frame, nothing else mixes frames."""
    settings = {"conv_kernel_size": 1} if kind == "conformer" else {}
    config = encoder(type=kind, attention=attention, **settings)
    model = make_system("dense", rates={"attention_dropout": 1.0}, encoder=config)
    feats, lens = BATCH[0][:1], BATCH[1][:1]
    found = model.encode(feats, lens).enc[0]
    for i, frame in enumerate(found):  # made of seven frames
        alone = model.encode(feats[:, 4 * i : 4 * i + 7], torch.tensor([7])).enc[0, 0]
        torch.testing.assert_close(frame, alone, rtol=0, atol=1e-12)


def test_a_token_without_attention_weights_knows_itself_and_its_position_alone():
    model = make_system("dense", rates={"attention_dropout": 1.0})
    tokens, other_tokens = torch.tensor([[2, 3, 4, 5]]), torch.tensor([[2, 7, 8, 5]])
    enc, other_enc = torch.randn(2, 1, 6, 16, dtype=torch.float64)
    lens, enc_lens = torch.tensor([4]), torch.tensor([6])
    for decoder in (model.decoder, model.reverse_decoder):
        logits = decoder(tokens, lens, enc, enc_lens).logits[:, 3]
        other = decoder(other_tokens, lens, other_enc, enc_lens).logits[:, 3]
        torch.testing.assert_close(logits, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("system", SYSTEMS)
def test_evaluation_drops_nothing(system):
    plain = make_system(system).eval()
    model = make_system(system, rates={"dropout": 1.0, "attention_dropout": 1.0}).eval()
    model.load_state_dict(plain.state_dict())
    assert torch.equal(model(*BATCH).loss, plain(*BATCH).loss)
