"""utils/new_recipe.sh: a recipe for a corpus of one's own, and its data preparation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT, Checkout
from corpus_forms import FORM_TREES
from made_up import folder, read_table, write_audio, write_lines

CONFIGS = ("u2pp_moe", "dense", "common", "fbank")  # the first one and its bases, and the features


@pytest.fixture
def checkout(tmp_path):
    """A checkout with two recipes, one of which has generated files. Its utils are not a link."""
    checkout = Checkout(tmp_path / "root")
    (checkout.root / "utils").unlink()
    shutil.copytree(ROOT / "utils", checkout.root / "utils", symlinks=True)
    checkout.copy("fsdd")
    an4 = checkout.copy("an4")
    write_lines(an4.dir / "data/train/text", ["a-1 A"])
    return checkout


def new_recipe(checkout: Checkout, *arguments: str | Path) -> subprocess.CompletedProcess:
    command = [checkout.root / "utils/new_recipe.sh", *arguments]
    return subprocess.run(
        command, cwd=checkout.root, capture_output=True, text=True, timeout=120, check=False
    )


def require_recipe(recipe: Path, origin: str) -> None:
    """Require that a directory is a recipe with the configs of another one."""
    made = {path.name for path in recipe.iterdir()}
    assert made == {"run.sh", "path.sh", "cmd.sh", "conf", "local", "README.md", "utils"}
    assert [path.name for path in (recipe / "local").iterdir()] == ["data_prep.py"]
    for name in (f"conf/{name}.yaml" for name in CONFIGS):
        assert (recipe / name).read_bytes() == (ROOT / "egs" / origin / name).read_bytes()
    for path in recipe.glob("conf/*.list"):
        named = {word for word in path.read_text().split() if word.endswith(".yaml")}
        assert all((recipe / name).is_file() for name in named), path
    assert (recipe / "conf/compare.list").is_file()
    for name in ("run.sh", "README.md"):
        text = (recipe / name).read_text()
        assert recipe.name in text and "@" not in text.replace("[@]", "")
    help_shown = subprocess.run([recipe / "run.sh", "--help"], capture_output=True, check=False)
    assert help_shown.returncode == 0 and b"--download_dir" in help_shown.stderr
    lint = ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", recipe / "run.sh"]
    subprocess.run(lint, check=True)


@pytest.mark.parametrize(
    ("arguments", "origin"),
    [(["egs/a.b-1"], "an4"), (["--from", "fsdd", "egs/a.b-1"], "fsdd")],
)
def test_recipe_is_made_in_the_checkout(checkout, arguments, origin):
    done = new_recipe(checkout, *arguments)
    assert done.returncode == 0, done.stderr
    require_recipe(checkout.root / "egs/a.b-1", origin)
    assert os.readlink(checkout.root / "egs/a.b-1/utils") == "../../utils"
    recipes = sorted(path.name for path in (checkout.root / "egs").iterdir())
    assert recipes == ["a.b-1", "an4", "fsdd"]


def test_recipe_outside_the_checkout_finds_it(checkout, tmp_path):
    """This also holds if the directory is called egs, as in another checkout, or has a space."""
    for place in ("egs", "my work"):
        recipe = tmp_path / place / "new"
        recipe.parent.mkdir()
        done = new_recipe(checkout, recipe)
        assert done.returncode == 0, done.stderr
        require_recipe(recipe, "an4")
        assert os.readlink(recipe / "utils") == str(checkout.root / "utils")
        report = f'. "{recipe}/path.sh" && echo "$PYTHONPATH" && command -v run.pl'
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        shown = subprocess.run(
            ["bash", "-euc", report], env={"PATH": path}, capture_output=True, text=True, check=True
        )
        assert shown.stdout.split("\n")[:2] == [str(checkout.root), f"{recipe}/utils/run.pl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["egs/an4"], "egs/an4 already exists"),
        (["egs/new", "--from", "nope"], "--from nope: the recipe egs/nope does not exist"),
        (["new"], "new: a recipe in this checkout must be a directory "),
        (["utils/new"], "utils/new: a recipe in this checkout must be a directory "),
        (["nowhere/new"], "nowhere/new: the directory nowhere does not exist"),
        (["egs/a b"], "may only contain letters, digits and _ . -, but is a b"),
        (["egs/.hidden"], "but is .hidden"),
        (["egs/a", "egs/b"], "Usage: utils/new_recipe.sh"),
        ([], "Usage: utils/new_recipe.sh"),
    ],
)
def test_refusals_make_nothing(checkout, arguments, message):
    before = sorted(checkout.root.rglob("*"))
    done = new_recipe(checkout, *arguments)
    assert done.returncode == 1 and message in done.stderr
    assert sorted(checkout.root.rglob("*")) == before


@pytest.fixture
def prepare(tmp_path):
    """Run the data preparation on a corpus, and return the result."""

    def run(corpus: Path) -> subprocess.CompletedProcess:
        script = ROOT / "utils/new_recipe/local/data_prep.py"
        command = [sys.executable, script, "--download-dir", corpus]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, "--data-dir", tmp_path / "data"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_text_beside_audio_or_in_a_list(prepare, tmp_path):
    corpus = folder(tmp_path)
    done = prepare(corpus)
    assert done.returncode == 0, done.stderr
    assert "train: transcripts of " in done.stdout
    train = tmp_path / "data/train"
    speakers = read_table(train / "utt2spk").values()
    assert (len(speakers), len(set(speakers))) == (12, 3)
    assert read_table(train / "text")["bo-say-4"] == "go to bed"
    assert read_table(train / "utt2spk")["bo-say-4"] == "bo"
    assert read_table(train / "wav.scp")["bo-say-4"] == str(corpus / "train/bo/say-4.flac")
    assert read_table(tmp_path / "data/test/utt2spk") == {"a": "a", "b": "b", "c": "c"}
    assert read_table(tmp_path / "data/test/text")["b"] == "go home"


def test_an_empty_transcript_is_a_recording_without_speech(prepare, tmp_path):
    corpus = folder(tmp_path)
    (corpus / "dev/a.txt").write_text("")
    (corpus / "dev/b.txt").write_text(" \n")
    write_audio(corpus / "test/d.wav")
    with open(corpus / "test/transcripts.tsv", "a") as table:
        table.write("d.wav\t\n")
    done = prepare(corpus)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/dev/text").read_text().splitlines()[:2] == ["a", "b"]
    assert (tmp_path / "data/test/text").read_text().splitlines()[-1] == "d"
    assert (
        "dev/a.txt: the transcript is empty, which means a recording without speech (and 1 more)"
        in (done.stderr)
    )


def test_a_fault_is_one_sentence_and_writes_nothing(prepare, tmp_path):
    corpus = folder(tmp_path)
    (corpus / "dev/a.txt").unlink()
    done = prepare(corpus)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "dev/a.wav has no transcript: add a .txt file beside it" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORM_TREES)
def test_data_and_features_of_each_form(tmp_path, form):
    """Stages 0 and 1 of the recipe as it is made, without a change.

    Only `kaldi`, which has segments and whole recordings, runs several jobs: each imports torch.
    """
    corpus = FORM_TREES[form](tmp_path / "corpus")
    recipe, num_jobs = tmp_path / "new", "3" if form == "kaldi" else "1"
    made = subprocess.run([ROOT / "utils/new_recipe.sh", recipe], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    done = subprocess.run(
        [recipe / "run.sh", "--download-dir", corpus, "--stop-stage", "1", "--nj", num_jobs],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"is read as --form {form}: it contains " in done.stderr
    for name in ("train_sp", "dev", "test"):
        data = recipe / "data" / name
        assert read_table(data / "feats.scp").keys() == read_table(data / "text").keys()
        has_languages = form in ("lhotse", "common_voice", "audio_folder")
        assert (data / "utt2lang").is_file() == has_languages
    assert (recipe / "data/train_sp/global_cmvn").is_file()
