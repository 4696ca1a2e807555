"""From a data directory to the loss of its batches."""

import dataclasses
import hashlib
import subprocess
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import audio_sets
import pytest
import torch
import torch.distributed as dist
from rounding import NETWORK_STEPS, assert_close
from torch.testing._internal.distributed.fake_pg import FakeStore

from moeasr import checkpoint
from moeasr.config import OneOf, OneOfTypes, apply_overrides, from_mapping, load_yaml, to_mapping
from moeasr.data.feature_settings import write_settings
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.experiment.batches import make_batches, read_features_config
from moeasr.experiment.config import DataConfig, ExperimentConfig, InitConfig
from moeasr.experiment.loss import make_loss
from moeasr.experiment.metadata import checkpoint_metadata
from moeasr.experiment.resumption import is_finished, resume_changes, take_up
from moeasr.experiment.start import load_trained, start_model
from moeasr.features.archive import open_archive
from moeasr.features.augment import SpecAugmentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.limits import max_processes
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.distillation import Distillation, DistillationConfig
from moeasr.models.embedding import EmbeddingConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.text.tokenizer import Tokenizer, TokenizerConfig
from moeasr.train.checkpoint_keeper import TRAINER_KEYS
from moeasr.train.config import TrainConfig

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd"]
TOKENIZER = Tokenizer.from_state(
    {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
)
ROUTED = MoeConfig(hidden_units=8, num_experts=4, router="language")
CONFIG = ExperimentConfig(
    model=ModelConfig(
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2, feed_forward=ROUTED),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
        languages=("en", "zh"),
    ),
    train=TrainConfig(num_workers=0),
)


LENGTHS = {"a": 50, "b": 60, "c": 70}


def features(utt):
    """The stored features of an utterance."""
    generator = torch.Generator().manual_seed(LENGTHS[utt])
    return torch.randn(LENGTHS[utt], 20, generator=generator)


@pytest.fixture
def data_dir(tmp_path):
    with open_archive(tmp_path / "feats.ark", tmp_path / "feats.scp") as archive:
        for utt in LENGTHS:
            archive.write(utt, features(utt))
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
    load = make_loss(model, *settings)(batch).expert_loads["encoder.blocks.0.feed_forward"]
    frames = dict(zip(batch.utt_ids, map(model.output_len, batch.feats_lens.tolist())))
    assert load[:2].sum() == 2 * frames["b"]
    assert load[2:].sum() == 2 * (frames["a"] + frames["c"])


