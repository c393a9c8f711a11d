// SPDX-License-Identifier: MIT
// smp.c - stands in for demos/crasher.c: threads on several CPUs. how= picks
// what they do. What they note comes out at the end, in order.
//
// Main is on CPU 0, and more urgent than all that it makes: there, none of them
// begins before main waits.

#include "../gicregs.h"
#include "../panic.h"
#include "../sched.h"
#include "../timer.h"
#include "demo.h"

#define NOINLINE __attribute__((noinline))

enum { CALM = 20, HIGH = 28 }; // priorities; main's is 32

static const char *how, *what;
static uint64_t start;

static bool is(const char *text)
{
    return strcmp(what, text) == 0;
}

static uint64_t parameter(const char *key)
{
    return demo_number(key, 0);
}

// --- Time: in microseconds, from the start on ---

static uint64_t ticks(uint64_t microseconds)
{
    return ticks_per_second() * microseconds / 1000000;
}

static uint64_t elapsed(void)
{
    return (now() - start) * 1000000 / ticks_per_second();
}

// Each thread that sleeps has a notification of its own for that.
static void until(cap_t notification, uint64_t microseconds)
{
    sleep_until(notification, start + ticks(microseconds));
}

static cap_t main_alarm;

static void main_until(uint64_t microseconds)
{
    until(main_alarm, microseconds);
}

// A moment of work. (The hint lets another CPU go on, under -icount.)
static void work(void)
{
    for (unsigned i = 0; i < 100; i++)
        asm volatile("" : : : "memory");
    asm volatile("yield");
}

static void compute_until(uint64_t microseconds)
{
    while (elapsed() < microseconds)
        work();
}

// --- Notes ---

static char notes[4096];
static size_t noted;
static struct spinlock notes_lock;

static void note(const char *text, uint64_t number)
{
    mask_interrupts();
    spin_lock(&notes_lock);
    noted += (size_t)snprintf(notes + noted, sizeof(notes) - noted, "%s %lu, ",
                              text, number);
    spin_unlock(&notes_lock);
    unmask_interrupts();
}

// --- Threads ---

static cap_t spawn_on(uint64_t cpu, unsigned priority, const char *name,
                      void (*function)(void *), void *argument)
{
    cap_t thread = spawn_at(priority, name, function, argument);
    if (pin_thread(thread, cpu) != OK)
        panic("no CPU %lu", cpu);
    return thread;
}

// What is found in `value` at last, however many CPUs write there.
static uint64_t load(const uint64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *value, uint64_t what_it_is)
{
    __atomic_store_n(value, what_it_is, __ATOMIC_RELEASE);
}

// --- Every CPU is as it should be ---

static void look(void *argument)
{
    struct cpu *cpu = this_cpu();
    (void)argument;
    printf("cpu %u: mpidr 0x%lx, level %lu, sctlr 0x%lx, mair 0x%lx, "
           "tcr 0x%lx, table 0x%lx, vectors 0x%lx, stack %u\n",
           cpu_number(), sysreg_read(mpidr_el1) & MPIDR_AFFINITY,
           sysreg_read(CurrentEL) >> 2, sysreg_read(sctlr_el1),
           sysreg_read(mair_el1), sysreg_read(tcr_el1), sysreg_read(ttbr0_el1),
           sysreg_read(vbar_el1), (unsigned)(cpu->stack - cpus[0].stack));
}

static void look_at_all(void)
{
    printf("online: %u\n", cpus_online());
    for (unsigned i = 0; i < cpus_online(); i++)
        join(spawn_on(i, CALM, "looker", look, NULL));
}

// --- Calls from one CPU to another, and on ---

enum { STAGES = 4 };

static struct stage {
    cap_t endpoint, reply;
    struct stage *next;
    uint64_t served, seen; // how often, and on which CPUs
} stages[STAGES];

static void serve(void *argument)
{
    struct stage *stage = argument;
    struct message message;
    recv(stage->endpoint, stage->reply, &message);
    for (;;) {
        stage->served++;
        stage->seen |= BIT(cpu_number());
        for (uint64_t n = parameter("work"); n > 0; n--)
            work();
        if (stage->next)
            call(stage->next->endpoint, &message);
        message.words[0]++;
        reply_recv(stage->endpoint, stage->reply, &message);
    }
}

static uint64_t right, wrong;

