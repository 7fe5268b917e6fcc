"""The server behind `polis debug`: the HTTP API (`server.py`), and the pages of the debugger on top of it."""
