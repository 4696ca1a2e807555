"""moeasr: Mixture-of-Experts speech recognition, from a corpus to a word error rate.

The rooms of the package, and the rooms that each of them may import. Imports point upwards in this
table only; test/test_layers.py enforces it.

    room        holds                                           imports
    --------    --------------------------------------------    ----------------------------------
    (modules)   foundations: config, errors, logs, seed ...     nothing else of moeasr
    datadir     tables of Kaldi data directories                -
    audio       from an entry of wav.scp to samples             datadir
    corpus      downloads and archives of corpora               datadir audio
    features    filter banks, CMVN, SpecAugment                 -
    text        units, tokenizers, n-grams                      datadir
    kaldi       the work behind utils/*.sh                      datadir audio features
    data        from utterances to batches                      datadir audio features text
    nn          layers                                          -
    moe         routers, experts, dispatch, losses              nn
    models      encoders, decoders, their losses and costs      nn moe
    convert     models made from other models                   nn moe models
    decode      searches, recognition, streams                  features text models
    score       error rates, their files and comparisons        text
    compare     systems of a list, trained and compared         score
    train       the training loop                               records of models and moe
    interop     models of other toolkits                        features text nn moe models
    report      tables and pictures                             all above but corpus kaldi interop
    experiment  one YAML file, its data and its checkpoints     datadir features text data models
                                                                convert decode score train report
    bin         entry points                                    everything

`train` may import `models.outputs` (the records a model returns) and `moe.stats` (what to log of
them), nothing else of the networks: the trainer is given a model and batches, and knows neither
speech nor files of features.
"""

__version__ = "0.1.0"
