"""Errors that a user can mend: shown as one message, without a traceback."""


class PipelineError(Exception):
    """Root of every error whose text says what was wrong, what was received and what to do next."""
