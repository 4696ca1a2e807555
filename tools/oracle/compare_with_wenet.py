"""Compare the outputs of a model directory in WeNet with those of a checkpoint in moeasr.

    moeasr import-wenet --model-dir M --out X.pt        (or: moeasr export-wenet, X.pt -> M)
    V/bin/python tools/oracle/compare_with_wenet.py --wenet D --model-dir M --checkpoint X.pt

For V and D see wenet_oracle.py. Features are random with the model's mean and deviation, or are
computed from --audio. Apart from single utterances, the script compares two passes within WeNet: a
padded batch with its single utterances, and chunk-by-chunk processing with the masked pass.
"""

import argparse
from pathlib import Path

import torch
import yaml
from wenet_oracle import build, features, find_wenet, in_float64, outputs

from moeasr.audio.file import read_audio_bytes
from moeasr.decode.recognizer import Recognizer
from moeasr.models.heads.attention_head import add_sos_eos, reverse_tokens
from moeasr.models.streaming_encoder import StreamingEncoder


def our_outputs(model, feats, lens, tokens, tokens_lens, chunks):
    """Return the outputs of one padded batch, like `wenet_oracle.outputs`."""
    with torch.inference_mode():
        enc, enc_lens, *_ = model.encode(feats, lens)
        found = {"enc": enc, "log_probs": model.ctc_log_probs(enc)}
        reverse = reverse_tokens(tokens, tokens_lens)
        for name, decoder, read in (
            ("left", model.decoder, tokens),
            ("right", getattr(model, "reverse_decoder", None), reverse),
        ):
            if decoder is not None:
                tokens_in, _ = add_sos_eos(read, tokens_lens, model.sos_eos)
                found[name] = decoder(tokens_in, tokens_lens + 1, enc, enc_lens).logits
        for chunk_size, num_left in chunks:
            name = f"{chunk_size}_{num_left}"
            found[f"masked_{name}"] = model.encode(feats, lens, chunk_size, num_left).enc
            streaming = StreamingEncoder(model, chunk_size, num_left)
            num_chunks = enc.size(1) // chunk_size + 1
            window = (num_chunks - 1) * streaming.hop_frames + streaming.window_frames
            padded = torch.nn.functional.pad(feats, (0, 0, 0, max(0, window - feats.size(1))))
            state, parts = streaming.start(1), []
            for chunk in range(num_chunks):
                first = chunk * streaming.hop_frames
                part = padded[:1, first : first + streaming.window_frames]
                part_lens = (lens[:1] - first).clamp(0, streaming.window_frames)
                output, state = streaming.step(part, part_lens, state)
                parts.append(output.enc[:, : output.enc_lens[0]])
            found[f"streamed_{name}"] = torch.cat(parts, dim=1)
    return found


def difference(ours, theirs, lens):
    """Return the largest difference outside padding."""
    return max(
        float((ours[b, :n] - theirs[b, :n]).abs().max())
        for b, n in enumerate(lens.tolist()[: len(ours)])
    )


def main():
    """Compare and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--wenet", required=True, help="checkout of WeNet")
    add("--model-dir", type=Path, required=True)
    add("--weights", default="final.pt")
    add("--checkpoint", required=True)
    add(
        "--seconds",
        type=float,
        nargs="+",
        default=[8.0, 5.0, 2.0],
        help="durations of random inputs",
    )
    add("--audio", nargs="*", default=[], help="audio files to use instead of random features")
    add("--num-tokens", type=int, default=20)
    args = parser.parse_args()
    find_wenet(args.wenet)
    configs = yaml.safe_load((args.model_dir / "train.yaml").read_text())
    configs["cmvn_conf"]["cmvn_file"] = str(args.model_dir / "global_cmvn")
    theirs = build(configs, args.model_dir / args.weights)
    recognizer = Recognizer.from_checkpoint(args.checkpoint)
    ours, units = recognizer.model, recognizer.tokenizer.units
    lines = (args.model_dir / "units.txt").read_text(encoding="utf-8").splitlines()
    their_units = [line.split()[0] for line in lines]
    their_units[theirs.sos] = "<sos/eos>"
    order = [their_units.index(unit) for unit in units]

    generator = torch.Generator().manual_seed(3)
    if args.audio:
        feats = []
        for path in args.audio:
            samples = read_audio_bytes(Path(path).read_bytes(), path).samples
            samples = samples.reshape(-1)
            fbank_conf = configs["dataset_conf"]["fbank_conf"]
            feats.append(features(samples, fbank_conf))
            moved = (recognizer.features(samples) - feats[-1]).abs().max()
            print(f"features of {path}: {moved:.1e}")
    else:
        sizes = [(int(seconds * 100), ours.cmvn.mean.numel()) for seconds in args.seconds]
        noise = [torch.randn(size, generator=generator) for size in sizes]
        feats = [x / ours.cmvn.istd + ours.cmvn.mean for x in noise]
    lens = torch.tensor([len(x) for x in feats])
    batch = torch.nn.utils.rnn.pad_sequence(feats, batch_first=True)
    shape = (len(feats), args.num_tokens)
    tokens = torch.randint(3, len(units), shape, generator=generator)
    tokens_lens = torch.full((len(feats),), args.num_tokens)
    their_tokens = torch.tensor(order)[tokens]
    chunks = ((4, -1), (16, 4)) if ours.config.encoder.causal_conv else ()
    lens_of = dict.fromkeys(("left", "right"), tokens_lens + 1)
    enc_lens = ((lens - 1) // 2 - 1) // 2

    for dtype in (torch.float32, torch.float64):
        model = ours.to(dtype)
        x = batch.to(dtype)
        found = our_outputs(model, x, lens, tokens, tokens_lens, chunks)
        if dtype == torch.float32:
            expected = outputs(theirs, x, lens, their_tokens, tokens_lens, chunks)
        else:
            with in_float64(theirs):
                expected = outputs(theirs, x, lens, their_tokens, tokens_lens, chunks)
        for name, mine in found.items():
            other = expected[name]
            if name in ("left", "right", "log_probs"):
                other = other[..., order]
            moved = difference(mine, other, lens_of.get(name, enc_lens))
            print(f"{dtype}  {name:14} {moved:.1e}   (largest value {other.abs().max():.1f})")
        for chunk_size, num_left in chunks:
            name = f"{chunk_size}_{num_left}"
            moved = difference(expected[f"streamed_{name}"], expected[f"masked_{name}"], enc_lens)
            print(f"{dtype}  WeNet's streamed and masked {name}: {moved:.1e}")
    with torch.no_grad():
        padded, _ = theirs.encoder(batch, lens, decoding_chunk_size=-1)
    alone = outputs(theirs, batch, lens, their_tokens, tokens_lens)["enc"]
    print(f"WeNet's utterances in a batch and alone: {difference(padded, alone, enc_lens):.1e}")


if __name__ == "__main__":
    main()
