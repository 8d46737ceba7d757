// Stream EMG to the computer: Arduino Mega 2560 (16 channels, A0-A15), Uno and Nano (6, A0-A5).
//
// Timer 1 starts each scan, and the converter's interrupt steps through the channels. A ring buffer
// holds scans until they are sent as frames with a checksum (protocol.h,
// emgnb/acquire/wire/frames.py). The timer's interrupt numbers the scans, so that a scan for which
// the buffer was full, or which came too soon, leaves a gap in the numbers: every loss is detected.
//
//   ?  identify    R1000  rate in Hz    C8  channels    P64  converter's prescaler (0: choose)
//   S  start, or reply why not            X  stop
//
// With DECODER defined, a model (model.h, written by emgnb) decides for a class while the board
// samples, and the decisions are sent between the scans; see docs/onboard.md.
//
// Pins 10, 11 and 12 are trigger inputs (bits 0, 1, 2; high unless pulled down). A change is
// reported at once, with its scan. `Serial` is not used, because its interrupt is too slow.

#include <avr/sleep.h>
#include <avr/wdt.h>

// Baud rate with which the computer must open the port. 1000000UL doubles the capacity, if the
// board's USB chip and the cable support it. It is fixed when the sketch is built: if a command
// could change it, board and computer would disagree after a reset.
#ifndef BAUD
#define BAUD 500000UL
#endif

#if defined(__AVR_ATmega2560__) || defined(__AVR_ATmega1280__)
#define BOARD "Mega 2560"
#define BOARD_CHANNELS 16
#ifdef DECODER
#define SLOTS 64
#else
#define SLOTS 128
#endif
#define TRIGGER_BIT PB4
#elif defined(__AVR_ATmega328P__) || defined(__AVR_ATmega168__)
#define BOARD "Uno or Nano"
#define BOARD_CHANNELS 6
#define SLOTS 32
#define TRIGGER_BIT PB2
#define USART0_RX_vect USART_RX_vect
#define USART0_UDRE_vect USART_UDRE_vect
#else
#error "emg_stream is for the Mega 2560, the Uno and the Nano"
#endif

#include "protocol.h"
#ifdef DECODER
#include "decoder.h"
#endif

#ifdef MUX5
#define BANK _BV(MUX5)
#else
#define BANK 0
#endif

#define SECOND 1000000UL
#define AGAIN 0x5EC0DE42UL
#define TRIGGERS ((PINB >> TRIGGER_BIT) & 7)

struct edge_t {
    uint32_t micros, scans;
    uint8_t inputs;
};

static scan_t scans[SLOTS];  // those from `oldest` to `newest` wait to be sent
static volatile uint8_t newest, oldest;
static scan_t *volatile open_scan;  // the one being measured
static volatile uint8_t channel;
static volatile uint32_t ticks, overruns, dropped;

static edge_t edges[8];
static volatile uint8_t newest_edge, oldest_edge, last_inputs;

static uint8_t sending[256];  // frames being sent; its 8-bit indices wrap around
static volatile uint8_t sent_to, sent_from;
static char heard[64];  // received bytes
static volatile uint8_t heard_to, heard_from;

static uint8_t channels, walk;  // channels of this stream; ADCSRA without the start bits
static volatile uint8_t next_bank, next_mux, next_control;
static uint32_t second;
static bool streaming;

// Kept across a restart by the watchdog.
static settings_t settings __attribute__((section(".noinit")));
static uint32_t again __attribute__((section(".noinit")));

// The converter's interrupt writes these values first: each cycle before that delays a channel.
static void prepare(uint8_t pin, uint8_t control)
{
    next_bank = _BV(ADTS2) | _BV(ADTS0) | (pin & 8 ? BANK : 0);
    next_mux = _BV(REFS0) | (pin & 7);
    next_control = walk | control;
}

// During a scan only the program starts conversions, between scans only the timer.
static void prepare_after(uint8_t pin)
{
    pin + 1 < channels ? prepare(pin + 1, _BV(ADSC)) : prepare(0, _BV(ADATE));
}

ISR(TIMER1_COMPB_vect)  // the same tick starts the converter, unless a scan is in progress
{
    // If this interrupt is late, the first conversion has ended and waits for its own interrupt.
    bool started = ADCSRA & (_BV(ADSC) | _BV(ADIF));
    uint32_t number = ticks++;
    if (open_scan || !started || (uint8_t)(newest - oldest) == SLOTS) {
        overruns++;
        return;
    }
    channel = 0;
    open_scan = &scans[newest % SLOTS];
    open_scan->number = number;
    prepare_after(0);
}