static void be_client(void *argument)
{
    (void)argument;
    uint64_t rounds = parameter("rounds"), length = parameter("length");
    for (uint64_t n = 0; n < rounds; n++) {
        struct message message = {.words = {n}};
        int error = call(stages[0].endpoint, &message);
        bool is_right = error == OK && message.words[0] == n + length;
        add_atomically(is_right ? &right : &wrong, 1);
    }
}

// clients= and servers= are the CPUs, a digit each.
static void call_across(void)
{
    char servers[8], clients[8];
    cap_t made[8];
    unsigned count = 0;
    snprintf(servers, sizeof(servers), "%s", demo_string("servers", "1"));
    snprintf(clients, sizeof(clients), "%s", demo_string("clients", "0"));
    for (unsigned i = 0; servers[i]; i++) {
        struct stage *stage = &stages[i];
        stage->reply = make_reply();
        cap_t thread = spawn_at(PASSIVE, "server", serve, stage);
        stage->endpoint = make_endpoint(thread);
        if (servers[i] != 'p') {
            bind_context(make_context(CALM), thread);
            pin_thread(thread, (uint64_t)(servers[i] - '0'));
        }
        stage->next = servers[i + 1] ? &stages[i + 1] : NULL;
    }
    main_until(1000); // they wait
    for (unsigned i = 0; clients[i]; i++)
        made[count++] = spawn_on((uint64_t)(clients[i] - '0'), CALM, "client",
                                 be_client, NULL);
    for (unsigned i = 0; i < count; i++)
        join(made[i]);
    for (unsigned i = 0; servers[i]; i++)
        printf("server %u: %lu times, on 0x%lx\n", i, stages[i].served,
               stages[i].seen);
    printf("answers: %lu right, %lu wrong\n", right, wrong);
}

// --- Signals and joins ---

static cap_t bells[3];
static uint64_t rounds_done;

static void ring(void *argument)
{
    uint64_t self = (uintptr_t)argument, bits;
    for (uint64_t n = parameter("rounds"); n > 0; n--) {
        if (self == 0)
            signal(bells[1], 1);
        wait(bells[self], &bits);
        if (bits == 1)
            add_atomically(&rounds_done, 1);
        if (self == 1)
            signal(bells[0], 1);
    }
    note("rang on", cpu_number());
}

static cap_t ringers[2];

static void join_ringers(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 2; i++)
        note("joined", join(ringers[i]) == OK);
    note("joiner on", cpu_number());
}

static void signal_across(void)
{
    for (unsigned i = 0; i < 2; i++)
        bells[i] = make_notification();
    ringers[0] = spawn_on(parameter("first"), CALM, "first", ring, (void *)0);
    ringers[1] = spawn_on(parameter("second"), CALM, "second", ring, (void *)1);
    join(spawn_on(parameter("third"), CALM, "joiner", join_ringers, NULL));
    printf("rounds: %lu\n", rounds_done);
}

// --- Alarms ---

static cap_t alarms_of[MACHINE_CPUS];
static uint64_t latest[MACHINE_CPUS], wakes[MACHINE_CPUS];

static void sleep_often(void *argument)
{
    uint64_t self = (uintptr_t)argument;
    for (unsigned n = 0; n < 5; n++) {
        uint64_t due = 2000 + 100 * self + 1000 * n;
        until(alarms_of[self], due);
        uint64_t late = elapsed() - due;
        if (elapsed() >= due && cpu_number() == self)
            wakes[self]++;
        if (late > latest[self])
            latest[self] = late;
    }
}

// The alarm is set here, and who waits is elsewhere.
static void wait_for_bell(void *argument)
{
    (void)argument;
    uint64_t bits;
    wait(bells[2], &bits);
    note("bits", bits);
    note("at", elapsed());
    note("on", cpu_number());
}

static void set_bell(void *argument)
{
    (void)argument;
    alarm(bells[2], 4, start + ticks(10000));
}

static void sleep_everywhere(void)
{
    cap_t made[MACHINE_CPUS];
    unsigned count = cpus_online();
    for (uint64_t i = 0; i < count; i++)
        alarms_of[i] = make_notification();
    for (uint64_t i = 0; i < count; i++)
        made[i] = spawn_on(i, CALM, "sleeper", sleep_often, (void *)i);
    for (unsigned i = 0; i < count; i++)
        join(made[i]);
    for (unsigned i = 0; i < count; i++)
        printf("cpu %u: %lu wakes, %lu us late\n", i, wakes[i], latest[i]);
    bells[2] = make_notification();
    cap_t waiter = spawn_on(1, CALM, "waiter", wait_for_bell, NULL);
    spawn_on(count - 1, CALM, "setter", set_bell, NULL);
    join(waiter);
}

