/* Run a sketch's ELF file on an emulated board behind a pseudo-terminal; see usage(). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "avr_ioport.h"
#include "board.h"
#include "sim_elf.h"

static const model_t MODELS[] = {
    {"mega", "atmega2560", 16, 18, 12, 4},
    {"uno", "atmega328p", 6, 12, 6, 2},
};

avr_t *avr;
const model_t *model;

static double clock_hz = FREQUENCY, bootloader = 1.0;
static unsigned junk;
static bool fast;
static const char *link_to, *boot_file;
static FILE *log_file;
static uint64_t random_state = 1, held_until, resets, latest_ns, started_ns;
static volatile sig_atomic_t over;
static void (*chip_reset)(avr_t *);
static bool was_reset;

enum { MCUSR = 0x54, POWER_ON = 1, EXTERNAL = 2 };

static struct {
    uint64_t cycle;
    char text[160];
} planned[64];
static unsigned plans;

static void usage(void)
{
    fputs("usage: emulator [options] [SKETCH.elf]\n"
          "Prints the pseudo-terminal's name, once more after each replug; ends when stdin does.\n"
          "  --board mega|uno          the processor (mega)\n"
          "  --link PATH               a symbolic link to the pseudo-terminal, gone while unplugged\n"
          "  --fast                    as fast as possible, waiting for the reader; else real time\n"
          "  --drift PPM               the board's clock against the computer's\n"
          "  --bootloader SECONDS      from reset to the sketch (1)\n"
          "  --junk BYTES              that the bootloader says meanwhile (0)\n"
          "  --boot PATH.hex           a real bootloader instead; the sketch is then optional\n"
          "  --input PATH --input-rate HZ --input-channels N\n"
          "                            u16 little endian, scan by scan, 65536 for 5 V; else noise\n"
          "  --truth PATH              every conversion: u64 cycle, u16 code, u8 channel, u8 kind\n"
          "  --log PATH                what was done to the board, a line of JSON each\n"
          "  --seed N --seconds N      of all chance; of emulated time, then it ends\n"
          "  --at SECONDS COMMAND      do that then; lines on stdin are done at once:\n"
          "     pulse PIN SECONDS      pull a trigger input (10, 11, 12) to ground for so long\n"
          "     corrupt SHARE          of the bytes, from now on\n"
          "     stall SECONDS          the cable delivers nothing, the USB chip keeps 128 bytes\n"
          "     flash PATH             write the flash memory to a file\n"
          "     reset, hang, unplug, replug, report, quit\n",
          stderr);
    exit(2);
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint32_t chance(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state * 0x2545F4914F6CDD1Du >> 32);
}

void note(const char *format, ...)
{
    if (!log_file)
        return;
    va_list rest;
    va_start(rest, format);
    fprintf(log_file, "{\"cycle\": %llu, \"monotonic_ns\": %llu, ", (unsigned long long)avr->cycle,
            (unsigned long long)now_ns());
    vfprintf(log_file, format, rest);
    fputs("}\n", log_file);
    fflush(log_file);
    va_end(rest);
}

avr_io_t *module(const char *kind)
{
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, kind))
            return io;
    fprintf(stderr, "simavr's %s has no %s\n", model->mcu, kind);
    exit(2);
}

static void report(void)
{
    converter_flush();
    printf("{\"cycles\": %llu, \"ticks\": %llu, \"conversions\": %llu, \"sent\": %llu, "
           "\"delivered\": %llu, \"lost\": %llu, \"damaged\": %llu, \"resets\": %llu, "
           "\"stream_cycle\": %llu, \"late_s\": %.3f, \"seconds\": %.3f}\n",
           (unsigned long long)avr->cycle, (unsigned long long)ticks,
           (unsigned long long)conversions, (unsigned long long)traffic.sent,
           (unsigned long long)traffic.delivered, (unsigned long long)traffic.lost,
           (unsigned long long)traffic.damaged, (unsigned long long)resets,
           (unsigned long long)stream_cycle, latest_ns / 1e9, (now_ns() - started_ns) / 1e9);
    fflush(stdout);
}

static avr_irq_t *input_pin(unsigned pin)
{
    return avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), (int)(model->trigger_bit + pin - 10));
}

static void after_reset(const char *why)
{
    note("\"event\": \"reset\", \"why\": \"%s\"", why);
    was_reset = false;
    avr->run_cycle_limit = SLOT;
    converter_reset();
    uart_reset();
    flash_reset();
    for (unsigned pin = 10; pin <= 12; pin++)
        avr_raise_irq(input_pin(pin), 0); /* until the sketch pulls it up */
    resets++;
}

/* The bootloader runs first. */
static void reset(const char *why)
{
    avr_reset(avr);
    avr->data[MCUSR] = !strcmp(why, "power") ? POWER_ON : EXTERNAL;
    after_reset(why);
    if (boot_file)
        return;
    held_until = avr->cycle + (uint64_t)(bootloader * FREQUENCY);
    for (unsigned i = 0; i < junk; i++)
        cable_say(&(uint8_t){(uint8_t)chance()}, 1);
}

