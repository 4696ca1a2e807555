"""Filter bank settings of a data directory."""

import pytest

from moeasr.data.feature_settings import SETTINGS, read_settings, write_settings
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig


@pytest.mark.parametrize(("frame_shift_ms", "written"), [(10.0, "0.01\n"), (12.5, "0.0125\n")])
def test_what_is_written_is_read_and_kaldi_has_its_frame_shift(tmp_path, frame_shift_ms, written):
    config = FbankConfig(num_mel_bins=40, frame_shift_ms=frame_shift_ms, window_type="hamming")
    write_settings(tmp_path, config)
    assert read_settings(str(tmp_path)) == config
    assert (tmp_path / "frame_shift").read_text() == written
    assert "window_type: hamming\n" in (tmp_path / "conf/fbank.yaml").read_text()


def test_faults_name_the_file(tmp_path):
    with pytest.raises(InputError, match="conf/fbank.yaml does not exist"):
        read_settings(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / SETTINGS).write_text("bins: 3\n")
    with pytest.raises(InputError, match="conf/fbank.yaml: unknown key 'bins'"):
        read_settings(tmp_path)
