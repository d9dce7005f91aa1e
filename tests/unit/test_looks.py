"""Looks into models of other runtimes: whole, and free of ways out of their folder."""

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.errors import BadInput, NotFound
from earwitness.models import bring, directory, looks, onnx_files
from earwitness.models.convert import convert
from support import whisper


# ── ONNX ──
def _onnx(folder: Path, *locations: str, nested: bool = False) -> Path:
    """A folder with a model whose tensors lie in files of these names; nested ones in a branch of an `If`."""
    onnx: Any = pytest.importorskip("onnx")
    tensors = []
    for n, location in enumerate(locations):
        tensor = onnx.TensorProto(name=f"w{n}", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
        tensor.external_data.add(key="offset", value="0")
        tensor.external_data.add(key="location", value=location)
        tensors.append(tensor)
    out = onnx.helper.make_tensor_value_info("y", 1, [1])
    graph = onnx.helper.make_graph([], "g", [], [out], initializer=tensors)
    if nested:
        branch = onnx.helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        graph = onnx.helper.make_graph([branch], "outer", [], [out])
    folder.mkdir(exist_ok=True)
    for name in ("encoder.onnx", "decoder.onnx"):
        (folder / name).write_bytes(onnx.helper.make_model(graph).SerializeToString())
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "inner/weights", "..\\secret", "C:secret", "link"])
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str, *, nested: bool) -> None:
    folder = _onnx(tmp_path / "x", location, nested=nested)
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(BadInput, match="outside its folder"):
        bring.copied(folder, tmp_path / "models", name="x", precision="float32")
    assert directory.scan(tmp_path / "models") == ()


def test_weights_beside_the_model_are_taken_and_missed(tmp_path: Path) -> None:
    folder = _onnx(tmp_path / "x", "x.data", "x.data")
    assert onnx_files.locations(folder / "encoder.onnx") == ("x.data",)
    with pytest.raises(BadInput, match=r"x\.data, which are not there"):
        looks.look("onnx", folder)
    (folder / "x.data").write_bytes(b"1234")
    found = bring.copied(folder, tmp_path / "models", name="x", precision="float32")
    assert (found.path / "x.data").is_file()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200))
def test_no_bytes_break_the_look(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.onnx"
    for text in (raw, b"\x3a" + bytes([len(raw) & 127]) + raw):
        path.write_bytes(text)
        with suppress(BadInput):
            assert isinstance(onnx_files.locations(path), tuple)


def test_graphs_within_graphs_without_end_are_refused(tmp_path: Path) -> None:
    raw = b""
    for _ in range(400):  # graph > node > attribute > graph …
        for tag in (0x32, 0x2A, 0x0A):
            size, head = len(raw), b""
            while size >= 0x80:
                head, size = head + bytes([size & 0x7F | 0x80]), size >> 7
            raw = bytes([tag]) + head + bytes([size]) + raw
    size, head = len(raw), b""
    while size >= 0x80:
        head, size = head + bytes([size & 0x7F | 0x80]), size >> 7
    (tmp_path / "x.onnx").write_bytes(b"\x3a" + head + bytes([size]) + raw)
    with pytest.raises(BadInput):
        onnx_files.locations(tmp_path / "x.onnx")


# ── what the converters make ──
@pytest.mark.parametrize(
    ("form", "precision", "package", "weights"),
    [
        ("onnx", "int8", "onnx", "encoder.onnx"),
        ("openvino", "int8", "openvino", "encoder.xml"),
        ("mlx", "float16", "safetensors", "weights.safetensors"),
        ("ctranslate2", "float16", "ctranslate2", "model.bin"),
    ],
)
def test_what_is_converted_is_sound_and_cut_short_is_not(
    tmp_path: Path, form: str, precision: str, package: str, weights: str
) -> None:
    pytest.importorskip(package)
    found = convert(whisper.MODEL, tmp_path, model="m", form=form, precision=precision)
    assert looks.look(form, found.path) in {"", precision}
    path = found.path / weights
    whole = path.read_bytes()
    for size in (0, 7, len(whole) // 2, len(whole) - 9):
        path.unlink()
        path.write_bytes(whole[:size])
        if form != "onnx" or size:  # no bytes are a message with no fields
            with pytest.raises(BadInput):
                looks.look(form, found.path)


def test_an_openvino_graph_without_weights_or_with_entities_is_refused(tmp_path: Path) -> None:
    text = b'<?xml version="1.0"?>\n<net name="x"></net>\n'
    (tmp_path / "encoder.xml").write_bytes(text)
    with pytest.raises(NotFound, match=r"encoder\.bin"):
        looks.look("openvino", tmp_path)
    (tmp_path / "encoder.bin").touch()
    looks.look("openvino", tmp_path)
    (tmp_path / "encoder.xml").write_bytes(text.replace(b"<net", b'<!DOCTYPE x [<!ENTITY a "b">]><net'))
    with pytest.raises(BadInput, match="no OpenVINO model"):
        looks.look("openvino", tmp_path)


@pytest.mark.parametrize(
    "header", [b"[]", b"{}", b'{"a": 1}', b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 9]}}', b"\xff"]
)
def test_mlx_weights_with_a_wrong_header_are_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "weights.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(BadInput):
        looks.look("mlx", tmp_path)
    with pytest.raises(NotFound):
        looks.look("mlx", tmp_path / "nowhere")


def test_code_in_the_configuration_is_refused_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.Y"}}))
    for form in ("base", *directory.FORMATS):
        with pytest.raises(BadInput, match="code of its own"):
            looks.look(form, tmp_path)
