"""Dashboards and alert rules name metrics that exist, with labels they have."""

import json
import re
from pathlib import Path

import httpx
import pytest
import yaml

from earwitness.config import Settings
from support.server import housed

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
RULES = sorted((DEPLOY / "prometheus").glob("*.yaml"))
NAME = re.compile(r"\bearwitness_\w+")
BUILT = re.compile(r"# TYPE (\S+) (\w+)")


@pytest.fixture(scope="module")
def known(settings: Settings) -> set[str]:
    """The names of all series that the server can give, also of those that have none yet."""
    with housed(settings) as (address, _):
        text = httpx.get(f"{address}/metrics").text
    found = set[str]()
    for name, kind in BUILT.findall(text):
        found |= {f"{name}_{end}" for end in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return found


def expressions(told: object) -> list[str]:
    """Every query in a dashboard or a file of rules."""
    if isinstance(told, dict):
        own = [v for k, v in told.items() if k in {"expr", "query"} and isinstance(v, str)]
        return own + [e for v in told.values() for e in expressions(v)]
    return [e for v in told for e in expressions(v)] if isinstance(told, list) else []


@pytest.mark.parametrize("path", [*DASHBOARDS, *RULES], ids=lambda p: p.name)
def test_every_metric_that_is_named_exists(path: Path, known: set[str]) -> None:
    told = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
    found = expressions(told)
    assert len(found) > 5
    for expression in found:
        named = NAME.findall(expression)
        assert named, expression
        assert set(named) <= known, expression
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")


def test_every_panel_asks_the_source_that_is_chosen_at_import() -> None:
    for path in DASHBOARDS:
        told = json.loads(path.read_text())
        assert len({p["id"] for p in told["panels"]}) == len(told["panels"])
        assert {p["datasource"]["uid"] for p in told["panels"]} == {"${DS_PROMETHEUS}"}


def test_every_rule_says_what_is_wrong() -> None:
    rules = [r for path in RULES for g in yaml.safe_load(path.read_text())["groups"] for r in g["rules"]]
    assert len({r["alert"] for r in rules}) == len(rules)
    for rule in rules:
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
