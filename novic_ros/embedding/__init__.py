"""Images and texts to unit vectors in one shared space, through open_clip: the door of the embedding library.

Everything else in this folder is private to it, but for `conse_tower`, whose functions the training of the
embedded model uses. Importing this package loads torch and nothing heavier; open_clip, timm and torchvision
are imported by `load` and `load_tokenizer`.
"""

from novic_ros.embedding.embedder import Embedder, Embeddings
from novic_ros.embedding.errors import EmbeddingError
from novic_ros.embedding.loading import load, load_tokenizer

__all__ = ["Embedder", "Embeddings", "EmbeddingError", "load", "load_tokenizer"]
