# SPDX-License-Identifier: MIT
"""Who ran when: the events of a run (tools/ring.py) as a timeline, and the
timeline as a file in Chrome's trace format, as a picture, and as a table.

A thread's time includes what the kernel does on its behalf: it runs from the
moment at which the kernel picks it until the kernel picks another. From part 4
on the kernel says when it begins to idle. Before, it says nothing; so the CPU
idles from the last event before the interrupt that ended it.

Who runs is a matter of each CPU. Who waits, and for what, is one of the thread:
it may go on on another CPU than the one on which it entered the kernel.
"""
from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

from one_call import SYS_CALL
from ring import NOBODY, Event, Kind


@dataclass(frozen=True)
class Span:
    """A stretch of time of one thread; of NOBODY, if the CPU idled."""
    thread: int
    start: int          # in ticks
    end: int
    lender: int | None = None   # on whose context it ran; None: on its own
    cpu: int = 0        # where, if it ran

    @property
    def payer(self) -> int:
        """Whose context it ran on."""
        return self.thread if self.lender is None else self.lender

    def within(self, start: int, end: int) -> Span | None:
        """What of it lies between two times; None: nothing. One that is over
        within the tick in which it began is something, too."""
        first, last = max(self.start, start), min(self.end, end)
        inside = first < last or first == last == self.start == self.end
        return replace(self, start=first, end=last) if inside else None


@dataclass(frozen=True)
class Arrow:
    """A thread enters the kernel, and the kernel goes on with another that it
    did not take out of the run queue: a direct switch."""
    left: int           # when the first one entered
    caller: int
    came: int           # when the other one went on
    callee: int
    call: int           # its number, in x7


@dataclass
class Timeline:
    """What is known of the time from `start` to `end`, in ticks."""
    start: int
    end: int
    runs: list[Span] = field(default_factory=list)  # CPU by CPU
    waits: list[Span] = field(default_factory=list)  # ready, but others run
    awaits: list[Span] = field(default_factory=list)  # called, has no reply
    spent: list[Span] = field(default_factory=list)  # its budget is used up
    interrupts: list[tuple[int, int, int]] = field(
        default_factory=list)           # time, who, on which CPU
    arrows: list[Arrow] = field(default_factory=list)
    cpus: int = 1

    def threads(self) -> list[int]:
        """All that ran, waited or lent; who idled comes last."""
        return sorted({s.payer for s in self.runs} |
                      {s.thread for s in (*self.runs, *self.waits,
                                          *self.awaits, *self.spent)})

    def part(self, runs: list[Span]) -> float:
        """How much of the time these are, from 0 to 1."""
        spent = sum(s.end - s.start for s in runs)
        return spent / max(1, self.end - self.start)

    def share(self, thread: int) -> float:
        """The part of all CPUs' time in which a thread ran."""
        return self.part([s for s in self.runs
                          if s.thread == thread]) / self.cpus

    def paid(self, thread: int) -> float:
        """The part of it in which it, or another, ran on its context."""
        return self.part([s for s in self.runs
                          if s.payer == thread]) / self.cpus

    def idle(self, cpu: int) -> float:
        """The part of its time in which a CPU idled."""
        return self.part([s for s in self.runs
                          if (s.thread, s.cpu) == (NOBODY, cpu)])

    def switches(self) -> list[Span]:
        """The runs that another thread's, on the same CPU, came before."""
        return [s for last, s in itertools.pairwise(self.runs)
                if last.cpu == s.cpu and last.thread != s.thread]

    def moves(self, thread: int) -> int:
        """How often a thread went on on another CPU."""
        runs = sorted((s for s in self.runs if s.thread == thread),
                      key=lambda s: s.start)
        return sum(last.cpu != s.cpu for last, s in itertools.pairwise(runs))

    def without(self, thread: int) -> float:
        """The part of the time in which its budget was used up."""
        return self.part([s for s in self.spent if s.thread == thread])

    def lends(self) -> list[Span]:
        """When others run on a thread's context."""
        return [Span(s.payer, s.start, s.end) for s in self.runs
                if s.lender is not None]

    def between(self, start: int, end: int) -> Timeline:
        """The same, but only what was between two times."""
        def cut(spans: list[Span]) -> list[Span]:
            return [part for s in spans if (part := s.within(start, end))]
        return Timeline(
            start, end, cut(self.runs), cut(self.waits), cut(self.awaits),
            cut(self.spent),
            [i for i in self.interrupts if start <= i[0] <= end],
            [a for a in self.arrows if start <= a.came <= end], self.cpus)


