"""Reads and writes files of labels: ours of `novic label --json`, our report.json, and the authors' version-1 JSON.

The last is what NOVIC's own tools score, so that theirs and ours can read each other's files. It holds, for each of
several searches, the first k labels of every picture with log-probabilities, and how many of them are guide nouns or
known words; a row with fewer labels is filled up with the empty label. It scores nothing itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.generation import GenerationConfig
from novic_ros.evaluation.json_files import read_json
from novic_ros.evaluation.results import FORMAT, Evaluation, ResultsError
from novic_ros.labels import Label, Labels
from novic_ros.vocabulary import canonical

__all__ = ["AuthorsPredictions", "AuthorsSearch", "PredictionFileError", "authors_predictions", "read_predictions"]

VERSION = 1
NO_LABEL, NO_SCORE = "", -100.0  # fills up rows with fewer labels; a log-probability of "never"
GUIDE, KNOWN, OTHER = 1, 2, 3  # the authors' result codes; their 0, correct, is never written


class PredictionFileError(ValueError):
    """Labels that cannot be used; the message names the file and says what was expected and what was found."""


@dataclass(frozen=True)
class AuthorsSearch:
    """What one search found, P pictures, K labels each.

    gen_cfg: the search in the authors' words. valid_guide, valid_vocab, valid, invalid: percentages [K] of the pictures
    with any guide noun, any noun that is known, only valid ones, and any invalid one among the first 1 to K labels.
    pred: labels [P][K]; score: log-probabilities [P][K]; result: codes [P][K], 1 a guide noun, 2 known, 3 neither.
    """

    gen_cfg: Mapping[str, Any]
    valid_guide: Sequence[float]
    valid_vocab: Sequence[float]
    valid: Sequence[float]
    invalid: Sequence[float]
    pred: Sequence[Sequence[str]]
    score: Sequence[Sequence[float]]
    result: Sequence[Sequence[int]]


@dataclass(frozen=True)
class AuthorsPredictions:
    """One file of the authors' inference: which model, what it could say, and what each search found."""

    model: str
    model_path: str
    model_dir: str
    model_name: str
    model_cfg: Mapping[str, Any]
    infer_cfg: Mapping[str, Any]
    guide_targets: Sequence[str]
    vocab_targets: Sequence[str]
    samples: Sequence[str]
    predictions: Mapping[str, AuthorsSearch] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> AuthorsPredictions:
        """Read and check a file. Raises PredictionFileError or JsonFileError."""
        path = Path(path)
        content = read_json(path, dict)
        if content.get("version") != VERSION:
            raise PredictionFileError(f"{path}: expected predictions of version {VERSION}, "
                                      f"found version {content.get('version')!r}")
        rest = {name: value for name, value in content.items() if name not in ("version", "predictions")}
        try:
            searches = {name: AuthorsSearch(**search) for name, search in content["predictions"].items()}
            found = cls(**rest, predictions=searches)
        except (TypeError, KeyError, AttributeError) as error:
            raise PredictionFileError(f"{path}: expected the authors' predictions of version {VERSION}: "
                                      f"{error}") from error
        for name, search in searches.items():
            complaint = _complaint(search, found.samples)
            if complaint:
                raise PredictionFileError(f"{path}: {name}: {complaint}")
        return found

    def write(self, path: str | Path) -> None:
        """Write the file, lists on one line, as the authors do. Raises PredictionFileError."""
        content = {"version": VERSION, **asdict(self)}
        try:
            Path(path).write_text(_dumped(content), encoding="utf-8")
        except OSError as error:
            raise PredictionFileError(f"{path}: cannot be written: {error.strerror}") from error

    def labels(self, gencfg: str | None = None) -> dict[str, Labels]:
        """Picture -> labels of one search; None where there is only one. Raises PredictionFileError."""
        name = next(iter(self.predictions), None) if gencfg is None else gencfg
        if name not in self.predictions or (gencfg is None and len(self.predictions) > 1):
            raise PredictionFileError(f"predictions: expected one search, or the name of one, found "
                                      f"{', '.join(self.predictions) or 'none'}; choose one with --gencfg")
        search = self.predictions[name]
        return {sample: Labels(tuple(Label(text, math.exp(min(0.0, score)))
                                     for text, score in zip(row, scores) if text.strip()))
                for sample, row, scores in zip(self.samples, search.pred, search.score)}


def authors_predictions(said: Mapping[str, Sequence[Label]], search: str, guide: Collection[str],
                        vocabulary: Collection[str], model: str, settings: Mapping[str, Any] | None = None,
                        ) -> AuthorsPredictions:
    """What a labeller said about pictures, as the authors would have written it.

    said: picture -> labels, best first. search: its name in the grammar of `decoding`. settings: how it was run.
    Scores are logarithms of ours; where ours are calibrated, they are no longer those of the noun's tokens.
    """
    wide = max((len(row) for row in said.values()), default=0) or 1
    guides, known = set(map(canonical, guide)), set(map(canonical, vocabulary))
    pred, score, result = [], [], []
    for row in said.values():
        words = [canonical(label.text) for label in row]
        blanks = wide - len(row)
        pred.append([*words, *[NO_LABEL] * blanks])
        score.append([*(math.log(label.score) if label.score > 0 else NO_SCORE for label in row), *[NO_SCORE] * blanks])
        result.append([*(GUIDE if word in guides else KNOWN if word in known else OTHER for word in words),
                       *[OTHER] * blanks])
    invalid = _shares(result, lambda code: code == OTHER)
    found = AuthorsSearch(
        gen_cfg=_authors_search(search, wide), valid_guide=_shares(result, lambda code: code == GUIDE),
        valid_vocab=_shares(result, lambda code: code in (GUIDE, KNOWN)), valid=[100 - share for share in invalid],
        invalid=invalid, pred=pred, score=score, result=result)
    name = Path(model).name
    return AuthorsPredictions(
        model=name, model_path=name, model_dir="", model_name=name, model_cfg={}, infer_cfg=dict(settings or {}),
        guide_targets=sorted(guides), vocab_targets=sorted(known), samples=list(said), predictions={search: found})


