r"""moeasr: Mixture-of-Experts speech recognition, from a corpus to a word error rate.

Who may import whom (imports point downwards only; test/test_layers.py reads and enforces this):

    bin                                     entry points: may import everything
     |
    report  interop                         tables and pictures; models of other toolkits
     |
    experiment                              joins the rooms for training
     |      \     \
    train    data  convert   decode  score  batches | models from models | searches | error rates
     |       |   \     |     /     \  /
     |       |    \  models /      text     networks | units, tokenizers, n-grams
     |       |     \   |
     |       |      \ moe                   routers, experts, dispatch, losses
     |       |         |
     |      kaldi      nn                   the work behind utils/*.sh | layers
     |       |   \
     |    corpus  features                  downloads of corpora | filter banks, CMVN, masks
     |       |
     |     audio                            from an entry of wav.scp to samples
     |       |
     |    datadir                           tables of data directories
     |       |
    atomic checkpoint config distributed errors fields limits lock logs open_files seed strict_json
    yaml_text                               foundations: import no room

`train` may import `models.outputs` (the records a model returns) and `moe.stats` (what to log of
them), nothing else of the networks: the trainer is given a model and batches, and knows neither
speech nor files of features. The exact table is in the test.
"""

__version__ = "0.1.0"
