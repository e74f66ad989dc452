# SPDX-License-Identifier: Apache-2.0
"""What a fault and a signal do: the tests of the service again, as often as asked."""
import re
import unittest

import full  # noqa: F401  (finds tests/service)
import batch_test
import stop_test
import truth_test


def _again(tests, times):
    """All of them so often; (how many ran, those that failed)."""
    ran, failed = 0, []
    for _ in range(times):
        for kind, name in tests:
            result = unittest.TestResult()
            kind(name).run(result)
            ran += result.testsRun
            failed += [re.sub(r"\s+", " ", text)[-200:] for _, text in result.errors + result.failures]
    return ran, failed


def _told(ran, failed, what):
    return f"{ran} times: {what}" if not failed else f"{len(failed)} of {ran} failed: {failed[0]}", not failed


def fault(times):
    tests = [(truth_test.Truth, f"test_{place}") for place in ("the_linear_member", "ulmfit", "the_tokenizer")]
    return _told(*_again(tests, times), "ready 503, live 200, no watchdog for ten periods; cured: ready and fed")


def drain(times):
    tests = [(stop_test.Stop, "test_sigterm_under_load"), (stop_test.Stop, "test_sigterm_under_load_on_kept_connections"),
             (batch_test.Batch, "test_sigterm_under_load_loses_nothing")]
    return _told(*_again(tests, times), "three SIGTERM each, nothing lost, exit status 0 within the drain time")
