/* The transmitter: one byte is shifted out in ten bits, and one waits in the buffer. The receiver:
   a byte takes ten bits, and is lost if three are waiting to be read. */
#include <string.h>

#include "avr_uart.h"
#include "board.h"

enum { UCSRA = 0xC0, UCSRB = 0xC1, UBRRL = 0xC4, UBRRH = 0xC5, UDR = 0xC6 };
enum { U2X = 2, FE = 16, RXEN = 16, TXEN = 8, READY = 3, COMING = 64 };

static avr_uart_t *uart;
static void (*write_enables)(avr_t *, avr_io_addr_t, uint8_t, void *);
static bool shifting, waiting;
static uint8_t shifted, behind;
static uint64_t begun;

typedef struct {
    uint8_t byte;
    bool framing_error;
} received_t;
static received_t ready[READY], coming[COMING];
static unsigned readies, comings;

unsigned uart_bit_cycles(void)
{
    unsigned divisor = avr->data[UBRRL] | (avr->data[UBRRH] & 15u) << 8;
    return (divisor + 1) * (avr->data[UCSRA] & U2X ? 8 : 16);
}

static void set_empty(bool empty)
{
    if (empty) {
        avr_raise_interrupt(avr, &uart->udrc);
        return;
    }
    avr_clear_interrupt(avr, &uart->udrc);
    avr_regbit_clear(avr, uart->udrc.raised);
}

static avr_cycle_count_t shifted_out(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)param;
    line_byte(shifted, begun);
    shifting = waiting;
    if (!waiting) {
        avr_raise_interrupt(avr, &uart->txc);
        return 0;
    }
    shifted = behind;
    waiting = false;
    begun = when;
    set_empty(true);
    return when + 10 * uart_bit_cycles();
}

static void write_data(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    (void)addr, (void)param;
    if (!(avr->data[UCSRB] & TXEN) || waiting)
        return;
    set_empty(false);
    if (shifting) {
        behind = value;
        waiting = true;
        return;
    }
    shifting = true;
    shifted = value;
    begun = avr->cycle;
    avr_cycle_timer_register(avr, 10 * uart_bit_cycles(), shifted_out, NULL);
    set_empty(true);
}

/* simavr sets the flag from its own transmitter, which is always idle. */
static void write_enable(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    write_enables(avr, addr, value, param);
    if (waiting)
        set_empty(false);
}

static void show_ready(void)
{
    avr->data[UCSRA] &= (uint8_t)~FE;
    if (readies) {
        avr->data[UCSRA] |= ready[0].framing_error ? FE : 0;
        avr_raise_interrupt(avr, &uart->rxc);
        return;
    }
    avr_clear_interrupt(avr, &uart->rxc);
    avr_regbit_clear(avr, uart->rxc.raised);
}

static uint8_t read_data(avr_t *avr, avr_io_addr_t addr, void *param)
{
    (void)avr, (void)addr, (void)param;
    if (!readies)
        return 0;
    uint8_t byte = ready[0].byte;
    memmove(ready, ready + 1, --readies * sizeof *ready);
    show_ready();
    return byte;
}

static avr_cycle_count_t arrived(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)param;
    received_t newest = coming[0];
    memmove(coming, coming + 1, --comings * sizeof *coming);
    if (avr->data[UCSRB] & RXEN && readies < READY) {
        ready[readies++] = newest;
        show_ready();
    }
    return comings ? when + 10 * uart_bit_cycles() : 0;
}

size_t uart_room(void)
{
    return COMING - comings;
}

void uart_receive(uint8_t byte, bool framing_error)
{
    if (!(avr->data[UCSRB] & RXEN) || comings == COMING)
        return;
    coming[comings++] = (received_t){byte, framing_error};
    if (comings == 1)
        avr_cycle_timer_register(avr, 10 * uart_bit_cycles(), arrived, NULL);
}

void uart_reset(void)
{
    shifting = waiting = false;
    readies = comings = 0;
}

void uart_begin(void)
{
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, "uart") && ((avr_uart_t *)io)->name == '0')
            uart = (avr_uart_t *)io;
    uint32_t no_flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &no_flags);
    avr->io[AVR_DATA_TO_IO(UDR)].w.c = write_data;
    avr->io[AVR_DATA_TO_IO(UDR)].r.c = read_data;
    write_enables = avr->io[AVR_DATA_TO_IO(UCSRB)].w.c;
    avr->io[AVR_DATA_TO_IO(UCSRB)].w.c = write_enable;
}
