"""From config to network."""

import dataclasses
import math
from typing import get_args, get_type_hints

import pytest
import torch

from moeasr.config import from_mapping, to_mapping
from moeasr.errors import InputError
from moeasr.models.build import ParamCounts, build_model, count_params, load_model
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.block_encoder_config import ATTENTIONS
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoder import EncoderConfig
from moeasr.models.encoders.encoders import ENCODERS
from moeasr.models.feed_forwards import FEED_FORWARDS
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.head import HeadConfig
from moeasr.models.heads.heads import HEADS
from moeasr.moe.experts import EXPERT_KERNELS
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.moe.routers import ROUTERS
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.feed_forward import DenseConfig, DenseFeedForward, FeedForwardConfig
from moeasr.nn.valid_frames import all_frames_valid

DENSE = DenseConfig(hidden_units=24)
MOE = MoeConfig(hidden_units=24, num_experts=4, experts_per_frame=2)


def moe_by(router):
    """Return a `feed_forward:` section of experts with the given router."""
    return {"type": "moe", "router": router}


GROUPS = {"heads": {"spoken": {"type": "group", "weight": 1, "labels": ["en", "zh"]}}}


def moe_with(**settings):
    """A `model:` section with these settings of experts."""
    return {"encoder": {"feed_forward": {"type": "moe", **settings}}}


def transformer_with(**settings):
    """A `model:` section with these settings of a Transformer encoder."""
    return {"encoder": {"type": "transformer", **settings}}


def config_of(ff):
    return ModelConfig(
        encoder=ConformerConfig(
            num_blocks=2, d_model=16, num_heads=2, feed_forward=ff, macaron_feed_forward=ff
        ),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=ff),
    )


def test_defaults_are_those_of_u2pp_and_of_its_experts():
    """arXiv 2106.05642 and 2404.16407; gamma is SpeechMoE's, the kernel is that of 3M."""
    model = ModelConfig()
    assert (model.ctc_weight, model.reverse_weight, model.label_smoothing) == (0.3, 0.3, 0.1)
    assert model.routing_losses == {}
    encoder, decoder, feed_forward = model.encoder, model.decoder, model.encoder.feed_forward
    assert (encoder.num_blocks, encoder.d_model, encoder.num_heads) == (12, 256, 4)
    assert (encoder.dropout, encoder.attention_dropout, encoder.conv_kernel_size) == (0.1, 0.1, 15)
    assert encoder.causal_conv and encoder.dynamic_chunk and encoder.max_chunk_size == 25  # 1 s
    assert (decoder.num_blocks, decoder.num_reverse_blocks, decoder.num_heads) == (3, 3, 4)
    assert (decoder.dropout, decoder.attention_dropout) == (0.1, 0.0)
    assert (feed_forward.hidden_units, feed_forward.activation) == (2048, "silu")
    moe = MoeConfig()
    assert (moe.hidden_units, moe.activation) == (2048, "silu")
    assert (moe.num_experts, moe.experts_per_frame) == (8, 2)
    assert (moe.expert_weights, moe.router) == ("selected", "top_k")
    assert EmbeddingConfig().loss_weight == 0.01


def test_parameters_are_the_rest_plus_e_feed_forwards_plus_routers():
    dense = count_params(build_model(config_of(DENSE), 20, 9))
    moe = count_params(build_model(config_of(MOE), 20, 9))
    num_ffs, per_ff, per_router = 6, 16 * 24 * 2 + 24 + 16, 4 * 16
    rest = dense.total - num_ffs * per_ff
    assert dense.active == dense.total
    assert moe.total == rest + num_ffs * (4 * per_ff + per_router)
    assert moe.active == rest + num_ffs * (2 * per_ff + per_router)


def test_parameters_are_described_in_millions():
    moe, dense = ParamCounts(3_522_010, 1_292_890), ParamCounts(5_210_000, 5_210_000)
    assert moe.describe() == "3.52 M, of which each frame uses 1.29 M"
    assert dense.describe() == "5.21 M"


