// SPDX-License-Identifier: MIT
// notify.c - stands in for demos/crasher.c: sleepers, what alarms cost, waits
// that end and such that don't, and drivers of the serial line. how= picks what
// happens.

#include "../gic.h"
#include "../irq.h"
#include "../machine.h"
#include "../notification.h"
#include "../registers.h"
#include "../timer.h"
#include "../uart.h"
#include "demo.h"
#include "sysreg.h"

enum {
    MOST = 1000, // alarms
    FAR = 100,   // seconds
    CTRL_U = 0x15,
};

static struct notification notifications[MOST];

static uint64_t ticks(uint64_t milliseconds)
{
    return ticks_per_second() * milliseconds / 1000;
}

// How many instructions were executed, modulo 2^32. (The cycle counter also
// counts the time that the CPU sleeps: under -icount a cycle is a nanosecond.)
static uint64_t retired(void)
{
    asm volatile("isb");
    return sysreg_read(pmevcntr0_el0);
}

static void count_retired(void)
{
    sysreg_write(pmevtyper0_el0, 0x08); // INST_RETIRED
    sysreg_write(pmcntenset_el0, 1);
    sysreg_write(pmcr_el0, PMCR_E);
}

// --- Sleepers ---

static void nap(void *milliseconds)
{
    uint64_t before = retired(), begin = now();
    uint64_t time = begin + ticks(*(uint64_t *)milliseconds);
    cap_t notification = make_notification();
    sleep_until(notification, time);
    uint64_t after = now();
    printf("slept: %lu ms\nlate: %lu ticks\ninstructions: %u\n",
           (after - begin) * 1000 / ticks_per_second(), after - time,
           (uint32_t)(retired() - before));
}

// What one without a sleep must do: look at the clock again and again.
static void look(void *milliseconds)
{
    uint64_t before = retired();
    uint64_t end = now() + ticks(*(uint64_t *)milliseconds);
    while (now() < end)
        yield();
    printf("instructions: %u\n", (uint32_t)(retired() - before));
}

static void run_alone(void (*function)(void *))
{
    static uint64_t milliseconds;
    milliseconds = demo_number("ms", 10000);
    count_retired();
    join(spawn("alone", function, &milliseconds));
}

// --- Many alarms ---

// The others' alarms are far away, and in the order in which they are set. We
// are main, and so have interrupts masked, as the kernel has: its functions can
// be called.
static uint64_t set_alarms(unsigned count)
{
    uint64_t time = now() + ticks(FAR * 1000), before = 0;
    for (unsigned i = 0; i < count; i++) {
        notification_init(&notifications[i]);
        before = retired();
        timer_set_alarm(&notifications[i], 1, time + i);
    }
    return retired() - before; // what the last one took
}

static void take_back_alarms(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        timer_set_alarm(&notifications[i], 0, 0);
}

static void wake(void *result)
{
    cap_t notification = make_notification();
    uint64_t before = retired();
    sleep_until(notification, now() + ticks(10));
    *(uint32_t *)result = (uint32_t)(retired() - before);
}

static void measure(void)
{
    static const unsigned counts[] = {10, 100, 1000};
    count_retired();
    for (unsigned i = 0; i < 3; i++) {
        static uint32_t took;
        uint64_t insertion = set_alarms(counts[i]);
        join(spawn("sleeper", wake, &took));
        printf("%u alarms: insertion %lu, sleep and wake-up %u\n", counts[i],
               insertion, took);
        take_back_alarms(counts[i]);
    }
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    return (random_state >> 33) % limit;
}

// A thousand alarms at random milliseconds of a second. At each millisecond
// exactly those are signaled whose time has come.
static void check_all(void)
{
    unsigned wrong = 0, set = 0;
    random_state = demo_number("seed", 1);
    cap_t own = make_notification();
    uint64_t begin = now() + ticks(10);
    for (unsigned i = 0; i < MOST; i++) {
        notification_init(&notifications[i]);
        timer_set_alarm(&notifications[i], i + 1,
                        begin + ticks(random_below(1000)));
    }
    for (unsigned m = 0; m < 1000; m++) {
        sleep_until(own, begin + ticks(m));
        for (unsigned i = 0; i < MOST; i++) {
            bool due = notifications[i].alarm_time <= begin + ticks(m);
            wrong += notifications[i].bits != (due ? i + 1 : 0);
        }
    }
    for (unsigned i = 0; i < MOST; i++)
        set += notifications[i].bits == i + 1;
    printf("alarms: %u came, %u at the wrong time\n", set, wrong);
}

