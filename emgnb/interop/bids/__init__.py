"""Write and read data sets in EMG-BIDS (BIDS 1.11)."""

from emgnb.interop.bids.read import read_bids
from emgnb.interop.bids.write import write_bids

__all__ = ["read_bids", "write_bids"]
