"""Batches of an experiment: their order, their division among processes, masks and languages."""

import dataclasses
import hashlib
import math

import audio_sets
import pytest
import torch
import torch.distributed as dist
from experiments import DENSE, FBANK, TOKENIZER, UNITS
from torch.testing._internal.distributed.fake_pg import FakeStore

from moeasr.augment.gain import GainConfig
from moeasr.augment.joining import JoinConfig
from moeasr.augment.noise import NoiseConfig
from moeasr.config import from_mapping
from moeasr.data.feature_settings import write_settings
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.data.selection import LengthLimits
from moeasr.errors import InputError
from moeasr.experiment.batches import make_batches, read_features_config
from moeasr.experiment.config import DataConfig, ExperimentConfig
from moeasr.experiment.loss import make_loss
from moeasr.features.archive import open_archive
from moeasr.features.augment import SpecAugmentConfig
from moeasr.features.fbank_config import FbankConfig
from moeasr.limits import max_processes
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.distillation import DistillationConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.train.config import TrainConfig

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


def test_a_label_of_one_training_utterance_is_refused(data_dir):
    """Labels are learned from the training set; the development set may lack some."""
    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    section = {
        "encoder": {
            "num_blocks": 2,
            "num_dense_blocks": 1,
            "feed_forward": {"type": "moe", "router": "learned_group"},
        },
        "heads": {"spoken": {"type": "group", "weight": 1.0, "labels": ["en", "zh"]}},
    }
    config = from_mapping(ExperimentConfig, {"model": section}, "f")
    make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, None)
    with pytest.raises(InputError, match="utt2lang: only one utterance .* language 'en'"):
        make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, torch.zeros(20))
    (data_dir / "utt2lang").write_text("a zh\nb en\n")
    with pytest.raises(InputError, match="utt2lang names no language for utterance c"):
        make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, torch.zeros(20))


def batches_of(data_dir, fill, seed=0, data_type="feats", **data):
    """Batches of a dense model."""
    config = dataclasses.replace(DENSE, data=DataConfig(**data))
    arguments = (TOKENIZER, lambda n: n // 4, seed, fill, data_type)
    return make_batches(data_dir, config, *arguments)


SINGLY = BatchConfig(max_utts=1, num_buckets=1)
EVERYTHING = SpecAugmentConfig(num_freq_masks=200)  # the chance that a bin has none is below 1e-20


@pytest.mark.parametrize("window_shards", [None, 1])
def test_development_data_are_neither_masked_nor_shuffled(data_dir, window_shards):
    """This holds for all settings of the training set."""
    batch = dataclasses.replace(SINGLY, window_shards=window_shards)
    dev = batches_of(data_dir, None, batch=batch, spec_augment=EVERYTHING)
    for epoch in (0, 1, 2):
        stream = list(dev.stream(epoch, 0))
        assert [batch.utt_ids for batch in stream] == [("c",), ("b",), ("a",)]
        for batch in stream:
            assert torch.equal(batch.feats[0], features(*batch.utt_ids))


def test_only_windows_of_shards_depend_on_the_layout_of_shards(tmp_path):
    data_dir = audio_sets.prepare(audio_sets.whole_files(tmp_path), "shard")
    windows = dataclasses.replace(SINGLY, window_shards=1)
    fill = torch.zeros(20)

    def layout(batch):
        return batches_of(data_dir, fill, data_type="shard", batch=batch).shard_layout

    before, table = layout(windows), data_dir / "shards.scp"
    assert layout(SINGLY) == "" != before
    table.write_text(table.read_text().replace(f"{tmp_path}/shards", "/elsewhere/shards"))
    assert layout(windows) == before
    table.write_text(table.read_text().replace("_000000001.tar", "_000000000.tar"))
    assert layout(windows) != before


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


def test_consistency_gives_training_two_views_with_more_time_masks(data_dir):
    model = dataclasses.replace(DENSE.model, consistency_weight=0.2)
    data = DataConfig(spec_augment=SpecAugmentConfig(num_time_masks=2, num_freq_masks=3))
    config = dataclasses.replace(DENSE, model=model, data=data)
    arguments = (TOKENIZER, lambda n: n // 4, 1)
    (dev,) = make_batches(data_dir, config, *arguments, None).stream(0, 0)
    assert dev.num_views == 1
    (train,) = make_batches(data_dir, config, *arguments, torch.zeros(20)).stream(1, 0)
    assert train.num_views == 2
    assert train.utt_ids[:3] == train.utt_ids[3:]
    assert not torch.equal(train.feats[:3], train.feats[3:])
    assert data.masks(1) == data.spec_augment
    assert data.masks(2) == SpecAugmentConfig(num_time_masks=5, num_freq_masks=3)
    with pytest.raises(InputError, match="`consistency_time_masks` must be between 0 and 100"):
        DataConfig(consistency_time_masks=-1.0)


def test_views_that_differ_only_by_dropout_have_a_warning(data_dir, caplog):
    model = dataclasses.replace(DENSE.model, consistency_weight=0.2)
    late = SpecAugmentConfig(first_epoch=DENSE.train.max_epochs + 1)
    for masks, warns in ((None, True), (late, True), (SpecAugmentConfig(), False)):
        config = dataclasses.replace(DENSE, model=model, data=DataConfig(spec_augment=masks))
        make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 1, torch.zeros(20))
        assert ("the views differ only by dropout" in caplog.text) == warns
        caplog.clear()


@pytest.mark.slow
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


def test_training_data_are_augmented_and_development_data_are_not(data_dir):
    louder = GainConfig(prob=1.0, gain_db=(10.0, 10.0))
    settings = {"augment": (louder,), "spec_augment": None}
    (train,) = batches_of(data_dir, torch.zeros(20), **settings).stream(1, 0)
    (dev,) = batches_of(data_dir, None, **settings).stream(1, 0)
    for batch, gain in ((train, math.log(10)), (dev, 0)):
        for utt, feats in zip(batch.utt_ids, batch.feats):
            assert torch.equal(feats[: LENGTHS[utt]], features(utt) + gain)


def test_only_utterances_in_one_language_are_joined(data_dir):
    """The model of the config does not route by language."""
    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    own = {"a": {3, 4}, "b": {5, 6}, "c": {6, 3}}  # tokens of ab, cd and da
    settings = {"augment": (JoinConfig(prob=1.0),), "spec_augment": None}
    config = dataclasses.replace(CONFIG, model=ModelConfig())
    config = dataclasses.replace(config, data=dataclasses.replace(CONFIG.data, **settings))
    for seed in range(4):
        batches = make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, seed, torch.zeros(20))
        for batch in batches.stream(1, 0):
            for utt, tokens, num in zip(batch.utt_ids, batch.tokens, batch.tokens_lens.tolist()):
                heard = {token for token in tokens[:num].tolist() if token > 2}
                assert heard <= (own["b"] if utt == "b" else own["a"] | own["c"])


