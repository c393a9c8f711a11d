// SPDX-License-Identifier: MIT
// locks.c - threads on all CPUs that add to one number, each time a load and a
// store. how= says what keeps them from losing additions: a ticket lock, a
// mutex, a semaphore; or a stack without a lock, of numbers that are each one
// thread's own while it has taken it. Without how= all of them, in turn.
//
// how=aba is a stack without tags. With torture=5 it loses nodes, or gives one
// to two threads, on any number of CPUs, and so by many other seeds. fix=1
// gives it its tags.
//
// patience= is the ticket lock's: how often a thread looks again before it
// yields. additions= is how many are made each way, by all threads together.

#include "demo.h"
#include "sync.h"

enum {
    PER_CPU = 2, // threads
    MOST_CPUS = 8,
    MOST_THREADS = PER_CPU * MOST_CPUS,
    NODES = 2 * MOST_THREADS, // each thread takes two at a time
};

static struct worker {
    cap_t thread;
    uint64_t additions; // that it has made
    uint64_t looks;     // how often it has looked for its turn in vain
} workers[MOST_THREADS];

static void (*add_one)(struct worker *worker); // as how= says
static unsigned worker_count;
static uint64_t ready;             // so many threads have come
static uint64_t additions;         // to be made by all threads together
static uint64_t begun;             // so many of them were begun
static uint64_t by_cpu[MOST_CPUS]; // additions

// The other thread of this CPU; and the other CPUs, where QEMU under -icount
// runs one at a time.
static void let_others_run(void)
{
    spin_hint();
    yield();
}

// --- What is added to ---

static uint64_t total;

// Between the load and the store others run: so whoever holds a lock is
// preempted with it, each time.
static void add(void *argument)
{
    uint64_t *number = argument;
    uint64_t value = *number;
    let_others_run();
    *number = value + 1;
}

// --- Under a lock ---

static struct ticket_lock lock;
static struct mutex mutex;
static struct semaphore semaphore;

static void add_by_ticket(struct worker *worker)
{
    worker->looks += ticket_lock(&lock);
    add(&total);
    ticket_unlock(&lock);
}

static void add_by_mutex(struct worker *worker)
{
    (void)worker;
    mutex_run(&mutex, add, &total);
}

static void add_by_semaphore(struct worker *worker)
{
    (void)worker;
    semaphore_down(&semaphore);
    add(&total);
    semaphore_up(&semaphore);
}

// --- Without a lock ---

static struct stack stack;
static uint32_t below[NODES];
static uint64_t numbers[NODES]; // a node is a number,
static uint64_t takers[NODES];  // and this is how many threads have it:
static uint64_t twice;          // so often it was more than one

static uint32_t take(void)
{
    uint32_t node = stack_pop(&stack);
    if (node != NO_NODE && add_atomically(&takers[node], 1) > 0)
        add_atomically(&twice, 1);
    return node;
}

static void put_back(uint32_t node)
{
    if (node == NO_NODE)
        return;
    add_atomically(&takers[node], UINT64_MAX); // one less
    stack_push(&stack, node);
}

// The first one goes back first: then it is on top again, and what was below it
// is not. Here nobody ever has to wait; so that all have a share, each lets the
// others run now and then.
static void add_by_stack(struct worker *worker)
{
    uint32_t first = take(), second = take();
    if (first != NO_NODE)
        numbers[first]++;
    put_back(first);
    put_back(second);
    if (worker->additions % 8 == 0)
        let_others_run();
}

static void fill_stack(bool has_tags)
{
    stack_init(&stack, below, has_tags);
    for (uint32_t i = 0; i < NODES; i++)
        stack_push(&stack, i);
}

static uint64_t lost, nodes_lost; // in all

