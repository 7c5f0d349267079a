"""Describes the package to colcon and pip: what is installed where, and which programs it has.

Run-time requirements are read from requirements.txt and the version from novic_ros/__init__.py, so that each
is written once. It is NOT where tools are configured (pyproject.toml) nor where ROS dependencies are listed
(package.xml).
"""

import ast
from pathlib import Path

from setuptools import find_packages, setup

NAME = "novic_ros"
ROOT = Path(__file__).resolve().parent
DATA_FOLDERS = ("launch", "config", "models", "demo_photos")  # installed into share/novic_ros


def version() -> str:
    """The value of `__version__` in the package's `__init__.py`, read without importing it."""
    for node in ast.parse((ROOT / NAME / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__":
            return ast.literal_eval(node.value)
    raise ValueError(f"{NAME}/__init__.py should assign __version__, but does not")


def requirements() -> list[str]:
    """The lines of requirements.txt that name something."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def data_files() -> list[tuple[str, list[str]]]:
    """(folder below the install prefix, files relative to this one) for all that is not Python code."""
    share = Path("share") / NAME
    found = {
        Path("share/ament_index/resource_index/packages"): [f"resource/{NAME}"],
        share: ["package.xml", "requirements.txt"],
    }
    for folder in DATA_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                relative = path.relative_to(ROOT)
                found.setdefault(share / relative.parent, []).append(relative.as_posix())
    return [(folder.as_posix(), files) for folder, files in found.items()]


setup(
    name=NAME,
    version=version(),
    description="Open-vocabulary image labelling for ROS 2: camera frames in, short English nouns out",
    author="novic_ros developers",
    author_email="novic-ros@example.org",
    maintainer="novic_ros developers",
    maintainer_email="novic-ros@example.org",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={"": ["*.yaml", "*.json", "*.txt", "*.tsv", "*.html", "*.css", "*.js"]},
    data_files=data_files(),
    install_requires=requirements(),
    extras_require={"test": ["pytest", "pytest-timeout", "hypothesis", "rosbags", "catkin_pkg"]},
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "novic = novic_ros.cli.main:main",
            "novic_node = novic_ros.node.main:main",
        ],
    },
)
