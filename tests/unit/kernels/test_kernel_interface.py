"""The C interface: what Python makes of api.h, and what is refused before it reaches the library."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from backend.kernels import arguments, build, interface, library, tensors
from tests.support import kernel_support

HEADER = """
/* A header. */
#ifndef TALKER_API_H
#define TALKER_API_H
#include <stdint.h>
#if defined(_WIN32)
#define TALKER_EXPORT __declspec(dllexport)
#else
#define TALKER_EXPORT __attribute__((visibility("default")))
#endif
#ifdef __cplusplus
extern "C" {
#endif
enum talker_limit { TALKER_MOST = 4 };
typedef struct {
    int64_t count; /* of (3) numbers */
    const float* values[TALKER_MOST];
} talker_thing;
TALKER_EXPORT int talker_count(const talker_thing*,
                               int32_t threads);
#ifdef __cplusplus
}
#endif
#endif
"""
DECLARATIONS = (
    "enum talker_limit { TALKER_MOST = 4 }; typedef struct { int64_t count; const float* values[TALKER_MOST]; } "
    "talker_thing; int talker_count(const talker_thing*, int32_t threads);"
)


def test_of_a_header_its_declarations_are_left():
    assert interface.declarations(HEADER) == DECLARATIONS


@pytest.mark.parametrize("line", ["#define TALKER_MOST 4", "#ifdef TALKER_HAS_X86", "#pragma pack(1)"])
def test_a_preprocessor_line_that_python_cannot_follow_is_refused(line):
    with pytest.raises(ValueError, match=line.split()[0]):
        interface.declarations(HEADER.replace("enum talker", f"{line}\nenum talker"))


def test_another_declaration_is_another_interface_and_another_comment_is_the_same(monkeypatch):
    own = HEADER.replace("A header", "The header")
    assert interface.declarations(own) == DECLARATIONS
    before = interface.fingerprint()
    monkeypatch.setattr(interface, "own_declarations", lambda: DECLARATIONS)
    assert interface.fingerprint() != before


def test_every_function_of_the_header_is_in_the_library():
    functions = kernel_support.require_kernels().functions
    assert len(interface.functions()) >= 20
    assert [name for name in interface.functions() if not hasattr(functions, name)] == []


def test_a_field_too_many_or_too_few_is_refused_by_its_name():
    assert arguments.struct("talker_plane", data=arguments.NULL, row=7, column=1).row == 7
    with pytest.raises(TypeError, match="talker_plane of api.h .* differ in: colum, column$"):
        arguments.struct("talker_plane", data=arguments.NULL, row=7, colum=1)
    with pytest.raises(TypeError, match="differ in: row$"):
        arguments.structs("talker_plane", [{"data": arguments.NULL, "column": 1}])


def test_values_of_another_type_than_the_field_are_refused():
    whole = arguments.array(np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="float"):
        arguments.struct("talker_plane", data=whole, row=0, column=0)
    with pytest.raises(TypeError):
        arguments.struct("talker_plane", data=arguments.NULL, row=1.5, column=0)
    with pytest.raises(OverflowError):
        arguments.struct("talker_plane", data=arguments.NULL, row=1 << 63, column=0)


@pytest.mark.kernels
def test_a_call_with_arguments_that_the_header_does_not_name_is_refused():
    functions, alpha = library.require(), torch.rand(4)
    here = tensors.floats(alpha)
    with pytest.raises(TypeError, match="expects 6 arguments, got 5"):
        functions.talker_expect_depth(here, here, 4, 0.1, 1e12)
    with pytest.raises(TypeError):
        functions.talker_expect_depth(alpha.data_ptr(), here, 4, 0.1, 1e12, 1)
    with pytest.raises(TypeError):
        functions.talker_adam(here, 1, 0.9, 0.999, 1e-15, 1)
    with pytest.raises(AttributeError):
        functions.talker_sing()


@pytest.mark.parametrize(
    ("tensor", "complaint"),
    [
        (torch.zeros(2, 3, dtype=torch.float64), r"tensor \(2, 3\) of torch.float64 on cpu .*expected torch.float32"),
        (torch.zeros(2, 3).T, r"tensor \(3, 2\) .*strides \(1, 3\), expected .*contiguous"),
        (torch.zeros(2, device="meta"), "on meta"),
    ],
)
def test_a_tensor_that_the_library_cannot_read_is_refused_with_what_it_is(tensor, complaint):
    with pytest.raises(ValueError, match=complaint):
        tensors.floats(tensor)


def test_an_array_that_the_library_cannot_read_is_refused():
    for values in (np.zeros((3, 4), np.float32).T, np.zeros(3, np.complex64)):
        with pytest.raises(ValueError, match=str(values.dtype)):
            arguments.array(values)


def test_an_array_is_kept_as_long_as_its_c_array():
    pointer = arguments.array(np.arange(5, dtype=np.float32))
    assert list(pointer) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert arguments.array(None) == arguments.NULL == tensors.floats(None)


@pytest.mark.kernels
def test_a_library_of_another_interface_is_refused_with_what_to_do(monkeypatch):
    path = kernel_support.require_kernels().path
    assert library.open_at(path).path == path
    monkeypatch.setattr(interface, "fingerprint", lambda: "another")
    with pytest.raises(OSError, match=r"built with another interface .*api.h is another\): remove it"):
        library.open_at(path)


def test_a_stale_library_in_the_user_s_folder_is_built_anew(tmp_path, monkeypatch):
    """Small sources in the place of ours: a library whose name fits, and whose interface does not."""
    compiler = kernel_support.require_compiler()
    sources = tmp_path / "src"
    sources.mkdir()
    (sources / "about.cpp").write_text(
        'extern "C" __attribute__((visibility("default"))) const char* talker_interface(void) {'
        " return TALKER_INTERFACE; }"
    )
    monkeypatch.setattr(build, "SOURCES", sources)
    monkeypatch.setattr(build, "PREBUILT", tmp_path / "none")
    monkeypatch.setattr(library, "kernels_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv(library.FOLDER_VARIABLE, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(interface, "fingerprint", lambda: "older")
        stale = build.build(tmp_path / "cache", compiler=compiler)
    with pytest.raises(OSError, match="older"):
        library.open_at(stale)
    library.find.cache_clear()
    try:
        opened = library.load()
        assert opened is not None and opened.path == stale
    finally:
        library.find.cache_clear()


def test_a_source_in_any_folder_is_found_and_changes_the_library_s_name(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    (tmp_path / "sound").mkdir()
    names = []
    for text in ("int a;", "int b;"):
        (tmp_path / "sound" / "filter.simd.cpp").write_text(text)
        names.append(build.library_name("linux-x86_64"))
    (tmp_path / "sound" / "notes.txt").write_text("not a source")
    names.append(build.library_name("linux-x86_64"))
    assert names[0] != names[1] == names[2]
    assert [path.name for path in build.source_files(".cpp")] == ["filter.simd.cpp"]


def test_a_source_may_ask_for_options_of_its_own(tmp_path, monkeypatch):
    compiler = kernel_support.require_compiler()
    sources = tmp_path / "src"
    sources.mkdir()
    wrong = "#ifdef ONLY_HERE\n#error this file did not ask for it\n#endif\n"
    (sources / "asks.cpp").write_text(
        "// Compiled with: -DONLY_HERE -ffp-contract=off\n#ifndef ONLY_HERE\n#error it did not come\n#endif\n"
    )
    (sources / "plain.cpp").write_text(wrong)
    monkeypatch.setattr(build, "SOURCES", sources)
    assert build.build(tmp_path / "out", compiler=compiler).exists()
    (sources / "plain.cpp").write_text("// Compiled with: -DONLY_HERE\n" + wrong)
    with pytest.raises(build.BuildError, match="this file did not ask for it"):
        build.build(tmp_path / "out", compiler=compiler)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "outcome"), [({}, "1 skipped"), ({"CI": "true"}, "1 error"), ({"CI": "0"}, "1 skipped")]
)
def test_without_kernels_tests_of_them_are_skipped_and_in_ci_they_fail(variables, outcome, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in kernel_support.VARIABLES}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::{a_test_of_the_kernels}"],
        capture_output=True, text=True, check=False,
        env=environment | {library.FOLDER_VARIABLE: str(tmp_path)} | variables,
    )  # fmt: skip
    assert outcome in done.stdout.splitlines()[-1], done.stdout
    assert "no compiled kernels here" in done.stdout


a_test_of_the_kernels = test_a_call_with_arguments_that_the_header_does_not_name_is_refused.__name__
