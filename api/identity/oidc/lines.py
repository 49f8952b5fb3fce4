"""Keeps every organization in a line of its own."""

from __future__ import annotations

import asyncio
from uuid import UUID
from weakref import WeakValueDictionary


class Lines:
    """Of each organization `at_once` are served; its others wait behind them."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        # Each lasts as long as somebody is served or waits in it.
        self._of: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, organization: UUID) -> asyncio.Semaphore:
        return self._of.setdefault(organization, asyncio.Semaphore(self._at_once))
