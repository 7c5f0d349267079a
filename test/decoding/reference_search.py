"""A slow, obvious decoder and beam search in float64 NumPy: no cache, no trie, dense masks, every beam every time.

Written from the method's description alone, to check the fast code against. It is not used outside the tests.
"""

from math import erf

import numpy as np

END = 0


def reference_logits(weights, arch, vector, tokens):
    """Logits [V] for the token after `tokens`, from one vector [F]; weights are float64 arrays by parameter name."""
    prefix, width, heads = arch.prefix_length, arch.hidden_dim, arch.num_heads
    x = (weights["prefix.weight"] @ (vector / np.linalg.norm(vector))).reshape(prefix, width)
    x = np.concatenate([x, weights["tokens.weight"][list(tokens)].reshape(-1, width)])
    length = len(x)
    x = x + weights["positions"][:length]
    visible = np.tril(np.ones((length, length), dtype=bool))
    visible[:prefix, :prefix] = True
    for layer in range(arch.num_layers):
        w = {name: weights[f"layers.{layer}.{name}.weight"] for name in ("norm1", "qkv", "out", "norm2", "up", "down")}
        q, k, v = np.split(_norm(x, w["norm1"]) @ w["qkv"].T, 3, axis=1)
        attended = []
        for head in np.split(np.arange(width), heads):
            scores = q[:, head] @ k[:, head].T / np.sqrt(len(head))
            attended.append(_softmax(np.where(visible, scores, -np.inf)) @ v[:, head])
        x = x + np.concatenate(attended, axis=1) @ w["out"].T
        hidden = _norm(x, w["norm2"]) @ w["up"].T
        gelu = hidden * 0.5 * (1 + np.vectorize(erf)(hidden / np.sqrt(2)))
        x = x + gelu @ w["down"].T
    return _norm(x[-1:], weights["norm.weight"])[0] @ weights["tokens.weight"].T


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


def float64_weights(model):
    """Parameters of an ObjectDecoder by name."""
    return {name: tensor.detach().double().numpy() for name, tensor in model.state_dict().items()}


def _norm(x, weight):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred ** 2).mean(axis=1, keepdims=True) + 1e-5) * weight


def _softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())