def batches_of(data_dir, fill, seed=0, data_type="feats", **data):
    """Batches of a dense model."""
    config = dataclasses.replace(DENSE, data=DataConfig(**data))
    arguments = (TOKENIZER, lambda n: n // 4, seed, fill, data_type)
    return make_batches(data_dir, config, *arguments)


SINGLY = BatchConfig(max_utts=1, num_buckets=1)
EVERYTHING = SpecAugmentConfig(num_freq_masks=200)  # the chance that a bin has none is below 1e-20


@pytest.mark.parametrize("window_shards", [None, 1])
def test_development_data_are_neither_masked_nor_shuffled(data_dir, window_shards):
    """Whatever training is asked for."""
    batch = dataclasses.replace(SINGLY, window_shards=window_shards)
    dev = batches_of(data_dir, None, batch=batch, spec_augment=EVERYTHING)
    for epoch in (0, 1, 2):
        stream = list(dev.stream(epoch, 0))
        assert [batch.utt_ids for batch in stream] == [("c",), ("b",), ("a",)]
        for batch in stream:
            assert torch.equal(batch.feats[0], features(*batch.utt_ids))


def test_masks_of_training_hold_the_fill_and_differ_by_seed(data_dir):
    fill = torch.arange(20.0)
    (batch,) = batches_of(data_dir, fill, spec_augment=EVERYTHING).stream(1, 0)
    assert sorted(batch.utt_ids) == ["a", "b", "c"]
    for feats, length in zip(batch.feats, batch.feats_lens):
        assert torch.equal(feats[:length], fill.expand(length, 20))
    masks = SpecAugmentConfig(num_freq_masks=3, max_freq_bins=10)
    seeds = [batches_of(data_dir, fill, seed, spec_augment=masks) for seed in (1, 2)]
    one, other = ({u: f for b in s.stream(1, 0) for u, f in zip(b.utt_ids, b.feats)} for s in seeds)
    assert all(not torch.equal(one[utt], other[utt]) for utt in LENGTHS)
    (plain,) = batches_of(data_dir, fill, spec_augment=None).stream(1, 0)
    for utt, feats in zip(plain.utt_ids, plain.feats):
        assert torch.equal(feats[: LENGTHS[utt]], features(utt))


def test_the_order_of_training_is_the_samplers_of_seed_and_epoch(data_dir):
    lengths = list(LENGTHS.values())
    for seed in (3, 4):
        train = batches_of(data_dir, torch.zeros(20), seed, batch=SINGLY)
        sampler = BucketBatchSampler(lengths, SINGLY, seed)
        for epoch in range(1, 5):
            order = ["abc"[index] for (index,) in sampler.batches(epoch)]
            for start in range(4):  # batches that an earlier run has had already
                found = [utt for batch in train.stream(epoch, start) for utt in batch.utt_ids]
                assert found == order[start:]
            assert train.num_batches(epoch) == 3


def test_each_process_trains_and_evaluates_on_a_share_of_its_own(data_dir):
    dist.init_process_group("fake", rank=1, world_size=2, store=FakeStore())
    try:
        sampler = BucketBatchSampler(list(LENGTHS.values()), SINGLY, 3, rank=1, world_size=2)
        train = batches_of(data_dir, torch.zeros(20), 3, batch=SINGLY)
        assert list(train.sampler.batches(1)) == list(sampler.batches(1))
        dev = batches_of(data_dir, None, batch=SINGLY)
        assert [batch.utt_ids for batch in dev.stream(0, 0)] == [("b",)]
    finally:
        dist.destroy_process_group()


def test_lengths_beyond_the_limits_are_left_out(data_dir):
    limits = LengthLimits(min_frames=51, max_frames=69)
    assert [batch.utt_ids for batch in batches_of(data_dir, None, limits=limits).stream(0, 0)] == [
        ("b",)
    ]


def test_features_are_read_as_the_data_type_says(tmp_path):
    wav = {"u": audio_sets.write_audio(tmp_path / "u.wav", 0.7)}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text={"u": "ab"})
    raw = audio_sets.prepare(source, "raw")
    (batch,) = batches_of(raw, None, data_type="raw").stream(0, 0)
    assert torch.equal(batch.feats[0], audio_sets.features(raw, "raw")["u"])


def test_sets_of_other_feature_settings_than_each_other_or_cmvn_are_refused(tmp_path):
    sets = [tmp_path / name for name in ("train", "same", "other")]
    for path, bins in zip(sets, (20, 20, 40)):
        (path / "conf").mkdir(parents=True)
        (path / "feats.scp").write_text("")
        write_settings(path, FbankConfig(num_mel_bins=bins))
    assert read_features_config(*sets[:2], 20) == FBANK
    with pytest.raises(InputError, match="train and .*other were made with other settings"):
        read_features_config(sets[0], sets[2], 20)
    with pytest.raises(InputError, match="have 20 mel bins, but the mean and variance are of 40"):
        read_features_config(*sets[:2], 40)


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
        encoder=ConformerConfig(num_blocks=1, d_model=8, num_heads=2),
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
    experts = MoeConfig(num_experts=4)
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS)).eval()
    start_model(moe, InitConfig(dense=path), TOKENIZER, FBANK)
    assert_close(moe.encode(feats, lens).enc, trained.encode(feats, lens).enc, NETWORK_STEPS)
    with pytest.raises(InputError, match=r"dense\.pt: there is nothing to upcycle"):
        start_model(same, InitConfig(dense=path), TOKENIZER, FBANK)
    for other in ("dense", "embedding"):
        with pytest.raises(InputError, match="no other `init` goes with it"):
            InitConfig(model=path, **{other: path})


