"""An EXR that the disk did not take whole is not taken for a frame, whatever the library says of it."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from backend.media import exr
from backend.media.exr_chunks import ZIP_LINES, has_all_chunks
from shared.errors import InputError

HEIGHT = 40


def passes(height=HEIGHT, names=("Combined", "Depth")):
    values = np.random.default_rng(0).random((height, 24, 4)).astype(np.float32)
    return {name: values if name == "Combined" else values[..., 0] for name in names}


@pytest.mark.parametrize("height", [1, 16, 17, 40])
@pytest.mark.parametrize("names", [("Combined",), ("Combined", "Depth")])
def test_a_whole_file_has_all_its_chunks_and_one_that_is_cut_has_not(tmp_path, height, names):
    exr.write_layers(tmp_path / "a.exr", passes(height, names))
    data = (tmp_path / "a.exr").read_bytes()
    assert has_all_chunks(data, len(names), height)
    assert not any(has_all_chunks(data[:length], len(names), height) for length in range(0, len(data), 7))
    assert not has_all_chunks(data[:-1], len(names), height) and not has_all_chunks(data + b"0", len(names), height)
    assert not has_all_chunks(data, len(names), height + ZIP_LINES)


@pytest.mark.parametrize("lost", ["the last of the picture", "the tables"])
def test_a_frame_of_which_the_disk_refused_some_in_silence_is_not_written(tmp_path, monkeypatch, lost):
    write, tables = OpenEXR.File.write, 2 * 3 * 8  # bytes: two parts of three chunks each

    def write_most(self, name):
        write(self, name)
        data = bytearray(Path(name).read_bytes())
        if lost == "the tables":  # the first entry leads to what follows them
            at = next(n for n in range(len(data)) if int.from_bytes(data[n : n + 8], "little") == n + tables)
            data[at : at + tables] = bytes(tables)
        else:
            del data[-100:]
        Path(name).write_bytes(data)

    monkeypatch.setattr(OpenEXR.File, "write", write_most)
    with pytest.raises(InputError, match="did not take all of it"):
        exr.write_layers(tmp_path / "a.exr", passes())
    assert not list(tmp_path.iterdir())