def outside(spans: list[Span], holes: list[Span]) -> list[Span]:
    """What of the spans is in no hole of the same thread."""
    for hole in holes:
        spans = [part for s in spans for part in (
            [s] if s.thread != hole.thread else
            [s.within(s.start, hole.start), s.within(hole.end, s.end)]) if part]
    return spans


@dataclass
class Cpu:
    """What is known of a CPU."""
    number: int
    since: int                      # when the one that runs began to
    last: int                       # the time of the event before
    running: int | None = None      # None: not known yet
    lender: int | None = None       # on whose context; None: its own
    entered: Event | None = None    # who is in the kernel, and why
    taken: bool = False             # was that a TAKE?
    lent: int | None = None         # who lends to the one that leaves
    runs: list[Span] = field(default_factory=list)

    def switch(self, thread: int, time: int, lender: int | None = None) -> None:
        """From now on this thread runs, on its context or a lender's."""
        self.close(time)
        self.running, self.since, self.lender = thread, time, lender

    def close(self, time: int) -> None:
        """Until now the same one ran. If it goes on, its span grows."""
        if self.running is None:
            return
        runs = self.runs
        span = Span(self.running, self.since, time, self.lender, self.number)
        if runs and replace(runs[-1], start=span.start, end=span.end) == span:
            span = replace(runs.pop(), end=time)
        runs.append(span)


class Reader:
    """Follows the events. Each kind has a method of its name."""

    def __init__(self, start: int, cpus: int, whole: bool) -> None:
        self.line = Timeline(start, start, cpus=cpus)
        self.cpus = [Cpu(n, start, start) for n in range(cpus)]
        for cpu in self.cpus[1:] if whole else []:
            cpu.running = NOBODY            # the first one makes all threads
        self.cpu = self.cpus[0]             # where the event was
        self.ready: dict[int, int] = {}     # who waits, and since when
        self.calls: dict[int, int] = {}     # who awaits a reply, and since when
        self.spent: dict[int, int] = {}     # who has no budget, and since when

    def enter(self, event: Event) -> None:
        self.found_running(event)
        self.cpu.entered = event
        if event.x[7] == SYS_CALL:
            self.calls[event.thread] = event.time

    def leave(self, event: Event) -> None:
        self.answered(event)
        cpu = self.cpu
        entered, cpu.entered = cpu.entered, None
        lent, cpu.lent = cpu.lent, None
        if event.thread == cpu.running:
            return
        if entered:
            self.line.arrows.append(Arrow(entered.time, entered.thread,
                                          event.time, event.thread,
                                          entered.x[7]))
        cpu.switch(event.thread, event.time, lent)

    def append(self, event: Event) -> None:
        self.answered(event)
        self.ready[event.thread] = event.time

    def take(self, event: Event) -> None:
        if event.thread in self.ready or event.thread not in (
                NOBODY, self.cpu.running):  # else it changes its context
            since = self.ready.pop(event.thread, self.line.start)
            self.line.waits.append(Span(event.thread, since, event.time))
        self.cpu.switch(event.thread, event.time)

    def lend(self, event: Event) -> None:
        """Says it of the TAKE just before, or of the LEAVE that follows."""
        if self.cpu.taken:
            self.cpu.lender = event.thread
        else:
            self.cpu.lent = event.thread

    def exhaust(self, event: Event) -> None:
        self.spent[event.thread] = event.time

    def refill(self, event: Event) -> None:
        self.refilled(event.thread, event.time)

    def refilled(self, thread: int, time: int) -> None:
        since = self.spent.pop(thread, self.line.start)
        self.line.spent.append(Span(thread, since, time))

    def answered(self, event: Event) -> None:
        """If it waited for a reply, that is over. (It did not if it is still
        the one that runs: its call failed.)"""
        since = self.calls.pop(event.thread, None)
        if since is not None and event.thread != self.cpu.running:
            self.line.awaits.append(Span(event.thread, since, event.time))

    def interrupt(self, event: Event) -> None:
        if event.thread == NOBODY:
            self.cpu.switch(NOBODY, self.cpu.last)
        self.found_running(event)
        self.line.interrupts.append((event.time, event.thread, event.cpu))

    def found_running(self, event: Event) -> None:
        """Where the ring begins in the middle, this says who ran before."""
        cpu = self.cpu
        if cpu.running is None:
            cpu.running, cpu.lender = event.thread, cpu.lent
        cpu.lent = None
        payer = cpu.running if cpu.lender is None else cpu.lender
        if self.spent.get(payer, cpu.since) < cpu.since:
            self.refilled(payer, cpu.since)  # it was given a new limit

    def read(self, event: Event) -> None:
        self.cpu = self.cpus[event.cpu]
        getattr(self, event.kind.name.lower())(event)
        self.cpu.last, self.cpu.taken = event.time, event.kind == Kind.TAKE

    def finish(self, end: int) -> Timeline:
        for cpu in self.cpus:
            cpu.close(end)
            self.line.runs += cpu.runs
        self.line.waits += [Span(thread, since, end)
                            for thread, since in self.ready.items()]
        running = [cpu.running for cpu in self.cpus]
        self.line.awaits += [Span(thread, since, end)
                             for thread, since in self.calls.items()
                             if thread not in running]
        self.line.spent += [Span(thread, since, end)
                            for thread, since in self.spent.items()]
        self.line.waits = outside(self.line.waits, self.line.spent)
        self.line.end = end
        return self.line