def test_a_new_embedding_network_begins_with_the_encoder_it_is_given(tmp_path):
    path = str(tmp_path / "dense.pt")
    checkpoint.save(path, content_of(DENSE))
    trained = load_trained(path, TOKENIZER, FBANK)
    experts = MoeConfig(num_experts=4, router="embedding")
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    embedding = EmbeddingConfig(encoder=DENSE.model.encoder)
    config = dataclasses.replace(DENSE.model, encoder=encoder, embedding=embedding)
    model = build_model(config, 20, len(UNITS))
    start_model(model, InitConfig(embedding=path), TOKENIZER, FBANK)
    for name, weight in trained.encoder.state_dict().items():
        assert torch.equal(model.embedding.encoder.state_dict()[name], weight)


def test_the_loss_with_a_teacher_is_that_of_distillation(tmp_path, data_dir):
    path = str(tmp_path / "teacher.pt")
    checkpoint.save(path, content_of(DENSE))
    config = DistillationConfig(teacher=path, ctc_weight=0.7, encoder_weight=0.2)
    student = build_model(DENSE.model, 20, len(UNITS))
    (batch,) = batches_of(data_dir, None).stream(0, 0)
    loss_of = make_loss(student, config, TOKENIZER, FBANK, torch.device("cpu"))
    distillation = Distillation(student, load_trained(path, TOKENIZER, FBANK), config)
    torch.manual_seed(0)  # of dropout and chunk sizes
    found = loss_of(batch)
    torch.manual_seed(0)
    tensors = (batch.feats, batch.feats_lens, batch.tokens, batch.tokens_lens)
    assert torch.equal(found.loss, distillation.loss(*tensors).loss)


def test_routers_that_cannot_learn_are_warned_of(caplog):
    experts = MoeConfig(num_experts=4, experts_per_frame=1, expert_weights="one")
    encoder = dataclasses.replace(DENSE.model.encoder, feed_forward=experts)
    moe = build_model(dataclasses.replace(DENSE.model, encoder=encoder), 20, len(UNITS))
    start_model(moe, InitConfig(), TOKENIZER, FBANK)
    assert "`expert_weights: one` gives " in caplog.text and "feed_forward" in caplog.text
    caplog.clear()
    start_model(build_model(DENSE.model, 20, len(UNITS)), InitConfig(), TOKENIZER, FBANK)
    assert not caplog.text


CMVN = (torch.zeros(3), torch.ones(3))


def last_pt(config, epoch=1):
    """The content of a `last.pt`, as far as it is looked at before training."""
    state = dict.fromkeys(TRAINER_KEYS)
    return {
        "config": to_mapping(config),
        "trainer": {**state, "epoch": epoch, "step": 5},
        "model": dict(zip(("cmvn.mean", "cmvn.istd"), CMVN)),
    }


def with_data(**changes):
    """`DENSE` with another `data:` section."""
    return dataclasses.replace(DENSE, data=DataConfig(**changes))


def config_yaml(exp_dir):
    return from_mapping(ExperimentConfig, load_yaml(exp_dir / "config.yaml"), "config.yaml")


def test_a_new_experiment_is_not_resumed_and_keeps_its_config(tmp_path, caplog):
    config = with_data(batch=BatchConfig(max_frames=300))
    assert take_up(config, tmp_path, CMVN, "a/cmvn") == (False, False)
    assert config_yaml(tmp_path) == config and not caplog.text


