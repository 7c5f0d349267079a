"""Where models lie on this machine: the door of the model store. Cheap to import, and nothing here uses the network.

Only `novic models` needs more: `registry` (models known by name), `download` (fetching a file) and `archive` (taking
the checkpoint out); it imports those modules itself. Standard library only, all of it.
"""

from novic_ros.model_store.folders import (
    ModelNotFound,
    cache_folder,
    find_model,
    installed_models,
    search_places,
)

__all__ = ["ModelNotFound", "cache_folder", "find_model", "installed_models", "search_places"]
