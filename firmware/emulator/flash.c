/* Self-programming according to the data sheet: a page is erased, or its buffer written, in 4 ms,
   and writing clears bits only. The lock bits of an Arduino protect the bootloader's section. */
#include <stdlib.h>
#include <string.h>

#include "avr_flash.h"
#include "board.h"

enum { SPMEN = 1, PGERS = 2, PGWRT = 4, BLBSET = 8, RWWSRE = 16, RWWSB = 64 };
enum { PAGE_MOST = 256, BUSY = FREQUENCY / 250 };

static avr_flash_t *flash;
static uint8_t buffer[PAGE_MOST];
static bool filled[PAGE_MOST / 2], busy;

static void clear_buffer(void)
{
    memset(buffer, 0xFF, sizeof buffer);
    memset(filled, 0, sizeof filled);
}

static avr_cycle_count_t finish(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)when, (void)param;
    busy = false;
    avr->data[flash->r_spm] &= RWWSB;
    return 0;
}

static void change_page(avr_flashaddr_t address, bool erase)
{
    address &= ~(avr_flashaddr_t)(flash->spm_pagesize - 1);
    busy = true;
    avr->data[flash->r_spm] |= RWWSB;
    avr_cycle_timer_register(avr, BUSY, finish, NULL);
    for (unsigned i = 0; i < flash->spm_pagesize && address < avr->reset_pc; i++)
        avr->flash[address + i] = erase ? 0xFF : avr->flash[address + i] & buffer[i];
    if (!erase)
        clear_buffer();
}

static void fill_buffer(avr_flashaddr_t address)
{
    unsigned word = address % flash->spm_pagesize / 2;
    if (!filled[word])
        memcpy(buffer + 2 * word, avr->data, 2); /* r1:r0 */
    filled[word] = true;
}

/* The instruction SPM. */
static int program(avr_io_t *io, uint32_t what, void *param)
{
    (void)io, (void)param;
    uint8_t control = avr->data[flash->r_spm];
    if (what != AVR_IOCTL_FLASH_SPM)
        return -1;
    if (busy || !(control & SPMEN))
        return 0;
    avr_flashaddr_t address = avr->data[R_ZL] | avr->data[R_ZH] << 8;
    if (avr->rampz)
        address |= (avr_flashaddr_t)avr->data[avr->rampz] << 16;
    address &= avr->flashend;
    if (control & (PGERS | PGWRT)) {
        change_page(address, control & PGERS);
        return 0;
    }
    if (control & RWWSRE) {
        clear_buffer();
        avr->data[flash->r_spm] &= (uint8_t)~RWWSB;
    } else if (!(control & BLBSET))
        fill_buffer(address);
    avr->data[flash->r_spm] &= RWWSB;
    return 0;
}

static void write_control(avr_t *avr, avr_io_addr_t addr, uint8_t value, void *param)
{
    (void)param;
    if (!busy)
        avr->data[addr] = (uint8_t)((value & ~RWWSB) | (avr->data[addr] & RWWSB));
}

void flash_reset(void)
{
    busy = false;
    clear_buffer();
}

void flash_dump(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(avr->flash, 1, avr->flashend + 1, file) != avr->flashend + 1)
        perror(path);
    if (file)
        fclose(file);
}

/* One record of an Intel HEX file; true if it is one. */
static bool load(const char *record)
{
    static unsigned base;
    unsigned size, address, kind, value;
    if (sscanf(record, ":%2x%4x%2x", &size, &address, &kind) != 3)
        return false;
    if ((kind == 2 || kind == 4) && sscanf(record + 9, "%4x", &value) == 1)
        base = value << (kind == 2 ? 4 : 16);
    if (kind)
        return true;
    address += base;
    if (address < avr->reset_pc)
        avr->reset_pc = address;
    for (unsigned i = 0; i < size; i++) {
        if (address + i > avr->flashend || sscanf(record + 9 + 2 * i, "%2x", &value) != 1)
            return false;
        avr->flash[address + i] = (uint8_t)value;
    }
    return true;
}

/* Load the bootloader, where the processor then begins. */
void flash_begin(const char *bootloader)
{
    char line[600];
    FILE *file = fopen(bootloader, "r");
    avr->reset_pc = avr->codeend = avr->flashend;
    bool good = file != NULL;
    while (good && fgets(line, sizeof line, file))
        good = load(line);
    if (!good || avr->reset_pc == avr->flashend) {
        fprintf(stderr, "%s is no bootloader for this board\n", bootloader);
        exit(2);
    }
    fclose(file);
    flash = (avr_flash_t *)module("flash");
    flash->io.ioctl = program;
    avr->io[AVR_DATA_TO_IO(flash->r_spm)].w.c = write_control;
    clear_buffer();
}