@pytest.mark.parametrize(
    ("changed", "warnings", "restarts_epoch"),
    [
        (DENSE, [], False),
        (with_data(batch=BatchConfig(max_utts=7)), ["data.batch.max_utts: 7, it was None"], True),
        (with_data(batch=BatchConfig(num_buckets=2)), ["batch.num_buckets: 2, it was 20"], True),
        (with_data(spec_augment=None), ["another data.spec_augment: None, it was {"], False),
        (
            dataclasses.replace(DENSE, train=TrainConfig(accum_steps=2, grad_clip=1.0)),
            ["train.accum_steps: 2, it was 1", "train.grad_clip: 1.0, it was 5.0"],
            False,
        ),
    ],
)
def test_a_resumed_training_may_have_other_batches_and_masks_and_says_so(
    tmp_path, caplog, changed, warnings, restarts_epoch
):
    """Other batches let the epoch begin again: the number of the next one would mean another."""
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    assert take_up(changed, tmp_path, CMVN, "a/cmvn") == (True, restarts_epoch)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(warnings)
    assert all(part in message for part, message in zip(warnings, messages))
    assert config_yaml(tmp_path) == changed


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (with_data(limits=LengthLimits(max_frames=900)), "data.limits.max_frames` is 900, but"),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(teacher="a.pt")),
            "distillation.teacher` is a.pt, but was None",
        ),
        (
            dataclasses.replace(DENSE, distillation=DistillationConfig(ctc_weight=0.9)),
            "distillation.ctc_weight` is 0.9, but was 0.5",
        ),
    ],
)
def test_other_utterances_or_another_teacher_do_not_go_on_with_a_training(tmp_path, changed, fault):
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", last_pt(DENSE))
    with pytest.raises(InputError, match=f"`{fault}"):
        take_up(changed, tmp_path, CMVN, "a/cmvn")
    assert config_yaml(tmp_path) == DENSE


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


def test_the_config_of_a_finished_training_stays(tmp_path):
    """It tells how the checkpoints came about; to train longer is no contradiction to it."""
    done = last_pt(DENSE, epoch=DENSE.train.max_epochs + 1)
    train = dataclasses.replace(DENSE.train, grad_clip=0.5)
    other = dataclasses.replace(DENSE, train=train)
    assert is_finished(other, done) and resume_changes(other, done, Path("last.pt")) == []
    take_up(DENSE, tmp_path, CMVN, "a/cmvn")
    checkpoint.save(tmp_path / "last.pt", done)
    assert take_up(other, tmp_path, CMVN, "a/cmvn") == (True, False)
    assert config_yaml(tmp_path) == DENSE
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
    experts = MoeConfig(num_experts=4)
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


@pytest.mark.parametrize("init", [InitConfig(), InitConfig(model="a.pt")])
def test_a_resumed_training_warns_of_another_cmvn(tmp_path, caplog, init):
    config = dataclasses.replace(DENSE, init=init)
    checkpoint.save(tmp_path / "last.pt", last_pt(config))
    take_up(config, tmp_path, CMVN, "a/cmvn")
    assert not caplog.text
    for number in (0, 1):
        other = [value + (index == number) for index, value in enumerate(CMVN)]
        take_up(config, tmp_path, other, "a/cmvn")
        # that a trained model brings its own was said when training began
        assert ("a/cmvn is not used" in caplog.text) == (init.model is None)
        caplog.clear()


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


def test_a_checkpoint_carries_what_decoding_and_resuming_need(tmp_path, monkeypatch):
    """Its commit is the toolkit's, in whatever directory the training was started."""
    describe = ["git", "describe", "--always", "--dirty"]
    git = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True)
    monkeypatch.chdir(tmp_path)
    metadata = checkpoint_metadata(
        DENSE, TOKENIZER, FBANK, "digest", "conf/small.yaml", ["a.b=1", "c=2"], 17, "train --x"
    )
    info = metadata.pop("info")
    assert metadata == {
        "config": to_mapping(DENSE),
        "tokenizer": TOKENIZER.state(),
        "fbank": to_mapping(FBANK),
        "seed": 17,
        "training_set": "digest",
        "teacher": None,
    }
    assert info == {
        "commit": git.stdout.strip() if git.returncode == 0 else "unknown",
        "seed": 17,
        "config_name": "small a.b=1 c=2",
        "train_command": "train --x",
    }


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


def named_choices(cls, prefix="", beside=()):
    """Dotted path, and the names it may have, of every enumerated key of a config.

    With each go the overrides that make it a key at all: the types of the sections around it.
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
