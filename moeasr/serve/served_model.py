"""The model folder of a server, opened and tried before the server starts."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from moeasr.api.engine import Task
from moeasr.decode.config import DecodeConfig
from moeasr.decode.live.config import EndpointConfig
from moeasr.deploy.batched_streams import StreamBatch
from moeasr.deploy.folder_engine import FolderEngine, open_folder
from moeasr.errors import InputError, describe


@dataclass(frozen=True)
class ServedModel:
    """A model folder with the settings of streams and files."""

    engine: FolderEngine
    """The folder."""
    batch: StreamBatch
    """The live streams of the folder."""
    whole: Task
    """Mode and settings for whole recordings."""


def open_model(
    path: str | Path,
    *,
    quantize: str | None,
    num_threads: int | None,
    mode: str | None,
    rules: EndpointConfig,
) -> ServedModel:
    """Open a model folder, and recognise a second of silence with each of its networks.

    Args:
        path: The folder.
        quantize: As in `open_folder`.
        num_threads: As in `open_folder`.
        mode: The decoding mode; None for the most accurate one.
        rules: Rules that end an utterance.

    Raises:
        InputError: The folder is damaged or incomplete, or cannot stream.
    """
    engine = open_folder(path, quantize=quantize, num_threads=num_threads)
    whole = Task(mode=mode, config=DecodeConfig(), given=[], language=None)
    live = replace(whole, config=DecodeConfig(chunk_size=engine.stream_chunk_size))
    model = ServedModel(engine, engine.open_batch(live, rules), whole)
    try:
        _try(model)
    except InputError:
        raise
    except Exception as error:  # the exceptions of onnxruntime have no base class of their own
        raise InputError(
            f"model folder {path} cannot recognise anything: {describe(error)}; export the "
            "checkpoint again with `moeasr export`"
        ) from None
    return model


def _try(model: ServedModel) -> None:
    """Run all networks."""
    silence = np.zeros(model.engine.sample_rate_hz, np.float32)
    model.engine.transcriber(model.whole).run([silence])
    stream = model.batch.open()
    stream.push(silence)
    while stream.is_ready:
        model.batch.advance([stream])
    stream.finish()