def timeline(events: list[Event], end: int | None = None, cpus: int = 1,
             whole: bool = True) -> Timeline:
    """The timeline of some events, at least one; up to the last, or to a later
    time at which the same threads are known to run. Unless they are the whole
    story, nothing is known of a CPU before its first event."""
    # Who is put into the run queue says nothing about who runs, and nor does a
    # budget.
    known = [*itertools.dropwhile(lambda e: e.kind in (
        Kind.APPEND, Kind.EXHAUST, Kind.REFILL), events)]
    reader = Reader((known or events)[0].time, cpus, whole)
    for event in known:
        reader.read(event)
    return reader.finish(max(end or 0, events[-1].time))


@dataclass(frozen=True)
class Labels:
    """What is needed to put words to a timeline."""
    title: str              # the command that made it
    frequency: int          # ticks a second
    names: dict[int, str]   # of threads
    calls: list[str]        # of the kernel's calls, by number

    def name(self, thread: int) -> str:
        if thread == NOBODY:
            return "idle"
        return self.names.get(thread) or f"thread {thread}"

    @staticmethod
    def cpu(number: int) -> str:
        return f"cpu {number}"

    def call(self, number: int) -> str:
        return (self.calls[number] if number < len(self.calls)
                else f"call {number}")

    def us(self, ticks: int) -> float:
        return round(ticks * 1e6 / self.frequency, 3)

    def ms(self, ticks: int) -> float:
        return ticks * 1e3 / self.frequency


# --- Chrome's trace format ---


def chrome(line: Timeline, labels: Labels) -> dict[str, object]:
    """A timeline in the format that Perfetto and Chrome read ("Trace Event
    Format"): times in microseconds, a track for each thread; and, if there are
    several CPUs, one before for each of them, which has what ran there."""
    cpus = [labels.cpu(n) for n in range(line.cpus) if line.cpus > 1]
    threads = [t for t in line.threads() if t != NOBODY or not cpus]
    tracks = {t: n for n, t in enumerate(threads, len(cpus) + 1)}

    def event(kind: str, thread: int, name: str, time: int | None = None,
              cpu: int = 0, **more: object) -> dict[str, object]:
        """On the thread's track; one without any is on the CPU's."""
        at = {} if time is None else {"ts": labels.us(time)}
        return {"ph": kind, "pid": 1, "tid": tracks.get(thread, cpu + 1),
                "name": name, **at, **more}

    def run(s: Span, thread: int, name: str) -> dict[str, object]:
        args = {"cpu": s.cpu} if cpus else {}
        args |= {} if s.lender is None else {"lender": labels.name(s.lender)}
        return event("X", thread, name, s.start, s.cpu,
                     dur=round(labels.us(s.end) - labels.us(s.start), 3),
                     **({"args": args} if args else {}))

    out = [{"ph": "M", "pid": 1, "tid": 0, "name": "process_name",
            "args": {"name": labels.title}}]
    for track, name in enumerate([*cpus, *map(labels.name, threads)], 1):
        out += [{"ph": "M", "pid": 1, "tid": track, "name": "thread_name",
                 "args": {"name": name}},
                {"ph": "M", "pid": 1, "tid": track, "name": "thread_sort_index",
                 "args": {"sort_index": track}}]
    out += [run(s, NOBODY, labels.name(s.thread)) for s in line.runs if cpus]
    out += [run(s, s.thread, "idle" if s.thread == NOBODY else "runs")
            for s in line.runs if s.thread in tracks]
    for number, s in enumerate(line.spent, 1):  # may begin while another runs
        name = f"{labels.name(s.thread)}: budget used up"
        out += [event(kind, s.thread, name, time, id=number, cat="budget")
                for kind, time in (("b", s.start), ("e", s.end))]
    out += [event("i", thread, "interrupt", time, cpu, s="t")
            for time, thread, cpu in line.interrupts]
    for number, a in enumerate(line.arrows, 1):
        name = labels.call(a.call)
        out += [event("s", a.caller, name, a.left, id=number, cat="switch"),
                event("f", a.callee, name, a.came, id=number, cat="switch",
                      bp="e")]
    return {"displayTimeUnit": "ns", "traceEvents": out}