def test_a_checkpoint_gives_back_the_same_network_in_eval_mode():
    model = build_model(config_of(MOE), 20, 9, (torch.randn(20), torch.rand(20)))
    checkpoint = {
        "config": {"model": to_mapping(config_of(MOE))},
        "fbank": {"num_mel_bins": 20},
        "tokenizer": {"units": ["u"] * 9},
        "model": model.state_dict(),
    }
    loaded = load_model(checkpoint)
    feats, lens = torch.randn(1, 40, 20), torch.tensor([40])
    assert not loaded.training
    assert torch.equal(loaded.encode(feats, lens).enc, model.eval().encode(feats, lens).enc)


def test_attention_dropout_of_1_closes_every_attention_in_training():
    """The remaining layers see only their own frame and their own token."""
    sizes = {"num_heads": 2, "dropout": 0.0, "attention_dropout": 1.0}
    config = ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=16, conv_kernel_size=1, **sizes),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, **sizes),
    )
    model = build_model(config, 20, 9).train()
    feats, tokens = torch.randn(1, 11, 20), torch.tensor([[2, 3]])
    other = torch.cat((feats[:, :7], torch.randn(1, 4, 20)), dim=1)  # frame 0 sees 7 of them
    encs = [model.encode(x, torch.tensor([11])).enc for x in (feats, other)]
    assert torch.equal(encs[0][:, 0], encs[1][:, 0])
    for decoder in (model.decoder, model.reverse_decoder):
        logits, others = (
            decoder(ids, torch.tensor([2]), enc, torch.tensor([2])).logits
            for ids, enc in ((tokens, encs[0]), (torch.tensor([[4, 3]]), torch.randn(1, 2, 16)))
        )
        assert torch.equal(logits[:, 1], others[:, 1])
        assert not torch.equal(logits[:, 0], others[:, 0])


def test_weights_that_do_not_fit_their_config_are_refused():
    checkpoint = {
        "config": {"model": to_mapping(config_of(MOE))},
        "fbank": {"num_mel_bins": 20},
        "tokenizer": {"units": ["u"] * 9},
        "model": build_model(config_of(DENSE), 20, 9).state_dict(),
    }
    with pytest.raises(InputError, match="do not match its config"):
        load_model(checkpoint)


def test_attentions_are_those_that_a_config_may_name():
    assert set(ATTENTIONS) == set(get_args(get_type_hints(ConformerConfig)["attention"]))


@pytest.mark.parametrize(
    ("family", "kind"),
    [(FEED_FORWARDS, FeedForwardConfig), (ENCODERS, EncoderConfig), (HEADS, HeadConfig)],
    ids=["feed_forwards", "encoders", "heads"],
)
def test_members_of_a_family_are_of_its_kind_and_know_their_name(family, kind):
    for name, member in family.items():
        (own,) = get_args(get_type_hints(member)["type"])
        assert issubclass(member, kind) and own == name


@pytest.mark.parametrize("router", ROUTERS)
def test_every_router_can_be_named_and_a_slip_of_its_name_gives_it(router):
    """The message names the router even if other keys do not suit it either."""
    mapping = {"encoder": {"feed_forward": moe_by(router + "x")}}
    if router == "embedding":
        mapping["embedding"] = {}
    if router == "language":
        mapping["languages"] = ["en", "zh"]
    if router == "learned_group":
        mapping |= GROUPS
        mapping["encoder"]["num_dense_blocks"] = 1
    sentence = rf"f: 'encoder.feed_forward.router' must be one of .*; did you mean '{router}'\?"
    with pytest.raises(InputError, match=sentence):
        from_mapping(ModelConfig, mapping, "f")
    if ROUTERS[router].sees_future:
        mapping["encoder"]["dynamic_chunk"] = False
    mapping["encoder"]["feed_forward"]["router"] = router
    assert from_mapping(ModelConfig, mapping, "f").encoder.feed_forward.router == router


class OwnFeedForward(torch.nn.Linear):
    def forward(self, x, valid, context=None):
        return super().forward(x), None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnConfig(FeedForwardConfig):
    my_option: int = 1

    def build(self, stack, like=None):
        return OwnFeedForward(stack.d_model, stack.d_model)


