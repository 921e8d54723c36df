"""Decisions in a real browser: by mouse and by keys, twice clicked, and behind a real login."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pvplan.ledger import DATABASE_URL, Who, open_ledger
from pvplan.reports.output import write_plan
from pvplan.ui import people
from pvplan.ui.words import say
from tests.conftest import ROOT
from tests.plans import toy_plan
from tests.test_browser import PATIENCE_MS, Shown, _wait_until_up, browser, served, visiting
from tests.test_deciding import decidable, places, register_rows

__all__ = ["browser"]  # fixture
pytestmark = pytest.mark.browser
LI = "li@city.example"


@contextmanager
def surroundings(**words: str) -> Iterator[None]:
    """Set variables of the environment that the server is started in."""
    before = {name: os.environ.get(name) for name in words}
    os.environ.update(words)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "l.db"
    with open_ledger(path, create=True) as opened:
        opened.import_rows(register_rows(), Who("importer", "first"))
    return path


@pytest.fixture(scope="module")
def runs_of_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_plan(decidable(toy_plan()), root / "toy")
    return root


@pytest.fixture(scope="module")
def address(runs_of_toy: Path, ledger: Path) -> Iterator[str]:
    with surroundings(**{DATABASE_URL: str(ledger)}), served(runs_of_toy) as found:
        yield found


@pytest.fixture
def shown(browser: Any, address: str) -> Iterator[Shown]:
    with visiting(browser, address) as page:
        yield page


def choose(shown: Shown, label: str, text: str) -> None:
    """Choose in a box by keys alone."""
    box = shown.page.get_by_role("combobox", name=label).last
    box.focus()
    shown.page.keyboard.type(text)
    shown.page.keyboard.press("Enter")
    shown.rest()


def register_list(shown: Shown, language: str) -> None:
    shown.open(f"/work?run=toy&lang={language}", with_map=False)
    shown.page.get_by_text(say("work_register", language), exact=True).click()
    shown.page.get_by_text(say("decide", language), exact=True).wait_for(timeout=PATIENCE_MS)
    shown.settle(with_map=False)


@pytest.mark.parametrize(
    ("language", "system"), [pytest.param("zh", "S001", marks=pytest.mark.long), ("en", "S002")]
)
def test_a_decision_is_written_once_whatever_is_clicked(
    shown: Shown, ledger: Path, language: Any, system: str
) -> None:
    register_list(shown, language)
    choose(shown, say("choose_row", language), system)
    if system == "S002":
        choose(shown, say("park", language), "Lingang")
        choose(shown, say("roof", language), "R0000")
    note = "<img src=x onerror=window.pwned=1>"
    shown.page.get_by_label(say("note", language)).fill(note)
    shown.page.keyboard.press("Tab")
    shown.rest()
    with open_ledger(ledger) as opened:
        before = len(opened.batches())
    shown.page.get_by_role("button", name=say("write", language)).dblclick()
    shown.page.locator(".st-key-written").wait_for(timeout=PATIENCE_MS)
    shown.rest(1500)
    with open_ledger(ledger) as opened:
        batches = opened.batches()
    assert len(batches) == before + 1
    assert batches.iloc[-1]["reason"] == note
    assert [row[0] for row in places(ledger) if row[0] == system] == [system]
    assert shown.page.evaluate("() => window.pwned") is None
    shown.keep(f"decided-{language}")


def test_every_control_of_the_panel_has_a_name(shown: Shown) -> None:
    register_list(shown, "en")
    choose(shown, say("choose_row", "en"), "S001")
    shown.page.get_by_text(say("way_facts", "en"), exact=True).click()
    shown.rest()
    main = shown.page.get_by_test_id("stMain")
    controls = main.locator("input:visible:not([tabindex='-1']), textarea:visible")
    nameless = [
        control.evaluate("element => element.outerHTML.slice(0, 200)")
        for control in controls.all()
        if not control.evaluate(
            """element => element.getAttribute("aria-label") || element.labels?.length
                || element.getAttribute("aria-labelledby")"""
        )
    ]
    assert controls.count() >= 5
    assert nameless == []


# ---- behind a login ------------------------------------------------------------------------------


@contextmanager
def started(runs: Path, port: int) -> Iterator[None]:
    """Serve the app on a port that the secrets know beforehand."""
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT, env={**os.environ, "PVPLAN_RUNS": str(runs)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_up(server, f"http://127.0.0.1:{port}")
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


class Provider(ThreadingHTTPServer):
    """An identity provider of OpenID Connect for one client; whoever comes is ``mail``."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        super().__init__(("127.0.0.1", 0), _Answer)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.mail, self.nonce = LI, ""
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"

    def token(self) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "pvplan", "sub": self.mail, "email": self.mail,
                  "email_verified": True, "iat": now, "exp": now + 600,
                  "nonce": self.nonce}  # fmt: skip
        parts = [_coded(json.dumps(part).encode())
                 for part in ({"alg": "RS256", "typ": "JWT", "kid": "k"}, claims)]  # fmt: skip
        signed = self.key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _coded(signed)])

    def answer(self, path: str) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            return {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                    "response_types_supported": ["code"], "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"]}  # fmt: skip
        if path == "/token":
            return {"access_token": "a", "token_type": "Bearer", "expires_in": 600,
                    "id_token": self.token()}  # fmt: skip
        numbers = self.key.public_key().public_numbers()
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k",
                          "n": _whole(numbers.n), "e": _whole(numbers.e)}]}  # fmt: skip


