"""From parameter values to a labeller that is warm, with an error a robot engineer can act on.

The labelling library is imported here, inside the call, so that the node starts, answers its services and says what
is missing on a machine without torch. The node's tests pass their own `MakeLabeller` instead of `make_labeller`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from novic_ros.node.parameters import PARAMETERS, Settings
from novic_ros.vocabulary import VocabularyError, read_nouns

MakeLabeller = Callable[[Settings], Any]  # the result has label_timed([image]), warm_up() and model_name


class ModelLoadingError(ValueError):
    """The model cannot be loaded; the text says why and what to do."""


def make_labeller(settings: Settings) -> Any:
    """Load the ImageLabeller that the parameters describe. Slow: seconds. Raises what went wrong, in words.

    It is asked for as many labels as top_k allows at most and for every score, so that top_k and min_score can change
    from frame to frame without touching the model.
    """
    try:
        nouns = read_nouns(Path(settings.guide_file).expanduser()) if settings.guide_file else None
    except VocabularyError as error:
        raise ModelLoadingError(f'guide_file: {error}') from error
    try:
        from novic_ros.labeller import ImageLabeller

        return ImageLabeller(
            settings.model,
            nouns=nouns,
            top_k=int(PARAMETERS["top_k"].bounds[1]),
            min_score=0.0,
            gencfg=settings.generation or None,
            device=settings.device,
            on_unsure=settings.on_unsure,
            views=settings.views or None,
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package == "novic_ros":
            raise
        raise ModelLoadingError(
            f"the Python package '{package}' is missing; in the environment this node runs in, and in the folder of "
            f"the novic_ros sources: python3 -m pip install -r requirements.txt"
        ) from error
