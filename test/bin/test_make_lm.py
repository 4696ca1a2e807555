"""The `make-lm` command: its file, printed lines and messages."""

from pathlib import Path

import pytest

from moeasr.bin.make_dict import main as make_dict
from moeasr.bin.make_lm import main
from moeasr.errors import InputError
from moeasr.text.arpa import read_arpa


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text("u1 AB A\nu2 AB\nu3 B AB\n")
    return path


def test_a_word_model_is_estimated(text, tmp_path, capsys):
    (tmp_path / "dev").write_text("d1 AB C\n")
    text.write_text("u1 AB A\n")
    (tmp_path / "more").write_text("u2 AB\nu3 B AB\n")
    out = tmp_path / "lm" / "2.arpa"
    main(f"--text {text} {tmp_path}/more --order 2 --check-text {tmp_path}/dev --out {out}".split())
    model = read_arpa(out)
    assert set(model.words) == {"<s>", "</s>", "<unk>", "AB", "A", "B"}
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"{out}: 6 1-grams, 6 2-grams"
    assert printed[1].endswith("over 2 known words and ends of sentences; 1 unknown word left out")


def test_a_unit_model_is_estimated(text, tmp_path):
    make_dict(f"--text {text} --out-dir {tmp_path}/lang".split())
    main(f"--text {text} --dict-dir {tmp_path}/lang --out {tmp_path}/x.arpa.gz".split())
    model = read_arpa(tmp_path / "x.arpa.gz")
    assert set(model.words) == {"<s>", "</s>", "<unk>", "A", "B", "\u2581"}
    assert model.order == 3


def test_text_without_spaces_gives_a_warning(text, tmp_path, capsys):
    options = f"--text {text} --out {tmp_path}/x.arpa".split()
    text.write_text(
        "u1 我在唯品会买东西\nu2 打开网站看手机\nu3 ok go\nu4 开 门\n", encoding="utf-8"
    )
    main(options)
    warning = capsys.readouterr().err
    assert "2 transcripts have no spaces" in warning
    assert "such as '我在唯品会买东西'" in warning and "--lm-level unit" in warning
    make_dict(f"--text {text} --out-dir {tmp_path}/lang".split())
    main([*options, "--dict-dir", f"{tmp_path}/lang"])
    text.write_text("u1 我 在 唯品会 买 东西\nu2 打开\nu3 ok\nu4 안녕하세요\n", encoding="utf-8")
    main(options)
    assert "no spaces" not in capsys.readouterr().err


def test_faults_name_the_text_and_no_file_is_written(text, tmp_path):
    text.write_text("u1 A </s>\n")
    with pytest.raises(InputError, match=f"{text}: a sentence contains"):
        main(f"--text {text} --out {tmp_path}/x.arpa".split())
    with pytest.raises(InputError, match=f"{tmp_path}/none does not exist"):
        main(f"--text {tmp_path}/none --out {tmp_path}/x.arpa".split())
    assert not (tmp_path / "x.arpa").exists()
