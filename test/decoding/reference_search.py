"""A slow, obvious search in float64 NumPy: no cache, no trie, dense masks, every beam every time.

Written from the method's description alone, to check the fast code against; the network is in `reference_network.py`.
It is not used outside the tests.
"""

import numpy as np
from reference_network import float64_weights, reference_logits

__all__ = ["float64_weights", "reference_logits", "reference_search"]

END = 0


def reference_search(weights, arch, vector, nouns, config, vocabulary=None):
    """The k best (content tokens, value), best first; the definition of every mode, as plain as it can be said.

    nouns, vocabulary: lists of compact ids that end with END; the vocabulary gives the priors (default: the nouns).
    """
    contents = [tuple(noun[:-1]) for noun in nouns]
    prior = _Prior(config, nouns if vocabulary is None else vocabulary)
    if config.method == "all":
        scored = {}
        for content in contents:
            score = 0.0
            for place in range(len(content) + 1):
                logprob = _allowed_logprob(weights, arch, vector, content[:place], contents, config)
                token = (*content, END)[place]
                score += logprob[token] + prior(content[:place], token)
            scored[content] = score * (len(content) + 1) ** -config.length_alpha
        ranked = sorted(scored.items(), key=lambda pair: -pair[1])
        return [(content, value) for content, value in ranked[:config.k] if value > -np.inf]

    beams = [((), 0.0, 0)]  # content, score, length when finished (0: still live)
    for step in range(1, arch.max_tokens):
        grown = []
        for content, score, done in beams:
            if done:
                grown.append((content, score, done))
                continue
            logprob = _allowed_logprob(weights, arch, vector, content, contents, config)
            for token in range(arch.vocab_size):
                extended = score + logprob[token] + prior(content, token)
                allowed = config.guide == "n" or _continues(content, token, contents)
                if extended == -np.inf or not allowed or (step == 1 and token == END):
                    continue
                grown.append((content, extended, step) if token == END else ((*content, token), extended, 0))
        beams = sorted(grown, key=lambda beam: -beam[1] * (beam[2] or step) ** -config.length_alpha)[:config.k]
        if all(done for _, _, done in beams):
            break
    return [(content, score * (done or arch.max_tokens - 1) ** -config.length_alpha) for content, score, done in beams]


def _continues(content, token, contents):
    if token == END:
        return content in contents
    return any(other[:len(content) + 1] == (*content, token) for other in contents)


def _allowed_logprob(weights, arch, vector, content, contents, config):
    logits = reference_logits(weights, arch, vector, content) / config.temperature
    if config.guide == "r":
        logits = np.array([x if _continues(content, token, contents) else -np.inf for token, x in enumerate(logits)])
    return _log_softmax(logits)


class _Prior:
    """-lambda * log q(token | content) over the vocabulary's nouns, counted by hand."""

    def __init__(self, config, vocabulary):
        self.config, self.vocabulary = config, vocabulary

    def __call__(self, content, token):
        if self.config.prior == "none" or self.config.prior_scale == 0:
            return 0.0
        nexts = [noun[len(content)] for noun in self.vocabulary if tuple(noun[:len(content)]) == content]
        if token not in nexts:
            return -np.inf
        q = nexts.count(token) / len(nexts) if self.config.prior == "tgt" else 1 / len(set(nexts))
        return -self.config.prior_scale * np.log(q)


def _log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())
