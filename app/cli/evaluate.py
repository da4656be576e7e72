"""`sluice evaluate`: the product's own path on a labelled file, with figures that can be made again."""

import typer

app = typer.Typer(help="The product's own path on a labelled file, scored.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep it a group, however many commands it has."""
