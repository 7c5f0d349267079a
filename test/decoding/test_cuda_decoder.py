"""Fixed shapes change nothing, recordings are made once per shape, and without graphs it works too.

Everything but the recording itself is the same on a CPU, where a stand-in for `record_graph` notes what it was given.
"""

import logging

import pytest
import torch
from tiny_decoders import find_tiny_tokenizer, tiny_checkpoint

from novic_ros.decoding import NounDecoder, cuda_decoder, noun_decoder
from novic_ros.decoding.cuda_decoder import CudaDecoder, record_graph
from novic_ros.decoding.object_decoder import Architecture

ARCH = Architecture(embed_dim=6, vocab_size=17, max_tokens=5, hidden_dim=8, feedfwd_dim=6, num_layers=2, num_heads=2,
                    prefix_length=3)
SEARCHES = ("beam_k10_vnone_gp_t1_a0", "greedy_k1_vnone_gn_t1_a0", "beam_k3_vtgt1_gr_t1_a0", "all_k4_vnone_gp_t1_a0")


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    return tiny_checkpoint(ARCH)


@pytest.fixture
def recordings(monkeypatch):
    """What was recorded while the node decoder believed that its model is on a GPU."""
    made = []

    def record(run):
        made.append(run)
        run()  # a recording runs it, too, before anybody wants the result
        return run

    monkeypatch.setattr(noun_decoder, "for_cpu", lambda model: CudaDecoder(model, record))
    return made


def vectors(count):
    return torch.nn.functional.normalize(torch.randn(count, ARCH.embed_dim), dim=-1)


@pytest.mark.parametrize("name", SEARCHES)
def test_fixed_shapes_change_nothing(checkpoint, recordings, monkeypatch, name):
    fixed = NounDecoder(checkpoint, find_tokenizer=find_tiny_tokenizer)
    monkeypatch.undo()
    plain = NounDecoder(checkpoint, find_tokenizer=find_tiny_tokenizer)
    for count in (1, 5, 1, 9, 30):  # back to a small one, and past the size of the first cache
        batch = vectors(count)
        found, expected = fixed.decode(batch, name), plain.decode(batch, name)
        assert [[one.text for one in row] for row in found] == [[one.text for one in row] for row in expected]
        torch.testing.assert_close([one.score for row in found for one in row],
                                   [one.score for row in expected for one in row], atol=1e-5, rtol=0)
    assert recordings


def test_one_recording_per_shape(checkpoint, recordings):
    decoder = NounDecoder(checkpoint)
    batch = vectors(30)
    decoder.decode(batch)  # makes the cache as large as it will be
    made = len(recordings)
    for rows in (batch, batch.flip(0), batch):
        decoder.decode(rows)
    assert len(recordings) == made > 1


def test_more_rows_than_any_bucket_run_unrecorded(checkpoint, recordings, monkeypatch):
    monkeypatch.setattr(cuda_decoder, "LARGEST_BUCKET", 4)
    decoder = NounDecoder(checkpoint)
    assert all(len(row) == 8 for row in decoder.decode(vectors(5)))
    assert not recordings


def test_where_recording_fails_it_runs_without(checkpoint, monkeypatch, caplog):
    def fail(run):
        raise RuntimeError("operation not permitted when stream is capturing\nlong story")

    monkeypatch.setattr(noun_decoder, "for_cpu", lambda model: CudaDecoder(model, fail))
    decoder = NounDecoder(checkpoint)
    monkeypatch.undo()
    batch = vectors(3)
    with caplog.at_level(logging.WARNING):
        found = decoder.decode(batch)
    assert [row[0].text for row in found] == [row[0].text for row in NounDecoder(checkpoint).decode(batch)]
    assert [record.message for record in caplog.records] == [
        "CUDA graphs do not work here (operation not permitted when stream is capturing): "
        "the decoder runs without them, which is slower"]


@pytest.mark.gpu
@pytest.mark.parametrize("name", SEARCHES)
def test_graphs_agree_with_the_cpu(checkpoint, name):
    on_gpu, on_cpu = NounDecoder(checkpoint, "cuda"), NounDecoder(tiny_checkpoint(ARCH), "cpu")
    on_gpu._model._model.load_state_dict(on_cpu._checkpoint.model.state_dict())
    assert on_gpu._model._record is record_graph
    for count in (1, 5, 1, 30):
        batch = vectors(count)
        found, expected = on_gpu.decode(batch, name), on_cpu.decode(batch, name)
        torch.testing.assert_close([row[0].score for row in found], [row[0].score for row in expected], atol=1e-3,
                                   rtol=0)
    assert on_gpu._model._record is record_graph  # no recording failed
