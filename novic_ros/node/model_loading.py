"""From parameter values to a labeller, with an error a robot engineer can act on.

The labelling library is imported here, inside the call, so that the node starts, answers its services and says what
is missing on a machine without torch. The node's tests pass their own `MakeLabeller` instead of `make_labeller`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from novic_ros.node.parameters import PARAMETERS, Settings
from novic_ros.vocabulary import SiteVocabulary


class Labeller(Protocol):
    """What the node needs of a labeller; `novic_ros.labeller.ImageLabeller` is the one it uses."""

    model_name: str
    calibrated: bool

    def warm_up(self) -> None:
        """Make the first real frame no slower than the others."""

    def set_vocabulary(self, site: SiteVocabulary, version: int) -> Sequence[str]:
        """Let the following calls of `label_timed` use `site`; warnings. Raises for one that it cannot use."""

    def label_timed(self, images: Sequence[Any], *, top_k: int, min_score: float, on_unsure: str) -> Any:
        """RGB uint8 [H, W, 3] each -> .labels (one Labels per image), .stages (seconds) and .vocabulary_version."""


MakeLabeller = Callable[[Settings], Labeller]


class ModelLoadingError(ValueError):
    """The model cannot be loaded; the text says why and what to do."""


def make_labeller(settings: Settings) -> Labeller:
    """Load the ImageLabeller that the parameters describe. Slow: seconds. Raises what went wrong, in words.

    It is asked for as many labels as top_k allows at most and for every score, so that top_k and min_score can change
    from frame to frame without touching the model.
    """
    try:
        from novic_ros.labeller import ImageLabeller

        return ImageLabeller(
            settings.model,
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
