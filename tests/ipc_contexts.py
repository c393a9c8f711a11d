# SPDX-License-Identifier: MIT
"""Who runs, from part 4 on: the reference model (ipc_model.py) with scheduling
contexts.

A context has a priority and an owner. It leads to the thread at the end of its
owner's chain of calls: the owner itself; or, if it sends or calls, the
endpoint's server, if that is known; or, if it was received, its receiver,
unless that has called recv again since (or received another's call): and so
on. A context can run if it leads to a thread that is ready. With lending=0
every context leads to its owner.

- Whenever the kernel is left, the thread runs that the most urgent of all
  contexts which can run leads to. This is computed from the state of all
  threads, each time anew.
- The context that runs goes on as long as it can, and no other is more urgent.
  By yield, and at a slice's end, it goes behind the others of its priority.
- A `call` to a waiting receiver that has a reply object, and the answer of
  `reply_recv` where nobody waits to send, is a direct switch if the context
  that runs leads to the other thread, and none that is more urgent can run.
  Otherwise the other thread becomes ready, as anybody else; and so does a
  caller that another thread answers than the one that received its call.
- A thread that becomes ready is told by APPEND, and so is a thread that is
  preempted; whoever is picked by TAKE, and NOBODY if none can run. If the
  context that was picked, or that a direct switch goes by, is not the thread's
  own, then a LEND names its owner. What stays as it is has no event.
- Senders, waiters, and those who join a thread wait by the priority that they
  ran at, and first come, first served among equals.

Contexts of one priority take turns: first come, first served. When a context
comes is clear if it gets its owner, yields, or begins to be able to run after
the kernel, looking for somebody to run, had come across it and passed it by: it
comes then, and has its turn behind all others. But two things are the kernel's
own affair. A context that can't run for a while and is not come across in that
time (something more urgent runs) keeps its turn. And one that can't run may
come again before it can, at a moment when another leaves its chain; or later,
when by a direct switch a thread runs to which it leads too. So the model keeps
for each context not a place in the queue, but between which moments it came:
not before `first`, not after `last` (NEVER: perhaps it has not come yet). Who
came clearly before another one goes before it. Where that is not clear any
order will do: of contexts of one priority, never of different ones.
"""
from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ipc_model import (NOBODY, PRIORITIES, PRIORITY_NORMAL, Call, Cap, Choice,
                       Context, Deadlock, Error, Expected, Fifo, Impossible,
                       Model, State, Thread)
from ipc_trace import Event, Kind

NEVER = float("inf")


