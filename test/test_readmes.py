"""README files: each command, option and script in them exists, and the code in them works."""

import argparse
import functools
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from corpus_forms import write_clip
from known_files import ROOT, known_files
from made_up import write_lines

from moeasr.__main__ import entry_names
from moeasr.config import to_mapping
from moeasr.config_bases import merge
from moeasr.corpus.forms.corpus_sets import forms_parser, options_of, read_sets
from moeasr.decode.config import DecodeConfig
from moeasr.decode.searches import SearchInput, find_search
from moeasr.experiment.config import load_experiment
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.faults import fbank_faults, model_faults
from moeasr.models.build import build_model
from moeasr.models.streaming_encoder import StreamingEncoder
from moeasr.moe.losses import ROUTING_LOSSES

DOCUMENTS = known_files("**/*.md")
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z0-9_-]*")
SCRIPT = re.compile(r"(?:\.\./)*((?:utils|tools|test|local)/[\w/]+\.(?:sh|py|pl))$")
PASSED_ON = {"--train-opts": "moeasr train", "--dict-opts": "moeasr make-dict"}
PASSED_ON |= {"--run-opts": "./run.sh", "--corpus-opts": "local/data_prep.py"}
"""Options whose value is a list of options of another program."""
PLACEHOLDERS = {"x", "...", "<entry>", "<command>"}


