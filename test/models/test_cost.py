"""The cost table, against PyTorch's own counter and against closed formulas."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recipe_experiments import recipe_experiments
from systems import decoders
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from moeasr.errors import InputError
from moeasr.experiment.config import load_experiment
from moeasr.models.build import build_model, count_params
from moeasr.models.config import ModelConfig
from moeasr.models.cost import model_cost
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.group_head import GroupConfig, GroupHead
from moeasr.models.part_cost import ENCODER_PARTS, PARTS, cost_record, sum_of
from moeasr.moe.layer import MoeConfig
from moeasr.moe.router import Router, select_top_k
from moeasr.moe.routers import ROUTERS
from moeasr.nn import subsampling
from moeasr.nn.feed_forward import DenseConfig

EGS = Path(__file__).resolve().parents[2] / "egs"
CONFS = recipe_experiments()
SECONDS, TOKENS_PER_SEC = 3, 5
PART_OF_MODULE = {
    "subsampling": "subsampling",
    "attention": "attention",
    "convolution": "convolution",
    "memory": "convolution",
    "macaron_feed_forward": "feed-forward",
    "feed_forward": "feed-forward",
    "router": "router",
}


def relative(path):
    return str(path.relative_to(EGS))


def built(config, vocab_size=31):
    with torch.device("meta"):
        return build_model(config, 80, vocab_size)


def tiny(encoder=None, **feed_forward):
    """Experts of odd sizes, so that no two parts cost the same by chance."""
    moe = MoeConfig(hidden_units=24, num_experts=4, **feed_forward)
    sizes = {"num_blocks": 2, "d_model": 16, "num_heads": 2, "subsampling_channels": 3}
    sizes |= {"macaron_feed_forward": replace(moe, hidden_units=7), "feed_forward": moe}
    decoder_moe = replace(moe, router="top_k", merge=False, hidden_units=9)
    return ModelConfig(
        encoder=ConformerConfig(**{**sizes, **(encoder or {})}),
        decoder=DecoderConfig(
            num_blocks=2, num_reverse_blocks=1, num_heads=2, feed_forward=decoder_moe
        ),
        languages=("en", "de") if feed_forward.get("router") == "language" else (),
        heads={"spoken": GroupConfig(weight=1.0, labels=("en", "de"))}
        if feed_forward.get("router") == "learned_group"
        else {},
    )


CASES = {
    **{relative(path): load_experiment(path).model for path in CONFS if "mini" in path.parts},
    **{  # mini's speechmoe has the router `embedding`
        name: tiny(
            {"num_dense_blocks": int(name == "learned_group")}
            | {"dynamic_chunk": not ROUTERS[name].sees_future},
            router=name,
        )
        for name in sorted(ROUTERS.keys() - {"embedding"})
    },
    "centred": tiny({"causal_conv": False, "dynamic_chunk": False, "conv_kernel_size": 5}),
    "key_position": tiny({"attention": "key_position", "conv_norm": "none", "final_norm": True}),
    "after_gate": tiny(
        {"causal_conv": False, "dynamic_chunk": False, "conv_edges": "after_gate"}
        | {"conv_kernel_size": 5}
    ),
    "shared_expert": tiny(shared_expert_units=11),
    "merged_from": tiny(merged_from=6),
    "merged_experts": tiny(
        {"dynamic_chunk": False},
        router="utterance",
        merge=True,
        experts_per_frame=1,
        expert_weights="full",
    ),
    "groups": tiny({"num_blocks": 4, "num_groups": 2, "group_layout": "interleaved"}),
}


@pytest.fixture(autouse=True)
def whole_front_end(monkeypatch):
    """Run the front end in one piece: overlapping pieces would compute some rows twice."""
    monkeypatch.setattr(subsampling, "PIECE_FRAMES", 10**6)


def macs_counted(function, *args):
    """Return the multiply-adds of each module by name, as PyTorch counts them in a run."""
    # Only the plain kernel of attention is made of products that the counter knows on a CPU.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        function(*args)
    return {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}


def encoder_macs_counted(encoder, *args):
    """Return the multiply-adds of the encoder by part, as PyTorch counts them in a run."""
    by_part = Counter()
    for name, macs in macs_counted(encoder, *args).items():
        parts = re.fullmatch(r"BlockEncoder\.(?:blocks\.\d+\.)?(\w+)(\.router)?", name)
        if parts and parts[1] in PART_OF_MODULE:
            by_part[PART_OF_MODULE["router" if parts[2] else parts[1]]] += macs
            if parts[2]:  # the layer's own count holds its router's
                by_part["feed-forward"] -= macs
    return by_part


@pytest.mark.parametrize("name", CASES)
def test_work_is_what_torch_counts(name):
    """The multiply-adds of each part equal exactly those in a run of its modules."""
    model = build_model(CASES[name], 80, 31).eval()
    feats, lens = torch.randn(1, 100 * SECONDS, 80), torch.tensor([100 * SECONDS])
    tokens = torch.randint(3, 31, (1, SECONDS * TOKENS_PER_SEC + 1))
    tokens_lens = torch.tensor([tokens.size(1)])
    context, wanted = None, {}
    if model.languages:
        context = torch.tensor([[[0.0, 1.0]]])
    if model.embedding is not None:
        counts = macs_counted(model.embedding, feats, lens, -1, -1)
        wanted["embedding network"] = counts["EmbeddingNetwork"]
        with torch.no_grad():
            context = model.embedding(feats, lens, -1, -1)
    wanted |= encoder_macs_counted(model.encoder, feats, lens, -1, -1, context)
    with torch.no_grad():
        output = model.encoder(feats, lens, -1, -1, context)
    wanted["CTC head"] = macs_counted(model.ctc.project, output.enc)["Global"]
    for name, decoder in decoders(model).items():
        counts = macs_counted(decoder, tokens, tokens_lens, output.enc, output.enc_lens)
        wanted[name.replace("_", " ")] = counts["TransformerDecoder"]

    of_head = 0
    for head in model.all_heads.values():
        if isinstance(head, GroupHead):
            of_head = wanted["other heads"] = macs_counted(head.identify, output.enc)["Global"]

    costs = model_cost(model, SECONDS, TOKENS_PER_SEC)
    assert {c.part: round(c.macs_per_sec * SECONDS) for c in costs} == {"norms": 0, **wanted}
    # what the parts leave out, if anything: the run of the whole encoder knows of no parts
    whole = macs_counted(model.encoder, feats, lens, -1, -1, context)["Global"]
    assert round(sum_of(costs, "encoder", ENCODER_PARTS).macs_per_sec * SECONDS) == whole - of_head


@pytest.mark.parametrize("name", CASES)
def test_parameters_are_those_of_count_params(name):
    model = built(CASES[name])
    whole = sum_of(model_cost(model), "all")
    assert (whole.total_params, whole.active_params) == count_params(model)


def test_merged_experts_are_active_once_although_a_frame_selects_more():
    model = built(tiny(merged_from=6))
    for layer in model.moe_layers().values():
        layer.router.use_experts(5)
    whole = sum_of(model_cost(model), "all")
    assert whole.active_params == whole.total_params
    assert count_params(model) == (whole.total_params, whole.total_params)


def test_norms_and_shared_blocks_are_in_their_rows():
    """G = 2 groups of 2 blocks have half the weights and all of the work. Norms are not shared."""
    encoder = {"num_blocks": 4, "conv_kernel_size": 5}
    own = {c.part: c for c in model_cost(built(tiny(encoder)))}
    shared = {c.part: c for c in model_cost(built(tiny({**encoder, "num_groups": 2})))}
    assert (
        set(own)
        == set(shared)
        == set(PARTS) - {"embedding network", "other modules", "other heads"}
    )
    for part in own:
        assert shared[part].macs_per_sec == own[part].macs_per_sec
        factor = 2 if part in ("attention", "convolution", "feed-forward") else 1
        assert own[part].total_params == factor * shared[part].total_params
        assert own[part].active_params == factor * shared[part].active_params
    assert own["norms"].total_params == 4 * 6 * 2 * 16
    assert own["norms"].macs_per_sec == 0


@pytest.mark.parametrize("num_experts", [1, 2, 8])
def test_u2pp_moe_has_the_rest_and_e_times_the_feed_forwards(num_experts):
    """Total = R + E F, R the dense model without its feed-forwards, and the routers."""
    path = EGS / "mini/conf/u2pp_moe.yaml"
    parts = ("encoder.macaron_feed_forward", "encoder.feed_forward", "decoder.feed_forward")
    dense = built(load_experiment(path, [f"model.{part}.type=dense" for part in parts]).model)
    sets = [f"model.{part}.num_experts={num_experts}" for part in parts]
    sets += [f"model.{part}.experts_per_frame={min(num_experts, 2)}" for part in parts]
    moe = built(load_experiment(path, sets).model)
    num_layers, d_model, hidden = 4 * 2 + 1 + 1, 96, 192
    all_ff = num_layers * (2 * d_model * hidden + hidden + d_model)
    rest = count_params(dense).total - all_ff
    routers = num_layers * num_experts * d_model
    whole = sum_of(model_cost(moe), "all")
    assert whole.total_params == rest + num_experts * all_ff + routers
    assert whole.active_params == rest + min(num_experts, 2) * all_ff + routers


D, M, KERNEL, BLOCKS = 256, 2048, 15, 12
FEED_FORWARD = 2 * D * M + M + D
# query, key, value, output with biases; position without; two biases of the scores
ATTENTION = 4 * (D * D + D) + D * D + 2 * D
CONVOLUTION = (2 * D * D + 2 * D) + (D * KERNEL + D) + (D * D + D)
NORMS = 6 * 2 * D  # five of the block, one in the convolution


def blocks_total(**encoder):
    """Parameters of the encoder's blocks: the printed table leaves the front end out."""
    sizes = {"num_blocks": BLOCKS, "d_model": D, "conv_kernel_size": KERNEL}
    model = built(ModelConfig(encoder=ConformerConfig(**sizes, **encoder)))
    return sum_of(model_cost(model), "blocks", ENCODER_PARTS[1:]).total_params


