# SPDX-License-Identifier: Apache-2.0
"""Swagger UI in a browser: it shows every route, its examples are answered, also behind a path prefix,
and it asks nobody but the service. Needs Debian's chromium; `make browser`."""
import http.client
import http.server
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))
from browser import CHROMIUM, Browser  # noqa: E402
from service import Client, Service  # noqa: E402

PREFIX = "/qa/classifier-2"


class Proxy(http.server.ThreadingHTTPServer):
    """What stands before the service in QA: it takes the prefix away, and tells nobody."""

    def __init__(self, address):
        self.service = address
        self.strange = []
        super().__init__(("127.0.0.1", 0), Forward)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        if not self.path.startswith(PREFIX + "/"):
            self.server.strange.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection(*self.server.service)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        upstream.request(self.command, self.path[len(PREFIX):], body or None, headers)
        reply = upstream.getresponse()
        data = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("content-length", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


def block(operation):
    return f'document.getElementById("operations-default-{operation}")'


@unittest.skipIf(CHROMIUM is None, "chromium is not installed")
class Apidocs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service("--threads", "2")
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        assert cls.service.stop() == 0

    def try_out(self, operation):
        """Opens an operation, sends its example as it stands, and gives status and body."""
        browser, at = self.browser, block(operation)
        browser.wait_for(f"{at} !== null")
        browser.run(f'{at}.querySelector(".opblock-summary-control").click()')
        browser.wait_for(f'{at}.querySelector("button.execute") !== null')
        # The page is drawn anew as it loads, and a click may meet a button that is about to go.
        browser.wait_for(f'{at}.querySelector(".curl-command, .loading-container") !== null || '
                         f'({at}.querySelector("button.execute").click(), false)')
        status = browser.wait_for(f'(({at}.querySelector(".live-responses-table .response '
                                  '.response-col_status")||{}).innerText||"").trim()')
        body = browser.run(f'({at}.querySelector(".live-responses-table .highlight-code, '
                           '.live-responses-table .microlight")||{}).innerText')
        return status.split()[0], body

    def look(self, base):
        browser = self.browser
        browser.open("about:blank")
        browser.wait_for('location.href === "about:blank" && document.readyState === "complete"')
        browser.urls.clear()
        browser.complaints.clear()
        browser.open(base + "/apidocs/")
        browser.wait_for('document.querySelectorAll(".opblock").length > 0')
        with Client(self.service.address) as client:
            described = client.ask("GET", "/openapi.json").json()["paths"]
        shown = browser.run('[...document.querySelectorAll(".opblock-summary-path")]'
                            '.map(e => e.dataset.path)')
        self.assertEqual(sorted(shown), sorted(path for path, item in described.items()
                                               for _ in item))
        status, body = self.try_out("classify")
        self.assertEqual(status, "200", body)
        self.assertEqual(set(json.loads(body[body.index("{"):body.rindex("}") + 1])),
                         {"predicted_sbr"})
        status, body = self.try_out("classifyMany")
        self.assertEqual(status, "200", body)
        self.assertIn("decision_id", body)
        for operation in ("live", "ready", "metrics", "openapi", "apispec"):
            self.assertEqual(self.try_out(operation)[0], "200", operation)
        self.assertEqual([url for url in browser.urls
                          if not url.startswith((base + "/", "data:", "blob:" + base[:20]))], [])
        self.assertEqual(browser.complaints, [])

    def test_directly(self):
        self.look("http://%s:%d" % self.service.address)

    def test_behind_a_prefix(self):
        proxy = Proxy(self.service.address)
        self.look(f"http://127.0.0.1:{proxy.server_port}{PREFIX}")
        self.browser.open(f"http://127.0.0.1:{proxy.server_port}{PREFIX}/apidocs")
        self.browser.wait_for(f'location.pathname === "{PREFIX}/apidocs/"')
        proxy.shutdown()
        proxy.server_close()
        self.assertEqual([path for path in proxy.strange if path != "/favicon.ico"], [])


if __name__ == "__main__":
    unittest.main()
