"""The config of an experiment."""

import dataclasses
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest

from moeasr.config import (
    OneOf,
    OneOfTypes,
    apply_overrides,
    from_mapping,
    load_yaml,
    to_mapping,
)
from moeasr.convert.adapters import LoraConfig
from moeasr.errors import InputError
from moeasr.experiment.config import ExperimentConfig, InitConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.models.heads.group_head import GroupConfig
from moeasr.moe.layer import MoeConfig
from moeasr.text.tokenizer import TokenizerConfig
from moeasr.train.config import TrainConfig


def test_the_corpus_cmvn_is_kept_only_from_something():
    with pytest.raises(InputError, match="`init.cmvn: corpus` needs"):
        InitConfig(cmvn="corpus", embedding="a.pt")


def test_a_checkpoint_to_fine_tune_is_the_only_one():
    for other in ("model", "dense", "embedding"):
        with pytest.raises(InputError, match="`init.from` cannot be combined with `init.model`"):
            InitConfig(from_="a.pt", **{other: "b.pt"})
    with pytest.raises(InputError, match="`init.modules` needs `init.from`"):
        InitConfig(model="a.pt", modules=("encoder",))


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": DecoderConfig(num_blocks=0, num_reverse_blocks=0), "reverse_weight": 0},
        {},  # a decoder without training
    ],
)
def test_epochs_without_an_accuracy_are_not_ranked_by_it(settings):
    ctc_only = ModelConfig(ctc_weight=1, **settings)
    with pytest.raises(InputError, match="`train.best_by: acc` is the accuracy of the decoder"):
        ExperimentConfig(model=ctc_only, train=TrainConfig(best_by="acc"))


def test_groups_of_a_new_model_are_not_chosen_at_random():
    experts = MoeConfig(num_experts=4, router="learned_group")
    encoder = ConformerConfig(num_blocks=2, num_dense_blocks=1, feed_forward=experts)
    head = GroupConfig(weight=0.0, labels=("en", "zh"))
    model = ModelConfig(encoder=encoder, heads={"spoken": head})
    with pytest.raises(InputError, match="`model.heads.spoken.weight` is 0, so .* at random"):
        ExperimentConfig(model=model)
    ExperimentConfig(model=model, init=InitConfig(from_="trained.pt"))


def test_epochs_without_a_ctc_head_are_not_ranked_by_word_errors():
    attention_only = ModelConfig(ctc_weight=0)
    with pytest.raises(InputError, match="`train.best_by: wer` needs a trained CTC head"):
        ExperimentConfig(model=attention_only, train=TrainConfig(best_by="wer"))
    ExperimentConfig(train=TrainConfig(best_by="wer"))


def named_choices(cls, prefix="", beside=()):
    """Dotted path, and the names it may have, of every enumerated key of a config.

    Each key comes with the overrides without which it does not exist: the types of its sections.
    """
    for name, hint in get_type_hints(cls, include_extras=True).items():
        path = prefix + name
        for kind in [hint, *get_args(hint)]:
            if dataclasses.is_dataclass(kind) and get_origin(kind) is not Annotated:
                yield from named_choices(kind, path + ".", beside)
            elif get_origin(kind) is Literal and name != "type":
                yield path, get_args(kind), beside
            elif get_origin(kind) is Annotated and isinstance(kind.__metadata__[0], OneOf):
                yield path, tuple(kind.__metadata__[0].family), beside
            elif get_origin(kind) is Annotated and isinstance(kind.__metadata__[0], OneOfTypes):
                family = kind.__metadata__[0].family
                if hint is not kind:
                    continue  # sections whose keys are names of one's own
                yield f"{path}.type", tuple(family), beside
                for type_name, member in family.items():
                    given = (*beside, f"{path}.type={type_name}")
                    yield from named_choices(member, path + ".", given)


CHOICES = [
    *((ExperimentConfig, *choice) for choice in named_choices(ExperimentConfig)),
    *((FbankConfig, *choice) for choice in named_choices(FbankConfig)),
    (TokenizerConfig, "type", get_args(get_type_hints(TokenizerConfig)["type"]), ()),
]


def test_the_walk_finds_the_enumerated_keys():
    paths = {path for _, path, *_ in CHOICES}
    assert {"train.best_by", "train.optim.name", "model.embedding.encoder.type"} < paths
    assert {"model.decoder.feed_forward.router", "window_type", "type"} < paths


@pytest.mark.parametrize(("cls", "path", "names", "beside"), CHOICES)
def test_an_unknown_name_is_refused_with_file_path_and_nearest_name(
    tmp_path, cls, path, names, beside
):
    (tmp_path / "a.yaml").write_text("{}\n")
    for name in names:
        for slip in (name + "x", "x" + name):
            mapping = apply_overrides(load_yaml(tmp_path / "a.yaml"), [*beside, f"{path}={slip}"])
            with pytest.raises(InputError) as caught:
                from_mapping(cls, mapping, tmp_path / "a.yaml")
            sentence = str(caught.value)
            assert sentence.startswith(f"{tmp_path}/a.yaml: '{path}' must be ")
            assert f"but is '{slip}'; did you mean '" in sentence
            assert sentence.rpartition("did you mean '")[2][:-2] in names
    for value in ("[]", "{}", "1", "true", "null", "[relative]"):
        mapping = apply_overrides({}, [*beside, f"{path}={value}"])
        with pytest.raises(InputError, match=f"'{path}' must be"):
            from_mapping(cls, mapping, "a.yaml")


def test_an_adapter_needs_a_trained_model():
    for given in ("model", "dense"):
        config = ExperimentConfig(adapter=LoraConfig(), init=InitConfig(**{given: "averaged.pt"}))
        assert from_mapping(ExperimentConfig, to_mapping(config), "x") == config
    with pytest.raises(InputError, match=r"there is none; name it with `init\.model` or"):
        ExperimentConfig(adapter=LoraConfig())
