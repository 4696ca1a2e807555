"""Run the unchanged data preparation of public recipes with the utils of moeasr.

    tools/oracle/run_public_recipes.py --kaldi D --espnet E --download-dir C [--only aishell]

D and E are checkouts of Kaldi and ESPnet. C contains the archives of AN4, speechocean762, a sample
of AISHELL, and LibriSpeech. The `local/` of a recipe is copied into a folder with the path.sh,
cmd.sh, utils and steps of moeasr, and with the corpus in its public layout. The corpus is synthetic
if C does not contain it or has only a part. The script validates every set, opens its audio, and
computes filter banks. It also prepares the set with Kaldi's utils and compares all files. It needs
no flac, sph2pipe, sox, ffmpeg or compiled Kaldi. The exit status is 1 if anything failed or
differs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from moeasr.corpus.obtain import unpack

ROOT = Path(__file__).resolve().parents[2]
BARE_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
TEXT = "\u6211\u4eec \u90fd \u662f \u5b66\u751f"


def speech(path: Path, samples: int, rate_hz: int, **form: str) -> None:
    """Write noise instead of speech: `samples` at `rate_hz`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).uniform(-0.3, 0.3, samples)
    soundfile.write(path, noise, rate_hz, **form)


def write(path: Path, text: str) -> None:
    """Write a file of a corpus."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def yesno(work: Path, archives: Path) -> None:
    """Made up: each file name contains its transcript."""
    for number in range(0, 240, 20):
        name = "_".join(f"{number:08b}")
        speech(work / "downloads/waves_yesno" / f"{name}.wav", 40000, 8000)


def an4(work: Path, archives: Path) -> None:
    """Real speech, as the classic archive has it: in SPHERE."""
    root = unpack(archives / "an4.tar.xz", work / "unpacked", "an4", "etc/an4_train.fileids")
    target = work / "downloads" / "an4"
    shutil.copytree(root / "etc", target / "etc")
    write(target / "README", "")
    for wav in root.glob("wav/*/*/*.wav"):
        sphere = (target / wav.relative_to(root)).with_suffix(".sph")
        sphere.parent.mkdir(parents=True, exist_ok=True)
        samples, rate_hz = soundfile.read(wav, dtype="int16")
        soundfile.write(sphere, samples, rate_hz, format="NIST", subtype="PCM_16")


def aishell(work: Path, archives: Path) -> None:
    """Two speakers of the real corpus."""
    tree = "data_aishell"
    archive = archives / "data_aishell_sample.tar.xz"
    root = unpack(archive, work / "downloads", tree, "wav/train/*/*.wav")
    for part in (root, work / "downloads/resource_aishell"):
        write(part / ".complete", "")


def librispeech(work: Path, archives: Path) -> None:
    """Five real utterances, in every part; the list of speakers is made up."""
    archive = archives / "LibriSpeech-excerpts.tar.gz"
    root = unpack(archive, work / "downloads", "LibriSpeech", "*/*/*/*.flac")
    write(root / "SPEAKERS.TXT", "1089 | M | test | 8 | X\n2412 | F | dev | 8 | Y\n")
    write(root / "LICENSE.TXT", "")
    for path in root.rglob("*.trans.txt"):  # the excerpts lack the newline of the last line
        write(path, path.read_text().rstrip() + "\n")
    for part in ("dev-other", "train-clean-100", "train-clean-360", "train-other-500"):
        shutil.copytree(root / "dev-clean", root / part)
    shutil.copytree(root / "test-clean", root / "test-other")


def thchs30(work: Path, archives: Path) -> None:
    """Made up: `A2_0.wav`, and its transcript in three forms elsewhere."""
    for part, speaker in (("train", "A2"), ("dev", "B11"), ("test", "C4")):
        for number in (0, 33, 200):
            name = f"{speaker}_{number}.wav"
            speech(work / "downloads" / part / name, 48000, 16000)
            write(work / "downloads/data" / f"{name}.trn", f"{TEXT}\nwo3 men5\nuu uo3\n")


def tedlium(work: Path, archives: Path) -> None:
    """Made up: talks in SPHERE, cut by an stm."""
    for part in ("dev", "test", "train"):
        talk = f"Speaker_{part.title()}2010"
        folder = work / "db/TEDLIUM_release-3/legacy" / part
        speech(folder / "sph" / f"{talk}.sph", 160000, 16000, format="NIST", subtype="PCM_16")
        label = "<o,f0,male>" if part == "train" else "<F0_M>"
        lines = [f"{talk} 1 {talk} {t}.1 {t + 1}.9 {label} it 's a test({t})" for t in (0, 2, 5)]
        lines.append(f"{talk} 1 inter_segment_gap 7 9 <o,,> ignore_time_segment_in_scoring")
        write(folder / "stm" / f"{talk}.stm", "\n".join(lines) + "\n")


def tidigits(work: Path, archives: Path) -> None:
    """Made up: SPHERE under the name .wav, the digits said in the file's name."""
    for part, speaker in (("train", "ae"), ("test", "bh")):
        for digits in ("1a", "z9b", "o37a"):
            path = (
                work / "downloads/tidigits/data/adults" / part / "man" / speaker / f"{digits}.wav"
            )
            speech(path, 30000, 20000, format="NIST", subtype="PCM_16")