class OwnRouter(TopKRouter):
    @classmethod
    def build(cls, config, stack):
        return cls(stack.d_model, config.num_experts, 2, "full")


def test_added_feed_forwards_and_routers_are_known_by_name(monkeypatch):
    monkeypatch.setitem(FEED_FORWARDS, "own", OwnConfig)
    monkeypatch.setitem(ROUTERS, "own", OwnRouter)
    sizes = {"d_model": 16, "num_heads": 2, "num_blocks": 1}
    parts = {
        "feed_forward": {"type": "own", "my_option": 3},
        "macaron_feed_forward": moe_by("own"),
    }
    mapping = {"encoder": {**sizes, **parts}, "decoder": {"num_heads": 2, "num_blocks": 1}}
    config = from_mapping(ModelConfig, mapping, "f")
    assert config.encoder.feed_forward.my_option == 3
    model = build_model(config, 20, 9)
    assert isinstance(model.encoder.blocks[0].feed_forward, OwnFeedForward)
    assert model.encoder.blocks[0].macaron_feed_forward.router.expert_weights == "full"


def feed_forwards(model):
    """Return all feed-forwards of the encoder and of both decoders."""
    kinds = (DenseFeedForward, MoEFeedForward)
    return [module for module in model.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize(("activation", "value"), [("silu", -1 / (1 + math.e)), ("relu", 0.0)])
@pytest.mark.parametrize("config", [DENSE, MOE], ids=["dense", "moe"])
def test_the_activation_is_that_of_the_config_in_every_feed_forward(config, activation, value):
    """Every hidden unit is activation(-1), and every output is the sum of 24 hidden units."""
    config = dataclasses.replace(config, activation=activation)
    modules = feed_forwards(build_model(config_of(config), 20, 9).eval())
    assert len(modules) == 6
    x, valid = torch.randn(1, 5, 16), all_frames_valid(1, 5)
    for module in modules:
        for name, parameter in module.named_parameters():
            constant = {"w1.bias": -1.0, "experts.b1": -1.0, "w2.weight": 1.0, "experts.w2": 1.0}
            if name != "router.weight":
                torch.nn.init.constant_(parameter, constant.get(name, 0.0))
        torch.testing.assert_close(module(x, valid)[0], torch.full_like(x, 24 * value))


def test_experts_are_run_by_the_kernel_of_the_config(monkeypatch):
    monkeypatch.setitem(EXPERT_KERNELS, "own", lambda bank, x, routing: torch.full_like(x, 7.0))
    config = config_of(dataclasses.replace(MOE, kernel="own"))
    x, valid = torch.randn(1, 5, 16), all_frames_valid(1, 5)
    for module in feed_forwards(build_model(config, 20, 9)):
        assert torch.equal(module(x, valid)[0], torch.full_like(x, 7.0))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"encoder": {"causal_conv": False}}, "dynamic_chunk"),
        ({"encoder": {"causal_conv": False, "dynamic_chunk": False, "conv_kernel_size": 8}}, "odd"),
        ({"encoder": {"d_model": 30}}, r"`d_model` must be a multiple of `num_heads` \(4\)"),
        (
            {"encoder": {"num_heads": 3}},
            "in 'encoder': `d_model` must be a multiple of `num_heads`",
        ),
        (
            {"decoder": {"num_heads": 5}},
            r"`encoder.d_model` must be a multiple of `decoder.num_heads` \(5\)",
        ),
        ({"encoder": {"dropout": 1.5}}, "in 'encoder': `dropout` must be between 0 and 1"),
        (
            {"encoder": {"attention_dropout": -0.1}},
            "in 'encoder': `attention_dropout` must be",
        ),
        ({"decoder": {"dropout": 1.5}}, "in 'decoder': `dropout` must be between 0 and 1"),
        ({"decoder": {"attention_dropout": 1.5}}, "in 'decoder': `attention_dropout` must be"),
        ({"ctc_weight": 1.5}, "`ctc_weight` must be between 0 and 1"),
        ({"reverse_weight": -0.1}, "`reverse_weight` must be between 0 and 1"),
        ({"reverse_weight": 1}, "`reverse_weight` must be below 1"),
        ({"label_smoothing": 1.5}, "`label_smoothing` must be between 0 and 1"),
        ({"embedding": {"loss_weight": -1}}, "`loss_weight` must be 0 or more, but is -1"),
        ({"encoder": {"feed_forward": {"hidden_units": 0}}}, "`hidden_units` must be at least 1"),
        (
            {"encoder": {"feed_forward": moe_by("top_k") | {"experts_per_frame": 0}}},
            "_frame` must be",
        ),
        ({"encoder": {"max_chunk_size": 0}}, "`max_chunk_size` must be at least 1"),
        ({"encoder": {"conv_kernel_size": 0}}, "`conv_kernel_size` must be at least 1"),
        (
            {"encoder": {"type": "transformer", "memory_kernel_size": -1}},
            "`memory_kernel_size` must be at least 0",
        ),
        (
            {"encoder": {"type": "transformer", "attention_every": 0}},
            "`attention_every` must be at least 1",
        ),
        ({"encoder": {"num_groups": 0}}, "`num_groups` must be at least 1"),
        ({"decoder": {"num_blocks": -1}}, "`num_blocks` must be at least 0"),
        (
            {"encoder": {"feed_forward": {"type": "moe", "capacity_factor": 1.25}}},
            "could not stream or reproduce",
        ),
        ({"encoder": {"feed_forward": moe_by("embedding")}}, "needs an `embedding` section"),
        ({"embedding": {}}, "no feed-forward of the encoder uses it by `router: embedding`"),
        (
            {
                "encoder": {"feed_forward": moe_by("embedding")},
                "embedding": {"encoder": {"causal_conv": False, "dynamic_chunk": False}},
            },
            "the encoder would see future frames through the embeddings",
        ),
        (
            {"embedding": {"encoder": {"feed_forward": moe_by("top_k")}}},
            "must be `type: dense`",
        ),
        ({"encoder": {"conv_edges": "after_gate"}}, "needs `causal_conv: false`"),
        ({"encoder": {"subsampling_channels": -3}}, "`subsampling_channels` must be at least 1"),
        ({"encoder": {"num_blocks": 10**9}}, "`num_blocks` must be at most 1000"),
        ({"encoder": {"d_model": 10**9}}, "`d_model` must be at most 1000000"),
        (
            {"encoder": {"feed_forward": {"type": "moe", "num_experts": 10**9}}},
            "`num_experts` must be at",
        ),
        ({"decoder": {"num_reverse_blocks": 10**9}}, "`num_reverse_blocks` must be at most 1000"),
        ({"encoder": {"feed_forward": moe_by("language")}}, "needs two or more `languages`"),
        (
            {"encoder": {"feed_forward": moe_by("language")}, "languages": ["en"]},
            "two or more",
        ),
        ({"languages": ["en", "zh"]}, "no feed-forward of the encoder has `router: language`"),
        (
            {"encoder": {"feed_forward": moe_by("language")}, "languages": ["en", "en"]},
            "contains a name twice",
        ),
        (
            {"encoder": {"feed_forward": moe_by("language")}, "languages": ["en", ""]},
            "`languages` contains an empty name",
        ),
        (
            {
                "encoder": {
                    "feed_forward": moe_by("language"),
                    "macaron_feed_forward": moe_by("embedding"),
                },
                "languages": ["en", "zh"],
                "embedding": {},
            },
            "cannot be combined",
        ),
        ({"decoder": {"feed_forward": moe_by("embedding")}}, "a decoder processes tokens"),
        *(
            (
                {"decoder": {"feed_forward": moe_by(router)}},
                "reads later frames: a decoder predicts each token from the previous ones",
            )
            for router in ("utterance", "look_ahead")
        ),
        ({"encoder": {"feed_forward": moe_by("learned_group")}}, "needs a head of `type: group`"),
        (
            moe_with(experts_per_frame={"train": [], "decode": 2}),
            "`train` needs at least one",
        ),
        (moe_with(experts_per_frame={"train": [1, 9], "decode": 2}), r"\(8\), but is 9"),
        (moe_with(experts_per_frame={"train": [0, 2], "decode": 2}), r"\(8\), but is 0"),
        (moe_with(experts_per_frame={"train": [1, 2], "decode": 9}), r"\(8\), but is 9"),
        (moe_with(experts_per_frame={"train": [1], "decode": 2}), "a zero gradient"),
        (GROUPS, "`heads.spoken` chooses groups .* no feed-forward of the encoder has"),
        (
            {"encoder": {"feed_forward": moe_by("learned_group")}, **GROUPS},
            "`encoder.num_dense_blocks` from 1 to 11, .* but it is 0",
        ),
        (
            {"heads": dict.fromkeys(("a", "b"), GROUPS["heads"]["spoken"])},
            "only one head may have `labels`, but a and b do",
        ),
        *(
            (
                {"heads": {name: GROUPS["heads"]["spoken"]}},
                "`heads` contains the name '.*'; use letters, digits and underscores",
            )
            for name in ("", "a.b", "1")
        ),
        (
            {"encoder": {"num_dense_blocks": 13}},
            "`num_dense_blocks` must be at most 12, but is 13",
        ),
        *(
            ({"heads": {"spoken": {"type": "group", "weight": 1, **settings}}}, reason)
            for settings, reason in [
                ({"labels": ["en"]}, r"`labels` needs at least 2 names, as in utt2lang, but is"),
                ({"labels": ["en", "en"]}, "an empty name, or a name twice: en, en"),
                ({"labels": ["en", "zh"], "blank_group": True}, "needs `loss: ctc`"),
            ]
        ),
        ({"decoder": {"feed_forward": moe_by("language")}}, "a decoder processes tokens"),
        (
            {
                "encoder": {"feed_forward": moe_by("random")},
                "routing_losses": {"switch_balance": 0.01},
            },
            "must be 0, because no feed-forward has a router",
        ),
        (
            {"decoder": {"num_blocks": 0, "num_reverse_blocks": 0}, "reverse_weight": 0.0},
            "`ctc_weight` must be 1",
        ),
        ({"decoder": {"num_blocks": 0}}, "`num_reverse_blocks` must be 0"),
        ({"decoder": {"num_reverse_blocks": 0}}, "reverse_weight"),
        ({"encoder": {"feed_forward": {"hiden_units": 5}}}, "feed_forward.hidden_units"),
        (
            {"encoder": {"feed_forward": {"type": "moe", "experts_per_frame": 1}}},
            "x.yaml: in 'encoder.feed_forward': .* zero gradient",
        ),
        (
            {"decoder": {"feed_forward": {"type": "moe", "experts_per_frame": 9}}},
            "in 'decoder.feed_forward': .* between 1 and the number of experts",
        ),
        ({"routing_losses": {"z": -1}}, "`routing_losses.z` must be 0 or more"),
        (
            {"encoder": {"feed_forward": {"num_experts": 4}}},
            "'encoder.feed_forward.num_experts' belongs to `type: moe`, but "
            "'encoder.feed_forward' has no `type` and is therefore of the default type, dense",
        ),
        ({"encoder": {"memory_kernel_size": 4}}, "belongs to `type: transformer`"),
        ({"heads": {"ctc": {"type": "ctc", "weight": 1.0}}}, "a head of this name already exists"),
        (
            {"heads": {"mine": {"weight": 1.0}}},
            "key 'heads.mine.type' is missing; choose one of ctc, group",
        ),
        ({"heads": {"mine": {"type": "ctc", "weight": -1.0}}}, "`weight` must be 0 or more"),
    ],
)
def test_a_bad_model_section_is_refused(mapping, message):
    with pytest.raises(InputError, match=message):
        from_mapping(ModelConfig, mapping, "x.yaml")


def test_a_model_with_centred_convolution_cannot_decode_in_chunks():
    encoder = ConformerConfig(
        num_blocks=1, d_model=16, num_heads=2, causal_conv=False, dynamic_chunk=False
    )
    model = build_model(ModelConfig(encoder=encoder), 20, 9)
    with pytest.raises(InputError, match="cannot decode in chunks"):
        model.encode(torch.randn(1, 40, 20), torch.tensor([40]), chunk_size=4)
