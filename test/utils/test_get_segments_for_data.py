"""get_segments_for_data.sh: whole recordings as segments."""


def test_segments_of_whole_recordings(call, data):
    data(utt2dur="a-1 1.25\na-2 3\n")
    done = call("data/get_segments_for_data.sh", "my data")
    assert done.stdout == "a-1 a-1 0 1.25\na-2 a-2 0 3\n"
    frames = "a-1 100\na-2 50\nb-1 50\n"
    data("new", without=["utt2dur"], frame_shift="0.01\n", utt2num_frames=frames)
    done = call("data/get_segments_for_data.sh", "new")
    assert done.stdout == "a-1 a-1 0 1.015\na-2 a-2 0 0.515\nb-1 b-1 0 0.515\n"
    assert "computing new/utt2dur" in done.stderr  # standard output is for the segments
