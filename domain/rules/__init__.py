"""The reflex rules: what every agent does each tick under its intention. Compiled, without chance of order.

`choose` reads the state of the tick's beginning and plans one action for each agent; `meet` pairs
agents up, `gather` shares out stocks, `birth` gives away the free homes; `emit` writes it all down
as events. Where agents want the same thing, a fresh draw each tick says who comes first.
"""
