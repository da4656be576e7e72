"""`sluice evaluate`: the product's own path on a labelled file, with figures that can be made again."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.console import Json, err, print_json, progress
from app.cli.labelled import Files, Outside, ProblemColumn, Split, TextColumn
from app.files.lines import BadRow
from app.settings import load_settings
from models.errors import Fatal

app = typer.Typer(help="The product's own path on a labelled file, scored.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep it a group, however many commands it has."""


@app.command()
def routing(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, TSV or JSON Lines, also .gz; else --train and --test.")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="File to learn from.")] = None,
    test: Annotated[Path | None, typer.Option(help="File to be scored on.")] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, max=50, help="Learn from all but one part of FILE, each in turn.")
    ] = None,
    text: Annotated[str, typer.Option(help="Text column; several joined by +, e.g. title+body.")] = "text",
    label: Annotated[str, typer.Option(help="Column of the right owner.")] = "label",
    oos_label: Annotated[str, typer.Option(help="Label of the rows that are nobody's.")] = "oos",
    split_column: Annotated[
        str | None, typer.Option(help="Column that parts FILE; split, if it has that one.")
    ] = None,
    train_split: Annotated[str, typer.Option(help="Its value of rows to learn from.")] = "train",
    test_split: Annotated[str, typer.Option(help="Its value of rows to be scored on.")] = "test",
    target_error: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=0.5, help="Share of wrong ones that is learnt for, compared at, and peers cut at."
        ),
    ] = None,
    shots: Annotated[
        list[int] | None, typer.Option(min=1, help="Learn from so few texts a label as well; repeatable.")
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Measure others on the same vectors; takes minutes.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of folds and of what few texts are drawn.")] = 7,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write report.json and rows.jsonl, without texts, there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Learn from one part of a labelled file, decide on the other as a worker does, and score the decisions.

    The label stands for the owner. A file with a split column is parted by it, another one in five folds.

    Example: sluice evaluate routing tickets.csv --text subject+body --label team --folds 5
    """
    from app.cli.routing_tables import print_routing
    from app.evaluate.parts import Columns, split_file, two_files
    from app.evaluate.routing import Wanted, evaluate_routing, make_folder, write_routing
    from app.scratch import Told

    settings = load_settings(target_error=target_error)
    columns, wanted = Columns(text, label, split_column), (train_split, test_split)
    if file is not None and train is None and test is None:
        parts = split_file(file, columns, oos_label, wanted, folds, seed)
    elif file is None and train is not None and test is not None and folds is None:
        parts = two_files(train, test, columns, oos_label, wanted)
    else:
        raise Fatal("what is to be scored? give FILE, with or without --folds, or both --train and --test")
    if parts.bad_rows:
        first = parts.bad_rows[0]
        _step(f"{len(parts.bad_rows)} rows left out, the first at line {first.line}: {first.reason}")
    if folder is not None:
        make_folder(folder)
    with progress() as tell:
        asked = Wanted(settings.target_error, tuple(sorted(set(shots or ()))), peers, seed)
        found = evaluate_routing(parts, settings, asked, Told(_step, tell))
    if folder is not None:
        write_routing(found, folder)
    if as_json:
        print_json(found.report)
    else:
        print_routing(found.report)


@app.command()
def masking(
    file: Annotated[
        Path,
        typer.Argument(help="JSON Lines, also .gz: text, and spans of type, start, end.", show_default=False),
    ],
    types: Annotated[
        list[str] | None, typer.Option("--types", help="Count this labelled type only; repeatable.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--mask", help="Mask as well: host, name or address; repeatable. Else SLUICE_MASK_ALSO."
        ),
    ] = None,
    misses: Annotated[int, typer.Option(min=0, help="Say where so many values leaked, never what.")] = 0,
    as_json: Json = False,
) -> None:
    """Mask labelled texts as a worker does, and score what still reads.

    Recall is the share of labelled values masked to the last letter and digit, leak share that of their letters and
    digits that still read, precision the share of masked pieces that touch such a value. Only types that Sluice
    claims to find count; the others are listed.

    Example: sluice evaluate masking pii.jsonl.gz --mask host --misses 10
    """
    from app.cli.masking_table import print_masking
    from app.evaluate.masking import evaluate_masking, read_spanned
    from app.policies import clean_policy

    bad: list[BadRow] = []
    texts = read_spanned(file, bad.append)
    if bad:
        _step(f"{len(bad)} rows left out, the first at line {bad[0].line}: {bad[0].reason}")
    policy = clean_policy(load_settings(mask_also=tuple(also) if also else None))
    with progress() as tell:
        report = {**evaluate_masking(texts, policy, types or (), misses, tell), "bad_rows": len(bad)}
    if as_json:
        print_json(report)
    else:
        print_masking(report)


@app.command()
def duplicates(
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV or JSON Lines, also .gz: pairs of tickets.", show_default=False)
    ],
    a: Annotated[str, typer.Option(help="Column of the one text, or id with --tickets.")] = "a",
    b: Annotated[str, typer.Option(help="Column of the other.")] = "b",
    dup: Annotated[str, typer.Option(help="Column that says 1 for duplicates, 0 for others.")] = "dup",
    tickets: Annotated[
        Path | None, typer.Option(help="File of the tickets, where the pairs are of ids.")
    ] = None,
    name: Annotated[str, typer.Option("--id", help="Its column of ids.")] = "id",
    text: Annotated[
        str, typer.Option(help="Its text column; several joined by +, the title first.")
    ] = "text",
    at: Annotated[str | None, typer.Option(help="Its column of creation times, if it has one.")] = None,
    customer: Annotated[str | None, typer.Option(help="Its column of customers, if it has one.")] = None,
    product: Annotated[str | None, typer.Option(help="Its column of products, if it has one.")] = None,
    as_json: Json = False,
) -> None:
    """Score labelled pairs of tickets as a worker does, beside peers on the same pairs.

    Missed share is the share of the duplicates under the threshold, false share that of the other pairs that reach it.
    A file of ids without the column of --dup lists duplicates alone: others are drawn, half of them neighbours.

    Example: sluice evaluate duplicates pairs.csv --a question1 --b question2 --dup is_duplicate
    """
    from app.cli.duplicates_table import print_duplicates
    from app.evaluate.duplicates import Means, evaluate_duplicates
    from app.evaluate.pairs import PairColumns, TicketColumns, read_pairs
    from app.policies import clean_policy, duplicate_policy, encoder_spec, pack_policy
    from models.engines.encoders import load_encoder

    settings = load_settings()
    columns = TicketColumns(name, text, at, customer, product)
    known = read_pairs(file, PairColumns(a, b, dup), tickets, columns)
    if known.bad_rows:
        first = known.bad_rows[0]
        _step(f"{len(known.bad_rows)} rows left out, the first at line {first.line}: {first.reason}")
    encoder = load_encoder(encoder_spec(settings))
    means = Means(encoder, clean_policy(settings), pack_policy(settings), duplicate_policy(settings))
    with progress() as tell:
        report = evaluate_duplicates(known, means, tell)
    if as_json:
        print_json(report)
    else:
        print_duplicates(report)


@app.command()
def sentiment(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or JSON Lines, also .gz.", show_default=False)],
    text: Annotated[str, typer.Option(help="Text column; several joined by +, e.g. title+body.")] = "text",
    label: Annotated[
        str, typer.Option(help="Column of the label; a row of several joins them by +.")
    ] = "label",
    negative: Annotated[
        str, typer.Option(help="Labels that mean upset, separated by commas.")
    ] = "anger,disgust,sadness,fear",
    split_column: Annotated[
        str | None, typer.Option(help="Column that parts FILE; split, if it has that one.")
    ] = None,
    split: Annotated[str, typer.Option(help="Its value of rows to be scored.")] = "test",
    as_json: Json = False,
) -> None:
    """Score how upset texts sound, as a worker hears it, against what people called them.

    F1 is that of the head's own limit. A text is upset where one of its labels is negative.

    Example: sluice evaluate sentiment comments.csv --label emotion --negative anger,disgust
    """
    from app.cli.sentiment_table import print_sentiment
    from app.evaluate.sentiment import evaluate_sentiment, rows_to_score

    bad: list[BadRow] = []
    rows = rows_to_score(file, text, label, split_column, split, bad.append)
    if bad:
        _step(f"{len(bad)} rows left out, the first at line {bad[0].line}: {bad[0].reason}")
    wanted = frozenset(word.strip() for word in negative.split(",") if word.strip())
    with progress() as tell:
        report = evaluate_sentiment(rows, wanted, load_settings(), _step, tell)
    if as_json:
        print_json(report)
    else:
        print_sentiment(report)


@app.command()
def clusters(
    files: Files,
    text: TextColumn = "text",
    label: ProblemColumn = "label",
    split: Split = None,
    outside: Outside = "oos",
    clusterer: Annotated[
        str | None, typer.Option(help="graph or hdbscan; else SLUICE_CLUSTERER.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the problems in a file as bootstrap and reclustering do where owners are unknown, and score them.

    The labels are used for scoring alone. What is in no cluster counts as a cluster of its own.

    Example: sluice evaluate clusters tickets.csv --text subject+body --label category --json
    """
    from app.cli.clusters_table import print_clusters
    from app.evaluate.clusters import evaluate_clusters, rows_to_cluster
    from app.scratch import Told

    settings = load_settings(clusterer=clusterer)
    bad: list[BadRow] = []
    rows = rows_to_cluster(files, text, label, split, outside, bad.append)
    if bad:
        _step(f"{len(bad)} rows left out, the first at line {bad[0].line}: {bad[0].reason}")
    with progress() as tell:
        report = evaluate_clusters(rows, settings, Told(_step, tell))
    if as_json:
        print_json(report)
    else:
        print_clusters(report)


@app.command()
def emerging(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or JSON Lines, also .gz.", show_default=False)],
    text: TextColumn = "text",
    label: ProblemColumn = "label",
    oos_label: Annotated[str, typer.Option(help="Label of the rows that are of no problem.")] = "oos",
    split_column: Annotated[
        str | None, typer.Option(help="Column that parts FILE; split, if it has that one; else in five.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=500, help="Days, on each of which another problem is new.")
    ] = 20,
    tickets: Annotated[int, typer.Option(min=50, max=100_000, help="Other tickets of a day.")] = 3_000,
    planted: Annotated[int, typer.Option(min=5, max=1_000, help="Tickets of the new problem.")] = 15,
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="Over which they come in.")] = 8.0,
    as_json: Json = False,
) -> None:
    """Leave problems out of what is learnt, let them appear in a day of tickets, and say when each is announced.

    `median_ticket` is the ticket of the new problem with which it is announced, one more than there are where it never
    is; `false_a_day` counts announcements of which most tickets are of known problems, or of none; `outside_a_day`
    those of them of rows of no problem, which may be alike even so.

    Example: sluice evaluate emerging tickets.csv --text subject+body --label category --json
    """
    from app.cli.emerging_table import print_emerging
    from app.evaluate.emerging import Planting, evaluate_emerging
    from app.evaluate.parts import Columns, split_file
    from app.scratch import Told
    from models.emerging.pool import EmergingPolicy

    settings = load_settings()
    parts = split_file(file, Columns(text, label, split_column), oos_label, ("train", "test"), None, 0)
    planting = Planting(days=days, tickets=tickets, planted=planted, hours=hours)
    policy = EmergingPolicy(least=settings.emerging_tickets or EmergingPolicy().least)
    with progress() as tell:
        report = evaluate_emerging(parts, settings, planting, policy, Told(_step, tell))
    if as_json:
        print_json(report)
    else:
        print_emerging(report)


def _step(line: str) -> None:
    err.print(f"[dim]·[/] {escape(line)}", highlight=False)
