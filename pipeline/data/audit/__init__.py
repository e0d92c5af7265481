"""Leaks, groups, doubles and drift."""

from pipeline.data.audit.audit import Audit, audit
from pipeline.data.audit.findings import Finding, determines, findings
from pipeline.data.audit.page import as_dict, page

__all__ = ["Audit", "Finding", "as_dict", "audit", "determines", "findings", "page"]