def experts(number):
    if number == 1:
        return DenseConfig(hidden_units=M)
    return MoeConfig(
        hidden_units=M,
        num_experts=number,
        experts_per_frame=1,
        expert_weights="full",
    )


@pytest.mark.parametrize(
    ("groups", "macaron", "second", "millions", "ratio"),
    [
        (4, 1, 1, 10.6, 0.334),
        (3, 1, 2, 11.1, 0.351),
        (2, 1, 4, 11.6, 0.367),
        (2, 2, 2, 9.5, 0.301),
        (1, 1, 8, 10.0, 0.318),
        (1, 4, 4, 9.0, 0.284),
        (2, 1, 1, 5.3, 0.167),
    ],
)
def test_shared_encoders_are_as_large_as_worked_out(groups, macaron, second, millions, ratio):
    """12 blocks in groups have their own routers and norms. Sizes are computed by hand."""
    total = blocks_total(
        num_groups=groups, macaron_feed_forward=experts(macaron), feed_forward=experts(second)
    )
    routers = BLOCKS * D * sum(number for number in (macaron, second) if number > 1)
    shared = ATTENTION + CONVOLUTION + (macaron + second) * FEED_FORWARD
    assert total == groups * shared + BLOCKS * NORMS + routers
    full = blocks_total()
    assert full == BLOCKS * (ATTENTION + CONVOLUTION + 2 * FEED_FORWARD + NORMS)
    assert full / 1e6 == pytest.approx(31.6, rel=0.005)
    assert total / full == pytest.approx(ratio, rel=0.005)
    # one decimal is as much as half of a percent of these sizes
    assert total / 1e6 == pytest.approx(millions, abs=0.051)


