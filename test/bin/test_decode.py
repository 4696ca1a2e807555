"""The `decode` command, on a tiny model with stored features or audio."""

import json
import shutil
import subprocess
import sys

import audio_sets
import numpy as np
import pytest
import soundfile
import torch
from checkpoints import FBANK, save_model

from moeasr.bin.decode import main
from moeasr.config import to_mapping
from moeasr.decode.config import DecodeConfig
from moeasr.decode.hypothesis import read_nbest
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import SEARCHES
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.fbank import compute_fbank
from moeasr.moe.layer import MoeConfig
from moeasr.nn.feed_forward import DenseConfig
from moeasr.yaml_text import dump_yaml

MODES = list(SEARCHES)
UTTS = {"u1": 0.5, "u10": 0.9, "u2": 0.31}


@pytest.fixture(scope="module")
def model_path(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "averaged.pt", DenseConfig())


@pytest.fixture(scope="module")
def language_model_path(tmp_path_factory):
    """Save a model that routes by language."""
    routed = MoeConfig(hidden_units=16, num_experts=4, router="language")
    path = tmp_path_factory.mktemp("languages") / "averaged.pt"
    return save_model(path, routed, languages=("en", "zh"))


@pytest.fixture(scope="module")
def wav_dir(tmp_path_factory):
    """Create a data directory without features."""
    path = tmp_path_factory.mktemp("wav") / "test"
    path.mkdir()
    generator = np.random.default_rng(0)
    lines = []
    for utt, seconds in UTTS.items():
        wav = path / f"{utt}.wav"
        noise = generator.standard_normal(round(seconds * 16000)) * 0.1
        soundfile.write(wav, noise, 16000, subtype="PCM_16")
        lines.append(f"{utt} {wav}\n")
    (path / "wav.scp").write_text("".join(lines))
    return path


@pytest.fixture
def feats_dir(wav_dir, tmp_path):
    """Create a data directory with features and without audio."""
    path = tmp_path / "stored"
    (path / "conf").mkdir(parents=True)
    (path / "conf" / "fbank.yaml").write_text(dump_yaml(to_mapping(FBANK)))
    with open_archive(path / "feats.ark", path / "feats.scp") as archive:
        for utt in UTTS:
            samples, _ = soundfile.read(wav_dir / f"{utt}.wav", dtype="float32")
            archive.write(utt, compute_fbank(torch.from_numpy(samples), FBANK))
    return path


def arguments(model_path, data_dir, out_dir, *more):
    return [
        *("--checkpoint", str(model_path)),
        *("--data-dir", str(data_dir)),
        *("--out-dir", str(out_dir)),
        *more,
    ]


def test_for_a_directory_its_averaged_checkpoint_is_used_and_recorded(
    model_path, feats_dir, tmp_path
):
    # recipes pass --beam-size to every mode
    options = ("--modes", "ctc_greedy_search", "--beam-size", "4")
    main(arguments(model_path.parent, feats_dir, tmp_path / "out", *options))
    facts = json.loads((tmp_path / "out" / "ctc_greedy_search" / "decode.json").read_text())
    assert facts["checkpoint"] == str(model_path)


def test_all_modes_decode_stored_features(model_path, feats_dir, tmp_path, capsys):
    out = tmp_path / "out"
    argv = arguments(model_path, feats_dir, out, "--modes", " ".join(MODES), "--beam-size", "3")
    main(argv)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in printed] == [f"{out}/{mode}" for mode in MODES]
    assert all(line.endswith(" s of computing per second of audio") for line in printed)
    assert sorted(path.name for path in out.iterdir()) == sorted(MODES)
    for mode in MODES:
        lines = (out / mode / "text").read_text().splitlines()
        assert [line.split(" ")[0] for line in lines] == list(UTTS)
        nbest = read_nbest(out / mode / "nbest.jsonl")
        assert [f"{utt} {nbest[utt][0]['text']}".rstrip() for utt in nbest] == lines
        facts = json.loads((out / mode / "decode.json").read_text())
        assert facts["set"] == "stored"
        assert facts["mode"] == mode
        assert facts["chunk_size"] == -1
        assert facts["beam_size"] == (3 if "beam_size" in SEARCHES[mode].settings else None)
        assert facts["num_utts"] == 3
        assert facts["audio_sec"] == pytest.approx(1.71)
        assert facts["rtf"] == pytest.approx(facts["wall_sec"] / facts["audio_sec"])
        assert facts["rtf"] > 0
        assert facts["rtf_includes_features"] is False
        assert facts["total_params"] == facts["active_params"] > 1000
        assert (facts["commit"], facts["seed"], facts["config"]) == ("abc", 5, "tiny")
        assert facts["averaged_epochs"] == [1, 3]
        assert facts["checkpoint"] == str(model_path)
        assert facts["command"].split()[:3] == ["python3", "-m", "moeasr.bin.decode"]
        assert facts["command"].endswith("--beam-size 3")
        assert facts["num_threads"] == torch.get_num_threads()
        assert "decode_commit" in facts