class Contexts(Fifo):
    has_contexts = True

    def __init__(self, model: Model, lending: bool = True) -> None:
        super().__init__(model)
        self.lending = lending
        self.moment = 0  # counts whatever has to do with turns
        self.nobody = Thread(NOBODY)
        self.running: Context | None = Context(PRIORITY_NORMAL, model.running)
        self.contexts = [self.running]
        model.running.context = self.running
        self.has_yielded = False

    # --- The rule ---

    def server_of(self, thread: Thread) -> Thread | None:
        """Who works for the thread that waits?"""
        if self.lending:
            if thread.state in (State.SENDING, State.CALLING):
                return thread.target
            if thread.state is State.CALLED and thread.target \
                    and thread.target.client is thread:
                return thread.target
        return None

    def end(self, thread: Thread) -> Thread:
        """The end of its chain of calls. (A circle is about to be reported.)"""
        chain = [thread]
        while (server := self.server_of(chain[-1])) and server not in chain:
            chain.append(server)
        return chain[-1]

    def thread_of(self, context: Context) -> Thread:
        """Whom it leads to."""
        assert context.owner
        return self.end(context.owner)

    def can_run(self, context: Context) -> bool:
        return self.thread_of(context).state is State.READY

    def most_urgent(self) -> list[Context]:
        """Those that can run, of the highest priority that any of them has."""
        able = [c for c in self.contexts if self.can_run(c)]
        top = max((c.priority for c in able), default=None)
        return [c for c in able if c.priority == top]

    def others(self) -> int:
        threads = {self.thread_of(c) for c in self.contexts if self.can_run(c)}
        return len(threads - {self.model.running})

    # --- Turns ---

    def come(self, context: Context) -> None:
        """It comes now, if it can run and has not come before; else it may."""
        context.first = min(context.first, self.moment)
        if self.can_run(context):
            context.last = min(context.last, self.moment)

    def look(self, chosen: Context | None) -> None:
        """The kernel looked for the first context that can run, and this is
        it. It came across all that are more urgent, and all of its priority
        that came before."""
        for context in self.contexts:
            same = chosen and context.priority == chosen.priority
            if context is chosen:
                context.last = min(context.last, self.moment)
            elif self.can_run(context):
                if chosen and same:
                    context.first = max(context.first, chosen.first)
                    chosen.last = min(chosen.last, context.last)
            elif not chosen or context.priority > chosen.priority or (
                    same and context.last < chosen.first):
                context.first = context.last = NEVER
            elif same and context.first <= chosen.last:
                context.last = NEVER

    @contextlib.contextmanager
    def links_change(self, thread: Thread) -> Iterator[None]:
        end = self.end(thread)
        concerned = [c for c in self.contexts if self.thread_of(c) is end]
        yield
        self.moment += 1
        for context in concerned:
            self.come(context)

    # --- What happens ---

    def enqueue(self, thread: Thread, queue: deque[Thread]) -> None:
        assert self.running
        thread.priority = self.running.priority
        at = len(queue)
        while thread.state is not State.RECEIVING and at \
                and queue[at - 1].priority < thread.priority:
            at -= 1
        queue.insert(at, thread)

    def ready(self, thread: Thread) -> None:
        with self.links_change(thread):
            thread.be_ready()
        self.model.expected.append(Expected(Kind.APPEND, thread))

    def switch(self, thread: Thread) -> None:
        assert self.running and self.running.owner
        before = [(c, c.last) for c in self.contexts]
        leads = self.thread_of(self.running) is thread
        with self.links_change(thread):
            thread.be_ready()
        if not leads or self.running not in self.most_urgent():
            self.model.expected.append(Expected(Kind.APPEND, thread))
            return
        for context, last in before:
            context.last = last  # nobody needs it to come
        self.model.running = thread
        if self.running.owner is not thread:
            self.model.expected.append(Expected(Kind.LEND,
                                                self.running.owner))

    def take_yield(self) -> None:
        assert self.running
        self.moment += 1
        self.running.first = self.running.last = self.moment
        self.has_yielded = True

    def run_next(self) -> None:
        """Whom, is seen when the kernel is left."""

    def settle(self, in_interrupt: bool = False) -> None:
        model = self.model
        had_yielded, self.has_yielded = self.has_yielded, False
        able = self.most_urgent()
        if not able:
            if not model.sleeping:
                model.expected.append(Expected(Kind.TAKE, self.nobody))
            model.sleeping, self.running = True, None
            self.look(None)
            if not model.alarms:
                raise Deadlock(())
            return
        if self.running in able and not had_yielded:
            able = [self.running]
        able = [c for c in able if not any(d.last < c.first for d in able)]
        able.sort(key=lambda c: c.first)
        last = None if model.sleeping else model.running
        model.sleeping = False
        model.expected.append(Choice(
            [(c, self.events(c, last, in_interrupt)) for c in able],
            self.run))

    def events(self, context: Context, last: Thread | None,
               in_interrupt: bool) -> list[Expected]:
        """How it is told that this context runs now."""
        thread, owner = self.thread_of(context), context.owner
        if thread is last and context is self.running:
            return []
        told = [Expected(Kind.TAKE, thread,
                         thread.results if in_interrupt else (),
                         goes_on=in_interrupt)]
        if last and thread is not last and last.state is State.READY:
            told.insert(0, Expected(Kind.APPEND, last))
        if owner is not thread:
            told.append(Expected(Kind.LEND, owner))
        return told

    def run(self, context: Context) -> None:
        self.running = context
        self.model.running = self.thread_of(context)
        self.look(context)

    # --- Interrupts ---

    def is_preemption(self, event: Event | None) -> bool:
        """A slice's end, or a shot of torture=SEED: there is no event if nobody
        else is as urgent."""
        due = self.model.due()
        if self.model.sleeping or (due and not event):
            return False
        return not due or any(map(self.model.wakes, due)) or (
            event is not None and event.kind in (Kind.APPEND, Kind.TAKE))

    def preempt(self) -> None:
        self.take_yield()
        self.settle(in_interrupt=True)

    def alarms_signaled(self) -> None:
        # A slice's end may come with them: so perhaps the context comes anew.
        assert self.running
        self.moment += 1
        self.running.last = self.moment
        self.has_yielded = True
        self.settle(in_interrupt=True)

    # --- Calls ---

    def call(self, x: Sequence[int]) -> Error | Cap:
        if x[7] == Call.CREATE_CONTEXT:
            return Cap(Context(x[1])) if x[1] < PRIORITIES else Error.ARGUMENT
        context = self.model.find(x[0], Context)
        if x[7] == Call.LIMIT_CONTEXT:
            if not context:
                return Error.CAP
            if not 100 <= x[1] <= x[2] < 1 << 63:
                return Error.ARGUMENT
            raise Impossible("the model knows no budgets: see test_budget.py")
        thread = self.model.find(x[1], Thread)
        if not context or not thread:
            return Error.CAP
        if context.owner or thread.context:
            return Error.ARGUMENT
        context.owner, thread.context = thread, context
        self.contexts.append(context)
        self.moment += 1
        context.first = context.last = self.moment
        return Error.OK


def rule_of(part: Path, lending: bool = True) -> Callable[[Model], Fifo]:
    """The rule by which this part decides who runs."""
    if not (part / "schedcontext.h").is_file():
        return Fifo
    return functools.partial(Contexts, lending=lending)