// --- Budgets, wherever their contexts are ---

static void compute(void *end)
{
    compute_until((uintptr_t)end);
}

static void note_changes(void *argument)
{
    const uint64_t *end = argument;
    unsigned last = ~0U;
    do {
        if (cpu_number() != last) {
            last = cpu_number();
            note("on", last);
            note("at", elapsed() / 100 * 100);
        }
        work();
    } while (!load(end));
}

static cap_t spawn_limited(void (*function)(void *), void *argument,
                           uint64_t budget, uint64_t period)
{
    cap_t thread = spawn_at(PASSIVE, "limited", function, argument);
    cap_t context = make_context(CALM);
    limit_context(context, ticks(budget), ticks(period));
    bind_context(context, thread);
    return thread;
}

// Keeps its CPU from 1 to 8 ms of every second period of 10 ms.
static void take_the_cpu(void *argument)
{
    uint64_t self = (uintptr_t)argument;
    for (uint64_t at = 10000 * self; at < parameter("end"); at += 20000) {
        until(alarms_of[self], at + 1000);
        compute_until(at + 8000);
    }
}

// Who has 2 ms of each 10, and wants more, beside a less urgent one on CPU 1.
// what= says when it is moved: "running", "exhausted", or never ("elsewhere");
// with "stolen", a more urgent one takes its CPU away while another sleeps;
// else each step= microseconds, with "any" every second time to none in
// particular.
static void move_a_budget(void)
{
    uint64_t end = parameter("end"), step = parameter("step");
    uint64_t at = is("running") ? 1000 : is("exhausted") ? 5000 : 0;
    cap_t thread = spawn_limited(compute, (void *)end, 2000, 10000);
    pin_thread(thread, is("stolen") ? ANY_CPU : 1);
    if (is("stolen")) {
        for (uint64_t i = 0; i < 2; i++) {
            alarms_of[i] = make_notification();
            spawn_on(i, HIGH, "urgent", take_the_cpu, (void *)i);
        }
    } else {
        spawn_on(1, CALM - 1, "rival", compute, (void *)end);
    }
    for (uint64_t n = 0; step && at < end; n++, at += step) {
        main_until(at);
        pin_thread(thread,
                   is("any") && n % 2 ? ANY_CPU : (3 * n + 2) % cpus_online());
    }
    join(thread);
}

// --- Budgets of whoever does whatever, wherever ---

enum { TASKS = 5 };

static struct task {
    uint64_t random;
    cap_t alarm;
} tasks[TASKS];

// Knuth, "The Art of Computer Programming", volume 2, section 3.3.4.
static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * 6364136223846793005 + 1442695040888963407;
    return (*random >> 33) % below;
}

static void be_task(void *argument)
{
    struct task *task = argument;
    while (elapsed() < parameter("end")) {
        uint64_t much = elapsed() + 100 + draw(&task->random, 2000);
        struct message message = {.words = {much}};
        switch (draw(&task->random, 6)) {
        case 0:
            until(task->alarm, much);
            break;
        case 1:
            yield();
            break;
        case 2:
            call(stages[0].endpoint, &message);
            break;
        default:
            compute_until(much);
        }
    }
}

static void serve_tasks(void *argument)
{
    (void)argument;
    struct message message;
    recv(stages[0].endpoint, stages[0].reply, &message);
    for (;;) {
        compute_until(message.words[0]);
        reply_recv(stages[0].endpoint, stages[0].reply, &message);
    }
}

