"""Audit a split table for leaks, groups, duplicate rows and drift."""

from pipeline.families.table.data.audit.audit import Audit, audit
from pipeline.families.table.data.audit.findings import Finding, determines, findings
from pipeline.families.table.data.audit.page import as_dict, page

__all__ = ["Audit", "Finding", "as_dict", "audit", "determines", "findings", "page"]
