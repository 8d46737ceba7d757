/* Emulate an Arduino: simavr runs the processor, and these files the rest.

   simavr 1.6 has no timer trigger for the converter, converts what the multiplexer shows when the
   result is read, has eight pins, and sends one byte at a time in 11 bits. A rate that is possible
   there may be impossible on a board. It programs its flash memory in no time, and clears bits as
   well as it sets them. So converter.c, uart.c and flash.c replace these parts of simavr by models
   of those in the data sheet, by handling their registers. */
#ifndef EMG_BOARD_H
#define EMG_BOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim_avr.h"
#include "sim_io.h"

enum { FREQUENCY = 16000000, SLOT = FREQUENCY / 1000 };

typedef struct {
    const char *name, *mcu;
    uint8_t channels, timer1_compb, watchdog, trigger_bit;
} model_t;

extern avr_t *avr;
extern const model_t *model;

/* main.c: log an event as a line of JSON, with the board's time and the computer's. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint32_t chance(void); /* 32 random bits, the same for the same seed */

/* input.c: the voltage at a pin, in steps of 5 V / 65536. */
void input_open(const char *path, double rate, unsigned channels, double clock);
void input_until(uint64_t cycle);
uint16_t input_at(uint64_t cycle, unsigned channel);

/* converter.c */
void converter_begin(const char *truth);
void converter_reset(void);
void converter_flush(void);
extern uint64_t conversions, ticks, stream_cycle; /* at which scan 0 of this stream began */

/* uart.c: `line_byte` is called when a byte has been sent, with the cycle at which it began. */
void uart_begin(void);
void uart_reset(void);
size_t uart_room(void); /* bytes that `uart_receive` takes now */
void uart_receive(uint8_t byte, bool framing_error);
unsigned uart_bit_cycles(void);
void line_byte(uint8_t byte, uint64_t begun);

/* flash.c */
void flash_begin(const char *bootloader);
void flash_reset(void);
void flash_dump(const char *path);

/* cable.c: from the board's transmitter to a pseudo-terminal. */
typedef struct {
    uint64_t sent, delivered, lost, damaged;
} traffic_t;
extern traffic_t traffic;
extern double corrupt_share;
extern bool plugged;
void cable_plug(const char *link);
void cable_unplug(void);
bool cable_serve(bool patient); /* true when a program has opened the port: DTR */
void cable_stall(uint64_t until);
void cable_say(const uint8_t *bytes, size_t size);
unsigned terminal_speed(int terminal); /* speed.c */

avr_io_t *module(const char *kind);

#endif