def test_times_and_confidence_are_written(model_path, feats_dir, tmp_path):
    out = tmp_path / "out"
    main(arguments(model_path, feats_dir, out, "--modes", " ".join(MODES), "--beam-size", "3"))
    for mode in MODES:
        if "ctc" not in SEARCHES[mode].heads:  # an untrained decoder writes more than CTC can align
            continue
        lines = (out / mode / "text").read_text().splitlines()
        words = dict(line.partition(" ")[::2] for line in lines)
        said = {utt: [] for utt in UTTS}
        for line in (out / mode / "ctm").read_text().splitlines():
            utt, channel, start, duration, word, confidence = line.split(" ")
            assert (channel, 0 <= float(confidence) <= 1) == ("1", True)
            assert 0 <= float(start) < float(start) + float(duration) <= UTTS[utt]
            said[utt].append(word)
        assert {utt: " ".join(found) for utt, found in said.items()} == words
        for utt, entries in read_nbest(out / mode / "nbest.jsonl").items():
            assert [item["text"] for item in entries[0]["words"]] == said[utt]
            assert all(0 <= entry["confidence"] <= 1 for entry in entries)


def test_audio_and_stored_features_give_the_same_text(model_path, feats_dir, wav_dir, tmp_path):
    outs = []
    for data_dir in (feats_dir, wav_dir):
        outs.append(tmp_path / data_dir.name)
        main(arguments(model_path, data_dir, outs[-1], "--modes", "ctc_prefix_beam_search"))
    texts = [(out / "ctc_prefix_beam_search" / "text").read_text() for out in outs]
    assert texts[0] == texts[1]


def test_all_data_types_give_the_same_hypotheses(model_path, tmp_path):
    source = audio_sets.at_three_speeds(audio_sets.segments(tmp_path))
    found = []
    for data_type in ("feats", "raw", "shard"):
        data_dir, out = audio_sets.prepare(source, data_type), tmp_path / f"out_{data_type}"
        options = ("--data-type", data_type, "--modes", "ctc_prefix_beam_search")
        main(arguments(model_path, data_dir, out, *options))
        found.append((out / "ctc_prefix_beam_search" / "nbest.jsonl").read_text())
    assert found[0] == found[1] == found[2]
    with pytest.raises(InputError, match=r"has no feats\.scp; create it with utils/make_fbank\.sh"):
        main(arguments(model_path, data_dir, out, "--data-type", "feats"))


def test_segments_of_a_recording_are_decoded(model_path, wav_dir, tmp_path):
    path = tmp_path / "segmented"
    path.mkdir()
    (path / "wav.scp").write_text(f"rec {wav_dir / 'u10.wav'}\n")
    (path / "segments").write_text("s1 rec 0.0 0.9\ns2 rec 0.2 0.7\n")
    main(arguments(model_path, path, tmp_path / "out", "--modes", "ctc_greedy_search"))
    main(arguments(model_path, wav_dir, tmp_path / "whole", "--modes", "ctc_greedy_search"))
    lines = (tmp_path / "out" / "ctc_greedy_search" / "text").read_text().splitlines()
    whole = dict(
        line.partition(" ")[::2]
        for line in (tmp_path / "whole" / "ctc_greedy_search" / "text").read_text().splitlines()
    )
    assert [line.partition(" ")[0] for line in lines] == ["s1", "s2"]
    assert lines[0].partition(" ")[2] == whole["u10"]


