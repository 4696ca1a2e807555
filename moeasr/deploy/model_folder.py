"""The model folder of an exported model: its settings and units, read and checked."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moeasr.config import from_mapping, load_yaml
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig
from moeasr.text.dictionary import SPECIAL_UNITS, read_units
from moeasr.text.normalize import SPACE_UNIT
from moeasr.text.tokenizer import Tokenizer

FORMAT = "moeasr-export-1"
FORMAT_PREFIX = "moeasr-export-"
CONFIG, TOKENS, BPE_MODEL = "config.yaml", "tokens.txt", "bpe.model"
OFFLINE, STREAMING, DECODER = "model.onnx", "model.streaming.onnx", "decoder.onnx"
ZIPFORMER = "model.zipformer.onnx"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChunkSizes:
    """The sizes of the chunks for which the streaming files of a folder are written."""

    chunk_size: int
    """Encoder frames per chunk."""
    num_left_chunks: int
    """Number of left chunks that a frame attends to."""

    def __post_init__(self) -> None:
        """Check ranges."""
        for name, value in vars(self).items():
            if value < 1:
                raise InputError(
                    f"`{name}` must be at least 1 for a streaming export, but is {value}: the "
                    "cache of an exported stream has a fixed size"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderConfig:
    """The settings of `config.yaml` that the runtime needs."""

    fbank: FbankConfig
    """Settings of the features."""
    streaming: ChunkSizes | None = None
    """Sizes of chunks of streams; None without a streaming file."""
    subsampling_rate: int
    """Number of feature frames per encoder frame."""
    min_frames: int
    """Smallest number of feature frames that gives an encoder frame."""
    reverse_weight: float = 0.0
    """Default weight of the right-to-left decoder in rescoring."""
    has_decoder: bool = False
    """True if the folder contains attention decoders."""
    data_bytes: dict[str, int] = dataclasses.field(default_factory=dict)
    """Sizes in bytes of the data files, by name. Networks have them if they are too large for an
    ONNX file."""

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("subsampling_rate", "min_frames"):
            if getattr(self, name) < 1:
                raise InputError(f"`{name}` must be at least 1, but is {getattr(self, name)}")

    def num_encoder_frames(self, num_frames: int) -> int:
        """Return the number of encoder frames that `num_frames` feature frames give."""
        return max(0, (num_frames - self.min_frames) // self.subsampling_rate + 1)


@dataclasses.dataclass(frozen=True)
class ModelFolder:
    """A model folder whose settings and units were checked."""

    path: Path
    config: FolderConfig
    tokenizer: Tokenizer
    info: Mapping[str, Any]
    """Name of the config, commit, seed and epochs of the checkpoint."""

    @classmethod
    def read(cls, path: str | Path) -> "ModelFolder":
        """Read the settings and units of a folder; its networks are read when they are used.

        Raises:
            InputError: A file is missing or invalid, or the files do not belong together. The
                message names the file.
        """
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"model folder {path} does not exist or is not a directory")
        content = load_yaml(_existing(path, CONFIG))
        if content.get("format") != FORMAT:
            raise InputError(
                f"{path / CONFIG}: `format` must be {FORMAT}, but is {content.get('format')}; "
                "export the checkpoint again with `moeasr export`"
            )
        known = {field.name for field in dataclasses.fields(FolderConfig)}
        settings = {key: value for key, value in content.items() if key in known}
        config = from_mapping(FolderConfig, settings, path / CONFIG)
        info = content.get("info")
        tokenizer = _read_tokenizer(path, content.get("tokenizer"))
        return cls(path, config, tokenizer, info if isinstance(info, dict) else {})

    def file(self, name: str, is_int8: bool = False) -> Path:
        """Return the path of a network in float32 or in int8.

        Raises:
            InputError: The file or its data file is missing, or the data file is incomplete.
        """
        path = _existing(self.path, name.replace(".onnx", ".int8.onnx") if is_int8 else name)
        wanted = self.config.data_bytes.get(data_file(path).name)
        if wanted is not None:
            found = _existing(self.path, data_file(path).name).stat().st_size
            if found != wanted:
                raise InputError(
                    f"{data_file(path)} has {found} bytes, but {path.name} needs {wanted}; copy "
                    "the file again, or export the checkpoint again with `moeasr export`"
                )
        return path


def data_file(path: Path) -> Path:
    """Return the path of the data file of a network, which large networks have beside them."""
    return path.with_name(f"{path.name}.data")


def network_mb(path: Path) -> float:
    """Return the size of a network in megabytes, with its data file if it has one."""
    files = (file for file in (path, data_file(path)) if file.is_file())
    return sum(file.stat().st_size for file in files) / 1e6


def is_model_folder(path: str | Path) -> bool:
    """Return whether a path is a model folder, possibly a damaged one."""
    path = Path(path)
    if not path.is_dir():
        return False
    if any((path / name).is_file() for name in (OFFLINE, OFFLINE.replace(".onnx", ".int8.onnx"))):
        return True
    try:
        mark = load_yaml(path / CONFIG).get("format")
    except InputError:
        return False
    return isinstance(mark, str) and mark.startswith(FORMAT_PREFIX)


def symbols_of(unit_type: str, units: Sequence[str]) -> list[str]:
    """Return the symbols that `tokens.txt` has for the units of a tokenizer.

    sherpa-onnx puts the symbols of a text together, and writes a space for `▁`, with which the
    symbols of words must begin.
    """
    if unit_type != "word":
        return list(units)
    number = len(SPECIAL_UNITS)
    return [*units[:number], *(f"{SPACE_UNIT}{word}" for word in units[number:])]


def _read_tokenizer(path: Path, state: Any) -> Tokenizer:
    """Return the tokenizer after comparing its units with those of `tokens.txt`."""
    if not isinstance(state, dict) or not isinstance(state.get("units"), list):
        raise InputError(f"{path / CONFIG}: `tokenizer` must have the key `units` with a list")
    model = None
    if state.get("type") in ("bpe", "cjk_bpe"):
        model = _existing(path, BPE_MODEL).read_bytes()
    tokens = _existing(path, TOKENS)
    units = read_units(tokens)
    if units != symbols_of(state.get("type"), state["units"]):
        raise InputError(
            f"the {len(units)} units of {tokens} are not the {len(state['units'])} units of "
            f"{path / CONFIG}; export the checkpoint again with `moeasr export`"
        )
    try:
        return Tokenizer.from_state({**state, "bpe_model": model})
    except InputError as error:
        raise InputError(f"{path / CONFIG}: {error}") from None


def _existing(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise InputError(
            f"model folder {folder} lacks {name}; export the checkpoint again with `moeasr export`"
        )
    return folder / name