def speechocean(work: Path, archives: Path) -> None:
    """A part of the real corpus."""
    archive = archives / "speechocean762-part.tar.xz"
    unpack(archive, work / "downloads", "speechocean762", "WAVE/*/*.WAV")


def commonvoice(work: Path, archives: Path) -> None:
    """Made up: MP3 at 48 kHz, and a table."""
    rows = ["filename,text,up_votes,down_votes,age,gender,accent,duration"]
    for number in range(3):
        name = f"cv-valid-train/sample-{number:06d}.mp3"
        speech(work / "downloads" / name, 96000, 48000, format="MP3")
        rows.append(f"{name},some words here,1,0,,{'female' if number else ''},,")
    write(work / "downloads/cv-valid-train.csv", "\n".join(rows) + "\n")


class Run(NamedTuple):
    """One preparation."""

    toolkit: str
    recipe: str
    """Directory of the recipe in the toolkit."""
    corpus: Callable[[Path, Path], None]
    command: str
    sets: str
    """Directories below data/ that it makes, ready for training."""
    more: str = ""
    """Files of the recipe that it takes besides local/, relative to the recipe."""


KALDI_AN4 = """mkdir -p data/{train,test}; python local/data_prep.py downloads/an4 sph2pipe
for x in test train; do
  for f in text wav.scp utt2spk; do sort data/$x/$f -o data/$x/$f; done
  utils/utt2spk_to_spk2utt.pl data/$x/utt2spk > data/$x/spk2utt
done"""
LIBRI = """for part in dev-clean test-clean; do
  local/data_prep.sh downloads/LibriSpeech/$part data/${part//-/_}
done"""
DB = "../../TEMPLATE/asr1/db.sh"
RUNS = [
    Run(
        "kaldi",
        "egs/yesno/s5",
        yesno,
        "local/prepare_data.sh downloads/waves_yesno",
        "train_yesno test_yesno",
        "input",
    ),
    Run("kaldi", "egs/an4/s5", an4, KALDI_AN4, "train test"),
    Run(
        "kaldi",
        "egs/aishell/s5",
        aishell,
        "local/aishell_data_prep.sh $PWD/downloads/data_aishell/{wav,transcript}",
        "train dev test",
    ),
    Run("kaldi", "egs/librispeech/s5", librispeech, LIBRI, "dev_clean test_clean"),
    Run("kaldi", "egs/mini_librispeech/s5", librispeech, LIBRI, "dev_clean test_clean"),
    Run(
        "kaldi",
        "egs/thchs30/s5",
        thchs30,
        "local/thchs-30_data_prep.sh $PWD $PWD/downloads",
        "train dev test",
    ),
    Run(
        "kaldi",
        "egs/tedlium/s5_r3",
        tedlium,
        "local/prepare_data.sh",
        "train.orig dev.orig test.orig",
    ),
    Run(
        "kaldi",
        "egs/tidigits/s5",
        tidigits,
        "local/tidigits_data_prep.sh $PWD/downloads/tidigits",
        "train test",
    ),
    Run(
        "kaldi",
        "egs/gop_speechocean762/s5",
        speechocean,
        "for x in train test; do local/data_prep.sh downloads/speechocean762/$x data/$x; done",
        "train test",
    ),
    Run(
        "kaldi",
        "egs/commonvoice/s5",
        commonvoice,
        "local/data_prep.pl $PWD/downloads cv-valid-train data/train",
        "train",
    ),
    Run(
        "espnet", "egs2/yesno/asr1", yesno, "local/data.sh", "train_nodev train_dev test_yesno", DB
    ),
    Run("espnet", "egs2/an4/asr1", an4, "local/data.sh", "train_nodev train_dev test", DB),
    Run("espnet", "egs2/aishell/asr1", aishell, "local/data.sh", "train dev test", DB),
    Run(
        "espnet",
        "egs2/librispeech/asr1",
        librispeech,
        "local/data.sh --stop-stage 3",
        "train_960 dev test_clean",
        DB,
    ),
]


