"""Networks in ONNX files: small graphs that show what they were given, and files with faults."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from known_graphs import DECODER, OFFLINE, STREAMING, write_graph

from moeasr.deploy.networks import DecoderNetwork, OfflineNetwork, StreamingNetwork
from moeasr.errors import InputError

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.fixture
def paths(tmp_path):
    texts = {"offline": OFFLINE, "streaming": STREAMING, "decoder": DECODER}
    names = {name: write_graph(tmp_path / f"{name}.onnx", text) for name, text in texts.items()}
    return SimpleNamespace(**names)


def test_padding_is_removed_from_the_outputs(paths):
    feats = np.arange(15, dtype=np.float64).reshape(5, 3)
    encoded = OfflineNetwork(paths.offline, 1, vocab_size=3).encode(feats)
    assert encoded.log_probs.tolist() == feats[:4].tolist()  # the graph says one frame fewer
    assert encoded.enc.tolist() == (2 * feats[:4]).tolist()


def test_each_chunk_receives_its_caches_offset_and_mask(paths):
    network = StreamingNetwork(paths.streaming, None, vocab_size=3)
    caches = network.start(num_past=4)
    assert caches.attention.shape == (2, 2, 4, 6) and caches.convolution.shape == (2, 1, 6, 1)
    window = np.ones((3, 3), np.float32)
    encoded, caches = network.step(window, 2, caches)
    # log-probabilities: number of keys that may be attended to; caches: sums of offsets
    assert encoded.log_probs.tolist() == [[2.0] * 3] * 3
    assert caches.num_frames == 2 and caches.attention.flat[0] == 4.0
    assert encoded.enc.shape == (2, 6) and encoded.enc[0, 0] == 4.0
    encoded, caches = network.step(window, 2, caches)
    assert encoded.log_probs[0, 0] == 4.0 and caches.attention.flat[0] == 10.0
    _, caches = network.step(window, 2, caches)
    encoded, caches = network.step(window, 2, caches)
    assert encoded.log_probs[0, 0] == 6.0  # all keys
    assert caches.convolution.flat[0] == 4.0  # chunks


def test_hypotheses_are_padded(paths):
    network = DecoderNetwork(paths.decoder, 1)
    assert not network.can_reverse
    found = network.score(np.zeros((4, 2)), [(5, 6), (), (7,)])
    assert found.backward is None and found.forward.dtype == np.float64
    assert found.forward.tolist() == [[5.0, 6.0, 2.0], [0.0, 0.0, 0.0], [7.0, 0.0, 1.0]]
    assert network.score(np.zeros((4, 2)), [()]).forward.tolist() == [[0.0, 0.0]]


def test_a_truncated_file_and_a_file_of_another_kind_are_named(paths):
    whole = paths.offline.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not a model"):
        paths.offline.write_bytes(content)
        with pytest.raises(InputError, match=f"^{paths.offline} cannot be read") as refusal:
            OfflineNetwork(paths.offline, 1, vocab_size=3)
        assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match="must have the inputs encoder_out, tokens, tokens_lens"):
        DecoderNetwork(paths.streaming, 1)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '"vocab_size": "3"',
            '"vocab_size": "4"',
            "has 4 output units, but the folder's tokens.txt",
        ),
        ('"vocab_size": "3"', '"vocab": "3"', "its metadata lack the number `vocab_size`"),
        (
            "encoder_out",
            "enc",
            "offline.onnx lacks the output encoder_out; export the checkpoint again",
        ),
        (
            "=> (",
            "=> (float[N, T, C] x2, ",
            "has the unknown output x2; export",
        ),
    ],
)
def test_a_file_of_another_model_is_refused(paths, old, new, sentence):
    text = OFFLINE.replace(old, new)
    write_graph(paths.offline, text.replace("= Identity(x)", "= Identity(x)\n  x2 = Neg(x)"))
    with pytest.raises(InputError, match=sentence):
        OfflineNetwork(paths.offline, 1, vocab_size=3)


def test_an_input_of_another_width_is_named(paths):
    """Networks of two models do not fit together."""
    write_graph(paths.decoder, DECODER.replace("T, D] encoder_out", "T, 6] encoder_out"))
    network = DecoderNetwork(paths.decoder, 1)
    assert network.score(np.zeros((4, 6)), [(5,)]).forward.tolist() == [[5.0, 1.0]]
    sentence = f"^{paths.decoder} belongs to another model .* encoder_out has the width 6 instead"
    with pytest.raises(InputError, match=sentence):
        network.score(np.zeros((4, 2)), [(5,)])


@pytest.mark.slow
def test_transcription_does_not_import_torch(folder, sound, tmp_path):
    """The command and the API, on a network whose outputs are the lowest mel bins."""
    first_units = (
        "first = Constant <value_ints: ints = [0]> ()\n"
        "  end = Constant <value_ints: ints = [8]> ()\n"
        "  axis = Constant <value_ints: ints = [2]> ()\n"
        "  log_probs = Slice(x, first, end, axis)"
    )
    text = OFFLINE.replace('"3"', '"8"').replace("C] log_probs", "V] log_probs")
    write_graph(folder / "model.onnx", text.replace("log_probs = Identity(x)", first_units))
    write_graph(folder / "decoder.onnx", DECODER)
    soundfile.write(tmp_path / "a.wav", sound(0.5), 16000)
    program = (
        "import sys, moeasr\n"
        "from moeasr.bin.transcribe import main\n"
        f"asr = moeasr.load({str(folder)!r})\n"
        f"main(['--model', {str(folder)!r}, {str(tmp_path / 'a.wav')!r}])\n"
        f"print(asr.transcribe({str(tmp_path / 'a.wav')!r}))\n"
        "assert 'torch' not in sys.modules\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    printed, text = ended.stdout.splitlines()
    assert printed == f"{tmp_path / 'a.wav'}\t{text}" and text
