"""The streaming recognizer of sherpa-onnx's C interface, called from its shared library.

The wheel of sherpa-onnx contains the library and its header. The layouts of the structures are read
from this header, so that they are always those of the library.
"""

import ctypes
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sherpa_onnx

ROOT = Path(sherpa_onnx.__file__).parent
HEADER = ROOT / "include/sherpa-onnx/c-api/c-api.h"
LIBRARY = ROOT / "lib/libsherpa-onnx-c-api.so"
NUMBERS = {"int32_t": ctypes.c_int32, "float": ctypes.c_float}


class COnlineRecognizer:
    """A recognizer for `zipformer2_ctc` with the methods of `sherpa_onnx.OnlineRecognizer`.

    Args:
        model: The file `model.zipformer.onnx` or `model.zipformer.int8.onnx`.
        tokens: The file `tokens.txt`.
        sample_rate: Samples per second.
    """

    def __init__(self, model: Path, tokens: Path, sample_rate: int) -> None:
        header = HEADER.read_text(encoding="utf-8")
        self._library = ctypes.CDLL(str(LIBRARY))
        for name in ("CreateOnlineRecognizer", "CreateOnlineStream"):
            self._function(name).restype = ctypes.c_void_p
        result = structure(header, "SherpaOnnxOnlineRecognizerResult")
        self._function("GetOnlineStreamResult").restype = ctypes.POINTER(result)
        config = structure(header, "SherpaOnnxOnlineRecognizerConfig")()
        config.feat_config.sample_rate = sample_rate
        config.feat_config.feature_dim = 80
        config.model_config.zipformer2_ctc.model = str(model).encode()
        config.model_config.tokens = str(tokens).encode()
        config.model_config.num_threads = 1
        config.decoding_method = b"greedy_search"
        place = self._function("CreateOnlineRecognizer")(ctypes.byref(config))
        self._recognizer = ctypes.c_void_p(place)

    def create_stream(self) -> "COnlineStream":
        """Return a stream before its first sample."""
        return COnlineStream(self._library, self._function("CreateOnlineStream")(self._recognizer))

    def is_ready(self, stream: "COnlineStream") -> bool:
        """Return whether a stream has enough samples for its next chunk."""
        return bool(self._function("IsOnlineStreamReady")(self._recognizer, stream.handle))

    def decode_streams(self, streams: Sequence["COnlineStream"]) -> None:
        """Decode the next chunk of all streams in one batch."""
        handles = (ctypes.c_void_p * len(streams))(*(stream.handle.value for stream in streams))
        decode = self._function("DecodeMultipleOnlineStreams")
        decode(self._recognizer, handles, ctypes.c_int32(len(streams)))

    def get_result(self, stream: "COnlineStream") -> str:
        """Return the text of a stream so far."""
        result = self._function("GetOnlineStreamResult")(self._recognizer, stream.handle)
        text = result.contents.text.decode()
        self._function("DestroyOnlineRecognizerResult")(result)
        return text

    def __del__(self) -> None:
        """Free the recognizer."""
        self._function("DestroyOnlineRecognizer")(self._recognizer)

    def _function(self, name: str) -> "ctypes._NamedFuncPointer":
        return getattr(self._library, f"SherpaOnnx{name}")


class COnlineStream:
    """A stream of the C interface.

    Args:
        library: The library.
        place: Address of the stream.
    """

    def __init__(self, library: ctypes.CDLL, place: int) -> None:
        self._library = library
        self.handle = ctypes.c_void_p(place)

    def accept_waveform(self, sample_rate: int, samples: np.ndarray) -> None:
        """Add (S,) samples in [-1, 1]."""
        samples = np.ascontiguousarray(samples, np.float32)
        pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        rate, count = ctypes.c_int32(sample_rate), ctypes.c_int32(len(samples))
        self._library.SherpaOnnxOnlineStreamAcceptWaveform(self.handle, rate, pointer, count)

    def input_finished(self) -> None:
        """Say that no samples follow."""
        self._library.SherpaOnnxOnlineStreamInputFinished(self.handle)

    def __del__(self) -> None:
        """Free the stream."""
        self._library.SherpaOnnxDestroyOnlineStream(self.handle)


def structure(header: str, name: str) -> type[ctypes.Structure]:
    """Return a structure of a header whose fields are numbers, strings and other structures."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    found = re.search(rf"typedef struct {name} {{(.*?)}} {name};", code, re.DOTALL)
    if found is None:
        raise SystemExit(f"{HEADER} has no structure {name}")
    fields = []
    for declaration in found[1].split(";"):
        kind, _, field = declaration.strip().rpartition(" ")
        if not field:
            continue
        if field.startswith("*"):
            is_text = kind == "const char"
            fields.append((field[1:], ctypes.c_char_p if is_text else ctypes.c_void_p))
        else:
            fields.append((field, NUMBERS.get(kind) or structure(header, kind)))
    return type(name, (ctypes.Structure,), {"_fields_": fields})
