"""Video files: told from photos, opened or refused in one line, and the film found in them."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from amb3r_core.errors import InputError
from amb3r_core.inputs.video import extract_frames, is_video, probe_video
from tests.inputs.films import Film, number_of, picture


@pytest.mark.parametrize("suffix", ["mp4", "ts", "m2ts", "mts", "flv", "m4v", "insv", "lrv", "mov", "avi", "mkv", "3gp"])
def test_every_container_gives_its_frames(suffix: str, tmp_path: Path) -> None:
    path = Film(codec="flv" if suffix == "flv" else "mpeg4" if suffix == "avi" else "libx264").write(tmp_path / f"film.{suffix}")
    assert is_video(path)
    frames = extract_frames(path, tmp_path / "frames", fps=10)
    assert [number_of(frame.decode()) for frame in frames] == list(range(10))
    assert [frame.timestamp_s for frame in frames] == pytest.approx([k / 10 for k in range(10)], abs=0.011)
    assert frames.notes == ()


@pytest.mark.parametrize("name", ["12:30.mp4", "фильм ä.mp4", "concat:a|b.mp4", "%03d?.mkv", b"caf\xe9.mp4"])
def test_a_name_is_only_a_name(name: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    Film().write(path)
    assert is_video(path)
    assert len(extract_frames(path, tmp_path / "frames", fps=10)) == 10


@pytest.mark.parametrize("name", ["DJI_0001", "film.bin", "film.part", "clip.gif"])
def test_an_unusual_name_is_judged_by_the_content(name: str, tmp_path: Path) -> None:
    film = Film(container="gif", codec="gif", pix_fmt="rgb8") if name.endswith("gif") else Film(container="mp4")
    assert is_video(film.write(tmp_path / name))


def test_what_is_no_film_is_no_video(tmp_path: Path) -> None:
    image = Image.fromarray(picture(0))
    for name, form in [
        ("photo", "JPEG"),
        ("photo.thumb", "PNG"),
        ("photo.xyz", "TIFF"),
        ("still.gif", "GIF"),
        ("p.webpx", "WEBP"),
    ]:
        image.save(tmp_path / name, format=form)
        assert not is_video(tmp_path / name), name
    (tmp_path / "words").write_text("no film\n" * 100)
    (tmp_path / "words.log").write_text("0.1 1 2 3\n" * 100)
    (tmp_path / "noise").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "empty").touch()
    for name in ("words", "words.log", "noise", "empty"):
        assert not is_video(tmp_path / name), name
    assert not is_video(tmp_path / "missing")


def test_a_photo_is_never_opened_to_see_whether_it_is_a_film(tmp_path: Path) -> None:
    Film(container="mp4").write(tmp_path / "a.jpg")
    assert not is_video(tmp_path / "a.jpg")


def test_a_folder_is_no_video_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").mkdir()
    assert not is_video(tmp_path / "x.mp4")
    with pytest.raises(InputError, match=r"x\.mp4: a folder; a video file is wanted$"):
        probe_video(tmp_path / "x.mp4")


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=8000, layout="mono")
        for index in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, index * 1024
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def made(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: made(folder / "a.mp4", b""), r"a\.mp4: the file is empty$"),
        (lambda folder: made(folder / "a.mp4", b"words\n" * 500), r"a\.mp4: cannot be opened as a video: Invalid data"),
        (lambda folder: made(folder / "a.mjpeg", bytes(range(256)) * 99), r"a\.mjpeg: "),
        (lambda folder: folder / "a.mp4", r"a\.mp4: no such file$"),
        (lambda folder: sound(folder / "a.mp4"), r"a\.mp4: no picture stream in this file, only sound$"),
        (lambda folder: cut(Film().write(folder / "a.mp4"), 0.5), r"a\.mp4: cannot be opened as a video: its index is missing"),
        (lambda folder: made(folder / "a.mp4", b"ffconcat version 1.0\nfile b.mp4\n"), r"a\.mp4: cannot be opened as a video"),
        (lambda folder: made(folder / "a.mp4", b"#EXTM3U\n#EXTINF:9,\nb.ts\n#EXT-X-ENDLIST\n"), r"a\.mp4: cannot be opened"),
    ],
)
def test_what_cannot_be_used_gets_one_line(make, told: str, tmp_path: Path) -> None:
    Film().write(tmp_path / "b.mp4")
    Film().write(tmp_path / "b.ts")
    path = make(tmp_path)
    with pytest.raises(InputError, match=told) as caught:
        extract_frames(path, tmp_path / "frames")
    assert "\n" not in str(caught.value)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(InputError, match=r"a\.mp4: not a regular file"):
        probe_video(tmp_path / "a.mp4")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_film_is_taken_and_not_its_cover_picture(suffix: str, tmp_path: Path) -> None:
    frames = extract_frames(Film(cover=True).write(tmp_path / f"a.{suffix}"), tmp_path / "frames", fps=10)
    assert [number_of(frame.decode()) for frame in frames] == list(range(10))
    assert len(frames.notes) == 1
    assert frames.notes[0].startswith("of 2 picture streams the film of 64x48 was taken; left out: ")


def test_of_two_films_the_larger_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("mpeg4", rate=10), out.add_stream("mpeg4", rate=10)]
        for stream, (stream.width, stream.height) in zip(streams, [(32, 24), (64, 48)], strict=True):
            stream.pix_fmt = "yuv420p"
        for index in range(10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(picture(index, stream.width, stream.height), format="rgb24")
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode())
    assert (probe_video(path).width, probe_video(path).stream_index) == (64, 1)
    assert probe_video(path).notes == ("of 2 picture streams the film of 64x48 was taken; left out: one of 32x24",)
