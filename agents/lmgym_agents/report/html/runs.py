"""Run folders below a folder: the metrics of each update as columns, evaluations and configurations.

In: a folder. Out: plain dicts, one a run, bounded in size. Left out: drawing the curves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from lmgym_agents.report.html.folder import Folder

MAX_RUNS: Final = 200
MAX_POINTS: Final = 400
"""Of one curve; of longer ones every k-th record is kept, and the last."""
MIN_POINTS: Final = 60
MAX_RECORDS: Final = 24_000
"""Of all runs together: where there are many, each has fewer points."""
MAX_METRICS: Final = 120
MAX_METRICS_BYTES: Final = 100_000_000
"""Of a file of metrics, all of which is held until it is thinned."""
MAX_CONFIG_CHARS: Final = 20_000
MAX_SAMPLES: Final = 12


def gather_runs(folder: Folder) -> list[dict[str, Any]]:
    """Returns the runs below a folder (it may be one itself), in the order of their paths."""
    names = [name for name in folder.files if name.rpartition("/")[2] == "metrics.jsonl"]
    for name in names[MAX_RUNS:]:
        folder.left_out.add(name, f"more than {MAX_RUNS} runs")
    names = names[:MAX_RUNS]
    points = max(MIN_POINTS, min(MAX_POINTS, MAX_RECORDS // max(1, len(names))))
    return [_read_run(folder, name.removesuffix("metrics.jsonl"), points) for name in names]


def summarise_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a list of runs shows: path, updates, and the last success and reward."""
    last = {
        name: next((value for value in reversed(run["metrics"].get(name, [])) if value is not None), None)
        for name in ("success", "reward")
    }
    return {"path": run["path"], "num_updates": run["num_updates"], **last}


def _read_run(folder: Folder, at: str, points: int) -> dict[str, Any]:
    records = _read_records(folder, f"{at}metrics.jsonl")
    config = folder.read_json(f"{at}config.json") or folder.read_json(f"{at}job.json")
    evaluation = folder.read_json(f"{at}evaluation.json")
    text = "" if config is None else json.dumps(config, indent=1, ensure_ascii=True)
    return {
        "path": at.rstrip("/") or folder.root.resolve().name,
        "num_updates": len(records),
        **_columns(thin(records, points)),
        "samples": _samples(records),
        "evaluation": [] if evaluation is None else read_evaluation(evaluation),
        "config": text if len(text) <= MAX_CONFIG_CHARS else text[:MAX_CONFIG_CHARS] + "\n…",
    }


def _read_records(folder: Folder, name: str) -> list[dict[str, Any]]:
    records = []
    for line, record in folder.objects(name):
        if line.offset > MAX_METRICS_BYTES:
            folder.left_out.add(name, f"what is behind line {line.number:,}: more than can be shown")
            break
        if type(record.get("step")) is int:
            records.append(record)
    return records


def thin(records: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Returns every k-th record and the last, k so that there are not many more than ``limit``."""
    every = max(1, math.ceil(len(records) / limit))
    kept = records[::every]
    return kept if not records or kept[-1] is records[-1] else [*kept, records[-1]]


def _columns(records: list[dict[str, Any]]) -> dict[str, Any]:
    names: dict[str, None] = {}
    flat = [_numbers(record) for record in records]
    for numbers in flat:
        names.update(dict.fromkeys(numbers))
    kept = list(names)[:MAX_METRICS]
    return {
        "steps": [record["step"] for record in records],
        "stages": [str(record.get("stage", ""))[:60] for record in records],
        "metrics": {name[:100]: [numbers.get(name) for numbers in flat] for name in kept},
    }


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    timing = record.get("timing")
    timed = {f"timing/{name}": value for name, value in timing.items()} if isinstance(timing, dict) else {}
    return {
        str(name): shortened
        for name, value in {**record, **timed}.items()
        if name != "step" and (shortened := _short(value)) is not None
    }


def _short(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(f"{value:.5g}") if abs(value) < 1e300 and math.isfinite(value) else None


def _samples(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns some of the sample transcripts that trainings put into their metrics, first to last."""
    found = [record for record in records if isinstance(record.get("sample_response"), str)]
    return [
        {
            "step": record["step"],
            "prompt": str(record.get("sample_prompt", ""))[:2000],
            "response": record["sample_response"][:2000],
            "reward": _short(record.get("sample_reward")),
        }
        for record in thin(found, MAX_SAMPLES - 1)
    ]


def read_evaluation(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns a row for each stage and split of an evaluation.json; what has another form is passed over."""
    rows: list[dict[str, Any]] = []
    for stage, by_split in evaluation.items():
        if not isinstance(by_split, dict):
            continue
        for split, found in by_split.items():
            success = found.get("success") if isinstance(found, dict) else None
            if not isinstance(success, dict):
                continue
            row = {name: _short(success.get(name)) for name in ("mean", "low", "high")}
            if None not in row.values() and len(rows) < 200:
                rows.append({"stage": str(stage)[:60], "split": str(split)[:60], **row})
    return rows
