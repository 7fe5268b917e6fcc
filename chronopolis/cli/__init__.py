"""The command `polis`: one module a group of commands, heavy imports inside them."""