def test_searches_use_phrases_and_language_model(model_path, feats_dir, tmp_path):
    """A boosted word is recognised, and words that the language model lacks are not."""
    (tmp_path / "phrases").write_text("dad\t40\n")
    (tmp_path / "x.lm").write_text(
        "\\data\\\nngram 1=3\n\\1-grams:\n-99 <s>\n-0.1 </s>\n-0.1 ca\n\\end\\\n"
    )
    modes = [mode for mode in MODES if "fusion" in SEARCHES[mode].settings]
    options = {
        "plain": [],
        "context": ["--context", str(tmp_path / "phrases"), "--context-score", "2"],
        "lm": ["--lm", str(tmp_path / "x.lm"), "--lm-weight", "9", "--lm-unk-penalty", "-50"],
    }
    words, settings = {}, {}
    for name, more in options.items():
        out = tmp_path / name
        main(arguments(model_path, feats_dir, out, "--modes", " ".join(modes), *more))
        for mode in modes:
            lines = (out / mode / "text").read_text().splitlines()
            words[name, mode] = [word for line in lines for word in line.split()[1:]]
            settings[name] = json.loads((out / mode / "decode.json").read_text())["fusion"]
            for nbest in read_nbest(out / mode / "nbest.jsonl").values():
                assert all((entry["fusion_score"] is None) == (name == "plain") for entry in nbest)
    for mode in modes:
        assert "dad" in words["context", mode]
        assert "dad" not in words["plain", mode]
        assert set(words["lm", mode]) <= {"ca"}
        if mode != "attention":  # attention ends at once here
            assert set(words["plain", mode]) - {"ca"}
    assert settings["plain"] is None
    assert settings["context"] == {"context": str(tmp_path / "phrases"), "context_score": 2.0}
    assert settings["lm"]["lm_weight"] == 9.0
    assert settings["lm"]["word_bonus"] == 0.0


