/* Frames and commands of the board, and the rates it can sustain.

   This is plain C, included by the sketch and by a program on the computer that tests it against
   emgnb/acquire/wire/frames.py, where the wire format is defined. Numbers are little endian, as on
   the processor. The sketch may define BOARD_CHANNELS and BAUD first. */
#ifndef EMG_PROTOCOL_H
#define EMG_PROTOCOL_H

#include <stdint.h>
#include <stdio.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PSTR(text) (text)
#define snprintf_P snprintf
#endif

#ifndef BOARD_CHANNELS
#define BOARD_CHANNELS 16
#endif
#ifndef BAUD
#define BAUD 500000UL
#endif
#ifndef F_CPU
#define F_CPU 16000000UL
#endif

#define FIRMWARE "emgnb emg_stream 1.0.0"

enum { DATA = 1, STATUS = 2, TEXT = 3, DECISION = 4 };
enum { SCAN_HEAD = 7, FRAME_EXTRA = 4, TEXT_LONGEST = 140 };

/* One sample of all channels. `number` counts the timer's ticks, including those without a scan. */
typedef struct __attribute__((packed)) {
    uint8_t type;
    uint16_t mask;
    uint32_t number;
    uint16_t value[BOARD_CHANNELS];
} scan_t;

/* Sent once a second, and additionally when a trigger input changes. Then CHANGED is set in
   `inputs`, and the change was at `micros`, between the scans `scans` - 1 and `scans`. */
enum { CHANGED = 0x8000 };
typedef struct __attribute__((packed)) {
    uint8_t type;
    uint32_t micros, scans, overruns, dropped;
    uint16_t inputs, rate;
} status_t;

/* What a decoder on the board decides: the class, from windows that end with the scan `number`; how
   far it is ahead of the next best class, in 1/256 of a natural logarithm; and the time taken. */
typedef struct __attribute__((packed)) {
    uint8_t type;
    uint32_t number;
    uint8_t label;
    uint16_t margin, micros;
} decision_t;

/* Requested settings; with prescaler 0 the board chooses. */
typedef struct {
    uint32_t rate, channels, prescaler;
} settings_t;

/* Update a CRC-16/CCITT-FALSE by one byte; the initial value is 0xFFFF. */
static inline uint16_t crc16(uint16_t crc, uint8_t byte)
{
    uint8_t x = (uint8_t)((crc >> 8) ^ byte);
    x ^= x >> 4;
    return (uint16_t)((crc << 8) ^ ((uint16_t)x << 12) ^ ((uint16_t)x << 5) ^ x);
}

/* Encode `length` bytes (at most 251) and their CRC by COBS, followed by a zero, into a ring of 256
   bytes from index `at`. Returns the number of bytes written, length + FRAME_EXTRA. */
static inline uint8_t pack(const void *body, uint8_t length, uint8_t *ring, uint8_t at)
{
    const uint8_t *next = (const uint8_t *)body;
    uint16_t crc = 0xFFFF;
    uint8_t begin = at, block = at++;
    for (uint8_t left = length + 2; left; left--) {
        uint8_t byte;
        if (left > 2)
            crc = crc16(crc, byte = *next++);
        else
            byte = (uint8_t)(left == 2 ? crc : crc >> 8);
        ring[at] = byte;
        if (!byte) {
            ring[block] = (uint8_t)(at - block);
            block = at;
        }
        at++;
    }
    ring[block] = (uint8_t)(at - block);
    ring[at++] = 0;
    return (uint8_t)(at - begin);
}

/* Parse a command such as "R1000" or "?" into its letter and number; 0 if it is invalid. */
static inline char parse(const char *line, uint32_t *number)
{
    char letter = *line++;
    uint8_t digits = 0;
    *number = 0;
    for (; *line >= '0' && *line <= '9' && digits < 9; line++, digits++)
        *number = *number * 10 + (uint32_t)(*line - '0');
    if (*line == '\r')
        line++;
    if (*line || !letter)
        return 0;
    uint8_t needs = letter == 'R' || letter == 'C' || letter == 'P';
    return needs == (digits > 0) ? letter : 0;
}

/* Processor cycles that the converter needs per scan: 13 of its clock cycles per channel, and up to
   GAP processor cycles until the interrupt starts the next conversion, rounded up to whole clock
   cycles of the converter; SLACK clock cycles more for other interrupts. */
