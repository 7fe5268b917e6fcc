"""Asking memory ahead: what lets a large society take hardly longer an agent than a small one.

The columns of 250,000 agents and of a million cells are far larger than any cache, and an agent's cell, friends and
partner lie anywhere in them. A loop that asks for what it will need some rows later waits for many places at once
instead of for one after the other. Nothing that is decided depends on it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from domain._jit import inline

FAR = 8_192
"""Room for rows beyond which the columns no longer lie in a core's own caches."""
_STREAM = 32
"""How many rows ahead columns are asked for that are read in order."""


def prefetch(columns: Any, *place: int) -> None:
    """Have the processor fetch ``columns[place]``, without waiting for it; a place outside does nothing."""


@intrinsic
def _prefetch(typing_context: Any, columns: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, indices = signature.args
        array = context.make_array(kind)(context, builder, arguments[0])
        values = cgutils.unpack_tuple(builder, arguments[1], indices.count)
        where = [context.cast(builder, value, given, types.intp) for value, given in zip(values, indices, strict=True)]
        pointer = cgutils.get_item_pointer(context, builder, kind, array, where)
        i32 = ir.IntType(32)
        takes = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i32, i32, i32])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], takes)
        builder.call(ask, [builder.bitcast(pointer, cgutils.voidptr_t), i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(columns, place), generate


@overload(prefetch)
def _prefetch_overload(columns, *place):  # type: ignore[no-untyped-def]
    return lambda columns, *place: _prefetch(columns, place)  # type: ignore[call-arg]


@inline
def ask_ahead(columns, first, last, row, end):  # type: ignore[no-untyped-def]
    """Have columns first … last-1 fetched for a row some way ahead, before `end`: once for each line of eight rows.

    A processor follows some two dozen sequences by itself, no more: docs/decisions/0014 has a trial.
    """
    if row & 7 == 0:
        for k in range(first, last):
            prefetch(columns, k, min(row + _STREAM, end - 1))
