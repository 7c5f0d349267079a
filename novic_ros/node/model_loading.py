"""From parameter values to a labeller that is warm, with an error a robot engineer can act on.

The labelling library is imported here, inside the call, so that the node starts, answers its services and says what
is missing on a machine without torch. The node's tests pass their own `MakeLabeller` instead of `make_labeller`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from novic_ros.node.parameters import PARAMETERS, Settings

MakeLabeller = Callable[[Settings], Any]  # the result has label_timed([image]), warm_up() and model_name


class ModelLoadingError(ValueError):
    """The model cannot be loaded; the text says why and what to do."""


def read_guide_file(path: str) -> list[str] | None:
    """The nouns in a text file, one per line, without blank lines and `#` comments; None for an empty path.

    Raises ModelLoadingError if the file cannot be read as UTF-8 text or holds no noun.
    """
    if not path:
        return None
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelLoadingError(
            f"guide_file: expected a UTF-8 text file with one noun per line: {error}"
        ) from error
    nouns = [noun for noun in (line.split("#")[0].strip() for line in lines) if noun]
    if not nouns:
        raise ModelLoadingError(
            f"guide_file: {path} holds no noun; write one per line, or leave the parameter empty"
        )
    return nouns


def make_labeller(settings: Settings) -> Any:
    """Load the ImageLabeller that the parameters describe. Slow: seconds. Raises what went wrong, in words.

    It is asked for as many labels as top_k allows at most and for every score, so that top_k and min_score can change
    from frame to frame without touching the model.
    """
    nouns = read_guide_file(settings.guide_file)
    try:
        from novic_ros.labeller import ImageLabeller

        return ImageLabeller(
            settings.model,
            nouns=nouns,
            top_k=int(PARAMETERS["top_k"].bounds[1]),
            min_score=0.0,
            gencfg=settings.generation or None,
            device=settings.device,
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package == "novic_ros":
            raise
        raise ModelLoadingError(
            f"the Python package '{package}' is missing; in the environment this node runs in, and in the folder of "
            f"the novic_ros sources: python3 -m pip install -r requirements.txt"
        ) from error
