/* The transmitter: a byte being shifted out in ten bits, and one waiting behind it. Receiving is
   left to simavr. */
#include <string.h>

#include "avr_uart.h"
#include "board.h"

enum { UCSRA = 0xC0, UCSRB = 0xC1, UBRRL = 0xC4, UBRRH = 0xC5, UDR = 0xC6 };
enum { U2X = 2, TXEN = 8 };

static avr_uart_t *uart;
static avr_irq_t *receive;
static void (*write_enables)(avr_t *, avr_io_addr_t, uint8_t, void *);
static bool shifting, waiting;
static uint8_t shifted, behind;
static uint64_t begun;

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

/* simavr takes its own, idle transmitter for the state of things. */
static void write_enable(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    write_enables(avr, addr, value, param);
    if (waiting)
        set_empty(false);
}

void uart_receive(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        avr_raise_irq(receive, bytes[i]);
}

void uart_reset(void)
{
    shifting = waiting = false;
}

void uart_begin(void)
{
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, "uart") && ((avr_uart_t *)io)->name == '0')
            uart = (avr_uart_t *)io;
    uint32_t no_flags = 0;
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &no_flags);
    receive = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr->io[AVR_DATA_TO_IO(UDR)].w.c = write_data;
    write_enables = avr->io[AVR_DATA_TO_IO(UCSRB)].w.c;
    avr->io[AVR_DATA_TO_IO(UCSRB)].w.c = write_enable;
}
