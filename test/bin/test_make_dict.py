"""The `make-dict` command: its files, printed lines and messages."""

import subprocess
import sys
from pathlib import Path

import pytest

from moeasr.bin.make_dict import SPECIAL_UNITS, main
from moeasr.errors import InputError
from moeasr.text.tokenizer import Tokenizer


def test_units_are_written_and_their_coverage_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    text, dev, out = tmp_path / "text", tmp_path / "dev", tmp_path / "lang"
    text.write_text("u1 AB A\nu2 <noise> B\n")
    dev.write_text("d1 ABQ\n")
    (tmp_path / "syms").write_text("<noise>\n")
    main(
        f"--text {text} --check-text {dev} --non-lang-syms {tmp_path}/syms --out-dir {out}".split()
    )
    assert (out / "units.txt").read_text(encoding="utf-8") == (
        "<blank> 0\n<unk> 1\n<sos/eos> 2\n<noise> 3\nA 4\nB 5\n\u2581 6\n"
    )
    assert capsys.readouterr().out.splitlines() == [
        f"{out}/units.txt: 7 units (characters): <blank> <unk> <sos/eos> <noise> A B \u2581",
        f"    ({SPECIAL_UNITS}, \u2581: space)",
        f"{text}: 2 utterances, 7 units, all in the dictionary",
        f"{dev}: 1 utterance, 3 units, of which 1 (33.33 %) become <unk>: Q (1 time)",
    ]


def test_only_the_first_of_many_units_are_printed(tmp_path, capsys):
    (tmp_path / "text").write_text("u1 " + " ".join(f"w{n:03d}" for n in range(100)) + "\n")
    (tmp_path / "dev").write_text("u1 " + " ".join(f"x{n:03d}" for n in range(12)) + "\n")
    where = f"--text {tmp_path}/text --check-text {tmp_path}/dev --out-dir {tmp_path}/lang"
    main([*where.split(), "--type", "word"])
    units, _, _, dev = capsys.readouterr().out.splitlines()
    words = " ".join(f"w{n:03d}" for n in range(37))
    assert units.endswith(f"103 units (words): <blank> <unk> <sos/eos> {words} ...")
    assert dev.endswith("x009 (1 time), ...")


def test_another_type_of_units_replaces_the_old_files(tmp_path: Path) -> None:
    text, out = tmp_path / "text", tmp_path / "lang"
    text.write_text("u1 AB A ABAB\n")
    main(f"--text {text} --type bpe --vocab-size 8 --out-dir {out}".split())
    assert Tokenizer.from_dir(out).config.type == "bpe"
    main(f"--text {text} --type word --out-dir {out}".split())
    assert not (out / "bpe.model").exists()
    assert Tokenizer.from_dir(out).units[3:] == ["A", "AB", "ABAB"]


def test_a_vocabulary_size_that_is_too_large_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("u1 AB\n")
    with pytest.raises(InputError, match=f"{text}: the vocabulary size 900 is too large"):
        main(f"--text {text} --type bpe --vocab-size 900 --out-dir {tmp_path}/lang".split())
    assert not (tmp_path / "lang").exists()


def test_a_fault_gives_one_sentence_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"u1 A\r\n")
    command = [sys.executable, "-m", "moeasr.bin.make_dict", "--text", str(tmp_path / "text")]
    done = subprocess.run(
        [*command, "--out-dir", str(tmp_path / "lang")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "text, line 1: contains a carriage return" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_dictionary_is_extended(tmp_path, capsys):
    (tmp_path / "old").write_text("u1 AB A\n")
    (tmp_path / "new").write_text("u1 B2 1\n")
    main(f"--text {tmp_path}/old --out-dir {tmp_path}/lang".split())
    capsys.readouterr()
    extend = f"--text {tmp_path}/new --extend {tmp_path}/lang --out-dir {tmp_path}/more"
    main(extend.split())
    assert Tokenizer.from_dir(tmp_path / "more").units[3:] == ["A", "B", "\u2581", "1", "2"]
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/more/units.txt: 8 units (characters): <blank> <unk> <sos/eos> A B \u2581 1 2",
        f"    ({SPECIAL_UNITS}, \u2581: space)",
        f"    (the first 6 are those of {tmp_path}/lang; new: 1 2)",
        f"{tmp_path}/new: 1 utterance, 4 units, all in the dictionary",
    ]
    with pytest.raises(InputError, match="--vocab-size cannot be combined with --extend"):
        main([*extend.split(), "--vocab-size", "9"])
    with pytest.raises(InputError, match="--type word cannot extend .*/lang, whose units have the"):
        main([*extend.split(), "--type", "word"])
    with pytest.raises(InputError, match="none/tokenizer.yaml does not exist"):
        main([*extend.split()[:2], "--extend", "none", "--out-dir", str(tmp_path / "more")])