ISR(ADC_vect)
{
    ADCSRB = next_bank;
    ADMUX = next_mux;
    ADCSRA = next_control;
    scan_t *scan = open_scan;
    if (!scan)
        return;
    uint8_t done = channel;
    scan->value[done] = ADC;  // valid until the next conversion ends
    channel = ++done;
    if (done < channels)
        prepare_after(done);
    else {
        open_scan = 0;
        newest++;
    }
}

ISR(PCINT0_vect)
{
    uint8_t inputs = TRIGGERS;
    if (inputs == last_inputs)
        return;
    if ((uint8_t)(newest_edge - oldest_edge) == sizeof edges / sizeof *edges) {
        dropped += sizeof(status_t) + FRAME_EXTRA;
        return;
    }
    edge_t *edge = &edges[newest_edge++ % 8];
    edge->micros = micros();
    edge->scans = ticks;
    edge->inputs = last_inputs = inputs;
}

ISR(USART0_UDRE_vect)
{
    UDR0 = sending[sent_from++];
    if (sent_from == sent_to)
        UCSR0B &= ~_BV(UDRIE0);
}

ISR(USART0_RX_vect)
{
    char byte = UDR0;
    if ((uint8_t)(heard_to - heard_from) < sizeof heard)
        heard[heard_to++ % sizeof heard] = byte;
}

// Restart after a hang, and continue streaming. This is a jump and not a watchdog reset, after
// which the bootloader of older Megas hangs.
ISR(WDT_vect)
{
    TIMSK1 = ADCSRA = UCSR0B = PCICR = 0;
    again = AGAIN + streaming;
    asm volatile("jmp 0");
}

static void send(const void *body, uint8_t length)
{
    while ((uint8_t)(sent_from - sent_to - 1) < length + FRAME_EXTRA)
        ;  // at 500000 baud the ring is empty within 5 ms
    uint8_t packed = pack(body, length, sending, sent_to);
    noInterrupts();
    sent_to += packed;
    UCSR0B |= _BV(UDRIE0);
    interrupts();
}

static char text[TEXT_LONGEST + 1] = {TEXT};
#define SAY(...) (snprintf_P(text + 1, TEXT_LONGEST, __VA_ARGS__), send(text, 1 + strlen(text + 1)))

static void say_who(bool restarted)
{
    SAY(PSTR(FIRMWARE ", " BOARD ", %d channels of 10 bits over 5 V, %lu baud%S"), BOARD_CHANNELS,
        BAUD, restarted ? PSTR(", restarted by its watchdog") : PSTR(""));
}

#ifdef DECODER
static bool decoding;

static void decode(const scan_t *scan)
{
    if (!decoding || !decoder_push(scan->number, scan->value))
        return;
    uint32_t begin = micros();
    decision_t decision = {DECISION, scan->number, 0, 0, 0};
    uint16_t margin;
    decision.label = decoder_decide(&margin);
    decision.margin = margin;
    decision.micros = (uint16_t)(micros() - begin);
    send(&decision, sizeof decision);
}

static void start_decoder()
{
    decoder_reset();
    decoding = settings.rate == MODEL_RATE && channels >= MODEL_CHANNELS;
    if (decoding)
        SAY(PSTR("decoder " MODEL_FINGERPRINT ": " MODEL_NAMES));
    else
        SAY(PSTR("decoder off: it needs %d Hz and %d channels"), MODEL_RATE, MODEL_CHANNELS);
}
#endif

static void send_scan()
{
    scan_t *scan = &scans[oldest % SLOTS];
    send(scan, SCAN_HEAD + 2 * channels);
#ifdef DECODER
    decode(scan);
#endif
    oldest++;
}

static void send_status(const edge_t *edge, uint16_t flag)
{
    noInterrupts();
    status_t status = {
        STATUS,   edge->micros, edge->scans, overruns, dropped, (uint16_t)(edge->inputs | flag),
        (uint16_t)settings.rate};
    interrupts();
    send(&status, sizeof status);
}

static void stop()
{
    TCCR1B = 0;
    TIMSK1 = PCICR = 0;
    while (open_scan)
        ;
    ADCSRA = 0;
    while (newest != oldest)
        send_scan();
    streaming = false;
}

