/* Voltages at the analogue pins: unsigned 16-bit numbers, little endian, scan by scan, 65536 for
   5 V, from a file or a pipe; each value is held until the next, the last one after the end. Without
   a file, noise that uses every code, so that a wrong sample cannot look right. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board.h"

enum { KEPT = 1 << 12 };

static int source = -1;
static double per_cycle;
static unsigned width;
static uint64_t have; /* scans read so far; the last KEPT are kept */
static uint16_t *kept;
static bool over;

void input_open(const char *path, double rate, unsigned channels, double clock)
{
    source = open(path, O_RDONLY | O_CLOEXEC);
    if (source < 0) {
        perror(path);
        exit(2);
    }
    per_cycle = rate / clock;
    width = channels;
    kept = calloc(KEPT, width * sizeof *kept);
}

void input_until(uint64_t cycle)
{
    if (source < 0)
        return;
    for (uint64_t wanted = (uint64_t)(cycle * per_cycle) + 1; have < wanted && !over; have++) {
        uint8_t *to = (uint8_t *)(kept + have % KEPT * width);
        for (size_t got = 0; got < width * sizeof *kept;) {
            ssize_t more = read(source, to + got, width * sizeof *kept - got);
            if (more <= 0) {
                over = true;
                return;
            }
            got += (size_t)more;
        }
    }
}

uint16_t input_at(uint64_t cycle, unsigned channel)
{
    if (source < 0)
        return (uint16_t)(chance() >> 8);
    input_until(cycle);
    uint64_t scan = (uint64_t)(cycle * per_cycle);
    if (!have || channel >= width)
        return 0;
    if (scan >= have)
        scan = have - 1;
    return kept[scan % KEPT * width + channel];
}
