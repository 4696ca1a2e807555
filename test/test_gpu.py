"""Training and recognition on a GPU give what they give on a CPU.

Every test runs on the CPU too, so that it is known to work where there is no GPU.
"""

import json

import audio_sets
import pytest
import torch
from checkpoints import save_model
from systems import BATCH, SYSTEMS, make_system, vary

from moeasr import checkpoint
from moeasr.bin import compute_cmvn, decode, make_dict, train
from moeasr.decode.fusion.build_fusion import FusionConfig
from moeasr.decode.live.streaming_recognizer import StreamingRecognizer
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES, DecodeConfig
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.moe.experts import EXPERT_KERNELS, ExpertBank, loop_kernel
from moeasr.moe.layer import MoeConfig
from moeasr.moe.routers import TopKRouter
from moeasr.nn.dropout import Dropout
from moeasr.nn.valid_frames import find_valid_frames
from moeasr.seed import generator_states, restore_generators
from moeasr.yaml_text import dump_yaml

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
MOE = MoeConfig(hidden_units=16, num_experts=4)
CONFIG = {
    "model": {
        "encoder": {
            "num_blocks": 1,
            "d_model": 16,
            "num_heads": 2,
            "feed_forward": {"type": "moe", "hidden_units": 16, "num_experts": 4},
        },
        "decoder": {"num_blocks": 1, "num_heads": 2, "num_reverse_blocks": 1},
    },
    "data": {"batch": {"max_frames": 300}},
    "train": {
        "max_epochs": 4,
        "num_workers": 0,
        "optim": {"lr": 1e-2},
        "schedule": {"warmup_steps": 1},
    },
}
LANGUAGE_MODEL = """\\data\\
ngram 1=4

\\1-grams:
-99 <s>
-0.9 </s>
-0.3 ab
-3.5 <unk>

\\end\\
"""


