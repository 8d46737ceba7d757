/* Decide for a class from the samples, in integers: a linear discriminant analysis.

   The model is model.h, written by emgnb (docs/onboard.md). emgnb/models/onboard.py computes the
   same in Python, and both are tested against each other. Plain C, included by the sketch and by a
   program on the computer. */
#ifndef EMG_DECODER_H
#define EMG_DECODER_H

#include "model.h"
#include "protocol.h"

#ifdef __AVR__
#define READ8(place) pgm_read_byte(place)
#define READ16(place) pgm_read_word(place)
#define READ32(place) pgm_read_dword(place)
#else
#define READ8(place) (*(place))
#define READ16(place) (*(place))
#define READ32(place) (*(place))
#endif

enum { MODEL_BLOCKS = MODEL_WINDOW / MODEL_HOP };
enum { MODEL_COLUMNS = (MODEL_MEAN + MODEL_STD) * MODEL_CHANNELS };
enum { TABLE_STEPS = 4, VALUE_BITS = 28, FINE_BITS = 11, MARGIN_BITS = 8 };

/* Sums over the samples of one hop; a window consists of MODEL_BLOCKS of them. */
typedef struct {
    uint32_t total, squares;
} sums_t;
static sums_t decoder_sums[MODEL_BLOCKS][MODEL_CHANNELS];
static uint8_t decoder_block, decoder_whole;
static uint16_t decoder_samples;
static uint32_t decoder_next;

static inline void decoder_reset(void)
{
    decoder_block = decoder_whole = 0;
    decoder_samples = 0;
}

/* Add a scan; after a lost one, a new window begins. Returns 1 if a decision is due. */
static inline uint8_t decoder_push(uint32_t number, const uint16_t *value)
{
    if (number != decoder_next)
        decoder_reset();
    decoder_next = number + 1;
    sums_t *sums = decoder_sums[decoder_block];
    for (uint8_t i = 0; i < MODEL_CHANNELS; i++, sums++) {
        uint16_t x = value[i];
        uint32_t square = (uint32_t)x * x;
        sums->total = decoder_samples ? sums->total + x : x;
        sums->squares = decoder_samples ? sums->squares + square : square;
    }
    if (++decoder_samples < MODEL_HOP)
        return 0;
    decoder_samples = 0;
    decoder_block = (uint8_t)((decoder_block + 1) % MODEL_BLOCKS);
    if (decoder_whole < MODEL_BLOCKS)
        decoder_whole++;
    return decoder_whole == MODEL_BLOCKS;
}

static inline uint32_t root(uint64_t x)
{
    uint64_t bit = 1, found = 0;
    while (bit << 2 <= x && bit << 2)
        bit <<= 2;
    for (; bit; bit >>= 2) {
        if (x >= found + bit) {
            x -= found + bit;
            found = (found >> 1) + bit;
        } else
            found >>= 1;
    }
    return (uint32_t)found;
}

/* Compress the sum of a column. */
static inline int16_t compressed(uint32_t sum, uint8_t column)
{
    uint64_t product = ((uint64_t)sum * READ16(&model_gain[column])) >> READ8(&model_shift[column]);
    uint32_t value = product >> VALUE_BITS ? (1UL << VALUE_BITS) - 1 : (uint32_t)product;
    uint8_t octave = 0;
    while (value >> octave >> (TABLE_STEPS + 1))
        octave++;
    uint16_t entry = (uint16_t)((octave << TABLE_STEPS) + (value >> octave));
    int16_t low = (int16_t)READ16(&model_table[entry]);
    int16_t high = (int16_t)READ16(&model_table[entry + 1]);
    int32_t rest = (int32_t)(value & ((1UL << octave) - 1));
    return (int16_t)(low + (((int32_t)(high - low) * rest) >> octave));
}

/* The two features of a channel, as sums over the window. */
static inline void decoder_features(uint8_t channel, uint32_t *mean, uint32_t *std)
{
    uint32_t total = 0, squares = 0;
    for (uint8_t i = 0; i < MODEL_BLOCKS; i++) {
        total += decoder_sums[i][channel].total;
        squares += decoder_sums[i][channel].squares;
    }
    *mean = total;
    if (MODEL_STD)
        *std = root((uint64_t)MODEL_WINDOW * squares - (uint64_t)total * total);
}

static inline void decoder_add(int64_t *scores, uint8_t column, uint32_t sum)
{
    int16_t value = compressed(sum, column);
    for (uint8_t k = 0; k < MODEL_CLASSES; k++) {
        int16_t weight = (int16_t)READ16(&model_weights[k * MODEL_COLUMNS + column]);
        scores[k] += (int32_t)weight * value;
    }
}

/* Decide for the newest window: the class, and how far it is ahead of the next best. */
static inline uint8_t decoder_decide(uint16_t *margin)
{
    int64_t scores[MODEL_CLASSES];
    for (uint8_t k = 0; k < MODEL_CLASSES; k++)
        scores[k] = (int32_t)READ32(&model_offset[k]);
    for (uint8_t i = 0; i < MODEL_CHANNELS; i++) {
        uint32_t mean, std = 0;
        decoder_features(i, &mean, &std);
        if (MODEL_MEAN)
            decoder_add(scores, (uint8_t)(i + (MODEL_STD_FIRST && MODEL_STD ? MODEL_CHANNELS : 0)),
                        mean);
        if (MODEL_STD)
            decoder_add(scores, (uint8_t)(i + (MODEL_MEAN && !MODEL_STD_FIRST ? MODEL_CHANNELS : 0)),
                        std);
    }
    uint8_t best = 0, next = MODEL_CLASSES > 1;
    for (uint8_t k = 1; k < MODEL_CLASSES; k++)
        if (scores[k] > scores[best]) {
            next = best;
            best = k;
        } else if (k != next && scores[k] > scores[next])
            next = k;
    uint64_t ahead = (uint64_t)(scores[best] - scores[next]);
    int8_t move = MODEL_SCALE + FINE_BITS - MARGIN_BITS;
    uint64_t found = move >= 0 ? ahead >> move : ahead << -move;
    *margin = found > 65535 ? 65535 : (uint16_t)found;
    return best;
}

#endif
