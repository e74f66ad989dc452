# SPDX-License-Identifier: Apache-2.0
"""/apidocs/ and the descriptions on the wire: compressed, kept, locked down, and right behind a prefix."""
import gzip
import os
import re
import unittest
from urllib.parse import urljoin

from service import Client, Service

BIG = "/apidocs/swagger-ui-bundle.js"


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        with Client(cls.service.address) as client:
            cls.have_ui = client.ask("GET", BIG).status == 200

    @classmethod
    def tearDownClass(cls):
        assert cls.service.stop() == 0

    def get(self, path, *headers, method="GET"):
        with Client(self.service.address) as client:
            return client.ask(method, path, headers=headers)

    def test_the_page_names_only_what_is_there(self):
        page = self.get("/apidocs/")
        self.assertEqual((page.status, page.headers["content-type"]),
                         (200, "text/html; charset=utf-8"))
        names = re.findall(rb'(?:src|href)="([^"]+)"', page.body)
        self.assertGreater(len(names), 2)
        for name in names:
            self.assertNotRegex(name, rb"^(/|[a-z]+:)")
            path = "/apidocs/" + name.decode()
            path = path.replace("/apidocs/../", "/")
            self.assertEqual(self.get(path).status, 200, path)

    def test_nothing_foreign_may_run(self):
        policy = self.get("/apidocs/").headers["content-security-policy"].split("; ")
        self.assertIn("default-src 'none'", policy)
        self.assertIn("script-src 'self'", policy)
        self.assertNotIn("unsafe", " ".join(policy))
        self.assertNotIn(b"<script>", self.get("/apidocs/").body)
        self.assertNotRegex(self.get("/apidocs/").body, rb"\son[a-z]+=")
        for path in ("/apidocs/", "/apidocs/page.css"):
            self.assertEqual(self.get(path).headers["x-content-type-options"], "nosniff")

    def test_compressed_for_whom_takes_it(self):
        if not self.have_ui:
            self.skipTest("built without Swagger UI")
        for accepted in ([], ["Accept-Encoding: gzip"], ["Accept-Encoding: deflate, GZIP;q=0.5"],
                         ["Accept-Encoding: br, *"], ["Accept-Encoding: gzip;q=1.0,identity;q=0"]):
            reply = self.get(BIG, *accepted)
            self.assertEqual((reply.status, reply.headers["content-encoding"],
                              reply.headers["vary"]), (200, "gzip", "Accept-Encoding"))
            self.assertIn(b"SwaggerUIBundle", gzip.decompress(reply.body))
        for refused in ("identity", "gzip;q=0", "*;q=0", "gzip;q=0.0, *", "", "xgzip", "br"):
            reply = self.get(BIG, "Accept-Encoding: " + refused)
            self.assertEqual(reply.status, 406, refused)
            self.assertEqual(reply.json()["type"], "/problems/not-acceptable")
        self.assertIn("406", self.get("/openapi.json").json()["paths"]["/apidocs/"]["get"]["responses"])
        self.assertNotIn("content-encoding", self.get("/apidocs/").headers)

    def test_kept_until_it_changes(self):
        for path in ("/apidocs/", "/apidocs/page.css", "/openapi.json", "/apispec_1.json"):
            first = self.get(path)
            tag = first.headers["etag"]
            self.assertEqual(first.headers["cache-control"], "no-cache")
            for known in (tag, "W/" + tag, '"x", ' + tag, "*"):
                reply = self.get(path, "If-None-Match: " + known)
                self.assertEqual((reply.status, reply.body), (304, b""), known)
                self.assertEqual(reply.headers["etag"], tag)
            self.assertEqual(self.get(path, 'If-None-Match: "x"').body, first.body)
            self.assertEqual(self.get(path, method="HEAD").headers["etag"], tag)
        with Client(self.service.address) as client:  # and the connection goes on
            for _ in range(3):
                self.assertEqual(client.ask("GET", "/apidocs/", headers=["If-None-Match: *"]).status,
                                 304)
                self.assertEqual(client.ask("GET", "/apidocs/").status, 200)

    def test_where_the_clients_of_flasgger_look(self):
        moved = {"/apidocs": 308, "/apidocs/index.html": 302, "/oauth2-redirect.html": 302}
        files = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
        for path, status in {**moved, **{"/flasgger_static/" + name: 302 for name in files}}.items():
            for method in ("GET", "HEAD"):
                reply = self.get(path, method=method)
                self.assertEqual((reply.status, reply.body), (status, b""), path)
            self.assertNotRegex(reply.headers["location"], "^/|:")  # right behind a prefix, too
            target = urljoin(path, reply.headers["location"])
            wanted = "/apidocs/" if path in moved else "/apidocs/" + os.path.basename(path)
            self.assertEqual(target, wanted)
            if self.have_ui or path in moved:
                self.assertEqual(self.get(target, "Accept-Encoding: gzip").status, 200)
            reply = self.get(path, method="POST")
            self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET, HEAD, OPTIONS"))
            reply = self.get(path, method="OPTIONS")
            self.assertEqual((reply.status, reply.headers["allow"]), (200, "GET, HEAD, OPTIONS"))
        with Client(self.service.address) as client:  # and the connection goes on
            for _ in range(3):
                self.assertEqual(client.ask("GET", "/apidocs").status, 308)

    def test_other_paths_and_methods(self):
        for path in ("/apidocs/none", "/apidocs//", "/apidocs/../openapi.json", "/apidocs/%2e%2e/x",
                     "/apidocs/page.css/", "/apidocs/page.css%00", "/flasgger_static/",
                     "/flasgger_static/lib/jquery.min.js"):
            self.assertEqual(self.get(path).status, 404, path)
        self.assertEqual(self.get("/apidocs/page.css", method="POST").status, 405)

    def test_both_descriptions(self):
        openapi, swagger = self.get("/openapi.json").json(), self.get("/apispec_1.json").json()
        self.assertEqual((openapi["openapi"], swagger["swagger"]), ("3.1.0", "2.0"))
        self.assertEqual(set(openapi["paths"]), set(swagger["paths"]))
        self.assertEqual(openapi["servers"], [{"url": "."}])
        self.assertEqual(set(swagger["definitions"]), set(openapi["components"]["schemas"]))
        self.assertEqual(swagger["definitions"]["Case"]["properties"].keys(),
                         openapi["components"]["schemas"]["Case"]["properties"].keys())


if __name__ == "__main__":
    unittest.main()
