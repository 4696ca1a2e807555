"""The utterances that the measurement of experts uses, and its counts."""

import dataclasses
import itertools

import audio_sets
import pytest
import torch
from systems import BATCH, NUM_MEL_BINS, SYSTEMS, encoder, make_system, moe, pieces

from moeasr.config import to_mapping
from moeasr.data.batch import Batch
from moeasr.data.data_type import DATA_TYPES
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.report.conversion import speech_inputs
from moeasr.report.expert_usage import measure_usage, read_batches
from moeasr.text.build_tokenizer import build_tokenizer
from moeasr.yaml_text import dump_yaml

FBANK = FbankConfig(num_mel_bins=NUM_MEL_BINS)


def write_dir(path, utts, fbank=FBANK):
    """Write stored features; all features of an utterance have the same value."""
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(fbank)))
    (path / "text").write_text("".join(f"{utt} {text}\n" for utt, (_, text) in utts.items()))
    with open_archive(path / "feats.ark", path / "feats.scp") as archive:
        for number, (utt, (num_frames, _)) in enumerate(utts.items()):
            archive.write(utt, torch.full((num_frames, NUM_MEL_BINS), float(number)))
    return path


@pytest.fixture(scope="module")
def recognizer():
    tokenizer = build_tokenizer(["ab ba"], "char")
    model = build_model(ModelConfig(**SYSTEMS["dense"]), NUM_MEL_BINS, tokenizer.vocab_size)
    return Recognizer(model, tokenizer, FBANK, {}, torch.device("cpu"))


def test_utterances_that_training_leaves_out_are_measured_too(tmp_path, recognizer):
    """These utterances are too short or too long for training, or have too many units."""
    utts = {"long": (3001, "ab"), "many": (1700, "ab" * 201), "short": (9, "a"), "usual": (70, "b")}
    tokenizer = recognizer.tokenizer
    write_dir(tmp_path, utts)
    num_utts, batches = read_batches(recognizer, tmp_path, batch_frames=3500)
    assert num_utts == 4
    found = {}
    for batch in batches:
        assert batch.feats.size(0) * batch.feats.size(1) <= 3500
        for row, utt in enumerate(batch.utt_ids):
            num_frames, num_tokens = int(batch.feats_lens[row]), int(batch.tokens_lens[row])
            value = batch.feats[row, :num_frames].unique().item()
            found[utt] = (num_frames, tokenizer.decode(batch.tokens[row, :num_tokens]), value)
    assert found == {utt: (*utts[utt], float(number)) for number, utt in enumerate(utts)}
    # a conversion is measured on one utterance at a time, the longest first
    inputs = [
        (utt.feats_lens.tolist(), *utt.feats.shape[:2])
        for utt in speech_inputs(tmp_path, recognizer)
    ]
    assert inputs == [([num], 1, num) for num in (3001, 1700, 70, 9)]


def test_audio_is_measured_as_its_stored_features_are(tmp_path, recognizer):
    source = audio_sets.whole_files(tmp_path)
    found = {}
    for data_type in DATA_TYPES:
        data_dir = audio_sets.prepare(source, data_type)
        num_utts, batches = read_batches(recognizer, data_dir, batch_frames=1)
        found[data_type] = {batch.utt_ids: batch.feats for batch in batches}
        assert num_utts == len(found[data_type]) == 6
    for data_type, utt in itertools.product(DATA_TYPES, found["feats"]):
        assert torch.equal(found[data_type][utt], found["feats"][utt])


def test_sets_of_other_features_or_of_nothing_are_refused(tmp_path, recognizer):
    utts = {"u": (70, "a")}
    other = write_dir(tmp_path / "other", utts, dataclasses.replace(FBANK, window_type="hamming"))
    with pytest.raises(InputError, match="`window_type` is hamming, but the model was trained"):
        read_batches(recognizer, other, batch_frames=100)
    empty = write_dir(tmp_path / "empty", utts)
    (empty / "text").write_text("v a\n")
    with pytest.raises(
        InputError, match="empty contains no usable utterance: u: it has no transcript$"
    ):
        read_batches(recognizer, empty, batch_frames=100)


@pytest.mark.parametrize("chunk_size", [-1, 2])
def test_loads_are_the_choices_for_all_utterances_together(chunk_size):
    """The reference is the routing of the encoder for single utterances, without decoders."""
    routed = encoder(moe(router="language", num_experts=6))
    model = make_system("u2pp_moe", encoder=routed, languages=("en", "zh")).eval()
    wanted = torch.zeros(4, 6, dtype=torch.int64)
    batches = []
    for number, (piece, language) in enumerate(zip(pieces(BATCH), torch.tensor([[1], [0]]))):
        batches.append(Batch((f"u{number}",), *piece, language))
        routings = model.encode(*piece[:2], chunk_size, languages=language).routings
        for layer, routing in enumerate(routings.values()):
            wanted[layer] += torch.bincount(routing.expert_ids.flatten(), minlength=6)
    found = measure_usage(model, batches, chunk_size)
    assert [layer.name for layer in found] == list(model.moe_layers())
    assert torch.equal(torch.stack([layer.load for layer in found[:4]]), wanted)
    # in each decoder two experts for each of 4 + 2 tokens and two <sos/eos>
    assert [int(layer.load.sum()) for layer in found[4:]] == [16, 16]