// Threads whose alarms are for one moment, set in the order of their numbers
// but for the last, whose alarm is the first that was set.
struct waiter {
    unsigned number;
    cap_t notification;
};

static void wait_and_say(void *argument)
{
    struct waiter *waiter = argument;
    uint64_t bits;
    wait(waiter->notification, &bits);
    printf("woken: %u\n", waiter->number);
}

static void check_order(void)
{
    static const unsigned order[] = {3, 0, 1, 2};
    static struct waiter waiters[4];
    cap_t made[4];
    for (unsigned i = 0; i < 4; i++) {
        waiters[i] = (struct waiter){i, make_notification()};
        made[i] = spawn("waiter", wait_and_say, &waiters[i]);
    }
    uint64_t time = now() + ticks(10);
    for (unsigned i = 0; i < 4; i++)
        alarm(waiters[order[i]].notification, 1, time);
    for (unsigned i = 0; i < 4; i++)
        join(made[i]);
}

// --- Alarms of those who compute ---

__attribute__((noinline)) static void compute_until(uint64_t time)
{
    while (now() < time)
        ;
}

// Sets an alarm, and then one that it takes back, and computes after each: it
// is over before a slice is.
static void set_and_compute(void *unused)
{
    (void)unused;
    cap_t notification = make_notification();
    uint64_t begin = now(), bits = 0;
    alarm(notification, 1, begin + ticks(2));
    compute_until(begin + ticks(4));
    poll(notification, &bits);
    printf("set: %lu\n", bits);
    alarm(notification, 2, begin + ticks(6));
    alarm(notification, 0, 0);
    compute_until(begin + ticks(8));
    printf("taken back: %s\n", error_name(poll(notification, &bits)));
}

// Sleepers, who wake one after the other while somebody computes.
static uint64_t began;

static void sleep_and_say(void *milliseconds)
{
    uint64_t time = ticks(*(unsigned *)milliseconds);
    sleep_until(make_notification(), began + time);
    uint64_t after = now() - began;
    printf("%u ms: awake at %lu ms\n", *(unsigned *)milliseconds,
           after * 1000 / ticks_per_second());
}

static void compute_beside_sleepers(void *unused)
{
    (void)unused;
    compute_until(began + ticks(50));
}

static void wake_in_a_row(void)
{
    static unsigned times[] = {4, 8, 12};
    began = now();
    for (unsigned i = 0; i < 3; i++)
        spawn("sleeper", sleep_and_say, &times[i]);
    join(spawn("compute", compute_beside_sleepers, NULL));
}

// The kernel falls over what an alarm is to signal.
static void spoil(void *unused)
{
    (void)unused;
    notification_init(&notifications[0]);
    notifications[0].waiters.next = (struct list_node *)0xdead0000;
    mask_interrupts(); // as the kernel has, whose function this is
    timer_set_alarm(&notifications[0], 1, now() + ticks(1));
    unmask_interrupts();
    compute_until(UINT64_MAX);
    printf("still here\n");
}

// --- Lines ---

static void bind_and_say(const char *what, unsigned line)
{
    cap_t notification = make_notification();
    printf("%s: %s", what, error_name(bind_interrupt(line, notification, 1)));
    destroy(notification);
    notification = make_notification();
    printf(", %s\n", error_name(bind_interrupt(line, notification, 1)));
    destroy(notification);
}

// Binds lines, each twice, and frees them in between.
static void bind_lines(void)
{
    bind_and_say("first", GIC_FIRST);
    bind_and_say("last", gic_line_count() - 1);
    bind_and_say("behind the last", gic_line_count());
    bind_and_say("cycle counter", machine.pmu_line);
}

// --- Waits without end ---

static void lonely(void *own)
{
    yield();
    join(*(cap_t *)own);
}

