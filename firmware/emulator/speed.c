/* The speed that a program set on a terminal, in bits per second. In a file of its own because
   termbits.h, needed for arbitrary speeds, conflicts with termios.h. */
#include <asm/termbits.h>
#include <sys/ioctl.h>

unsigned terminal_speed(int terminal);

unsigned terminal_speed(int terminal)
{
    struct termios2 found;
    return ioctl(terminal, TCGETS2, &found) ? 0 : found.c_ospeed;
}
