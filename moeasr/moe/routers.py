"""The family of routers: values of the key `router` of an MoE layer.

The value may also be the import path of another subclass of `moeasr.moe.router.Router`, as in
`router: my_package.MyRouter`.
"""

from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.fixed_routers import HashRouter, RandomRouter
from moeasr.moe.group_routers import LanguageRouter, LearnedGroupRouter
from moeasr.moe.offline_routers import LookAheadRouter, UtteranceRouter
from moeasr.moe.router import Router
from moeasr.moe.top_k_routers import EmbeddingRouter, NoisyTopKRouter, OmniRouter, TopKRouter

ROUTERS: dict[str, type[Router]] = {
    "top_k": TopKRouter,
    "embedding": EmbeddingRouter,
    "noisy_top_k": NoisyTopKRouter,
    "omni": OmniRouter,
    "balanced": BalancedRouter,
    "language": LanguageRouter,
    "learned_group": LearnedGroupRouter,
    "utterance": UtteranceRouter,
    "look_ahead": LookAheadRouter,
    "random": RandomRouter,
    "hash": HashRouter,
}