# --- The picture ---

Place = Callable[[float], float]    # ticks -> pixels from the left

WIDTH, ROW, BAR = 480, 30, 18
TOP, MARGIN = 42, 14
RUNS, WAITS, IDLES, INTERRUPT = "#4f7fb8", "#cfe0f3", "#d8d5ca", "#b03a2e"
LENDS, AWAITS, SPENT = "#e3a535", "#6b6b6b", "#e6b3c4"
CPUS = (RUNS, "#4d8c57", "#8a5fa8", "#a5673f", "#2f8a94", "#b5548f", "#7c7a2c",
        "#444a8c")  # what runs, by its CPU
INK = "#1c1c1c"
LETTER = 7.4        # pixels: as wide as a letter is, at most
THIN = 1.5          # pixels: the narrowest box
TITLE = 56          # letters that there is room for


def tick_step(span: float) -> float:
    """The distance of an axis' ticks, 1, 2 or 5 times a power of ten, so that
    there are at most 8."""
    step = 10.0 ** math.floor(math.log10(span / 8))
    return next(step * n for n in (1, 2, 5, 10) if span / (step * n) <= 8)


def bars(spans: list[Span], place: Place, top: float, height: float,
         color: str = "") -> list[str]:
    """The spans as boxes that are wide enough to be seen; those that would look
    the same only once. Runs have their CPU's color."""
    boxes = {(round(place(s.start), 1),
              max(THIN, round(place(s.end) - place(s.start), 1)),
              color or (IDLES if s.thread == NOBODY else CPUS[s.cpu]))
             for s in spans}
    return [f'<rect x="{x:g}" y="{top:g}" width="{w:g}" height="{height:g}" '
            f'fill="{fill}"/>' for x, w, fill in sorted(boxes)]


def axis(line: Timeline, labels: Labels, place: Place,
         bottom: int) -> list[str]:
    """Lines through all rows, with the time in milliseconds below."""
    first, last = labels.ms(line.start), labels.ms(line.end)
    step = tick_step(max(last - first, 1e-6))
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    out = []
    for n in range(math.ceil(first / step), math.floor(last / step) + 1):
        x = round(place(n * step * labels.frequency / 1e3), 1)
        text = f"{n * step:.{digits}f}"
        half = LETTER * len(text) / 2
        middle = min(max(x, 36 + half), WIDTH - 4 - half)
        out += [f'<path d="M{x:g} {TOP}V{bottom + 5}" stroke="#bbb"/>',
                f'<text x="{middle:g}" y="{bottom + 20}" text-anchor="middle">'
                f'{text}</text>']
    return out + [f'<text x="{MARGIN}" y="{bottom + 20}">ms</text>']


def keys(kinds: list[tuple[str, int, str]], y: int) -> tuple[list[str], float]:
    """A row of the legend, and how far it goes to the right."""
    out, x = [], float(MARGIN)
    for color, height, text in kinds:
        out += [f'<rect x="{x:g}" y="{y - height / 2 - 5:g}" width="16" '
                f'height="{height}" fill="{color}"/>',
                f'<text x="{x + 22:g}" y="{y}">{text}</text>']
        x += 22 + 6.4 * len(text) + 14
    return out, x