static void start()
{
    uint8_t prescaler = prescaler_for(&settings, text + 1, TEXT_LONGEST);
    if (!prescaler) {
        send(text, 1 + strlen(text + 1));
        return;
    }
    uint8_t bits = 0;
    while (1 << bits < prescaler)
        bits++;
    SAY(PSTR("started: %lu Hz, %lu channels, prescaler %d"), settings.rate, settings.channels,
        prescaler);
    ticks = overruns = dropped = 0;
    newest = oldest = newest_edge = oldest_edge = 0;
    channels = settings.channels;
#ifdef DECODER
    start_decoder();
#endif
    for (uint8_t i = 0; i < SLOTS; i++) {
        scans[i].type = DATA;
        scans[i].mask = (uint16_t)((1UL << channels) - 1);
    }
    TCCR1B = TCCR1A = 0;
    // The first conversion takes twice as long, so it is done here.
    walk = _BV(ADEN) | _BV(ADIE) | bits;
    prepare(0, _BV(ADATE));
    ADCSRB = next_bank;
    ADMUX = next_mux;
    ADCSRA = _BV(ADEN) | _BV(ADSC) | bits;
    while (ADCSRA & _BV(ADSC))
        ;
    ADCSRA = next_control | _BV(ADIF);
    static const uint16_t division[] = {1, 8, 64, 256};
    uint8_t clock = 0;
    while ((F_CPU / division[clock] + settings.rate / 2) / settings.rate > 65536UL)
        clock++;
    uint16_t period = (F_CPU / division[clock] + settings.rate / 2) / settings.rate - 1;
    OCR1A = period;
    OCR1B = period;
    TCNT1 = 0;
    TIFR1 = _BV(OCF1B);
    PCIFR = _BV(PCIF0);
    noInterrupts();
    last_inputs = TRIGGERS;
    second = micros() - SECOND;
    TIMSK1 = _BV(OCIE1B);
    PCICR = _BV(PCIE0);
    TCCR1B = _BV(WGM12) | (clock + 1);
    interrupts();
    streaming = true;
}

static void obey(const char *line)
{
    uint32_t number;
    char letter = parse(line, &number);
    if (letter == '?')
        say_who(false);
    else if (letter == 'X') {
        stop();
        SAY(PSTR("stopped after %lu scans, %lu overruns"), ticks, overruns);
    } else if (streaming)
        SAY(PSTR("streaming: only X and ? are heard"));
    else if (letter == 'S')
        start();
    else if (letter == 'R' || letter == 'C' || letter == 'P') {
        (letter == 'R' ? settings.rate : letter == 'C' ? settings.channels : settings.prescaler) =
            number;
        SAY(PSTR("R%lu C%lu P%lu"), settings.rate, settings.channels, settings.prescaler);
    } else
        SAY(PSTR("not understood: %.20s; known are ? R1000 C8 P0 S X"), line);
}

static void listen()
{
    static char line[24];
    static uint8_t length;
    while (heard_from != heard_to) {
        char byte = heard[heard_from++ % sizeof heard];
        if (byte != '\n') {
            if (length < sizeof line - 1)
                line[length++] = byte >= ' ' && byte <= '~' ? byte : byte == '\r' ? '\r' : '~';
            continue;
        }
        line[length] = 0;
        length = 0;
        obey(line);
    }
}

void setup()
{
    UCSR0A = _BV(U2X0);
    UBRR0 = F_CPU / 8 / BAUD - 1;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
    DDRB &= ~(7 << TRIGGER_BIT);
    PORTB |= 7 << TRIGGER_BIT;
    PCMSK0 = 7 << TRIGGER_BIT;
    DIDR0 = BOARD_CHANNELS < 8 ? 0x3F : 0xFF;
#ifdef DIDR2
    DIDR2 = 0xFF;
#endif
    ADCSRA = 0;
    set_sleep_mode(SLEEP_MODE_IDLE);
    noInterrupts();
    wdt_reset();
    WDTCSR = _BV(WDCE) | _BV(WDE);
    WDTCSR = _BV(WDIE) | _BV(WDP2) | _BV(WDP0);  // half a second
    interrupts();

    sending[sent_to++] = 0;  // ends any incomplete frame
    bool restarted = again == AGAIN || again == AGAIN + 1;
    say_who(restarted);
    if (!restarted)
        settings = {1000, BOARD_CHANNELS < 8 ? BOARD_CHANNELS : 8, 0};
    else if (again != AGAIN)
        start();
    again = 0;
}

void loop()
{
    wdt_reset();
    listen();
    uint8_t waiting = newest - oldest;
    if (waiting)
        send_scan();
    // A bouncing input must not cause lost scans.
    if (newest_edge != oldest_edge && waiting < SLOTS / 4) {
        send_status(&edges[oldest_edge % 8], CHANGED);
        oldest_edge++;
    }
    if (streaming && micros() - second >= SECOND) {
        second += SECOND;
        noInterrupts();
        edge_t now = {micros(), ticks, (uint8_t)TRIGGERS};
        interrupts();
        send_status(&now, 0);
    }
    noInterrupts();
    bool idle = newest == oldest && newest_edge == oldest_edge && heard_to == heard_from;
    if (idle) {
        sleep_enable();
        interrupts();
        sleep_cpu();
        sleep_disable();
    }
    interrupts();
}
