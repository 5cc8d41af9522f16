"""`python -m tools.inspect_library LIBRARY PLATFORM FUNCTION…`: what a shared library is and needs, from its headers.

For libraries that cannot be run where they are built. Runs in the environment that has `lief`; prints one JSON
document: `summary` in a line, and `problems`: why it does not fit PLATFORM (as in the folder names of prebuilt
libraries).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import lief

SYSTEM_LIBRARIES = {
    "linux": r"(libc|libm|libpthread|libdl|librt)\.so\.\d+|ld-linux-x86-64\.so\.2",
    "windows": r"(?i:kernel32|api-ms-win-crt-[a-z0-9-]+)\.dll",
    "macos": r"/usr/lib/libSystem\.B\.dylib",
}
"""Patterns of what every system of the kind has: C library, threads; on Windows from version 10 on."""


def inspect(library: Path, platform: str, functions: list[str]) -> dict:
    """{"summary", "problems"} of `library`, which should be for `platform` and export `functions`."""
    lief.logging.disable()
    binary = lief.parse(str(library))
    system = platform.partition("-")[0]
    if isinstance(binary, lief.ELF.Binary):
        kind, (machine, exports, needed, runs_on, problems) = "linux", _read_elf(binary)
    elif isinstance(binary, lief.PE.Binary):
        kind, (machine, exports, needed, runs_on, problems) = "windows", _read_pe(binary)
    elif isinstance(binary, lief.MachO.Binary):
        kind, (machine, exports, needed, runs_on, problems) = "macos", _read_mach_o(binary)
    else:
        return {"summary": "no library", "problems": ["it is no ELF, PE or Mach-O file"]}
    if f"{kind}-{machine}" != platform:
        problems.append(f"it is made for {kind}-{machine}")
    missing = [name for name in functions if name not in exports]
    if missing:
        problems.append(f"it does not export {', '.join(missing)}")
    foreign = [name for name in needed if not re.fullmatch(SYSTEM_LIBRARIES[system], name)]
    if foreign:
        problems.append(f"it needs {', '.join(foreign)}, which not every system has")
    size = library.stat().st_size / 1e6
    summary = f"{kind}-{machine}, {size:.1f} MB, {len(functions)} functions, needs only {runs_on}"
    return {"summary": summary, "problems": problems}


def _read_elf(binary: lief.ELF.Binary) -> tuple[str, set[str], list[str], str, list[str]]:
    header = binary.header
    machine = {lief.ELF.ARCH.X86_64: "x86_64", lief.ELF.ARCH.AARCH64: "arm64"}.get(header.machine_type, "other")
    problems = [] if header.file_type == lief.ELF.Header.FILE_TYPE.DYN else ["it is no shared library"]
    versions = [
        tuple(int(part) for part in found[1].split("."))
        for requirement in binary.symbols_version_requirement
        for symbol in requirement.get_auxiliary_symbols()
        if (found := re.fullmatch(r"GLIBC_([\d.]+)", str(symbol.name)))
    ]
    glibc = ".".join(map(str, max(versions, default=(0,))))
    exports = {str(symbol.name) for symbol in binary.exported_symbols}
    return machine, exports, list(map(str, binary.libraries)), f"glibc {glibc} or later", problems


def _read_pe(binary: lief.PE.Binary) -> tuple[str, set[str], list[str], str, list[str]]:
    header = binary.header
    machines = {lief.PE.Header.MACHINE_TYPES.AMD64: "x86_64", lief.PE.Header.MACHINE_TYPES.ARM64: "arm64"}
    is_dll = lief.PE.Header.CHARACTERISTICS.DLL in header.characteristics_list
    table = binary.get_export()
    exports = {str(entry.name) for entry in table.entries} if table else set()
    problems = [] if is_dll else ["it is no DLL"]
    return (
        machines.get(header.machine, "other"),
        exports,
        list(map(str, binary.libraries)),
        "Windows 10 or later",
        problems,
    )


def _read_mach_o(binary: lief.MachO.Binary) -> tuple[str, set[str], list[str], str, list[str]]:
    header = binary.header
    machines = {lief.MachO.Header.CPU_TYPE.ARM64: "arm64", lief.MachO.Header.CPU_TYPE.X86_64: "x86_64"}
    problems = [] if header.file_type == lief.MachO.Header.FILE_TYPE.DYLIB else ["it is no dynamic library"]
    if not binary.has_code_signature:
        problems.append("it is not signed, which Apple's processors insist on")
    exports = {str(symbol.name).removeprefix("_") for symbol in binary.exported_symbols}
    own_name = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    needed = [str(library.name) for library in binary.libraries if library.command != own_name]
    oldest = ".".join(map(str, binary.build_version.minos[:2])) if binary.build_version else "of any version"
    return machines.get(header.cpu_type, "other"), exports, needed, f"macOS {oldest} or later", problems


if __name__ == "__main__":
    json.dump(inspect(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]), sys.stdout)
