"""A Slurm for the tests of job runners."""

import pytest
from slurm_cluster import slurm_cluster, why_not


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """The environment variables of a Slurm that this session has started."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    try:
        with slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as environment:
            yield environment
    except RuntimeError as error:
        pytest.skip(str(error))