// Main moves them all the time, and never itself. The last one has no limit.
static void move_budgets(void)
{
    uint64_t random = parameter("seed"), at = 0;
    cap_t made[TASKS];
    stages[0].reply = make_reply();
    cap_t server = spawn_at(PASSIVE, "server", serve_tasks, NULL);
    stages[0].endpoint = make_endpoint(server);
    draw(&random, 2);
    for (unsigned i = 0; i < TASKS; i++) {
        tasks[i] = (struct task){draw(&random, 1 << 30), make_notification()};
        uint64_t period = 3000 + 1000 * draw(&random, 8);
        uint64_t budget = period * (1 + draw(&random, 5)) / 10;
        made[i] = i < TASKS - 1
                      ? spawn_limited(be_task, &tasks[i], budget, period)
                      : spawn_at(CALM, "task", be_task, &tasks[i]);
        pin_thread(made[i], i % 2 ? ANY_CPU : i % cpus_online());
    }
    while ((at += 300 + draw(&random, 1000)) < parameter("end")) {
        main_until(at);
        uint64_t cpu = draw(&random, cpus_online() + 1);
        pin_thread(made[draw(&random, TASKS)],
                   cpu < cpus_online() ? cpu : ANY_CPU);
    }
    for (unsigned i = 0; i < TASKS; i++)
        join(made[i]);
}

// --- Threads that are moved ---

static uint64_t enough;

static void wait_once(void *argument)
{
    (void)argument;
    uint64_t bits;
    note("waits on", cpu_number());
    wait(bells[0], &bits);
    note("woken on", cpu_number());
}

static void answer_once(void *argument)
{
    struct message message;
    recv(stages[0].endpoint, stages[0].reply, &message);
    note_changes(argument);
    reply(stages[0].reply, &message);
    if (is("lent"))
        note("by itself on", cpu_number());
}

static void ask_once(void *argument)
{
    (void)argument;
    struct message message = {0};
    note("asks on", cpu_number());
    note("answered", call(stages[0].endpoint, &message) == OK);
    note("goes on on", cpu_number());
}

static void move_running(void)
{
    static const uint64_t way[] = {2, 3, 0, 1, ANY_CPU, 2};
    cap_t thread = spawn_on(1, CALM, "running", note_changes, &enough);
    for (unsigned i = 0; i < 6; i++) {
        main_until(1000 * (i + 1));
        pin_thread(thread, way[i]);
    }
    main_until(7000);
    store(&enough, 1);
    join(thread);
}

static void move_waiting(void)
{
    cap_t thread = spawn_on(1, CALM, "waiting", wait_once, NULL);
    main_until(1000);
    pin_thread(thread, 2);
    main_until(2000);
    signal(bells[0], 1);
    join(thread);
}

static void move_exhausted(void)
{
    cap_t thread = spawn_limited(note_changes, &enough, 1000, 20000);
    pin_thread(thread, 1);
    main_until(5000); // its budget is used up
    pin_thread(thread, 2);
    main_until(25000);
    store(&enough, 1);
    join(thread);
}

// The server has a context of its own on CPU 3, or none.
static void move_lent(void)
{
    stages[0].reply = make_reply();
    cap_t server = spawn_at(PASSIVE, "server", answer_once, &enough);
    stages[0].endpoint = make_endpoint(server);
    if (is("lent")) {
        bind_context(make_context(CALM - 1), server);
        pin_thread(server, 3);
    }
    main_until(1000);
    cap_t client = spawn_on(1, CALM, "client", ask_once, NULL);
    main_until(2000);
    pin_thread(client, 2);
    main_until(3000);
    pin_thread(client, 0);
    main_until(4000);
    store(&enough, 1);
    join(client);
    main_until(5000);
}

static void move_ready(void)
{
    spawn_on(1, HIGH, "hog", compute, (void *)4000);
    cap_t thread = spawn_on(1, CALM, "ready", note_changes, &enough);
    main_until(2000);
    note("moved at", elapsed() / 100 * 100);
    pin_thread(thread, 2);
    main_until(3000);
    store(&enough, 1);
    join(thread);
}

static void move_itself(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < cpus_online(); i++) {
        note("OK", pin_thread(CAP_NONE, cpus_online() - 1 - i) == OK);
        note("on", cpu_number());
    }
}

static void move(void)
{
    bells[0] = make_notification();
    if (is("running"))
        move_running();
    if (is("waiting"))
        move_waiting();
    if (is("exhausted"))
        move_exhausted();
    if (is("lent") || is("passive"))
        move_lent();
    if (is("ready"))
        move_ready();
    if (is("itself"))
        join(spawn_on(1, CALM, "itself", move_itself, NULL));
}

// --- Bad calls ---

static unsigned points;

static void expect(const char *name, int64_t got, int64_t wanted)
{
    printf("%s: %s %ld\n", name, got == wanted ? "ok" : "not ok", got);
    points++;
}

