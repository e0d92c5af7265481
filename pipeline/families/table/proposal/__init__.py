"""Propose configs for an unknown table; doubtful choices are measured on a sample of its rows."""

from pipeline.families.table.proposal.proposer import TableProposer

__all__ = ["TableProposer"]
