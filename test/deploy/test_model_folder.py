"""Model folders, complete and damaged."""

import subprocess
import sys

import pytest

import moeasr
from moeasr.bin.transcribe import main
from moeasr.deploy.model_folder import ChunkSizes, ModelFolder, is_model_folder, network_mb
from moeasr.errors import InputError


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_settings_and_units_are_read(folder):
    found = ModelFolder.read(folder)
    assert found.tokenizer.decode([3, 4]) == "ab"
    assert found.config.fbank.num_mel_bins == 20
    assert found.config.streaming == ChunkSizes(chunk_size=4, num_left_chunks=2)
    assert (found.config.reverse_weight, found.config.has_decoder) == (0.3, True)
    assert found.info == {"config_name": "tiny"}
    assert found.file("model.onnx") == folder / "model.onnx"
    assert found.file("model.onnx", is_int8=True) == folder / "model.int8.onnx"


def test_units_that_are_words_begin_with_a_word_boundary_in_their_file(folder):
    replace(folder / "config.yaml", "type: char", "type: word")
    with pytest.raises(InputError, match="the 8 units of .*tokens.txt are not the 8 units"):
        ModelFolder.read(folder)
    lines = (folder / "tokens.txt").read_text(encoding="utf-8").splitlines()
    lines = [*lines[:3], *(f"\u2581{line}" for line in lines[3:])]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert ModelFolder.read(folder).tokenizer.decode([3, 4]) == "a b"


def test_the_number_of_encoder_frames_equals_that_of_the_model(folder, of_checkpoint):
    config = ModelFolder.read(folder).config
    model = of_checkpoint._engine._recognizer.model
    counts = range(40)
    assert list(map(config.num_encoder_frames, counts)) == list(map(model.output_len, counts))


def test_model_folders_are_distinguished_from_experiments(folder, exp_dir, tmp_path):
    assert is_model_folder(folder) and is_model_folder(str(folder))
    assert not is_model_folder(exp_dir) and not is_model_folder(exp_dir / "averaged.pt")
    assert not is_model_folder(tmp_path / "missing")
    (tmp_path / "config.yaml").write_text("model: {}\n")
    assert not is_model_folder(tmp_path)
    (tmp_path / "config.yaml").write_text("format: moeasr-export-2\n")
    assert is_model_folder(tmp_path)


FILES = ["config.yaml", "tokens.txt", "model.onnx", "model.streaming.onnx", "decoder.onnx"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    sentence = f"^model folder {folder} lacks {name}; export the checkpoint again"
    with pytest.raises(InputError, match=sentence):
        main(["--model", str(folder), "a.wav"])
    with pytest.raises(InputError, match=sentence):
        moeasr.load(folder)


def test_a_data_file_must_be_complete(folder):
    with (folder / "config.yaml").open("a") as config:
        config.write("data_bytes:\n  model.onnx.data: 7\n")
    with pytest.raises(InputError, match=f"^model folder {folder} lacks model.onnx.data; export"):
        moeasr.load(folder)
    data = folder / "model.onnx.data"
    data.write_bytes(b"123456")
    with pytest.raises(
        InputError, match=f"^{data} has 6 bytes, but model.onnx needs 7; copy the file again, or"
    ):
        main(["--model", str(folder), "a.wav"])
    data.write_bytes(b"1234567")
    assert moeasr.load(folder).modes
    assert network_mb(folder / "model.onnx") == 7e-6  # the network itself is empty


def test_files_of_decoders_and_streams_are_optional(folder):
    replace(folder / "config.yaml", "has_decoder: true", "has_decoder: false")
    settings = (folder / "config.yaml").read_text(encoding="utf-8")
    before, _, after = settings.partition("streaming:\n  chunk_size: 4\n  num_left_chunks: 2\n")
    (folder / "config.yaml").write_text(f"{before}streaming: null\n{after}", encoding="utf-8")
    for path in folder.glob("*.onnx"):
        if path.name != "model.onnx":
            path.unlink()
    asr = moeasr.load(folder)
    assert asr.modes == ("ctc_greedy_search", "ctc_prefix_beam_search")
    with pytest.raises(InputError, match="has no model.streaming.onnx; export .* without"):
        asr.stream(sample_rate=16000, chunk_size=4)


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            "config.yaml",
            "moeasr-export-1",
            "moeasr-export-2",
            "`format` must be moeasr-export-1",
        ),
        ("config.yaml", "num_mel_bins: 20", "num_mel_bins: x", "config.yaml: .*num_mel_bins"),
        ("config.yaml", "min_frames: 7", "min_frames: -", "config.yaml is not valid YAML"),
        ("config.yaml", "  chunk_size: 4", "  chunk_size: 0", "`chunk_size` must be at least 1"),
        ("config.yaml", "min_frames: 7", "min_frames: 0", "`min_frames` must be at least 1"),
        ("config.yaml", "rate: 4", "rate: -4", "`subsampling_rate` must be at least 1, but is -4"),
        ("config.yaml", "tokenizer:", "units:", "`tokenizer` must have the key `units`"),
        ("config.yaml", "type: char", "type: chars", "config.yaml: .*type"),
        ("config.yaml", "type: char", "type: bpe", "lacks bpe.model"),
        (
            "tokens.txt",
            "d 6\n\u2581 7\n",
            "d 6\n",
            "the 7 units of .*tokens.txt are not the 8",
        ),
        ("tokens.txt", "d 6", "d 7", "tokens.txt:7: the id of 'd' must be 6"),
        ("tokens.txt", "d 6", "e 6", "the 8 units of .*tokens.txt are not the 8 units"),
    ],
)
def test_a_damaged_file_is_named(folder, name, old, new, sentence):
    replace(folder / name, old, new)
    with pytest.raises(InputError, match=sentence) as refusal:
        ModelFolder.read(folder)
    assert str(folder) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="^model folder .*/missing does not exist or is not a dir"):
        main(["--model", str(tmp_path / "missing"), "a.wav"])


@pytest.mark.slow
def test_a_folder_is_opened_without_torch(folder):
    program = (
        "import sys, moeasr\n"
        "from moeasr.errors import InputError\n"
        "try:\n"
        f"    moeasr.load({str(folder)!r})\n"
        "except InputError as error:\n"
        "    print(error)\n"
        "assert 'torch' not in sys.modules\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=120, capture_output=True, text=True
    )
    assert "model.onnx cannot be read" in ended.stdout or "'.[deploy]'" in ended.stdout
