"""The filter bank settings of a data directory, `conf/fbank.yaml`."""

from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.config import from_mapping, load_yaml, to_mapping
from moeasr.datadir import raw_tables
from moeasr.features.fbank_config import FbankConfig
from moeasr.yaml_text import dump_yaml

SETTINGS = Path(raw_tables.SETTINGS)


def write_settings(data_dir: Path, config: FbankConfig) -> None:
    """Write all settings to `conf/fbank.yaml`, and the frame shift (seconds) to `frame_shift`."""
    with atomic_path(data_dir / "frame_shift") as path:
        path.write_text(f"{config.frame_shift_ms / 1000:g}\n")
    with atomic_path(data_dir / SETTINGS) as path:
        path.write_text(dump_yaml(to_mapping(config)))


def read_settings(data_dir: str | Path) -> FbankConfig:
    """Return the settings with which a data directory was prepared.

    Raises:
        InputError: The settings are missing or malformed.
    """
    path = Path(data_dir) / SETTINGS
    return from_mapping(FbankConfig, load_yaml(path), path)
