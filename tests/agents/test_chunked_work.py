"""Work in chunks is kept by checkpoints whole, however much it has written."""

from __future__ import annotations

import json

from lmgym_agents.rlhf.chunked_work import ChunkedWork
from lmgym_agents.runs import checkpoint


def make_work(num_chunks=3, num_lines=3):
    def do(chunk):
        return [json.dumps([chunk, row, "ü", *range(100)]) for row in range(num_lines)], {"rows": 2}

    return ChunkedWork(num_chunks, do)


def test_goes_on_where_it_was_stopped():
    whole, first = make_work(), make_work()
    assert [update.step for update in whole.iterations()] == [1, 2, 3]
    steps = first.iterations()
    assert (next(steps).step, next(steps).step) == (1, 2)
    second = make_work()
    second.load_state_dict(first.state_dict())
    assert [update.step for update in second.iterations()] == [3]
    assert second.lines == whole.lines
    assert len(whole.lines) == 9


def test_nothing_done_is_a_state_too():
    work = make_work()
    work.load_state_dict(make_work().state_dict())
    assert (work.iteration, work.lines) == (0, [])


def test_thousands_of_responses_fit_into_a_checkpoint(tmp_path):
    work = make_work(1, 12000)  # over a million values, if they were kept as such
    list(work.iterations())
    checkpoint.save(tmp_path / "checkpoints", step=1, state=work.state_dict(), keep=2)
    again = make_work(1, 12000)
    again.load_state_dict(checkpoint.load(tmp_path / "checkpoints").state)
    assert again.lines == work.lines
