"""The peer of `../decode.py`: guided beam search the plain way, as section 3.4 of NOVIC reads when coded directly.

No key/value cache: every step runs the prefix and all tokens again, for every beam, finished ones too. The guide is a
mask over beams x nouns, scattered into beams x tokens at each step. Same results as `novic_ros.decoding` where there
are at least k nouns; used for timing only, never by the package.
Shapes: B images, H beams, W nouns, C token columns, V token vocabulary.
"""

import torch

from novic_ros.decoding.object_decoder import ObjectDecoder

END = 0


@torch.inference_mode()
def dense_beam_search(model: ObjectDecoder, vectors: torch.Tensor, nouns: torch.Tensor, k: int) -> tuple:
    """vectors [B, F], nouns int64 [W, C] padded with END -> token ids [B, k, n], scores [B, k], best first."""
    images, width, device = len(vectors), model.arch.vocab_size, vectors.device
    tokens = torch.zeros(images, k, 0, dtype=torch.int64, device=device)
    score = torch.full((images, k), -torch.inf, device=device)
    score[:, 0] = 0.0
    finished = torch.zeros(images, k, dtype=torch.bool, device=device)
    fits = torch.ones(images, k, len(nouns), dtype=torch.bool, device=device)  # nouns that begin like the beam
    no_end = torch.arange(width, device=device) != END
    for column in range(model.arch.max_tokens - 1):
        logits = next_logits(model, vectors.repeat_interleave(k, dim=0), tokens.flatten(0, 1)).view(images, k, width)
        logits = logits.masked_fill(finished[..., None] & no_end, -torch.inf)
        logprob = logits.log_softmax(dim=-1) + score[..., None]

        target = torch.where(fits, nouns[:, column].expand(images, k, -1), width)  # [B, k, W]; column V takes the rest
        allowed = torch.full((images, k, width + 1), -torch.inf, device=device)
        allowed.scatter_(2, target, 0.0)
        allowed[..., END] = torch.where(finished, 0.0, allowed[..., END])
        score, best = (logprob + allowed[..., :width]).flatten(1).topk(k, dim=1)

        beam, token = best // width, best % width
        tokens = torch.cat([tokens.gather(1, beam[..., None].expand(-1, -1, column)), token[..., None]], dim=2)
        finished = finished.gather(1, beam) | (token == END)
        fits = fits.gather(1, beam[..., None].expand(-1, -1, len(nouns))) & (nouns[:, column] == token[..., None])
        if finished.all():
            break
    return tokens, score


def next_logits(model: ObjectDecoder, vectors: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Logits [R, V] after tokens [R, n], with every position computed anew but only the newest one read out."""
    x = torch.cat([model.embed_prefix(vectors), model.tokens(tokens)], dim=1)
    x = x + model.positions[:x.shape[1]]
    prefix = model.arch.prefix_length
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
    mask[:prefix, :prefix] = True
    for layer in model.layers:
        x = layer(x, mask)[0]
    return torch.nn.functional.linear(model.norm(x[:, -1]), *model.read_out_weights())
