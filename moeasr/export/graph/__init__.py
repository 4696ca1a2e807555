"""Decoding graphs: language models and boosted phrases for the CTC decoder of sherpa-onnx."""
