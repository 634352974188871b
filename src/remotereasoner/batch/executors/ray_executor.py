"""The executor that works on a Ray cluster: actors keep the model loaded, units go to them and bytes come back.

    driver ──call──> actor 1: unit, next unit       num_cpus, num_gpus and further resources are reserved for each
           ──call──> actor 2: …                     actor; Ray finds the nodes, and the cluster may grow and shrink

Ray is told to repeat nothing and to restart nothing: which unit a dead worker had, and whether it is tried again, is
for the driver and its ledger to say. docs/cluster.md tells why units do not flow through Ray Data.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from remotereasoner.batch.executors.base import UnitLost, UnitOutcome
from remotereasoner.batch.executors.ray_cluster import connected
from remotereasoner.batch.executors.ray_fate import Fate, died_of
from remotereasoner.batch.executors.ray_worker import Hello, RayWorker, installed
from remotereasoner.batch.items import ItemFailed, Recipe, Unit
from remotereasoner.errors import EngineError, RemoteReasonerError, UsageError

if TYPE_CHECKING:
    from remotereasoner.batch.worker import WorkerFactory

__all__ = ["RayExecutor", "RayNeeds"]

_LOG = logging.getLogger(__name__)
_DEPTH = 2  # one unit is worked on, one waits, so that a worker never waits for the driver's disk
_MAX_STARTS = 3
_PING_S = 1.0


@dataclass(frozen=True)
class RayNeeds:
    """What one worker reserves: processors, GPUs (a fraction shares one; vLLM takes several), resources of a site."""

    num_cpus: float = 1.0
    num_gpus: float = 0.0
    resources: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError."""
        for name, value in (("num_cpus", self.num_cpus), ("num_gpus", self.num_gpus), *self.resources.items()):
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} must be 0 or more, got {value}")
        if self.num_gpus > 1 and self.num_gpus != int(self.num_gpus):
            raise UsageError(f"num_gpus above 1 must be whole, got {self.num_gpus:g}")

    def fit(self, have: dict[str, float]) -> float:
        """How many workers the resources ``have`` allow; inf where none are needed."""
        needed = {"CPU": self.num_cpus, "GPU": self.num_gpus, **self.resources}
        return min((have.get(name, 0.0) // need for name, need in needed.items() if need > 0), default=math.inf)

    def __str__(self) -> str:
        parts = [f"{self.num_cpus:g} CPU", f"{self.num_gpus:g} GPU"]
        return ", ".join([*parts, *(f"{value:g} {name}" for name, value in self.resources.items())])


@dataclass(eq=False)
class _Member:
    """One actor and what it holds."""

    handle: Any
    hello_ref: Any
    hello: Hello | None = None
    held: dict[Any, Unit] = field(default_factory=dict)
    """Reference of the result to unit, in the order of submission: the first is being worked on."""
    token: Any = None
    """Comes back with the last one's result. The next unit is sent by Ray when it is here, and not before: otherwise a
    unit that ends its process at once takes the result of the one before it along, and that one gets the blame."""
    began: float = 0.0
    """When the first one became the first, of ``time.monotonic``."""
    ping_ref: Any = None
    """Set where the connection broke: its result tells whether the actor lives."""
    ping_after: float = 0.0
    verdict: str | None = None
    """Why we ended it ourselves."""

    @property
    def takes_units(self) -> bool:
        return self.hello is not None and self.ping_ref is None and self.verdict is None

    def drop(self, ref: Any) -> Unit:
        unit = self.held.pop(ref)
        self.began = time.monotonic()
        return unit


class RayExecutor:
    """Workers on the cluster at ``address``, or on one of our own on this machine where that is None.

    ``workers`` None takes as many as fit into what the cluster has at the start. Workers that do not fit yet wait for
    room, so that a cluster that grows by demand grows; the run goes on with those that are there.
    """

    name = "ray"

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        needs: RayNeeds | None = None,
        start_timeout_s: float = 600.0,
        unit_timeout_s: float | None = None,
        factory: WorkerFactory | None = None,
        verbose: bool = False,
    ) -> None:
        """``start_timeout_s``: for the first worker, and for any when all are gone. ``unit_timeout_s``: a worker that
        is longer at one unit is killed, the unit is lost. ``factory`` None:
        :class:`~remotereasoner.batch.worker.BatchWorker`. Raises ``UsageError``.
        """
        if workers is not None and workers < 1:
            raise UsageError(f"workers must be 1 or more, got {workers}")
        if address is not None and address.startswith("ray://"):
            raise UsageError("ray:// breaks off with its connection: start the driver on a machine of the cluster")
        for option, value in (("start_timeout_s", start_timeout_s), ("unit_timeout_s", unit_timeout_s)):
            if value is not None and not value > 0:
                raise UsageError(f"{option} must be above 0 seconds, got {value}")
        self._address = address
        self._wanted = workers
        self._needs = needs if needs is not None else RayNeeds()
        self._start_timeout_s = start_timeout_s
        self._unit_timeout_s = unit_timeout_s
        self._factory = factory
        self._verbose = verbose
        self._recipe = Recipe()
        self._stack = contextlib.ExitStack()
        self._members: list[_Member] = []
        self._waiting: deque[Unit] = deque()
        self._identity: str | None = None
        self._failed_starts = 0
        self._alone_since = 0.0
        self._ray: ModuleType
        self._make: Callable[[], Any]

    def start(self, recipe: Recipe) -> str:
        """See :class:`~remotereasoner.batch.executors.base.Executor`. The first worker is waited for, the rest is not.

        Raises MissingExtraError without Ray, UsageError where there is no such cluster or it has no room, EngineError
        where a worker runs another version of the code, and what loading the model raises.
        """
        self._recipe = recipe
        try:
            local = self._wanted or len(os.sched_getaffinity(0))
            cpus = max(1, math.ceil(local * self._needs.num_cpus))
            self._ray = self._stack.enter_context(connected(self._address, cpus=cpus, verbose=self._verbose))
            wanted = self._wanted or self._room()
            options: dict[str, Any] = {"max_restarts": 0, "max_task_retries": 0, "num_cpus": self._needs.num_cpus}
            options |= {"num_gpus": self._needs.num_gpus, "resources": self._needs.resources}
            self._make = self._ray.remote(RayWorker).options(**options).remote
            self._alone_since = time.monotonic()
            self._members = [self._spawn() for _ in range(wanted)]
            while self._identity is None:
                self._attend(self._until(time.monotonic() + 1.0))
        except BaseException:
            self.close()
            raise
        return self._identity

    @property
    def capacity(self) -> int:
        """Two units for each worker that is up."""
        return _DEPTH * max(1, sum(member.takes_units for member in self._members))

    def submit(self, unit: Unit) -> None:
        """Hand over a unit."""
        self._waiting.append(unit)
        self._hand_out()

    def collect(self, timeout_s: float) -> list[UnitOutcome | UnitLost]:
        """What has come back; lost workers are replaced here.

        Raises :class:`~remotereasoner.errors.RemoteReasonerError` when workers can no longer be brought up.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            back = self._attend(self._until(deadline))
            self._hand_out()
            if back or time.monotonic() >= deadline:
                return back

    def close(self) -> None:
        """End our workers, and the cluster where it is ours."""
        for member in self._members:
            self._ray.kill(member.handle)
        self._members = []
        self._waiting.clear()
        self._stack.close()

    def _room(self) -> int:
        have = self._ray.cluster_resources()
        fit = self._needs.fit(have)
        if fit < 1:
            found = ", ".join(f"{have.get(name, 0.0):g} {name}" for name in ("CPU", "GPU"))
            raise UsageError(
                f"a worker needs {self._needs}, the cluster has {found}; to wait for it to grow, give workers"
            )
        return int(min(fit, have.get("CPU", 1.0)))

    def _spawn(self) -> _Member:
        handle = self._make()
        return _Member(handle, handle.begin.remote(self._recipe, self._factory, installed(), str(Path.cwd())))

    def _hand_out(self) -> None:
        for depth in range(_DEPTH):
            for member in self._members:
                if self._waiting and member.takes_units and len(member.held) == depth:
                    unit = self._waiting.popleft()
                    if not member.held:
                        member.began, member.token = time.monotonic(), None
                    result, member.token = member.handle.work.options(num_returns=2).remote(unit, member.token)
                    member.held[result] = unit

    def _until(self, deadline: float) -> list[tuple[_Member, Any]]:
        """Waits for the first thing that happens; everything that has happened, of each member in its order."""
        self._end_overdue()
        watched: dict[Any, _Member] = {}
        now = time.monotonic()
        for member in self._members:
            if member.hello is None:
                watched[member.hello_ref] = member
            elif member.ping_ref is not None:
                if now >= member.ping_after:
                    watched[member.ping_ref] = member
            else:
                watched |= dict.fromkeys(member.held, member)
        # At least once a second there is something to look after: pings, and units that take too long.
        wait_s = max(0.0, min(deadline - now, _PING_S))
        if not watched:
            time.sleep(wait_s)
            return []
        ready, _ = self._ray.wait(list(watched), num_returns=1, timeout=wait_s)
        if ready:
            ready, _ = self._ray.wait(list(watched), num_returns=len(watched), timeout=0)
        return [(watched[ref], ref) for ref in ready]

    def _attend(self, happened: list[tuple[_Member, Any]]) -> list[UnitOutcome | UnitLost]:
        back: list[UnitOutcome | UnitLost] = []
        for member, ref in happened:
            if member not in self._members:  # buried a moment ago
                continue
            if ref == member.hello_ref:
                self._greet(member)
            elif ref == member.ping_ref:
                back += self._after_ping(member)
            elif ref in member.held and member.ping_ref is None:
                back += self._receive(member, ref)
        if any(member.hello is not None for member in self._members):
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > self._start_timeout_s:
            raise EngineError(
                f"no worker has come up for {self._start_timeout_s:g} s: each needs {self._needs}; "
                "look at the cluster with 'ray status'"
            )
        return back

    def _greet(self, member: _Member) -> None:
        """A worker is up, or could not come up: at the start that ends it, later only several in a row do. One that is
        up and differs ends it in any case.
        """
        errors = self._ray.exceptions
        try:
            hello: Hello = self._ray.get(member.hello_ref)
        except errors.RayError as error:
            self._failed_starts += 1
            if self._identity is None or self._failed_starts >= _MAX_STARTS:
                raise _why_not_up(error, errors) from error
            _LOG.warning("a worker could not come up, another is started: %s", error)
            self._members.remove(member)
            self._ray.kill(member.handle)
            self._members.append(self._spawn())
            return
        self._require_same(hello)
        self._failed_starts = 0
        member.hello = hello
        self._identity = hello.identity

    def _require_same(self, hello: Hello) -> None:
        """Results must not depend on which worker made them."""
        from remotereasoner.provenance import collect_versions

        ours = installed()
        if hello.installed != ours:
            raise EngineError(
                f"{hello.place} has {_versions(hello.installed)}, the driver has {_versions(ours)}: install the same"
            )
        if self._identity not in (None, hello.identity):
            raise EngineError(f"{hello.place} loaded {hello.identity}, another worker {self._identity}")
        differ = {name: value for name, value in hello.others.items() if collect_versions().get(name, value) != value}
        if differ:
            _LOG.warning("%s has other versions than the driver, and its results say so: %s", hello.place, differ)

    def _receive(self, member: _Member, ref: Any) -> list[UnitOutcome | UnitLost]:
        errors = self._ray.exceptions
        try:
            items = self._ray.get(ref)
        except errors.RayTaskError as error:
            # Workers turn what can go wrong into outcomes; what still comes through goes wrong the next time, too.
            unit = member.drop(ref)
            self._waiting.extendleft(reversed(member.held.values()))  # not sent: they waited for a token
            member.held.clear()
            said = f"{type(error.cause).__name__}: {error.cause}"[:500]
            return [UnitOutcome(unit.number, tuple(ItemFailed(ask.key, "internal", said) for ask in unit.asks))]
        except errors.ActorUnavailableError:
            self._ping(member)
            return []
        except (errors.RayActorError, errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
            return self._bury(member, self._fate(member, error))
        except errors.ObjectLostError as error:
            return [UnitLost(member.drop(ref).number, f"its result was lost: {type(error).__name__}", False)]
        return [UnitOutcome(member.drop(ref).number, items)]

    def _ping(self, member: _Member) -> None:
        """Ray could not say within a second whether the process is gone: ask again until it can."""
        member.ping_ref = member.handle.ping.remote()
        member.ping_after = time.monotonic() + _PING_S

    def _after_ping(self, member: _Member) -> list[UnitOutcome | UnitLost]:
        errors = self._ray.exceptions
        try:
            self._ray.get(member.ping_ref)
        except errors.ActorUnavailableError:
            self._ping(member)
            return []
        except errors.RayActorError as error:
            return self._bury(member, self._fate(member, error))
        # It lives, and what it did with the units meanwhile is not known.
        return self._bury(member, Fate("the connection to its worker broke", blames_item=False))

    def _fate(self, member: _Member, error: Exception) -> Fate:
        if member.verdict is not None:
            return Fate(member.verdict, blames_item=True)
        _LOG.debug("a worker is gone: %s", error)
        node, place = (member.hello.node_id, member.hello.place) if member.hello is not None else ("", "a worker")
        return died_of(self._ray, error, node, place)

    def _bury(self, member: _Member, fate: Fate) -> list[UnitOutcome | UnitLost]:
        """The first unit is lost, the others wait again, and another worker takes this one's place."""
        units = list(member.held.values())
        self._waiting.extendleft(reversed(units[1:]))
        self._members.remove(member)
        self._ray.kill(member.handle)
        self._members.append(self._spawn())
        return [UnitLost(unit.number, fate.reason, fate.blames_item) for unit in units[:1]]

    def _end_overdue(self) -> None:
        for member in self._members:
            if self._unit_timeout_s is None or not member.held or not member.takes_units:
                continue
            if time.monotonic() - member.began > self._unit_timeout_s:
                member.verdict = f"it took longer than {self._unit_timeout_s:g} s"
                self._ray.kill(member.handle)


def _versions(found: dict[str, str]) -> str:
    return " and ".join(f"{name} {value}" for name, value in found.items())


def _why_not_up(error: Exception, errors: Any) -> RemoteReasonerError:
    """The error of loading as it was raised there; another one in our terms."""
    if isinstance(error, errors.RayTaskError):
        cause = error.cause
        if isinstance(cause, RemoteReasonerError):
            return cause
        said = str(cause).strip().split("\n")[0]
        return EngineError(f"a worker could not load the model: {type(cause).__name__}: {said}")
    first = str(error).strip().split("\n")
    return EngineError(f"a worker could not be brought up; is the same version installed on every node? {first[-1]}")