static void refuse(void)
{
    const uint64_t absent[] = {
        cpus_online(),     MACHINE_CPUS,      63,         64,
        UINT64_C(1) << 32, UINT64_C(1) << 63, ANY_CPU - 1};
    bells[0] = make_notification();
    cap_t thread = spawn_on(1, CALM, "waiting", wait_once, NULL);
    cap_t passive = spawn_at(PASSIVE, "passive", wait_once, NULL);
    for (unsigned i = 0; i < 7; i++) {
        expect("no such CPU", pin_thread(thread, absent[i]), ERROR_ARGUMENT);
        expect("no such CPU, own", pin_thread(CAP_NONE, absent[i]),
               ERROR_ARGUMENT);
    }
    expect("no context", pin_thread(passive, 0), ERROR_ARGUMENT);
    expect("no context, any", pin_thread(passive, ANY_CPU), ERROR_ARGUMENT);
    expect("no capability", pin_thread(500, 0), ERROR_CAP);
    expect("2^64 - 1", pin_thread(~UINT64_C(1), 0), ERROR_CAP);
    expect("an endpoint", pin_thread(make_endpoint(thread), 0), ERROR_CAP);
    expect("a reply object", pin_thread(make_reply(), 0), ERROR_CAP);
    expect("a notification", pin_thread(bells[0], 0), ERROR_CAP);
    expect("a context", pin_thread(make_context(1), 0), ERROR_CAP);
    expect("main is where it was", cpu_number(), 0);
    main_until(1000); // the thread is where it was, too: see the notes
    signal(bells[0], 1);
    join(thread);
    expect("one that has ended", pin_thread(thread, 0), OK);
    printf("points: %u\n", points);
}

// --- Asleep, with no timer ---

static void sleep_here(void *argument)
{
    uint64_t self = (uintptr_t)argument, bits;
    wait(alarms_of[self], &bits);
    note("woken on", cpu_number());
    note("timer", sysreg_read(cntv_ctl_el0)); // since it fell asleep: nobody
                                              // has anything due here
}

static bool has_timer(const struct cpu *cpu)
{
    return cpu->slice_end != UINT64_MAX || cpu->budget_due != UINT64_MAX ||
           !list_empty(&cpu->alarm_queue);
}

// All sleep but for us, and we have no alarm, either; one after the other is
// woken.
static void wake_by_interrupt(void)
{
    uint64_t at = 0, all = BIT(cpus_online()) - 2;
    cap_t made[MACHINE_CPUS];
    for (unsigned i = 1; i < cpus_online(); i++) {
        alarms_of[i] = make_notification();
        made[i] =
            spawn_on(i, CALM, "sleeper", sleep_here, (void *)(uintptr_t)i);
    }
    do
        main_until(at += 1000);
    while ((load(&idle_cpus) & all) != all);
    for (unsigned i = 0; i < cpus_online(); i++)
        printf("cpu %u: %s\n", i, has_timer(&cpus[i]) ? "armed" : "not armed");
    uint64_t end = elapsed() + 20000;
    while (elapsed() < end)
        work();
    for (unsigned i = 1; i < cpus_online(); i++) {
        printf("signal %u: %lu\n", i, now());
        signal(alarms_of[i], 1);
        join(made[i]);
    }
}

// --- A driver ---

static uint64_t raised, served, strange;
enum { PHYSICAL_TIMER = 30 }; // its line: each CPU has one of its own

static void raise_line(void *argument)
{
    (void)argument;
    uint64_t bits;
    for (uint64_t n = parameter("rounds"); n > 0; n--) {
        raised++;
        raise_spare_line();
        wait(bells[1], &bits);
    }
}

static void drive(void *argument)
{
    (void)argument;
    uint64_t bits;
    unsigned line = is("own") ? PHYSICAL_TIMER : spare_line();
    bells[0] = make_notification();
    if (bind_interrupt(line, bells[0], 4) != OK)
        panic("line %u", line);
    signal(bells[1], 1);
    while (served < parameter("rounds")) {
        if (is("own")) { // a moment from now
            raised++;
            sysreg_write(cntp_tval_el0, 100);
            sysreg_write(cntp_ctl_el0, 1);
        }
        wait(bells[0], &bits);
        served++;
        strange += bits != 4 || cpu_number() != parameter("driver") ||
                   load(&raised) != served;
        sysreg_write(cntp_ctl_el0, 0);
        end_interrupt(line);
        if (!is("own"))
            signal(bells[1], 1);
    }
}