def sound(seconds):
    return 0.1 * torch.randn(int(16000 * seconds), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def recognizers(tmp_path_factory):
    """Return a function that makes a recognizer in float64 on a device."""
    path = save_model(tmp_path_factory.mktemp("model") / "x.pt", MOE, num_blocks=2)

    def make(device):
        one = Recognizer.from_checkpoint(path, device)
        return Recognizer(one.model.double(), one.tokenizer, one.fbank, one.info, one.device)

    return make


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Return a data directory with features and statistics, its units in `lang` beside it."""
    root = tmp_path_factory.mktemp("data")
    wav = {f"u{n}": audio_sets.write_audio(root / f"{n}.wav", 0.5 + 0.07 * n) for n in range(6)}
    text = {utt: "abba"[: number % 5] for number, utt in enumerate(wav)}
    path = audio_sets.prepare(audio_sets.write_dir(root / "set", wav_scp=wav, text=text), "feats")
    cmvn = str(path / "global_cmvn")
    compute_cmvn.main(["--data-dir", str(path), "--data-type", "feats", "--out", cmvn])
    make_dict.main(["--text", str(path / "text"), "--out-dir", str(root / "lang")])
    (root / "train.yaml").write_text(dump_yaml(CONFIG))
    return path


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_loss_and_gradients_are_those_of_a_cpu(name, device):
    """The model is in evaluation mode, because random numbers in training differ on a GPU.

    The positions of `key_position` are float32 even in a float64 model, and a GPU rounds their
    sines differently.
    """
    rounding = {"rtol": 1e-7, "atol": 1e-9}
    if name == "key_position":
        rounding = {"rtol": 1e-5, "atol": 1e-7}
    on_cpu = vary(make_system(name)).eval()
    on_device = make_system(name).eval()
    on_device.load_state_dict(on_cpu.state_dict())
    on_device.to(device)
    expected, found = on_cpu(*BATCH), on_device(*(tensor.to(device) for tensor in BATCH))
    expected.loss.backward()
    found.loss.backward()
    torch.testing.assert_close(found.loss.cpu(), expected.loss, rtol=1e-9, atol=0)
    assert found.expert_loads.keys() == expected.expert_loads.keys()
    for layer, loads in expected.expert_loads.items():
        assert torch.equal(found.expert_loads[layer].cpu(), loads), layer
    for (path, theirs), ours in zip(on_cpu.named_parameters(), on_device.parameters()):
        assert (theirs.grad is None) == (ours.grad is None), path
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad.cpu(), theirs.grad, **rounding)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kernel", EXPERT_KERNELS)
def test_expert_kernels_equal_the_loop_in_autocast(kernel, device):
    """Widths are multiples of 16, so that grouped products are used where there are any."""
    results = []
    for run in (loop_kernel, EXPERT_KERNELS[kernel]):
        torch.manual_seed(1)
        bank = ExpertBank(32, 48, 6, 0.0, run)
        router, x = TopKRouter(32, 6, 2, "selected"), torch.randn(100, 32)
        bank, router, x = bank.to(device), router.to(device), x.to(device).requires_grad_()
        with torch.autocast(device, torch.bfloat16):
            y = bank(x, router(x))
        y.float().square().sum().backward()
        results.append([y.float(), x.grad, router.weight.grad, bank.w1.grad, bank.b2.grad])
    for expected, found in zip(*results, strict=True):
        difference = (found - expected).norm() / expected.norm()
        assert difference < 0.02, difference  # bfloat16 has 8 bits


@pytest.mark.gpu
@pytest.mark.parametrize("kernel", ["grouped", "every"])
def test_blocks_with_experts_do_not_make_the_host_wait(kernel):
    moe = MoeConfig(hidden_units=32, num_experts=4, kernel=kernel)
    encoder = ConformerConfig(
        num_blocks=2, d_model=16, num_heads=2, feed_forward=moe, macaron_feed_forward=moe
    )
    encoder = encoder.build(20, 0).cuda()
    x, lens = torch.randn(3, 10, 16, device="cuda"), torch.tensor([10, 8, 4], device="cuda")
    valid = find_valid_frames(lens, 10)
    args = (x, valid.mask[:, None], valid, None, None, lens.new_zeros(1))
    with torch.autocast("cuda", torch.bfloat16):
        encoder.run_blocks(*args)  # fills the cache of positions
        torch.cuda.set_sync_debug_mode("error")
        try:
            encoder.run_blocks(*args)[0].float().sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("device", DEVICES)
def test_dropout_keeps_the_mean(device):
    y = Dropout(0.25)(torch.ones(100_000, device=device))
    assert y.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("device", DEVICES)
def test_random_numbers_continue_after_they_were_restored(device):
    states = generator_states()
    expected = torch.rand(5, device=device)
    torch.rand(3, device=device)
    restore_generators(states)
    assert torch.equal(torch.rand(5, device=device), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("chunk_size", [-1, 4])
def test_every_search_finds_what_it_finds_on_a_cpu(recognizers, tmp_path, chunk_size, device):
    (tmp_path / "x.lm").write_text(LANGUAGE_MODEL)
    (tmp_path / "phrases").write_text("ba\t2.5\n")
    fusion = FusionConfig(lm=str(tmp_path / "x.lm"), context=str(tmp_path / "phrases"))
    found = {}
    for where in ("cpu", device):
        one = recognizers(where)
        feats = [one.features(sound(seconds)) for seconds in (1.0, 0.5, 0.7)]
        for mode, search in SEARCHES.items():
            fused = {"fusion": fusion} if "fusion" in search.settings else {}
            config = DecodeConfig(beam_size=4, chunk_size=chunk_size, **fused)
            nbest = one.recognize(feats, [mode], config)[mode]
            found[where, mode] = [(h.tokens, h.score, h.frames) for utt in nbest for h in utt]
    for mode in SEARCHES:
        for (tokens, score, frames), expected in zip(
            found[device, mode], found["cpu", mode], strict=True
        ):
            assert (tokens, frames) == (expected[0], expected[2])
            assert score == pytest.approx(expected[1], abs=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_a_stream_hears_what_it_hears_on_a_cpu(recognizers, device):
    results = {}
    for where in ("cpu", device):
        streaming = StreamingRecognizer(
            recognizers(where), "attention_rescoring", DecodeConfig(chunk_size=4, beam_size=3)
        )
        stream = streaming.open()
        parts = [stream.accept(part) for part in sound(1.5).split(1600)]
        results[where] = [r.text for part in [*parts, stream.finish()] for r in part]
    assert results[device] == results["cpu"]
    assert results["cpu"][-1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_training_learns_resumes_and_is_decoded(data_dir, tmp_path, precision, device):
    root, exp_dir = data_dir.parent, tmp_path / "exp"
    argv = [
        *("--config", str(root / "train.yaml"), "--dict-dir", str(root / "lang")),
        *("--train-dir", str(data_dir), "--dev-dir", str(data_dir), "--data-type", "feats"),
        *("--cmvn", str(data_dir / "global_cmvn"), "--exp-dir", str(exp_dir)),
        *("--device", device, "--set", f"train.precision={precision}"),
    ]
    train.main([*argv, "--set", "train.max_epochs=2"])
    train.main(argv)
    lines = (exp_dir / "metrics.jsonl").read_text().splitlines()
    losses = [line["loss"] for line in map(json.loads, lines) if line["kind"] == "dev"]
    assert len(losses) == 4 and losses[-1] < losses[0]
    weights = checkpoint.load(exp_dir / "last.pt")["model"]
    assert {w.dtype for w in weights.values() if w.is_floating_point()} == {torch.float32}
    out_dir = tmp_path / "decode"
    decode.main(
        [
            *("--checkpoint", str(exp_dir / "last.pt"), "--data-dir", str(data_dir)),
            *("--out-dir", str(out_dir), "--modes", " ".join(SEARCHES), "--device", device),
        ]
    )
    for mode in SEARCHES:
        assert len((out_dir / mode / "text").read_text().splitlines()) == 6
        facts = json.loads((out_dir / mode / "decode.json").read_text())
        assert (facts["device"] == "cpu") == (device == "cpu")