@pytest.mark.parametrize("recipe", ["mini", "an4"])
def test_shared_experts_take_a_third_of_the_dense_encoder(recipe):
    sizes = {}
    for name in ("shared_moe", "dense"):
        model = built(load_experiment(EGS / recipe / f"conf/{name}.yaml").model)
        sizes[name] = cost_record(model_cost(model))["encoder_total_params"]
    assert sizes["shared_moe"] / sizes["dense"] == pytest.approx(1 / 3, abs=0.04)


def test_only_attention_and_decoders_feel_the_length_and_the_tokens():
    model = built(load_experiment(EGS / "mini/conf/u2pp_moe.yaml").model)
    base = {c.part: c.macs_per_sec for c in model_cost(model, 20, 10)}
    longer = {c.part: c.macs_per_sec for c in model_cost(model, 40, 10)}
    talkative = {c.part: c.macs_per_sec for c in model_cost(model, 20, 20)}
    for part in ("subsampling", "feed-forward", "CTC head"):  # but for the edges of the utterance
        assert longer[part] == pytest.approx(base[part], rel=0.005)
    frames, width, blocks = 499, 96, 4  # T' of 20 s; 4 T'^2 D products of frames with frames
    quadratic = blocks * 4 * frames**2 * width / 20
    assert longer["attention"] - base["attention"] == pytest.approx(quadratic, rel=0.02)
    changed = {part for part in base if talkative[part] != base[part]}
    assert changed == {"decoder", "reverse decoder"}


