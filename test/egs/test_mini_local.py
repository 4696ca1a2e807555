"""The synthesised corpus: its grammar, plan, audio and data directories."""

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from checkout import MADE, ROOT

from moeasr.errors import InputError

EGS = ROOT / "egs"
FEW = {"train": 60, "dev": 10, "test": 12}


@pytest.fixture
def plan(local_module):
    return local_module("mini", "plan")


@pytest.fixture
def synth(local_module):
    return local_module("mini", "synth")


def make(local_module, tmp_path, *options, recipe="mini"):
    """Run data_prep.py with a few utterances; return its download directory."""
    numbers = ["--num-train", "6", "--num-dev", "2", "--num-test", "3"]
    where = ["--download-dir", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    local_module(recipe, "data_prep").main([*where, *numbers, *options])
    return tmp_path


def audio_bytes(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.flac")}


def test_the_grammar_has_few_words_and_many_sentences(local_module):
    grammar = local_module("mini", "grammar")
    rng = np.random.default_rng(0)
    sentences = [grammar.sentence(rng) for _ in range(4000)]
    words = {word for sentence in sentences for word in sentence.split()}
    assert 80 <= len(words) <= 100
    assert all(word.isascii() and word.isupper() for word in words)
    assert all(sentence == " ".join(sentence.split()) for sentence in sentences)
    assert len(set(sentences)) > 2000
    # every rule is used
    firsts = {sentence.split()[0] for sentence in sentences}
    assert firsts >= {"TURN", "OPEN", "WAKE", "SET", "MEET", "PLAY", "CALL", "WAIT", "SPELL", "MY"}


def test_spellings_and_numbers_have_the_described_lengths(local_module):
    grammar = local_module("mini", "grammar")
    rng = np.random.default_rng(0)
    drawn = {"CALL": set(), "SPELL": set(), "MY": set()}
    for _ in range(4000):
        first, *words = grammar.sentence(rng).split()
        letters, digits = (
            sum(word in s for word in words) for s in (grammar.LETTERS, grammar.DIGITS)
        )
        if first in drawn and letters + digits > 0:  # excludes "CALL ANNA"
            drawn[first].add((letters, digits))
    assert drawn["CALL"] == {(0, digits) for digits in (3, 4, 5, 6)}
    assert drawn["SPELL"] == {(letters, 0) for letters in (3, 4, 5)}
    assert drawn["MY"] == {(1, 2), (1, 3), (2, 2), (2, 3)}


def test_the_letter_a_is_spoken_as_a_letter(local_module):
    grammar = local_module("mini", "grammar")
    assert grammar.spoken_form("SPELL A Q") == "spell [[eI]] q"


def test_sets_share_no_voice_and_no_speaking_style(plan):
    recordings = plan.plan_corpus(1, {"train": 144, "dev": 18, "test": 30}, 10.0, 30.0)
    speakers, manners = {}, {}
    for name in plan.SET_NAMES:
        chosen = [recording for recording in recordings if recording.set_name == name]
        speakers[name] = {recording.speaker for recording in chosen}
        parts = [part for recording in chosen for part in recording.parts]
        sayings = [saying for part in parts for saying in (*part.phrases, *part.babble)]
        manners[name] = {(saying.words_per_minute, saying.pitch) for saying in sayings}
        # one style for each voice, including the voices of background babble
        voices = {saying.voice for saying in sayings}
        assert {voice.split("+")[1].lower() for voice in voices} == speakers[name]
    assert [len(speakers[name]) for name in plan.SET_NAMES] == [48, 6, 10]
    assert len(set.union(*speakers.values())) == 64
    assert len(set.union(*manners.values())) == 64


def test_most_test_sentences_are_not_in_train(plan):
    recordings = plan.plan_corpus(1, {"train": 1000, "dev": 60, "test": 100}, 10.0, 30.0)
    trained_on = {recording.text for recording in recordings if recording.set_name == "train"}
    tested_on = [recording.text for recording in recordings if recording.set_name == "test"]
    assert sum(text not in trained_on for text in tested_on) >= 50
    # but all words are in train
    words = {word for text in trained_on for word in text.split()}
    assert {word for text in tested_on for word in text.split()} <= words


def test_the_plan_depends_only_on_the_seed(plan):
    assert plan.plan_corpus(1, FEW, 10.0, 30.0) == plan.plan_corpus(1, FEW, 10.0, 30.0)
    assert plan.plan_corpus(1, FEW, 10.0, 30.0) != plan.plan_corpus(2, FEW, 10.0, 30.0)
    # Seeds have different voices: few variants have one of the 176 styles for both seeds.
    manners = []
    for seed in (1, 2):
        parts = [part for r in plan.plan_corpus(seed, FEW, 10.0, 30.0) for part in r.parts]
        sayings = [saying for part in parts for saying in part.phrases]
        manners.append({s.voice.partition("+")[2]: (s.words_per_minute, s.pitch) for s in sayings})
    variants = manners[0].keys() & manners[1].keys()
    same = [variant for variant in variants if manners[0][variant] == manners[1][variant]]
    assert len(same) < len(variants) / 4


def test_a_longer_corpus_starts_with_the_shorter_one(plan):
    short = plan.plan_corpus(1, FEW, 10.0, 30.0)
    longer = plan.plan_corpus(1, {**FEW, "train": 100}, 10.0, 30.0)
    assert short[:60] == longer[:60]
    assert short[60:] == longer[100:]


def test_the_signal_to_noise_ratio_is_within_the_given_range(plan):
    """The lowest and the highest of a hundred ratios are near the ends of the range."""
    parts = [part for r in plan.plan_corpus(1, FEW, 3.0, 5.0) for part in r.parts]
    ratios_db = [part.snr_db for part in parts]
    assert len(parts) > 100
    assert 3.0 <= min(ratios_db) < 3.2 and 4.8 < max(ratios_db) <= 5.0


def test_invalid_options_of_the_plan_are_refused(plan):
    with pytest.raises(InputError, match="the dev set must have 1 utterance or more, not 0"):
        plan.plan_corpus(1, {**FEW, "dev": 0}, 10.0, 30.0)
    with pytest.raises(InputError, match=r"SNR cannot reach from 30\.0 to 10\.0 dB"):
        plan.plan_corpus(1, FEW, 30.0, 10.0)


def test_a_recording_has_the_planned_levels_pauses_and_noise(plan, synth):
    parts = [part for r in plan.plan_corpus(1, FEW, 10.0, 30.0) for part in r.parts]
    loud = next(part for part in parts if part.noise == "babble")
    loud = replace(
        loud, level_db=-25.0, snr_db=12.0, phrases=loud.phrases[:1], pauses_sec=(0.5, 0.25)
    )
    clean = record(plan, synth, replace(loud, noise="none"))
    before, speech, after = np.split(clean, [8000, len(clean) - 4000])
    assert not np.any(before) and not np.any(after)
    assert level_db(speech) == pytest.approx(-25.0, abs=0.1)
    for noise in ("white", "pink", "babble"):
        noisy = record(plan, synth, replace(loud, noise=noise))
        assert level_db(noisy - clean) == pytest.approx(-37.0, abs=0.1)
    assert np.array_equal(record(plan, synth, loud), record(plan, synth, loud))
    # parts follow one another, each with its own noise
    quiet = replace(loud, phrases=(), babble=(), noise="none", pauses_sec=(0.5,))
    both = record(plan, synth, quiet, loud)
    assert not np.any(both[:8000])
    assert np.array_equal(both[8000:], record(plan, synth, loud))


def test_phrases_have_one_gain_and_pauses_between_them(synth):
    rng = np.random.default_rng(0)
    loud, soft = rng.standard_normal(5000), 0.5 * rng.standard_normal(3000)
    speech = synth.with_pauses([loud, soft], (0.5, 1.0, 0.25), -25.0)
    pieces = np.split(speech, np.cumsum([8000, 5000, 16000, 3000]))
    assert not np.any(np.concatenate(pieces[0::2])) and len(pieces[4]) == 4000
    assert level_db(np.concatenate(pieces[1::2])) == pytest.approx(-25.0, abs=1e-9)
    assert pieces[1] / loud == pytest.approx(pieces[1][0] / loud[0])
    assert pieces[3] / soft == pytest.approx(pieces[1][0] / loud[0])


@pytest.mark.parametrize("noise", ["white", "pink"])
def test_every_part_has_independent_noise(plan, synth, noise):
    """The noise of two parts has a low correlation.

    For 40 000 samples of white noise, it is below 5 / 200 = 0.025. Pink noise has most of its power
    in few frequencies, and its correlation is below 0.5.
    """
    part = plan.Part((), (2.5,), -20.0, noise, 10.0, (), seed=1)
    first, again, other = (synth.render(replace(part, seed=s), [], []) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < {"white": 0.025, "pink": 0.5}[noise]


def test_all_voices_of_babble_have_one_level_and_last_to_the_end(synth):
    loud, soft = np.array([8.0, -8.0]), np.array([0.5, 0.5, -0.5, -0.5])
    assert synth.mix([loud, soft], 6).tolist() == [2.0, 0.0, 0.0, -2.0, 2.0, 0.0]


def record(plan, synth, *parts):
    """Return the samples of a recording of these parts, in [-1, 1]."""
    return synth.record(plan.Recording("a-0", "test", "a", "", parts)) / 32767


def level_db(wave):
    return 10 * np.log10(np.mean(np.square(wave)))


def test_pauses_before_between_and_after_phrases_have_all_lengths(plan):
    recordings = plan.plan_corpus(1, {"train": 1000, "dev": 60, "test": 100}, 10.0, 30.0)
    spoken = [part for recording in recordings for part in recording.parts if part.phrases]
    for pauses in (
        [part.pauses_sec[0] for part in spoken],
        [sec for part in spoken for sec in part.pauses_sec[1:-1]],
        [part.pauses_sec[-1] for part in spoken],
    ):
        assert min(pauses) >= 0.0 and max(pauses) <= 1.5
        # every tenth of a second from 0 to 1.4 occurs
        assert {int(sec * 10) for sec in pauses} >= set(range(14))
    assert all(len(part.pauses_sec) == len(part.phrases) + 1 for part in spoken)
    # the transcript contains all phrases in their order
    for recording in recordings:
        said = " ".join(saying.text for part in recording.parts for saying in part.phrases)
        assert said.replace("[[eI]]", "a").upper() == recording.text


def test_recordings_have_the_planned_numbers_of_parts_and_voices(plan):
    recordings = plan.plan_corpus(1, {"train": 1000, "dev": 60, "test": 100}, 10.0, 30.0)
    voices = [
        [part.phrases[0].voice.split("+")[1].lower() for part in r.parts if part.phrases]
        for r in recordings
    ]
    for name, counts in (("train", {1, 2, 3, 4, 6}), ("dev", {1, 2}), ("test", {1, 2})):
        assert {len(r.parts) for r in recordings if r.set_name == name} == counts
    assert {len(set(names)) for names in voices} >= {0, 1, 2, 3}
    # the speaker of an utterance is the voice of its first part
    for recording, names in zip(recordings, voices):
        if recording.parts[0].phrases:
            assert names[0] == recording.speaker


def test_some_recordings_contain_no_speech(plan, synth):
    recordings = plan.plan_corpus(1, {"train": 1000, "dev": 60, "test": 100}, 10.0, 30.0)
    for name in plan.SET_NAMES:
        chosen = [recording for recording in recordings if recording.set_name == name]
        silent = [recording for recording in chosen if not recording.text]
        assert 0 < len(silent) < 0.1 * len(chosen)
        assert not any(part.babble for recording in silent for part in recording.parts)
    quiet = next(recording for recording in recordings if not recording.text).parts[0]
    quiet = replace(quiet, noise="white", level_db=-20.0, snr_db=30.0, pauses_sec=(1.25,))
    samples = record(plan, synth, quiet)
    assert len(samples) == 20000 and level_db(samples) == pytest.approx(-50.0, abs=0.1)
    assert not np.any(record(plan, synth, replace(quiet, noise="none")))


def test_a_loud_recording_is_not_clipped(plan, synth):
    recording = next(r for r in plan.plan_corpus(1, FEW, 10.0, 30.0) if r.parts[0].phrases)
    part = replace(recording.parts[0], level_db=0.0, noise="none")
    recording = replace(recording, parts=(part,))
    samples = synth.record(recording)
    assert np.abs(samples).max() == round(0.98 * 32767)


def test_the_power_of_pink_noise_decreases_by_3_db_per_octave(synth):
    power = np.abs(np.fft.rfft(synth.pink_noise(1 << 18, np.random.default_rng(0)))) ** 2
    octaves = [power[1 << k : 2 << k].mean() for k in range(8, 16)]
    assert 10 * np.diff(np.log10(octaves)) == pytest.approx(-3.01, abs=0.4)


def test_speech_does_not_depend_on_earlier_speech(plan, synth):
    saying = plan.Saying("en-us+f2", 160, 50, "turn on the light")  # a breathy voice
    (first,) = synth.say([saying])
    time.sleep(1.1)  # the library would seed breath noise by the time in seconds
    (again,) = synth.say([saying])
    assert np.array_equal(first, again)
    assert 0.5 < len(first) / synth.SAMPLE_RATE_HZ < 3.0


def fundamental_hz(wave):
    """Return the frequency between 60 and 400 Hz with the highest autocorrelation."""
    spectrum = np.fft.rfft(wave, 2 * len(wave))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: 16000 // 60]
    return 16000 / (40 + np.argmax(likeness[40:]))


def test_speaking_styles_change_the_audio(plan, synth):
    """Twice the speed takes about half the time, and a higher pitch gives a higher voice."""
    manners = ((130, 30), (260, 30), (130, 70))
    usual, fast, high = synth.say(
        [plan.Saying("en-us+m3", *manner, "turn on the light") for manner in manners]
    )
    assert len(usual) / len(fast) == pytest.approx(2.0, abs=0.2)
    assert len(high) / len(usual) == pytest.approx(1.0, abs=0.02)
    assert fundamental_hz(high) > 1.2 * fundamental_hz(usual)


def test_an_unknown_voice_is_named(plan, synth):
    with pytest.raises(InputError, match="no voice variant 'nobody'"):
        synth.say([plan.Saying("en-us+nobody", 160, 50, "hello")])
    with pytest.raises(InputError, match="has no voice 'xx-nowhere"):
        synth.say([plan.Saying("xx-nowhere+f1", 160, 50, "hello")])


def test_all_voices_are_available(plan, synth):
    """Every variant speaks, and no two variants give the same samples."""
    variants = [variant for name in plan.SET_NAMES for variant in plan.VARIANTS[name]]
    waves = synth.say([plan.Saying(f"en-us+{v}", 160, 50, "seven") for v in variants])
    assert min(len(wave) for wave in waves) > 3000
    assert len({wave.tobytes() for wave in waves}) == len(variants)


def test_the_corpus_and_its_data_directories(local_module, tmp_path, capsys):
    root = make(local_module, tmp_path, "--min-snr-db", "3", "--max-snr-db", "4")
    recordings = [json.loads(line) for line in (root / "mini/recordings.jsonl").open()]
    assert len(recordings) == 11 and len(audio_bytes(root / "mini")) == 11
    for name, count in (("train", 6), ("dev", 2), ("test", 3)):
        tables = {}
        for table in ("wav.scp", "text", "utt2spk"):
            lines = (root / "data" / name / table).read_text().splitlines()
            tables[table] = {key: rest for key, _, rest in (line.partition(" ") for line in lines)}
            assert list(tables[table]) == sorted(tables[table]) and len(lines) == count
        for utt_id, wav in tables["wav.scp"].items():
            info = soundfile.info(wav)
            assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
            assert utt_id.startswith(tables["utt2spk"][utt_id] + "-")
    ratios_db = [part["snr_db"] for r in recordings for part in r["parts"]]
    assert 3.0 <= min(ratios_db) < 3.5 < max(ratios_db) <= 4.0
    trained_on = {r["text"] for r in recordings if r["set_name"] == "train"}
    num_new = sum(r["set_name"] == "test" and r["text"] not in trained_on for r in recordings)
    new = f" of 2 in dev, {num_new} of 3 in test\n"
    assert num_new > 1 and new in capsys.readouterr().out


@pytest.mark.slow
def test_audio_does_not_depend_on_nj_and_is_created_only_once(local_module, tmp_path):
    one = make(local_module, tmp_path / "one", "--nj", "1")
    three = make(local_module, tmp_path / "three", "--nj", "3")
    first = audio_bytes(one / "mini")
    assert first == audio_bytes(three / "mini")
    # a second run keeps the corpus, and another seed replaces all of it
    inode = (one / "mini" / "recordings.jsonl").stat().st_ino
    make(local_module, tmp_path / "one")
    assert (one / "mini" / "recordings.jsonl").stat().st_ino == inode
    # a corpus of another release of the voices is replaced
    marker = one / "mini" / "made_by.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "espeakng-loader": "0.1"}))
    make(local_module, tmp_path / "one")
    assert (one / "mini" / "recordings.jsonl").stat().st_ino != inode
    assert audio_bytes(one / "mini") == first
    make(local_module, tmp_path / "one", "--seed", "2")
    second = audio_bytes(one / "mini")
    assert len(second) == 11 and not set(second.values()) & set(first.values())


def test_a_corpus_of_other_code_is_replaced(local_module, tmp_path):
    recipe = tmp_path / "copy"
    shutil.copytree(EGS / "mini/local", recipe / "local", ignore=MADE)
    few = ("--num-train", "1", "--num-dev", "1", "--num-test", "1")
    make(local_module, tmp_path, *few, recipe=recipe)
    for name in ("synth.py", "speak.py"):
        inode = (tmp_path / "mini").stat().st_ino
        make(local_module, tmp_path, *few, recipe=recipe)
        assert (tmp_path / "mini").stat().st_ino == inode
        with open(recipe / "local" / name, "a") as handle:
            handle.write("# another way to make the same sounds\n")
        make(local_module, tmp_path, *few, recipe=recipe)
        assert (tmp_path / "mini").stat().st_ino != inode


def test_an_unfinished_corpus_is_replaced(local_module, tmp_path):
    whole = audio_bytes(make(local_module, tmp_path) / "mini")
    (tmp_path / "mini").rename(tmp_path / ".mini.unfinished")
    next((tmp_path / ".mini.unfinished").rglob("*.flac")).write_bytes(b"cut")
    assert audio_bytes(make(local_module, tmp_path) / "mini") == whole
    assert not (tmp_path / ".mini.unfinished").exists()


def test_a_directory_with_other_content_is_not_overwritten(local_module, tmp_path):
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="mini exists but is not a mini corpus"):
        make(local_module, tmp_path)
    assert (tmp_path / "mini" / "thesis.txt").exists()
    shutil.rmtree(tmp_path / "mini")
    make(local_module, tmp_path)
