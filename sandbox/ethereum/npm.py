"""Packages from the npm registry, installed into a folder of our own (nothing global)."""

import shutil
import subprocess
from pathlib import Path

from core.settings.stage import Stage


class NpmError(RuntimeError):
    """npm is missing, or could not install a package."""


def default_cache() -> Path:
    """`$HEADWATER_HOME/npm`; HEADWATER_HOME defaults to `.headwater` in the current folder."""
    return Stage.read().directory / "npm"


def install(package: str, version: str, cache: Path | None = None) -> Path:
    """Return the folder of `package` at exactly `version`, installed on first use.

    Raises:
        NpmError: npm is not on the PATH, or it failed; its own last lines are quoted.
    """
    name = f"{package.replace('/', '-').lstrip('@')}-{version}"
    home = (cache or default_cache()).resolve() / name
    folder = home / "node_modules" / package
    if (folder / "package.json").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError(
            f"npm is not on the PATH, and {package} {version} comes from the npm registry: install "
            "Node.js with npm. Only recording or replaying the sample chain needs it."
        )
    home.mkdir(parents=True, exist_ok=True)
    options = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
    command = [npm, "install", "--prefix", str(home), *options]
    done = subprocess.run([*command, f"{package}@{version}"], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (folder / "package.json").exists():
        raise NpmError(f"npm could not install {package} {version} into {home}:\n{done.stderr.strip()[-1500:]}")
    return folder