// The driver is on CPU driver=, and CPU from= makes the device interrupt; with
// "own" the device is the driver's CPU's.
static void drive_across(void)
{
    uint64_t bits;
    bells[1] = make_notification();
    cap_t driver = spawn_on(parameter("driver"), CALM, "driver", drive, NULL);
    wait(bells[1], &bits); // it is there
    if (!is("own"))
        join(spawn_on(parameter("from"), CALM, "device", raise_line, NULL));
    join(driver);
    printf("interrupts: %lu raised, %lu served, %lu strange\n", raised, served,
           strange);
}

// --- Who is taken over ---

static void note_where(void *argument)
{
    note(argument, cpu_number());
    uint64_t end = elapsed() + 300;
    while (elapsed() < end)
        work();
}

// Interrupted while its client's context carries it.
static void be_interrupted(void *argument)
{
    (void)argument;
    struct message message;
    recv(stages[0].endpoint, stages[0].reply, &message);
    unsigned before = cpu_number();
    compute_until(8000);
    note("server moved", cpu_number() != before);
    reply(stages[0].reply, &message);
}

static void urgent_from(void *argument)
{
    (void)argument;
    until(bells[1], 3000);
    compute_until(7000);
}

// CPU 1 is busy until 4 ms, CPU 0 from 3 to 7 ms.
static void steal(void)
{
    bells[1] = make_notification();
    stages[0].reply = make_reply();
    cap_t server = spawn_at(PASSIVE, "server", be_interrupted, NULL);
    stages[0].endpoint = make_endpoint(server);
    spawn_on(1, HIGH, "hog", compute, (void *)4000);
    spawn_at(HIGH, "urgent", urgent_from, NULL);
    cap_t client = spawn_at(25, "client", ask_once, NULL);
    pin_thread(client, ANY_CPU);
    spawn_at(24, "pinned", note_where, "pinned");
    cap_t made[3];
    made[0] = spawn_at(10, "low", note_where, "low");
    made[1] = spawn_at(23, "high", note_where, "high");
    made[2] = spawn_at(17, "middle", note_where, "middle");
    for (unsigned i = 0; i < 3; i++)
        pin_thread(made[i], ANY_CPU);
    main_until(30000);
}

// --- Panic ---

static uint64_t ready;

NOINLINE static void compute_for_ever(void *argument)
{
    (void)argument;
    add_atomically(&ready, 1);
    for (;;)
        work();
}

static void yield_for_ever(void *argument)
{
    (void)argument;
    add_atomically(&ready, 1);
    for (;;)
        yield();
}

static void wait_for(uint64_t count)
{
    while (load(&ready) < count)
        work();
}

NOINLINE static void fall(void)
{
    if (is("undefined"))
        asm volatile("udf #0");
    panic("a thread fell");
}

static void fall_later(void *argument)
{
    wait_for((uintptr_t)argument);
    fall();
}

// Falls as soon as all others wait for the lock that it has.
static void fall_with_lock(void *argument)
{
    wait_for((uintptr_t)argument);
    mask_interrupts();
    kernel_lock();
    while (__atomic_load_n(&big_lock.next, __ATOMIC_RELAXED) - big_lock.owner <=
           (uintptr_t)argument)
        work();
    fall();
}

static void fall_together(void *argument)
{
    mask_interrupts(); // none of them is stopped before it falls
    add_atomically(&ready, 1);
    wait_for((uintptr_t)argument);
    fall();
}

// CPU 2 falls, and the others are `busy` (they compute), `idle`, or wait for
// the lock; or they all fall.
static void panic_somewhere(void)
{
    char others[16];
    snprintf(others, sizeof(others), "%s", demo_string("others", "idle"));
    bool busy = strcmp(others, "busy") == 0, lock = strcmp(others, "lock") == 0;
    bool together = strcmp(others, "fall") == 0;
    uint64_t count = cpus_online() - 1;
    for (uint64_t i = 0; i < cpus_online(); i++) {
        if (i == 2)
            spawn_on(i, CALM, "faller",
                     together ? fall_together
                     : lock   ? fall_with_lock
                              : fall_later,
                     (void *)(together       ? count + 1
                              : busy || lock ? count
                                             : 0));
        else if (together)
            spawn_on(i, CALM, "faller", fall_together, (void *)(count + 1));
        else if (busy || lock)
            spawn_on(i, CALM, "other", busy ? compute_for_ever : yield_for_ever,
                     NULL);
    }
    uint64_t bits;
    wait(make_notification(), &bits); // for ever
}

