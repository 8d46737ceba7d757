/* The analogue-to-digital converter according to the data sheet: it has its own clock, which a
   trigger restarts, and needs 13 of its cycles per conversion (13.5 if triggered, 25 the first
   time). The input is sampled after one and a half (two) cycles, and the result is valid until the
   next. The truth log has every conversion, and every timer tick at which the converter was
   busy. */
#include <stdlib.h>
#include <string.h>

#include "avr_adc.h"
#include "board.h"

enum { ADCL = 0x78, ADCH, ADCSRA, ADCSRB, ADMUX };
enum { ADPS = 7, ADIE = 8, ADIF = 16, ADATE = 32, ADSC = 64, ADEN = 128 };
enum { MUX5 = 8, ON_TIMER1_B = 5 };

/* A record of the truth log. */
typedef struct __attribute__((packed)) {
    uint64_t cycle; /* at which the input was sampled */
    uint16_t code;
    uint8_t channel;
    uint8_t kind;
} record_t;
enum { STARTED = 0, TRIGGERED = 1, MISSED = 2, RESET = 3, FIRST = 4 };

uint64_t conversions, ticks, stream_cycle;
static avr_adc_t *adc;
static FILE *truth;
static uint64_t clock_origin;
static bool first, busy;
static record_t running;
static uint16_t result;

static void write_down(record_t record)
{
    if (truth)
        fwrite(&record, sizeof record, 1, truth);
}

static unsigned prescaler(void)
{
    unsigned bits = avr->data[ADCSRA] & ADPS;
    return 1u << (bits ? bits : 1);
}

static avr_cycle_count_t finish(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)when, (void)param;
    busy = false;
    running.code = input_at(running.cycle, running.channel) >> 6;
    result = running.code;
    conversions++;
    write_down(running);
    avr->data[ADCSRA] &= (uint8_t)~ADSC;
    avr_raise_interrupt(avr, &adc->adc);
    return 0;
}

static void convert(bool triggered)
{
    uint64_t now = avr->cycle;
    unsigned clock = prescaler();
    if (triggered)
        clock_origin = now;
    if (triggered && !stream_cycle)
        stream_cycle = now;
    uint64_t start = clock_origin + (now - clock_origin + clock - 1) / clock * clock;
    uint64_t length = first ? 25 * clock : triggered ? 27 * clock / 2 : 13 * clock;
    running.cycle = start + (first ? 27 * clock / 2 : triggered ? 2 * clock : 3 * clock / 2);
    running.channel = (avr->data[ADMUX] & 7) | (avr->data[ADCSRB] & MUX5);
    running.kind = first ? FIRST : triggered ? TRIGGERED : STARTED;
    if (first)
        stream_cycle = 0;
    first = false;
    busy = true;
    avr->data[ADCSRA] |= ADSC;
    avr_cycle_timer_register(avr, start + length - now, finish, NULL);
}

static void write_control(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    (void)param;
    uint8_t before = avr->data[addr];
    if (value & ADIF)
        avr_clear_interrupt(avr, &adc->adc);
    avr->data[addr] = (uint8_t)((value & ~(ADIF | ADSC)) | (value & ADIF ? 0 : before & ADIF) |
                                (busy ? ADSC : 0));
    if (!(value & ADEN)) {
        avr_cycle_timer_cancel(avr, finish, NULL);
        avr->data[addr] &= (uint8_t)~ADSC;
        busy = false;
        return;
    }
    if (!(before & ADEN)) {
        first = true;
        clock_origin = avr->cycle;
    }
    if (value & ADSC && !busy)
        convert(false);
}

static void write_plain(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    (void)param;
    avr->data[addr] = value;
}

static uint8_t read_result(avr_t *avr, avr_io_addr_t addr, void *param)
{
    (void)avr, (void)param;
    return (uint8_t)(addr == ADCL ? result : result >> 8);
}

/* The timer's flag was set. */
static void on_tick(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)param;
    if (!value)
        return;
    uint8_t control = avr->data[ADCSRA];
    if (!(control & ADEN))
        return;
    ticks++;
    if (control & ADATE && (avr->data[ADCSRB] & 7) == ON_TIMER1_B && !busy)
        convert(true);
    else
        write_down((record_t){avr->cycle, 0, 0, MISSED});
}

void converter_reset(void)
{
    busy = false;
    write_down((record_t){avr->cycle, 0, 0, RESET});
}

void converter_flush(void)
{
    if (truth)
        fflush(truth);
}

void converter_begin(const char *path)
{
    if (path && !(truth = fopen(path, "wb"))) {
        perror(path);
        exit(2);
    }
    adc = (avr_adc_t *)module("adc");
    avr->io[AVR_DATA_TO_IO(ADCSRA)].w.c = write_control;
    avr->io[AVR_DATA_TO_IO(ADCSRB)].w.c = write_plain;
    avr->io[AVR_DATA_TO_IO(ADMUX)].w.c = write_plain;
    avr->io[AVR_DATA_TO_IO(ADCL)].r.c = read_result;
    avr->io[AVR_DATA_TO_IO(ADCH)].r.c = read_result;
    avr_irq_register_notify(avr_get_interrupt_irq(avr, model->timer1_compb) + AVR_INT_IRQ_PENDING,
                            on_tick, NULL);
}
