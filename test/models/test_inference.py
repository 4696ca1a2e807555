"""A model that is optimized for inference gives the same text in every mode and as a stream."""

import weakref

import pytest
import torch
from rounding import NETWORK_STEPS, assert_close
from systems import STREAMING, SYSTEMS, decoders, make_system

from moeasr.errors import InputError
from moeasr.models import inference
from moeasr.models.inference import optimize_for_inference
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.moe.experts import ExpertBank
from moeasr.moe.packed_experts import PackedExperts
from moeasr.nn.packed_linear import PackedLinear
from moeasr.nn.unquantized_linear import UnquantizedLinear

FEATS = torch.randn(3, 90, 20, generator=torch.Generator().manual_seed(4))
LENS = torch.tensor([90, 61, 30])
TOKENS = torch.tensor([[2, 4, 5, 6], [2, 7, 3, 8], [2, 5, 4, 4]])


def plain(kind):
    torch.manual_seed(0)
    return make_system(kind).eval().float()


@torch.inference_mode()
def outputs(model, chunk_size=-1):
    encoded = model.encode(FEATS, LENS, chunk_size)
    found = {"log_probs": model.ctc_log_probs(encoded.enc)}
    for name, decoder in decoders(model).items():
        lens = torch.tensor([4, 4, 4])
        found[name] = decoder(TOKENS, lens, encoded.enc, encoded.enc_lens).logits
    return found


@pytest.mark.parametrize(
    ("kind", "chunk_size"),
    [*((kind, -1) for kind in SYSTEMS), *((kind, 4) for kind in STREAMING)],
)
def test_fp32_is_equal_but_for_rounding(kind, chunk_size):
    model = plain(kind)
    wanted = outputs(model, chunk_size)
    found = outputs(optimize_for_inference(model), chunk_size)
    for name, value in wanted.items():
        assert_close(found[name], value, NETWORK_STEPS)


@pytest.mark.parametrize(("precision", "limit"), [("bf16", 0.05), ("int8", 0.1)])
@pytest.mark.parametrize("kind", ["dense", "u2pp_moe", "shared_consecutive"])
def test_fewer_bits_are_near(kind, precision, limit):
    model = plain(kind)
    wanted = outputs(model)
    found = outputs(optimize_for_inference(model, precision))
    for name, value in wanted.items():
        # of the frame in the middle: an expert that is exchanged for one as good is no error
        errors = (found[name] - value).norm(dim=-1) / value.norm(dim=-1)
        assert 1e-5 < float(errors.median()) < limit


def test_routers_keep_their_bits_and_output_layers_theirs():
    model = optimize_for_inference(plain("u2pp_moe"), "int8")
    layers = list(model.moe_layers().values())
    assert layers
    assert all(layer.router.weight.dtype == torch.float32 for layer in layers)
    assert all(isinstance(layer.experts, PackedExperts) for layer in layers)
    enc, project = torch.randn(5, 16), plain("u2pp_moe").ctc.project
    with torch.inference_mode():
        assert_close(model.ctc.project(enc), project(enc), 16)  # sums of 16 products


UNQUANTIZED = {
    "u2pp_moe": {"encoder.subsampling", "ctc", "decoder", "reverse_decoder"},
    "speechmoe_transformer": {
        *("encoder.subsampling", "encoder.blocks.0.memory", "encoder.blocks.1.memory", "ctc"),
        *("embedding.encoder.subsampling", "embedding.encoder.blocks.0.memory"),
        *("embedding.encoder.blocks.1.memory", "embedding.ctc"),
    },
}


@pytest.mark.parametrize("kind", UNQUANTIZED)
def test_output_layers_front_ends_and_memory_blocks_are_not_quantized(kind):
    model = optimize_for_inference(plain(kind), "bf16")
    packed = {n: m.precision for n, m in model.named_modules() if isinstance(m, PackedLinear)}
    left = {name for name, precision in packed.items() if precision == "fp32"}
    assert left == {f"{name}.project" for name in UNQUANTIZED[kind]}
    assert set(packed.values()) == {"fp32", "bf16"}
    assert not any(isinstance(module, torch.nn.Linear) for module in model.modules())


def test_a_layer_is_quantized_by_its_class_and_not_by_its_name():
    model = plain("dense")
    model.own = torch.nn.ModuleDict(
        {"project": torch.nn.Linear(3, 3), "up": UnquantizedLinear(3, 3)}
    )
    optimize_for_inference(model, "bf16")
    assert model.own["project"].precision == "bf16"
    assert model.own["up"].precision == "fp32"


def test_each_layer_is_freed_before_the_next_one_is_packed(monkeypatch):
    model = plain("u2pp_moe")
    layers = (torch.nn.Linear, ExpertBank)
    left = weakref.WeakSet(module for module in model.modules() if isinstance(module, layers))
    before, numbers = len(left), []

    def pack(module, precision):
        numbers.append(len(left))
        return torch.nn.Identity()

    monkeypatch.setattr(inference, "_pack", pack)
    optimize_for_inference(model, "int8")
    assert numbers == list(range(before, 0, -1))


def test_a_new_router_stays_in_float32():
    model = plain("u2pp_moe")
    layers = list(model.moe_layers().values())
    for layer in layers:
        layer.router.extra = torch.nn.Linear(3, 3)
    optimize_for_inference(model, "int8")
    assert all(type(layer.router.extra) is torch.nn.Linear for layer in layers)


def test_shared_parts_are_packed_once():
    model = optimize_for_inference(plain("shared_consecutive"))
    blocks = model.encoder.blocks
    assert blocks[0].attention is blocks[1].attention
    assert blocks[0].feed_forward.experts is blocks[1].feed_forward.experts
    assert blocks[0].feed_forward.experts is not blocks[2].feed_forward.experts
    assert blocks[0].convolution.pointwise1 is blocks[1].convolution.pointwise1


# Of key_position the keys move on with the stream: the same number of others at every chunk.
@pytest.mark.parametrize("kind", ["u2pp_moe", "speechmoe", "speechmoe_transformer", "key_position"])
def test_a_stream_of_it_equals_its_masked_pass(kind):
    model = optimize_for_inference(plain(kind))
    with torch.inference_mode():
        whole = model.encode(FEATS[:1], LENS[:1], 4, 2).enc[0]
    streaming = StreamingEncoder(model, 4, 2)
    state, frames = streaming.start(), []
    for first in range(0, 90, streaming.hop_frames):
        window = FEATS[:1, first : first + streaming.window_frames]
        output, state = streaming.step(window, torch.tensor([window.size(1)]), state)
        frames.append(output.enc[0, : output.enc_lens[0]])
    assert_close(torch.cat(frames), whole, NETWORK_STEPS)


def test_positions_are_projected_anew_when_they_change():
    model, packed = plain("dense"), optimize_for_inference(plain("dense"))
    with torch.inference_mode():
        for num_frames in (90, 61, 90):
            feats, lens = FEATS[:1, :num_frames], torch.tensor([num_frames])
            wanted = model.encode(feats, lens).enc
            assert_close(packed.encode(feats, lens).enc, wanted, NETWORK_STEPS)


def test_other_models_are_refused():
    with pytest.raises(InputError, match="need a float32 model on a CPU"):
        optimize_for_inference(plain("dense").double())
    with pytest.raises(InputError, match="`precision` must be one of fp32, bf16, int8"):
        optimize_for_inference(plain("dense"), "int4")
