"""From a data directory to the loss of its batches."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from rounding import NETWORK_STEPS, assert_close

from moeasr import checkpoint
from moeasr.config import apply_overrides, from_mapping, load_yaml, to_mapping
from moeasr.data.archive import open_archive
from moeasr.errors import InputError
from moeasr.experiment import (
    ExperimentConfig,
    InitConfig,
    check_cmvn,
    checkpoint_metadata,
    is_finished,
    load_trained,
    make_batches,
    make_loss,
    resume_changes,
    start_model,
)
from moeasr.features.fbank import FbankConfig
from moeasr.limits import max_processes
from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.models.distillation import DistillationConfig
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig
from moeasr.train.config import TrainConfig

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd"]
TOKENIZER = Tokenizer.from_state(
    {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
)
ROUTED = FeedForwardConfig(type="moe", hidden_units=8, num_experts=4, router="language")
CONFIG = ExperimentConfig(
    model=ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=8, num_heads=2, feed_forward=ROUTED),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
        languages=("en", "zh"),
    ),
    train=TrainConfig(num_workers=0),
)


@pytest.fixture
def data_dir(tmp_path):
    with open_archive(tmp_path / "feats.ark", tmp_path / "feats.scp") as archive:
        for number, utt in enumerate("abc"):
            archive.write(utt, torch.randn(50 + 10 * number, 20))
    (tmp_path / "text").write_text("a ab\nb cd\nc da\n")
    return tmp_path


@pytest.mark.parametrize("fill", [None, torch.zeros(20)], ids=["dev", "train"])
def test_languages_come_from_utt2lang_and_reach_the_router(data_dir, fill):
    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    batches = make_batches(data_dir, CONFIG, TOKENIZER, lambda n: n // 4, 0, fill)
    (batch,) = batches.stream(epoch=0, start=0)
    assert dict(zip(batch.utt_ids, batch.languages.tolist())) == {"a": 1, "b": 0, "c": 1}
    model = build_model(CONFIG.model, 20, len(UNITS)).eval()
    settings = (DistillationConfig(), TOKENIZER, FbankConfig(), torch.device("cpu"))
    load = make_loss(model, *settings)(batch).expert_loads["00"]
    frames = dict(zip(batch.utt_ids, map(model.output_len, batch.feats_lens.tolist())))
    assert load[:2].sum() == 2 * frames["b"]
    assert load[2:].sum() == 2 * (frames["a"] + frames["c"])


def test_the_fingerprint_of_a_set_tells_utterances_lengths_and_languages(data_dir):
    def fingerprint(config=CONFIG):
        return make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, None).fingerprint()

    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    first, deaf = fingerprint(), fingerprint(DENSE)
    assert fingerprint() == first
    (data_dir / "utt2lang").write_text("a zh\nb en\nc en\n")
    assert fingerprint() != first
    assert fingerprint(DENSE) == deaf  # a model that does not route by language
    lines = "a 50\nb 60\nc 70\n"  # as it was before languages were in it: such runs can go on
    assert deaf == hashlib.sha256(lines.encode()).hexdigest()
    (data_dir / "text").write_text("a ab\nb cd\n")
    assert fingerprint(DENSE) != deaf


def test_languages_that_lack_are_refused_before_any_batch(data_dir):
    with pytest.raises(InputError, match=r"utt2lang: no such file; .*\(the model knows en, zh\)"):
        make_batches(data_dir, CONFIG, TOKENIZER, lambda n: n // 4, 0, None)


DENSE = ExperimentConfig(
    model=ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=8, num_heads=2),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
    )
)
FBANK = FbankConfig(num_mel_bins=20)


def content_of(experiment, **changes):
    """A checkpoint of a new model."""
    torch.manual_seed(1)
    content = {
        "model": build_model(experiment.model, 20, len(UNITS)).state_dict(),
        "config": to_mapping(experiment),
        "tokenizer": dict(TOKENIZER.state()),
        "fbank": to_mapping(FBANK),
        "info": {},
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config": None}, "lacks 'config'"),
        ({"model": None}, "lacks 'model'"),
        ({"config": {"model": {"depth": 3}}}, "unknown key 'depth'"),
        ({"tokenizer": {**TOKENIZER.state(), "units": UNITS[:-1]}}, "trained with other units"),
        ({"tokenizer": {"units": "x"}}, "'tokenizer.units' is no list"),
        ({"tokenizer": 3}, "'tokenizer' is not a section"),
        ({"fbank": {}}, "lacks 'fbank.num_mel_bins'"),
        ({"model": {"w": 3}}, "'w' of its model is no tensor"),
        ({"fbank": {"num_mel_bins": 40}}, "trained with other filter banks"),
        ({"model": {}}, "weights do not fit its config"),
    ],
)
def test_a_trained_model_that_is_none_is_refused_by_its_name(tmp_path, changes, reason):
    checkpoint.save(tmp_path / "bad.pt", content_of(DENSE, **changes))
    with pytest.raises(InputError, match=f"bad.pt.*{reason}"):
        load_trained(str(tmp_path / "bad.pt"), TOKENIZER, FBANK)


def test_each_kind_of_beginning(tmp_path):
    """Weights of the same network; a dense one into experts; which of the files is at fault."""
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    trained = load_trained(path, TOKENIZER, FBANK)
    feats, lens = torch.randn(1, 60, 20), torch.tensor([60])
    checkpoint.save(tmp_path / "averaged.pt", content_of(DENSE))
    in_directory = load_trained(str(tmp_path), TOKENIZER, FBANK)
    assert torch.equal(in_directory.encode(feats, lens).enc, trained.encode(feats, lens).enc)
    same = build_model(DENSE.model, 20, len(UNITS)).eval()
    start_model(same, InitConfig(model=path), TOKENIZER, FBANK)
    assert torch.equal(same.encode(feats, lens).enc, trained.encode(feats, lens).enc)
    experts = FeedForwardConfig(type="moe", num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS)).eval()
    start_model(moe, InitConfig(dense=path), TOKENIZER, FBANK)
    assert_close(moe.encode(feats, lens).enc, trained.encode(feats, lens).enc, NETWORK_STEPS)
    with pytest.raises(InputError, match=r"dense\.pt: there is nothing to upcycle"):
        start_model(same, InitConfig(dense=path), TOKENIZER, FBANK)
    with pytest.raises(InputError, match="no other `init` goes with it"):
        InitConfig(model=path, dense=path)


def test_routers_that_cannot_learn_are_warned_of(caplog):
    experts = FeedForwardConfig(
        type="moe", num_experts=4, experts_per_frame=1, expert_weights="one"
    )
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS))
    start_model(moe, InitConfig(), TOKENIZER, FBANK)
    assert "`expert_weights: one` gives " in caplog.text and "feed_forward" in caplog.text
    caplog.clear()
    start_model(build_model(DENSE.model, 20, len(UNITS)), InitConfig(), TOKENIZER, FBANK)
    assert not caplog.text


def last_pt(config, epoch=1):
    """The content of a `last.pt`, as far as the config goes."""
    return {"config": to_mapping(config), "trainer": {"epoch": epoch}, "model": {}}


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("init.model", {"init": InitConfig(model="a.pt")}),
        ("distillation.teacher", {"distillation": DistillationConfig(teacher="a.pt")}),
    ],
)
def test_an_experiment_does_not_go_on_with_other_beginnings_or_another_teacher(key, changed):
    assert resume_changes(DENSE, last_pt(DENSE), Path("last.pt")) == []
    with pytest.raises(InputError, match=f"`{key}` is a.pt, but was None so far"):
        resume_changes(dataclasses.replace(DENSE, **changed), last_pt(DENSE), Path("last.pt"))


def test_the_config_of_a_finished_training_stays():
    """It tells how the checkpoints came about; to train longer is no contradiction to it."""
    done = last_pt(DENSE, epoch=DENSE.train.max_epochs + 1)
    train = dataclasses.replace(DENSE.train, grad_clip=0.5)
    other = dataclasses.replace(DENSE, train=train)
    assert is_finished(other, done) and resume_changes(other, done, Path("last.pt")) == []
    longer = dataclasses.replace(train, max_epochs=DENSE.train.max_epochs + 1)
    other = dataclasses.replace(DENSE, train=longer)
    keys = [change.key for change in resume_changes(other, done, Path("last.pt"))]
    assert not is_finished(other, done) and keys == ["train.max_epochs", "train.grad_clip"]


def test_a_config_written_before_a_key_existed_is_the_same_config():
    old = last_pt(DENSE)
    del old["config"]["init"], old["config"]["distillation"], old["config"]["model"]["embedding"]
    assert resume_changes(DENSE, old, Path("last.pt")) == []


@pytest.mark.parametrize("kind", ["model", "dense"])
@pytest.mark.parametrize("cmvn", ["checkpoint", "corpus"])
def test_a_model_that_begins_with_another_has_the_cmvn_asked_for(tmp_path, caplog, kind, cmvn):
    caplog.set_level("INFO")
    path = str(tmp_path / "dense.pt")
    content = content_of(DENSE)
    content["model"]["cmvn.mean"].fill_(5.0)
    checkpoint.save(path, content)
    experts = FeedForwardConfig(type="moe", num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    config = dataclasses.replace(DENSE.model, encoder=encoder) if kind == "dense" else DENSE.model
    corpus = (torch.full((20,), 3.0), torch.full((20,), 2.0))
    model = build_model(config, 20, len(UNITS), corpus)
    start_model(model, InitConfig(**{kind: path, "cmvn": cmvn}), TOKENIZER, FBANK)
    own = cmvn == "corpus"
    assert model.cmvn.mean.unique().tolist() == [3.0 if own else 5.0]
    assert model.cmvn.istd.unique().tolist() == [2.0 if own else 1.0]
    assert f"of {path}" in caplog.text
    assert ("CMVN: --cmvn, and not" if own else "CMVN: the checkpoint's, and not") in caplog.text


def test_the_corpus_cmvn_is_kept_only_from_something():
    with pytest.raises(InputError, match="`init.cmvn: corpus` goes with"):
        InitConfig(cmvn="corpus", embedding="a.pt")


def test_a_resumed_training_warns_of_another_cmvn(caplog):
    mean, istd = torch.zeros(3), torch.ones(3)
    last = {"model": {"cmvn.mean": mean, "cmvn.istd": istd}}
    check_cmvn(last, (mean, istd), InitConfig(), "a/cmvn")
    check_cmvn(last, (mean + 1, istd), InitConfig(model="a.pt"), "a/cmvn")  # it was said before
    assert not caplog.text
    check_cmvn(last, (mean + 1, istd), InitConfig(), "a/cmvn")
    assert "a/cmvn is not used" in caplog.text


def test_a_checkpoint_knows_its_teacher_by_content(tmp_path):
    teacher = tmp_path / "teacher.pt"
    config = dataclasses.replace(DENSE, distillation=DistillationConfig(teacher=str(teacher)))
    digests = []
    for text in ("one", "other", "one"):
        teacher.write_text(text)
        metadata = checkpoint_metadata(config, TOKENIZER, FBANK, "set", "a.yaml", [], 1, "train")
        digests.append(metadata["teacher"])
    assert digests[0] == digests[2] != digests[1]
    (tmp_path / "averaged.pt").write_text("one")
    config = dataclasses.replace(DENSE, distillation=DistillationConfig(teacher=str(tmp_path)))
    metadata = checkpoint_metadata(config, TOKENIZER, FBANK, "set", "a.yaml", [], 1, "train")
    assert metadata["teacher"] == digests[0]


def test_epochs_without_an_accuracy_are_not_ranked_by_it():
    ctc_only = ModelConfig(
        decoder=DecoderConfig(num_blocks=0, num_reverse_blocks=0), ctc_weight=1, reverse_weight=0
    )
    with pytest.raises(InputError, match="`train.best_by: acc` needs a decoder"):
        ExperimentConfig(model=ctc_only, train=TrainConfig(best_by="acc"))


def test_an_absurd_number_of_workers_is_one_sentence(data_dir):
    train = dataclasses.replace(CONFIG.train, num_workers=max_processes() + 1)
    config = dataclasses.replace(CONFIG, train=train)
    with pytest.raises(InputError, match=r"^`train.num_workers` must be between 0 and \d+, but is"):
        make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, None)


def named_choices(cls, prefix=""):
    """Dotted path, and the names it may have, of every enumerated key of a config."""
    for name, hint in get_type_hints(cls, include_extras=True).items():
        path = prefix + name
        for kind in [hint, *get_args(hint)]:
            if dataclasses.is_dataclass(kind):
                yield from named_choices(kind, path + ".")
            elif get_origin(kind) is Literal:
                yield path, get_args(kind)
            elif get_origin(kind) is Annotated:
                yield path, tuple(kind.__metadata__[0].family)


CHOICES = [
    *((ExperimentConfig, *choice) for choice in named_choices(ExperimentConfig)),
    *((FbankConfig, *choice) for choice in named_choices(FbankConfig)),
    *((TokenizerConfig, *choice) for choice in named_choices(TokenizerConfig)),
]


def test_the_walk_finds_the_enumerated_keys():
    paths = {path for _, path, _ in CHOICES}
    assert {"train.best_by", "train.optim.name", "model.embedding.encoder.type"} < paths
    assert {"model.decoder.feed_forward.router", "window_type", "type"} < paths


@pytest.mark.parametrize(("cls", "path", "names"), CHOICES)
def test_an_unknown_name_is_refused_with_file_path_and_nearest_name(tmp_path, cls, path, names):
    (tmp_path / "a.yaml").write_text("{}\n")
    for name in names:
        for slip in (name + "x", "x" + name):
            mapping = apply_overrides(load_yaml(tmp_path / "a.yaml"), [f"{path}={slip}"])
            with pytest.raises(InputError) as caught:
                from_mapping(cls, mapping, tmp_path / "a.yaml")
            sentence = str(caught.value)
            assert sentence.startswith(f"{tmp_path}/a.yaml: '{path}' must be ")
            assert f"but is '{slip}'; did you mean '" in sentence
            assert sentence.rpartition("did you mean '")[2][:-2] in names
    for value in ("[]", "{}", "1", "true", "null", "[relative]"):
        mapping = apply_overrides({}, [f"{path}={value}"])
        with pytest.raises(InputError, match=f"'{path}' must be"):
            from_mapping(cls, mapping, "a.yaml")
