"""How a batch's outcome and status are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remotereasoner.cli.terminal import lines, print_table

if TYPE_CHECKING:
    from remotereasoner.batch.ledger_view import LedgerView
    from remotereasoner.batch.run import BatchOutcome, Ending

__all__ = ["EXIT_CODES", "outcome_document", "show_outcome", "show_status", "status_document"]

EXIT_CODES: dict[Ending, int] = {"complete": 0, "stopped": 1, "interrupted": 130}
_STATES = ("done", "failed", "quarantined", "pending")


def outcome_document(outcome: BatchOutcome) -> dict[str, Any]:
    """The JSON document of a run."""
    return {
        **{name: getattr(outcome, name) for name in _STATES},
        "ending": outcome.ending,
        "reason": outcome.reason,
        "concluded": outcome.concluded,
        "seconds": round(outcome.seconds, 3),
        "failures": outcome.failures,
        "out": str(outcome.out),
        "files": {kind: str(path) for kind, path in (outcome.outputs or {}).items()},
    }


def show_outcome(outcome: BatchOutcome) -> None:
    """What was done, what failed and why, and how to go on."""
    words = {"complete": "Finished", "interrupted": "Interrupted", "stopped": "Ended early"}[outcome.ending]
    rate = f", {outcome.concluded / outcome.seconds:.1f} a second" if outcome.concluded and outcome.seconds else ""
    lines(f"{words}: {outcome.concluded} items in {outcome.seconds:.1f} s{rate}.", style="bold")
    if outcome.reason:
        lines(outcome.reason)
    _show_counts({name: getattr(outcome, name) for name in _STATES}, outcome.failures)
    if outcome.ending != "complete":
        lines("", f"Give the same command again to go on. Finished items are in {outcome.out}.")
    elif outcome.failed or outcome.quarantined:
        lines("", "Give the same command with --retry-failed to try again what failed.")
    if outcome.outputs:
        lines("")
        print_table(["file", ""], [[kind, str(path)] for kind, path in outcome.outputs.items()])


def status_document(view: LedgerView) -> dict[str, Any]:
    """Counts first, then what the run was asked for, and when it ran."""
    plan, runs = view.plan(), view.runs()
    last = runs[-1]
    return {
        **view.counts(),
        "total": view.total(),
        "is_complete": plan.is_complete,
        "failures": view.failures_by_code(),
        "source": plan.source,
        "questions": list(plan.questions),
        "model": plan.identity,
        "version": plan.code_version,
        "runs": len(runs),
        "last_run": {
            "executor": last.executor,
            "host": last.host,
            "started": last.started,
            "ended": last.ended,
            "how": last.how,
        },
    }


def show_status(document: dict[str, Any]) -> None:
    """As a table, with what it means."""
    _show_counts(document, document["failures"])
    if not document["is_complete"]:
        lines("", "The source was not read to its end yet: there may be more.", style="dim")
    last = document["last_run"]
    how = last["how"] or "it goes on, or was killed"
    lines("", f"{document['runs']} runs, the last one by {last['executor']}: {how}.", style="dim")


def _show_counts(counts: dict[str, Any], failures: dict[str, int]) -> None:
    print_table(["", "entries"], [[name, str(counts[name])] for name in _STATES], right=(1,))
    if failures:
        lines("")
        print_table(
            ["failed because of", "entries"], [[code, str(number)] for code, number in failures.items()], right=(1,)
        )
