"""CMVN statistics utterance by utterance, for processes that share a set."""

from dataclasses import dataclass

from moeasr.data.data_type import UtteranceReader
from moeasr.datadir.sources import Sources
from moeasr.errors import naming
from moeasr.features.cmvn import CmvnStats


@dataclass(frozen=True)
class CmvnJob:
    """Sums over one utterance at a time: added up in order, they are the same for all shares."""

    sources: Sources
    reader: UtteranceReader

    def stats_of(self, row: int) -> CmvnStats:
        """The statistics of an utterance.

        Raises:
            InputError: Its features cannot be read, or are not finite, or another error came up
                with this utterance.
        """
        utt_id, source = self.sources[row]
        with naming(f"utterance {utt_id}"):
            return CmvnStats.of(self.reader.read(source, utt_id))