enum { GAP = 100, SLACK = 5 };
static inline uint32_t converter_cycles(uint8_t channels, uint8_t prescaler)
{
    uint16_t gap = (uint16_t)((GAP + prescaler - 1) / prescaler * prescaler);
    return channels * (13UL * prescaler + gap) + SLACK * prescaler;
}

/* Bytes sent per scan, and per second for everything else. */
static inline uint8_t frame_bytes(uint8_t channels)
{
    return (uint8_t)(SCAN_HEAD + 2 * channels + FRAME_EXTRA);
}
enum { OTHER_BYTES = 500 };

/* Processor cycles to number a scan, and to read, encode and send each channel, measured on the
   emulated board. An eighth of the time is reserved for the clock and the trigger inputs. */
enum { SCAN_CYCLES = 1650, CHANNEL_CYCLES = 375 };
static inline uint32_t processor_cycles(uint8_t channels)
{
    return SCAN_CYCLES + (uint32_t)CHANNEL_CYCLES * channels;
}

typedef enum { CONVERTER, LINE, PROCESSOR } limit_t;

/* The highest sustainable rate in Hz, and its limiting factor. */
static inline uint32_t highest_rate(uint8_t channels, uint8_t prescaler, limit_t *limit)
{
    uint32_t rate = F_CPU / converter_cycles(channels, prescaler);
    uint32_t line = (BAUD / 10 - OTHER_BYTES) / frame_bytes(channels);
    uint32_t processor = F_CPU / 8 * 7 / processor_cycles(channels);
    *limit = CONVERTER;
    if (line < rate) {
        rate = line;
        *limit = LINE;
    }
    if (processor < rate) {
        rate = processor;
        *limit = PROCESSOR;
    }
    return rate;
}

/* The prescaler to use, or 0 with the reason in `text`. If it may choose, the board uses 128, which
   is most accurate, or else 64; 32 and 16 cost one or two bits and must be requested. */
static inline uint8_t prescaler_for(const settings_t *wish, char *text, uint8_t size)
{
    if (wish->channels < 1 || wish->channels > BOARD_CHANNELS) {
        snprintf_P(text, size, PSTR("refused: %lu channels; this board has 1 to %d"),
                   (unsigned long)wish->channels, BOARD_CHANNELS);
        return 0;
    }
    uint8_t channels = (uint8_t)wish->channels;
    uint32_t p = wish->prescaler;
    if (p != 0 && p != 16 && p != 32 && p != 64 && p != 128) {
        snprintf_P(text, size, PSTR("refused: prescaler %lu; 16, 32, 64, 128, or 0 to choose"),
                   (unsigned long)p);
        return 0;
    }
    limit_t limit;
    uint8_t prescaler = (uint8_t)(p ? p : 128);
    uint32_t highest = highest_rate(channels, prescaler, &limit);
    if (!p && wish->rate > highest && limit == CONVERTER)
        highest = highest_rate(channels, prescaler = 64, &limit);
#ifdef TRY_ANYTHING
    highest = 65535; /* for the benchmark that exceeds the limits */
#endif
    if (wish->rate >= 1 && wish->rate <= highest)
        return prescaler;
    if (limit == LINE)
        snprintf_P(text, size,
                   PSTR("refused: %lu Hz on %d channels: the line carries %lu bytes a second, a "
                        "scan has %d; 1 to %lu Hz hold"),
                   (unsigned long)wish->rate, channels, (unsigned long)(BAUD / 10),
                   frame_bytes(channels), (unsigned long)highest);
    else if (limit == CONVERTER)
        snprintf_P(text, size,
                   PSTR("refused: %lu Hz on %d channels: the converter needs %lu us a scan at "
                        "prescaler %d; 1 to %lu Hz hold"),
                   (unsigned long)wish->rate, channels,
                   (unsigned long)(converter_cycles(channels, prescaler) / (F_CPU / 1000000)),
                   prescaler, (unsigned long)highest);
    else
        snprintf_P(text, size,
                   PSTR("refused: %lu Hz on %d channels: the processor needs %lu us a scan; "
                        "1 to %lu Hz hold"),
                   (unsigned long)wish->rate, channels,
                   (unsigned long)(processor_cycles(channels) / (F_CPU / 1000000)),
                   (unsigned long)highest);
    return 0;
}

#endif