def read_predictions(path: str | Path, wanted: Collection[str], gencfg: str | None = None, *,
                     every: bool = True) -> dict[str, Labels]:
    """Wanted pictures -> their labels, from any file of labels, told apart by what it is; all of them if `every`.

    Pictures are matched by their names, and by as much of their folders as it takes to tell them apart. Raises
    PredictionFileError for missing, double or unreadable labels, or JsonFileError.
    """
    path = Path(path)
    content = read_json(path, dict)
    try:
        if content.get("format") == FORMAT:
            said = {item.id: Labels(item.labels, item.evidence) for item in Evaluation.from_json(content).items}
        elif {"version", "predictions", "samples"} <= set(content):
            said = AuthorsPredictions.read(path).labels(gencfg)
        else:
            said = content
    except ResultsError as error:
        raise PredictionFileError(f"{path}: {error}") from error
    by_name: dict[str, list[str]] = {}
    for name in wanted:
        by_name.setdefault(Path(name).name, []).append(name)
    found: dict[str, Labels] = {}
    for name, entry in said.items():
        picture = _match(name, by_name.get(Path(name).name, []))
        if picture is None:
            continue
        if picture in found:
            raise PredictionFileError(f"{path}: files are matched by their names without folders, "
                                      f"found {Path(name).name} twice")
        found[picture] = entry if isinstance(entry, Labels) else _labels_of(path, name, entry)
    missing = sorted(set(wanted) - set(found))
    if missing and every:
        raise PredictionFileError(f"{path}: expected labels for every picture of the truth, {len(missing)} are "
                                  f"missing, the first is {missing[0]}")
    return {name: found[name] for name in wanted if name in found}


def _match(name: str, candidates: Sequence[str]) -> str | None:
    if len(candidates) == 1:
        return candidates[0]
    parts = Path(name).parts
    fitting = [one for one in candidates if parts[-len(Path(one).parts):] == Path(one).parts]
    return max(fitting, key=len, default=None)


def _labels_of(path: Path, name: str, entry: Any) -> Labels:
    try:
        return Labels(tuple(Label(label["text"], label["score"]) for label in entry["labels"]), entry.get("evidence"))
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        raise PredictionFileError(f"{path}: expected {{labels: [{{text, score}}]}} for {name}, "
                                  f"found {entry!r:.100}") from None


def _complaint(search: AuthorsSearch, samples: Sequence[str]) -> str:
    if not isinstance(samples, list) or not all(isinstance(one, str) for one in samples):
        return f"expected samples to be a list of names, found {samples!r:.100}"
    for name, kind in (("pred", str), ("score", (int, float)), ("result", int)):
        rows = getattr(search, name)
        if not isinstance(rows, list) or len(rows) != len(samples):
            return f"expected {name} to have a row for each of {len(samples)} samples, found {rows!r:.60}"
        for sample, row, labels in zip(samples, rows, search.pred):
            if not isinstance(row, list) or len(row) != len(labels) or not all(isinstance(one, kind) for one in row) \
                    or any(one != one for one in row):
                return f"{sample}: expected as many values in {name} as labels, found {row!r:.60}"
    return ""


def _shares(result: Sequence[Sequence[int]], good) -> list[float]:
    """Percentage [K] of the rows with a good code among the first 1 to K."""
    if not result:
        return []
    return [100 * sum(any(map(good, row[:k])) for row in result) / len(result) for k in range(1, len(result[0]) + 1)]


def _authors_search(name: str, top_k: int) -> dict[str, Any]:
    """The authors' gen_cfg of a search. top_k: how many labels there are in every row, which their tools go by."""
    try:
        search = GenerationConfig.parse(name)
    except DecodingError as error:
        raise PredictionFileError(str(error)) from error
    return {"method": search.method, "topk": top_k, "vocab_prior": search.prior != "none",
            "vocab_per_token": search.prior == "tok", "vocab_scaler": search.prior_scale,
            "guided": search.guide != "n", "guide_renorm": search.guide == "r", "temperature": search.temperature,
            "length_alpha": search.length_alpha, "name": name}


def _dumped(value: Any, indent: int = 0) -> str:
    """JSON with indented objects, and lists on one line."""
    if not isinstance(value, Mapping) or not value:
        return json.dumps(value)
    pad = " " * (indent + 2)
    entries = ",\n".join(f"{pad}{json.dumps(str(name))}: {_dumped(inner, indent + 2)}" for name, inner in value.items())
    return "{\n" + entries + "\n" + " " * indent + "}"
