"""Run the command line of WeNet on exported models, and compare its text with that of moeasr.

    V/bin/python tools/oracle/run_wenet_cli.py --wenet D

For V and D see wenet_oracle.py. The script exports small random models, dense and with experts (one
and two per frame), with characters, BPE pieces and words as units. It passes each model with a
recording to the main function of `wenet.cli.transcribe`. WeNet writes the space between characters
as U+2581. The exit status is 1 if a text differs.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path

import soundfile
import torch
import torchaudio
from wenet_oracle import find_wenet

from moeasr.decode.config import DecodeConfig
from moeasr.decode.recognizer import Recognizer
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.export_model import write_wenet
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.heads.decoder import DecoderConfig
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.text.build_tokenizer import build_tokenizer

TEXTS = ["THE CAT SAT ON THE MAT", "A DOG RAN TO THE OTHER DOG", "THE END OF THE DAY"]
FBANK = FbankConfig(num_mel_bins=40, high_freq_hz=0.0, snip_edges=True)
FEED_FORWARDS = {
    "dense": DenseConfig(hidden_units=32),
    "moe": MoeConfig(hidden_units=16, num_experts=4),
    "moe, k = 1": MoeConfig(
        hidden_units=16,
        num_experts=4,
        experts_per_frame=1,
        expert_weights="one",
    ),
}
UNITS = {"char": None, "bpe": 30, "word": None}


def load_with_soundfile(path):
    """Stand in for `torchaudio.load`, which needs torchcodec since torchaudio 2.9."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T), rate


def make_model(feed_forward, vocab_size):
    """Return a random model whose frames differ enough to be recognised as different units."""
    encoder = ConformerConfig(
        num_blocks=2,
        d_model=32,
        num_heads=2,
        attention="key_position",
        final_norm=True,
        feed_forward=feed_forward,
        macaron_feed_forward=feed_forward,
    )
    decoder = DecoderConfig(
        num_blocks=1, num_reverse_blocks=1, num_heads=2, feed_forward=feed_forward
    )
    model = build_model(
        ModelConfig(encoder=encoder, decoder=decoder), FBANK.num_mel_bins, vocab_size
    ).eval()
    model.cmvn.mean.fill_(10.0)
    model.ctc.project.weight.data *= 40  # sharp: WeNet drops all but `beam_size` units per frame
    return model


def theirs(transcribe, model_dir, wav):
    """Return what WeNet's command prints."""
    printed = io.StringIO()
    sys.argv = ["wenet", "--model", str(model_dir), str(wav)]
    with contextlib.redirect_stdout(printed):
        transcribe.main()
    return printed.getvalue().rstrip("\n")


def main():
    """Compare all models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wenet", required=True, help="checkout of WeNet")
    find_wenet(parser.parse_args().wenet)
    torchaudio.load = load_with_soundfile
    import wenet.cli.transcribe as transcribe

    # what `transcribe` of WeNet's model has for defaults
    config = DecodeConfig(beam_size=1, ctc_weight=0.0, reverse_weight=0.0)
    differ = 0
    with tempfile.TemporaryDirectory() as name:
        wav = Path(name) / "a.wav"
        samples = 0.1 * torch.randn(24000, generator=torch.Generator().manual_seed(1))
        samples *= torch.linspace(0, 40, 24000).sin()
        soundfile.write(wav, samples.numpy(), 16000, subtype="FLOAT")
        for kind, vocab_size in UNITS.items():
            for number, (part, feed_forward) in enumerate(FEED_FORWARDS.items()):
                torch.manual_seed(number)
                tokenizer = build_tokenizer(TEXTS, kind, vocab_size)
                model = make_model(feed_forward, tokenizer.vocab_size)
                model_dir = Path(name) / f"{kind}{number}"
                write_wenet(model_dir, model, tokenizer, FBANK)
                found = theirs(transcribe, model_dir, wav).replace("\u2581", " ")
                recognizer = Recognizer(model, tokenizer, FBANK, {}, torch.device("cpu"))
                mode = "attention_rescoring"
                feats = recognizer.features(load_with_soundfile(wav)[0][0])
                best = recognizer.recognize([feats], [mode], config)[mode][0][0]
                ours = recognizer.text(best)
                same = " ".join(found.split()) == ours and bool(ours)
                differ += not same
                print(f"{kind:4}  {part:10}  {'same' if same else 'DIFFERENT'}  {ours!r} {found!r}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