def test_hypotheses_of_chunks_have_their_own_directory(model_path, feats_dir, tmp_path):
    out = tmp_path / "out"
    main(arguments(model_path, feats_dir, out, "--modes", "attention", "--chunk-size", "2"))
    assert [path.name for path in out.iterdir()] == ["attention_chunk2"]
    facts = json.loads((out / "attention_chunk2" / "decode.json").read_text())
    assert facts["chunk_size"] == 2


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--modes", "best"], "unknown decoding mode 'best'"),
        (["--modes", ""], "no decoding mode"),
        (["--chunk-size", "0"], "`chunk_size`"),
        (["--beam-size", "0"], "`beam_size`"),
        (["--reverse-weight", "2"], "`reverse_weight`"),
        (["--modes", "attention", "--ctc-weight", "0.5"], "`ctc_weight` has no effect"),
        (["--modes", "joint_decoding", "--ctc-weight", "1.5"], "`ctc_weight` is CTC's share"),
        (["--batch-frames", "0"], "`batch_frames`"),
        (["--lm", "nowhere.lm"], "language model nowhere.lm: No such file"),
        (["--context", "nowhere.txt"], "nowhere.txt does not exist"),
        (["--lm-weight", "1"], "`lm_weight` has no effect without `lm`"),
        (
            ["--modes", "joint_decoding ctc_greedy_search", "--lm", "x"],
            "mode 'ctc_greedy_search' cannot use a language model or boosted phrases",
        ),
        (["--device", "toaster"], "`device` must be cpu or cuda, but is 'toaster'"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt does not exist"),
        (["--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_invalid_options_are_refused_and_nothing_is_written(
    model_path, feats_dir, tmp_path, more, sentence
):
    with pytest.raises(InputError, match=sentence):
        main(arguments(model_path, feats_dir, tmp_path / "out", *more))
    assert not (tmp_path / "out").exists()


def test_features_with_other_settings_are_refused(model_path, feats_dir, tmp_path):
    (feats_dir / "conf" / "fbank.yaml").write_text("num_mel_bins: 80\n")
    with pytest.raises(InputError, match=r"fbank\.yaml: `num_mel_bins` is 80.*20"):
        main(arguments(model_path, feats_dir, tmp_path / "out"))


@pytest.mark.parametrize(
    ("feats", "fault"),
    [
        (torch.ones(40, 13), "have 13 bins, but 20 are expected"),
        (torch.full((40, 20), float("nan")), "are not finite"),
    ],
)
def test_stored_features_that_do_not_match_are_named(model_path, feats_dir, tmp_path, feats, fault):
    with open_archive(tmp_path / "x.ark", tmp_path / "x.scp") as archive:
        archive.write("u3", feats)
    table = (feats_dir / "feats.scp").read_text() + (tmp_path / "x.scp").read_text()
    (feats_dir / "feats.scp").write_text(table)
    with pytest.raises(InputError, match=rf"features of utterance u3 \(.*x.ark:3\) {fault}"):
        main(arguments(model_path, feats_dir, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_audio_that_is_not_finite_is_named(model_path, wav_dir, tmp_path, value):
    path = tmp_path / "bad"
    path.mkdir()
    soundfile.write(path / "x.wav", np.full(8000, value), 16000, subtype="FLOAT")
    (path / "wav.scp").write_text(f"ok {wav_dir / 'u1.wav'}\npoor {path / 'x.wav'}\n")
    with pytest.raises(InputError, match="utterance poor: .*x.wav contains NaN, infinity"):
        main(arguments(model_path, path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_utterance_that_cannot_be_read_is_named(model_path, wav_dir, tmp_path):
    path = tmp_path / "bad"
    path.mkdir()
    (path / "wav.scp").write_text(f"ok {wav_dir / 'u1.wav'}\npoor {tmp_path / 'missing.wav'}\n")
    with pytest.raises(InputError, match="utterance poor: .*missing.wav"):
        main(arguments(model_path, path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_empty_set_is_refused(model_path, tmp_path):
    (tmp_path / "wav.scp").write_text("")
    with pytest.raises(InputError, match="no utterances"):
        main(arguments(model_path, tmp_path, tmp_path / "out"))


@pytest.mark.parametrize("stored", [True, False])
def test_every_utterance_is_decoded_with_its_language(
    language_model_path, feats_dir, wav_dir, tmp_path, stored
):
    data_dir = tmp_path / "data"
    shutil.copytree(feats_dir if stored else wav_dir, data_dir)
    languages = {"u1": 1, "u10": 0, "u2": 1}
    (data_dir / "utt2lang").write_text("u1 zh\nu10 en\nu2 zh\n")
    (mode,) = modes = ["ctc_greedy_search"]
    main(arguments(language_model_path, data_dir, tmp_path / "out", "--modes", mode))
    nbest = read_nbest(tmp_path / "out" / mode / "nbest.jsonl")
    recognizer = Recognizer.from_checkpoint(language_model_path)
    for utt, language in languages.items():
        samples, _ = soundfile.read(wav_dir / f"{utt}.wav", dtype="float32")
        feats = [recognizer.features(torch.from_numpy(samples))]
        right, wrong = (
            recognizer.recognize(feats, modes, DecodeConfig(), languages=[index])[mode][0][0].score
            for index in (language, 1 - language)
        )
        assert nbest[utt][0]["score"] == pytest.approx(right, abs=1e-3)
        assert nbest[utt][0]["score"] != pytest.approx(wrong, abs=1e-2)


def test_a_missing_or_unknown_language_is_refused_before_audio_is_read(
    language_model_path, tmp_path
):
    (tmp_path / "wav.scp").write_text(f"u1 {tmp_path / 'missing.wav'}\n")
    with pytest.raises(InputError, match=r"utt2lang does not exist, .*\(the model knows en, zh\)"):
        main(arguments(language_model_path, tmp_path, tmp_path / "out"))
    (tmp_path / "segments").write_text("s1 u1 0 1\ns2 u1 1 2\n")
    (tmp_path / "utt2lang").write_text("s1 zh\ns2 de\n")
    with pytest.raises(InputError, match=r"utt2lang: language 'de' of utterance s2 .* en, zh\)"):
        main(arguments(language_model_path, tmp_path, tmp_path / "out"))


def test_a_model_without_languages_does_not_read_utt2lang(model_path, feats_dir, tmp_path):
    (feats_dir / "utt2lang").write_bytes(b"\n\xff\n")
    main(arguments(model_path, feats_dir, tmp_path / "out", "--modes", "ctc_greedy_search"))
    assert (tmp_path / "out" / "ctc_greedy_search" / "text").exists()


@pytest.mark.slow
def test_a_fault_gives_one_sentence_and_status_1(tmp_path):
    command = [sys.executable, "-m", "moeasr.bin.decode"]
    argv = arguments(tmp_path / "no.pt", tmp_path, tmp_path / "out")
    done = subprocess.run([*command, *argv], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"decode.py: checkpoint {tmp_path / 'no.pt'} does not exist"
    ]


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_quantize_sets_the_precision(precision, model_path, wav_dir, tmp_path):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    options = ["--checkpoint", str(model_path), "--data-dir", str(wav_dir)]
    options += ["--modes", "ctc_prefix_beam_search"]
    main([*options, "--out-dir", str(plain)])
    main([*options, "--out-dir", str(packed), "--quantize", precision])
    about = [
        json.loads((out / "ctc_prefix_beam_search/decode.json").read_text())
        for out in (plain, packed)
    ]
    assert [record["precision"] for record in about] == ["fp32", precision]
    assert about[0]["total_params"] == about[1]["total_params"]
    scores = [
        [hypothesis["score"] for entries in nbest.values() for hypothesis in entries]
        for nbest in (
            read_nbest(out / "ctc_prefix_beam_search/nbest.jsonl") for out in (plain, packed)
        )
    ]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.1, abs=1.0)
