"""What a test leaves running is found, ended, and in no later test's way."""

from leftovers import end, recorders_below

from emgnb import acquire


def test_a_recorder_that_was_left_running_is_named_and_ended(tmp_path):
    recorder = acquire.start("sim://rest?seed=1&channels=2", tmp_path)
    (left,) = found = recorders_below(str(tmp_path))
    assert left.pid == recorder.health().pid
    (told,) = end(found)
    assert str(recorder.folder) in told
    assert recorders_below(str(tmp_path)) == []
    assert not recorder.health().is_alive
