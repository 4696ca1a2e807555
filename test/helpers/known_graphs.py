"""Small ONNX graphs with the inputs and outputs of a model folder, in ONNX's text form."""

OFFLINE = """
<ir_version: 8, opset_import: ["" : 17], metadata_props: ["vocab_size": "3"]>
offline (float[N, T, C] x, int64[N] x_lens)
  => (float[N, T, C] log_probs, int64[N] log_probs_lens, float[N, T, C] encoder_out) {
  log_probs = Identity(x)
  one = Constant <value_ints: ints = [1]> ()
  log_probs_lens = Sub(x_lens, one)
  encoder_out = Add(x, x)
}
"""
"""Log-probabilities are the features, the encoder output is twice that, and a frame is missing."""
STREAMING = """
<ir_version: 8, opset_import: ["" : 17],
 metadata_props: ["vocab_size": "3", "num_blocks": "2", "head": "2", "output_size": "6",
                  "cnn_module_kernel": "2"]>
streaming (float[1, T, C] x, int64[1] offset, int64[1] required_cache_size,
           float[2, 2, P, 6] attn_cache, float[2, 1, 6, 1] conv_cache, bool[1, 1, K] attn_mask)
  => (float[1, T, C] log_probs, float[2, 2, P, 6] next_att_cache,
      float[2, 1, 6, 1] next_conv_cache) {
  keys = Cast <to: int = 1> (attn_mask)
  axis = Constant <value_ints: ints = [2]> ()
  count = ReduceSum <keepdims: int = 1> (keys, axis)
  log_probs = Mul(x, count)
  place = Cast <to: int = 1> (offset)
  next_att_cache = Add(attn_cache, place)
  one = Constant <value_float: float = 1.0> ()
  next_conv_cache = Add(conv_cache, one)
}
"""
"""Log-probabilities are the features times the number of True keys. The attention cache sums the
offsets, and the convolution cache counts the chunks."""
DECODER = """
<ir_version: 8, opset_import: ["" : 17]>
decoder (float[1, T, D] encoder_out, int64[N, U] tokens, int64[N] tokens_lens)
  => (float[N, V] log_probs) {
  axis = Constant <value_ints: ints = [1]> ()
  column = Unsqueeze(tokens_lens, axis)
  both = Concat <axis: int = 1> (tokens, column)
  log_probs = Cast <to: int = 1> (both)
}
"""
"""The tokens, and in the place of the end their number."""


def write_graph(path, text):
    """Write a graph in the text form to an ONNX file, and return its path."""
    import onnx.parser

    onnx.save(onnx.parser.parse_model(text), path)
    return path
