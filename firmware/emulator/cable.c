/* Connect the transmitter to a pseudo-terminal, like a USB cable and the computer's driver: bytes
   sent at another speed than the program has set arrive garbled, up to 64 kB wait for a slow
   program, and bytes that arrive while the port is closed are discarded. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "board.h"

enum { ROOM = 1 << 16, BEHIND = 4096, USB_RING = 128 };

traffic_t traffic;
double corrupt_share;
bool plugged;

static int master = -1, slave = -1, watch = -1;
static unsigned openers;
static const char *link_path;
static uint8_t backlog[ROOM];
static size_t backlog_size;
static uint64_t stalled_until;

/* Bytes on the line that a receiver of another speed has not decoded yet. */
static struct {
    uint64_t begun;
    uint8_t byte;
} line[BEHIND];
static size_t line_size;
static double looked_to;

static void take(uint8_t byte)
{
    if (corrupt_share > 0 && chance() < corrupt_share * 4294967296.0) {
        byte ^= (uint8_t)(1 + chance() % 255);
        traffic.damaged++;
    }
    size_t room = avr->cycle < stalled_until ? USB_RING : ROOM;
    if (!openers || !plugged)
        return;
    if (backlog_size >= room)
        traffic.lost++;
    else
        backlog[backlog_size++] = byte;
}

void line_byte(uint8_t byte, uint64_t begun)
{
    traffic.sent++;
    if (line_size == BEHIND)
        line_size = 0;
    line[line_size].begun = begun;
    line[line_size++].byte = byte;
}

void cable_say(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        take(bytes[i]);
}

/* The line's level at a time: high if idle; a low start bit, eight bits and a high stop bit. */
static bool level(double time, unsigned bit)
{
    for (size_t i = line_size; i-- > 0;) {
        if (time < line[i].begun)
            continue;
        unsigned at = (unsigned)((time - line[i].begun) / bit);
        return at == 0 ? false : at > 8 ? true : line[i].byte >> (at - 1) & 1;
    }
    return true;
}

/* A receiver of another speed: it waits for a low level, then samples in the middle of its bits. */
static void misread(double bit)
{
    unsigned sent_bit = uart_bit_cycles();
    double now = (double)avr->cycle - 10 * sent_bit;
    double step = sent_bit / 4.0;
    if (looked_to < now - 2 * SLOT)
        looked_to = now - 2 * SLOT;
    while (looked_to + 10 * bit < now) {
        if (level(looked_to, sent_bit)) {
            looked_to += step;
            continue;
        }
        uint8_t byte = 0;
        for (int i = 0; i < 8; i++)
            byte |= (uint8_t)(level(looked_to + (i + 1.5) * bit, sent_bit) << i);
        looked_to += 9.5 * bit;
        take(byte);
    }
    size_t gone = 0;
    while (gone < line_size && line[gone].begun + 20 * sent_bit < looked_to)
        gone++;
    line_size -= gone;
    memmove(line, line + gone, line_size * sizeof *line);
}

static bool speeds_agree(double *bit)
{
    unsigned speed = terminal_speed(slave);
    *bit = speed ? (double)FREQUENCY / speed : uart_bit_cycles();
    double ratio = *bit / uart_bit_cycles();
    return ratio > 0.95 && ratio < 1.05;
}

void cable_plug(const char *link)
{
    char name[64];
    struct termios raw;
    if (openpty(&master, &slave, name, NULL, NULL)) {
        perror("openpty");
        exit(2);
    }
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSANOW, &raw);
    fcntl(master, F_SETFL, O_NONBLOCK);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    inotify_add_watch(watch, name, IN_OPEN | IN_CLOSE);
    link_path = link;
    if (link) {
        unlink(link);
        if (symlink(name, link))
            perror(link);
    }
    openers = 0;
    plugged = true;
    printf("%s\n", name);
    fflush(stdout);
}

void cable_unplug(void)
{
    if (link_path)
        unlink(link_path);
    close(watch);
    close(slave);
    close(master);
    backlog_size = line_size = 0;
    plugged = false;
}

void cable_stall(uint64_t until)
{
    stalled_until = until;
}

static bool opened(void)
{
    char events[4096] __attribute__((aligned(8)));
    bool raised = false;
    ssize_t size = read(watch, events, sizeof events);
    for (char *at = events; size > 0 && at < events + size;) {
        struct inotify_event *event = (struct inotify_event *)at;
        if (event->mask & IN_OPEN)
            raised |= !openers++;
        else if (event->mask & IN_CLOSE && openers)
            openers--;
        at += sizeof *event + event->len;
    }
    if (raised) {
        tcflush(slave, TCIFLUSH);
        backlog_size = 0;
    }
    return raised;
}

static void hear(bool agree)
{
    uint8_t bytes[64];
    ssize_t size = read(master, bytes, uart_room() < sizeof bytes ? uart_room() : sizeof bytes);
    for (ssize_t i = 0; i < size; i++) {
        if (agree)
            uart_receive(bytes[i], false);
        else
            uart_receive((uint8_t)chance(), chance() & 1);
    }
}

bool cable_serve(bool patient)
{
    if (!plugged)
        return false;
    double bit;
    bool agree = speeds_agree(&bit);
    if (agree) {
        for (size_t i = 0; i < line_size; i++)
            take(line[i].byte);
        line_size = 0;
        looked_to = (double)avr->cycle;
    } else
        misread(bit);
    bool raised = opened();
    hear(agree);
    if (avr->cycle < stalled_until)
        return raised;
    do {
        ssize_t done = backlog_size ? write(master, backlog, backlog_size) : 0;
        if (done > 0) {
            traffic.delivered += (size_t)done;
            backlog_size -= (size_t)done;
            memmove(backlog, backlog + done, backlog_size);
        }
        if (patient && backlog_size) {
            struct pollfd room = {master, POLLOUT, 0};
            poll(&room, 1, 20);
            raised |= opened();
            if (!openers)
                backlog_size = 0;
        }
    } while (patient && backlog_size);
    return raised;
}
