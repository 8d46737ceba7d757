"""Read recordings of other programs and boards as sessions."""

from emgnb.interop.imported.files import RECORDING_FORMATS, read_recording

__all__ = ["RECORDING_FORMATS", "read_recording"]
