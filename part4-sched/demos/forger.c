// SPDX-License-Identifier: MIT
// forger.c - a villain: a program that uses a name it was not given. A bank
// keeps accounts, and knows its customers by the badge of the capability by
// which they call. The forger was given no capability at all; it tries numbers
// until one names an endpoint, and makes itself a badge.

#include "demo.h"

enum { SAVER = 1, FORGER = 2, ACCOUNTS = 3, COINS = 100 };
enum label { WITHDRAW, UNKNOWN_CUSTOMER };

static cap_t bank, reply_object; // the bank's own, and nobody's business
static uint64_t accounts[ACCOUNTS] = {[SAVER] = COINS};

// Takes everything out of the account that the badge names.
static void serve(void *unused)
{
    (void)unused;
    struct message message;
    int error = recv(bank, reply_object, &message);
    while (error == OK) {
        if (message.badge == SAVER || message.badge == FORGER) {
            message.words[0] = accounts[message.badge];
            accounts[message.badge] = 0;
        } else {
            message.label = UNKNOWN_CUSTOMER;
        }
        error = reply_recv(bank, reply_object, &message);
    }
}

static void forge(void *argument)
{
    uint64_t *stolen = argument;
    for (cap_t guess = 1; *stolen == 0 && guess < 1000; guess++) {
        cap_t forged;
        if (mint(guess, SAVER, &forged) != OK)
            continue;
        struct message message = {WITHDRAW, {0}, 0};
        if (call(forged, &message) == OK && message.label == WITHDRAW)
            *stolen = message.words[0];
    }
}

static void save(void *argument)
{
    cap_t account = *(cap_t *)argument;
    struct message message = {WITHDRAW, {0}, 0};
    call(account, &message);
    printf("saver: there are %lu coins in my account\n", message.words[0]);
}

void demo_forger(void)
{
    static cap_t account;
    static uint64_t stolen;
    reply_object = make_reply();
    bank = make_endpoint(spawn("bank", serve, NULL));
    mint(bank, SAVER, &account);
    join(spawn("forger", forge, &stolen));
    join(spawn("saver", save, &account));
    printf("result: the forger has %lu of the saver's %u coins\n", stolen,
           COINS);
}
