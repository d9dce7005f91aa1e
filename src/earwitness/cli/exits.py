"""What an error is on the command line: one table from class to exit code, and a sentence with a remedy."""

from earwitness import errors as e

EXITS: dict[type[e.EarwitnessError], int] = {
    e.BadInput: 3,
    e.NotFound: 4,
    e.UnknownModel: 4,
    e.Unsupported: 5,
    e.Missing: 6,
    e.Busy: 7,
    e.EngineFailed: 8,
    e.StorageFailed: 9,
    e.Unauthorized: 10,
    e.HubFailed: 11,
    e.Unreachable: 11,
    e.TooLittleMemory: 12,
    e.Conflict: 13,
    e.Cancelled: 130,
    e.EarwitnessError: 1,
}
"""The first class in an error's line of descent that stands here decides. 2 is a wrong command line."""

INTERRUPTED = 130


def code_of(error: e.EarwitnessError) -> int:
    """Exit code of an error."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def explain(error: e.EarwitnessError, about: str = "") -> None:
    """Print what went wrong and what to do, on standard error."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    head = f"{escape(about)}: " if about else ""
    console.print(f"[bold red]error[/] {head}{escape(error.message)} [dim]({error.code})[/]")
    console.print(f"      {escape(error.remedy)}")