/* simavr's watchdog resets the processor by itself. */
static void on_reset(avr_t *avr)
{
    chip_reset(avr);
    was_reset = true;
}

static void set_input(unsigned pin, bool high)
{
    avr_raise_irq(input_pin(pin), high);
    note("\"event\": \"input\", \"pin\": %u, \"high\": %d", pin, high);
}

static avr_cycle_count_t end_pulse(avr_t *avr, avr_cycle_count_t when, void *pin)
{
    (void)avr, (void)when;
    set_input((unsigned)(uintptr_t)pin, true);
    return 0;
}

static uint16_t replaced;
static avr_flashaddr_t replaced_at;

static void wake_up(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)param;
    if (!value || !replaced_at)
        return;
    memcpy(avr->flash + replaced_at, &replaced, sizeof replaced);
    replaced_at = 0;
    note("\"event\": \"watchdog\"");
}

/* Replace an instruction of the main program by a jump to itself. */
static void hang(void)
{
    while (avr->interrupts.running_ptr || !avr->sreg[S_I])
        avr_run(avr);
    uint16_t jump_to_itself = 0xCFFF;
    replaced_at = avr->pc;
    memcpy(&replaced, avr->flash + replaced_at, sizeof replaced);
    memcpy(avr->flash + replaced_at, &jump_to_itself, sizeof jump_to_itself);
    note("\"event\": \"hang\"");
}

static void obey(const char *text)
{
    unsigned pin;
    double number;
    if (sscanf(text, "pulse %u %lf", &pin, &number) == 2 && pin >= 10 && pin <= 12) {
        set_input(pin, false);
        avr_cycle_timer_register(avr, (avr_cycle_count_t)(number * FREQUENCY), end_pulse,
                                 (void *)(uintptr_t)pin);
    } else if (sscanf(text, "corrupt %lf", &number) == 1)
        corrupt_share = number;
    else if (sscanf(text, "stall %lf", &number) == 1) {
        note("\"event\": \"stall\", \"seconds\": %g", number);
        cable_stall(avr->cycle + (uint64_t)(number * FREQUENCY));
    } else if (!strncmp(text, "flash ", 6))
        flash_dump(text + 6);
    else if (!strcmp(text, "reset"))
        reset("button");
    else if (!strcmp(text, "hang"))
        hang();
    else if (!strcmp(text, "unplug") && plugged) {
        note("\"event\": \"unplug\"");
        cable_unplug();
    } else if (!strcmp(text, "replug") && !plugged) {
        reset("power");
        cable_plug(link_to);
        note("\"event\": \"replug\"");
    } else if (!strcmp(text, "report"))
        report();
    else if (!strcmp(text, "quit"))
        over = 1;
    else
        fprintf(stderr, "not understood: %s\n", text);
}

static void listen(void)
{
    static char text[160];
    static size_t length;
    char bytes[256];
    ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
    if (size == 0)
        over = 1;
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] != '\n') {
            if (length < sizeof text - 1)
                text[length++] = bytes[i];
            continue;
        }
        text[length] = 0;
        length = 0;
        obey(text);
    }
}

static bool halted(void)
{
    return avr->state == cpu_Done || avr->state == cpu_Crashed;
}

static void run_slot(void)
{
    uint64_t end = avr->cycle + SLOT;
    if (held_until || !plugged || halted()) {
        avr->cycle = end; /* in the bootloader, without power, or until a reset */
        if (held_until && end >= held_until)
            held_until = 0;
        return;
    }
    while (avr->cycle < end) {
        avr_run(avr);
        if (was_reset)
            after_reset("watchdog");
        if (halted()) {
            note("\"event\": \"crash\", \"at\": %u", avr->pc);
            if (boot_file)
                return; /* half a sketch */
            fprintf(stderr, "the sketch crashed at 0x%x\n", avr->pc);
            exit(3);
        }
    }
}

static void keep_pace(void)
{
    static uint64_t done;
    if (fast) {
        /* Use no processor time while the board waits for a command. */
        if (done == conversions + traffic.sent && !held_until)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        done = conversions + traffic.sent;
        return;
    }
    uint64_t due = started_ns + (uint64_t)(avr->cycle / clock_hz * 1e9), now = now_ns();
    if (now > due) {
        if (now - due > latest_ns)
            latest_ns = now - due;
        return;
    }
    struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR && !over)
        ;
}

static void plan(const char *seconds, const char *text)
{
    if (!text || plans == sizeof planned / sizeof *planned)
        usage();
    planned[plans].cycle = (uint64_t)(atof(seconds) * FREQUENCY);
    snprintf(planned[plans++].text, sizeof planned->text, "%s", text);
}

