"""Gather into a folder what a Python environment needs to run, and nothing else: the root of an image.

No shell, no package manager, no pip. Runs in a Debian image, as its root; for the Dockerfiles alone.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

# Parts of the standard library that a server never imports, some of them large.
STDLIB_LEFT_OUT = shutil.ignore_patterns(
    *("test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo", "turtle.py", "ensurepip", "pydoc_data"),
    *("_tkinter*", "_test*", "_ctypes_test*", "_xx*", "xx*", "_curses*", "_gdbm*", "_dbm*", "readline*"),
    *("__pycache__", "site-packages", "dist-packages", "config-*"),
)
# What wheels bring along for compilers and type checkers; and 38 MB of CEL extensions that no rule can name.
PACKAGES_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.c", "*.h", "*.pyx", "*.pxd", "*.pyi", "*.pth", "ext_*.so")
ACCOUNT = "tierrouter:x:65532:65532::/var/lib/tierrouter:/nonexistent"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def main(root: Path, environment: Path) -> None:
    """Copy `environment`, its interpreter and the libraries of both to the same places below `root`."""
    for name in ("bin", "lib", "lib64", "sbin"):
        if (link := Path("/", name)).is_symlink():
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
    interpreter = (environment / "bin/python").resolve()
    stdlib = Path(sysconfig.get_path("stdlib"))
    copy_tree(stdlib, root, STDLIB_LEFT_OUT)
    copy_tree(environment, root, PACKAGES_LEFT_OUT)
    for link in (root / environment.relative_to("/")).glob("bin/python*"):
        link.unlink()
        link.symlink_to(interpreter)
    copied = [interpreter, *libraries([interpreter, *stdlib.rglob("*.so"), *environment.rglob("*.so")], environment)]
    for path in (*copied, CERTIFICATES):
        copy_file(path, root)
    for package in sorted(
        {*packages_of(copied), *packages_of([stdlib / "os.py", stdlib / "asyncio/tasks.py"]), "ca-certificates"}
    ):
        keep_record_of(package, root)
    write_account(root)
    shutil.copytree("/etc/ld.so.conf.d", root / "etc/ld.so.conf.d")
    shutil.copy("/etc/ld.so.conf", root / "etc")
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    # By hash and unchecked: the file system is read-only, and times of files don't survive every builder.
    compiled = [root / folder.relative_to("/") for folder in (stdlib, environment / "lib")]
    options = ["-q", "-s", str(root), "-p", "/", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-m", "compileall", *options, *map(str, compiled)], check=True)


def copy_tree(folder: Path, root: Path, left_out: Callable[[str, list[str]], set[str]]) -> None:
    shutil.copytree(folder, root / folder.relative_to("/"), symlinks=True, ignore=left_out, dirs_exist_ok=True)


def copy_file(path: Path, root: Path) -> None:
    """The file under the name that it is asked for by; a link's target instead of the link."""
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def libraries(binaries: list[Path], environment: Path) -> Iterator[Path]:
    """The shared libraries that the binaries load, the loader among them; not those that wheels brought along."""
    wanted = [path for path in binaries if not STDLIB_LEFT_OUT(str(path.parent), [path.name])]
    found = subprocess.run(["ldd", *map(str, wanted)], capture_output=True, text=True, check=False).stdout
    if missing := re.findall(r"^\s*(\S+) => not found", found, re.M):
        raise SystemExit(f"libraries that the image lacks: {', '.join(sorted(set(missing)))}")
    for name in sorted(set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", found, re.M))):
        if not Path(name).is_relative_to(environment):
            yield Path(name)


def packages_of(paths: list[Path]) -> set[str]:
    """The Debian packages that the files came with. What the base image compiled itself has none."""
    names = {str(path) for path in paths}
    names |= {name.removeprefix("/usr") for name in names} | {str(path.resolve()) for path in paths}
    asked = subprocess.run(["dpkg", "-S", *sorted(names)], capture_output=True, text=True, check=False)
    owners = [line.rpartition(": ")[0] for line in asked.stdout.splitlines() if "diversion" not in line]
    return {owner.partition(":")[0] for each in owners for owner in each.split(", ")}


def keep_record_of(package: str, root: Path) -> None:
    """What scanners for vulnerabilities look for, and the licence."""
    status = root / "var/lib/dpkg/status.d" / package
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(subprocess.run(["dpkg", "-s", package], capture_output=True, text=True, check=True).stdout)
    if (licence := Path("/usr/share/doc", package, "copyright")).exists():
        copy_file(licence, root)


def write_account(root: Path) -> None:
    """A user by name for the number that the image runs as; folders that a container without mounts can write to."""
    etc = root / "etc"
    (etc / "passwd").write_text(f"root:x:0:0::/nonexistent:/nonexistent\n{ACCOUNT}\n")
    (etc / "group").write_text("root:x:0:\ntierrouter:x:65532:\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    for folder in (root / "tmp", root / "var/lib/tierrouter"):
        folder.mkdir(parents=True)
        folder.chmod(0o1777)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