def code_lines(text: str) -> Iterator[str]:
    """Yield what a document shows as commands: fenced, indented, or between backticks."""
    text = re.sub(r" *\\\n *", " ", text)
    for language, block in FENCED.findall(text):
        if language in ("", "sh", "bash", "console"):
            yield from block.splitlines()
    prose = FENCED.sub("", text)
    yield from re.findall(r"^    (\S.*)$", prose, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", prose)


def commands(line: str) -> Iterator[list[str]]:
    """Yield the words of each command of a line, without comments, prompt and variables."""
    line = re.sub(r"(^|\s)#.*", "", line.removeprefix("$ "))
    for part in re.split(r"(?:&&|[;|()])(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", line):
        try:
            words = shlex.split(part)
        except ValueError:  # a quotation mark that is not closed in this line
            words = part.split()
        while words and (re.match(r"\w+=", words[0]) or words[0] in ("do", "then", ".")):
            words = words[1:]
        if words:
            yield words


@functools.cache
def parser_options(entry: str) -> set[str]:
    """Return the options of a module of `moeasr/bin`."""
    parser: argparse.ArgumentParser = importlib.import_module(f"moeasr.bin.{entry}").get_parser()
    return set(parser._option_string_actions)


@functools.cache
def script_options(path: Path) -> set[str]:
    """Return the options that the text of a script knows, and of the entry points it calls."""
    text = path.read_text(encoding="utf-8")
    found = set(OPTION.findall(text))
    if "parse_options.sh" in text or "recipe.sh" in text:
        found |= {option_of(name) for name in re.findall(r"^([a-z_]+)=", text, re.MULTILINE)}
    for entry in re.findall(r"moeasr(?:\.bin\.| )(\w+)", text):
        found |= parser_options(entry) if entry in entry_names() else set()
    if path.name == "run.sh" and "recipe.sh" in text:
        found |= script_options(ROOT / "utils/recipe.sh")
    if "import preparation_parser" in text:
        found |= script_options(ROOT / "moeasr/corpus/preparation.py")
    if "forms_parser" in text and path.name == "data_prep.py":
        found |= script_options(ROOT / "moeasr/corpus/forms/corpus_sets.py")
    return found | {"--help"}


def option_of(name: str) -> str:
    """Return the option that sets a variable of a script."""
    return "--" + name.replace("_", "-")


def scripts_of(name: str, document: Path) -> list[Path]:
    """Return the files that a script's name in a document may stand for."""
    folders = [folder for folder in document.parents if (folder / "run.sh").is_file()]
    if not folders or name.startswith(("utils/", "tools/", "test/")):
        folders = [ROOT, ROOT / "utils/new_recipe", *(ROOT / "egs").iterdir()]
    return [path for path in (folder / name for folder in folders) if path.is_file()]


def faults_of(words: list[str], document: Path) -> Iterator[str]:
    """Yield what is wrong with a command: the program does not exist, or an option of it."""
    program, rest = words[0], words[1:]
    if program in ("python", "python3", "V/bin/python") and rest:
        is_entry = rest[0] == "-m" and rest[1].startswith("moeasr.bin.")
        program = f"moeasr {rest[1].removeprefix('moeasr.bin.')}" if is_entry else rest[0]
        rest = rest[2:] if is_entry else rest[1:]
    elif program == "moeasr" and rest and not rest[0].startswith("-"):
        program, rest = f"moeasr {rest[0]}", rest[1:]
    if program.startswith("moeasr "):
        entry = program.removeprefix("moeasr ").replace("-", "_")
        if entry in PLACEHOLDERS:
            return
        if entry not in entry_names():
            yield f"there is no command '{program}'"
            return
        known = parser_options(entry)
    elif match := SCRIPT.match(program) or re.match(r"(?:\./|(egs/\w+/))run\.sh$", program):
        name = match[1] or "run.sh"
        name = name + "run.sh" if name.endswith("/") else name
        scripts = scripts_of(name, document)
        if not scripts:
            if not name.startswith("local/"):  # else it may be that of a recipe of Kaldi's
                yield f"there is no {name}"
            return
        if name == "test/run.sh":  # its options are pytest's
            return
        known = set.union(*map(script_options, scripts))
    else:
        return
    for number, word in enumerate(rest):
        option = word.partition("=")[0]
        if OPTION.fullmatch(option) and option.replace("_", "-") not in known:
            yield f"{program} has no option {option}"
        if option in PASSED_ON and number + 1 < len(rest):
            yield from faults_of([*PASSED_ON[option].split(), *rest[number + 1].split()], document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_exists(document):
    text = document.read_text(encoding="utf-8")
    found = [
        f"`{line.strip()}`: {fault}"
        for line in code_lines(text)
        for words in commands(line)
        for fault in faults_of(words, document)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("moeasr decode --checkpoint a.pt --modes x", None),
        ("moeasr decod --checkpoint a.pt", "there is no command 'moeasr decod'"),
        ("X=1 python3 -m moeasr.bin.make_lm --ordre 3", "moeasr make_lm has no option --ordre"),
        ("cd egs/an4 && ./run.sh --stage 3 --decode_modes 'a b' --epochs 2", "no option --epochs"),
        ('./run.sh --train-opts "--sett a.b=1"', "moeasr train has no option --sett"),
        ("utils/nothing.sh data/train", "there is no utils/nothing.sh"),
        ("utils/fix_data_dir.sh --utt_extra-files a data  # --not-an-option", None),
        ("utils/new_recipe.sh --from an4 egs/mine", None),
        ("diff <(moeasr show-config a.yaml) <(moeasr show-config --deep b.yaml)", "option --deep"),
        ("$ ../../tools/bench/measure_streaming.py --data-dir D --seed 1", "no option --seed"),
        ("pip install --nothing", None),
    ],
)
def test_the_check_itself_finds_faults(line, fault):
    """A check that cannot fail would be useless."""
    found = [f for words in commands(line) for f in faults_of(words, ROOT / "README.md")]
    assert [fault] == [found[0][-len(fault) :]] if fault else found == []


def test_options_that_are_named_alone_exist():
    """Tutorials name options of other toolkits too, and the tests' document those of pytest."""
    known = {option for entry in entry_names() for option in parser_options(entry)}
    scripts = ("egs/*/run.sh", "utils/**/*.sh", "egs/*/local/*.py", "moeasr/corpus/**/*.py")
    for script in known_files(*scripts, "test/run.sh"):
        known |= script_options(script)
    known |= script_options(ROOT / "tools/install.sh")
    found = {
        f"{document.relative_to(ROOT)}: {option}"
        for document in DOCUMENTS
        if document.parts[-2] not in ("egs", "doc", "test")
        for line in code_lines(document.read_text(encoding="utf-8"))
        if line.startswith("--")
        for option in OPTION.findall(line.partition("=")[0])
        if option.replace("_", "-") not in known
    }
    assert not found


def config_keys(section: object, name: str = "") -> Iterator[str]:
    """Yield the dotted names of all keys of a nested mapping."""
    if isinstance(section, dict):
        for key, value in section.items():
            yield f"{name}{key}"
            yield from config_keys(value, f"{name}{key}.")


def test_keys_of_configs_that_documents_name_exist():
    section = "(?:model|data|train|init|distillation)"
    named = re.compile(rf"(?<![\w/.-]){section}(?:\.[a-z_0-9]+)+(?![\w./-])")
    systems = ("u2pp_moe", "speechmoe", "speechmoe_transformer")
    by_module = ["train.optim.lr_factors.encoder=0.1"]  # its keys are modules
    by_loss = [f"model.routing_losses.{name}=0.1" for name in ROUTING_LOSSES]
    paths = [ROOT / f"egs/an4/conf/{system}.yaml" for system in systems]
    configs = [load_experiment(path, [*by_module, *by_loss]) for path in paths]
    known = {key for config in configs for key in config_keys(to_mapping(config))}
    found = {
        f"{document.relative_to(ROOT)}: {key}"
        for document in DOCUMENTS
        for line in code_lines(document.read_text(encoding="utf-8"))
        for key in named.findall(line)
        if key not in known
        and not key.endswith((".yaml", ".csv", ".tsv", ".log", ".onnx", ".data"))  # a file
    }
    assert not found


def test_the_scripts_that_the_readme_of_utils_names_are_there():
    text = (ROOT / "utils/README.md").read_text(encoding="utf-8")
    names = {word.split()[0] for word in re.findall(r"`([^`\n]+)`", text)}
    names = {name for name in names if re.fullmatch(r"[\w/]+\.(sh|pl|py)", name)}
    names -= {"path.sh", "cmd.sh", "db.sh", "run.sh"}  # of a recipe
    kept_elsewhere = {name for name in names if name.startswith(("tools/", "utils/", "local/"))}
    utils = ROOT / "utils"
    missing = {name for name in names - kept_elsewhere if not (utils / name).exists()}
    assert missing <= {"run_public_recipes.py"} and len(names) > 40
    unnamed = {str(path.relative_to(utils)) for path in utils.glob("*.[sp][hl]")} - names
    assert unnamed <= {"not_here.sh"}


def test_readme_is_short():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 120


def blocks(document: str, heading: str, language: str) -> list[str]:
    """Return the code of a language in one section of a document and its subsections."""
    text = (ROOT / document).read_text(encoding="utf-8")
    level = heading.partition(" ")[0]
    section = text.partition(f"\n{heading}\n")[2]
    section = re.split(rf"^#{{1,{len(level)}}} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return [code for name, code in FENCED.findall(section) if name == language]


def test_parts_of_ones_own_as_shown_train_stream_and_decode(tmp_path, monkeypatch):
    """One model has all parts that moeasr/README.md shows how to write."""
    code = blocks("moeasr/README.md", "## Parts of your own", "python")
    (config,) = blocks("moeasr/README.md", "## Parts of your own", "yaml")
    (tmp_path / "my_parts.py").write_text("\n".join(code))
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(ROOT / "egs/mini/conf", tmp_path / "conf")
    (tmp_path / "conf/mine.yaml").write_text(config)
    sizes = ["model.encoder.num_blocks=2", "model.encoder.d_model=16", "model.decoder.num_blocks=1"]
    model_config = load_experiment(tmp_path / "conf/mine.yaml", sizes).model
    torch.manual_seed(0)
    model = build_model(model_config, num_mel_bins=20, vocab_size=9)

    feats, feats_lens = torch.randn(2, 61, 20), torch.tensor([61, 50])
    tokens, tokens_lens = torch.randint(3, 9, (2, 5)), torch.tensor([5, 3])
    output = model(feats, feats_lens, tokens, tokens_lens)
    output.loss.backward()
    assert {
        "loss_ctc",
        "loss_att",
        "loss_count",
        "loss_my_parts.negative_entropy",
    } <= output.stats.keys()
    assert len(output.expert_loads) == 2
    assert all(parameter.grad is not None for parameter in model.parameters())

    model.eval().double()
    feats = feats[:1].double()
    streaming = StreamingEncoder(model, chunk_size=4)
    first, state = streaming.step(feats[:, :19], torch.tensor([19]), streaming.start())
    wanted = model.encode(feats, torch.tensor([61]), chunk_size=4).enc
    torch.testing.assert_close(first.enc, wanted[:, :4], rtol=0, atol=1e-9)

    encoded = model.encode(feats, torch.tensor([61]))
    log_probs = model.ctc_log_probs(encoded.enc)
    inputs = SearchInput(model, encoded.enc, encoded.enc_lens, log_probs, fusion=None)
    (own,), (plain,) = (
        find_search(mode).run(inputs, DecodeConfig(beam_size=4))
        for mode in ("my_parts.by_count", "ctc_prefix_beam_search")
    )
    assert sorted(h.tokens for h in own) == sorted(h.tokens for h in plain)


def test_settings_that_wenet_needs_are_as_shown():
    model, fbank = (
        yaml.safe_load(code) for code in blocks("moeasr/interop/README.md", "## Export", "yaml")
    )
    config = ROOT / "egs/an4/conf/u2pp_moe.yaml"
    settings = [
        f"model.encoder.{key}={yaml.safe_dump(value).split(chr(10))[0]}"
        for key, value in model["model"]["encoder"].items()
    ]
    assert model_faults(load_experiment(config, settings).model) == []
    assert model_faults(load_experiment(config).model) != []
    theirs = yaml.safe_load((ROOT / "egs/an4/conf/fbank.yaml").read_text())
    assert fbank_faults(FbankConfig(**merge(theirs, fbank))) == []
    assert fbank_faults(FbankConfig(**theirs)) != []


def test_form_of_ones_own_as_shown_is_read(tmp_path, monkeypatch):
    """The class in egs/README.md reads a made-up corpus; dev comes from train."""
    (code,) = blocks("egs/README.md", "### A form of your own", "python")
    (tmp_path / "my_form.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    corpus = tmp_path / "corpus"
    for name, speakers in {"train": ("ann", "bo", "cy"), "test": ("di",)}.items():
        lines = [f"{speaker}-{number} {speaker} go home" for speaker in speakers for number in "12"]
        for line in lines:
            write_clip(corpus / name / f"{line.split()[0]}.wav")
        write_lines(corpus / name / "prompts", lines)
    options = ["--form", "my_form.MyForm", "--download-dir", str(corpus), "--data-dir", "data"]
    sets = read_sets(corpus, options_of(forms_parser("").parse_args(options)))
    assert {name: len(utts) for name, utts in sets.items()} == {"train": 4, "dev": 2, "test": 2}
    assert {utt.speaker for utt in sets["test"]} == {"di"}
    assert {utt.text for utts in sets.values() for utt in utts} == {"go home"}
