"""Loading is silent, and nobody else's logging notices."""

import logging
import warnings

import pytest

from novic_ros.embedding.quiet import quietly


def record(path, level=logging.WARNING):
    return logging.LogRecord("root", level, path, 1, "message", None, None)


@pytest.fixture
def bare_root(monkeypatch):
    """Takes the root logger's handlers away when called, as in a plain script (pytest puts its own there)."""

    def take_away():
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        return logging.getLogger()

    return take_away


def test_drops_only_what_open_clip_logs(bare_root):
    seen = []
    root = bare_root()
    handler = logging.Handler()
    handler.emit = lambda entry: seen.append(entry.pathname)
    root.addHandler(handler)
    with quietly():
        root.handle(record("/site-packages/open_clip/factory.py"))
        root.handle(record("/home/me/robot.py"))
    root.handle(record("/site-packages/open_clip/factory.py"))
    assert seen == ["/home/me/robot.py", "/site-packages/open_clip/factory.py"]


def test_installs_no_handler(bare_root):
    root = bare_root()
    with quietly():
        logging.warning("this would call basicConfig, were there no handler")
    assert root.handlers == []


def test_everything_is_restored_after_an_error():
    root, logger = logging.getLogger(), logging.getLogger("huggingface_hub")
    before = (logger.level, list(root.filters), list(warnings.filters))
    with pytest.raises(KeyError), quietly():
        assert logger.level == logging.ERROR
        warnings.warn("not shown", stacklevel=1)
        raise KeyError
    assert (logger.level, list(root.filters), list(warnings.filters)) == before


def test_named_loggers_still_report_errors():
    with quietly():
        assert logging.getLogger("huggingface_hub").isEnabledFor(logging.ERROR)
        assert not logging.getLogger("huggingface_hub").isEnabledFor(logging.WARNING)
