"""The `model:` section: its heads, its contexts, and settings that are incompatible."""

import pytest
from systems import DENSE, TOP_1, encoder, moe

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.heads.ctc_head import CtcConfig
from moeasr.models.heads.decoder import DecoderConfig

BY_LANGUAGE = encoder(moe(router="language", experts_per_frame=1, expert_weights="full"))
EMBEDDING = EmbeddingConfig(encoder=encoder(d_model=8))
DECODERS = DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2)


def model(**settings):
    return ModelConfig(**{"encoder": encoder(), "decoder": DECODERS, **settings})


def test_heads_share_the_loss():
    heads = model(ctc_weight=0.25, reverse_weight=0.5, label_smoothing=0.2).all_heads
    assert list(heads) == ["ctc", "attention"]
    assert (heads["ctc"].weight, heads["attention"].weight) == (0.25, 0.75)
    assert heads["attention"].reverse_weight == 0.5 and heads["attention"].decoder == DECODERS
    assert heads["attention"].label_smoothing == 0.2


def test_additional_heads_are_added_and_a_decoder_without_blocks_is_none():
    heads = model(
        decoder=DecoderConfig(num_blocks=0, num_reverse_blocks=0, num_heads=2),
        ctc_weight=1.0,
        reverse_weight=0.0,
        heads={"phones": CtcConfig(weight=0.5)},
    ).all_heads
    assert {name: head.weight for name, head in heads.items()} == {"ctc": 1.0, "phones": 0.5}


def test_contexts_are_what_the_routers_read():
    assert model().contexts == set()
    assert model(encoder=encoder(TOP_1, DENSE), embedding=EMBEDDING).contexts == {"embedding"}
    assert model(encoder=BY_LANGUAGE, languages=("en", "zh")).contexts == {"language"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ctc_weight": 1.1}, "`ctc_weight` must be between 0 and 1"),
        ({"label_smoothing": -0.1}, "`label_smoothing` must be between 0 and 1"),
        (
            {"heads": {"ctc": CtcConfig(weight=1.0)}},
            "`heads.ctc`: a head of this name already exists",
        ),
        ({"embedding": EMBEDDING}, "there is an `embedding` section, but no feed-forward"),
        ({"encoder": encoder(TOP_1, DENSE)}, "`router: embedding` needs an `embedding` section"),
        ({"languages": ("en", "zh")}, "there are `languages`, but no feed-forward"),
        ({"encoder": BY_LANGUAGE, "languages": ("en",)}, "needs two or more `languages`"),
        (
            {"encoder": BY_LANGUAGE, "languages": ("en", "en")},
            "`languages` contains a name twice: en",
        ),
        ({"encoder": BY_LANGUAGE, "languages": ("en", "")}, "`languages` contains an empty name"),
        (
            {"routing_losses": {"z": 0.1}},
            "`routing_losses.z` must be 0, because no feed-forward has a router",
        ),
        (
            {
                "routing_losses": {"z": 0.1},
                "decoder": DecoderConfig(num_blocks=1, num_heads=2, feed_forward=moe()),
                "ctc_weight": 1.0,
            },
            "`routing_losses.z` must be 0, because no feed-forward has a router",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        model(**settings)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"sparsity_l1": -1}, "^`routing_losses.sparsity_l1` must be 0 or more, but is -1"),
        ({"sparsity_l2": 1}, "^`routing_losses`: 'sparsity_l2' is unknown; did you mean 'sparsit"),
    ],
)
def test_faults_of_routing_losses_are_named(weights, message):
    with pytest.raises(InputError, match=message):
        ModelConfig(routing_losses=weights)


def test_a_routing_loss_of_weight_0_is_none():
    """Checkpoints of earlier versions name all losses, and must still resume."""
    assert ModelConfig(routing_losses={"z": 0.0}) == ModelConfig()
    config = model(encoder=encoder(moe()), routing_losses={"z": 0.0, "switch_balance": 0.1})
    assert config.routing_losses == {"switch_balance": 0.1}
