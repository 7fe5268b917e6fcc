"""The pure heart of Chronopolis: events, state, fold, rules and `advance`, the one step.

Nothing here opens a file, a connection or a clock. Start reading at `domain.advance`.
"""
