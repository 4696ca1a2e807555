"""Access to WeNet in a checkout, for the scripts beside this file but not for tests.

The scripts need WeNet's requirements, in a separate environment that also sees moeasr's packages:

    git clone https://github.com/wenet-e2e/wenet D
    python3 -m venv V && V/bin/pip install librosa openai-whisper langid jieba
    echo $PWD/tools/venv/lib/python3*/site-packages > V/lib/python3*/site-packages/ours.pth
"""

import contextlib
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.modules.conv
from torch import Tensor, nn


def find_wenet(checkout: str) -> None:
    """Make `import wenet` find the checkout."""
    sys.path.insert(0, checkout)
    for name in ("Union", "Optional", "List", "Tuple"):  # torch 2.11 no longer exports them
        setattr(torch.nn.modules.conv, name, getattr(typing, name))


def build(configs: dict, weights: str | Path | None = None) -> nn.Module:
    """Build WeNet's model from a train.yaml, in evaluation mode, and load all weights."""
    from wenet.utils.init_model import init_model

    model, _ = init_model(SimpleNamespace(), configs)
    if weights is not None:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        # tables of positions may have been left out to save space
        tables = {k: v for k, v in model.state_dict().items() if k.endswith(".pe")}
        model.load_state_dict({**tables, **state}, strict=True)
    return model.eval()


def features(samples: Tensor, fbank_conf: dict) -> Tensor:
    """Compute features (T, F) of samples (S,) in [-1, 1], without dither."""
    from wenet.dataset.processor import compute_fbank

    sample = {"key": "x", "wav": samples[None], "sample_rate": 16000}
    return compute_fbank(sample, **{**fbank_conf, "dither": 0.0})["feat"]


@contextlib.contextmanager
def in_float64(model: nn.Module) -> Iterator[nn.Module]:
    """Let a model compute in float64 in the block, also where WeNet converts to float32."""
    to_float, name = torch.Tensor.float, torch.float
    torch.Tensor.float, torch.float = torch.Tensor.double, torch.float64
    try:
        yield model.double()
    finally:
        torch.Tensor.float, torch.float = to_float, name
        model.to(torch.float32)


@torch.no_grad()
def outputs(
    model: nn.Module,
    feats: Tensor,
    feats_lens: Tensor,
    tokens: Tensor,
    tokens_lens: Tensor,
    chunks: tuple[tuple[int, int], ...] = (),
) -> dict[str, Tensor]:
    """Return all outputs of a model for single utterances, padded with zeros.

    Args:
        model: WeNet's.
        feats: (B, T, F).
        feats_lens: (B,).
        tokens: (B, U).
        tokens_lens: (B,).
        chunks: (chunk size, left chunks) to run the encoder with, too.
    """
    found = [
        _of_one(model, feats[b : b + 1, :n], tokens[b : b + 1, :u], chunks)
        for b, (n, u) in enumerate(zip(feats_lens.tolist(), tokens_lens.tolist()))
    ]
    return {
        name: nn.utils.rnn.pad_sequence([one[name] for one in found], batch_first=True)
        for name in found[0]
    }


def _of_one(
    model: nn.Module, feats: Tensor, tokens: Tensor, chunks: tuple[tuple[int, int], ...]
) -> dict[str, Tensor]:
    from wenet.utils.common import add_sos_eos, reverse_pad_list

    lens = torch.tensor([feats.size(1)])
    enc, mask = model.encoder(feats, lens, decoding_chunk_size=-1)
    found = {"enc": enc[0], "log_probs": model.ctc.log_softmax(enc)[0]}
    num_tokens = torch.tensor([tokens.size(1)])
    tokens_in, _ = add_sos_eos(tokens, model.sos, model.eos, -1)
    reverse = reverse_pad_list(tokens, num_tokens, -1)
    reverse_in, _ = add_sos_eos(reverse, model.sos, model.eos, -1)
    is_bidirectional = hasattr(model.decoder, "right_decoder")
    weight = 0.5 if is_bidirectional else 0.0
    left, right, _ = model.decoder(enc, mask, tokens_in, num_tokens + 1, reverse_in, weight)
    found["left"] = left[0]
    if is_bidirectional:
        found["right"] = right[0]
    for chunk_size, num_left in chunks:
        name = f"{chunk_size}_{num_left}"
        masked, _ = model.encoder(feats, lens, chunk_size, num_left)
        found[f"masked_{name}"] = masked[0]
        streamed, _ = model.encoder.forward_chunk_by_chunk(feats, chunk_size, num_left)
        found[f"streamed_{name}"] = streamed[0]
    return found
