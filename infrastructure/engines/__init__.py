"""Language models behind the `Engine` port: one client, and the servers that `polis` supervises itself."""
