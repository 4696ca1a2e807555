"""Export: models in ONNX, equal to their checkpoints, for sherpa-onnx and onnxruntime."""
