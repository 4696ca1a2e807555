"""Which utterances the measurement of experts takes, and what it counts."""

import pytest
import torch
from systems import BATCH, NUM_MEL_BINS, SYSTEMS, encoder, make_system, moe, pieces

from moeasr.config import dump_yaml, to_mapping
from moeasr.data.archive import open_archive
from moeasr.data.batch import Batch
from moeasr.decode.recognizer import Recognizer
from moeasr.features.fbank import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.report.conversion import speech_inputs
from moeasr.report.expert_usage import measure_usage, read_batches
from moeasr.text.build import build_tokenizer


def test_utterances_that_training_leaves_out_are_measured_too(tmp_path):
    """Shorter or longer than training takes by default, or of too many units."""
    utts = {"long": (3001, "ab"), "many": (1700, "ab" * 201), "short": (9, "a"), "usual": (70, "b")}
    fbank = FbankConfig(num_mel_bins=NUM_MEL_BINS)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(fbank)))
    (tmp_path / "text").write_text("".join(f"{utt} {text}\n" for utt, (_, text) in utts.items()))
    with open_archive(tmp_path / "feats.ark", tmp_path / "feats.scp") as archive:
        for number, (utt, (num_frames, _)) in enumerate(utts.items()):
            archive.write(utt, torch.full((num_frames, NUM_MEL_BINS), float(number)))
    tokenizer = build_tokenizer(["ab"], "char")
    model = build_model(ModelConfig(**SYSTEMS["dense"]), NUM_MEL_BINS, tokenizer.vocab_size)
    recognizer = Recognizer(model, tokenizer, fbank, {}, torch.device("cpu"))
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


@pytest.mark.parametrize("chunk_size", [-1, 2])
def test_loads_are_the_choices_for_all_utterances_together(chunk_size):
    """Against the choices of the encoder, utterance by utterance and without the decoders."""
    routed = encoder(moe(router="language", num_experts=6))
    model = make_system("u2pp_moe", encoder=routed, languages=("en", "zh")).eval()
    wanted = torch.zeros(4, 6, dtype=torch.int64)
    batches = []
    for number, (piece, language) in enumerate(zip(pieces(BATCH), torch.tensor([[1], [0]]))):
        batches.append(Batch((f"u{number}",), *piece, language))
        routings = model.encode(*piece[:2], chunk_size, languages=language).routings
        for layer, routing in enumerate(routings):
            wanted[layer] += torch.bincount(routing.expert_ids.flatten(), minlength=6)
    found = measure_usage(model, batches, chunk_size)
    assert [layer.name for layer in found] == [name for name, _ in model.moe_layers()]
    assert torch.equal(torch.stack([layer.load for layer in found[:4]]), wanted)
    # in each decoder two experts for each of 4 + 2 tokens and two <sos/eos>
    assert [int(layer.load.sum()) for layer in found[4:]] == [16, 16]