static void quiet(avr_t *avr, const int level, const char *format, va_list rest)
{
    (void)avr;
    if (level <= LOG_ERROR && !boot_file)
        vfprintf(stderr, format, rest);
}

static void no_sleep(avr_t *avr, avr_cycle_count_t howLong)
{
    (void)avr, (void)howLong;
}

/* simavr enters an interrupt in no time; the processor needs cycles to push the program counter. */
static void enter(avr_irq_t *irq, uint32_t vector, void *param)
{
    (void)irq, (void)param;
    if (vector)
        avr->cycle += 2u + avr->address_size;
}

static void stop(int number)
{
    (void)number;
    over = 1;
}

int main(int argc, char **argv)
{
    enum { BOARD, LINK, FAST, DRIFT, BOOT, BOOT_FILE, JUNK, INPUT, RATE, WIDTH, TRUTH, LOG, SEED, LAST, AT };
    static const struct option options[] = {
        {"board", 1, 0, BOARD},       {"link", 1, 0, LINK},
        {"fast", 0, 0, FAST},         {"drift", 1, 0, DRIFT},
        {"bootloader", 1, 0, BOOT},   {"boot", 1, 0, BOOT_FILE},
        {"junk", 1, 0, JUNK},
        {"input", 1, 0, INPUT},       {"input-rate", 1, 0, RATE},
        {"input-channels", 1, 0, WIDTH}, {"truth", 1, 0, TRUTH},
        {"log", 1, 0, LOG},           {"seed", 1, 0, SEED},
        {"seconds", 1, 0, LAST},      {"at", 1, 0, AT},
        {0, 0, 0, 0}};
    const char *input = NULL, *truth = NULL;
    double input_rate = 1000, last = 0;
    unsigned input_channels = 16;
    model = MODELS;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        switch (option) {
        case BOARD:
            model = !strcmp(optarg, "mega") ? MODELS : !strcmp(optarg, "uno") ? MODELS + 1 : NULL;
            if (!model)
                usage();
            break;
        case LINK: link_to = optarg; break;
        case FAST: fast = true; break;
        case DRIFT: clock_hz = FREQUENCY * (1 + atof(optarg) / 1e6); break;
        case BOOT: bootloader = atof(optarg); break;
        case BOOT_FILE: boot_file = optarg; break;
        case JUNK: junk = (unsigned)atoi(optarg); break;
        case INPUT: input = optarg; break;
        case RATE: input_rate = atof(optarg); break;
        case WIDTH: input_channels = (unsigned)atoi(optarg); break;
        case TRUTH: truth = optarg; break;
        case LOG:
            if (!(log_file = fopen(optarg, "w"))) {
                perror(optarg);
                return 2;
            }
            break;
        case SEED: random_state = 0x9E3779B97F4A7C15u * (2 * strtoull(optarg, NULL, 0) + 1); break;
        case LAST: last = atof(optarg); break;
        case AT: plan(optarg, argv[optind]); optind++; break;
        default: usage();
        }
    if (argc - optind > 1 || (!boot_file && optind == argc))
        usage();

    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    avr_global_logger_set(quiet);
    elf_firmware_t firmware = {0};
    if (optind < argc && elf_read_firmware(argv[optind], &firmware)) {
        fprintf(stderr, "%s is no firmware\n", argv[optind]);
        return 2;
    }
    avr = avr_make_mcu_by_name(model->mcu);
    if (!avr || avr_init(avr))
        return 2;
    if (optind < argc)
        avr_load_firmware(avr, &firmware);
    if (boot_file)
        flash_begin(boot_file);
    chip_reset = avr->reset;
    avr->reset = on_reset;
    avr->frequency = FREQUENCY;
    avr->sleep = no_sleep;
    if (input)
        input_open(input, input_rate, input_channels, clock_hz);
    converter_begin(truth);
    uart_begin();
    avr_irq_register_notify(avr_get_interrupt_irq(avr, model->watchdog) + AVR_INT_IRQ_RUNNING,
                            wake_up, NULL);
    avr_irq_register_notify(avr_get_interrupt_irq(avr, AVR_INT_ANY) + AVR_INT_IRQ_RUNNING, enter,
                            NULL);
    reset("power");
    if (!fast)
        setpriority(PRIO_PROCESS, 0, -10); /* a board has its own processor; needs root */
    cable_plug(link_to);
    started_ns = now_ns();
    note("\"event\": \"start\"");
    while (!over && (!last || avr->cycle < last * FREQUENCY)) {
        run_slot();
        input_until(avr->cycle);
        if (cable_serve(fast))
            reset("DTR");
        for (unsigned i = 0; i < plans; i++)
            if (planned[i].text[0] && planned[i].cycle <= avr->cycle) {
                obey(planned[i].text);
                planned[i].text[0] = 0;
            }
        listen();
        keep_pace();
    }
    report();
    if (plugged)
        cable_unplug();
    return 0;
}
