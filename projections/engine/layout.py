"""The tables that the projector writes into: those that are pointed to when it takes the lease.

The layout's number rises with every swap, and the checkpoint moves only under the number that the
writer knows: nothing is written into a table that was left.
"""

from __future__ import annotations

from projections.engine.log import Connection
from read_model.layout import POINTERS, Layout


def read_layout(connection: Connection) -> Layout:
    """The pointers as they are now."""
    [row] = connection.execute(POINTERS).fetchall()
    return Layout(*row)