class _Answer(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if url.path != "/authorize":
            return self._say(self.server.answer(url.path))
        asked = dict(urllib.parse.parse_qsl(url.query))
        self.server.nonce = asked.get("nonce", "")
        back = urllib.parse.urlencode({"code": "c", "state": asked["state"]})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.end_headers()
        return None

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._say(self.server.answer(self.path))

    def log_message(self, *_: Any) -> None:
        pass

    def _say(self, told: dict[str, Any]) -> None:
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _whole(number: int) -> str:
    return _coded(number.to_bytes((number.bit_length() + 7) // 8, "big"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def test_behind_a_login_only_editors_write_and_under_their_address(
    browser: Any, provider: Provider, runs_of_toy: Path, ledger: Path, tmp_path: Path
) -> None:
    table, secrets = tmp_path / "roles.toml", tmp_path / "secrets.toml"
    table.write_text(f'[roles]\n"{LI}" = "viewer"\n', encoding="utf-8")
    where = {DATABASE_URL: str(ledger), people.ROLES_FILE: str(table),
             "STREAMLIT_SECRETS_FILES": str(secrets)}  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = f"http://127.0.0.1:{port}"
    secrets.write_text(
        f'[auth]\nredirect_uri = "{found}/oauth2callback"\ncookie_secret = "{"x" * 40}"\n'
        f'client_id = "pvplan"\nclient_secret = "s"\n'
        f'server_metadata_url = "{provider.issuer}/.well-known/openid-configuration"\n',
        encoding="utf-8",
    )
    with surroundings(**where), started(runs_of_toy, port):
        context = browser.new_context(viewport={"width": 1440, "height": 1100})
        shown = Shown(context.new_page(), found)
        register_list(shown, "en")
        choose(shown, say("choose_row", "en"), "S001")
        shown.page.get_by_text(say("why_log_in", "en")).wait_for(timeout=PATIENCE_MS)
        assert shown.page.get_by_role("button", name=say("write", "en")).count() == 0
        shown.keep("no-permission-en")
        shown.page.locator(".st-key-log-in-side button").click()
        # The provider sends the reader back to the first page, in Chinese.
        shown.page.get_by_text(f"{LI}  ·  {say('role_viewer', 'zh')}").wait_for(timeout=PATIENCE_MS)
        # The table is read at each look: a new role counts at once.
        table.write_text(f'[roles]\n"{LI}" = "editor"\n', encoding="utf-8")
        register_list(shown, "en")
        choose(shown, say("choose_row", "en"), "S001")
        shown.page.get_by_label(say("note", "en")).fill("seen behind the login")
        shown.page.keyboard.press("Tab")
        shown.rest()
        shown.page.get_by_role("button", name=say("write", "en")).click()
        shown.page.locator(".st-key-written").wait_for(timeout=PATIENCE_MS)
        context.close()
    with open_ledger(ledger) as opened:
        last = opened.batches().iloc[-1]
    assert (last["made_by"], last["reason"]) == (LI, "seen behind the login")
