"""`emgnb flash` against the bootloaders of real boards, on an emulated one."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from waiting import until

from emgnb import acquire, flash
from emgnb.acquire.ports import emulator
from emgnb.acquire.ports.emulator import Emulator
from emgnb.acquire.wire.frames import Decoder
from emgnb.cli import main
from emgnb.flash._hexfile import parse

HERE = Path(__file__).resolve().parents[2]
CORE = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders")
# Debian's optiboot_atmega328.hex reaches beyond the end of the memory: firmware/Makefile builds it.
BOOT = {
    "mega": CORE / "stk500v2/stk500boot_v2_mega2560.hex",
    "uno": emulator.BUILT / "optiboot.hex",
    "nano-old": CORE / "atmega/ATmegaBOOT_168_atmega328.hex",
    "atmega168": CORE / "optiboot/optiboot_atmega168.hex",
}
CHIP = {name: "mega" if name == "mega" else "uno" for name in BOOT}


@pytest.fixture
def bare(board: Callable[..., Emulator], tmp_path: Path) -> Callable[..., Emulator]:
    """Make a board with a bootloader and no sketch, in real time as bootloaders expect."""

    def make(name: str, **options: object) -> Emulator:
        if not BOOT[name].is_file():
            pytest.skip(f"no {BOOT[name]}: install arduino-core-avr, and run `make emulator`")
        options = {"link": tmp_path / "ttyBOARD", "truth": None} | options
        return board(CHIP[name], boot=BOOT[name], **options)

    return make


def assert_programmed(board: Emulator, name: str) -> None:
    """Compare every byte of the flash memory."""
    memory, image = board.flash(), flash.BOARDS[name].image()
    assert memory[: len(image)] == image
    loader = parse(BOOT[name].read_text())
    begin = next(place for place, byte in enumerate(loader) if byte != 0xFF)
    assert memory[begin : len(loader)] == loader[begin:]
    assert set(memory[len(image) : begin]) == {0xFF}


def greeting(port: str) -> str:
    """What the sketch says after a reset."""
    decoder = Decoder()
    with serial.Serial(port, 500_000, timeout=0.05, exclusive=True) as opened:
        texts: list[str] = []
        until(lambda: texts.extend(decoder.feed(opened.read(4096)).texts) or texts)
        return texts[0]


@pytest.mark.parametrize("name", ["mega", "uno", "nano-old"])
def test_every_byte_is_on_the_board_and_the_sketch_runs(bare, name):
    board = bare(name)
    done = flash.program(board.port, name)
    assert (done.board, done.size) == (name, len(flash.BOARDS[name].image()))
    assert_programmed(board, name)
    title = "Mega 2560" if name == "mega" else "Uno or Nano"
    assert greeting(board.port).startswith(f"emgnb emg_stream 1.0.0, {title}, ")


@pytest.mark.parametrize("name", ["mega", "uno", "nano-old"])
def test_the_kind_of_board_need_not_be_named(bare, name):
    board = bare(name)
    assert flash.program(board.port).board == name
    assert_programmed(board, name)


@pytest.mark.parametrize("name", ["mega", "uno"])
@pytest.mark.parametrize(
    ("stage", "share"), [("writing", 0.0), ("writing", 0.5), ("verifying", 0.0), ("verifying", 0.9)]
)
def test_a_pulled_cable_is_reported_and_programming_can_be_repeated(bare, name, stage, share):
    board = bare(name)
    pulled = []

    def pull(now: str, done: float) -> None:
        if not pulled and now == stage and done >= share:
            pulled.append(done)
            board.do("unplug")

    with pytest.raises(flash.FlashError, match=f"connection was lost while {stage} .* is intact"):
        flash.program(board.port, name, progress=pull)
    with pytest.raises(acquire.PortError, match="Is the board plugged in"):
        flash.program(board.port, name)
    board.do("replug")
    until(lambda: os.path.lexists(board.port))
    flash.program(board.port, name)
    assert_programmed(board, name)
    assert greeting(board.port).startswith("emgnb emg_stream")


@pytest.mark.soak
@pytest.mark.parametrize("name", ["mega", "uno", "nano-old"])
def test_a_cable_pulled_after_any_page_leaves_a_board_that_can_be_programmed(bare, name):
    board = bare(name)
    place = 0
    while True:
        seen = []

        def pull(stage: str, share: float, seen: list = seen, place: int = place) -> None:
            seen.append(share)
            if len(seen) == place + 1:
                board.do("unplug")

        try:
            flash.program(board.port, name, progress=pull)
        except flash.FlashError as error:
            assert "is intact" in str(error)  # noqa: PT017 - the last attempt succeeds
        else:
            assert len(seen) <= place
            break
        board.do("replug")
        until(lambda: os.path.lexists(board.port))
        place += 3
    assert place > 60
    assert_programmed(board, name)


@pytest.mark.parametrize(
    ("name", "said", "advice"),
    [
        ("mega", "uno", "no bootloader of a Uno answers .* a Mega 2560 does: use board 'mega'"),
        ("uno", "mega", "no bootloader of a Mega 2560 answers .* a Uno does: use board 'uno'"),
        ("uno", "nano-old", r"\(57600 baud\), but that of a Uno does: use board 'uno'"),
        ("nano-old", "nano", r"\(115200 baud\), but .* \(old bootloader\) does: use .* 'nano-old'"),
    ],
)
def test_a_wrong_board_and_a_wrong_baud_rate_are_named_and_change_nothing(bare, name, said, advice):
    board = bare(name)
    before = board.flash()
    with pytest.raises(flash.FlashError, match=advice):
        flash.program(board.port, said)
    assert board.flash() == before
    flash.program(board.port, name)
    assert_programmed(board, name)


def test_another_processor_is_named_and_nothing_is_written(bare):
    board = bare("atmega168")
    before = board.flash()
    with pytest.raises(flash.FlashError, match=r"ATmega168 \(signature 1e 94 06\).*Nothing was"):
        flash.program(board.port)
    assert board.flash() == before


def test_damaged_bytes_are_noticed_and_another_attempt_succeeds(bare):
    board = bare("mega", seed=3)
    damaged = []

    def damage(stage: str, share: float) -> None:
        if not damaged and stage == "verifying":
            damaged.append(share)
            board.do("corrupt 0.01")
        elif stage == "writing" and damaged:
            board.do("corrupt 0")

    flash.program(board.port, "mega", progress=damage)
    assert board.report()["damaged"] > 0
    assert_programmed(board, "mega")


def test_a_port_where_nobody_answers_is_explained():
    master, slave = pty.openpty()
    try:
        with pytest.raises(flash.FlashError, match="no bootloader answers at /dev/pts"):
            flash.program(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_the_command_programs_and_checks_the_board(bare, capsys):
    board = bare("mega")
    assert main(["flash", str(board.port)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Mega 2560: {len(flash.BOARDS['mega'].image())} bytes written and veri")
    assert "firmware  emgnb emg_stream 1.0.0, Mega 2560" in said
    assert "the board works" in said
    assert main(["flash", str(board.port), "--board", "uno"]) == 2
    assert "no bootloader of a" in capsys.readouterr().err


def test_the_hex_files_in_the_package_are_those_of_the_sketch(tmp_path):
    if problem := emulator.missing():
        pytest.skip(problem)
    built = subprocess.run(["avr-gcc", "--version"], capture_output=True, text=True, check=True)
    package = HERE / "emgnb" / "flash"
    if built.stdout.splitlines()[0] != (package / "compiler.txt").read_text().strip():
        pytest.skip("built with another avr-gcc: the bytes may differ")
    targets = [tmp_path / "mega.hex", tmp_path / "uno.hex"]
    subprocess.run(
        ["make", "-s", "-C", str(HERE / "firmware"), f"BUILD={tmp_path}", *map(str, targets)],
        check=True,
    )
    for target in targets:
        assert (package / target.name).read_text().split() == target.read_text().split()
    assert sum(each.stat().st_size for each in package.glob("*.hex")) < 100_000
