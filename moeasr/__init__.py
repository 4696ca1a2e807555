r"""moeasr: Mixture-of-Experts speech recognition, from a corpus to a word error rate.

Who may import whom (imports point downwards only; test/test_layers.py reads and enforces this):

    bin                                          entry points: may import everything
     |
    report, interop (may import all but bin)     tables and pictures; models of other toolkits
     |
    train     decode        score                procedures
     |        /  |  \          |
     |   models  |   \         |                 networks
     |     |  \  |    \        |
     |    moe  \ |   data      |                 experts | data dirs, batches
     |     |    \|   /  \      |
     |     nn   features text--+                 layers | signals and symbols
     |     |       |      |
    config yaml_text errors limits atomic lock checkpoint distributed logs seed strict_json
                                                 foundations: import no room
                                                 foundations: import no room

`train` may import `models.outputs` (the records a model returns) and `moe.stats` (what to log of
them), nothing else of the networks: the trainer is given a model and batches, and knows neither
speech nor files of features. `experiment` joins the rooms for training, for `bin` alone.
"""

__version__ = "0.1.0"