def test_half_as_many_frames_of_twice_the_time_are_half_the_work_per_second():
    model = built(tiny())
    base, slow = model_cost(model, 10, 12), model_cost(model, 20, 6, frames_per_sec=50)
    for one, other in zip(base, slow, strict=True):
        assert other.macs_per_sec == one.macs_per_sec / 2


def test_the_record_of_a_model_adds_up():
    costs = model_cost(built(load_experiment(EGS / "mini/conf/speechmoe.yaml").model))
    record = cost_record(costs)
    wanted = [part for part in PARTS if not part.startswith("other")]
    assert [part["part"] for part in record["parts"]] == wanted
    assert record["uncounted"] == []
    for key in ("total_params", "active_params"):
        assert record[key] == sum(part[key] for part in record["parts"])
    parts = [part["macs_per_audio_sec"] for part in record["parts"]]
    assert isinstance(record["macs_per_audio_sec"], int)
    assert abs(record["macs_per_audio_sec"] - sum(parts)) < len(parts)
    assert record["encoder_macs_per_audio_sec"] < record["macs_per_audio_sec"]


@pytest.mark.parametrize(
    ("seconds", "tokens", "message"),
    [
        (0.06, 12, "too short for the encoder"),
        (-1.0, 12, "`utterance_sec` must be"),
        (float("inf"), 12, "`utterance_sec` must be"),
        (10, float("nan"), "`tokens_per_sec` must be"),
        (10, -3, "`tokens_per_sec` must be"),
    ],
)
def test_an_invalid_length_is_refused(seconds, tokens, message):
    with pytest.raises(InputError, match=message):
        model_cost(built(tiny()), seconds, tokens)


class OwnRouter(Router):
    """A router of a user: two linear layers, and no `weight`."""

    @classmethod
    def build(cls, config, stack):
        return cls(stack.d_model, config.num_experts, config.experts_per_frame)

    def __init__(self, d_model, num_experts, experts_per_frame):
        super().__init__()
        self.num_experts, self.experts_per_frame = num_experts, experts_per_frame
        self.first = nn.Linear(d_model, 5)
        self.second = nn.Linear(5, num_experts)

    def forward(self, x_ND, context_NC=None):
        logits_NE = self.second(self.first(x_ND).tanh())
        return select_top_k(logits_NE, self.experts_per_frame, "selected")


class FrugalRouter(OwnRouter):
    """A router of a user that defines its cost."""

    @property
    def macs_per_frame(self):
        return self.first.weight.numel() + self.second.weight.numel()


class OwnFeedForward(nn.Module):
    """A feed-forward of a user."""

    def __init__(self, d_model):
        super().__init__()
        self.scale = nn.Linear(d_model, d_model)

    def forward(self, x, valid, context=None):
        return self.scale(x), None


class FrugalFeedForward(OwnFeedForward):
    """A feed-forward of a user that defines its cost."""

    @property
    def macs_per_frame(self):
        return self.scale.weight.numel()


class WrongRouter(OwnRouter):
    """A router whose author has forgotten that its cost is a property."""

    def macs_per_frame(self):
        return 7


def test_a_cost_that_is_not_a_number_is_named(monkeypatch):
    with pytest.raises(InputError, match=r"`WrongRouter\.macs_per_frame` must be a number or a"):
        model_cost(with_own(monkeypatch, WrongRouter))


def with_own(monkeypatch, router=None, feed_forward=None):
    """A model of two blocks with these classes in encoder and decoders."""
    if router is not None:
        monkeypatch.setitem(ROUTERS, "top_k", router)
    if feed_forward is not None:
        monkeypatch.setattr(MoeConfig, "build", lambda _, s, like=None: feed_forward(s.d_model))
    return build_model(tiny(), 80, 31).eval()


