"""How `sluice evaluate routing` shows its report to people: tables of figures and names, never a ticket's text."""

from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from app.cli.console import out

_WORST = 10
_COMPARED = ("accuracy", "coverage", "precision", "coverage_at_target", "ece", "oos_auroc", "oos_recall")


def print_routing(report: dict[str, Any]) -> None:
    """Print the summary, then what was asked for beside it, then where it went wrong."""
    _print_summary(report)
    if "peers" in report:
        _print_peers(report, f"on the same vectors, {report['learnt_from']:,} texts learnt from")
    for place in report.get("few_shot", []):
        if "peers" in place:
            _print_peers(place, f"{place['shots']} texts a label, {place['learnt_from']:,} in all")
    if "few_shot" in report:
        _print_curve(report)
    _print_worst(report["per_class"])
    _print_confusions(report["confusions"])


def _print_summary(report: dict[str, Any]) -> None:
    rows, labels = report["n"], report["labels"]
    outcomes = "  ".join(f"{name} {count:,}" for name, count in report["by_outcome"].items())
    thresholds = report["thresholds"]
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in (
        ("scored on", f"{rows:,} texts, {labels} labels, {report['learnt_from']:,} learnt from"),
        ("right owner first", _percent(report["accuracy"])),
        ("routed unaided", f"{_percent(report['coverage'])}, right in {_percent(report['precision'])}"),
        (
            f"could be routed with {report['target_error']:.0%} wrong",
            _percent(report["coverage_at_target"]),
        ),
        ("triage", _percent(report["triage_share"])),
        ("confidence off by", _percent(report["ece"])),
        ("nobody's tickets held back", _percent(report["oos_recall"])),
        ("somebody's from nobody's", f"AUROC {_number(report['oos_auroc'])}"),
        ("outcomes", outcomes),
        ("thresholds", "  ".join(f"{key} {_spread(thresholds, key)}" for key in _plain(thresholds[0]))),
        ("encoder", report["encoder"]),
        ("seconds", "  ".join(f"{step} {spent:g}" for step, spent in report["seconds"].items())),
    ):
        table.add_row(name, escape(value))
    out.print(table, highlight=False)
    if report["labels_without_history"]:
        out.print(f"  {report['labels_without_history']} labels have no text to learn from", highlight=False)
    if report["oos_not_learnt_from"]:
        out.print(
            f"  {report['oos_not_learnt_from']:,} texts that are nobody's not learnt from", highlight=False
        )


def _print_peers(scores: dict[str, Any], title: str) -> None:
    """Ours and each peer's scores, with the difference in brackets: ours less theirs, in points."""
    there = {name: found for name, found in scores["peers"].items() if "missing" not in found}
    if there:
        table = Table("", "Sluice", *(_words(name) for name in there), title=title, box=SIMPLE)
        for key in _COMPARED:
            table.add_row(
                _words(key), _percent(scores[key]), *(_beside(found, key) for found in there.values())
            )
        table.add_row("our errors to theirs", "", *(_number(one["error_ratio"]) for one in there.values()))
        out.print(table, highlight=False)
    for name, found in scores["peers"].items():
        if "missing" in found:
            out.print(f"  {_words(name)}: {escape(found['missing'])}", highlight=False, soft_wrap=True)


def _beside(found: dict[str, Any], key: str) -> str:
    ahead = found["difference"].get(key)
    return _percent(found[key]) + ("" if ahead is None else f" ({100 * ahead:+.1f})")


def _print_curve(report: dict[str, Any]) -> None:
    """Accuracy by how much is learnt from, ours and the peers'."""
    peers = [name for name, found in report.get("peers", {}).items() if "missing" not in found]
    columns = ("texts a label", "in all", "Sluice", *(_words(name) for name in peers))
    table = Table(*columns, title="right owner first, by what is learnt from", box=SIMPLE)
    for place in (*report["few_shot"], report):
        table.add_row(
            str(place.get("shots", "all")),
            f"{place['learnt_from']:,}",
            _percent(place["accuracy"]),
            *(_percent(place["peers"][name].get("accuracy")) for name in peers),
        )
    out.print(table, highlight=False)


def _print_worst(classes: dict[str, dict[str, Any]]) -> None:
    if not classes:
        return
    columns = ("label", "texts", "precision", "recall", "F1")
    table = Table(*columns, title=f"worst of {len(classes)} labels", box=SIMPLE)
    worst = sorted(classes.items(), key=lambda item: (item[1]["f1"], item[0]))[:_WORST]
    for label, scores in worst:
        figures = (_percent(scores[name]) for name in ("precision", "recall", "f1"))
        table.add_row(escape(label), f"{scores['n']:,}", *figures)
    out.print(table, highlight=False)


def _print_confusions(pairs: list[dict[str, Any]]) -> None:
    if not pairs:
        return
    table = Table("label", "taken for", "texts", title="most often taken for another", box=SIMPLE)
    for pair in pairs[:_WORST]:
        table.add_row(escape(pair["label"]), escape(pair["named"]), f"{pair['count']:,}")
    out.print(table, highlight=False)


def _plain(thresholds: dict[str, Any]) -> list[str]:
    """The thresholds that are one number each."""
    return [key for key, value in thresholds.items() if isinstance(value, float)]


def _spread(thresholds: list[dict[str, float]], key: str) -> str:
    low, high = (pick(place[key] for place in thresholds) for pick in (min, max))
    return f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