def make_recipe(run: Run, checkout: Path, work: Path, utils: Path) -> None:
    """Create the folder of a recipe: moeasr's files, the recipe's `local/`, and the given utils."""
    work.mkdir(parents=True)
    ours, theirs = ROOT / "egs" / "an4", checkout / run.recipe
    for name in ("path.sh", "cmd.sh", "conf"):
        copy = shutil.copytree if (ours / name).is_dir() else shutil.copy
        copy(ours / name, work / name)
    for name in ("local", *run.more.split()):
        copy = shutil.copytree if (theirs / name).is_dir() else shutil.copy
        copy(theirs / name, work / Path(name).name)
    (work / "utils").symlink_to(utils)
    (work / "steps").symlink_to("utils/steps")


def call(command: str, work: Path, log: Path) -> bool:
    """Run a command in a recipe's folder; its output goes to the end of a log."""
    env = {"PATH": BARE_PATH, "HOME": os.environ.get("HOME", "/"), "OMP_NUM_THREADS": "1"}
    with open(log, "ab") as output:
        output.write(f"\n$ {command}\n".encode())
        output.flush()
        script = f"set -e; . ./path.sh; {command}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=work, env=env, stdout=output, stderr=output
        )
    return done.returncode == 0


def same_as_with_kaldi(run: Run, work: Path, checkout: Path, kaldi: Path) -> set[str]:
    """Prepare again with Kaldi's utils, and return the sets whose files are the same."""
    other = work.with_name(f"{work.name}_kaldi")
    make_recipe(run, checkout, other, kaldi / "egs/wsj/s5/utils")
    activate = f'. "{ROOT}/tools/activate.sh"\n'  # our path.sh looks for it beside our utils
    (other / "path.sh").write_text(f'{activate}export PATH="$PWD/utils:$PATH"\n')
    for name in ("downloads", "db"):
        if (work / name).is_dir():
            (other / name).symlink_to(work / name)
    call(run.command, other, other / "log")

    def files(folder: Path, name: str) -> dict[str, str]:
        paths = [path for path in (folder / "data" / name).glob("*") if path.is_file()]
        return {p.name: p.read_text().replace(str(other), "").replace(str(work), "") for p in paths}

    return {name for name in run.sets.split() if files(work, name) == files(other, name)}


def main() -> None:
    """Run all requested preparations."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kaldi", type=Path, required=True, help="a Kaldi checkout")
    parser.add_argument("--espnet", type=Path, help="an ESPnet checkout")
    parser.add_argument("--download-dir", type=Path, required=True, help="archives of corpora")
    parser.add_argument("--only", default="", help="run only recipes whose name contains this text")
    parser.add_argument("--keep", type=Path, help="working directory, which is kept")
    args = parser.parse_args()
    if args.keep and args.keep.exists() and any(args.keep.iterdir()):
        parser.error(f"--keep {args.keep} must be empty or absent")
    base = args.keep or Path(tempfile.mkdtemp())
    base.mkdir(parents=True, exist_ok=True)
    for name in ("moeasr", "tools", "utils"):
        (base / name).symlink_to(ROOT / name)
    failed = False
    columns = ("recipe", "set", "utterances", "prepared", "as Kaldi", "valid", "fbank")
    print("{:28} {:12} {:>10} {:>9} {:>9} {:>6} {:>6}".format(*columns))
    for run in RUNS:
        checkout = getattr(args, run.toolkit)
        if checkout is None or args.only not in run.recipe:
            continue
        work = base / "egs" / run.recipe.replace("/", "_")
        make_recipe(run, checkout, work, Path("../../utils"))
        run.corpus(work, args.download_dir)
        prepared = call(run.command, work, work / "log")
        same = same_as_with_kaldi(run, work, checkout, args.kaldi)
        for name in run.sets.split():
            data, log = f"data/{name}", work / "log"
            valid = call(f"utils/validate_data_dir.sh --no-feats --check-audio {data}", work, log)
            fbank = call(f"steps/make_fbank.sh --nj 1 {data}", work, log)
            text = work / data / "text"
            count = len(text.read_bytes().splitlines()) if text.is_file() else 0
            marks = ["yes" if good else "NO" for good in (prepared, name in same, valid, fbank)]
            row = (run.recipe, name, count, *marks)
            print("{:28} {:12} {:10} {:>9} {:>9} {:>6} {:>6}".format(*row), flush=True)
            failed = failed or "NO" in marks
    if args.keep is None:
        shutil.rmtree(base)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
