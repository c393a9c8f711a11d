// SPDX-License-Identifier: MIT
// drivers.c - the serial line's driver is a thread. It waits for two things at
// once: interrupts, which tell it that something was typed, and clients, who
// want a line. A client that comes too early is answered later.

#include "demo.h"
#include "line.h"

enum { CLIENTS = 2, WORDS = 4 };
enum label { LINE, END };

static cap_t endpoint;
static cap_t waiting[CLIENTS + 1]; // reply objects: first those of clients
static unsigned waiting_count;     // who wait, then one that is free
static unsigned lines;

// Gives a line, or the end of input, to the client that has waited longest.
static void give(enum label label, const char *text)
{
    struct message message = {label, {0}, 0};
    memcpy(message.words, text, strnlen(text, sizeof(message.words) - 1));
    cap_t first = waiting[0];
    memmove(waiting, waiting + 1, CLIENTS * sizeof(waiting[0]));
    waiting[CLIENTS] = first;
    waiting_count--;
    reply(first, &message);
}

// What was typed goes into the line, as long as somebody wants one; the rest
// stays in the UART.
static bool read(struct line *line)
{
    int c;
    while (waiting_count > 0 && (c = device_read()) >= 0) {
        enum line_event event = line_put(line, (char)c, device_write);
        if (event == LINE_MORE)
            continue;
        if (event == LINE_END)
            return false;
        if (event == LINE_DONE) {
            lines++;
            give(LINE, line->text);
        }
        line_begin(line);
    }
    return true;
}

static void drive(void *unused)
{
    (void)unused;
    struct line line;
    struct message message;
    cap_t notification = make_notification();
    line_begin(&line);
    bind_notification(notification);
    bind_interrupt(device_line(), notification, 1);
    bool is_open = true;
    while (is_open) {
        int result = recv(endpoint, waiting[waiting_count], &message);
        if (result == OK)
            waiting_count++;
        is_open = read(&line);
        if (waiting_count > 0)
            end_interrupt(device_line());
    }
    while (waiting_count > 0)
        give(END, "");
    destroy(endpoint); // whoever calls from now on finds nobody
}

static void use(void *name)
{
    struct message message = {0};
    while (call(endpoint, &message) == OK && message.label == LINE)
        printf("%s got: %s\n", (const char *)name, (char *)message.words);
}

void demo_drivers(void)
{
    for (unsigned i = 0; i <= CLIENTS; i++)
        waiting[i] = make_reply();
    endpoint = make_endpoint(spawn("driver", drive, NULL));
    cap_t ada = spawn("Ada", use, "Ada");
    cap_t edsger = spawn("Edsger", use, "Edsger");
    join(ada);
    join(edsger);
    printf("result: %u lines\n", lines);
}
