"""Where the command ``assentry`` begins and ends."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; every failure is one line on standard error and a code of its own."""
    try:
        import typer  # noqa: F401 - said plainly where it is missing
    except ImportError:
        sys.exit("assentry: the command line needs typer: pip install 'assentry[cli]'")
    from assentry.cli.app import app
    from assentry.cli.codes import of_error
    from assentry.errors import AssentryError

    try:
        app()
    except AssentryError as error:
        print(f"assentry: {error}", file=sys.stderr)
        sys.exit(of_error(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