def legend(line: Timeline, y: int) -> tuple[list[str], int]:
    """What the colors mean, of those that are there, and how far it goes
    down. The second row is about calls, the last one about budgets."""
    kinds = [(RUNS, 12, "runs, by CPU" if line.cpus > 1 else "runs"),
             (WAITS, 6, "ready, but another runs")]
    if any(s.thread == NOBODY for s in line.runs):
        kinds.append((IDLES, 12, "idle"))
    out, x = keys(kinds, y)
    if line.interrupts:
        out += [f'<path d="M{x + 4:g} {y - 14}v18" stroke="{INTERRUPT}" '
                'stroke-width="2"/>',
                f'<text x="{x + 12:g}" y="{y}">interrupt</text>']
    kinds = []
    if line.awaits:
        kinds.append((AWAITS, 2, "awaits a reply"))
    if line.lends():
        kinds.append((LENDS, 10, "lends: another runs on its context"))
    budgets = [(SPENT, 6, "its budget is used up")] if line.spent else []
    for row in filter(None, (kinds, budgets)):
        y += 22
        out += keys(row, y)[0]
    return out, y


@dataclass(frozen=True)
class Row:
    """A row of the picture: a thread's, or a CPU's."""
    name: str
    runs: list[Span]
    marks: list[int]            # the times of interrupts
    thread: int | None = None   # None: a CPU's


def rows_of(line: Timeline, labels: Labels) -> list[Row]:
    """One for each thread; and instead of who idles, if there are several CPUs,
    one for each of them."""
    several = line.cpus > 1
    return [
        *(Row(labels.name(t), [s for s in line.runs if s.thread == t],
              [time for time, who, _ in line.interrupts if who == t], t)
          for t in line.threads() if t != NOBODY or not several),
        *(Row(labels.cpu(n), [s for s in line.runs if s.cpu == n],
              [time for time, _, cpu in line.interrupts if cpu == n])
          for n in range(line.cpus) if several)]


def words(row: Row, labels: Labels, place: Place, top: float) -> list[str]:
    """What is written into a run, where there is room: on which CPU, or who."""
    out = []
    for s in row.runs:
        word = str(s.cpu) if row.thread is not None else labels.name(s.thread)
        color = INK if s.thread == NOBODY else "#fff"
        if place(s.end) - place(s.start) > LETTER * len(word) + 2:
            out.append(f'<text x="{place((s.start + s.end) / 2):.1f}" '
                       f'y="{top + BAR - 5:g}" font-size="11" fill="{color}" '
                       f'text-anchor="middle">{escape(word)}</text>')
    return out


def shortened(title: str) -> str:
    return title if len(title) <= TITLE else title[:TITLE - 3] + "..."


def described(line: Timeline, labels: Labels) -> str:
    """The picture in words, for those who can't see it."""
    shares = ", ".join(f"{labels.name(t)} {p}" for t, p in percents(line))
    first, last = labels.ms(line.start), labels.ms(line.end)
    time = f"the time of {line.cpus} CPUs" if line.cpus > 1 else "this time"
    text = (f"From {first:.1f} to {last:.1f} ms. Of {time} ran: {shares}. "
            f"Interrupts: {len(line.interrupts)}.")
    if lends := line.lends():
        names = sorted({labels.name(s.thread) for s in lends})
        part = 100 * line.part(lends) / line.cpus
        text += (f" For {part:.1f} % of the time, another ran on the context "
                 f"of {', '.join(names)}.")
    if line.awaits:
        wait = max(line.awaits, key=lambda s: s.end - s.start)
        text += (f" Longest wait for a reply: {labels.name(wait.thread)}, "
                 f"{labels.ms(wait.end - wait.start):.1f} ms.")
    if line.spent:
        text += " Without budget: " + ", ".join(
            f"{labels.name(t)} {100 * line.without(t):.1f} %"
            for t in sorted({s.thread for s in line.spent})) + "."
    return text