@pytest.mark.parametrize(
    "own", [{"router": FrugalRouter}, {"feed_forward": FrugalFeedForward}], ids=["router", "ff"]
)
def test_own_modules_that_say_their_cost_are_counted(own, monkeypatch):
    model = with_own(monkeypatch, **own)
    feats, lens = torch.randn(1, 300, 80), torch.tensor([300])
    costs = model_cost(model, SECONDS, TOKENS_PER_SEC)
    whole = macs_counted(model.encoder, feats, lens, -1, -1)["Global"]
    encoder = sum_of(costs, "encoder", ENCODER_PARTS)
    assert round(encoder.macs_per_sec * SECONDS) == whole and encoder.uncounted == ()
    everything = sum_of(costs, "all")
    assert (everything.total_params, everything.active_params) == count_params(model)


@pytest.mark.parametrize(
    ("silent", "frugal", "part"),
    [
        ({"router": OwnRouter}, {"router": FrugalRouter}, "router"),
        ({"feed_forward": OwnFeedForward}, {"feed_forward": FrugalFeedForward}, "feed-forward"),
    ],
)
def test_own_modules_that_do_not_are_named_and_their_parameters_counted(
    silent, frugal, part, monkeypatch
):
    costs = {c.part: c for c in model_cost(with_own(monkeypatch, **silent))}
    wanted = {c.part: c for c in model_cost(with_own(monkeypatch, **frugal))}
    (name,) = (module.__name__ for module in silent.values())
    assert costs[part].uncounted == costs["decoder"].uncounted == (name,)
    assert costs[part].macs_per_sec == 0 and costs["decoder"].macs_per_sec > 0
    for key in costs:
        assert costs[key].total_params == wanted[key].total_params
        if key not in (part, "decoder", "reverse decoder"):
            assert costs[key] == wanted[key]
    record = cost_record(list(costs.values()))
    assert record["uncounted"] == [name]
    assert {p["part"] for p in record["parts"] if p["uncounted"]} == {
        *(part, "decoder", "reverse decoder")
    }


def test_an_unknown_module_of_a_block_has_a_row():
    model = built(tiny())
    model.encoder.blocks[0].adapter = nn.Linear(4, 3)
    model.encoder.blocks[1].convolution = nn.Linear(4, 7)
    costs = {c.part: c for c in model_cost(model)}
    assert costs["other modules"].total_params == 4 * 3 + 3
    assert costs["other modules"].uncounted == costs["convolution"].uncounted == ("Linear",)
    assert sum_of(costs.values(), "all").total_params == count_params(model).total


class OwnBlock(nn.Module):
    """A block of a user: attentions of ours, a norm, weights of its own, and an activation."""

    def __init__(self, attention):
        super().__init__()
        self.attentions = nn.ModuleList([attention])
        self.norm = nn.RMSNorm(16)
        self.activation = nn.GELU()
        self.scale = nn.Parameter(torch.ones(16))


class FrugalBlock(OwnBlock):
    """A block of a user that defines its cost."""

    macs_per_frame = 7


def test_the_known_modules_of_an_unknown_block_are_counted():
    model = built(tiny())
    wanted = {c.part: c.macs_per_sec for c in model_cost(model)}
    model.encoder.blocks[1] = OwnBlock(model.encoder.blocks[1].attention)
    costs = {c.part: c for c in model_cost(model)}
    assert costs["attention"].macs_per_sec == wanted["attention"]
    assert costs["other modules"].uncounted == ("OwnBlock",)
    assert costs["other modules"].total_params == 16
    assert [c.part for c in costs.values() if c.uncounted] == ["other modules"]
    assert sum_of(costs.values(), "all").total_params == count_params(model).total


def test_a_block_that_defines_its_cost_is_counted_as_a_whole():
    model = built(tiny())
    model.encoder.blocks[1] = FrugalBlock(model.encoder.blocks[1].attention)
    cost = {c.part: c for c in model_cost(model, SECONDS)}["other modules"]
    assert round(cost.macs_per_sec * SECONDS) == 7 * model.output_len(100 * SECONDS)
    assert cost.total_params == sum(p.numel() for p in model.encoder.blocks[1].parameters())
    assert cost.uncounted == ()