// --- All at once ---

static uint64_t bits_seen;

static void collect(void *argument)
{
    const uint64_t *all = argument;
    uint64_t bits;
    while (bits_seen != *all) {
        wait(bells[0], &bits);
        bits_seen |= bits;
    }
}

// Each client asks, signals, yields, sleeps and moves.
static void do_everything(void *argument)
{
    uint64_t self = (uintptr_t)argument, rounds = parameter("rounds");
    for (uint64_t n = 0; n < rounds; n++) {
        struct message message = {.words = {n}};
        uint64_t length = n % 2 ? 1 : 2; // two servers, of which one asks the
                                         // other
        int error = call(stages[2 - length].endpoint, &message);
        bool is_right = error == OK && message.words[0] == n + length;
        add_atomically(is_right ? &right : &wrong, 1);
        if (n % 4 == 0)
            signal(bells[0], BIT(self));
        if (n % 5 == 0)
            yield();
        if (n % 7 == 0)
            sleep_until(alarms_of[self], now() + ticks(20));
        if (n % 8 == self)
            pin_thread(CAP_NONE, (n + self) % 3 == 0
                                     ? ANY_CPU
                                     : (n + self) % cpus_online());
    }
}

static void mix(void)
{
    enum { CLIENTS = 5 };
    static uint64_t all = BIT(CLIENTS) - 1;
    cap_t made[CLIENTS];
    bells[0] = make_notification();
    for (unsigned i = 0; i < 2; i++) {
        stages[i].reply = make_reply();
        stages[i].next = i ? NULL : &stages[1];
        cap_t thread = spawn_at(PASSIVE, "server", serve, &stages[i]);
        stages[i].endpoint = make_endpoint(thread);
        bind_context(make_context(CALM + i), thread);
        pin_thread(thread, i ? ANY_CPU : cpus_online() - 1);
    }
    cap_t collector = spawn_on(ANY_CPU, CALM + 2, "collector", collect, &all);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        alarms_of[i] = make_notification();
        made[i] = spawn_on(i % cpus_online(), CALM - 1 + i % 3, "client",
                           do_everything, (void *)i);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        join(made[i]);
    join(collector);
    printf("answers: %lu right, %lu wrong; bits 0x%lx\n", right, wrong,
           bits_seen);
}

// --- An older demo, whose threads may run anywhere ---

// What main makes is as free as main is.
static void run_freely(void)
{
    static char line[64];
    uint64_t check = parameter("check"), fix = parameter("fix");
    snprintf(line, sizeof(line), "demo=%s check=%lu fix=%lu", what, check, fix);
    pin_thread(CAP_NONE, ANY_CPU);
    demo_run(line);
    printf("unpinned: %s\n", unpinned ? "yes" : "no");
    demo_end();
}

void demo_crasher(void)
{
    char texts[2][32];
    snprintf(texts[0], sizeof(texts[0]), "%s", demo_string("how", ""));
    snprintf(texts[1], sizeof(texts[1]), "%s", demo_string("what", ""));
    how = texts[0];
    what = texts[1];
    main_alarm = make_notification();
    start = now();
    if (strcmp(how, "look") == 0)
        look_at_all();
    if (strcmp(how, "call") == 0)
        call_across();
    if (strcmp(how, "signal") == 0)
        signal_across();
    if (strcmp(how, "alarm") == 0)
        sleep_everywhere();
    if (strcmp(how, "budget") == 0)
        move_a_budget();
    if (strcmp(how, "budgets") == 0)
        move_budgets();
    if (strcmp(how, "move") == 0)
        move();
    if (strcmp(how, "bad") == 0)
        refuse();
    if (strcmp(how, "sgi") == 0)
        wake_by_interrupt();
    if (strcmp(how, "driver") == 0)
        drive_across();
    if (strcmp(how, "steal") == 0)
        steal();
    if (strcmp(how, "panic") == 0)
        panic_somewhere();
    if (strcmp(how, "mix") == 0)
        mix();
    if (strcmp(how, "free") == 0)
        run_freely();
    printf("notes: %s\n", notes);
    printf("result: done\n");
    demo_end();
}
