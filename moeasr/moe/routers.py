"""The family of routers: what `router` of an MoE layer may be.

It may also be the import path of a subclass of `moeasr.moe.router.Router` of one's own, as in
`router: my_package.MyRouter`.
"""

from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.fixed_routers import HashRouter, RandomRouter
from moeasr.moe.language_router import LanguageRouter
from moeasr.moe.router import Router
from moeasr.moe.top_k_routers import EmbeddingRouter, NoisyTopKRouter, OmniRouter, TopKRouter

ROUTERS: dict[str, type[Router]] = {
    "top_k": TopKRouter,
    "embedding": EmbeddingRouter,
    "noisy_top_k": NoisyTopKRouter,
    "omni": OmniRouter,
    "balanced": BalancedRouter,
    "language": LanguageRouter,
    "random": RandomRouter,
    "hash": HashRouter,
}
