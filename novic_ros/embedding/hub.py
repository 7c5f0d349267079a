"""Fetches a hub model's configuration, and says in one sentence why it could not.

open_clip fetches the weights by itself but folds every failure into one chain of messages; the small configuration is
therefore fetched first, with the same client and cache, where the reasons can still be told apart. NOT a downloader of
weights.
"""

from __future__ import annotations

from pathlib import Path

from novic_ros.embedding.errors import EmbeddingError

_INSTEAD = "check the network, or copy the model folder here and use local:DIR"


def fetch_config(name: str, file: str) -> Path:
    """Path in the hub client's cache of one small file of a hub model, downloaded if it is not there yet.

    Args:
        name: ORG/NAME on the hub.
        file: the file's name, open_clip_config.json.

    Raises:
        EmbeddingError: no such model or file, no access to it, or no connection and nothing in the cache.
    """
    import huggingface_hub as client
    from huggingface_hub import errors

    try:
        if not isinstance(client.try_to_load_from_cache(name, file), str):
            # Answers at once where the download below would knock at a closed door for half a minute.
            client.get_hf_file_metadata(client.hf_hub_url(name, file))
        return Path(client.hf_hub_download(name, file))
    except errors.GatedRepoError as error:
        raise EmbeddingError(
            f"the hub model {name} has terms to accept: log in there and accept them"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EmbeddingError(
            f"the hub has no public model {name}: mend openclip:{name}, or log in"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(name, error) from error
    except errors.EntryNotFoundError as error:
        raise EmbeddingError(
            f"the hub model {name} has no {file}, so it is no open_clip model: choose one that has it"
        ) from error
    except errors.HfHubHTTPError as error:
        raise EmbeddingError(
            f"the hub refuses {file} of {name} ({_first_line(error)}): try again later, or {_INSTEAD}"
        ) from error
    except (
        Exception
    ) as error:  # the client's network library has changed between its versions, so its errors have no name
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> EmbeddingError:
    """The error for no connection and nothing in the cache."""
    return EmbeddingError(
        f"the hub cannot be reached ({_first_line(error)}) and {name} is not in its local cache: {_INSTEAD}"
    )


def _first_line(error: Exception) -> str:
    """The first line of an error's text, or its kind where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
