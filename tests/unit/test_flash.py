"""Programming a board, with bootloaders in Python; tests/firmware has the real ones."""

import dataclasses

import bootloaders
import pytest

from emgnb import flash
from emgnb.flash._hexfile import parse
from emgnb.flash.exchange import DamagedError
from emgnb.flash.programming import steps

CHIPS = {"mega": bootloaders.Version2, "uno": bootloaders.Version1}


def chip_for(board: flash.Board) -> bootloaders.Chip:
    kind = CHIPS["mega" if board.page == 256 else "uno"]
    return kind(board.signature, board.page)


def programmed(board: flash.Board, chip, image: bytes, answer=None, **options) -> list:
    shown = []
    procedure = steps(board.bootloader(), board, image, lambda *seen: shown.append(seen))
    bootloaders.drive(procedure, answer or chip.answer, **options)
    return shown


@pytest.mark.parametrize("name", ["mega", "uno", "nano-old"])
@pytest.mark.parametrize("chunk", [0, 1])
def test_the_firmware_is_written_read_back_and_started(name, chunk):
    board = flash.BOARDS[name]
    image = board.image()
    chip = chip_for(board)
    shown = programmed(board, chip, image, chunk=chunk)
    assert chip.flash[: len(image)] == image
    end = -(-len(image) // board.page) * board.page
    assert set(chip.flash[len(image) : end]) <= {0xFF}
    assert set(chip.flash[end:]) == {0x55}
    assert chip.running
    assert shown[-1] == ("verifying", 1.0)
    assert [share for stage, share in shown if stage == "writing"][-1] == 1.0


@pytest.mark.parametrize("name", ["mega", "uno"])
def test_programming_twice_without_a_reset_gives_the_second_image(name):
    board = flash.BOARDS[name]
    chip = chip_for(board)
    programmed(board, chip, bytes(range(256)) * 5)
    programmed(board, chip, bytes(reversed(range(256))) * 3)
    assert chip.flash[: 3 * 256] == bytes(reversed(range(256))) * 3


@pytest.mark.parametrize("name", ["mega", "uno"])
def test_another_processor_is_named_and_nothing_is_written(name):
    board = flash.BOARDS[name]
    chip = chip_for(dataclasses.replace(board, signature=b"\x1e\x97\x03"))
    with pytest.raises(flash.FlashError, match=r"ATmega1280 \(signature 1e 97 03\).*Nothing was"):
        programmed(board, chip, board.image())
    assert chip.writes == 0


def test_an_image_that_would_reach_the_bootloader_is_rejected():
    board = flash.BOARDS["uno"]
    with pytest.raises(flash.FlashError, match="do not fit into the 32256 of a Uno"):
        programmed(board, chip_for(board), bytes(32_257))


@pytest.mark.parametrize("name", ["mega", "uno"])
@pytest.mark.parametrize("place", [0, 127, 128, 700])
def test_a_bit_that_was_written_wrongly_is_found(name, place):
    board = flash.BOARDS[name]
    chip = chip_for(board)
    write = chip.write

    def stuck(address: int, data: bytes) -> None:
        write(address, data)
        chip.flash[place] &= 0xFE

    chip.write = stuck
    with pytest.raises(DamagedError, match=f"byte {place} was read back as 0, expected 255|as 254"):
        programmed(board, chip, b"\xff" * 800)
    assert not chip.running


def test_no_single_damaged_bit_of_a_frame_is_taken_for_an_answer():
    request = flash.BOARDS["mega"].bootloader().greet()
    whole = chip_for(flash.BOARDS["mega"]).answer(request.data)
    assert request.find(b"junk\x1b\x01" + whole) == b"\x08AVRISP_2"
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert request.find(bytes(damaged)) is None


def test_a_frame_with_another_number_is_no_answer():
    bootloader = flash.BOARDS["mega"].bootloader()
    first = chip_for(flash.BOARDS["mega"]).answer(bootloader.greet().data)
    begun = bootloader.begin()
    assert next(begun).find(first) is None


def test_sequence_numbers_begin_with_1_and_skip_0():
    bootloader = flash.BOARDS["mega"].bootloader()
    numbers = [bootloader.greet().data[1], bootloader.greet().data[1]]
    numbers += [next(bootloader.read(0, 256)).data[1] for _ in range(300)]
    assert numbers[:4] == [1, 1, 2, 3]
    assert numbers[254:258] == [254, 255, 1, 2]


def test_a_command_that_the_bootloader_rejects_is_reported():
    board = flash.BOARDS["mega"]
    chip = chip_for(board)

    def failing(asked: bytes) -> bytes:
        answer = bytearray(chip.answer(asked))
        if answer[5] == 0x13:
            answer[6] ^= 0xC0
            answer[-1] ^= 0xC0
        return bytes(answer)

    with pytest.raises(flash.FlashError, match=r"rejects command 0x13 \(status 0xc0\)"):
        programmed(board, chip, board.image(), failing)


def test_fewer_bytes_than_were_asked_for_are_damage_and_not_a_crash():
    board = flash.BOARDS["mega"]
    chip = chip_for(board)
    whole = chip.content

    def short(asked: bytes) -> bytes:
        return whole(asked)[: 80 if asked[0] == 0x14 else None]

    chip.content = short
    with pytest.raises(DamagedError, match="78 bytes were read back at 0, expected 256"):
        programmed(board, chip, board.image())


def test_an_unknown_board_and_a_port_that_is_not_serial_are_explained():
    with pytest.raises(ValueError, match="board 'leonardo', expected one of mega, uno, nano"):
        flash.program("COM3", "leonardo")
    with pytest.raises(flash.FlashError, match="such as COM3, not through sim://"):
        flash.program("sim://smile")


def test_a_hex_file_is_read_with_its_gaps_and_both_kinds_of_base_address():
    assert parse(":0100000041BE\n:0100040042B9\n:00000001FF\n") == b"A\xff\xff\xffB"
    assert parse(":020000021000EC\n:0100000041BE\n:00000001FF")[-2:] == b"\xffA"
    assert len(parse(":020000040001F9\n:0100000041BE\n:00000001FF")) == 0x10001


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (":0100000041BF\n:00000001FF", "line 1 is damaged: wrong checksum"),
        (":0100000041BE", "the end of the file is missing"),
        ("hello", "line 1 is not a record of an Intel HEX file: 'hello'"),
        (":0200000041BE\n", "line 1 is not a record"),
    ],
)
def test_a_damaged_hex_file_is_rejected(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse(text)