def svg(line: Timeline, labels: Labels) -> str:
    """The picture. It has its own background, so that it can be read on a
    light page and on a dark one."""
    rows = rows_of(line, labels)
    left = MARGIN + LETTER * max(len(row.name) for row in rows) + 8
    scale = (WIDTH - 2 * MARGIN - left) / max(1, line.end - line.start)

    def place(time: float) -> float:
        return left + (time - line.start) * scale

    bottom = TOP + ROW * len(rows)
    meanings, last = legend(line, bottom + 46)
    height = last + 16
    body = axis(line, labels, place, bottom)
    for number, row in enumerate(rows):
        top = TOP + ROW * number + (ROW - BAR) // 2
        waits, awaits, spent, lends = (
            [s for s in spans if s.thread == row.thread] for spans in
            (line.waits, line.awaits, line.spent, line.lends()))
        marks = {round(place(time), 1) for time in row.marks}
        body += [f'<text x="{MARGIN}" y="{top + BAR - 4}" font-weight="bold">'
                 f'{escape(row.name)}</text>',
                 *bars(waits, place, top + BAR / 2 - 3, 6, WAITS),
                 *bars(spent, place, top + BAR / 2 - 3, 6, SPENT),
                 *bars(row.runs, place, top, BAR),
                 *bars(lends, place, top + BAR / 2 - 5, 10, LENDS),
                 *bars(awaits, place, top + BAR / 2 - 1, 2, AWAITS),
                 *(f'<path d="M{x:g} {top - 3}v{BAR + 6}" '
                   f'stroke="{INTERRUPT}" stroke-width="2"/>'
                   for x in sorted(marks)),
                 *(words(row, labels, place, top) if line.cpus > 1 else [])]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<title>{escape(labels.title)}</title>',
        f'<desc>{escape(described(line, labels))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fdfdfb"/>',
        f'<text x="{MARGIN}" y="26" font-family="monospace">'
        f'{escape(shortened(labels.title))}</text>',
        *body, *meanings, "</svg>", ""])


# --- The table ---


def percents(line: Timeline,
             share: Callable[[Timeline, int], float] = Timeline.share,
             ) -> list[tuple[int, str]]:
    """Each thread's share in percent. They add up to 100: the ones that lose
    most by being rounded down are rounded up."""
    exact = {t: 1000 * share(line, t) for t in line.threads()}
    down = {t: math.floor(value) for t, value in exact.items()}
    missing = round(sum(exact.values())) - sum(down.values())
    for t in sorted(exact, key=lambda t: down[t] - exact[t])[:missing]:
        down[t] += 1
    return [(t, f"{n // 10}.{n % 10} %") for t, n in down.items()]


def table(line: Timeline, labels: Labels) -> list[str]:
    """A line for each thread: its share; what its context paid for, if that is
    not the same for all; for how much of the time its budget was used up, if
    any was; how often it was switched to; and how long it had to wait, at most,
    while it could have run. With several CPUs a share is one of the time of all
    CPUs, and there is how often the thread moved to another."""
    switched = Counter(s.thread for s in line.switches())
    longest: dict[int, int] = {}
    for s in line.waits:
        longest[s.thread] = max(longest.get(s.thread, 0), s.end - s.start)
    width = max(6, *(len(labels.name(t)) for t in line.threads()))
    shares, paid = percents(line), dict(percents(line, Timeline.paid))
    lent = paid != dict(shares)
    spent, several = bool(line.spent), line.cpus > 1
    out = [f"{'thread':<{width}}     share{'  paid for' * lent}"
           f"{'  no budget' * spent}  switched to{'  moved' * several}"
           "  longest wait"]
    for thread, share in shares:
        pays = f" {paid[thread]:>9}" * lent
        pays += f" {100 * line.without(thread):>8.1f} %" * spent
        moves = f" {line.moves(thread):>6}" * several
        wait = f"{labels.ms(longest.get(thread, 0)):.3f} ms"
        if thread == NOBODY:
            pays, moves, wait = " " * len(pays), "", ""
        out.append(f"{labels.name(thread):<{width}} {share:>9}{pays} "
                   f"{switched[thread]:>12}{moves}  {wait:>12}".rstrip())
    return out


def cpu_table(line: Timeline, labels: Labels) -> list[str]:
    """A line for each CPU: how much of its time it idled, and how often it
    switched."""
    switched = Counter(s.cpu for s in line.switches())
    return [f"{'cpu':<6}      idle  switches",
            *(f"{labels.cpu(n):<6} {100 * line.idle(n):>7.1f} % "
              f"{switched[n]:>9}" for n in range(line.cpus))]