// awaited= says what could end the wait, or only seem to.
static void wait_for_ever(void)
{
    const char *awaited = demo_string("awaited", "");
    cap_t nothing = make_notification(), other = make_notification();
    static cap_t thread;
    uint64_t bits;
    if (strcmp(awaited, "alarm") == 0 || strcmp(awaited, "cycle") == 0)
        alarm(other, 1, now() + ticks(1000));
    if (strcmp(awaited, "line") == 0 || strcmp(awaited, "destroyed") == 0)
        bind_interrupt(spare_line(), other, 1);
    if (strcmp(awaited, "serial") == 0)
        bind_interrupt(device_line(), other, 1);
    if (strcmp(awaited, "destroyed") == 0)
        destroy(other);
    if (strcmp(awaited, "week") == 0)
        sleep_until(other, now() + 7 * 24 * 3600 * ticks_per_second());
    if (strcmp(awaited, "cycle") == 0)
        thread = spawn("lonely", lonely, &thread);
    wait(nothing, &bits);
}

static void compute_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        ;
}

// --- Drivers of the serial line ---

// Takes a character every few milliseconds.
static void drive_slowly(void *unused)
{
    (void)unused;
    cap_t typed = make_notification(), clock = make_notification();
    char text[256];
    unsigned length = 0;
    uint64_t bits;
    bind_interrupt(device_line(), typed, 1);
    printf("driver: ready\n");
    for (;;) {
        int c;
        while ((c = device_read()) >= 0 && length < sizeof(text) - 1) {
            if (c != CTRL_U) // see guest.keys
                text[length++] = (char)c;
            sleep_until(clock, now() + ticks(2));
        }
        if (length > 0 && text[length - 1] == '\r')
            break;
        end_interrupt(device_line());
        wait(typed, &bits);
    }
    text[length - 1] = '\0';
    printf("typed: %s\n", text);
}

// Takes no character for a while; then all, without a driver.
static void be_deaf(void *unused)
{
    (void)unused;
    char text[256];
    unsigned length = 0;
    compute_until(now() + ticks(100));
    printf("listens\n");
    while (length < sizeof(text) - 1) {
        int c = device_read();
        if (c == '\r')
            break;
        if (c < 0)
            yield();
        else if (c != CTRL_U)
            text[length++] = (char)c;
    }
    text[length] = '\0';
    printf("typed: %s\n", text);
}

static void drive(void *unused)
{
    (void)unused;
    cap_t typed = make_notification();
    int c = 0;
    uint64_t bits;
    bind_interrupt(device_line(), typed, 1);
    printf("driver: ready\n");
    while (c != 'z') {
        wait(typed, &bits);
        while (c != 'z' && (c = device_read()) >= 0)
            printf("<%c>\n", c);
        end_interrupt(device_line());
    }
}

// Enters the kernel all the time.
static void bustle(void *unused)
{
    (void)unused;
    for (;;)
        yield();
}

void demo_crasher(void)
{
    const char *how = demo_string("how", "");
    if (strcmp(how, "sleep") == 0)
        run_alone(nap);
    if (strcmp(how, "look") == 0)
        run_alone(look);
    if (strcmp(how, "measure") == 0)
        measure();
    if (strcmp(how, "all") == 0)
        check_all();
    if (strcmp(how, "order") == 0)
        check_order();
    if (strcmp(how, "set") == 0) {
        cap_t setter = spawn("setter", set_and_compute, NULL);
        if (demo_number("hog", 0))
            spawn("hog", compute_for_ever, NULL);
        join(setter);
    }
    if (strcmp(how, "row") == 0)
        wake_in_a_row();
    if (strcmp(how, "spoil") == 0)
        join(spawn("spoiler", spoil, NULL));
    if (strcmp(how, "bind") == 0)
        bind_lines();
    if (strcmp(how, "wait") == 0)
        wait_for_ever();
    if (strcmp(how, "hog") == 0)
        join(spawn("hog", compute_for_ever, NULL));
    if (strcmp(how, "slow") == 0)
        join(spawn("driver", drive_slowly, NULL));
    if (strcmp(how, "deaf") == 0)
        join(spawn("deaf", be_deaf, NULL));
    if (strcmp(how, "drive") == 0) {
        spawn("bustle", bustle, NULL);
        join(spawn("driver", drive, NULL));
    }
    printf("result: done\n");
    demo_end();
}