def test_augmentation_draws_by_the_seed(data_dir):
    gain = GainConfig(prob=1.0)
    feats = [
        next(batches_of(data_dir, torch.zeros(20), seed, augment=(gain,)).stream(1, 0)).feats
        for seed in (1, 1, 2)
    ]
    assert torch.equal(feats[0], feats[1]) and not torch.equal(feats[0], feats[2])


def test_augmentation_that_cannot_work_is_refused_before_any_batch(data_dir, tmp_path):
    with pytest.raises(InputError, match=r"^`augment\[0\]` \(noise\) needs audio, because"):
        batches_of(data_dir, torch.zeros(20), augment=(NoiseConfig(),))
    batches_of(data_dir, None, augment=(NoiseConfig(),))
    wav = {"u": audio_sets.write_audio(tmp_path / "u.wav", 0.7)}
    source = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text={"u": "ab"})
    raw = audio_sets.prepare(source, "raw")
    augment = (GainConfig(), NoiseConfig(source=str(tmp_path / "none")))
    with pytest.raises(InputError, match=r"^`augment\[1\]` \(noise\): there is no directory"):
        batches_of(raw, torch.zeros(20), data_type="raw", augment=augment)


def test_sets_of_other_feature_settings_than_each_other_or_cmvn_are_refused(tmp_path):
    sets = [tmp_path / name for name in ("train", "same", "other")]
    for path, bins in zip(sets, (20, 20, 40)):
        (path / "conf").mkdir(parents=True)
        (path / "feats.scp").write_text("")
        write_settings(path, FbankConfig(num_mel_bins=bins))
    assert read_features_config(*sets[:2], 20) == FBANK
    with pytest.raises(InputError, match="train and .*other have different settings"):
        read_features_config(sets[0], sets[2], 20)
    with pytest.raises(
        InputError, match="have 20 mel bins, but the mean and variance of --cmvn have 40"
    ):
        read_features_config(*sets[:2], 40)


def test_the_digest_of_a_set_tells_utterances_lengths_and_languages(data_dir):
    def digest(config=CONFIG):
        return make_batches(
            data_dir, config, TOKENIZER, lambda n: n // 4, 0, None
        ).utterances.digest()

    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    first, deaf = digest(), digest(DENSE)
    assert digest() == first
    (data_dir / "utt2lang").write_text("a zh\nb en\nc en\n")
    assert digest() != first
    assert digest(DENSE) == deaf  # a model that does not route by language
    lines = "a 50\nb 60\nc 70\n"  # as it was before languages were in it: such runs can go on
    assert deaf == hashlib.sha256(lines.encode()).hexdigest()
    (data_dir / "text").write_text("a ab\nb cd\n")
    assert digest(DENSE) != deaf


def test_languages_that_lack_are_refused_before_any_batch(data_dir):
    with pytest.raises(InputError, match=r"utt2lang does not exist, .*\(the model knows en, zh\)"):
        make_batches(data_dir, CONFIG, TOKENIZER, lambda n: n // 4, 0, None)


def test_an_absurd_number_of_workers_is_one_sentence(data_dir):
    train = dataclasses.replace(CONFIG.train, num_workers=max_processes() + 1)
    config = dataclasses.replace(CONFIG, train=train)
    with pytest.raises(InputError, match=r"^`train.num_workers` must be between 0 and \d+, but is"):
        make_batches(data_dir, config, TOKENIZER, lambda n: n // 4, 0, None)