// Adds the numbers up, and counts the nodes that are still there.
static void empty_stack(void)
{
    unsigned found = 0;
    bool seen[NODES] = {false};
    uint32_t node;
    while ((node = stack_pop(&stack)) != NO_NODE && !seen[node]) {
        seen[node] = true;
        found++;
    }
    for (unsigned i = 0; i < NODES; i++)
        total += numbers[i];
    nodes_lost = NODES - found;
    printf("  of %u nodes %lu lost; %lu times one was taken twice\n", NODES,
           nodes_lost, twice);
}

// --- The threads ---

static void work(void *argument)
{
    struct worker *worker = argument;
    add_atomically(&ready, 1);
    while (add_atomically(&ready, 0) < worker_count)
        let_others_run();
    while (add_atomically(&begun, 1) < additions) {
        add_one(worker);
        worker->additions++;
        add_atomically(&by_cpu[cpu_number()], 1);
    }
}

static void run_workers(void)
{
    for (unsigned i = 0; i < worker_count; i++) {
        workers[i] = (struct worker){0};
        workers[i].thread = spawn("worker", work, &workers[i]);
        pin_thread(workers[i].thread, i / PER_CPU);
    }
    for (unsigned i = 0; i < worker_count; i++)
        join(workers[i].thread);
}

struct range {
    uint64_t least, most;
};

static void widen(struct range *range, uint64_t number)
{
    range->least = number < range->least ? number : range->least;
    range->most = number > range->most ? number : range->most;
}

static void print_shares(void)
{
    struct range thread = {UINT64_MAX, 0}, cpu = {UINT64_MAX, 0};
    for (unsigned i = 0; i < worker_count; i++) {
        widen(&thread, workers[i].additions);
        widen(&cpu, by_cpu[i / PER_CPU]);
    }
    printf("by a thread %lu to %lu, by a cpu %lu to %lu\n", thread.least,
           thread.most, cpu.least, cpu.most);
}

static void print_looks(void)
{
    uint64_t looks = 0;
    for (unsigned i = 0; i < worker_count; i++)
        looks += workers[i].looks;
    printf("  %lu looks in vain\n", looks);
}

// --- The ways ---

static const struct way {
    const char *name;
    void (*add_one)(struct worker *worker);
} ways[] = {
    {"ticket", add_by_ticket},       {"mutex", add_by_mutex},
    {"semaphore", add_by_semaphore}, {"stack", add_by_stack},
    {"aba", add_by_stack}, // not among all: it is not right
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]), ABA = WAYS - 1 };

static void go(const struct way *way)
{
    add_one = way->add_one;
    total = begun = ready = 0;
    memset(by_cpu, 0, sizeof(by_cpu));
    fill_stack(way != &ways[ABA] || demo_number("fix", 0));
    run_workers();
    printf("%s: ", way->name);
    print_shares();
    if (add_one == add_by_ticket)
        print_looks();
    if (add_one == add_by_stack)
        empty_stack();
    lost += additions - total;
}

static bool is_picked(const struct way *way, const char *how)
{
    return strcmp(how, way->name) == 0 ||
           (strcmp(how, "all") == 0 && way != &ways[ABA]);
}

void demo_locks(void)
{
    char how[16];
    snprintf(how, sizeof(how), "%s", demo_string("how", "all"));
    unsigned runs = 0;
    for (unsigned i = 0; i < WAYS; i++)
        runs += is_picked(&ways[i], how);
    if (runs == 0) {
        printf("how= is one of: all ticket mutex semaphore stack aba\n");
        demo_refuse();
    }
    additions = demo_number("additions", 2000);
    lock.patience = demo_number("patience", 50);
    mutex_init(&mutex);
    semaphore_init(&semaphore, 1);
    worker_count = cpus_online() * PER_CPU;
    printf("%u threads, %lu additions each way\n", worker_count, additions);
    for (unsigned i = 0; i < WAYS; i++) {
        if (is_picked(&ways[i], how))
            go(&ways[i]);
    }
    printf("result: %lu additions, %lu lost; %lu nodes lost\n",
           runs * additions, lost, nodes_lost);
}
