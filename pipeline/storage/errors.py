"""Errors that the user can fix; they are shown as one message, without a traceback."""


class PipelineError(Exception):
    """The base of every error whose message says what is wrong, what was received and what to do next."""
