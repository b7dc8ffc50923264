"""Results of a profile in which nothing was run, for tests of one part of them."""

from mner.evaluation.error_results import AuditResults, ErrorResults

NO_ERRORS = ErrorResults("empty", (), {})
NO_AUDIT = AuditResults("empty", {}, ())
